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
	Own     OwnTools // the proxy's own tools; the zero value for a hub without a client
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
	own    func() *catalog.Snapshot // our own tools

	state      atomic.Pointer[State]
	inbox      inbox
	reconciled chan struct{}     // closed when the reconciler has ended
	watches    map[string]func() // the reconciler's: they end the watch over a workspace's file
	retryIn    time.Duration     // the reconciler's: after this long records that can't be used are read again
	retrying   atomic.Bool
	ending     ending

	reading  sync.Mutex // one reads the files at a time: an older one must not win
	writing  sync.Mutex // of Lately
	programs sync.Map   // by key: when they were looked at
	moved    sync.Map   // by file: see inspection.moved
	starts   *upstream.Queue
	trial    chan *inspection // gets the one inspection of Try; nil: there is none
	watching sync.Once        // files are watched from the first session on

	screen screen
	began  time.Time
	ran    atomic.Bool // the configuration has a baseline
	inside atomic.Bool // it was found in a folder that is open, and doubted for that

	seeLogins sync.Once // other processes' logins are watched

	closing sync.Mutex
	closed  bool // no goroutine is added to work any more
}

// New reads the configuration and what is known of its servers. A configuration that can't be read leaves
// the hub without servers; the log and the tool upstream_servers say why.
func New(opts Options) *Hub {
	h := &Hub{opts: opts, log: opts.Log, began: time.Now(), book: quarantine.NewBook(opts.Store), watches: map[string]func(){},
		reconciled: make(chan struct{}), starts: upstream.NewQueue(0)}
	h.inbox.more = make(chan struct{}, 1)
	h.own = sync.OnceValue(func() *catalog.Snapshot {
		own := &catalog.Snapshot{}
		if opts.Own.Definitions != nil {
			own.Items[catalog.Tools] = opts.Own.Definitions()
		}
		return own
	})
	h.spawn(h.book.Prepare)
	h.ctx, h.end = context.WithCancel(context.Background())
	h.logins = oauth.New(oauth.Options{Store: opts.Store, Log: opts.Log, LoggedIn: h.loggedIn})
	h.boxes = docker.NewOwner(opts.Store, opts.Log)
	c, broken := h.load()
	if broken != nil {
		h.log.Error().Err(broken).Msg("configuration not read")
		c = &config.Config{Path: opts.ConfigPath, FirstListWait: config.DefaultFirstListWait, MaxNameLength: config.DefaultMaxNameLength, Approval: config.ApprovalHuman}
	}
	h.report(c)
	h.starts.SetMost(c.MaxStarts)
	first := &State{Broken: broken}
	h.state.Store(first)
	facts := append(h.settle(c, nil), configRead{config: c})
	if broken != nil {
		facts = append(facts, configBroken{broken})
	}
	h.state.Store(first.next(facts...))
	go h.reconcile()
	h.retryFailed(h.State())
	h.spawn(h.forgetRemoved)
	return h
}

// Serve runs one client's session on conn until it leaves or ctx ends; what ran for it is ended within about grace.
func (h *Hub) Serve(ctx context.Context, conn jsonrpc.Conn, opts session.Options, grace time.Duration) error {
	opts.Pool = &h.pool
	s := session.New(h, conn, opts)
	h.tell(joined{s})
	h.Moved(s)
	return s.Run(ctx, grace)
}

// Leave implements session.Host: with the last session the inspections end, which the next one has taken anew.
func (h *Hub) Leave(s *session.Session) { h.note(left{s}) }

// Close ends the hub's own work.
func (h *Hub) Close() {
	h.end()
	h.logins.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-h.reconciled
		h.closing.Lock()
		h.closed = true
		h.closing.Unlock()
		for _, f := range h.ending.list() {
			h.work.Go(func() { f.in.Close(0) })
		}
		for _, f := range h.State().inspections {
			h.work.Go(func() { f.in.Close(0) })
		}
		h.work.Wait()
	}()
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
func (h *Hub) Config(s *session.Session) *config.Config { return h.State().Scope(s).Effective }

// Sources implements session.Host.
func (h *Hub) Sources(s *session.Session) []catalog.Source {
	sources := []catalog.Source{{Snapshot: h.own()}}
	for _, server := range h.State().Scope(s).Servers {
		if upstream.Blocked(server.Effective) == nil {
			sources = append(sources, catalog.Source{Server: server.Written.Name, Snapshot: server.Snapshot, Allowed: server.Effective.ToolAllowed})
		}
	}
	return sources
}

// OwnTools implements session.Host.
func (h *Hub) OwnTools(s *session.Session) upstream.Conn {
	return h.opts.Own.Connect(&Client{h, s})
}

// Begin implements session.Host.
func (h *Hub) Begin(s *session.Session) {
	h.tell(greeted{s}) // now: a list that comes next waits for the inspections
	if h.opts.Only != nil {
		h.hand(nil)
		return
	}
	h.watching.Do(func() {
		current := h.State().Config
		h.boxes.Sweep()
		h.spawn(func() {
			h.warnOfNames(current)
			if err := current.Watch(h.ctx, h.Reload); err != nil {
				h.log.Warn().Err(err).Msg("the configuration is not watched")
			}
		})
		h.spawn(func() { h.opts.Store.Watch(h.ctx, h.book.Watched(), h.recall) })
	})
}
