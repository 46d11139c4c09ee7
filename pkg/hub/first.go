package hub

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// look says why a server is looked at, and under which launch; the zero look is none.
type look struct {
	kind   lookKind
	launch string
}

type lookKind int

const (
	noLook     lookKind = iota
	newServer           // approved, never seen: it retries like any instance, and lists wait for it
	changedOne          // a value of its entry has changed: nobody waits for it either
	tryOut              // a person wants to see whether it runs: it is not retried
	staleOne            // recorded long ago: nobody waits for it, and it is not retried
	inspection          // held, and a person approved that it is started once: likewise, and none of its words get out
)

// due tells which look an entry in force is due for; mu is held. The entry may be nil.
func (h *Hub) due(server *config.Server) look {
	if server == nil || server.Refused != "" || !server.Enabled {
		return look{}
	}
	e := h.entries[keyOf(server)]
	if e == nil || e.Failed != nil {
		return look{}
	}
	l := look{launch: server.LaunchKey()}
	switch state := e.Record.State(server); {
	case state == quarantine.Approved && e.Snapshot == nil:
		l.kind = newServer
	case state == quarantine.Approved && stale(server, e.Snapshot):
		l.kind = staleOne
	case state == quarantine.HeldDefinitions && e.Record.Inspect == l.launch && !e.Record.Seen:
		l.kind = inspection
	default:
		return look{}
	}
	return l
}

// first is a look at a server: it runs until its lists are complete.
type first struct {
	nobody
	hub   *Hub
	in    *upstream.Attachment
	key   key
	look  look
	begun time.Time

	values string // of the entry, as a keyed hash

	once sync.Once
	done chan struct{}     // closed when there is nothing more to wait for: listed, or failed for now
	came upstream.Status   // what it came to; set before done is closed, as is live
	live *catalog.Snapshot // what the server listed; nil: nothing

	missed map[*session.Session]bool // whose first list went without it; guarded by the hub's mu
}

func (f *first) finish() { f.end(upstream.Status{}, nil) }

func (f *first) end(came upstream.Status, live *catalog.Snapshot) {
	f.once.Do(func() {
		f.came, f.live = came, live
		close(f.done)
	})
	f.hub.moved.Store(time.Now().UnixNano())
}

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

// inspectNew takes the looks that are due, as the session would start the servers; before its handshake it would not know how.
func (h *Hub) inspectNew(s *session.Session) {
	if !s.Greeted() {
		return
	}
	hashKey, err := h.book.Key()
	if err != nil {
		hashKey = nil // no value is known to have changed
	}
	secrets := h.secretsSet()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return
	}
	for _, server := range h.scopes[h.sessions[s]].Effective.Servers {
		k, l := keyOf(server), h.due(server)
		values := h.valuesOf(s, server, hashKey, secrets)
		switch offered, seen := h.nothing[k]; {
		case l.kind == newServer && seen && offered == values:
			continue
		case l.kind == noLook && h.otherValues(server, values):
			l = look{changedOne, server.LaunchKey()}
		}
		if h.trial != nil && l.kind != newServer && upstream.Blocked(server) == nil {
			l = look{tryOut, server.LaunchKey()}
		}
		if only := h.opts.Only; only != nil && (l.kind != newServer && l.kind != tryOut || !slices.Contains(only, server.Name)) {
			continue
		}
		if l.kind == noLook || h.firsts[k] != nil || l.kind == inspection && h.tried[k] == l || h.trial != nil && h.tried[k] != (look{}) {
			continue
		}
		if l.kind == inspection || h.trial != nil {
			h.tried[k] = l
		}
		var spec upstream.Spec
		if l.kind == inspection {
			spec = s.InspectionSpec(server, zerolog.Nop())
		} else {
			spec = s.Spec(server, h.log)
		}
		spec.Capabilities, spec.Eager, spec.IdleTimeout, spec.Admit = []byte(allAbilities), l.kind == newServer, 0, nil
		switch l.kind {
		case staleOne:
			spec.Turn = upstream.Turn{Queue: h.starts, Urgency: upstream.Unasked} // remote ones too: one at a time
		case inspection:
			spec.Turn.Urgency = upstream.Called // a person waits
		}
		if took := h.lately[k].of(l.launch).Took; took > 0 {
			spec.Turn.Cost = int(took.Milliseconds())
		}
		f := &first{hub: h, key: k, look: l, begun: time.Now(), values: values, done: make(chan struct{})}
		f.in = upstream.New(spec, f)
		h.firsts[k] = f
		f.in.Start()
		h.hand(f)
	}
}

// hand gives Try its look, once; nil: there is none.
func (h *Hub) hand(f *first) {
	select {
	case h.trial <- f:
	default:
	}
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

// NotListed implements session.Host.
func (h *Hub) NotListed(s *session.Session, server string) error {
	f := h.look(s, server)
	if f == nil && h.offersNothing(s, server) {
		return &upstream.Error{Server: server, Cause: errOffersNothing, Remedy: remedyNothing}
	}
	if f == nil || f.look.kind != newServer {
		return nil
	}
	st := f.in.Status()
	if st.Err != nil {
		if (st.State == upstream.Failed || st.State == upstream.NeedsLogin) && time.Since(st.Since) > time.Second {
			f.in.Start() // somebody wants it: sooner than the back-off would
		}
		return st.Err
	}
	if st.Unlisted != nil && !st.Usable {
		return st.Unlisted
	}
	if f.in.WaitsForLogin() {
		return &upstream.Error{Server: server, Cause: upstream.ErrWaitsForLogin, Remedy: "Call again when that is done; oauth_login shows the address"}
	}
	return &upstream.Error{Server: server, Cause: upstream.ErrStillStarting, Remedy: "Its tools are not known yet; call again in a moment"}
}

// errOffersNothing is the cause where a server was listed, and has nothing so far.
var errOffersNothing = errors.New("it started but offered no tools, prompts or resources")

const remedyNothing = `It may lack a key or a service that it depends on: check its entry (env, headers) and its logs, then restart it (upstream_servers, operation "restart")`

// offersNothing tells whether a server of the session's configuration was looked at, and offered nothing.
func (h *Hub) offersNothing(s *session.Session, name string) bool {
	server := h.Config(s).Server(name)
	if server == nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.entries[keyOf(server)]
	return e != nil && e.Record.OffersNothing()
}

// look is the look at a server of a session's configuration that is under way, nil if there is none.
func (h *Hub) look(s *session.Session, name string) *first {
	server := h.Config(s).Server(name)
	if server == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.firsts[keyOf(server)]
}

// Listed implements upstream.Client.
func (f *first) Listed(in *upstream.Attachment, live *catalog.Snapshot, known upstream.Known) {
	if known == upstream.Partial {
		return
	}
	h, came := f.hub, in.Status()
	h.mu.Lock()
	mine := h.firsts[f.key] == f
	h.mu.Unlock()
	if f.look.kind != inspection {
		h.faredAs(f.key, live.Launch, came)
	}
	if known == upstream.Late && upstream.Unread(live) && f.look.kind != staleOne && f.look.kind != changedOne && f.look.kind != tryOut {
		f.end(came, live) // nobody waits any longer; the look goes on
		return
	}
	if mine {
		extent := quarantine.Late
		if known == upstream.Whole {
			extent = quarantine.Whole
		}
		h.noteValues(f, live)
		h.learn(f.key, live, extent) // before it is taken off: who finds nobody to wait for finds it listed
		h.takeOff(f, time.Second)
		h.tellLate(f)
	}
	f.end(came, live)
}

// otherValues tells whether an approved server that was looked at has other values of its variables and headers now; mu is held.
func (h *Hub) otherValues(server *config.Server, values string) bool {
	e, was := h.entries[keyOf(server)], h.lately[keyOf(server)].of(server.LaunchKey()).Values
	return upstream.Blocked(server) == nil && e != nil && e.Failed == nil && e.Record.State(server) == quarantine.Approved && was != "" && values != "" && was != values
}

// noteValues takes down under which values a server was looked at.
func (h *Hub) noteValues(f *first, live *catalog.Snapshot) {
	if f.look.kind == inspection {
		return
	}
	if !upstream.Unread(live) {
		h.fared(f.key, live.Launch, func(l *Lately) { l.Values = f.values })
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nothing[f.key] = f.values // of a server that offers something nobody asks for it
}

// secretsSet changes when a secret is set.
func (h *Hub) secretsSet() string {
	info, err := os.Stat(h.opts.Store.Path("secrets"))
	if err != nil {
		return ""
	}
	return info.ModTime().String()
}

// takeOff ends a look that is the present one of its server.
func (h *Hub) takeOff(f *first, grace time.Duration) {
	h.mu.Lock()
	mine := h.firsts[f.key] == f
	if mine {
		delete(h.firsts, f.key)
	}
	h.mu.Unlock()
	if mine {
		h.dismiss(f, grace)
	}
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

// Changed implements upstream.Client: after a failed start no list waits any more; the look goes on by itself.
func (f *first) Changed(in *upstream.Attachment) {
	came := in.Status()
	if came.State == upstream.Ready { // a server that runs is progress
		f.hub.moved.Store(time.Now().UnixNano())
	}
	if came.State != upstream.Failed && came.State != upstream.Idle && came.State != upstream.NeedsLogin {
		return
	}
	f.end(came, nil)
	if f.look.kind != inspection {
		f.hub.faredAs(f.key, f.look.launch, came)
	}
	if f.look.kind != newServer {
		f.hub.takeOff(f, 0)
	}
}
