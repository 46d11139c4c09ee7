package mcptest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestInitialize(t *testing.T) {
	for _, tc := range []struct{ fixed, asked, want string }{
		{"", "2024-11-05", "2024-11-05"},
		{"", "2025-03-26", "2025-03-26"},
		{"", "2026-07-28", "2025-11-25"},
		{"", "nonsense", "2025-11-25"},
		{"2025-06-18", "2025-11-25", "2025-06-18"},
	} {
		c := Pipe(t, Server{ProtocolVersion: tc.fixed, Name: "n", Version: "v", Instructions: "do"})
		r := c.Initialize("", tc.asked)
		if got := unquote(member(r.Result, "protocolVersion")); got != tc.want {
			t.Errorf("fixed %q, asked %q: %s, want %s", tc.fixed, tc.asked, got, tc.want)
		}
		if got := string(member(r.Result, "serverInfo")); got != `{"name":"n","version":"v"}` {
			t.Errorf("serverInfo %s", got)
		}
		if got := string(member(r.Result, "instructions")); got != `"do"` {
			t.Errorf("instructions %s", got)
		}
		if got := member(member(r.Result, "capabilities"), "tasks") != nil; got != (tc.want == "2025-11-25") {
			t.Errorf("%s: tasks %v", tc.want, got)
		}
	}
}

// The bytes that went in come out, and the id as it was written.
func TestBytesAreKept(t *testing.T) {
	c := StartServer(t, Server{})
	c.Initialize("", "")
	for _, tc := range []struct{ line, want string }{
		{`{"jsonrpc":"2.0","id":0,"method":"ping"}`, `{"jsonrpc":"2.0","id":0,"result":{}}`},
		{`{"id":"1","method":"ping","jsonrpc":"2.0"}`, `{"jsonrpc":"2.0","id":"1","result":{}}`},
		{` {"jsonrpc":"2.0","id": 1.50 ,"method":"x/custom","params":{"b":9007199254740993,"a":1.0}} `, `{"jsonrpc":"2.0","id":1.50,"result":{"b":9007199254740993,"a":1.0}}`},
		{`{"jsonrpc":"2.0","id":-1,"method":"x/none"}`, `{"jsonrpc":"2.0","id":-1,"result":{}}`},
		{`{"jsonrpc":"2.0","id":2,"method":"nope"}`, `{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"Method not found"}}`},
		{`{"jsonrpc":"2.0","id":3,"method":"server/discover"}`, `{"jsonrpc":"2.0","id":3,"error":{"code":-32601,"message":"Method not found"}}`},
		{`{"jsonrpc":"2.0","id":4,"method":"tools\/call","params":{"name":"echo","arguments":{"message":"\u00e9\"<>&\u2028\ud83d"}}}`,
			`{"jsonrpc":"2.0","id":4,"result":{"content":[{"type":"text","text":"Echo: \u00e9\"<>&\u2028\ud83d"}]}}`},
		{`{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"arguments":{"line":"{\"z\":1e400,\"a\":[ 1.0,9007199254740993 ],\"content\":null}"},"name":"raw"}}`,
			`{"jsonrpc":"2.0","id":5,"result":{"z":1e400,"a":[ 1.0,9007199254740993 ],"content":null}}`},
		{`{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"arguments":{"line":"{\"code\":1,\"x\":2,\"data\":null}"},"name":"rawerror"}}`,
			`{"jsonrpc":"2.0","id":6,"error":{"code":1,"x":2,"data":null}}`},
		{`{"jsonrpc":"2.0","id":7,"method":"prompts/get","params":{"name":"greet","arguments":{"name":"J\u00f6"}}}`,
			`{"jsonrpc":"2.0","id":7,"result":{"description":"Prompt greet","messages":[{"role":"user","content":{"type":"text","text":"Hello, J\u00f6"}}]}}`},
		{`{"jsonrpc":"2.0","id":8,"method":"resources/read","params":{"uri":"test://item/a b"}}`,
			`{"jsonrpc":"2.0","id":8,"result":{"contents":[{"uri":"test://item/a b","mimeType":"text/plain","text":"Content of test://item/a b"}]}}`},
		{`{"jsonrpc":"2.0","id":9,"method":"resources/read","params":{"uri":"test://static/4"}}`,
			`{"jsonrpc":"2.0","id":9,"error":{"code":-32002,"message":"Resource not found","data":{"uri":"test://static/4"}}}`},
		{`{"jsonrpc":"2.0","id":10,"method":"completion/complete","params":{"argument":{"name":"x","value":"ab"}}}`,
			`{"jsonrpc":"2.0","id":10,"result":{"completion":{"values":["ab1","ab2","ab3"],"total":3,"hasMore":false}}}`},
		{`{"jsonrpc":"2.0","id":11}`, `{"jsonrpc":"2.0","id":11,"error":{"code":-32600,"message":"Invalid Request"}}`},
		{`{"jsonrpc":`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`},
	} {
		if got := c.CallRaw(tc.line); string(got.Raw) != tc.want {
			t.Errorf("%s\n got %s\nwant %s", tc.line, got.Raw, tc.want)
		}
	}
	line := `{"method":"tools/call", "params":{"name":"incr","_meta":{"x":1.0}},"id":"last"}`
	c.CallRaw(line)
	c.Tool("count", nil)
	if got := c.Tool("last", map[string]any{"method": "tools/call"}).Text(); got != line {
		t.Errorf("last: %s", got)
	}
	if got := c.Tool("last", map[string]any{"method": "tools/call", "tool": "raw"}).Text(); !strings.Contains(got, `9007199254740993 ]`) {
		t.Errorf("last raw: %s", got)
	}
	if got := c.Tool("last", map[string]any{"method": "prompts/list"}); !got.IsError() {
		t.Errorf("last of nothing: %s", got.Raw)
	}
	var counts map[string]int
	if err := json.Unmarshal([]byte(c.Tool("count", nil).Text()), &counts); err != nil || counts["ping"] != 2 || counts["(malformed)"] != 1 {
		t.Errorf("counts %v %v", counts, err)
	}
}

func TestIDLast(t *testing.T) {
	c := Pipe(t, Server{IDLast: true})
	if got := c.CallRaw(`{"jsonrpc":"2.0","id":1,"method":"ping"}`); string(got.Raw) != `{"result":{},"jsonrpc":"2.0","id":1}` {
		t.Errorf("%s", got.Raw)
	}
}

func TestLists(t *testing.T) {
	c := StartServer(t, Server{Tools: 10000, PageSize: 999, TextVersion: 2, SchemaVersion: 3, Builtins: []string{"echo", "cwd"}, Resources: 5,
		ResourceURIs: []string{"file:///x"}, ExtraTools: []json.RawMessage{[]byte(`{"name":"odd name","$defs":9007199254740993,"inputSchema":{}}`)},
		ExtraPrompts: []json.RawMessage{[]byte(`{"name":"extra"}`)}})
	c.Initialize("", "")
	tools := c.List("tools/list")
	if len(tools) != 10003 || string(tools[2]) != `{"name":"odd name","$defs":9007199254740993,"inputSchema":{}}` {
		t.Fatalf("%d tools, third %s", len(tools), tools[2])
	}
	for i, tool := range tools {
		if !json.Valid(tool) {
			t.Fatalf("tool %d: %s", i, tool)
		}
	}
	if s := string(tools[1]); !strings.Contains(s, "(text 2)") || !strings.Contains(s, `"v3"`) {
		t.Errorf("versions: %s", s)
	}
	if got := unquote(member(tools[10002], "name")); got != "tool_10000" {
		t.Errorf("last is %s", got)
	}
	if got := c.Tool("tool_10000", map[string]any{"q": 1}).Text(); got != `tool_10000 {"q":1}` {
		t.Errorf("generated tool: %s", got)
	}
	if got := c.Tool("nope", nil).RPCError(); got == nil || got.Code != -32602 {
		t.Errorf("unknown tool: %v", got)
	}
	if got := c.Names("resources/list"); !slices.Equal(got, []string{"test://static/1", "test://static/2", "test://static/3", "test://static/4", "test://static/5", "file:///x"}) {
		t.Errorf("resources %q", got)
	}
	if got := c.Names("prompts/list"); !slices.Equal(got, []string{"greet", "summary", "extra"}) {
		t.Errorf("prompts %q", got)
	}
	if got := c.List("resources/templates/list"); len(got) != 1 || unquote(member(got[0], "uriTemplate")) != "test://item/{id}" {
		t.Errorf("templates %s", got)
	}
	page := c.Call("tools/list", nil)
	c.Tool("add_tool", map[string]any{"name": "fresh"})
	stale := c.Call("tools/list", map[string]any{"cursor": json.RawMessage(member(page.Result, "nextCursor"))})
	if e := stale.RPCError(); e == nil || e.Code != -32602 {
		t.Errorf("stale cursor: %s", stale.Raw)
	}
}

func TestChangingTools(t *testing.T) {
	c := Pipe(t, Server{})
	c.Initialize("", "")
	for i, step := range []struct {
		tool string
		args map[string]any
		want bool // fresh is listed
	}{
		{"add_tool", map[string]any{"name": "fresh"}, true},
		{"drop_tool", map[string]any{"name": "fresh"}, false},
		{"add_tool", map[string]any{"name": "fresh"}, true},
	} {
		c.Tool(step.tool, step.args)
		if got := slices.Contains(c.Names("tools/list"), "fresh"); got != step.want {
			t.Errorf("step %d: listed %v", i, got)
		}
		c.WaitNotifications("notifications/tools/list_changed", i+1, time.Second)
	}
	c.Tool("drop_tool", map[string]any{"name": "incr"})
	if got := c.Tool("incr", nil).RPCError(); got == nil {
		t.Error("a dropped built-in tool answers")
	}
}

func TestCapabilities(t *testing.T) {
	c := Pipe(t, Server{Capabilities: []byte(`{"tools":{},"x":{"y":9007199254740993}}`), CapabilityTools: true})
	r := c.Call("initialize", json.RawMessage(`{"protocolVersion":"2025-11-25","capabilities":{"roots":{}}}`))
	if got := string(member(r.Result, "capabilities")); got != `{"tools":{},"x":{"y":9007199254740993}}` {
		t.Errorf("capabilities %s", got)
	}
	for _, method := range []string{"prompts/list", "resources/read", "logging/setLevel", "completion/complete", "tasks/list"} {
		if e := c.Call(method, nil).RPCError(); e == nil || e.Code != -32601 {
			t.Errorf("%s: %v", method, e)
		}
	}
	if slices.Contains(c.Names("tools/list"), "roots") {
		t.Error("roots is listed before initialized")
	}
	c.Notify("notifications/initialized", nil)
	c.WaitNotifications("notifications/tools/list_changed", 1, time.Second)
	if names := c.Names("tools/list"); !slices.Contains(names, "roots") || slices.Contains(names, "sample") {
		t.Errorf("tools by capability: %q", names)
	}
}

func TestParallelCallsAndProgress(t *testing.T) {
	c := StartServer(t, Server{})
	c.Initialize("", "")
	start := time.Now()
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() { c.Tool("sleep", map[string]any{"ms": 100}) })
	}
	wg.Wait()
	if took := time.Since(start); took > 2*time.Second { // in a queue it would be 3.2 s
		t.Errorf("32 calls of 100 ms took %v", took)
	}
	r := c.Call("tools/call", json.RawMessage(`{"name":"progress","arguments":{"steps":5000},"_meta":{"progressToken":"tok"}}`))
	n := 0
	for _, m := range c.Received() {
		switch {
		case m.Method == "notifications/progress":
			n++
			if want := fmt.Sprintf(`{"progressToken":"tok","progress":%d,"total":5000,"message":"step %d"}`, n, n); string(m.Params) != want {
				t.Fatalf("%s, want %s", m.Params, want)
			}
		case string(m.Raw) == string(r.Raw) && n != 5000:
			t.Errorf("the result came after %d of 5000", n)
		}
	}
	if r.Text() != "done 5000" || n != 5000 {
		t.Errorf("%s after %d", r.Text(), n)
	}
}

func TestCancel(t *testing.T) {
	for _, fault := range []Fault{"", FaultAnswerCancelled} {
		c := Pipe(t, Server{Faults: []Fault{fault}})
		c.Initialize("", "")
		c.Send(`{"jsonrpc":"2.0","id":"s","method":"tools/call","params":{"name":"sleep","arguments":{"ms":150}}}`)
		c.Send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"s","reason":"why"}}`)
		if got := c.Tool("cancelled", nil).Text(); got != `[{"requestId":"s","reason":"why"}]` {
			t.Errorf("cancelled: %s", got)
		}
		_, answered := c.Wait(400*time.Millisecond, func(m Message) bool { return m.ID == `"s"` })
		if answered != (fault != "") {
			t.Errorf("fault %q: answered %v", fault, answered)
		}
	}
}

func TestBatch(t *testing.T) {
	batch := `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/x"},{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"sleep","arguments":{"ms":1}}},7]`
	c := Pipe(t, Server{})
	c.Initialize("", "2025-03-26")
	c.Send(batch)
	for _, id := range []string{"1", "2", "null"} {
		if _, ok := c.Wait(2*time.Second, func(m Message) bool { return m.ID == id && (m.Result != nil || m.Error != nil) }); !ok {
			t.Errorf("no answer to %s", id)
		}
	}
	c = Pipe(t, Server{})
	c.Initialize("", "2025-06-18")
	if e := c.CallRaw(batch).RPCError(); e == nil || e.Code != -32600 {
		t.Errorf("a batch in 2025-06-18: %v", e)
	}
}

func TestBytesAndText(t *testing.T) {
	c := StartServer(t, Server{})
	for _, n := range []int{0, 1, 63, 64, 65, 1000, 1 << 20, 10<<20 + 7} {
		want := Text(n)
		if got := c.Tool("bytes", map[string]any{"n": n}).Text(); got != want || len(got) != n {
			t.Errorf("%d bytes: %d came", n, len(got))
		}
	}
	if !strings.HasPrefix(Text(200), alphabet+alphabet+alphabet) || Text(1 << 20)[1<<20-64:] != alphabet {
		t.Error("the text is not periodic")
	}
}
