package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

type progressParams struct {
	ProgressToken json.RawMessage
	Progress      int
}

func progressOf(t *testing.T, m mcptest.Message) progressParams {
	t.Helper()
	var p progressParams
	if err := json.Unmarshal(m.Params, &p); err != nil {
		t.Fatalf("%v: %s", err, m.Raw)
	}
	return p
}

func progressCall(id, tool string, steps int, token string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"%s","arguments":{"steps":%d},"_meta":{"progressToken":%s}}}`, id, tool, steps, token)
}

// TestProgress comes whole, in order, before its result, under the very token that the client gave.
func TestProgress(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{})
	for i, token := range []string{`7`, `"tok"`, `0`, `""`, `-1`, `1.5`, `9007199254740993`, `"7"`, `"\u0037\ud800<"`} {
		before := len(c.Received())
		id := fmt.Sprint(1000 + i)
		if r := c.CallRaw(progressCall(id, "s__progress", 5, token)); r.Text() != "done 5" {
			t.Errorf("%s: %s", token, r.Raw)
		}
		got := c.Received()[before:]
		if len(got) != 6 || got[5].ID != id {
			t.Errorf("token %s: %d messages, not 5 of progress and then the result", token, len(got))
			continue
		}
		for n, m := range got[:5] {
			want := fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":%d,"total":5,"message":"step %d"}}`, token, n+1, n+1)
			if string(m.Raw) != want {
				t.Errorf("want %s\n got %s", want, m.Raw)
			}
		}
	}
}

// TestSharedToken: two calls, at two servers, under one token; each has its progress.
func TestSharedToken(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"a": quickly(mcptest.Server{}), "b": quickly(mcptest.Server{})}).initialized("")
	var all sync.WaitGroup
	for i, tool := range []string{"a__progress", "b__progress", "a__progress"} {
		all.Go(func() { c.CallRaw(progressCall(fmt.Sprint(2000+i), tool, 4, `"same"`)) })
	}
	all.Wait()
	sum := 0
	for _, m := range c.Notifications("notifications/progress") {
		p := progressOf(t, m)
		if string(p.ProgressToken) != `"same"` {
			t.Errorf("%s", m.Raw)
		}
		sum += p.Progress
	}
	if sum != 3*(1+2+3+4) {
		t.Errorf("progress sums up to %d", sum)
	}
}

// TestQuickProgress: five thousand notifications at once arrive, in order, before the result.
func TestQuickProgress(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{Capabilities: json.RawMessage(strings.TrimSuffix(quick, "}") + `,"experimental":{"vendor/tick":{}}}`)})
	const n = 5000
	r := c.CallRaw(progressCall("1", "s__progress", n, "1"))
	next, ended := 1, false
	for _, m := range c.Received() {
		switch {
		case m.Method == "notifications/progress":
			if p := progressOf(t, m); p.Progress != next || ended {
				t.Fatalf("%s where %d is due (after the result: %v)", m.Raw, next, ended)
			}
			next++
		case m.ID == "1" && m.Result != nil && strings.Contains(string(m.Result), "done"):
			ended = true
		}
	}
	if next != n+1 || !ended {
		t.Errorf("%d of %d came; %s", next-1, n, r.Raw)
	}
	// Notifications that the proxy does not know pass likewise, if they belong to a capability of the server that was approved.
	c.Tool("s__notify", map[string]any{"method": "notifications/vendor/tick", "count": n})
	ticks := c.WaitNotifications("notifications/vendor/tick", n, 10*time.Second)
	for i, m := range ticks {
		if want := fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/vendor/tick","params":{"seq":%d}}`, i); string(m.Raw) != want {
			t.Fatalf("want %s, got %s", want, m.Raw)
		}
	}
}

// TestNoProgressAfterTheResult, nor under a token that another server was given, nor under one never given.
func TestNoProgressAfterTheResult(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"a": quickly(mcptest.Server{}), "b": quickly(mcptest.Server{})}).initialized("")
	c.CallRaw(progressCall("1", "a__progress", 1, `"done"`))
	var sent struct {
		Params struct {
			Meta struct{ ProgressToken int } `json:"_meta"`
		}
	}
	if err := json.Unmarshal([]byte(said(c.Tool("a__last", map[string]any{"method": "tools/call", "tool": "progress"}))), &sent); err != nil {
		t.Fatal(err)
	}
	token := sent.Params.Meta.ProgressToken
	late := func(server string, token int) {
		c.Tool(server+"__notify", map[string]any{"method": "notifications/progress", "params": map[string]any{"progressToken": token, "progress": 99}})
	}
	late("a", token)
	late("a", token+1000)
	c.Send(strings.Replace(progressCall("5", "a__sleep", 0, `"open"`), `"steps":0`, `"ms":1500`, 1)) // a call of a's is open …
	c.Tool("a__count", nil)
	late("b", token+1) // … whose token b guesses
	late("a", token+1)
	got := c.Notifications("notifications/progress")
	if len(got) != 2 || string(progressOf(t, got[1]).ProgressToken) != `"open"` {
		t.Errorf("%d notifications", len(got))
		for _, m := range got {
			t.Errorf("%s", m.Raw)
		}
	}
}

// TestLogging: the level reaches every server, those that start later too, and their messages arrive, in order.
func TestLogging(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"a": quickly(mcptest.Server{}), "b": quickly(mcptest.Server{})}).initialized("")
	c.Tool("a__echo", map[string]any{"message": "start"})
	if r := c.Call("logging/setLevel", map[string]any{"level": "warning"}); string(r.Result) != "{}" {
		t.Errorf("%s", r.Raw)
	}
	for _, server := range []string{"a", "b"} { // b starts only now
		if got := said(c.Tool(server+"__log", map[string]any{"level": "info"})); got != "below warning" {
			t.Errorf("%s: %s", server, got)
		}
		c.Tool(server+"__log", map[string]any{"level": "error", "text": "<&> é", "count": 300})
	}
	logs := c.WaitNotifications("notifications/message", 600, 10*time.Second)
	for i, m := range logs {
		want := fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","logger":"%s","data":{"text":"<&> é","seq":%d}}}`, []string{"a", "b"}[i/300], i%300)
		if string(m.Raw) != want {
			t.Fatalf("want %s\n got %s", want, m.Raw)
		}
	}
	if e := c.Call("logging/setLevel", map[string]any{"level": "loud"}).RPCError(); e == nil || e.Code != -32602 {
		t.Errorf("unknown level: %v", e)
	}
	if e := c.Call("logging/setLevel", nil).RPCError(); e == nil || e.Code != -32602 {
		t.Errorf("no level: %v", e)
	}
	if got := said(c.Tool("a__log", map[string]any{"level": "info"})); got != "below warning" {
		t.Errorf("a bad level counted: %s", got)
	}
}
