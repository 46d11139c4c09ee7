//go:build !windows

package cli

import (
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// What a person enables on a terminal is not held, whether they disabled it, a script did, or a file was edited to enable it; what a person
// disables no script enables.
func TestEnableOnATerminal(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	entry := func(enabled bool) map[string]any {
		return map[string]any{"command": "mcpproxy-stdio", "args": []string{"demo-server", "notes"}, "enabled": enabled}
	}
	p.write("config.json", map[string]any{"mine": entry(false), "scripts": entry(true), "edited": entry(false)})
	if _, stderr, code := p.piped(nil, "disable", "scripts"); code != 0 {
		t.Fatal(stderr)
	}
	p.write("config.json", map[string]any{"mine": entry(false), "scripts": entry(false), "edited": entry(true)})
	if out, _, _ := p.piped(nil, "servers"); !strings.Contains(out, "edited") || strings.Count(out, "enabled") != 0 {
		t.Errorf("before:\n%s", out)
	}
	if _, stderr, code := p.piped(nil, "enable", "edited"); code != 1 || !strings.Contains(stderr, "only a person can enable it") {
		t.Errorf("a script: %d, %s", code, stderr)
	}
	for _, name := range []string{"mine", "scripts", "edited"} {
		on := p.open(nil, "enable", name)
		on.answer("to enable it", name+" #\n")
		if text := on.end(0); !strings.Contains(text, "Enabled "+name+". Open sessions have it now.") {
			t.Errorf("the terminal shows\n%s", text)
		}
		p.wantState("config.json", name, quarantine.Approved)
	}
	if out, _, _ := p.piped(nil, "servers"); strings.Count(out, "enabled") != 3 {
		t.Errorf("after:\n%s", out)
	}
	p.open(nil, "disable", "scripts").end(0)
	if _, stderr, code := p.piped(nil, "enable", "scripts"); code != 1 || !strings.Contains(stderr, "only a person can enable it") {
		t.Errorf("a script: %d, %s", code, stderr)
	}
}
