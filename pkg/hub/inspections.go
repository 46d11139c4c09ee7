package hub

import (
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// occasion says why a server is inspected, and under which launch; the zero occasion is none.
type occasion struct {
	kind   occasionKind
	launch string
}

type occasionKind int

const (
	noOccasion  occasionKind = iota
	newServer                // approved, never seen: it retries like any instance, and lists wait for it
	otherValues              // a value of its entry has changed: no list waits for it
	tryOut                   // a person wants to see whether it runs: it is not retried
	outdated                 // recorded long ago: no list waits for it, and it is not retried
	heldServer               // held, and a person approved that it is started once: likewise, and none of its words get out
)

// due is the occasion on which the server has to be inspected.
func (s *Server) due() occasion {
	if s == nil || s.Effective.Refused != "" || !s.Effective.Enabled || s.Failed != nil {
		return occasion{}
	}
	o := occasion{launch: s.Effective.LaunchKey()}
	switch state := s.Record.State(s.Effective); {
	case state == quarantine.Approved && s.Snapshot == nil:
		o.kind = newServer
	case state == quarantine.Approved && stale(s.Effective, s.Snapshot):
		o.kind = outdated
	case state == quarantine.HeldDefinitions && s.Record.Inspect == o.launch && !s.Record.Seen:
		o.kind = heldServer
	default:
		return occasion{}
	}
	return o
}

// A whole inspection is taken again after this long: what a session's instance lists only adds to it.
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

// inspection is one start of a server to read its lists. It runs until they are complete.
type inspection struct {
	nobody
	hub      *Hub
	in       *upstream.Attachment
	key      key
	server   *config.Server // as it counted when the inspection began
	occasion occasion
	once     bool // it is not taken a second time
	begun    time.Time
	values   string // of the entry, as a keyed hash

	moved   *atomic.Int64 // when one of its file's last came on: a server ran, was installed or listed; Unix nanoseconds
	leaving atomic.Bool   // its owner ends it

	ended sync.Once
	done  chan struct{}     // closed when there is nothing more to wait for: listed, or failed for now
	came  upstream.Status   // what it came to; set before done is closed, as is live
	live  *catalog.Snapshot // what the server listed; nil: nothing

	mu     sync.Mutex
	missed map[*session.Session]bool // whose first list went without it
}

func (f *inspection) finish() { f.end(upstream.Status{}, nil) }

func (f *inspection) end(came upstream.Status, live *catalog.Snapshot) {
	f.ended.Do(func() {
		f.came, f.live = came, live
		close(f.done)
	})
	f.comeOn()
}

func (f *inspection) comeOn() { f.moved.Store(time.Now().UnixNano()) }

// current tells whether it is the present one of its server.
func (f *inspection) current() bool { return f.hub.State().inspections[f.key] == f }

// Listed implements upstream.Client.
func (f *inspection) Listed(in *upstream.Attachment, live *catalog.Snapshot, known upstream.Known) {
	if known == upstream.Partial {
		return
	}
	h, came := f.hub, in.Status()
	mine := f.current()
	if f.occasion.kind != heldServer {
		h.noteFared(f.key, live.Launch, came)
	}
	if known == upstream.Late && upstream.Unread(live) && (f.occasion.kind == newServer || f.occasion.kind == heldServer) {
		f.end(came, live) // nobody waits any longer; the inspection goes on
		return
	}
	if mine {
		extent := quarantine.Late
		if known == upstream.Whole {
			extent = quarantine.Whole
		}
		f.leaving.Store(true)
		f.noteValues(live)
		h.learn(f.key, live, extent) // before it is taken off: who finds nobody to wait for finds it listed
		h.takeOff(f, time.Second)
		f.tellLate()
	}
	f.end(came, live)
}

// noteValues records under which values a server was inspected.
func (f *inspection) noteValues(live *catalog.Snapshot) {
	if f.occasion.kind == heldServer {
		return
	}
	if !upstream.Unread(live) {
		f.hub.note(fared{f.key, live.Launch, func(l *Lately) { l.Values = f.values }})
	}
	f.hub.note(seenUnder{f.key, f.values})
}

// Changed implements upstream.Client: after a failed start no list waits any more; the inspection goes on by itself.
func (f *inspection) Changed(in *upstream.Attachment) {
	came := in.Status()
	if came.State == upstream.Ready { // a server that runs is progress
		f.comeOn()
	}
	if came.State != upstream.Failed && came.State != upstream.Idle && came.State != upstream.NeedsLogin {
		return
	}
	f.end(came, nil)
	if f.occasion.kind != heldServer {
		f.hub.noteFared(f.key, f.occasion.launch, came)
	}
	if f.occasion.kind != newServer && f.current() {
		f.hub.takeOff(f, 0)
	}
}

// takeOff ends an inspection.
func (h *Hub) takeOff(f *inspection, grace time.Duration) {
	f.leaving.Store(true)
	h.tell(taken{f})
	h.dismiss(f, grace)
}

// ending are inspections that are done, but not gone yet.
type ending struct {
	mu  sync.Mutex
	all map[*inspection]bool
}

func (e *ending) list() (all []*inspection) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for f := range e.all {
		all = append(all, f)
	}
	return all
}

// hurry ends them at once.
func (e *ending) hurry(h *Hub) {
	for _, f := range e.list() {
		h.spawn(func() { f.in.Close(0) })
	}
}

// dismiss ends the instance of an inspection; Close does not wait for the grace.
func (h *Hub) dismiss(f *inspection, grace time.Duration) {
	e := &h.ending
	e.mu.Lock()
	if e.all == nil {
		e.all = map[*inspection]bool{}
	}
	e.all[f] = true
	e.mu.Unlock()
	h.spawn(func() {
		f.in.Close(grace)
		e.mu.Lock()
		delete(e.all, f)
		e.mu.Unlock()
	})
}

// inspectFor takes the inspections that are due, as the session would start the servers. The reconciler calls it.
func (h *Hub) inspectFor(s *session.Session) {
	st := h.State()
	if m, there := st.sessions[s]; !there || !m.begun { // before its handshake it would not know how
		return
	}
	hashKey, err := h.book.Key()
	if err != nil {
		hashKey = nil // no value is known to have changed
	}
	secrets := h.secretsSet()
	var all began
	for _, server := range st.Scope(s).Servers {
		values := valuesOf(s, server.Effective, hashKey, secrets)
		o := h.occasionFor(st, server, values)
		if o.kind != noOccasion && st.inspections[server.key()] == nil {
			all = append(all, h.inspection(s, server, o, values))
		}
	}
	if len(all) > 0 {
		h.state.Store(st.next(all))
	}
	for _, f := range all {
		f.in.Start()
		h.hand(f)
	}
}

// occasionFor is the occasion on which a server is inspected now that its variables and headers have these values.
func (h *Hub) occasionFor(st *State, server *Server, values string) occasion {
	k, o := server.key(), server.due()
	once, taken := st.begun[k]
	switch nothing, seen := st.nothing[k]; {
	case o.kind == newServer && seen && nothing == values:
		return occasion{}
	case o.kind == noOccasion && server.hasOtherValues(values):
		o = occasion{otherValues, server.Effective.LaunchKey()}
	}
	if h.trial != nil && o.kind != newServer && upstream.Blocked(server.Effective) == nil {
		o = occasion{tryOut, server.Effective.LaunchKey()}
	}
	if only := h.opts.Only; only != nil && (o.kind != newServer && o.kind != tryOut || !slices.Contains(only, server.Written.Name)) {
		return occasion{}
	}
	if taken && (o.kind == heldServer && once == o || h.trial != nil) {
		return occasion{}
	}
	return o
}

// inspection makes an inspection. It is not started.
func (h *Hub) inspection(s *session.Session, server *Server, o occasion, values string) *inspection {
	var spec upstream.Spec
	if o.kind == heldServer {
		spec = s.InspectionSpec(server.Effective, zerolog.Nop())
	} else {
		spec = s.Spec(server.Effective, h.log)
	}
	spec.Capabilities, spec.Eager, spec.IdleTimeout, spec.Admit = []byte(allAbilities), o.kind == newServer, 0, nil
	switch o.kind {
	case outdated:
		spec.Turn = upstream.Turn{Queue: h.starts, Urgency: upstream.Unasked} // remote ones too: one at a time
	case heldServer:
		spec.Turn.Urgency = upstream.Called // a person waits
	}
	if took := server.Lately.Took; took > 0 {
		spec.Turn.Cost = int(took.Milliseconds())
	}
	moved, _ := h.moved.LoadOrStore(server.Written.Path, new(atomic.Int64))
	f := &inspection{hub: h, moved: moved.(*atomic.Int64), key: server.key(), server: server.Effective, occasion: o, once: o.kind == heldServer || h.trial != nil,
		begun: time.Now(), values: values, done: make(chan struct{})}
	f.in = upstream.New(spec, f)
	return f
}

// hand gives Try its inspection, once; nil: there is none.
func (h *Hub) hand(f *inspection) {
	select {
	case h.trial <- f:
	default:
	}
}

// hasOtherValues tells whether an approved server that was inspected has other values of its variables and headers now.
func (s *Server) hasOtherValues(values string) bool {
	return s.Lately.Values != "" && values != "" && s.Lately.Values != values && s.Failed == nil && upstream.Blocked(s.Effective) == nil &&
		s.Record.State(s.Effective) == quarantine.Approved
}

// secretsSet changes when a secret is set.
func (h *Hub) secretsSet() string {
	info, err := os.Stat(h.opts.Store.Path("secrets"))
	if err != nil {
		return ""
	}
	return info.ModTime().String()
}

// NotListed implements session.Host.
func (h *Hub) NotListed(s *session.Session, name string) error {
	server, f := h.inspected(s, name)
	if server == nil {
		return nil
	}
	if f == nil && server.Record.OffersNothing() {
		return &upstream.Error{Server: name, Cause: ErrOffersNothing, Remedy: RemedyNothing}
	}
	if f == nil || f.occasion.kind != newServer {
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
		return &upstream.Error{Server: name, Cause: upstream.ErrWaitsForLogin, Remedy: "Call again when that is done; oauth_login shows the address"}
	}
	return &upstream.Error{Server: name, Cause: upstream.ErrStillStarting, Remedy: "Its tools are not known yet; call again in a moment"}
}

// ErrOffersNothing is the cause where a server was listed, and has nothing so far.
var ErrOffersNothing = errors.New("it started but offered no tools, prompts or resources")

const RemedyNothing = `It may lack a key or a service that it depends on: check its entry (env, headers) and its logs, ` +
	`then restart it (upstream_servers, operation "restart")`

// inspected is a server of a session's configuration, and its inspection that is under way; nil if there is none.
func (h *Hub) inspected(s *session.Session, name string) (*Server, *inspection) {
	st := h.State()
	server := st.Scope(s).Server(name)
	if server == nil {
		return nil, nil
	}
	return server, st.inspections[server.key()]
}
