package hub

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/protocol"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// allAbilities are the client capabilities that the proxy can relay. The first snapshot is taken with all of them, because some
// servers offer less to clients that can do less.
const allAbilities = `{"roots":{"listChanged":true},"sampling":{"tools":{},"context":{}},"elicitation":{"form":{},"url":{}},` +
	`"tasks":{"list":{},"cancel":{},"requests":{"sampling":{"createMessage":{}},"elicitation":{"create":{}}}}}`

// first is the look at a server never seen before: it runs until its lists are complete. It retries like any instance. The look
// at one whose definitions were recorded long ago is the same, but nobody waits for it, and it is not retried.
type first struct {
	hub   *Hub
	in    *upstream.Instance
	again bool // it was seen before
	begun time.Time

	once sync.Once
	done chan struct{} // closed when there is nothing more to wait for: listed, or failed for now
}

func (f *first) finish() { f.once.Do(func() { close(f.done) }) }

// A whole look is taken again after this long: what a session's instance lists only adds to it.
const (
	staleHTTP  = 24 * time.Hour
	staleStdio = 7 * 24 * time.Hour
)

func stale(server *config.Server, s *catalog.Snapshot) bool {
	if server.Protocol == config.ProtocolStdio {
		return time.Since(s.Taken) > staleStdio
	}
	return time.Since(s.Taken) > staleHTTP
}

// inspectNew looks at the servers without a usable snapshot, and at those with a stale one, as the session would start them.
func (h *Hub) inspectNew(s *session.Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return
	}
	for _, server := range h.config.Servers {
		old := h.snapshots[server.Name]
		if upstream.Blocked(server) != nil || h.firsts[server.Name] != nil || old != nil && !stale(server, old) {
			continue
		}
		spec := s.Spec(server)
		spec.Capabilities, spec.Version, spec.Eager, spec.IdleTimeout = []byte(allAbilities), protocol.Latest, old == nil, 0
		f := &first{hub: h, again: old != nil, begun: time.Now(), done: make(chan struct{})}
		f.in = upstream.New(spec, f)
		h.firsts[server.Name] = f
		f.in.Start()
	}
}

// AwaitFirst implements session.Host: it waits for the servers never seen before, as long as each gives signs of life and at
// most first_list_wait in all, since several clients never read a list again.
func (h *Hub) AwaitFirst(ctx context.Context, name string) {
	h.mu.Lock()
	most := h.config.FirstListWait
	pending := make([]*first, 0, len(h.firsts))
	var owners []*first
	longest := 0
	for server, f := range h.firsts {
		if f.again {
			continue
		}
		pending = append(pending, f)
		if prefix := catalog.Prefix(server); strings.HasPrefix(name, prefix) && len(prefix) >= longest {
			if len(prefix) > longest {
				owners, longest = nil, len(prefix)
			}
			owners = append(owners, f)
		}
	}
	h.mu.Unlock()
	if owners != nil {
		pending = owners
	} else if h.names(name) {
		return // its server has been listed, and does not have it
	}
	if len(pending) == 0 {
		return
	}
	var all sync.WaitGroup
	for _, f := range pending {
		all.Go(func() { // counted from its beginning: of several lists only the first waits so long
			ctx, cancel := context.WithDeadline(ctx, f.begun.Add(most))
			defer cancel()
			f.await(ctx, most/2)
		})
	}
	all.Wait()
}

// names tells whether a name begins like those of a configured server.
func (h *Hub) names(name string) bool {
	for _, server := range h.Config().Servers {
		if strings.HasPrefix(name, catalog.Prefix(server.Name)) {
			return true
		}
	}
	return false
}

// NotListed implements session.Host.
func (h *Hub) NotListed(server string) error {
	h.mu.Lock()
	f := h.firsts[server]
	h.mu.Unlock()
	if f == nil || f.again {
		return nil
	}
	if s := f.in.Status(); s.Why != "" {
		if s.State == upstream.Failed && time.Since(s.Since) > time.Second {
			f.in.Start() // somebody wants it: sooner than the back-off would
		}
		return errors.New(s.Why)
	}
	return &upstream.Error{Server: server, Cause: upstream.ErrStillStarting, Remedy: "What it offers is not known yet; call again in a moment"}
}

// signEvery is how often a server is looked at for signs of life.
const signEvery = 500 * time.Millisecond

// await returns when the look is over, or when the server has given no sign of life for silent.
func (f *first) await(ctx context.Context, silent time.Duration) {
	for {
		quiet := time.Since(f.in.Sign())
		if quiet >= silent {
			return
		}
		select {
		case <-f.done:
			return
		case <-ctx.Done():
			return
		case <-time.After(min(silent-quiet, signEvery)):
		}
	}
}

// FromServer implements upstream.Owner: nobody is there to answer; only the list of roots has an honest answer.
func (f *first) FromServer(in *upstream.Instance, m *jsonrpc.Message) {
	if m.Kind != jsonrpc.Request {
		return
	}
	if m.MethodName() == protocol.RootsList {
		in.Send(jsonrpc.Whole(jsonrpc.NewResult(m.Bytes(m.ID), []byte(`{"roots":[]}`))))
		return
	}
	in.Send(jsonrpc.Whole(jsonrpc.NewError(m.Bytes(m.ID), protocol.InternalError, "Nobody is there to answer: the server is only being listed", nil)))
}

// Started implements upstream.Owner.
func (f *first) Started(*upstream.Instance) {}

// Cork implements upstream.Owner.
func (f *first) Cork(bool) {}

// Listed implements upstream.Owner.
func (f *first) Listed(in *upstream.Instance, live *catalog.Snapshot, known upstream.Known) {
	if known == upstream.Partial {
		return
	}
	h := f.hub
	h.mu.Lock()
	mine := h.firsts[in.Name()] == f
	h.mu.Unlock()
	if known == upstream.Late && live.Items[catalog.Tools] == nil && !f.again {
		f.finish() // nobody waits any longer; the look goes on
		return
	}
	if mine {
		h.learn(in.Name(), live, known) // before it is taken off: who finds nobody to wait for finds it listed
		h.mu.Lock()
		if h.firsts[in.Name()] == f {
			delete(h.firsts, in.Name())
		}
		h.mu.Unlock()
		h.dismiss(f, time.Second)
	}
	f.finish()
}

// dismiss ends a look; Close does not wait for the grace.
func (h *Hub) dismiss(f *first, grace time.Duration) {
	h.mu.Lock()
	h.ending[f] = true
	h.mu.Unlock()
	h.work.Go(func() {
		f.in.Close(grace)
		h.mu.Lock()
		delete(h.ending, f)
		h.mu.Unlock()
	})
}

// Changed implements upstream.Owner: after a failed start no list waits any more; the look goes on by itself.
func (f *first) Changed(in *upstream.Instance) {
	if state := in.Status().State; state != upstream.Failed && state != upstream.Idle {
		return
	}
	f.finish()
	if h := f.hub; f.again {
		h.mu.Lock()
		mine := h.firsts[in.Name()] == f
		if mine {
			delete(h.firsts, in.Name())
		}
		h.mu.Unlock()
		if mine {
			h.dismiss(f, 0)
		}
	}
}
