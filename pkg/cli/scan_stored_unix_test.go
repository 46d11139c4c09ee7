//go:build unix

package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// What an inspection found is scanned before it is approved: that is when it matters.
func TestScanOfWhatWaits(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.write("config.json", map[string]any{"held": server(mcptest.Server{Name: "held"})})
	s, _ := p.entry("config.json", "held")
	if _, err := p.book().Update(s.Path, s.Name, func(r *quarantine.Record) error { r.Hold(); return nil }); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := p.piped(nil, "scan", "held"); code != ExitFailed || !strings.Contains(stderr, "nothing is recorded of it; approve it") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	live := &catalog.Snapshot{Launch: s.LaunchKey(), Instructions: "Be brief."}
	live.Items[catalog.Tools] = [][]byte{[]byte(`{"name":"a","description":"hidden \u001b[8m text"}`), []byte(`{"name":"b"}`)}
	judge := func(quarantine.Item) scan.Severity { return scan.Info }
	if _, err := p.book().Update(s.Path, s.Name, func(r *quarantine.Record) error {
		if _, err := r.Approve(s, r.Proposal(s).Digest, quarantine.Means{How: "test"}, judge); err != nil {
			return err
		}
		r.Learn(s, live, quarantine.Whole, false, judge)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := p.piped(nil, "scan", "held", "--json")
	if code != ExitProblems || !strings.Contains(stdout, `"terminal-escape"`) || !json.Valid([]byte(stdout)) {
		t.Errorf("exit %d, %s, %s", code, stdout, stderr)
	}
}
