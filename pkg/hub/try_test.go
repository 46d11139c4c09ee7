package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// One server is tried: new or known, it is started each time, and nothing else is; what is not approved is not asked anything.
func TestTry(t *testing.T) {
	mcptest.CheckGoroutines(t)
	good, other := newMoody(t), newMoody(t)
	good.offer("k", "a", "b")
	other.offer("k", "o")
	servers := map[string]json.RawMessage{
		"gone": json.RawMessage(`{"command":"no-such-program-here"}`),
		"held": json.RawMessage(fmt.Sprintf(`{"url":%q,"quarantined":true}`, other.URL)),
		"off":  json.RawMessage(fmt.Sprintf(`{"url":%q,"enabled":false}`, other.URL)),
		"slow": mcptest.Entry(mcptest.Server{Name: "slow", Faults: []mcptest.Fault{mcptest.FaultHangInitialize}}, nil),
	}
	for name, m := range map[string]*moody{"good": good, "other": other} {
		servers[name] = json.RawMessage(fmt.Sprintf(`{"url":%q,"headers":{"X-Key":"k"},"start":"eager"}`, m.URL))
	}
	h := newHub(t, servers)
	h.Close()
	try := func(ctx context.Context, name string) (*catalog.Snapshot, error) {
		return Try(ctx, Options{ConfigPath: h.opts.ConfigPath, Store: h.opts.Store, Version: "test", Log: zerolog.Nop()}, session.Options{Environ: os.Environ(), Log: zerolog.Nop()}, name)
	}
	for n := range 3 {
		before := good.asked()
		live, err := try(t.Context(), "good")
		if err != nil || len(live.Items[catalog.Tools]) != 2 || good.asked() == before {
			t.Errorf("time %d: %v, %v, asked %d times", n, live, err, good.asked()-before)
		}
	}
	good.say(`,"error":{"code":-32603,"message":"database is locked"}`)
	for name, want := range map[string]string{"good": "database is locked", "gone": "no-such-program-here", "held": "quarantine", "off": "it is disabled", "unknown": "was not started"} {
		for range 2 {
			if _, err := try(t.Context(), name); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
	}
	if n := other.asked(); n != 0 {
		t.Errorf("servers that were not to be started were asked %d times", n)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := try(ctx, "slow"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
