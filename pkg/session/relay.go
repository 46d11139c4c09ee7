package session

import (
	"slices"
	"strconv"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// call serves a request that names what it is for, which decides which server it goes to. A name that is unknown may
// belong to a server that has not been listed yet, or stand in a result that the client has just read: the request
// waits for that.
func (s *Session) call(c *upstream.Call) {
	s.calls.add(c)
	server, found := s.target(c)
	switch resource := c.Kind == catalog.Resources; {
	case resource && c.Target == "":
		s.unknown(c)
	case !found, resource && s.links.busy():
		s.spawn(func() { s.callOnceListed(c) })
	default:
		s.callServer(c, server)
	}
}

// callOnceListed serves a request when the servers never seen before have been listed, and the results that were passed
// on have been looked through for links.
func (s *Session) callOnceListed(c *upstream.Call) {
	s.host.AwaitFirst(s.ctx, s, mcp.String(c.Request.Raw, c.Request.Params.Name))
	if c.Method != mcp.ToolsCall && c.Method != mcp.PromptsGet {
		s.links.wait(s.ctx)
	}
	if server, found := s.target(c); found {
		s.callServer(c, server)
	} else {
		s.unknown(c)
	}
}

// target finds the server that a request goes to, and notes what it names and what the server calls that.
func (s *Session) target(c *upstream.Call) (server string, found bool) {
	raw, p := c.Request.Raw, &c.Request.Params
	at := p.Name
	switch {
	case c.Method == mcp.ToolsCall:
		c.Kind = catalog.Tools
	case c.Method == mcp.PromptsGet:
		c.Kind = catalog.Prompts
	case c.Method == mcp.Complete && p.RefName.End != 0:
		at, c.Kind = p.RefName, catalog.Prompts
	case c.Method == mcp.Complete:
		at, c.Kind = p.RefURI, catalog.Templates
	default:
		at, c.Kind = p.URI, catalog.Resources
	}
	c.Target = mcp.String(raw, at)
	original := c.Target
	if c.Kind == catalog.Resources {
		server, original = s.subscribedOrOwner(c.Method, c.Target)
		found = server != ""
	} else if item, ok := s.view().Lookup(c.Kind, c.Target); ok {
		server, original, found = item.Server, item.Original, true
	} else if c.Kind == catalog.Templates && at.End != 0 {
		server, original = s.ownerOf(c.Target)
		found = server != ""
	}
	if c.Rename = (jsonrpc.Edit{}); original != c.Target || c.Kind != catalog.Tools && c.Kind != catalog.Resources {
		c.Rename = jsonrpc.Edit{At: at, With: jsonrpc.Quote(original)}
	}
	if c.Method != mcp.Complete {
		c.Item = original
	}
	return server, found
}

// callServer passes a request to its server.
func (s *Session) callServer(c *upstream.Call, server string) {
	in, err := s.instance(server)
	switch {
	case err != nil && s.closeCall(c):
		s.unserved(c, err)
	case err != nil:
	case c.Method == mcp.Complete && in.Hello() == nil: // it is started, but people who type do not wait for it
		if in.Start(); s.closeCall(c) {
			s.result(c, []byte(`{"completion":{"values":[],"total":0,"hasMore":false}}`))
		}
	case c.Method == mcp.Unsubscribe && in.SubscribedByOthers(c.Item):
		if s.closeCall(c) {
			s.subscribed(c, in)
			s.result(c, []byte("{}"))
		}
	default:
		c.Task = c.Method == mcp.ToolsCall && c.Request.Params.Task.End != 0
		s.relay(c, in)
	}
}

// unknown refuses a request for something that no server has.
func (s *Session) unknown(c *upstream.Call) {
	if !s.closeCall(c) {
		return
	}
	name := strconv.Quote(c.Target)
	switch c.Method {
	case mcp.ToolsCall:
		if why := s.unavailable(c.Target); why != nil {
			s.unserved(c, why)
		} else {
			s.fail(c, mcp.InvalidParams, "Unknown tool: "+name+nameHint(c.Target), nil)
		}
	case mcp.PromptsGet:
		text := "Unknown prompt: " + name + nameHint(c.Target)
		if why := s.unavailable(c.Target); why != nil {
			text = why.Error()
		}
		s.fail(c, mcp.InvalidParams, text, nil)
	case mcp.Complete:
		s.fail(c, mcp.InvalidParams, "Invalid params: ref names no known prompt or resource template"+nameURIHint(c.Request.Params), nil)
	default:
		if c.Target == "" {
			s.fail(c, mcp.InvalidParams, "Invalid params: uri is missing", nil)
			return
		}
		uri := slices.Concat([]byte(`{"uri":`), jsonrpc.Quote(c.Target), []byte("}"))
		s.fail(c, mcp.ResourceNotFound, "Resource not found: "+nobodyShowed(c.Target), uri)
	}
}

// relay passes a request, which is open, to a server under an id and a progress token of the instance, and all else as
// it came, but for the name.
func (s *Session) relay(c *upstream.Call, in *upstream.Attachment) {
	in.Do(c)
	if c.Request.Params.Token.End != 0 && in.Hello() == nil {
		s.spawn(func() { s.tellStart(c) })
	}
}

// Answered implements upstream.Client: the client gets its answer.
func (s *Session) Answered(c *upstream.Call, answer *jsonrpc.Message, err error) {
	s.calls.remove(c)
	if err != nil {
		s.unserved(c, err)
		return
	}
	in, noted := c.To(), func() {}
	if answer.Kind == jsonrpc.Result {
		answer = catalog.WithoutNulls(c.Method, answer)
		noted = s.noteLinks(in, answer.Bytes(answer.Result))
		s.settle(c, answer)
	} else if in.Name() != "" {
		answer = s.attributedError(in, answer)
	}
	s.answer(c, answer.WithID(c.Request.Bytes(c.Request.ID)))
	noted()
}

// settle notes what follows from a result before it is passed on.
func (s *Session) settle(c *upstream.Call, answer *jsonrpc.Message) {
	switch c.Method {
	case mcp.ToolsCall:
		if c.Task {
			s.learnTask(answer, c)
		}
	case mcp.TasksResult, mcp.TasksCancel:
		s.releaseTask(c.Target)
	case mcp.ResourcesRead, mcp.Subscribe, mcp.Unsubscribe:
		if c.Item == c.Target { // whoever answered goes on being asked; whoever was asked by name, by name
			s.view().Shows(c.To().Name(), c.Target)
		}
		s.subscribed(c, c.To())
	}
}

// unserved answers a request that could not be served.
func (s *Session) unserved(c *upstream.Call, err error) {
	switch {
	case s.offerLogin(c, err):
	case c.Method == mcp.ToolsCall:
		s.result(c, mcp.ToolError(err.Error()))
	default:
		s.fail(c, mcp.InternalError, err.Error(), nil)
	}
}
