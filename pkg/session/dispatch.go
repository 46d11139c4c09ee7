package session

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// dispatch serves one message of the client. Servers get its answers in the form that all of them take.
func (s *Session) dispatch(m *jsonrpc.Message, r reply) {
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
		s.request(m, r)
	}
}

func (s *Session) request(m *jsonrpc.Message, r reply) {
	method := m.MethodName()
	switch method {
	case mcp.Initialize:
		s.initialize(m, r)
		return
	case mcp.Ping:
		r.result(m, []byte("{}"))
		return
	case mcp.Discover: // the era of 2026-07-28 is not spoken yet: clients fall back at once
		r.fail(m, mcp.MethodNotFound, "Method not found")
		return
	}
	if !s.greeted() {
		r.fail(m, mcp.InvalidRequest, "Invalid request: the first request must be initialize")
		return
	}
	p, err := mcp.ReadParams(m)
	if err != nil {
		r.fail(m, mcp.InvalidParams, "Invalid params: "+err.Error())
		return
	}
	if serve := s.byName(method); serve != nil {
		if !serve(m, p, r, false) {
			s.onceListed(m, p, r, func() { serve(m, p, r, true) })
		}
		return
	}
	switch method {
	case mcp.ToolsList:
		s.list(m, p, catalog.Tools, r)
	case mcp.PromptsList:
		s.list(m, p, catalog.Prompts, r)
	case mcp.TemplatesList:
		s.list(m, p, catalog.Templates, r)
	case mcp.ResourcesList:
		s.list(m, p, catalog.Resources, r)
	case mcp.SetLevel:
		s.setLevel(m, p, r)
	case mcp.TasksList:
		s.listTasks(m, r)
	case mcp.TasksGet, mcp.TasksResult, mcp.TasksCancel:
		s.task(m, p, method, r)
	default:
		if in := s.onlyServer(); in != nil {
			s.relay(m, p, in, &call{method: method}, r)
			return
		}
		r.fail(m, mcp.MethodNotFound, "Method not found")
	}
}

// byName is how a method is served whose server is found by a name in its params, nil for another method. Such a function
// answers false, having done nothing, when the name is unknown and last is not set.
func (s *Session) byName(method string) func(m *jsonrpc.Message, p mcp.Params, r reply, last bool) bool {
	switch method {
	case mcp.ToolsCall:
		return s.callTool
	case mcp.PromptsGet:
		return s.getPrompt
	case mcp.Complete:
		return s.complete
	case mcp.ResourcesRead, mcp.Subscribe, mcp.Unsubscribe:
		return s.resource
	}
	return nil
}

// onceListed serves a request for a name nobody has yet when the servers never seen before have been listed.
func (s *Session) onceListed(m *jsonrpc.Message, p mcp.Params, r reply, serve func()) {
	c := &call{key: string(m.Bytes(m.ID)), reply: r}
	s.calls.add(c)
	s.spawn(func() {
		s.host.AwaitFirst(s.ctx, s, mcp.String(m.Raw, p.Name))
		if s.calls.take(c) { // not cancelled meanwhile
			serve()
		}
	})
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

// call is a client's open request.
type call struct {
	method string
	kind   catalog.Kind
	item   string // of a call that names one: as the server calls it
	edits  []jsonrpc.Edit
	key    string // the client's raw id
	in     *upstream.Instance
	up     *upstream.Call
	token  uint64
	task   bool // it asks to run as a task, whose progress goes on after the answer
	taken  bool // see calls.take
	reply  reply
	result func(m *jsonrpc.Message) // called with a successful answer before it is passed on; may be nil
}

// relay passes a request to a server: its edits, an id of ours, a progress token of ours, all else as it came.
func (s *Session) relay(m *jsonrpc.Message, p mcp.Params, in *upstream.Instance, c *call, r reply) {
	c.in, c.reply, c.key = in, r, string(m.Bytes(m.ID))
	c.up = &upstream.Call{Method: c.method, Kind: c.kind, Item: c.item}
	if p.Token.End != 0 {
		c.token = s.calls.addToken(m.Bytes(p.Token), c)
		c.edits = append(c.edits, jsonrpc.Edit{At: p.Token, With: strconv.AppendUint(nil, c.token, 10)})
	}
	c.up.Frame = func(id uint64) jsonrpc.Frame {
		var room [4]jsonrpc.Edit
		edits := append(append(room[:0], c.edits...), jsonrpc.Edit{At: m.ID, With: strconv.AppendUint(nil, id, 10)})
		return jsonrpc.Whole(jsonrpc.Splice(m.Raw, edits...))
	}
	c.up.Done = func(answer *jsonrpc.Message, err error) { s.done(m, c, answer, err) }
	s.calls.add(c)
	in.Do(c.up)
	if c.token != 0 && in.Hello() == nil {
		s.spawn(func() { s.tellStart(c, m.Bytes(p.Token)) })
	}
}

// done gives the client its answer.
func (s *Session) done(m *jsonrpc.Message, c *call, answer *jsonrpc.Message, err error) {
	s.calls.remove(c, answer)
	switch {
	case err == nil:
		noted := func() {}
		if answer.Kind == jsonrpc.Result {
			answer = catalog.WithoutNulls(c.method, answer)
			noted = s.noteLinks(c.in, answer.Bytes(answer.Result))
		} else if c.in.Name() != "" {
			answer = s.attributedError(c.in, answer)
		}
		if c.result != nil && answer.Kind == jsonrpc.Result {
			c.result(answer)
		}
		c.reply(answer.WithID(m.Bytes(m.ID)))
		noted()
	default:
		s.unserved(m, c.method, c.reply, err)
	}
}

// unserved answers a request that could not be served.
func (s *Session) unserved(m *jsonrpc.Message, method string, r reply, err error) {
	switch {
	case s.offerLogin(m, r, err):
	case method == mcp.ToolsCall:
		r.result(m, mcp.ToolError(err.Error()))
	default:
		r.fail(m, mcp.InternalError, err.Error())
	}
}

// callTool serves tools/call.
func (s *Session) callTool(m *jsonrpc.Message, p mcp.Params, r reply, last bool) bool {
	name := mcp.String(m.Raw, p.Name)
	item, ok := s.view().Lookup(catalog.Tools, name)
	if !ok && !last {
		return false
	}
	if !ok {
		if why := s.unavailable(name); why != nil {
			s.unserved(m, mcp.ToolsCall, r, why)
		} else {
			r.fail(m, mcp.InvalidParams, "Unknown tool: "+strconv.Quote(name)+nameHint(name))
		}
		return true
	}
	in, err := s.instance(item.Server)
	if err != nil {
		r.result(m, mcp.ToolError(err.Error()))
		return true
	}
	c := &call{method: mcp.ToolsCall, kind: catalog.Tools, item: item.Original}
	if item.Original != name {
		c.edits = []jsonrpc.Edit{{At: p.Name, With: jsonrpc.Quote(item.Original)}}
	}
	if c.task = p.Task.End != 0; c.task {
		c.result = func(answer *jsonrpc.Message) { s.learnTask(answer, in, c) }
	}
	s.relay(m, p, in, c, r)
	return true
}

// getPrompt serves prompts/get.
func (s *Session) getPrompt(m *jsonrpc.Message, p mcp.Params, r reply, last bool) bool {
	name := mcp.String(m.Raw, p.Name)
	item, ok := s.view().Lookup(catalog.Prompts, name)
	if !ok && !last {
		return false
	}
	if !ok {
		text := "Unknown prompt: " + strconv.Quote(name) + nameHint(name)
		if why := s.unavailable(name); why != nil {
			text = why.Error()
		}
		r.fail(m, mcp.InvalidParams, text)
		return true
	}
	in, err := s.instance(item.Server)
	if err != nil {
		r.fail(m, mcp.InternalError, err.Error())
		return true
	}
	c := &call{method: mcp.PromptsGet, kind: catalog.Prompts, item: item.Original, edits: []jsonrpc.Edit{{At: p.Name, With: jsonrpc.Quote(item.Original)}}}
	s.relay(m, p, in, c, r)
	return true
}

// complete serves completion/complete. A server that does not run is started, but people who type do not wait for it.
func (s *Session) complete(m *jsonrpc.Message, p mcp.Params, r reply, last bool) bool {
	if last {
		s.links.wait(s.ctx)
	}
	server, ok := "", false
	c := &call{method: mcp.Complete}
	switch {
	case p.RefName.End != 0:
		var item catalog.Item
		if item, ok = s.view().Lookup(catalog.Prompts, mcp.String(m.Raw, p.RefName)); ok {
			server = item.Server
			c.edits = []jsonrpc.Edit{{At: p.RefName, With: jsonrpc.Quote(item.Original)}}
		}
	case p.RefURI.End != 0:
		uri := mcp.String(m.Raw, p.RefURI)
		if item, found := s.view().Lookup(catalog.Templates, uri); found {
			server, uri, ok = item.Server, item.Original, true
		} else {
			server, uri = s.ownerOf(uri)
			ok = server != ""
		}
		c.edits = []jsonrpc.Edit{{At: p.RefURI, With: jsonrpc.Quote(uri)}}
	}
	if !ok && !last {
		return false
	}
	if !ok {
		r.fail(m, mcp.InvalidParams, "Invalid params: ref names no known prompt or resource template"+nameURIHint(p))
		return true
	}
	in, err := s.instance(server)
	if err != nil {
		r.fail(m, mcp.InternalError, err.Error())
		return true
	}
	if in.Hello() == nil {
		in.Start()
		r.result(m, []byte(`{"completion":{"values":[],"total":0,"hasMore":false}}`))
		return true
	}
	s.relay(m, p, in, c, r)
	return true
}

// setLevel serves logging/setLevel: every server that logs is told, now or when it starts.
func (s *Session) setLevel(m *jsonrpc.Message, p mcp.Params, r reply) {
	level := mcp.String(m.Raw, p.Level)
	if !slices.Contains(mcp.LogLevels, level) {
		r.fail(m, mcp.InvalidParams, fmt.Sprintf("Invalid params: unknown level %q; it must be one of %v", level, mcp.LogLevels))
		return
	}
	s.mu.Lock()
	s.level = m.Bytes(p.Level)
	s.mu.Unlock()
	for _, in := range s.running() {
		s.passLevel(in)
	}
	r.result(m, []byte("{}"))
}

// passLevel tells a running server the client's log level.
func (s *Session) passLevel(in *upstream.Instance) {
	s.mu.Lock()
	level := s.level
	s.mu.Unlock()
	if level == nil || !in.Hello().Declares("logging") {
		return
	}
	in.Tell(mcp.SetLevel, append(append([]byte(`{"level":`), level...), '}'))
}
