// Package hub owns what all clients of a user have in common: the configuration in force, what is known and approved of
// the servers, and the sessions. It looks at servers never seen before, takes in changes of the configuration and decisions
// of people, and tells the sessions.
//
// It runs inside the front today. What it serves is any pair of byte streams, so that a process of its own, behind a socket, can take
// its place; an in-memory pipe between the two would cost two goroutine switches a call, 50 µs where a byte copier takes 50.
package hub

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/builtin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// Options say what a hub works with.
type Options struct {
	ConfigPath string
	Store      *store.Store
	Version    string // of the proxy
	Log        zerolog.Logger
	Only       []string // nothing is started but these servers, to be looked at for the first time; nil: what sessions need
	// Doubt says why a configuration file that was never run is not taken for the person's own, "" if it is. It may be nil.
	Doubt func(*config.Config) string
	// DoubtIn says the same of a file once a client's roots have told which folder is open. It may be nil.
	DoubtIn func(path, folder string) string
}

// Hub serves sessions. It is safe for concurrent use.
type Hub struct {
	opts   Options
	log    zerolog.Logger
	book   *quarantine.Book
	logins *oauth.Logins
	boxes  *docker.Owner
	ctx    context.Context
	end    context.CancelFunc
	work   sync.WaitGroup
	pool   upstream.Pool

	mu       sync.Mutex
	config   *config.Config // the user's file as it was last read
	broken   error          // why the file as it is now is not in force; nil: it is
	approval Approval
	entries  map[key]*Recorded
	scopes   map[string]*Scope           // by workspace file; "" is that of sessions without one
	watches  map[string]func()           // end the watch over a workspace's file
	sessions map[*session.Session]string // their scope
	own      *catalog.Snapshot           // our own tools
	firsts   map[key]*first
	ending   map[*first]bool   // done, but not gone yet
	asking   map[key]bool      // a person is being asked
	trial    chan *first       // gets the one look of Try; nil: there is none
	tried    map[key]look      // inspections that were begun: an approval is one start, also of a server that fails
	programs map[key]time.Time // when they were looked at
	lately   map[key]Lately
	nothing  map[key]string // values of servers that were looked at and offered nothing: they are looked at again by the next hub, or when these change
	writing  sync.Mutex     // of Lately
	starts   *upstream.Queue
	moved    atomic.Int64 // when a look last came on: a server ran, was installed or listed; Unix nanoseconds
	watching bool
	retrying bool          // records that can't be used are looked at again
	retryIn  time.Duration // after this long

	screen screen
	began  time.Time
	ran    atomic.Bool // the configuration has a baseline
	inside atomic.Bool // it was found in a folder that is open, and doubted for that

	seeLogins sync.Once // other processes' logins are watched

	reload sync.Mutex // one Reload at a time: an older file must not win
}

// New reads the configuration and what is known of its servers. A configuration that can't be read leaves
// the hub without servers; the log and the tool upstream_servers tell why.
func New(opts Options) *Hub {
	h := &Hub{opts: opts, log: opts.Log, began: time.Now(), book: quarantine.NewBook(opts.Store), sessions: map[*session.Session]string{}, entries: map[key]*Recorded{},
		scopes: map[string]*Scope{}, watches: map[string]func(){}, firsts: map[key]*first{}, ending: map[*first]bool{}, asking: map[key]bool{}, tried: map[key]look{}, lately: map[key]Lately{}, nothing: map[key]string{}, programs: map[key]time.Time{}}
	h.starts = upstream.NewQueue(0)
	h.work.Go(h.book.Prepare)
	h.ctx, h.end = context.WithCancel(context.Background())
	h.logins = oauth.New(oauth.Options{Store: opts.Store, Log: opts.Log, LoggedIn: h.loggedIn})
	h.boxes = docker.NewOwner(opts.Store, opts.Log)
	h.config, h.broken = h.load()
	if h.broken != nil {
		h.log.Error().Err(h.broken).Msg("configuration not read")
		h.config = &config.Config{Path: opts.ConfigPath, FirstListWait: config.DefaultFirstListWait, MaxNameLength: config.DefaultMaxNameLength, Approval: config.ApprovalHuman}
	}
	h.report(h.config)
	h.starts.SetMost(h.config.MaxStarts)
	h.settle(h.config)
	h.scopes[""] = h.known().scope(h.config, nil)
	h.work.Go(h.forgetRemoved)
	return h
}

func (h *Hub) report(c *config.Config) {
	for _, p := range c.Problems {
		h.log.Warn().Msg(p.String())
	}
}

// Serve runs one client's session on conn until it leaves or ctx ends; what ran for it is ended within about grace.
func (h *Hub) Serve(ctx context.Context, conn jsonrpc.Conn, opts session.Options, grace time.Duration) error {
	opts.Pool = &h.pool
	s := session.New(h, conn, opts)
	h.mu.Lock()
	h.sessions[s] = ""
	h.mu.Unlock()
	h.Moved(s)
	return s.Run(ctx, grace)
}

// Leave implements session.Host: with the last session ends the look at new servers, which the next one takes anew.
func (h *Hub) Leave(s *session.Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leaveScope(h.sessions[s], s)
	delete(h.sessions, s)
	if len(h.sessions) > 0 {
		return
	}
	for k, f := range h.firsts {
		delete(h.firsts, k)
		delete(h.tried, k)
		h.ending[f] = true
	}
	clear(h.nothing)
	for f := range h.ending {
		f.finish()
		h.work.Go(func() { f.in.Close(0) })
	}
}

// Close ends the hub's own work.
func (h *Hub) Close() {
	h.end()
	h.logins.Close()
	h.mu.Lock()
	var all []*first
	for _, f := range h.firsts {
		all = append(all, f)
	}
	for f := range h.ending {
		all = append(all, f)
	}
	h.mu.Unlock()
	for _, f := range all {
		h.work.Go(func() { f.in.Close(0) })
	}
	done := make(chan struct{})
	go func() { h.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(closeMost): // another process holds a lock, or the disk hangs
		h.log.Warn().Msg("not all could be recorded in time")
	}
	h.boxes.Close(closeContainers)
}

// closeMost bounds Close, and closeContainers how much longer it waits for containers whose servers have ended.
const (
	closeMost       = 100 * time.Millisecond
	closeContainers = time.Second
)

// Config implements session.Host.
func (h *Hub) Config(s *session.Session) *config.Config {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.scopes[h.sessions[s]].Effective
}

// Sources implements session.Host.
func (h *Hub) Sources(s *session.Session) []catalog.Source {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.own == nil {
		h.own = &catalog.Snapshot{Items: [catalog.Kinds][][]byte{catalog.Tools: builtin.Definitions()}}
	}
	sources := []catalog.Source{{Server: "", Snapshot: h.own}}
	for _, server := range h.scopes[h.sessions[s]].Effective.Servers {
		if upstream.Blocked(server) == nil {
			sources = append(sources, catalog.Source{Server: server.Name, Snapshot: h.entries[keyOf(server)].Snapshot, Allowed: server.ToolAllowed})
		}
	}
	return sources
}

// OwnTools implements session.Host.
func (h *Hub) OwnTools(s *session.Session) upstream.Conn {
	return builtin.Connect(&admin{h: h, s: s}, h.opts.Version)
}

// Begin implements session.Host.
func (h *Hub) Begin(s *session.Session) {
	h.inspectNew(s) // now: a list that comes next waits for them
	if h.opts.Only != nil {
		h.hand(nil)
		return
	}
	h.work.Go(s.StartEager)
	h.mu.Lock()
	start := !h.watching
	h.watching = true
	current := h.config
	h.mu.Unlock()
	if !start {
		return
	}
	h.boxes.Sweep()
	h.work.Go(func() {
		h.warnOfNames(current)
		if err := current.Watch(h.ctx, h.Reload); err != nil {
			h.log.Warn().Err(err).Msg("the configuration is not watched")
		}
	})
	h.work.Go(func() { h.opts.Store.Watch(h.ctx, h.book.Watched(), h.recall) })
}

// changed tells the sessions of a scope that their catalog is another.
func (h *Hub) changed(scope string) {
	for _, s := range h.in(scope) {
		s.CatalogChanged()
	}
}

// in are the sessions of a scope.
func (h *Hub) in(scope string) []*session.Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*session.Session
	for s, of := range h.sessions {
		if of == scope {
			all = append(all, s)
		}
	}
	return all
}

func (h *Hub) all() []*session.Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*session.Session, 0, len(h.sessions))
	for s := range h.sessions {
		all = append(all, s)
	}
	return all
}
