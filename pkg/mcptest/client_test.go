package mcptest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestContentLength(t *testing.T) {
	c := StartServer(t, Server{}, ContentLength())
	c.Initialize("", "")
	if got := c.Tool("echo", map[string]any{"message": "ü\n"}).Text(); got != "Echo: ü\n" || !c.GotContentLength() {
		t.Errorf("%q, framed %v", got, c.GotContentLength())
	}
	c.SendBytes([]byte("content-length:40\nX: y\r\n\r\n" + `{"jsonrpc":"2.0","id":"q","method":"ping"` + "}")) // one byte short of the body
	c.Close()
	if _, ok := c.Wait(time.Second, func(m Message) bool { return m.ID == "null" && m.Error != nil }); !ok {
		t.Error("a cut body was not refused")
	}
}

// Requests of the server are answered by handlers, and the server tells what it got.
func TestRequestsOfTheServer(t *testing.T) {
	c := Pipe(t, Server{})
	c.Initialize(`{"roots":{},"sampling":{},"elicitation":{}}`, "")
	c.Handle("roots/list", func(json.RawMessage) (any, error) {
		return json.RawMessage(`{"roots":[{"uri":"file:///<&>","n":9007199254740993}]}`), nil
	})
	c.Handle("sampling/createMessage", func(params json.RawMessage) (any, error) {
		return nil, &RPCError{Code: -1, Message: "User rejected <it>", Data: json.RawMessage(`{"n":9007199254740993}`)}
	})
	c.Handle("elicitation/create", func(params json.RawMessage) (any, error) {
		return map[string]any{"action": "accept", "asked": params}, nil
	})
	c.Handle("x/fails", func(json.RawMessage) (any, error) { return nil, errors.New("plain") })
	for _, tc := range []struct {
		tool string
		args map[string]any
		want string
	}{
		{"roots", nil, `{"jsonrpc":"2.0","id":0,"result":{"roots":[{"uri":"file:///<&>","n":9007199254740993}]}}`},
		{"sample", nil, `{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"User rejected <it>","data":{"n":9007199254740993}}}`},
		{"elicit", map[string]any{"params": json.RawMessage(`{"mode":"form","x":1}`)}, `{"jsonrpc":"2.0","id":2,"result":{"action":"accept","asked":{"mode":"form","x":1}}}`},
		{"ask", map[string]any{"method": "x/fails"}, `{"jsonrpc":"2.0","id":3,"error":{"code":-32603,"message":"plain"}}`},
		{"ask", map[string]any{"method": "x/none"}, `{"jsonrpc":"2.0","id":4,"error":{"code":-32601,"message":"Method not found"}}`},
		{"ask", map[string]any{"method": "ping"}, `{"jsonrpc":"2.0","id":5,"result":{}}`},
	} {
		if got := c.Tool(tc.tool, tc.args).Text(); got != tc.want {
			t.Errorf("%s: %s\nwant %s", tc.tool, got, tc.want)
		}
	}
	r := c.CallRaw(`{"jsonrpc":"2.0","id":"u","method":"tools/call","params":{"name":"elicit","arguments":{"mode":"url","complete":true}}}`)
	done := c.WaitNotifications("notifications/elicitation/complete", 1, time.Second)
	if !strings.Contains(r.Text(), `"elicitationId":"mcptest-eid-u"`) || string(done[0].Params) != `{"elicitationId":"mcptest-eid-u"}` {
		t.Errorf("url: %s, %s", r.Text(), done[0].Params)
	}
	if e := c.Tool("urlelicit", nil).RPCError(); e == nil || e.Code != -32042 || !strings.Contains(string(e.Data), "mcptest-eid-1") {
		t.Errorf("urlelicit: %v", e)
	}
}

func TestAskSlow(t *testing.T) {
	c := Pipe(t, Server{})
	c.Initialize("", "")
	release := make(chan struct{})
	c.Handle("elicitation/create", func(json.RawMessage) (any, error) {
		<-release
		return struct{}{}, nil
	})
	if got := c.Tool("ask-slow", map[string]any{"ms": 30}).Text(); got != "cancelled" {
		t.Error(got)
	}
	if got := c.WaitNotifications("notifications/cancelled", 1, time.Second); string(got[0].Params) != `{"requestId":0,"reason":"no longer needed"}` {
		t.Errorf("%s", got[0].Params)
	}
	close(release)
	if got := c.Tool("ask-slow", map[string]any{"ms": 200}).Text(); !strings.HasPrefix(got, "answered before") {
		t.Error(got)
	}
}

func TestNotificationsOfTheServer(t *testing.T) {
	c := Pipe(t, Server{Name: "n"})
	c.Initialize("", "")
	c.Tool("notify", map[string]any{"method": "notifications/x", "count": 5000})
	for i, m := range c.WaitNotifications("notifications/x", 5000, 5*time.Second) {
		if want := `{"seq":` + string(c.marshal(i)) + `}`; string(m.Params) != want {
			t.Fatalf("%s, want %s", m.Params, want)
		}
	}
	c.Tool("notify", map[string]any{"method": "notifications/y", "params": json.RawMessage(`{"b":1.0,"a":1}`)})
	if got := c.Notifications("notifications/y"); len(got) != 1 || string(got[0].Params) != `{"b":1.0,"a":1}` {
		t.Errorf("%v", got)
	}
	c.Tool("log", map[string]any{"level": "debug", "text": "all"})
	if e := c.Call("logging/setLevel", map[string]any{"level": "loud"}).RPCError(); e == nil {
		t.Error("an unknown level is taken")
	}
	c.Call("logging/setLevel", map[string]any{"level": "warning"})
	c.Tool("log", map[string]any{"level": "info", "text": "below"})
	c.Tool("log", map[string]any{"level": "error", "text": "above", "count": 2})
	if got := c.Notifications("notifications/message"); len(got) != 3 || string(got[2].Params) != `{"level":"error","logger":"n","data":{"text":"above","seq":1}}` {
		t.Errorf("%v", got)
	}
}

func TestSubscriptions(t *testing.T) {
	c := Pipe(t, Server{})
	c.Initialize("", "")
	uri := map[string]any{"uri": "test://static/1"}
	for _, step := range []struct {
		method, told, subs string
	}{
		{"ping", "told 0", "[]"},
		{"resources/subscribe", "told 1", `["test://static/1"]`},
		{"resources/unsubscribe", "told 0", "[]"},
	} {
		c.Call(step.method, uri)
		if got, subs := c.Tool("touch", uri).Text(), c.Tool("subscriptions", nil).Text(); got != step.told || subs != step.subs {
			t.Errorf("%s: %s, %s", step.method, got, subs)
		}
	}
	if got := c.Notifications("notifications/resources/updated"); len(got) != 1 || string(got[0].Params) != `{"uri":"test://static/1"}` {
		t.Errorf("%v", got)
	}
}

func TestTellingAboutItself(t *testing.T) {
	t.Setenv("MCPTEST_PROBE", "a=b")
	c := StartServer(t, Server{})
	var env map[string]string
	if err := json.Unmarshal([]byte(c.Tool("env", nil).Text()), &env); err != nil || env["MCPTEST_PROBE"] != "a=b" {
		t.Errorf("env %v %v", env, err)
	}
	if got := c.Tool("pid", nil).Text(); got != string(c.marshal(c.Pid())) {
		t.Errorf("pid %s, is %d", got, c.Pid())
	}
	if got := c.Tool("args", nil).Text(); got != `["-test.run=^$"]` {
		t.Errorf("args %s", got)
	}
	if c.Tool("cwd", nil).Text() == "" {
		t.Error("no cwd")
	}
	c.Tool("incr", nil)
	if got := c.Tool("incr", nil).Text(); got != "2" {
		t.Errorf("incr %s", got)
	}
	c.Tool("stderr", map[string]any{"text": "hear", "count": 2})
	c.Close()
	if c.Stderr() != "hear\nhear\n" {
		t.Errorf("stderr %q", c.Stderr())
	}
}

func TestSameIDTwice(t *testing.T) {
	c := Pipe(t, Server{})
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	a := c.begin("1", []byte(`{"jsonrpc":"2.0","id":1,"method":"x/a","params":{"n":1}}`))
	b := c.begin("1", []byte(`{"jsonrpc":"2.0","id":1,"method":"x/b","params":{"n":2}}`))
	first, _ := a(ctx)
	second, _ := b(ctx)
	if string(first.Result) != `{"n":1}` || string(second.Result) != `{"n":2}` {
		t.Errorf("%s, %s", first.Raw, second.Raw)
	}
}

func TestUnrecorded(t *testing.T) {
	c := Pipe(t, Server{}, Unrecorded())
	c.Call("ping", nil)
	c.Tool("notify", map[string]any{"method": "notifications/x"})
	if got := c.Received(); len(got) != 1 || got[0].Method != "notifications/x" {
		t.Errorf("%v", got)
	}
}
