package session

import (
	"sync"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// tasks remembers whose a task id is (MCP 2025-11-25, tasks). Ids pass unchanged.
type tasks struct {
	mu     sync.Mutex
	owner  map[string]string               // task id → server, or ambiguous
	held   map[string]heldTask             // those that are not over
	askers map[string]*upstream.Attachment // task id of the client → the instance that asked for it
}

// heldTask keeps its server up, and the progress token of its call in use.
type heldTask struct{ call *upstream.Call }

func (h heldTask) release() {
	h.call.To().Forget(h.call)
	h.call.To().Hold(-1)
}

const ambiguous = "\x00"

// learnTask notes the owner of the task that a call was answered with.
func (s *Session) learnTask(answer *jsonrpc.Message, c *upstream.Call) {
	id := string(jsonrpc.Unquote(mcp.Field(answer.Bytes(answer.Result), "task", "taskId")))
	if id == "" {
		c.To().Forget(c)
		return
	}
	s.tasks.note(id, c.To().Name())
	s.tasks.mu.Lock()
	was, held := s.tasks.held[id]
	s.tasks.held[id] = heldTask{c}
	s.tasks.mu.Unlock()
	if held {
		was.release()
	}
	c.To().Hold(1)
}

// releaseTask lets the server of a task go that is over; its result may be asked for again.
func (s *Session) releaseTask(id string) {
	s.tasks.mu.Lock()
	h, held := s.tasks.held[id]
	delete(s.tasks.held, id)
	s.tasks.mu.Unlock()
	if held {
		h.release()
	}
}

// note records an owner.
func (t *tasks) note(id, server string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was, known := t.owner[id]
	if known && was != server {
		server = ambiguous
	}
	t.owner[id] = server
}

// ask notes which instance asked the client for a task.
func (t *tasks) ask(rawID []byte, in *upstream.Attachment) {
	if rawID == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.askers[string(jsonrpc.Unquote(rawID))] = in
}

// mayAsk tells whether a server may ask the client about a task: one of its own; about all (""), if no other server has any.
func (t *tasks) mayAsk(in *upstream.Attachment, id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id != "" {
		return t.askers[id] == in
	}
	for _, asker := range t.askers {
		if asker != in {
			return false
		}
	}
	return true
}

// owns tells whether a task is the server's, and no other's.
func (t *tasks) owns(in *upstream.Attachment, id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return id != "" && t.owner[id] == in.Name()
}

// unknown tells whether no server has a task with this id.
func (t *tasks) unknown(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, owned := t.owner[id]
	return id != "" && !owned
}

// relatedTask is the id of the task that a request says it belongs to (MCP 2025-11-25, tasks), "" for none.
func relatedTask(m *jsonrpc.Message) (id string, err error) {
	at := m.Params
	for _, name := range [...]string{"_meta", "io.modelcontextprotocol/related-task", "taskId"} {
		if at.End == 0 || m.Raw[at.Start] != '{' {
			return "", nil
		}
		found, err := jsonrpc.Find(m.Raw, at, name)
		if err != nil {
			return "", err
		}
		at = found[0]
	}
	return mcp.String(m.Raw, at), nil
}

// forgetTasks drops the tasks of a server that has ended.
func (s *Session) forgetTasks(in *upstream.Attachment) {
	t := &s.tasks
	t.mu.Lock()
	n := 0
	for id, h := range t.held {
		if h.call.To() == in {
			delete(t.held, id)
			n++
		}
	}
	for id, server := range t.owner {
		if server == in.Name() {
			delete(t.owner, id)
		}
	}
	for id, asker := range t.askers {
		if asker == in {
			delete(t.askers, id)
		}
	}
	t.mu.Unlock()
	if n > 0 {
		in.Hold(-n)
	}
}

func (s *Session) taskAsker(id string) *upstream.Attachment {
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	return s.tasks.askers[id]
}

// withTasks are the running servers that declare tasks.
func (s *Session) withTasks() []*upstream.Attachment {
	var all []*upstream.Attachment
	for _, in := range s.running() {
		if in.Hello().Declares("tasks") {
			all = append(all, in)
		}
	}
	return all
}

// task serves tasks/get, tasks/result and tasks/cancel at the owner of the task.
func (s *Session) task(c *upstream.Call) {
	id := mcp.String(c.Request.Raw, c.Request.Params.TaskID)
	s.tasks.mu.Lock()
	server, known := s.tasks.owner[id]
	s.tasks.mu.Unlock()
	if server == ambiguous {
		s.fail(c, mcp.InvalidParams, "Invalid params: two servers have a task with this id; it can't be told whose is meant", nil)
		return
	}
	var in *upstream.Attachment
	if known {
		s.mu.Lock()
		in = s.instances[server]
		s.mu.Unlock()
	} else if all := s.withTasks(); len(all) == 1 {
		in = all[0]
	}
	if in == nil {
		s.fail(c, mcp.InvalidParams, "Invalid params: unknown taskId", nil)
		return
	}
	c.Target = id
	s.calls.add(c)
	s.relay(c, in)
}

// listTasks serves tasks/list: what all running servers list, on one page.
func (s *Session) listTasks(c *upstream.Call) {
	s.spawn(func() {
		var all [][]byte
		for _, in := range s.withTasks() {
			if !in.Hello().Declares("tasks", "list") {
				continue
			}
			items, err := in.ReadItems(mcp.TasksList, "tasks", askMost)
			if err != nil {
				s.log.Warn().Str("server", in.Name()).Err(err).Msg("tasks not listed")
			}
			for _, item := range items {
				s.tasks.note(string(jsonrpc.Unquote(mcp.Field(item, "taskId"))), in.Name())
			}
			all = append(all, items...)
		}
		b := []byte(`{"tasks":[`)
		for i, item := range all {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, item...)
		}
		s.result(c, append(b, `]}`...))
	})
}
