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

// wait bounds how long a list or a call waits for inspections.
type wait struct {
	from   time.Time     // when the first of the inspections began: of several lists only the first waits so long
	idle   time.Duration // without any progress of any look; 0: no bound
	silent time.Duration // for one without a sign of life
	most   time.Duration // in all
	all    []*inspection // that are waited for
}

// AwaitFirst implements session.Host: it waits for the servers never seen before, since several clients never read a list again. A list
// waits while there is progress, at most first_list_wait without any, and no longer than the client bears; a call waits for its server as
// long as for any start.
func (h *Hub) AwaitFirst(ctx context.Context, s *session.Session, name string) {
	h.awaitFirst(ctx, s, name, s.Patience())
}

// awaitFirst is AwaitFirst for a client of known patience.
func (h *Hub) awaitFirst(ctx context.Context, s *session.Session, name string, patience time.Duration) {
	pending, owners, c := h.awaited(s, name)
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
			w.most = max(w.most, f.server.StartWait)
		}
	case names(c, name):
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
	w.all = pending
	for _, f := range pending {
		all.Go(func() { f.await(ctx, w) })
	}
	all.Wait()
	if name == "" {
		for _, f := range pending {
			f.noteMissed(s)
		}
	}
}

// awaited are the inspections of new servers of a session's configuration that are under way, and those of the servers that a name can
// belong to, nil for none. What another workspace's servers do is no concern of the session's.
func (h *Hub) awaited(s *session.Session, name string) (pending, owners []*inspection, c *config.Config) {
	st := h.State()
	sc, longest := st.Scope(s), 0
	for _, server := range sc.Servers {
		f := st.inspections[server.key()]
		if f == nil || f.occasion.kind != newServer {
			continue
		}
		pending = append(pending, f)
		if prefix := catalog.Prefix(f.key.name); strings.HasPrefix(name, prefix) && len(prefix) >= longest {
			if len(prefix) > longest {
				owners, longest = nil, len(prefix)
			}
			owners = append(owners, f)
		}
	}
	return pending, owners, sc.Effective
}

// names tells whether a name begins like those of a configured server.
func names(c *config.Config, name string) bool {
	for _, server := range c.Servers {
		if strings.HasPrefix(name, catalog.Prefix(server.Name)) {
			return true
		}
	}
	return false
}

// signEvery is how often a server is looked at for signs of life.
const signEvery = 500 * time.Millisecond

// await returns when the inspection is over, or when it is not waited for any longer.
func (f *inspection) await(ctx context.Context, w wait) {
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

// awaitedUntil is how long the inspection is waited for, as things stand.
func (f *inspection) awaitedUntil(w wait, now time.Time) time.Time {
	end := w.from.Add(w.most)
	if queued := f.in.Queued(); !queued {
		sign := f.in.Sign()
		if f.in.Status().Stage != "" && now.Sub(sign) < 2*signEvery { // it is installed, or downloaded
			f.comeOn()
		}
		end = earlier(end, sign.Add(w.silent))
	}
	if w.idle > 0 {
		moved := w.from
		for _, other := range w.all {
			if at := time.Unix(0, other.moved.Load()); at.After(moved) {
				moved = at
			}
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
func (f *inspection) over() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// noteMissed notes that a session's first list goes without what the inspection finds.
func (f *inspection) noteMissed(s *session.Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.current() {
		return
	}
	if f.missed == nil {
		f.missed = map[*session.Session]bool{}
	}
	f.missed[s] = true
}

// tellLate tells the sessions whose first list went without the server that it is there now.
func (f *inspection) tellLate() {
	st := f.hub.State()
	tools := 0
	if e := st.recorded[f.key]; e != nil && e.Snapshot != nil {
		tools = len(e.Snapshot.Items[catalog.Tools])
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.missed {
		if _, there := st.sessions[s]; there {
			s.CameLate(f.key.name, tools)
		}
	}
}
