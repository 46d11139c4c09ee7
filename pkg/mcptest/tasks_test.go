package mcptest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func startJob(c *Client, args string) string {
	r := c.Call("tools/call", json.RawMessage(`{"name":"job","arguments":`+args+`,"task":{"ttl":60000}}`))
	return unquote(member(member(r.Result, "task"), "taskId"))
}

func taskStatus(c *Client, id string) string {
	return unquote(member(c.Call("tasks/get", map[string]any{"taskId": id}).Result, "status"))
}

func TestTasks(t *testing.T) {
	c := Pipe(t, Server{Name: "n"})
	c.Initialize(`{"elicitation":{}}`, "")
	id := startJob(c, `{"ms":30,"text":"a"}`)
	if id != "n-task-1" || taskStatus(c, id) != "working" {
		t.Errorf("%q is %q", id, taskStatus(c, id))
	}
	r := c.Call("tasks/result", map[string]any{"taskId": id})
	if r.Text() != "job done: a" || string(member(r.Result, "_meta")) != `{"io.modelcontextprotocol/related-task":{"taskId":"n-task-1"}}` {
		t.Errorf("%s", r.Raw)
	}
	if got := taskStatus(c, id); got != "completed" {
		t.Error(got)
	}
	c.WaitNotifications("notifications/tasks/status", 1, time.Second)
	if e := c.Call("tasks/cancel", map[string]any{"taskId": id}).RPCError(); e == nil || e.Code != -32602 {
		t.Errorf("cancel of a finished task: %v", e)
	}

	long := startJob(c, `{"ms":60000}`)
	if got := c.Call("tasks/cancel", map[string]any{"taskId": long}); unquote(member(got.Result, "status")) != "cancelled" {
		t.Errorf("%s", got.Raw)
	}
	if e := c.Call("tasks/result", map[string]any{"taskId": long}).RPCError(); e == nil {
		t.Error("a cancelled task has a result")
	}
	if got := c.List("tasks/list"); len(got) != 2 {
		t.Errorf("%s", got)
	}
	for _, method := range []string{"tasks/get", "tasks/result", "tasks/cancel"} {
		if e := c.Call(method, map[string]any{"taskId": "nope"}).RPCError(); e == nil || e.Code != -32602 {
			t.Errorf("%s of an unknown task: %v", method, e)
		}
	}
	if e := c.Call("tools/call", json.RawMessage(`{"name":"sleep","arguments":{"ms":1},"task":{}}`)).RPCError(); e == nil || e.Code != -32601 {
		t.Errorf("sleep as a task: %v", e)
	}
	if got := c.Tool("job", map[string]any{"ms": 1, "text": "plain"}).Text(); got != "job done: plain" {
		t.Error(got)
	}
}

func TestTaskThatAsks(t *testing.T) {
	c := Pipe(t, Server{TaskPrefix: "t"})
	c.Initialize(`{"elicitation":{}}`, "")
	asked := make(chan json.RawMessage, 1)
	c.Handle("elicitation/create", func(params json.RawMessage) (any, error) {
		asked <- params
		return json.RawMessage(`{"action":"accept","content":{"ok":true}}`), nil
	})
	id := startJob(c, `{"elicit":true,"text":"b"}`)
	if got := taskStatus(c, id); id != "t1" || got != "input_required" {
		t.Errorf("%s is %s", id, got)
	}
	if got := c.Call("tasks/result", map[string]any{"taskId": id}).Text(); !strings.Contains(got, `"ok":true`) {
		t.Error(got)
	}
	if p := <-asked; !strings.Contains(string(p), `"io.modelcontextprotocol/related-task":{"taskId":"t1"}`) {
		t.Errorf("%s", p)
	}
}
