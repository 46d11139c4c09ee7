package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// One file with entries of many clients runs as each of them means it.
func TestEntriesOfOtherClients(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	folder := t.TempDir()
	for path, text := range map[string]string{filepath.Join(folder, ".env"): "FROM_FILE=\"a b\"\nOWN=file\n", filepath.Join(folder, "bad.env"): "NODE_OPTIONS=--require ./x\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entry := func(name string, more map[string]any) json.RawMessage {
		return entryOf(mcptest.Server{Name: name, Mark: mark}, more)
	}
	var plain struct {
		Command string
		Args    []string
		Env     map[string]any
	}
	if err := json.Unmarshal(entry("opencode", nil), &plain); err != nil {
		t.Fatal(err)
	}
	env := func(more map[string]any) map[string]any {
		for k, v := range plain.Env {
			more[k] = v
		}
		return more
	}
	h := newHome(t).set(entries{
		"io.github.someone/notes": entry("notes", map[string]any{
			"env":     env(map[string]any{"OWN": "Bearer x", "TWICE": "${OWN}${OWN}", "PORT": 8080, "DEBUG": true, "LANG": nil, "OUTER": "$PLANTED"}),
			"envFile": "${workspaceFolder}/.env", "disabledTools": []string{"echo"}, "autoApprove": []string{"env"},
		}),
		"opencode": entryOf(mcptest.Server{Name: "opencode"}, map[string]any{
			"type": "local", "command": append([]string{plain.Command}, plain.Args...), "args": nil, "env": nil, "environment": env(map[string]any{"A": "{env:PLANTED}"}),
		}),
		"nested": json.RawMessage(`{"transport": ` + string(entry("nested", nil)) + `, "includeTools": ["env"]}`),
		"off":    entry("off", map[string]any{"isActive": false}),
		"loads":  entry("loads", map[string]any{"envFile": "${workspaceFolder}/bad.env"}),
		"helper": json.RawMessage(`{"type": "http", "url": "http://127.0.0.1:9/mcp", "headersHelper": "print-headers"}`),
		"line":   json.RawMessage(`{"command": "npx -y some-server"}`),
	}, nil)
	c := h.run("", folder, []string{"PLANTED=a value", "LANG=C"})
	c.List("tools/list")
	got := envOf(t, c, "io_github_someone_notes")
	for name, want := range map[string]string{"OWN": "Bearer x", "TWICE": "Bearer xBearer x", "PORT": "8080", "DEBUG": "true", "OUTER": "a value", "FROM_FILE": "a b"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if _, set := got["LANG"]; set {
		t.Error("a variable that is null is set")
	}
	if got := envOf(t, c, "opencode"); got["A"] != "a value" {
		t.Errorf("opencode's variable is %q", got["A"])
	}
	names := toolNames(c)
	for name, offered := range map[string]bool{
		"io_github_someone_notes__env": true, "io_github_someone_notes__echo": false, "opencode__echo": true, "nested__env": true, "nested__echo": false, "off__echo": false,
	} {
		if strings.Contains(names, " "+name+" ") != offered {
			t.Errorf("%s: offered is %v", name, !offered)
		}
	}
	for name, want := range map[string][2]string{
		"io.github.someone/notes": {"running", ""}, "off": {"disabled", ""}, "helper": {"refused", "headersHelper"}, "line": {"refused", `"args": ["-y", "some-server"]`},
		"loads": {"failed", "NODE_OPTIONS decides what is run"},
	} {
		s := listed(t, c, name)
		if why, _ := s["why"].(string); s["state"] != want[0] || !strings.Contains(why, want[1]) {
			t.Errorf("%s is listed as %v", name, s)
		}
	}
}

// Check recognises other forms by name, and nothing in them passes for an empty configuration.
func TestCheckOfOtherForms(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	for text, want := range map[string]string{
		"[mcp_servers.a]\ncommand = \"npx\"\n":                          "config.json:1:1: error: this is Codex's config.toml (TOML)",
		`{"mcp": {"a": {"type": "local", "command": ["npx"]}}}`:         "config.json:1:2: error: this is opencode's or Crush's form",
		`{"mcp": {"servers": {"a": {"command": "npx"}}}}`:               "this is VS Code's settings.json",
		"mcpServers:\n  - name: a\n    command: uvx\n":                  "this is Continue's config.yaml (YAML)",
		`{"context_servers": {"a": {"command": "x"}}}`:                  "this is Zed's settings.json",
		`{"projects": {"/p": {"mcpServers": {"a": {"command": "x"}}}}}`: "this is Claude Code's projects",
	} {
		if err := os.WriteFile(h.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, code := h.typed("check")
		folded := strings.Join(strings.Fields(out), " ")
		if code != 3 || !strings.Contains(folded, want) {
			t.Errorf("%s\nexit %d\n%s", text, code, out)
		}
	}
}
