package session

import (
	"sync"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// hello is what the client said in its handshake.
type hello struct {
	mu           sync.Mutex
	version      string // settled revision; "" before initialize
	capabilities []byte // raw
	clientInfo   []byte // raw
	initialized  bool
	done         chan struct{} // closed with notifications/initialized
}

// Greeted tells whether the client has begun its handshake.
func (s *Session) Greeted() bool { return s.greeted() }

func (s *Session) greeted() bool { return s.version() != "" }

func (s *Session) version() string {
	s.hello.mu.Lock()
	defer s.hello.mu.Unlock()
	return s.hello.version
}

// can tells whether the client declared a capability.
func (s *Session) can(path ...string) bool {
	s.hello.mu.Lock()
	defer s.hello.mu.Unlock()
	return catalog.Declares(s.hello.capabilities, path...)
}

// initialize answers the handshake from what is known, before any server is touched (MCP 2025-11-25, lifecycle).
func (s *Session) initialize(c *upstream.Call) {
	if s.greeted() {
		fail(c, mcp.InvalidRequest, "Invalid request: already initialized")
		return
	}
	params := c.Request.Bytes(c.Request.Params)
	asked := string(jsonrpc.Unquote(mcp.Field(params, "protocolVersion")))
	capabilities, info := mcp.Field(params, "capabilities"), mcp.Field(params, "clientInfo")
	if len(capabilities) == 0 || capabilities[0] != '{' {
		capabilities = []byte("{}")
	}
	if len(info) == 0 || info[0] != '{' {
		info = []byte(`{"name":"unknown","version":"0"}`)
	}
	version := mcp.Negotiate(asked)
	s.hello.mu.Lock()
	s.hello.version, s.hello.capabilities, s.hello.clientInfo = version, capabilities, info
	s.hello.mu.Unlock()

	view := s.view()
	for _, k := range []catalog.Kind{catalog.Resources, catalog.Templates} {
		s.noteListed(k) // what was recorded was shown before
	}
	b := append([]byte(`{"protocolVersion":`), jsonrpc.Quote(version)...)
	b = append(append(b, `,"capabilities":`...), capabilitiesFor(version, s.host.Sources(s))...)
	b = append(b, `,"serverInfo":{"name":"mcpproxy-stdio","title":"mcpproxy","version":`...)
	b = append(jsonrpc.AppendQuote(b, s.opts.Version), '}')
	if text := view.Instructions(s.host.About(s)); text != "" {
		b = jsonrpc.AppendQuote(append(b, `,"instructions":`...), text)
	}
	result(c, append(b, '}'))
	s.host.Begin(s)
}

// initialized serves the notification that ends the handshake.
func (s *Session) initialized() {
	s.hello.mu.Lock()
	first := s.hello.version != "" && !s.hello.initialized
	if first {
		s.hello.initialized = true
		close(s.hello.done)
	}
	s.hello.mu.Unlock()
	if first && s.opts.Workspace == "" && s.can("roots") {
		s.spawn(func() { s.workspace() }) // what the workspace proposes is to be seen before anything is called
	}
}

// capabilitiesFor lists what the proxy can carry in a revision, and what servers declare under
// experimental and extensions.
func capabilitiesFor(version string, sources []catalog.Source) []byte {
	b := []byte(`{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"logging":{}`)
	if version >= mcp.Batches {
		b = append(b, `,"completions":{}`...)
	}
	if version >= mcp.Tasks {
		b = append(b, `,"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}`...)
	}
	for _, member := range []string{"experimental", "extensions"} {
		if merged := mergeMember(member, sources); merged != nil {
			b = append(append(append(append(b, `,"`...), member...), `":`...), merged...)
		}
	}
	return append(b, '}')
}

// mergeMember joins one object-valued capability of all servers; of equal keys the first server's counts.
func mergeMember(member string, sources []catalog.Source) []byte {
	var b []byte
	seen := map[string]bool{}
	for _, src := range sources {
		if src.Snapshot == nil {
			continue
		}
		raw := mcp.Field(src.Snapshot.Capabilities, member)
		jsonrpc.Members(raw, jsonrpc.Span{Start: 0, End: len(raw)}, func(key []byte, value jsonrpc.Span) error {
			if seen[string(key)] || value.In(raw)[0] != '{' { // clients would refuse the whole answer for another value
				return nil
			}
			seen[string(key)] = true
			if b == nil {
				b = []byte("{")
			} else {
				b = append(b, ',')
			}
			b = append(append(jsonrpc.AppendQuote(b, string(key)), ':'), value.In(raw)...)
			return nil
		})
	}
	if b == nil {
		return nil
	}
	return append(b, '}')
}
