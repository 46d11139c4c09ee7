//go:build !windows

package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// One question covers a file that is not taken for the person's own: it names the file and the reason, and shows every launch.
func TestApproveAll(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	flagged := server(clean(0))
	flagged["quarantined"] = true
	p.write("config.json", map[string]any{"one": server(clean(0)), "two": map[string]any{"command": "second-program", "args": []string{"x\x1b[2J"}},
		"flagged": flagged, "refused": server(clean(0))})
	p.write(proposed, map[string]any{"theirs": server(clean(0))})
	c, err := config.Load(p.path("config.json"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := p.book().Key()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.book().TakeBaseline(c.Keyed(key), quarantine.MissingFile); err != nil {
		t.Fatal(err)
	}
	if _, err := p.book().Update(c.Path, "refused", func(r *quarantine.Record) error { r.Reject(quarantine.Means{}); return nil }); err != nil {
		t.Fatal(err)
	}
	out, _, _ := p.piped(nil, "review")
	if !strings.Contains(strings.Join(strings.Fields(out), " "), quarantine.MissingFile) || !strings.Contains(out, "approve --all") {
		t.Errorf("review shows\n%s", out)
	}
	if _, errs, code := p.piped(nil, "approve", "--all"); code == 0 {
		t.Errorf("approved without a terminal: %s", errs)
	}
	if _, errs, code := p.piped(nil, "approve", "--all", "one"); code != ExitUsage || !strings.Contains(errs, "alone") {
		t.Errorf("%d %s", code, errs)
	}
	s := p.open(nil, "approve", "--all")
	s.answer("to approve 2 servers", "yes\n")
	text := s.end(1)
	for _, want := range []string{"config.json", quarantine.MissingFile, "one", "second-program", "review each: ", "flagged", "refused", notChanged} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("%q is not shown:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b[2J") || strings.Contains(text, "theirs") {
		t.Errorf("shown:\n%q", text)
	}
	p.wantState("config.json", "one", quarantine.HeldLaunch)
	s = p.open(nil, "approve", "--all")
	s.answer("to approve 2 servers", "all #\n")
	s.end(0)
	for name, want := range map[string]quarantine.State{"one": quarantine.Approved, "two": quarantine.Approved, "flagged": quarantine.HeldLaunch, "refused": quarantine.HeldLaunch} {
		p.wantState("config.json", name, want)
	}
	p.wantState(proposed, "theirs", quarantine.HeldLaunch)
	if out, _, _ := p.piped(nil, "review"); strings.Contains(out, "--all") {
		t.Errorf("it waits still:\n%s", out)
	}
	if out, _, code := p.piped(nil, "approvals", "--verify"); code != 0 {
		t.Errorf("%d %s", code, out)
	}
	if err := os.WriteFile(p.path("state/mcpproxy-stdio/approvals.log"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, code := p.piped(nil, "approvals", "--verify"); code != ExitProblems || !strings.Contains(out, "entries were removed") || !strings.Contains(errs, "review") {
		t.Errorf("%d %s %s", code, out, errs)
	}
}
