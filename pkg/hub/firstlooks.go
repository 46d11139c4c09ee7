package hub

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// Looked is what a first look at a server came to.
type Looked struct {
	Server string
	Tools  int
	Err    error // why it is not listed; nil: it is
}

// looksEvery is how often the looks are looked after.
const looksEvery = 100 * time.Millisecond

// FirstLooks takes the first looks at the named servers now, as the first session would, so that it finds everything; no other server is
// started. It calls looked for each of them once, and returns when that is done or ctx ends; nothing that was started is left then.
// opts.Only is set to the names.
func FirstLooks(ctx context.Context, opts Options, client session.Options, names []string, looked func(Looked)) {
	opts.Only = names
	h := New(opts)
	defer h.Close()
	h.visit(ctx, client, func(ctx context.Context) { h.follow(ctx, names, looked) })
}

// visit is a session of a client that asks for nothing, for as long as during takes.
func (h *Hub) visit(ctx context.Context, client session.Options, during func(context.Context)) {
	in, write := io.Pipe()
	reader := jsonrpc.NewReader(in, jsonrpc.Detect, 0)
	conn := jsonrpc.Conn{In: reader, Out: jsonrpc.NewOutlet(io.Discard, reader.Framing, 0)}
	ctx, end := context.WithCancel(ctx)
	defer end()
	served := make(chan struct{})
	go func() {
		defer close(served)
		h.Serve(ctx, conn, client, looksGrace)
	}()
	params := append([]byte(`{"protocolVersion":"`+mcp.Latest+`","capabilities":{},"clientInfo":{"name":"mcpproxy-stdio","version":`), jsonrpc.Quote(h.opts.Version)...)
	hello := jsonrpc.NewRequest(1, mcp.Initialize, append(params, "}}"...))
	go write.Write(append(hello, '\n'))
	during(ctx)
	write.Close()
	end()
	<-served
}

// looksGrace is how long a server has to end by itself after the looks.
const looksGrace = time.Second

// follow reports each of the named servers once, when its look is over.
func (h *Hub) follow(ctx context.Context, names []string, looked func(Looked)) {
	tick := time.NewTicker(looksEvery)
	defer tick.Stop()
	left := slices.Clone(names)
	for begun := false; len(left) > 0; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if begun = begun || h.begun(); !begun {
			continue
		}
		left = slices.DeleteFunc(left, func(name string) bool {
			l, over := h.lookedAtOnce(name)
			if over {
				looked(l)
			}
			return over
		})
	}
}

// begun tells whether the session's handshake is over, with which the looks begin.
func (h *Hub) begun() bool {
	all := h.State().all()
	return len(all) == 1 && all[0].Greeted()
}

// lookedAtOnce tells what the first look at a server came to, once it is over.
func (h *Hub) lookedAtOnce(name string) (l Looked, over bool) {
	l.Server = name
	st := h.State()
	server := st.scopes[""].Server(name)
	if server == nil {
		return l, true
	}
	f := st.inspections[server.key()]
	if err := upstream.Blocked(server.Effective); err != nil {
		l.Err = &upstream.Error{Server: name, Step: "is not available", Cause: err}
		return l, true
	}
	switch {
	case server.Snapshot != nil:
		l.Tools = len(server.Snapshot.Items[catalog.Tools])
		return l, true
	case server.Record.OffersNothing():
		l.Err = &upstream.Error{Server: name, Cause: ErrOffersNothing, Remedy: RemedyNothing}
		return l, true
	case f == nil: // it has not begun, or what it found is being recorded
		return l, false
	}
	switch came := f.in.Status(); {
	case came.Err != nil:
		l.Err = came.Err
	case came.Unlisted != nil && !came.Usable:
		l.Err = came.Unlisted
	}
	return l, l.Err != nil
}
