package session

import (
	"strconv"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/protocol"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// resource serves resources/read, subscribe and unsubscribe: at the server that lists the URI or has a template for
// it, else at the running servers in their order, until one takes it.
func (s *Session) resource(m *jsonrpc.Message, p protocol.Params, r reply, last bool) bool {
	method := m.MethodName()
	uri := protocol.String(m.Raw, p.URI)
	if uri == "" {
		r.fail(m, protocol.InvalidParams, "Invalid params: uri is missing")
		return true
	}
	server, original, known := s.view().ResourceOwner(uri)
	if method == protocol.Unsubscribe {
		s.mu.Lock()
		if was, ok := s.subs[uri]; ok {
			server, known = was, true
		}
		s.mu.Unlock()
	}
	if !known && !last {
		return false
	}
	var try []*upstream.Instance
	if known {
		in, err := s.instance(server)
		if err != nil {
			r.fail(m, protocol.InternalError, err.Error())
			return true
		}
		try = append(try, in)
	} else {
		for _, in := range s.running() {
			if in.Name() != "" && in.Hello().Declares("resources") {
				try = append(try, in)
			}
		}
		if only := s.onlyServer(); len(try) == 0 && only != nil {
			try = append(try, only)
		}
	}
	if len(try) == 0 {
		r(jsonrpc.Whole(jsonrpc.NewError(m.Bytes(m.ID), resourceNotFound, "Resource not found: no server is known to own "+strconv.Quote(uri),
			append(append([]byte(`{"uri":`), jsonrpc.Quote(uri)...), '}'))))
		return true
	}
	s.resourceAt(m, p, method, uri, original, try, r)
	return true
}

// resourceNotFound is the code of the revisions with a handshake (MCP 2025-11-25, resources, error handling).
const resourceNotFound = -32002

func (s *Session) resourceAt(m *jsonrpc.Message, p protocol.Params, method, uri, original string, try []*upstream.Instance, r reply) {
	in := try[0]
	c := &call{method: method, result: func(*jsonrpc.Message) { s.subscribed(method, uri, in) }}
	if original != uri {
		c.edits = []jsonrpc.Edit{{At: p.URI, With: jsonrpc.Quote(original)}}
	}
	answer := r
	if len(try) > 1 { // an error is the next server's turn
		answer = func(f jsonrpc.Frame) {
			if a, err := jsonrpc.Parse(f.Join()); f.Len() > 0 && err == nil && a.Kind == jsonrpc.Failure {
				s.resourceAt(m, p, method, uri, original, try[1:], r)
				return
			}
			r(f)
		}
	}
	s.relay(m, p, in, c, answer)
}

// knownURI is a server's URI as the client knows it: as it subscribed to it, else as it is listed.
func (s *Session) knownURI(in *upstream.Instance, uri string) string {
	s.mu.Lock()
	for subscribed, server := range s.subs {
		if _, original, wrapped := catalog.UnwrapURI(subscribed); server == in.Name() && (subscribed == uri || wrapped && original == uri) {
			s.mu.Unlock()
			return subscribed
		}
	}
	s.mu.Unlock()
	return s.view().Exposed(catalog.Resources, in.Name(), uri)
}

// subscribed keeps the books of subscriptions: they keep a server up and are made again when it is started again.
func (s *Session) subscribed(method, uri string, in *upstream.Instance) {
	s.mu.Lock()
	_, was := s.subs[uri]
	switch method {
	case protocol.Subscribe:
		s.subs[uri] = in.Name()
	case protocol.Unsubscribe:
		delete(s.subs, uri)
	}
	_, is := s.subs[uri]
	s.mu.Unlock()
	switch {
	case is && !was:
		in.Hold(1)
	case was && !is:
		in.Hold(-1)
	}
}
