package mcptest

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// This file has the tasks of revision 2025-11-25, which only the tool job has.

// task is one call that goes on after its first answer.
type task struct {
	id      string
	created time.Time
	ttl     int // milliseconds, as the client asked
	text    string
	elicit  bool
	stop    context.CancelFunc
	done    chan struct{} // closed when the status is final
	ask     chan func([]byte)

	// Guarded by the session's mutex.
	status  string
	updated time.Time
}

// startTask answers a tools/call that has params.task.
func (c *call) startTask() {
	if c.name != "job" {
		c.fail(-32601, "Tool "+c.name+" does not support tasks", nil)
		return
	}
	var a, augmented arguments
	if !c.parse(&a) {
		return
	}
	if err := json.Unmarshal(c.task, &augmented); err != nil {
		c.fail(-32602, "Invalid task", nil)
		return
	}
	s := c.s
	now := time.Now().UTC()
	ctx, stop := context.WithCancel(s.ctx)
	t := &task{id: s.nextTask(), created: now, updated: now, ttl: augmented.TTL, text: a.Text, elicit: a.Elicit, status: "working",
		stop: stop, done: make(chan struct{}), ask: make(chan func([]byte), 1)}
	if t.elicit {
		t.status = "input_required"
	}
	s.mu.Lock()
	s.tasks = append(s.tasks, t)
	first := t.json()
	s.mu.Unlock()
	c.result(slices.Concat([]byte(`{"task":`), first, []byte(`}`)))
	s.wg.Go(func() { t.run(ctx, s, ms(a.MS)) })
}

// run brings a task to its end. What it asks of the client goes out by the
// stream of tasks/result, as the specification has it.
func (t *task) run(ctx context.Context, s *session, d time.Duration) {
	defer t.stop()
	status := "completed"
	if t.elicit {
		select {
		case send := <-t.ask:
			params := slices.Concat([]byte(`{"mode":"form","message":"Go on?","requestedSchema":{"type":"object","properties":{"ok":{"type":"boolean"}}},"_meta":`), t.related(), []byte(`}`))
			raw, err := s.ask(ctx, send, "elicitation/create", params)
			if err == nil {
				t.text += " " + string(raw)
			}
		case <-ctx.Done():
		}
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
		status = "cancelled"
	}
	s.mu.Lock()
	t.status, t.updated = status, time.Now().UTC()
	state := t.json()
	s.mu.Unlock()
	close(t.done)
	if s.ctx.Err() == nil {
		s.send(notification("notifications/tasks/status", state))
	}
}

// json writes the task as the protocol's Task; the session's mutex is held.
func (t *task) json() []byte {
	b, _ := json.Marshal(map[string]any{ // no value that could fail
		"taskId": t.id, "status": t.status, "ttl": t.ttl, "pollInterval": 50,
		"createdAt": t.created.Format(time.RFC3339Nano), "lastUpdatedAt": t.updated.Format(time.RFC3339Nano),
	})
	return b
}

func (t *task) related() []byte {
	return slices.Concat([]byte(`{"io.modelcontextprotocol/related-task":{"taskId":`), quote(t.id), []byte(`}}`))
}

// taskMethod answers tasks/get, list, result and cancel.
func (c *call) taskMethod() {
	s := c.s
	if c.method == "tasks/list" {
		b := []byte(`{"tasks":[`)
		s.mu.Lock()
		for i, t := range s.tasks {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, t.json()...)
		}
		s.mu.Unlock()
		c.result(append(b, `]}`...))
		return
	}
	id := unquote(member(c.params, "taskId"))
	s.mu.Lock()
	i := slices.IndexFunc(s.tasks, func(t *task) bool { return t.id == id })
	if i < 0 {
		s.mu.Unlock()
		c.fail(-32602, "Failed to retrieve task: Task not found", nil)
		return
	}
	t := s.tasks[i]
	state, status := t.json(), t.status
	s.mu.Unlock()

	switch c.method {
	case "tasks/get":
		c.result(state)
	case "tasks/cancel":
		if status != "working" && status != "input_required" {
			c.fail(-32602, "Cannot cancel task: already in terminal status '"+status+"'", nil)
			return
		}
		c.async(func() {
			t.stop()
			<-t.done
			s.mu.Lock()
			state := t.json()
			s.mu.Unlock()
			c.result(state)
		})
	case "tasks/result":
		c.async(func() { c.taskResult(t) })
	}
}

// taskResult blocks until the task is over.
func (c *call) taskResult(t *task) {
	if t.elicit {
		select {
		case t.ask <- c.to.send:
		default: // another tasks/result carries the question
		}
	}
	select {
	case <-t.done:
	case <-c.ctx.Done():
		c.deliver(nil)
		return
	}
	c.s.mu.Lock()
	status := t.status
	c.s.mu.Unlock()
	if status == "cancelled" {
		c.fail(-32603, "Task was cancelled", nil)
		return
	}
	c.result(slices.Concat([]byte(`{"content":[{"type":"text","text":`), quote("job done: "+t.text), []byte(`}],"_meta":`), t.related(), []byte(`}`)))
}
