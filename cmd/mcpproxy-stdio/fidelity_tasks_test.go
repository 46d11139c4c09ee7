package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

type task struct{ TaskID, Status string }

// job starts the tool job as a task.
func job(t *testing.T, c *mcptest.Client, server string, arguments string) task {
	t.Helper()
	r := c.Call("tools/call", json.RawMessage(`{"name":"`+server+`__job","arguments":`+arguments+`,"task":{"ttl":60000}}`))
	var result struct{ Task task }
	if err := json.Unmarshal(r.Result, &result); err != nil || result.Task.TaskID == "" {
		t.Fatalf("no task: %s", r.Raw)
	}
	return result.Task
}

func taskCall(c *mcptest.Client, method, id string) mcptest.Response {
	return c.Call(method, map[string]any{"taskId": id})
}

// TestTasks of two servers: made, asked for, listed together, brought to their result, cancelled; each at its owner.
func TestTasks(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"a": quickly(mcptest.Server{}), "b": quickly(mcptest.Server{})}).initialized(able)
	c.Tool("a__echo", map[string]any{"message": "start"})
	one, two, long := job(t, c, "a", `{"ms":300,"text":"one"}`), job(t, c, "b", `{"ms":1,"text":"two"}`), job(t, c, "b", `{"ms":60000}`)
	if one.TaskID != "a-task-1" || two.TaskID != "b-task-1" || one.Status != "working" {
		t.Errorf("%+v %+v", one, two)
	}
	if r := taskCall(c, "tasks/get", one.TaskID); !strings.Contains(string(r.Result), `"taskId":"a-task-1"`) {
		t.Errorf("%s", r.Raw)
	}
	var ids []string
	for _, item := range c.List("tasks/list") {
		var each task
		json.Unmarshal(item, &each)
		ids = append(ids, each.TaskID)
	}
	if want := []string{"a-task-1", "b-task-1", "b-task-2"}; !slices.Equal(ids, want) {
		t.Errorf("listed %q", ids)
	}
	for _, each := range []struct {
		task
		text string
	}{{one, "one"}, {two, "two"}, {two, "two"}} { // a result may be asked for again
		r := taskCall(c, "tasks/result", each.TaskID)
		if want := fmt.Sprintf(`{"content":[{"type":"text","text":"job done: %s"}],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"%s"}}}`, each.text, each.TaskID); string(r.Result) != want {
			t.Errorf("want %s\n got %s", want, r.Raw)
		}
	}
	if r := taskCall(c, "tasks/cancel", long.TaskID); !strings.Contains(string(r.Result), `"status":"cancelled"`) {
		t.Errorf("%s", r.Raw)
	}
	if e := taskCall(c, "tasks/cancel", long.TaskID).RPCError(); e == nil || e.Code != -32602 || !strings.Contains(e.Message, "terminal") {
		t.Errorf("cancelled twice: %v", e)
	}
	for _, method := range []string{"tasks/get", "tasks/result", "tasks/cancel"} {
		if e := taskCall(c, method, "nobody-task-9").RPCError(); e == nil || e.Code != -32602 {
			t.Errorf("%s of an unknown task: %v", method, e)
		}
		if e := c.Call(method, nil).RPCError(); e == nil || e.Code != -32602 {
			t.Errorf("%s of no task: %v", method, e)
		}
	}
	states := c.WaitNotifications("notifications/tasks/status", 3, 10*time.Second)
	for _, want := range []string{`"taskId":"a-task-1"`, `"taskId":"b-task-1"`, `"taskId":"b-task-2"`} {
		if !slices.ContainsFunc(states, func(m mcptest.Message) bool { return strings.Contains(string(m.Raw), want) }) {
			t.Errorf("no status of %s", want)
		}
	}
}

// TestAmbiguousTask: two servers gave the same id. Whose is meant can't be told, so nobody's is touched.
func TestAmbiguousTask(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"a": quickly(mcptest.Server{TaskPrefix: "t-"}), "b": quickly(mcptest.Server{TaskPrefix: "t-"})}).initialized("")
	job(t, c, "a", `{"ms":60000}`)
	if r := taskCall(c, "tasks/get", "t-1"); r.Error != nil {
		t.Errorf("while it is the only one: %s", r.Raw)
	}
	job(t, c, "b", `{"ms":60000}`)
	for _, method := range []string{"tasks/cancel", "tasks/get", "tasks/result"} {
		if e := taskCall(c, method, "t-1").RPCError(); e == nil || e.Code != -32602 {
			t.Errorf("%s: %v", method, e)
		}
	}
	for _, server := range []string{"a", "b"} {
		if got := said(c.Tool(server+"__count", nil)); strings.Contains(got, "tasks/cancel") {
			t.Errorf("%s got a cancel: %s", server, got)
		}
	}
}

// TestTaskElicitation: what a task asks of the client, in tasks/result, comes through with its related task.
func TestTaskElicitation(t *testing.T) {
	t.Parallel()
	c := proxied(t, able, mcptest.Server{})
	asked := answering(c, "elicitation/create", `{"action":"accept","content":{"ok":true}}`)
	one := job(t, c, "s", `{"text":"asked","elicit":true}`)
	if one.Status != "input_required" {
		t.Errorf("%+v", one)
	}
	if r := taskCall(c, "tasks/result", one.TaskID); !strings.Contains(r.Text(), `"content":{"ok":true}`) {
		t.Errorf("%s", r.Raw)
	}
	if got := asked(); len(got) != 1 || !strings.Contains(got[0], `"io.modelcontextprotocol/related-task":{"taskId":"s-task-1"}`) {
		t.Errorf("asked %q", got)
	}
}

// TestTaskOfTheClient: a server asks the client to run a task, follows it, and is told of its end.
func TestTaskOfTheClient(t *testing.T) {
	t.Parallel()
	c := proxied(t, able, mcptest.Server{})
	const made = `{"task":{"taskId":"client-1","status":"working","ttl":1000,"createdAt":"2026-01-01T00:00:00Z","x":1.0}}`
	asked := answering(c, "sampling/createMessage", made)
	if got := ask(c, "sampling/createMessage", `{"messages":[],"maxTokens":1,"task":{"ttl":1000},"_meta":{"progressToken":"p"}}`); got != `{"jsonrpc":"2.0","id":0,"result":`+made+`}` {
		t.Errorf("%s", got)
	}
	if got := asked(); len(got) != 1 || !strings.Contains(got[0], `"task":{"ttl":1000}`) {
		t.Errorf("asked %q", got)
	}
	for i, method := range []string{"tasks/get", "tasks/result", "tasks/list", "tasks/cancel"} {
		asked := answering(c, method, `{"status":"working","n":1.0}`)
		if got := ask(c, method, `{"taskId":"client-1","x":1.0}`); got != fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{"status":"working","n":1.0}}`, i+1) {
			t.Errorf("%s: %s", method, got)
		}
		if got := asked(); len(got) != 1 || got[0] != `{"taskId":"client-1","x":1.0}` {
			t.Errorf("%s: asked %q", method, got)
		}
	}
	// Its progress goes on after the first answer, and its status is told.
	var sent struct {
		Meta struct{ ProgressToken json.RawMessage } `json:"_meta"`
	}
	json.Unmarshal([]byte(asked()[0]), &sent)
	c.Send(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":` + string(sent.Meta.ProgressToken) + `,"progress":1}}`)
	c.Send(`{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"taskId":"client-1","status":"completed"}}`)
	if got := last(c, "s", "notifications/progress"); !strings.Contains(got, `"progressToken":"p"`) {
		t.Errorf("%s", got)
	}
	if got := last(c, "s", "notifications/tasks/status"); !strings.Contains(got, `"taskId":"client-1"`) {
		t.Errorf("%s", got)
	}
}
