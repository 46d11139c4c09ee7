package session

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// dispatch serves one message of the client. Servers get its answers in the form that all of them take.
func (s *Session) dispatch(m *jsonrpc.Message, reply func(*upstream.Attachment, jsonrpc.Frame)) {
	switch m.Kind {
	case jsonrpc.Result, jsonrpc.Failure:
		if err := mcp.Tidy(m); err != nil {
			s.refuse(m, err)
			return
		}
		s.answered(m)
	case jsonrpc.Notification:
		s.notification(m)
	case jsonrpc.Request:
		s.request(m, reply)
	}
}

func (s *Session) request(m *jsonrpc.Message, reply func(*upstream.Attachment, jsonrpc.Frame)) {
	r, err := s.dialect.Open(m)
	c := &upstream.Call{Method: r.Method, Request: r, Reply: reply, Began: time.Now()}
	var refused *mcp.Error
	if errors.As(err, &refused) {
		s.fail(c, refused.Code, refused.Text, nil)
		return
	}
	switch c.Method {
	case mcp.Initialize:
		s.initialize(c)
	case mcp.Ping:
		s.result(c, []byte("{}"))
	case mcp.ToolsCall, mcp.PromptsGet, mcp.Complete, mcp.ResourcesRead, mcp.Subscribe, mcp.Unsubscribe:
		s.call(c)
	case mcp.ToolsList:
		s.list(c, catalog.Tools)
	case mcp.PromptsList:
		s.list(c, catalog.Prompts)
	case mcp.TemplatesList:
		s.list(c, catalog.Templates)
	case mcp.ResourcesList:
		s.list(c, catalog.Resources)
	case mcp.SetLevel:
		s.setLevel(c)
	case mcp.TasksList:
		s.listTasks(c)
	case mcp.TasksGet, mcp.TasksResult, mcp.TasksCancel:
		s.task(c)
	default:
		if in := s.onlyServer(); in != nil {
			s.calls.add(c)
			s.relay(c, in)
			return
		}
		s.fail(c, mcp.MethodNotFound, "Method not found", nil)
	}
}

// answer gives the client its answer, in the form of its era.
func (s *Session) answer(c *upstream.Call, f jsonrpc.Frame) {
	c.Reply(c.To(), s.dialect.Close(c.Request, f))
}

// result answers a request of the client.
func (s *Session) result(c *upstream.Call, result []byte) { s.answer(c, c.Request.Result(result)) }

// fail refuses a request of the client; data may be nil.
func (s *Session) fail(c *upstream.Call, code int, text string, data []byte) {
	s.answer(c, c.Request.Fail(code, text, data))
}

func (s *Session) notification(m *jsonrpc.Message) {
	method := m.MethodName()
	if method == mcp.Initialized {
		s.initialized()
		return
	}
	p, err := mcp.ReadParams(m)
	if err != nil {
		s.log.Debug().Err(err).Str("method", method).Msg("notification dropped")
		return
	}
	switch method {
	case mcp.Cancelled:
		s.cancel(m, p)
	case mcp.Progress:
		s.clientProgress(m, p)
	case mcp.RootsChanged:
		s.roots.forget()
		if s.opts.Workspace == "" {
			s.spawn(s.Locate) // its servers are another workspace's now, whether or not one is called
		}
		for _, in := range s.running() {
			in.Send(jsonrpc.Whole(m.Raw))
		}
	case mcp.TasksStatus:
		if in := s.taskAsker(mcp.String(m.Raw, p.TaskID)); in != nil {
			in.Send(jsonrpc.Whole(m.Raw))
		}
	default:
		if in := s.onlyServer(); in != nil {
			in.Send(jsonrpc.Whole(m.Raw))
		}
	}
}

// setLevel serves logging/setLevel: every server that logs is told, now or when it starts.
func (s *Session) setLevel(c *upstream.Call) {
	level := mcp.String(c.Request.Raw, c.Request.Params.Level)
	if !slices.Contains(mcp.LogLevels, level) {
		s.fail(c, mcp.InvalidParams, fmt.Sprintf("Invalid params: unknown level %q; it must be one of %v", level, mcp.LogLevels), nil)
		return
	}
	s.mu.Lock()
	s.level = c.Request.Bytes(c.Request.Params.Level)
	for _, in := range s.instances {
		in.SetLevel(s.level)
	}
	s.mu.Unlock()
	s.result(c, []byte("{}"))
}
