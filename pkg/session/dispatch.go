package session

import (
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
	c := &upstream.Call{Method: m.MethodName(), Request: m, Reply: reply, Began: time.Now()}
	switch c.Method {
	case mcp.Initialize:
		s.initialize(c)
		return
	case mcp.Ping:
		result(c, []byte("{}"))
		return
	case mcp.Discover: // the era of 2026-07-28 is not spoken yet: clients fall back at once
		fail(c, mcp.MethodNotFound, "Method not found")
		return
	}
	if !s.greeted() {
		fail(c, mcp.InvalidRequest, "Invalid request: the first request must be initialize")
		return
	}
	var err error
	if c.Params, err = mcp.ReadParams(m); err != nil {
		fail(c, mcp.InvalidParams, "Invalid params: "+err.Error())
		return
	}
	switch c.Method {
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
		fail(c, mcp.MethodNotFound, "Method not found")
	}
}

// result answers a request of the client.
func result(c *upstream.Call, result []byte) {
	c.Reply(c.To(), jsonrpc.Whole(jsonrpc.NewResult(c.Request.Bytes(c.Request.ID), result)))
}

// fail refuses a request of the client.
func fail(c *upstream.Call, code int, text string) {
	c.Reply(c.To(), jsonrpc.Whole(jsonrpc.NewError(c.Request.Bytes(c.Request.ID), code, text, nil)))
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
	level := mcp.String(c.Request.Raw, c.Params.Level)
	if !slices.Contains(mcp.LogLevels, level) {
		fail(c, mcp.InvalidParams, fmt.Sprintf("Invalid params: unknown level %q; it must be one of %v", level, mcp.LogLevels))
		return
	}
	s.mu.Lock()
	s.level = c.Request.Bytes(c.Params.Level)
	for _, in := range s.instances {
		in.SetLevel(s.level)
	}
	s.mu.Unlock()
	result(c, []byte("{}"))
}
