package session

import (
	"sync"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/protocol"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// tasks remembers whose a task id is (MCP 2025-11-25, tasks). Ids pass unchanged.
type tasks struct {
	mu     sync.Mutex
	owner  map[string]string             // task id → server, or ambiguous
	held   map[string]*upstream.Instance // task id → the instance it keeps up
	askers map[string]*upstream.Instance // task id of the client → the instance that asked for it
}

const ambiguous = "\x00"

// learn notes the owner of the task that a call was answered with; the task keeps its server up.
func (t *tasks) learn(answer *jsonrpc.Message, in *upstream.Instance) {
	id := jsonrpc.Unquote(protocol.Field(answer.Bytes(answer.Result), "task", "taskId"))
	if id == nil {
		return
	}
	if t.note(string(id), in.Name()) {
		t.mu.Lock()
		t.held[string(id)] = in
		t.mu.Unlock()
		in.Hold(1)
	}
}

// release lets the server of a task go that is over; a result may be asked for again.
func (t *tasks) release(id string) {
	t.mu.Lock()
	in := t.held[id]
	delete(t.held, id)
	t.mu.Unlock()
	if in != nil {
		in.Hold(-1)
	}
}

// note records an owner and tells whether the id is new.
func (t *tasks) note(id, server string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was, known := t.owner[id]
	if known && was != server {
		server = ambiguous
	}
	t.owner[id] = server
	return !known
}

// ask notes which instance asked the client for a task.
func (t *tasks) ask(rawID []byte, in *upstream.Instance) {
	if rawID == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.askers == nil {
		t.askers = map[string]*upstream.Instance{}
	}
	t.askers[string(jsonrpc.Unquote(rawID))] = in
}

func (s *Session) taskAsker(id string) *upstream.Instance {
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	return s.tasks.askers[id]
}

// withTasks are the running servers that declare tasks.
func (s *Session) withTasks() []*upstream.Instance {
	var all []*upstream.Instance
	for _, in := range s.running() {
		if in.Hello().Declares("tasks") {
			all = append(all, in)
		}
	}
	return all
}

// task serves tasks/get, tasks/result and tasks/cancel at the owner of the task.
func (s *Session) task(m *jsonrpc.Message, p protocol.Params, method string, r reply) {
	id := protocol.String(m.Raw, p.TaskID)
	s.tasks.mu.Lock()
	server, known := s.tasks.owner[id]
	s.tasks.mu.Unlock()
	if server == ambiguous {
		r.fail(m, protocol.InvalidParams, "Invalid params: two servers have a task with this id; it can't be told whose is meant")
		return
	}
	var in *upstream.Instance
	if known {
		s.mu.Lock()
		in = s.instances[server]
		s.mu.Unlock()
	} else if all := s.withTasks(); len(all) == 1 {
		in = all[0]
	}
	if in == nil {
		r.fail(m, protocol.InvalidParams, "Invalid params: unknown taskId")
		return
	}
	c := &call{method: method}
	if method != protocol.TasksGet {
		c.result = func(*jsonrpc.Message) { s.tasks.release(id) }
	}
	s.relay(m, p, in, c, r)
}

// listTasks serves tasks/list: what all running servers list, on one page.
func (s *Session) listTasks(m *jsonrpc.Message, r reply) {
	s.work.Go(func() {
		var all [][]byte
		for _, in := range s.withTasks() {
			if !in.Hello().Declares("tasks", "list") {
				continue
			}
			items, err := in.ReadItems(protocol.TasksList, "tasks")
			if err != nil {
				s.log.Warn().Str("server", in.Name()).Err(err).Msg("tasks not listed")
			}
			for _, item := range items {
				s.tasks.note(string(jsonrpc.Unquote(protocol.Field(item, "taskId"))), in.Name())
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
		r.result(m, append(b, `]}`...))
	})
}
