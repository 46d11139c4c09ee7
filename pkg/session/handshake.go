package session

import (
	"sync"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// handshake is how far the client has come in it.
type handshake struct {
	once sync.Once
	done chan struct{} // closed with notifications/initialized
}

// Greeted tells whether the client has begun its handshake.
func (s *Session) Greeted() bool { return s.client() != nil }

// client is what the client said of itself, nil before its handshake: for what no request of it is about.
func (s *Session) client() *mcp.Client { return s.dialect.Client() }

// introduction is what servers are told of the client.
func (s *Session) introduction() mcp.Client {
	if c := s.client(); c != nil {
		return *c
	}
	return mcp.Client{}
}

// initialize answers the handshake from what is known, before any server is touched (MCP 2025-11-25, lifecycle).
func (s *Session) initialize(c *upstream.Call) {
	client := c.Request.Client
	view := s.view()
	for _, k := range []catalog.Kind{catalog.Resources, catalog.Templates} {
		s.noteListed(k) // what was recorded was shown before
	}
	b := append([]byte(`{"protocolVersion":`), jsonrpc.Quote(client.Revision)...)
	b = append(append(b, `,"capabilities":`...), capabilitiesFor(client.Rules(), s.host.Sources(s))...)
	b = append(b, `,"serverInfo":{"name":"mcpproxy-stdio","title":"mcpproxy","version":`...)
	b = append(jsonrpc.AppendQuote(b, s.opts.Version), '}')
	if text := view.Instructions(s.host.About(s)); text != "" {
		b = jsonrpc.AppendQuote(append(b, `,"instructions":`...), text)
	}
	s.result(c, append(b, '}'))
	s.host.Begin(s)
}

// initialized serves the notification that ends the handshake.
func (s *Session) initialized() {
	if !s.Greeted() {
		return
	}
	s.handshake.once.Do(func() {
		close(s.handshake.done)
		if s.opts.Workspace == "" && s.client().Can("roots") {
			s.spawn(func() { s.workspace() }) // what the workspace proposes is to be seen before anything is called
		}
	})
}

// capabilitiesFor lists what the proxy can carry in a revision, and what servers declare under
// experimental and extensions.
func capabilitiesFor(has mcp.Rules, sources []catalog.Source) []byte {
	b := []byte(`{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"logging":{}`)
	if has.Completions {
		b = append(b, `,"completions":{}`...)
	}
	if has.Tasks {
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
