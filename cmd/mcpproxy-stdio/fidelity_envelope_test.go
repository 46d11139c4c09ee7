package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// TestBadLines: a bad line costs that line. Each gets the answer given here (a regular expression), "" for none, and the
// session goes on.
func TestBadLines(t *testing.T) {
	t.Parallel()
	const parseError, invalid = `^{"jsonrpc":"2.0","id":null,"error":{"code":-32700,`, `^{"jsonrpc":"2.0","id":%s,"error":{"code":-32600,`
	lines := []struct{ name, line, want string }{
		{"noise", "hello there", parseError},
		{"cut off", `{"jsonrpc":"2.0","id":7,"method":`, parseError},
		{"trailing data", `{"jsonrpc":"2.0","id":7,"method":"ping"} x`, parseError},
		{"two messages", `{"jsonrpc":"2.0","id":7,"method":"ping"}{"jsonrpc":"2.0","id":8,"method":"ping"}`, parseError},
		{"single quotes", `{'jsonrpc':'2.0','id':7,'method':'ping'}`, parseError},
		{"trailing comma", `{"jsonrpc":"2.0","id":7,"method":"ping",}`, parseError},
		{"not a number", `{"jsonrpc":"2.0","id":7,"method":"ping","params":{"n":NaN}}`, parseError},
		{"blank", "", ""},
		{"spaces", " \t ", ""},
		{"carriage return alone", "\r", ""},
		{"no method", `{"jsonrpc":"2.0","id":11}`, fmt.Sprintf(invalid, "11")},
		{"no version", `{"id":12,"method":"ping"}`, fmt.Sprintf(invalid, "12")},
		{"old version", `{"jsonrpc":"1.0","id":13,"method":"ping"}`, fmt.Sprintf(invalid, "13")},
		{"method is a number", `{"jsonrpc":"2.0","id":14,"method":1}`, fmt.Sprintf(invalid, "14")},
		{"two methods", `{"jsonrpc":"2.0","id":15,"method":"ping","method":"tools/list"}`, fmt.Sprintf(invalid, "15")},
		{"method beside result", `{"jsonrpc":"2.0","id":16,"method":"ping","result":{}}`, fmt.Sprintf(invalid, "16")},
		{"empty object", `{}`, fmt.Sprintf(invalid, "null")},
		{"batch", `[{"jsonrpc":"2.0","id":17,"method":"ping"}]`, fmt.Sprintf(invalid, "null")},
		{"empty batch", `[]`, fmt.Sprintf(invalid, "null")},
		{"broken batch", `[{"jsonrpc":"2.0","id":17,"method":"ping"},`, parseError},
		{"answer to nothing", `{"jsonrpc":"2.0","id":999,"result":{}}`, ""},
		{"error to nothing", `{"jsonrpc":"2.0","id":999,"error":{"code":1,"message":"x"}}`, ""},
		{"error with id null", `{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}`, ""},
		{"answer with an odd id", `{"jsonrpc":"2.0","id":"x","result":{}}`, ""},
		{"unknown notification", `{"jsonrpc":"2.0","method":"notifications/vendor","params":[1]}`, ""},
		{"notification without params", `{"jsonrpc":"2.0","method":"notifications/cancelled"}`, ""},
		{"progress for nobody", `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"x","progress":1}}`, ""},
		{"carriage return", `{"jsonrpc":"2.0","id":21,"method":"ping"}` + "\r", `^{"jsonrpc":"2.0","id":21,"result":{}}$`},
		{"byte order mark", "\ufeff" + `{"jsonrpc":"2.0","id":22,"method":"ping"}`, `^{"jsonrpc":"2.0","id":22,"result":{}}$`},
		{"spaces around", "  " + `{"jsonrpc":"2.0","id":23,"method":"ping"}` + "  ", `^{"jsonrpc":"2.0","id":23,"result":{}}$`},
		{"two names", `{"jsonrpc":"2.0","id":24,"method":"tools/call","params":{"name":"s__echo","name":"s__crash"}}`, `^{"jsonrpc":"2.0","id":24,"error":{"code":-32602,`},
		{"a name in another case", `{"jsonrpc":"2.0","id":25,"method":"tools/call","params":{"name":"s__echo","Name":"s__crash"}}`, `^{"jsonrpc":"2.0","id":25,"error":{"code":-32602,`},
		{"params is an array", `{"jsonrpc":"2.0","id":26,"method":"tools/call","params":["s__echo"]}`, `^{"jsonrpc":"2.0","id":26,"error":{"code":-32602,`},
	}
	c := proxied(t, "", mcptest.Server{})
	c.List("tools/list")
	for _, one := range lines {
		before := len(c.Received())
		c.Send(one.line)
		c.Call("ping", nil) // comes after what the proxy answers by itself
		if one.want != "" {
			c.Wait(5*time.Second, func(mcptest.Message) bool { return len(c.Received()) == before+2 })
		}
		got := c.Received()[before:]
		slices.SortStableFunc(got, func(a, b mcptest.Message) int { return strings.Compare(string(b.Error), string(a.Error)) })
		if one.want == "" && len(got) != 1 || one.want != "" && (len(got) != 2 || !regexp.MustCompile(one.want).Match(got[0].Raw)) {
			t.Errorf("%s: want %s", one.name, one.want)
			for _, m := range got {
				t.Errorf("  got %s", m.Raw)
			}
		}
	}
	if got := said(c.Tool("s__echo", map[string]any{"message": "alive"})); got != "Echo: alive" {
		t.Error(got)
	}
}

// TestByteOrderMarkFirst and a last line without its newline: the input begins and ends as some editors write.
func TestByteOrderMarkFirst(t *testing.T) {
	t.Parallel()
	lines := newHome(t).configure(nil).raw("\ufeff\r\n\n" + rawInitialize("2025-06-18") + "\r\n" + `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
	if len(lines) != 2 || !strings.HasPrefix(lines[0], `{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"`) || lines[1] != `{"jsonrpc":"2.0","id":1,"result":{}}` {
		t.Errorf("%q", lines)
	}
}

// TestBatch: in the one revision that has them, the answers to a batch come as one array; what is wrong in it costs itself.
func TestBatch(t *testing.T) {
	t.Parallel()
	h := behind(t, map[string]mcptest.Server{"s": quickly(mcptest.Server{})})
	c := h.initialized("")
	c.List("tools/list")
	c.Close()
	batch := `[ {"jsonrpc":"2.0","method":"notifications/initialized"},` + echoLine("1", "one") + `, {"jsonrpc":"2.0","id":"two","method":"ping"},` +
		`{"jsonrpc":"2.0","id":3,"method":"tools/list"},{"jsonrpc":"2.0","id":4},7,{"jsonrpc":"2.0","id":{},"method":"ping"},` +
		`{"jsonrpc":"2.0","id":5,"method":"initialize","params":{}},{"jsonrpc":"2.0","id":6,"result":{}},{"jsonrpc":"2.0","id":7,"method":"no/such","params":{}}]`
	input := `[{"jsonrpc":"2.0","id":1,"method":"ping"}]` + "\n" + rawInitialize("2025-03-26") + "\n" + `[{"jsonrpc":"2.0","method":"notifications/initialized"}]` + "\n" +
		`[{"jsonrpc":"2.0","id":"only","method":"ping"}]` + "\n"
	lines := h.rawUntil(input+batch+"\n", 4)
	if len(lines) != 4 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	if !strings.HasPrefix(lines[0], `{"jsonrpc":"2.0","id":null,"error":{"code":-32600`) {
		t.Errorf("a batch before initialize: %s", lines[0])
	}
	if lines[2] != `[{"jsonrpc":"2.0","id":"only","result":{}}]` {
		t.Errorf("a batch of one: %s", lines[2])
	}
	var parts []struct {
		ID     json.RawMessage
		Result json.RawMessage
		Error  *struct{ Code int }
	}
	if err := json.Unmarshal([]byte(lines[3]), &parts); err != nil {
		t.Fatalf("%v: %s", err, lines[3])
	}
	var got []string
	for _, p := range parts {
		if p.Error != nil {
			got = append(got, fmt.Sprintf("%s %d", p.ID, p.Error.Code))
		} else {
			got = append(got, string(p.ID)+" ok")
		}
	}
	slices.Sort(got)
	want := []string{`"two" ok`, "1 ok", "3 ok", "4 -32600", "5 -32600", "7 -32601", "null -32600", "null -32600"}
	if !slices.Equal(got, want) {
		t.Errorf("want %q\n got %q\n in %s", want, got, lines[3])
	}
	if !strings.Contains(lines[3], "Echo: one") {
		t.Errorf("no echo in %s", lines[3])
	}
}

// TestBatchElsewhere: no other revision takes a batch.
func TestBatchElsewhere(t *testing.T) {
	t.Parallel()
	h := newHome(t).configure(nil)
	for _, version := range []string{"2024-11-05", "2025-06-18", "2025-11-25"} {
		lines := h.raw(rawInitialize(version) + "\n" + `[{"jsonrpc":"2.0","id":1,"method":"ping"}]` + "\n" + `{"jsonrpc":"2.0","id":2,"method":"ping"}` + "\n")
		if len(lines) != 3 || !strings.HasPrefix(lines[1], `{"jsonrpc":"2.0","id":null,"error":{"code":-32600`) || lines[2] != `{"jsonrpc":"2.0","id":2,"result":{}}` {
			t.Errorf("%s: %q", version, lines)
		}
	}
}

// TestContentLength: a whole session in the other framing, in every way of writing its headers.
func TestContentLength(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"s": quickly(mcptest.Server{})}).start(mcptest.ContentLength())
	c.Initialize("", "2024-11-05")
	if !c.GotContentLength() {
		t.Error("answered in lines")
	}
	if got := said(c.Tool("s__echo", map[string]any{"message": "é\u2028"})); got != "Echo: é\u2028" {
		t.Error(got)
	}
	r := c.Call("tools/call", json.RawMessage(`{"name":"s__progress","arguments":{"steps":3},"_meta":{"progressToken":"p"}}`))
	if got := c.Notifications("notifications/progress"); len(got) != 3 || r.Text() != "done 3" {
		t.Errorf("%d progress, %s", len(got), r.Raw)
	}
	if got := said(c.Tool("s__bytes", map[string]any{"n": 1 << 20})); got != mcptest.Text(1<<20) {
		t.Errorf("%d bytes", len(got))
	}
	for i, head := range []string{
		"content-length: %d\r\n\r\n", "Content-Length:%d\r\n\r\n", "CONTENT-LENGTH:   %d  \r\n\r\n", "Content-Length: %d\n\n",
		"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: %d\r\n\r\n", "Content-Length: %d\r\nX-Other: 1\r\n\r\n",
		"Content-Length: 0\r\n\r\nContent-Length: %d\r\n\r\n", "\r\n\r\nContent-Length: %d\r\n\r\n",
		"Content-Length: -5\r\n\r\nContent-Length: %d\r\n\r\n", "Content-Length: many\r\n\r\nContent-Length: %d\r\n\r\n",
	} {
		id := fmt.Sprint(100 + i)
		body := "{\"jsonrpc\":\"2.0\",\r\n  \"id\":" + id + ",\n\t\"method\":\"tools/call\",\"params\":\n{\"name\":\"s__echo\",\"arguments\":{\"message\":\"x\"}}}"
		c.SendBytes(fmt.Appendf(nil, head+"%s", len(body), body))
		if m, ok := c.Wait(10*time.Second, func(m mcptest.Message) bool { return m.ID == id }); !ok || !strings.Contains(string(m.Result), "Echo: x") {
			t.Errorf("%q: %s", head, m.Raw)
		}
	}
	if !c.GotContentLength() {
		t.Error("fell back to lines")
	}
}

// TestNothingHeldBack: what follows a message in the same piece of input, but is no whole message yet, does not delay its
// answer.
func TestNothingHeldBack(t *testing.T) {
	t.Parallel()
	for _, framing := range []string{"lines", "Content-Length"} {
		var options []mcptest.ClientOption
		frame := func(id string) string { return `{"jsonrpc":"2.0","id":` + id + `,"method":"ping"}` + "\n" }
		rests := []string{"\n", "\r\n\r\n", " \n", "\n{", `{"jsonrpc":"2.0",`}
		if framing == "Content-Length" {
			options = append(options, mcptest.ContentLength())
			line := frame
			frame = func(id string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(line(id)), line(id)) }
			rests = []string{"\r\n", "\n\n", "Content-", "Content-Length: 9\r\n", "Content-Length: 9\r\n\r\n", "Content-Length: 9\r\n\r\n{}"}
		}
		for i, rest := range rests {
			c := newHome(t).configure(nil).start(options...)
			c.Initialize("", "")
			c.SendBytes([]byte(frame(`"a"`) + frame(`"b"`) + rest))
			for _, id := range []string{`"a"`, `"b"`} {
				if _, ok := c.Wait(5*time.Second, answerTo(id)); !ok {
					t.Errorf("%s, case %d: %s is not answered while %q is to be completed", framing, i, id, rest)
				}
			}
			c.Close()
		}
	}
}

// TestNoiseHoldsNothingBack: likewise what a server writes behind a message and is none.
func TestNoiseHoldsNothingBack(t *testing.T) {
	t.Parallel()
	const tick = `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","logger":"s","data":"tick"}}`
	for _, rest := range []string{"\n", "\nnoise\n", "\n\n\n", "\n{\"jsonrpc\":", "\n" + `{"jsonrpc":"2.0","id":7777,"result":{}}` + "\n"} {
		c := proxied(t, "", mcptest.Server{})
		c.Tool("s__echo", map[string]any{"message": "start"})
		c.Send(rawCall("5", "s__frame", `{"noNewline":true,"line":`+jsonText(tick+rest)+`}`))
		if _, ok := c.Wait(5*time.Second, func(m mcptest.Message) bool { return string(m.Raw) == tick }); !ok {
			t.Errorf("the message did not come while %q stood behind it", rest)
		}
		c.Close()
	}
}

// TestDepth: as many levels pass as every client and server reads, in a request and in a result. One more costs that message.
func TestDepth(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{})
	nested := func(open, inner, shut string, depth int) string {
		return strings.Repeat(open, depth) + inner + strings.Repeat(shut, depth)
	}
	const most = jsonrpc.MaxDepth - 2 // the message, and its result or params
	want := `{"content":[],"structuredContent":` + nested("[", "", "]", most) + `}`
	if r := c.Tool("s__raw", map[string]any{"line": want}); string(r.Result) != want {
		t.Errorf("result: %.200s", r.Raw)
	}
	objects := nested(`{"a":`, "1", "}", most-1) // the arguments
	c.CallRaw(`{"jsonrpc":"2.0","id":70,"method":"tools/call","params":{"name":"s__echo","arguments":{"message":"m","deep":` + objects + `}}}`)
	if got := said(c.Tool("s__last", map[string]any{"method": "tools/call", "tool": "echo"})); !strings.Contains(got, `,"deep":`+objects+`}}}`) {
		t.Errorf("request: %.200s", got)
	}
	for _, depth := range []int{most + 1, 200, 1000, 9000, 100_000, 10_000_000} {
		for _, deep := range []string{nested("[", "", "]", depth), nested(`{"a":`, "1", "}", min(depth, 9000))} {
			if depth <= 9000 { // the scripted server reads no more; it sends what it is given as text
				if r := c.Tool("s__raw", map[string]any{"line": `{"content":[],"structuredContent":` + deep + `}`}); !strings.Contains(said(r), "nested too deeply") {
					t.Errorf("a result of %d levels: %.200s", depth, r.Raw)
				}
			}
			r := c.CallRaw(`{"jsonrpc":"2.0","id":"deep","method":"tools/call","params":{"name":"s__echo","arguments":{"message":"m","deep":` + deep + `}}}`)
			if e := r.RPCError(); e == nil || e.Code != -32600 || !strings.Contains(e.Message, "nested too deeply") {
				t.Errorf("a request of %d levels: %.200s", depth, r.Raw)
			}
		}
	}
}

// TestTooLarge: a message above the limit costs only itself, with an error that names its id, wherever the id stands.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{})
	text := mcptest.Text(jsonrpc.MaxMessage)
	first := c.CallRaw(`{"jsonrpc":"2.0","id":"big","method":"tools/call","params":{"name":"s__echo","arguments":{"message":"` + text + `"}}}`)
	last := c.CallRaw(`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"s__echo","arguments":{"message":"` + text + `"}},"id":-7}`)
	for _, r := range []mcptest.Response{first, last} {
		if e := r.RPCError(); e == nil || e.Code != -32600 || !strings.Contains(e.Message, "67108864") {
			t.Errorf("%.300s", r.Raw)
		}
	}
	if got := said(c.Tool("s__count", nil)); !strings.Contains(got, `"tools/call":1`) {
		t.Errorf("the large calls arrived: %s", got)
	}
}
