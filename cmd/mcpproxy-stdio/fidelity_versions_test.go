package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// TestVersions: initialize settles on the revision asked for if it has a handshake, else on the newest that has one.
func TestVersions(t *testing.T) {
	t.Parallel()
	h := behind(t, map[string]mcptest.Server{"s": quickly(mcptest.Server{})})
	for asked, want := range map[string]string{
		`"2024-11-05"`: "2024-11-05", `"2025-03-26"`: "2025-03-26", `"2025-06-18"`: "2025-06-18", `"2025-11-25"`: "2025-11-25",
		`"2026-07-28"`: "2025-11-25", `"2099-01-01"`: "2025-11-25", `"2024-01-01"`: "2025-11-25", `"garbage"`: "2025-11-25", `""`: "2025-11-25",
		`7`: "2025-11-25", `null`: "2025-11-25", `{}`: "2025-11-25", `ABSENT`: "2025-11-25",
	} {
		c := h.start()
		params := `{"protocolVersion":` + asked + `,"capabilities":{},"clientInfo":{"name":"x","version":"1"}}`
		if asked == "ABSENT" {
			params = `{}`
		}
		r := c.Call("initialize", json.RawMessage(params))
		var result struct {
			ProtocolVersion string
			Capabilities    map[string]json.RawMessage
			ServerInfo      struct{ Name, Version string }
		}
		if err := json.Unmarshal(r.Result, &result); err != nil || result.ProtocolVersion != want || result.ServerInfo.Name == "" || result.ServerInfo.Version == "" {
			t.Errorf("%s: %v %s", asked, err, r.Raw)
		}
		for name, since := range map[string]string{"tools": "", "prompts": "", "resources": "", "logging": "", "completions": "2025-03-26", "tasks": "2025-11-25"} {
			if _, has := result.Capabilities[name]; has != (want >= since) {
				t.Errorf("%s: capability %s: %v", asked, name, has)
			}
		}
		c.Notify("notifications/initialized", nil)
		if got := said(c.Tool("s__echo", map[string]any{"message": want})); got != "Echo: "+want {
			t.Errorf("%s: %q", asked, got)
		}
		// The server is asked for the revision that the client settled on.
		if got := said(c.Tool("s__last", map[string]any{"method": "initialize"})); !strings.Contains(got, `"protocolVersion":"`+want+`"`) {
			t.Errorf("%s: upstream %s", asked, got)
		}
		c.Close()
	}
}

// TestInitializeWithout what it should have is answered all the same.
func TestInitializeWithout(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"initialize"}`,
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":null}`,
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":null,"clientInfo":7}}`,
	} {
		c := behind(t, map[string]mcptest.Server{"s": quickly(mcptest.Server{})}).start()
		if r := c.CallRaw(line); !strings.Contains(string(r.Result), `"protocolVersion":"2025-11-25"`) {
			t.Errorf("%s: %s", line, r.Raw)
		}
		if got := said(c.Tool("s__echo", map[string]any{"message": "x"})); got != "Echo: x" {
			t.Errorf("%s: %q", line, got)
		}
		c.Close()
	}
}

// TestDiscover: the era of 2026-07-28 is declined at once, so that clients fall back, before and after initialize.
func TestDiscover(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"s": {Faults: []mcptest.Fault{mcptest.FaultHangInitialize}}}).start()
	probe := json.RawMessage(`{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}`)
	declined := func(when string) {
		t.Helper()
		if e := c.Call("server/discover", probe).RPCError(); e == nil || e.Code != -32601 {
			t.Errorf("%s: %v", when, e)
		}
	}
	declined("first")
	declined("again")
	c.Initialize("", "2025-11-25")
	declined("after initialize")
}

// TestInitializeTwice is refused, and the session goes on as it was.
func TestInitializeTwice(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{})
	if e := c.Call("initialize", json.RawMessage(`{"protocolVersion":"2024-11-05","capabilities":{"sampling":{}}}`)).RPCError(); e == nil || e.Code != -32600 {
		t.Errorf("%v", e)
	}
	c.Notify("notifications/initialized", nil) // a second one too
	if got := said(c.Tool("s__sample", nil)); !strings.Contains(got, `"error"`) {
		t.Errorf("the second initialize counted: %s", got)
	}
}

// TestBeforeInitialize: a ping is answered, all else is refused, and a first message that is a notification does no harm.
func TestBeforeInitialize(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"s": quickly(mcptest.Server{})}).start()
	c.Notify("notifications/initialized", nil)
	c.Notify("notifications/cancelled", map[string]any{"requestId": 1})
	c.Notify("notifications/roots/list_changed", nil)
	if r := c.Call("ping", nil); string(r.Result) != "{}" {
		t.Errorf("%s", r.Raw)
	}
	for _, method := range []string{"tools/list", "tools/call", "logging/setLevel", "resources/read", "x/unknown"} {
		if e := c.Call(method, map[string]any{"name": "s__echo"}).RPCError(); e == nil || e.Code != -32600 {
			t.Errorf("%s: %v", method, e)
		}
	}
	c.Initialize("", "")
	if got := said(c.Tool("s__echo", map[string]any{"message": "x"})); got != "Echo: x" {
		t.Error(got)
	}
}

// TestBeforeInitialized: several clients set the level, list and call before notifications/initialized, or never send it.
func TestBeforeInitialized(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"s": quickly(mcptest.Server{Faults: []mcptest.Fault{mcptest.FaultStrictInit}})}).start()
	c.Call("initialize", json.RawMessage(`{"protocolVersion":"2025-11-25","capabilities":{"roots":{}},"clientInfo":{"name":"x","version":"1"}}`))
	if r := c.Call("logging/setLevel", map[string]any{"level": "error"}); string(r.Result) != "{}" {
		t.Errorf("%s", r.Raw)
	}
	if got := said(c.Tool("s__echo", map[string]any{"message": "with no list before it"})); got != "Echo: with no list before it" {
		t.Error(got)
	}
	for method, want := range map[string]string{"tools/list": "s__echo", "prompts/list": "s__greet", "resources/list": "test://static/1"} {
		if got := strings.Join(c.Names(method), " "); !strings.Contains(got, want) {
			t.Errorf("%s: %s", method, got)
		}
	}
	if got := said(c.Tool("s__log", map[string]any{"level": "info"})); got != "below error" {
		t.Errorf("the level did not arrive: %s", got)
	}
}
