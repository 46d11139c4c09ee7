package upstream

import (
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// TestFrame: of a request only the id, the progress token and the name are replaced.
func TestFrame(t *testing.T) {
	for _, one := range []struct{ raw, rename, want string }{
		{`{"jsonrpc":"2.0","id":"é","method":"m"}`, "", `{"jsonrpc":"2.0","id":7,"method":"m"}`},
		{`{ "params" : {"name":"a__b", "_meta":{"x":1.0,"progressToken":"p"}},"id":-1.5,"jsonrpc":"2.0","method":"m"}`, `"b"`,
			`{ "params" : {"name":"b", "_meta":{"x":1.0,"progressToken":3}},"id":7,"jsonrpc":"2.0","method":"m"}`},
	} {
		m, err := jsonrpc.Parse([]byte(one.raw))
		if err != nil {
			t.Fatal(err)
		}
		c := &Call{Request: &mcp.Request{Message: &m}, id: 7}
		if c.Request.Params, err = mcp.ReadParams(&m); err != nil {
			t.Fatal(err)
		}
		if c.Request.Params.Token.End != 0 {
			c.token = 3
		}
		if one.rename != "" {
			c.Rename = jsonrpc.Edit{At: c.Request.Params.Name, With: []byte(one.rename)}
		}
		if got := string(c.frame().Join()); got != one.want {
			t.Errorf("got  %s\nwant %s", got, one.want)
		}
	}
}

// withToken is a call that gives a progress token.
func withToken(t *testing.T, method string) *Call {
	t.Helper()
	m, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{"_meta":{"progressToken":"mine"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := mcp.ReadParams(&m)
	if err != nil {
		t.Fatal(err)
	}
	return &Call{Method: method, Request: &mcp.Request{Message: &m, Params: p}}
}

// TestProgressTokens: the instance numbers them, whoever gave them; each is good until its call is over, that of a task
// until it is forgotten, or its server ends.
func TestProgressTokens(t *testing.T) {
	s := &script{mute: map[string]bool{"x/never": true}}
	in, _ := newServer(t, s, nil)
	works(t, in) // without a token: none is spent
	one, _ := doCall(in, withToken(t, "x/never"))
	two, _ := doCall(in, withToken(t, "x/never"))
	for token, want := range map[string]*Call{"1": one, `"2"`: two, "2.0": two, "3": nil, `"mine"`: nil, "0": nil} {
		if got := in.Progress([]byte(token)); got != want {
			t.Errorf("token %s: %p, want %p", token, got, want)
		}
	}
	if !cancel(t, one) || in.Progress([]byte("1")) != nil {
		t.Error("the token of a cancelled call is still good")
	}
	answered, out := doCall(in, withToken(t, "x/ask"))
	if wait(t, out); answered.token != 3 || in.Progress([]byte("3")) != nil {
		t.Error("the token of an answered call is still good")
	}
	task := withToken(t, "x/ask")
	task.Task = true
	if _, out = doCall(in, task); wait(t, out).err != nil || in.Progress([]byte("4")) != task {
		t.Error("the token of a task is not good any more")
	}
	if in.Forget(task); in.Progress([]byte("4")) != nil {
		t.Error("the token of a forgotten task is still good")
	}
	again := withToken(t, "x/ask")
	again.Task = true
	_, out = doCall(in, again)
	wait(t, out)
	s.last().die(errBoom)
	until(t, "it has ended", func() bool { return in.Status().State == Idle })
	if in.Progress([]byte("5")) != nil {
		t.Error("the token of a task outlives its server")
	}
}

// TestCancelBeforeDo: a cancellation between finding the server and giving it the call is not lost.
func TestCancelBeforeDo(t *testing.T) {
	s := &script{}
	in, _ := newServer(t, s, nil)
	works(t, in)
	c := newCall(t, "x/cancelled")
	if !cancel(t, c) || c.End() || cancel(t, c) {
		t.Error("want it cancelled, once")
	}
	in.Do(c)
	works(t, in)
	if s.count("x/cancelled")+s.count("notifications/cancelled") != 0 {
		t.Errorf("the server was told: %v", s.got)
	}
}

// TestReplyToAnEarlierRun: a server that was started again does not get the answer to a request of the process before
// it.
func TestReplyToAnEarlierRun(t *testing.T) {
	s := &script{}
	in, _ := newServer(t, s, nil)
	works(t, in)
	run := in.Run()
	in.Reply(run, jsonrpc.Whole(jsonrpc.NewNotification("x/now", nil)))
	s.last().die(errBoom)
	until(t, "it has ended", func() bool { return in.Status().State == Idle })
	in.Reply(run, jsonrpc.Whole(jsonrpc.NewNotification("x/idle", nil)))
	works(t, in)
	in.Reply(run, jsonrpc.Whole(jsonrpc.NewNotification("x/later", nil)))
	works(t, in)
	if got := strings.Join(s.got, " "); !strings.Contains(got, "x/now") || strings.Contains(got, "x/idle") || strings.Contains(got, "x/later") {
		t.Error(got)
	}
}
