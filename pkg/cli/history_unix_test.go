//go:build !windows

package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// A server that changes: what differs waits, is shown as a difference, is one question, and stays in the history.
func TestChangesOfAnApprovedServer(t *testing.T) {
	t.Parallel()
	tool := func(text, schema string) string {
		return `{"name":"find","description":"` + text + `","inputSchema":{"type":"object","properties":{"` + schema + `":{"type":"string"}}}}`
	}
	p := workshop(t, mcptest.Server{Builtins: []string{"echo"}, ExtraTools: raws(tool("Finds notes", "query"))})
	s := p.open(nil, "approve", "tools")
	s.answer(askStart, "tools #\n")
	s.answer(askServer, "tools #\n")
	s.end(0)

	entry, r := p.entry(proposed, "tools")
	live := *r.Snapshot()
	live.Items[catalog.Tools] = [][]byte{live.Items[catalog.Tools][0], []byte(tool("Finds notes", "path")), []byte(`{"name":"drop","inputSchema":{"type":"object"}}`)}
	live.Taken = time.Now()
	if _, err := p.book().Update(entry.Path, "tools", func(r *quarantine.Record) error {
		r.Learn(entry, &live, quarantine.Whole, false, nothingFound)
		return nil
	}); err != nil {
		t.Fatal(err)
	}

	if out, _, _ := p.piped(nil, "servers"); !strings.Contains(out, "2 to review") {
		t.Errorf("servers shows\n%s", out)
	}
	if out, _, _ := p.piped(nil, "review"); !strings.Contains(out, "1 new, 1 changed") {
		t.Errorf("review shows\n%s", out)
	}
	out, _, _ := p.piped(nil, "review", "tools", "--texts")
	for _, want := range []string{"tool find – held: removed parameter query, new optional parameter path", `-      "query": {`, `+      "path": {`, "tool drop – new", "Already approved (--all shows them): ", "tool echo"} {
		if !strings.Contains(out, want) {
			t.Errorf("review lacks %q:\n%s", want, out)
		}
	}
	s = p.open(nil, "approve", "tools")
	s.answer("to approve these changes", "tools #\n")
	s.end(0)
	if _, r := p.entry(proposed, "tools"); r.Pending(entry) != 0 || len(r.Snapshot().Items[catalog.Tools]) != 3 {
		t.Errorf("%d wait, %d tools", r.Pending(entry), len(r.Snapshot().Items[catalog.Tools]))
	}

	out, _, _ = p.piped(nil, "history", "tools")
	if strings.Contains(out, "Gives the message back") || !strings.Contains(out, `+      "path": {`) {
		t.Errorf("history shows\n%s", out)
	}
	out, _, _ = p.piped(nil, "history", "tools", "find")
	if !strings.Contains(out, `    "description": "Finds notes"`) || strings.Contains(out, "drop") || strings.Count(out, "approve by terminal") != 2 {
		t.Errorf("history of one tool shows\n%s", out)
	}
}
