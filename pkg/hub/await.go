package hub

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// Turn implements session.Host. A server that runs elsewhere takes no processor to start.
func (h *Hub) Turn(server *config.Server) upstream.Turn {
	if server.Protocol != config.ProtocolStdio {
		return upstream.Turn{}
	}
	return upstream.Turn{Queue: h.starts, Urgency: upstream.Wanted, Cost: startCost(server)}
}

// startCost estimates how long a start takes, in milliseconds, by what is started: the small and quick ones begin first, so that of a list
// that can't be whole most is there.
func startCost(server *config.Server) int {
	switch {
	case server.Isolation.Confined() && server.Isolation.Type != config.IsolationSandbox, server.OwnContainer():
		return 20_000 // an image may have to be pulled
	case launch.Fetches(server.Command, server.Args):
		return 5_000 // a package may have to be installed
	case launch.Interpreter(server.Command):
		return 700
	}
	return 200
}

// wait bounds how long a list or a call waits for looks.
type wait struct {
	from   time.Time     // when the first of the looks began: of several lists only the first waits so long
	idle   time.Duration // without any progress of any look; 0: no bound
	silent time.Duration // for one without a sign of life
	most   time.Duration // in all
}

// AwaitFirst implements session.Host: it waits for the servers never seen before, since several clients never read a list again. A list
// waits while there is progress, at most first_list_wait without any, and no longer than the client bears; a call waits for its server as
// long as for any start.
func (h *Hub) AwaitFirst(ctx context.Context, s *session.Session, name string) {
	h.awaitFirst(ctx, s, name, s.Patience())
}

// awaitFirst is AwaitFirst for a client of known patience.
func (h *Hub) awaitFirst(ctx context.Context, s *session.Session, name string, patience time.Duration) {
	pending, owners, c := h.lookedAt(name)
	for _, f := range owners {
		if f.in.Status().State == upstream.NeedsLogin && h.awaitLogin(ctx, s, f.key.name) {
			h.awaitFirst(ctx, s, name, patience) // what it offers now
			return
		}
	}
	w := wait{from: time.Now(), idle: c.FirstListWait, silent: c.FirstListWait / 2, most: patience}
	switch {
	case owners != nil:
		pending, w.idle, w.most = owners, 0, 0
		for _, f := range owners {
			f.in.Hurry()
			if server := h.Config(s).Server(f.key.name); server != nil {
				w.most = max(w.most, server.StartWait)
			}
		}
	case names(h.Config(s), name):
		return // its server has been listed, and does not have it
	default:
		for _, f := range pending {
			if !f.over() && f.begun.Before(w.from) {
				w.from = f.begun
			}
		}
		if c.FirstListWait != config.DefaultFirstListWait { // the person knows their client
			w.most = max(w.most, c.FirstListWait)
		}
	}
	var all sync.WaitGroup
	for _, f := range pending {
		all.Go(func() { f.await(ctx, w) })
	}
	all.Wait()
	if name == "" {
		h.noteMissed(s, pending)
	}
}

// lookedAt are the looks at new servers that are under way, and those of the servers that a name can belong to, nil for none.
func (h *Hub) lookedAt(name string) (pending, owners []*first, c *config.Config) {
	h.mu.Lock()
	defer h.mu.Unlock()
	longest := 0
	for k, f := range h.firsts {
		if f.look.kind != newServer {
			continue
		}
		pending = append(pending, f)
		if prefix := catalog.Prefix(k.name); strings.HasPrefix(name, prefix) && len(prefix) >= longest {
			if len(prefix) > longest {
				owners, longest = nil, len(prefix)
			}
			owners = append(owners, f)
		}
	}
	return pending, owners, h.config
}

// signEvery is how often a server is looked at for signs of life.
const signEvery = 500 * time.Millisecond

// await returns when the look is over, or when it is not waited for any longer.
func (f *first) await(ctx context.Context, w wait) {
	for !f.over() {
		now := time.Now()
		end := f.awaitedUntil(w, now)
		if !now.Before(end) {
			return
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return
		case <-time.After(min(end.Sub(now), signEvery)):
		}
	}
}

// awaitedUntil is how long the look is waited for, as things stand.
func (f *first) awaitedUntil(w wait, now time.Time) time.Time {
	end := w.from.Add(w.most)
	if queued := f.in.Queued(); !queued {
		sign := f.in.Sign()
		if f.in.Status().Stage != "" && now.Sub(sign) < 2*signEvery { // it is installed, or downloaded
			f.hub.moved.Store(now.UnixNano())
		}
		end = earlier(end, sign.Add(w.silent))
	}
	if w.idle > 0 {
		moved := time.Unix(0, f.hub.moved.Load())
		if moved.Before(w.from) {
			moved = w.from
		}
		end = earlier(end, moved.Add(w.idle))
	}
	return end
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// over tells whether there is nothing more to wait for.
func (f *first) over() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// noteMissed notes that a session's first list goes without what these looks find.
func (h *Hub) noteMissed(s *session.Session, looks []*first) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range looks {
		if h.firsts[f.key] != f {
			continue
		}
		if f.missed == nil {
			f.missed = map[*session.Session]bool{}
		}
		f.missed[s] = true
	}
}

// tellLate tells the sessions whose first list went without a server that it is there now.
func (h *Hub) tellLate(f *first) {
	h.mu.Lock()
	var missed []*session.Session
	for s := range f.missed {
		if _, there := h.sessions[s]; there {
			missed = append(missed, s)
		}
	}
	tools := 0
	if e := h.entries[f.key]; e != nil && e.Snapshot != nil {
		tools = len(e.Snapshot.Items[catalog.Tools])
	}
	h.mu.Unlock()
	for _, s := range missed {
		s.CameLate(f.key.name, tools)
	}
}
