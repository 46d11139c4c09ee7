package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// able are the capabilities of a client that can do everything.
const able = `{"roots":{"listChanged":true},"sampling":{"tools":{},"context":{}},"elicitation":{"form":{},"url":{}},` +
	`"tasks":{"list":{},"cancel":{},"requests":{"sampling":{"createMessage":{}},"elicitation":{"create":{}}}}}`

// answering makes the client answer a method with raw results, in turn, and gives what it was asked.
func answering(c *mcptest.Client, method string, results ...string) (asked func() []string) {
	var mu sync.Mutex
	var params []string
	c.Handle(method, func(p json.RawMessage) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		params = append(params, string(p))
		return json.RawMessage(results[min(len(params), len(results))-1]), nil
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return params
	}
}

// ask lets server s send a request to the client and gives the client's answer as the server got it.
func ask(c *mcptest.Client, method, params string) string {
	return said(c.Tool("s__ask", map[string]any{"method": method, "params": json.RawMessage(params)}))
}

// TestAskBytes: what a server asks, and what the client answers, pass byte for byte, whatever the method.
func TestAskBytes(t *testing.T) {
	t.Parallel()
	c := proxied(t, able, mcptest.Server{})
	n := 0
	for _, one := range []struct{ method, params, result string }{
		{"sampling/createMessage", `{"messages":[{"role":"user","content":[{"type":"tool_result","toolUseId":"t","content":[]}]}],"maxTokens":100,"temperature":0,"tools":[{"name":"x","inputSchema":{"type":"object","$defs":{}}}],"toolChoice":{"mode":"auto"},"x":1.0,"_meta":{"v":9007199254740993}}`,
			`{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"x","input":{"n":9007199254740993}}],"model":"m<&>","stopReason":"toolUse","x":1e400}`},
		{"elicitation/create", `{"message":"form, as before 2025-11-25","requestedSchema":{"type":"object","properties":{"e":{"type":"string","oneOf":[{"const":"a","title":"A"}]}}}}`, `{"action":"accept","content":{"e":"a","f":1.0}}`},
		{"elicitation/create", `{"mode":"form","message":"m","requestedSchema":{"type":"object","properties":{}}}`, `{"action":"decline"}`},
		{"elicitation/create", `{"mode":"form","message":"m","requestedSchema":{"type":"object","properties":{}}}`, `{"action":"cancel","_meta":{"x":null}}`},
		{"elicitation/create", `{"mode":"url","message":"m","elicitationId":"e-1","url":"https://example.com/?a=b&c=%20"}`, `{"action":"accept"}`},
		{"roots/list", `{}`, `{"roots":[{"uri":"file:///a%20b","name":"n","x":[1]}]}`},
		{"vendor/unknown", `{"a":[1.0],"z":{}}`, `{"n":null}`},
	} {
		asked := answering(c, one.method, one.result)
		got := ask(c, one.method, one.params)
		if want := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":%s}`, n, one.result); got != want {
			t.Errorf("%s:\nthe server expects %s\n          and got %s", one.method, want, got)
		}
		want := one.params
		if one.method == "elicitation/create" { // a person is told who asks
			want = strings.Replace(want, `"message":"`, `"message":"[s] `, 1)
		}
		if sent := asked(); len(sent) != 1 || sent[0] != want {
			t.Errorf("%s:\nthe server asked %s\nthe client got %s", one.method, one.params, sent)
		}
		n++ // the server's ids count from 0
	}
	r := c.Tool("s__elicit", map[string]any{"mode": "url", "complete": true})
	if !strings.Contains(r.Text(), `"accept"`) && !strings.Contains(r.Text(), `"cancel"`) {
		t.Errorf("%s", r.Raw)
	}
	if done := c.WaitNotifications("notifications/elicitation/complete", 1, 5*time.Second); len(done) == 1 && !strings.Contains(string(done[0].Params), `"elicitationId":"s-eid-`) {
		t.Errorf("%s", done[0].Raw)
	}
}

// TestAskErrors: the client's error reaches the server with its code, data and unknown fields.
func TestAskErrors(t *testing.T) {
	t.Parallel()
	c := proxied(t, able, mcptest.Server{})
	c.Handle("sampling/createMessage", func(json.RawMessage) (any, error) {
		return nil, &mcptest.RPCError{Code: -1, Message: "User rejected <it>", Data: json.RawMessage(`{"n":9007199254740993}`)}
	})
	if got, want := ask(c, "sampling/createMessage", `{"messages":[],"maxTokens":1}`), `{"jsonrpc":"2.0","id":0,"error":{"code":-1,"message":"User rejected <it>","data":{"n":9007199254740993}}}`; got != want {
		t.Errorf("want %s\n got %s", want, got)
	}
	c.Handle("elicitation/create", func(json.RawMessage) (any, error) { return nil, errors.New("no") })
	if got := ask(c, "elicitation/create", `{"message":"m","requestedSchema":{}}`); !strings.Contains(got, `"code":-32603`) || !strings.Contains(got, `"id":1`) {
		t.Errorf("got %s", got)
	}
	if got := ask(c, "no/handler", `{}`); !strings.Contains(got, `"code":-32601`) || !strings.Contains(got, `"id":2`) {
		t.Errorf("got %s", got)
	}
}

// TestAskUndeclared: what the client did not declare is refused to the server and never reaches the client.
func TestAskUndeclared(t *testing.T) {
	t.Parallel()
	for declared, methods := range map[string][]string{
		`{}`:                 {"sampling/createMessage", "elicitation/create", "roots/list", "tasks/list", "tasks/get", "tasks/result", "tasks/cancel"},
		`{"elicitation":{}}`: {"sampling/createMessage", "roots/list"},
		`{"sampling":{}}`:    {"elicitation/create", "roots/list"},
		`{"roots":null}`:     {"roots/list"},
	} {
		c := proxied(t, declared, mcptest.Server{})
		for _, method := range methods {
			if got := ask(c, method, `{"taskId":"t"}`); !strings.Contains(got, `"error":{"code":-326`) {
				t.Errorf("%s with %s: %s", method, declared, got)
			}
		}
		for _, m := range c.Received() {
			if m.Method != "" && m.ID != "" {
				t.Errorf("the client was asked: %s", m.Raw)
			}
		}
		// The server was told what the client can, and no more.
		if got := last(c, "s", "initialize"); !strings.Contains(got, `"capabilities":`+declared+`,`) {
			t.Errorf("%s was declared as %s", declared, got)
		}
	}
}

// TestAskAtOnce: two servers ask with the same id at the same time; each gets its own answer.
func TestAskAtOnce(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"a": quickly(mcptest.Server{}), "b": quickly(mcptest.Server{})}).initialized(able)
	var together sync.WaitGroup
	together.Add(2)
	c.Handle("elicitation/create", func(p json.RawMessage) (any, error) {
		together.Done()
		together.Wait()
		var q struct{ Message string }
		err := json.Unmarshal(p, &q)
		return map[string]any{"action": "accept", "content": map[string]any{"for": q.Message}}, err
	})
	var all sync.WaitGroup
	for _, server := range []string{"a", "b"} {
		all.Go(func() {
			got := said(c.Tool(server+"__ask", map[string]any{"method": "elicitation/create", "params": map[string]any{"message": server, "requestedSchema": map[string]any{}}}))
			if want := `{"jsonrpc":"2.0","id":0,"result":{"action":"accept","content":{"for":"[` + server + `] ` + server + `"}}}`; got != want {
				t.Errorf("want %s\n got %s", want, got)
			}
		})
	}
	all.Wait()
	ids := map[string]bool{}
	for _, m := range c.Received() {
		if m.Method == "elicitation/create" {
			ids[m.ID] = true
		}
	}
	if len(ids) != 2 {
		t.Errorf("the client saw the ids %v", ids)
	}
}

// TestAskCancelled: a server takes its request back; the client is told under the id that it knows, and its late answer
// goes nowhere.
func TestAskCancelled(t *testing.T) {
	t.Parallel()
	c := proxied(t, able, mcptest.Server{})
	answer := make(chan bool)
	c.Handle("elicitation/create", func(json.RawMessage) (any, error) {
		<-answer
		return map[string]any{"action": "accept"}, nil
	})
	go func() {
		c.WaitNotifications("notifications/cancelled", 1, 10*time.Second)
		close(answer)
	}()
	if got := said(c.Tool("s__ask-slow", map[string]any{"ms": 300})); got != "cancelled" {
		t.Errorf("%s", got)
	}
	asked, ok := c.Wait(0, func(m mcptest.Message) bool { return m.Method == "elicitation/create" })
	told := c.Notifications("notifications/cancelled")
	if !ok || len(told) != 1 || string(told[0].Raw) != `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+asked.ID+`,"reason":"no longer needed"}}` {
		t.Errorf("asked with id %s, told %v", asked.ID, told)
	}
}

// TestAskProgress: the client's progress on a server's request comes to that server under its own token.
func TestAskProgress(t *testing.T) {
	t.Parallel()
	c := proxied(t, able, mcptest.Server{})
	for _, token := range []string{`"srv <tok>"`, `0`, `9007199254740993`} {
		c.Handle("sampling/createMessage", func(p json.RawMessage) (any, error) {
			var q struct {
				Meta struct{ ProgressToken json.RawMessage } `json:"_meta"`
			}
			if err := json.Unmarshal(p, &q); err != nil {
				return nil, err
			}
			c.Send(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":0.5,"progressToken":` + string(q.Meta.ProgressToken) + `,"x":1.0}}`)
			return struct{}{}, nil
		})
		ask(c, "sampling/createMessage", `{"messages":[],"_meta":{"a":1,"progressToken":`+token+`}}`)
		if got, want := last(c, "s", "notifications/progress"), `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":0.5,"progressToken":`+token+`,"x":1.0}}`; got != want {
			t.Errorf("want %s\n got %s", want, got)
		}
	}
}

// TestAskSlowPerson: an answer may take its time, and other calls go on meanwhile.
func TestAskSlowPerson(t *testing.T) {
	t.Parallel()
	c := proxied(t, able, mcptest.Server{})
	c.Handle("elicitation/create", func(json.RawMessage) (any, error) {
		if got := said(c.Tool("s__echo", map[string]any{"message": "meanwhile"})); got != "Echo: meanwhile" {
			t.Error(got)
		}
		time.Sleep(2 * time.Second)
		return map[string]any{"action": "accept", "content": map[string]any{"name": "slow"}}, nil
	})
	if got := said(c.Tool("s__elicit", nil)); !strings.Contains(got, `"name":"slow"`) {
		t.Error(got)
	}
}

// TestRoots: servers ask the client itself, and a change reaches all that run.
func TestRoots(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"a": quickly(mcptest.Server{}), "b": quickly(mcptest.Server{})}).initialized(able)
	const first, second = `{"roots":[{"uri":"file:///one","name":"One","x":1.0}]}`, `{"roots":[]}`
	answering(c, "roots/list", first)
	for _, server := range []string{"a", "b"} {
		if got := said(c.Tool(server+"__roots", nil)); got != `{"jsonrpc":"2.0","id":0,"result":`+first+`}` {
			t.Errorf("%s: %s", server, got)
		}
	}
	answering(c, "roots/list", second)
	c.Send(`{"jsonrpc":"2.0","method":"notifications/roots/list_changed","params":{"_meta":{"x":1.0}}}`)
	for _, server := range []string{"a", "b"} {
		if got := last(c, server, "notifications/roots/list_changed"); got != `{"jsonrpc":"2.0","method":"notifications/roots/list_changed","params":{"_meta":{"x":1.0}}}` {
			t.Errorf("%s was told %s", server, got)
		}
		if got := said(c.Tool(server+"__roots", nil)); got != `{"jsonrpc":"2.0","id":1,"result":`+second+`}` {
			t.Errorf("%s: %s", server, got)
		}
	}
}

// TestPing is answered by the proxy, to both sides.
func TestPing(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{})
	if got := ask(c, "ping", `{}`); got != `{"jsonrpc":"2.0","id":0,"result":{}}` {
		t.Error(got)
	}
	for _, m := range c.Received() {
		if m.Method == "ping" {
			t.Error("the server's ping reached the client")
		}
	}
}
