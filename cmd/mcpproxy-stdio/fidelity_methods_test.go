package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// TestPrompts reach their server under its own name, and come back as they are.
func TestPrompts(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{
		"a": quickly(mcptest.Server{}),
		"b": quickly(mcptest.Server{ExtraPrompts: []json.RawMessage{[]byte(`{"name":"x.y","title":"T\u00e9","arguments":[],"x":1.0}`)}}),
	}).initialized("")
	if got := c.List("prompts/list"); len(got) != 5 || string(got[4]) != `{"name":"b__x_y","title":"T\u00e9","arguments":[],"x":1.0}` {
		t.Errorf("%s", got)
	}
	r := c.Call("prompts/get", json.RawMessage(`{"arguments":{"name":"\u00e9 <&>"},"name":"b__greet","_meta":{"v":1.0}}`))
	if want := `{"description":"Prompt greet","messages":[{"role":"user","content":{"type":"text","text":"Hello, \u00e9 <&>"}}]}`; string(r.Result) != want {
		t.Errorf("want %s\n got %s", want, r.Raw)
	}
	if got := upstreamID.ReplaceAllString(last(c, "b", "prompts/get"), ""); got != `{"jsonrpc":"2.0","method":"prompts/get","params":{"arguments":{"name":"\u00e9 <&>"},"name":"greet","_meta":{"v":1.0}}}` {
		t.Errorf("b got %s", got)
	}
	if r := c.Call("prompts/get", map[string]any{"name": "b__x_y", "arguments": map[string]any{}}); !strings.Contains(string(r.Result), `x.y {}`) {
		t.Errorf("%s", r.Raw)
	}
	for _, name := range []string{"greet", "a__nope", "", "c__greet"} {
		if e := c.Call("prompts/get", map[string]any{"name": name}).RPCError(); e == nil || e.Code != -32602 {
			t.Errorf("prompt %q: %v", name, e)
		}
	}
}

// TestUnknownTools are the proxy's own error; they are never forwarded.
func TestUnknownTools(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"a": quickly(mcptest.Server{Builtins: []string{"echo", "count"}}), "b": quickly(mcptest.Server{})}).initialized("")
	for _, name := range []string{"echo", "a__nope", "", "c__echo", "a__sleep", "A__echo", "a__Echo"} { // a has sleep, but does not list it
		if e := c.Tool(name, nil).RPCError(); e == nil || e.Code != -32602 {
			t.Errorf("tool %q: %v", name, e)
		}
	}
	if got := said(c.Tool("a__count", nil)); !strings.Contains(got, `"tools/call":1`) {
		t.Errorf("a got %s", got)
	}
}

// TestCompletions of prompts and of templates go to the server that has them, under its own names. One that does not run is
// started, but nobody waits for it.
func TestCompletions(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"a": quickly(mcptest.Server{}), "b": quickly(mcptest.Server{})}).initialized("")
	for _, one := range []struct{ ref, server, arrives string }{
		{`{"type":"ref/prompt","name":"a__greet"}`, "a", `{"type":"ref/prompt","name":"greet"}`},
		{`{"name":"b__greet","type":"ref/prompt","title":"x"}`, "b", `{"name":"greet","type":"ref/prompt","title":"x"}`},
		{`{"type":"ref/resource","uri":"test://item/{id}"}`, "a", `{"type":"ref/resource","uri":"test://item/{id}"}`},
		{`{"type":"ref/resource","uri":"mcpproxy://b/test://item/{id}"}`, "b", `{"type":"ref/resource","uri":"test://item/{id}"}`},
	} {
		params := json.RawMessage(`{"ref":` + one.ref + `,"argument":{"name":"n","value":"v\u00e9"},"context":{"arguments":{"o":"1"}},"x":1.0}`)
		const want = `{"completion":{"values":["v\u00e91","v\u00e92","v\u00e93"],"total":3,"hasMore":false}}`
		var got string
		comesTrue(t, "completion of "+one.ref, func() bool {
			r := c.Call("completion/complete", params)
			got = string(r.Raw)
			return !strings.Contains(got, `"values":[]`)
		})
		if !strings.Contains(got, `"result":`+want+`}`) {
			t.Errorf("%s: %s", one.ref, got)
		}
		if sent := last(c, one.server, "completion/complete"); !strings.Contains(sent, `"params":{"ref":`+one.arrives+`,"argument":{"name":"n","value":"v\u00e9"},"context":{"arguments":{"o":"1"}},"x":1.0}`) {
			t.Errorf("%s got %s", one.server, sent)
		}
	}
	for _, ref := range []string{`{"type":"ref/prompt","name":"greet"}`, `{"type":"ref/resource","uri":"no://such"}`, `{}`, `null`} {
		if e := c.Call("completion/complete", json.RawMessage(`{"ref":`+ref+`,"argument":{"name":"n","value":"v"}}`)).RPCError(); e == nil || e.Code != -32602 {
			t.Errorf("%s: %v", ref, e)
		}
	}
}

// TestUnknownMethods are relayed where only one server can be meant, else refused; notifications likewise.
func TestUnknownMethods(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{})
	if r := c.Call("x/vendor", json.RawMessage(`{"z":1.0,"a":9007199254740993,"_meta":{"k":"<"}}`)); string(r.Result) != `{"z":1.0,"a":9007199254740993,"_meta":{"k":"<"}}` {
		t.Errorf("%s", r.Raw)
	}
	if e := c.Call("vendor/unknown", nil).RPCError(); e == nil || e.Code != -32601 {
		t.Errorf("%v", e)
	}
	c.Send(`{"jsonrpc":"2.0","method":"notifications/vendor","params":{"z":1.0}}`)
	if got := last(c, "s", "notifications/vendor"); got != `{"jsonrpc":"2.0","method":"notifications/vendor","params":{"z":1.0}}` {
		t.Errorf("%s", got)
	}

	c = behind(t, map[string]mcptest.Server{"a": quickly(mcptest.Server{}), "b": quickly(mcptest.Server{})}).initialized("")
	c.Tool("a__echo", map[string]any{"message": "start"})
	if e := c.Call("x/vendor", nil).RPCError(); e == nil || e.Code != -32601 {
		t.Errorf("%v", e)
	}
	c.Send(`{"jsonrpc":"2.0","method":"notifications/vendor"}`)
	if got := said(c.Tool("a__count", nil)); strings.Contains(got, "vendor") {
		t.Errorf("a got %s", got)
	}
	for _, method := range []string{"tools/lists", "Tools/list", "initialized", "rpc.discover"} {
		if e := c.Call(method, nil).RPCError(); e == nil || e.Code != -32601 {
			t.Errorf("%s: %v", method, e)
		}
	}
}

// TestStrays: answers to nothing, second answers, and errors without an id disturb nobody.
func TestStrays(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{Faults: []mcptest.Fault{mcptest.FaultStrayAnswers, mcptest.FaultAnswerTwice}})
	for range 20 {
		if r := c.Tool("s__echo", map[string]any{"message": "x"}); r.Text() != "Echo: x" {
			t.Errorf("%s", r.Raw)
		}
	}
	answers := map[string]int{}
	for _, m := range c.Received() {
		if answers[m.ID]++; answers[m.ID] > 1 || m.ID == "null" || m.ID == "987654321" {
			t.Errorf("%s", m.Raw)
		}
	}
}
