package session

import (
	"cmp"
	"strconv"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// nobodyShowed says why a URI can't be asked for, and how it can.
func nobodyShowed(uri string) string {
	if server, _, named := catalog.UnwrapURI(uri); named {
		return "there is no server " + strconv.Quote(server)
	}
	return "no server has shown " + strconv.Quote(uri) + " in this session. To ask a certain server, name it: " +
		strconv.Quote("mcpproxy://SERVER/"+uri)
}

// nameURIHint reminds a client that completes a template of nobody how to name a server.
func nameURIHint(p mcp.Params) string {
	if p.RefURI.End == 0 {
		return ""
	}
	return ". To ask a certain server, name it: mcpproxy://SERVER/ and then the URI"
}

// ownerOf says which server is asked for a URI, "" for none, and the URI as that server knows it: the server that the
// URI names, else its owner. What nobody has shown can only be meant for a server that is alone in the configuration.
func (s *Session) ownerOf(uri string) (server, original string) {
	if server, original, named := catalog.UnwrapURI(uri); named {
		if s.host.Config(s).Server(server) == nil {
			return "", uri
		}
		return server, original
	}
	if owner := s.view().ResourceOwner(uri); owner != "" {
		return owner, uri
	}
	if all := s.host.Config(s).Servers; len(all) == 1 && upstream.Blocked(all[0]) == nil {
		return all[0].Name, uri
	}
	return "", uri
}

// subscribedOrOwner is ownerOf; a subscription is ended at the server that it was made at.
func (s *Session) subscribedOrOwner(method, uri string) (server, original string) {
	server, original = s.ownerOf(uri)
	if method == mcp.Unsubscribe {
		s.mu.Lock()
		defer s.mu.Unlock()
		server = cmp.Or(s.subs[uri], server)
	}
	return server, original
}

// clientURI is a server's URI as the client knows it: as it subscribed to it, else as it is listed; "" for one that
// the server can't have.
func (s *Session) clientURI(in *upstream.Attachment, uri string) string {
	s.mu.Lock()
	for subscribed, server := range s.subs {
		if _, original, _ := catalog.UnwrapURI(subscribed); server == in.Name() && (subscribed == uri || original == uri) {
			s.mu.Unlock()
			return subscribed
		}
	}
	s.mu.Unlock()
	return s.view().URIFor(in.Name(), uri)
}

// updated passes on that a resource of a server changed.
func (s *Session) updated(in *upstream.Attachment, m *jsonrpc.Message, p mcp.Params) {
	uri := mcp.String(m.Raw, p.URI)
	known := s.clientURI(in, uri)
	switch {
	case uri == "" || known == "":
		s.dropped(in, m, "it is about a URI that the server can't have")
	case known != uri:
		s.pass(in, m, jsonrpc.Whole(jsonrpc.Splice(m.Raw, jsonrpc.Edit{At: p.URI, With: jsonrpc.Quote(known)})))
	default:
		s.pass(in, m, jsonrpc.Whole(m.Raw))
	}
}

// subscribed notes what a client has subscribed to, or no more.
func (s *Session) subscribed(c *upstream.Call, in *upstream.Attachment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch c.Method {
	case mcp.Subscribe:
		s.subs[c.Target] = in.Name()
		in.Subscribe(c.Item, true)
	case mcp.Unsubscribe:
		delete(s.subs, c.Target)
		in.Subscribe(c.Item, false)
	}
}
