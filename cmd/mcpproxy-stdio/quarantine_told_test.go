package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// greets begins a session as a client of that name, and returns the instructions that it is given.
func greets(t *testing.T, c *mcptest.Client, name, caps string) string {
	t.Helper()
	r := c.Call("initialize", json.RawMessage(fmt.Sprintf(`{"protocolVersion":"2025-11-25","capabilities":%s,"clientInfo":{"name":%q,"version":"1"}}`, caps, name)))
	var result struct{ Instructions string }
	if err := json.Unmarshal(r.Result, &result); err != nil {
		t.Fatalf("%s %s", r.Result, r.Error)
	}
	c.Notify("notifications/initialized", nil)
	return result.Instructions
}

// What is held is told at once, in the instructions and in one message, and who reads the list once is told when the tools are there.
func TestHeldIsTold(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"first": calm(mcptest.Server{Name: "first", Mark: mark, Instructions: "Be quick."})}, nil)
	c := h.start()
	if text := greets(t, c, "codex-mcp-client", forms); !strings.HasPrefix(text, "mcpproxy-stdio runs the user's MCP servers") || !strings.Contains(text, "Servers: first.") {
		t.Errorf("instructions: %s", text)
	}
	c.List("tools/list")
	launch, _ := witness(t, "new", mcptest.Server{Name: "new", Mark: mark})
	if r := servers(c, "add", launch); r.IsError() {
		t.Fatal(r.Text())
	}
	warned := func(params json.RawMessage) bool {
		return strings.Contains(string(params), `Server \"new\" is held until the user approves it`)
	}
	told := 0
	soon(t, 5*time.Second, "that it is held is told", func() bool {
		told = 0
		for _, m := range c.Notifications("notifications/message") {
			if warned(m.Params) {
				told++
			}
		}
		return told > 0
	})

	two := h.start()
	text := greets(t, two, "mcptest-client", "{}")
	if !strings.Contains(text, "Servers: first.\nNot usable until the user approves them: new.") || !strings.HasSuffix(text, "[first] says of itself:\nBe quick.") {
		t.Errorf("instructions of a later session: %s", text)
	}
	honest(c)
	if out := approve(t, c, "new", nil); out.Status != "inspected" {
		t.Fatalf("%+v", out)
	}
	if out := approve(t, c, "new", nil); out.Status != "approved" || !strings.Contains(out.Next, "start a new session to see its tools") {
		t.Errorf("%+v", out)
	}
	three := h.start()
	if text := greets(t, three, "claude-code", "{}"); !strings.Contains(text, "Servers: first, new.\n") || strings.Contains(text, "Not usable") {
		t.Errorf("instructions after the approval: %s", text)
	}
	told = 0
	for _, m := range c.Notifications("notifications/message") {
		if warned(m.Params) {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}
