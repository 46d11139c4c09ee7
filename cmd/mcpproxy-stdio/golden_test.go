package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// update writes golden files anew: go test ./cmd/mcpproxy-stdio -run Golden -update.
var update = flag.Bool("update", false, "write golden files anew")

// golden compares text with a file of testdata/golden.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	now, before := strings.Split(text, "\n"), strings.Split(string(want), "\n")
	if len(now) != len(before) {
		t.Errorf("%s: %d lines, were %d", path, len(now), len(before))
	}
	for i := range min(len(now), len(before)) {
		if now[i] != before[i] {
			t.Fatalf("%s:%d:\nwas %s\nis  %s", path, i+1, before[i], now[i])
		}
	}
}

var ownVersion = regexp.MustCompile(`("name":"mcpproxy-stdio","title":"[^"]*","version":|"name":"mcpproxy-stdio","version":)"[^"]*"`)

// TestGoldenSessions: what clients of all kinds are told first, byte by byte.
func TestGoldenSessions(t *testing.T) {
	t.Parallel()
	const full = `{"roots":{"listChanged":true},"sampling":{},"elicitation":{"form":{},"url":{}},"tasks":{"list":{},"cancel":{}}}`
	var b strings.Builder
	visit := func(h *home, caps, version string) {
		t.Helper()
		c := h.start()
		fmt.Fprintf(&b, "\n# %s, capabilities %s\n", version, caps)
		hello := c.Initialize(caps, version)
		text := ownVersion.ReplaceAll(bytes.ReplaceAll(hello.Result, []byte(h.dir), []byte("$DIR")), []byte(`$1"$$VERSION"`))
		fmt.Fprintf(&b, "%s\n", text)
		var told struct{ Instructions string }
		if err := json.Unmarshal(hello.Result, &told); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", strings.ReplaceAll(told.Instructions, h.dir, "$DIR"))
		for _, method := range []string{"tools/list", "prompts/list", "resources/list", "resources/templates/list"} {
			r := c.Call(method, nil)
			fmt.Fprintf(&b, "%s: %s%s\n", method, r.Result, r.Error)
		}
		c.Close()
	}

	b.WriteString("# no servers\n")
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "1999-01-01"} {
		for _, caps := range []string{full, "{}"} {
			visit(newHome(t).configure(nil), caps, version)
		}
	}

	b.WriteString("\n# with servers, when they are new\n")
	listed := mcptest.Server{Builtins: []string{"echo", "sleep"}, Instructions: "Echo what you like."}
	h := newHome(t).set(entries{"ok": calm(listed)}, nil)
	visit(h, full, "2025-11-25")
	b.WriteString("\n# later, with others that came into the file\n")
	later := withOptions(server(listed), map[string]any{"env": map[string]string{"LATER": "1"}})
	h.set(entries{"ok": calm(listed), "later": later, "off": withOptions(server(listed), map[string]any{"enabled": false}),
		"refused": json.RawMessage(`{"command":"x","sandbox":true}`)}, nil)
	visit(h, full, "2025-11-25")
	visit(h, "{}", "2024-11-05")
	golden(t, "sessions.txt", b.String())
}
