package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// How a server last fared is shown where that counts: not of one that is disabled.
func TestServersShowsTheLastFailure(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		lately  hub.Lately
		enabled bool
		state   string
		shows   string // below the table; "": nothing
	}{
		{hub.Lately{}, true, stateEnabled, ""},
		{hub.Lately{State: "failed", Why: "it ended with exit status 3\n> boom\x1b[31m", Since: time.Now().Add(-2 * time.Hour)}, true, stateFailed,
			"  my server, 2 h ago: it ended with exit status 3\n  > boom\\u001b[31m\n"},
		{hub.Lately{State: "failed", Why: `server "my server" while it was starting: no`, Since: time.Now().Add(-50 * time.Hour)}, true, stateFailed,
			"  my server, 2 days ago: while it was starting: no\n"},
		{hub.Lately{State: "needs_login", Why: "x", Since: time.Now()}, true, stateEnabled,
			"  my server: it needed a login when it last ran: mcpproxy-stdio login 'my server'\n"},
		{hub.Lately{State: "failed", Why: "x", Since: time.Now()}, false, stateDisabled, ""},
	} {
		s := &config.Server{Name: "my server", Protocol: config.ProtocolStdio, Command: "x", Path: "/c", Enabled: tt.enabled}
		e := &admin.Entry{Server: hub.Server{Written: s, Effective: s, Recorded: hub.Recorded{Record: &quarantine.Record{}}, Lately: tt.lately}}
		seen := describe(admin.New(zerolog.Nop()).Status(&admin.Actor{}, e))
		seen.status = seen.State
		var out bytes.Buffer
		(&printer{w: &out}).servers([]seenServer{seen})
		_, below, _ := strings.Cut(out.String(), "\n\n")
		if seen.State != tt.state || below != tt.shows || !strings.Contains(out.String(), tt.state+"\n") {
			t.Errorf("%+v: %s, and\n%s", tt.lately, seen.State, out.String())
		}
	}
}
