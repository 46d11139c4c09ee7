package hub

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// inspect inspects one scripted server, and wants no process of it to be left.
func inspect(t *testing.T, ctx context.Context, o mcptest.Server) (*config.Server, *catalog.Snapshot, error) {
	t.Helper()
	o.Mark = t.Name()
	command, args, env := mcptest.Command(o)
	text, err := json.Marshal(map[string]any{"mcpServers": map[string]any{"one": map[string]any{"command": command, "args": args, "env": env}}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse(filepath.Join(t.TempDir(), "config.json"), text)
	if err != nil || len(c.Problems) > 0 {
		t.Fatal(err, c)
	}
	s := c.Server("one")
	live, err := Inspect(ctx, s, InspectOptions{Workspace: t.TempDir(), Environ: os.Environ(), Version: "test", Log: zerolog.Nop()})
	if pids := mcptest.ProcessesWithEnv(o.Mark); len(pids) > 0 {
		t.Errorf("left behind: %v", pids)
	}
	return s, live, err
}

// What is offered only to clients that can do all is seen, too, and the question for roots is answered.
func TestInspectSeesAll(t *testing.T) {
	s, live, err := inspect(t, t.Context(), mcptest.Server{Instructions: "be brief", CapabilityTools: true, Tools: 30, PageSize: 7})
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Join(live.IDs(catalog.Tools), " ")
	for _, want := range []string{"tool_00030", "sample", "elicit", "roots"} {
		if !strings.Contains(names, want) {
			t.Errorf("%s is not among %s", want, names)
		}
	}
	if live.Launch != s.LaunchKey() || live.Instructions != "be brief" || len(live.Items[catalog.Prompts]) == 0 || len(live.Items[catalog.Templates]) == 0 {
		t.Errorf("%+v", live)
	}
}

func TestInspectTellsWhyNot(t *testing.T) {
	_, live, err := inspect(t, t.Context(), mcptest.Server{Faults: []mcptest.Fault{mcptest.FaultExitAtStart}, ExitCode: 3, StderrText: "no \x1b[31mdatabase"})
	if live != nil || err == nil || !strings.Contains(err.Error(), "status 3") || !strings.Contains(err.Error(), "database") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("Inspect() = %v, %v", live, err)
	}
	_, live, err = inspect(t, t.Context(), mcptest.Server{ExitAfterInit: time.Millisecond, ListDelay: time.Minute, StderrText: "gone"})
	if live != nil || err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("Inspect() = %v, %v", live, err)
	}
}

func TestInspectEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	from := time.Now()
	_, live, err := inspect(t, ctx, mcptest.Server{InitDelay: time.Minute})
	if live != nil || !errors.Is(err, context.DeadlineExceeded) || mcptest.TooLong(time.Since(from), 10*time.Second) {
		t.Errorf("Inspect() = %v, %v after %s", live, err, time.Since(from))
	}
}

// A person is asked before a held server is started, unless it can reach nothing then.
func TestAskBeforeInspection(t *testing.T) {
	for entry, want := range map[string]bool{
		`{"command":"x"}`: true,
		`{"command":"x","isolation":{"type":"none"}}`:                                               true,
		`{"command":"x","isolation":{"type":"docker","image":"i"}}`:                                 true,
		`{"command":"x","isolation":{"type":"docker","image":"i","pull":"never"}}`:                  false,
		`{"command":"node","isolation":{"type":"docker"}}`:                                          false,
		`{"command":"node","isolation":{"type":"auto","image":"i"}}`:                                true,
		`{"command":"x","isolation":{"type":"sandbox"}}`:                                            false,
		`{"command":"npx","args":["-y","p"],"isolation":{"type":"docker"}}`:                         true,
		`{"command":"npx","args":["-y","p"],"isolation":{"type":"docker","network":"none"}}`:        false,
		`{"command":"x","isolation":{"type":"docker","image":"i","docker_host":"ssh://elsewhere"}}`: true,
		`{"command":"docker","args":["run","-i","i"],"isolation":{"type":"docker","image":"i"}}`:    true,
		`{"url":"https://h/p"}`: true,
	} {
		c, err := config.Parse("/c.json", []byte(`{"mcpServers":{"s":`+entry+`}}`))
		if err != nil || c.Server("s").Refused != "" {
			t.Fatal(entry, err, c.Problems)
		}
		if AskBeforeInspection(c.Server("s")) != want {
			t.Error(entry)
		}
		if (HowInspected(c.Server("s")) == "") == c.Server("s").Isolation.Confined() {
			t.Errorf("%s: %q", entry, HowInspected(c.Server("s")))
		}
	}
}
