//go:build !windows

package cli

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// What a person adds is their own; what appears in the file later is not.
func TestAddOnATerminalIsOwn(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"", "{ // mine\n}\n", `{ "mcpServers": [ { "name": "old", "protocol": "stdio", "command": "x" } ] } // end`} {
		t.Run(before, func(t *testing.T) { addOwn(newPlace(t), before) })
	}
}

func addOwn(p *place, before string) {
	t := p.t
	if before != "" {
		if err := os.WriteFile(p.path("config.json"), []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	on := p.open(nil, "add", "notes", "--env", "NOTES_TOKEN=abc", "--start", "eager", "--", "mcpproxy-stdio", "demo-server", "notes")
	on.answer(askTrust, "notes #\n")
	text := on.end(0)
	if !strings.Contains(text, "looks like a secret") || !strings.Contains(text, "mcpproxy-stdio secret set notes.NOTES_TOKEN") {
		t.Errorf("the terminal shows\n%s", text)
	}
	p.wantState("config.json", "notes", quarantine.Approved)
	s, r := p.entry("config.json", "notes")
	if snapshot := r.Snapshot(); r.First || snapshot == nil || len(snapshot.Items[catalog.Tools]) == 0 || !strings.Contains(text, "notes: ") || !strings.Contains(text, " tools") {
		t.Errorf("it was not looked at: %+v; the terminal shows\n%s", r, text)
	}
	if s.Start != "eager" || strings.Join(s.Args, " ") != "demo-server notes" || len(s.Env) != 1 {
		t.Errorf("%+v, %+v", s, r)
	}
	data, _ := os.ReadFile(p.path("config.json"))
	if strings.Contains(before, "// mine") && !strings.Contains(string(data), "// mine") || strings.Contains(before, "// end") && !strings.Contains(string(data), "// end") {
		t.Errorf("comments are lost:\n%s", data)
	}
	if strings.Contains(before, `"old"`) {
		p.wantState("config.json", "old", quarantine.Approved) // of the first run, which this was
	}
	// An agent edits the file: neither another launch under the name nor another entry is the person's.
	for _, edited := range []string{strings.Replace(string(data), `"notes"]`, `"clock"]`, 1), strings.Replace(string(data), `"name": "notes"`, `"name": "sneaky"`, 1)} {
		if edited == string(data) {
			t.Fatalf("nothing to edit in\n%s", data)
		}
		if err := os.WriteFile(p.path("config.json"), []byte(edited), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, _, _ := p.piped(nil, "servers"); !strings.Contains(out, "held, not run") {
			t.Errorf("after an edit by another:\n%s", out)
		}
	}
}

// A server that was known under the name before leaves nothing behind.
func TestAddAgainForgetsTheOldOne(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.write("config.json", map[string]any{"notes": map[string]any{"command": "x"}})
	s, _ := p.entry("config.json", "notes")
	if _, err := p.book().Update(s.Path, "notes", func(r *quarantine.Record) error {
		r.Baseline(s, "test")
		r.First, r.Items = false, []quarantine.Item{{Kind: quarantine.Tool, ID: "old", Digest: "00", Raw: []byte(`{"name":"old"}`), Served: true}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	p.write("config.json", map[string]any{})
	on := p.open(nil, "add", "notes", "--look=false", "--", "mcpproxy-stdio", "demo-server", "notes")
	on.answer(askTrust, "notes #\n")
	on.end(0)
	if _, r := p.entry("config.json", "notes"); r.Snapshot() != nil {
		t.Errorf("its tools are those of the old one: %+v", r.Items)
	}
}

func TestAddUnderAnAgentIsHeld(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	text := p.open([]string{"CLAUDECODE=1"}, "add", "notes", "--look", "--", "mcpproxy-stdio", "demo-server", "notes").end(0)
	if !strings.Contains(text, "and held, because") {
		t.Errorf("the terminal shows\n%s", text)
	}
	p.wantState("config.json", "notes", quarantine.HeldLaunch)
	if s, _ := p.entry("config.json", "notes"); !s.Quarantined {
		t.Error("the entry does not say so")
	}
}

// A server that was approved under the name, and removed, is none that an agent can bring back.
func TestAgentCantBringBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	args := []string{"add", "notes", "--", "mcpproxy-stdio", "demo-server", "notes"}
	on := p.open(nil, args...)
	on.answer(askTrust, "notes #\n")
	on.end(0)
	p.wantState("config.json", "notes", quarantine.Approved)
	p.write("config.json", map[string]any{})
	p.open([]string{"CLAUDECODE=1"}, args...).end(0)
	data, err := os.ReadFile(p.path("config.json"))
	if err == nil { // nor by taking the flag out of the file
		err = os.WriteFile(p.path("config.json"), []byte(strings.Replace(string(data), `"quarantined": true`, `"quarantined": false`, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.wantState("config.json", "notes", quarantine.HeldLaunch)
}

func TestImportOnATerminalIsOwn(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.write("other.json", map[string]any{"notes": map[string]any{"command": "mcpproxy-stdio", "args": []string{"demo-server", "notes"}, "env": map[string]string{"A": "${HOME}"}}})
	on := p.open(nil, "import", p.path("other.json"))
	on.answer(askTrust, "import #\n")
	text := on.end(0)
	if !strings.Contains(text, "imported") || strings.Contains(text, "held") || !strings.Contains(text, "notes: ") {
		t.Errorf("the terminal shows\n%s", text)
	}
	p.wantState("config.json", "notes", quarantine.Approved)
	if s, _ := p.entry("config.json", "notes"); s.Refused != "" || s.Env[0].Value != "${env:HOME}" {
		t.Errorf("%+v: %s", s, s.Env[0].Value)
	}
}

// An entry that the other file quarantines stays held, also if a person imports it. The descriptions of VS Code's inputs are copied.
func TestImportKeepsQuarantine(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	demo := `"command": "mcpproxy-stdio", "args": ["demo-server", "notes"], `
	text := `{"inputs": [{"id": "t", "description": "Token of \u202ex", "password": true}], "servers": {
		"held": {` + demo + `"quarantined": true}, "mine": {` + demo + `"call_timeout": 7}, "asks": {` + demo + `"env": {"A": "${input:t}"}}}}`
	if err := os.WriteFile(p.path("other.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	on := p.open(nil, "import", p.path("other.json"))
	on.answer(askTrust, "import #\n")
	if text := on.end(0); !strings.Contains(text, "imported, held") || !strings.Contains(text, "secret set t") || strings.Contains(text, "\u202e") {
		t.Errorf("the terminal shows\n%s", text)
	}
	p.wantState("config.json", "held", quarantine.HeldLaunch)
	p.wantState("config.json", "mine", quarantine.Approved)
	if s, _ := p.entry("config.json", "mine"); s.CallTimeout != 7*time.Second {
		t.Errorf("call_timeout %s", s.CallTimeout)
	}
	on = p.open(nil, "secret", "set", "t")
	on.await("not shown", "x\n")
	if text := on.end(0); !strings.Contains(text, "Token of ") || strings.Contains(text, "\u202e") {
		t.Errorf("the terminal shows\n%s", text)
	}
}

// A keyring is looked for before the value is asked for.
func TestSecretSetLooksForAKeyringFirst(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, want := range map[string]string{"t": "the keyring cannot be used: locked", "a b": "cannot be a name"} {
		on := p.open([]string{"TEST_KEYRING_ERROR=locked"}, "secret", "set", name)
		if text := on.end(1); !strings.Contains(text, want) || strings.Contains(text, "not shown") {
			t.Errorf("the terminal shows\n%s", text)
		}
	}
}

func TestLooksSecret(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"GITHUB_TOKEN", "x", true}, {"API_KEY", "1234", true}, {"Authorization", "Bearer x", true}, {"X", "ghp_abcdefghijkl", true},
		{"X", "sk-proj-1", true}, {"SESSION", "k3J9xQ2mZ8vB5nW1rT7y", true},
		{"GITHUB_TOKEN", "${keyring:github}", false}, {"DEBUG", "true", false}, {"DATA_DIR", "/home/me/some/long/folder", false}, {"KEYBOARD", "qwerty", false},
		{"LANG", "en_US.UTF-8", false}, {"MODE", "aaaaaaaaaaaaaaaaaaaaaaaaa", false},
	} {
		if got := looksSecret(c.name, c.value); got != c.want {
			t.Errorf("looksSecret(%q, %q) = %v", c.name, c.value, got)
		}
	}
}
