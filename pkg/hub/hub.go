// Package hub owns what all clients of a user have in common: the configuration in force, the recorded definitions of
// the servers, and the sessions. It looks at servers never seen before, takes in changes of the configuration, and
// tells the sessions.
//
// It runs inside the front today, joined to it by an in-memory pipe, so that a process of its own can take its place.
package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/builtin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
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
}

// Hub serves sessions. It is safe for concurrent use.
type Hub struct {
	opts Options
	log  zerolog.Logger
	ctx  context.Context
	end  context.CancelFunc
	work sync.WaitGroup

	recording sync.Mutex // one snapshot is written at a time

	mu        sync.Mutex
	config    *config.Config
	broken    error                        // why the file as it is now is not in force; nil: it is
	snapshots map[string]*catalog.Snapshot // by server
	own       *catalog.Snapshot            // our own tools
	sessions  map[*session.Session]bool
	firsts    map[string]*first
	ending    map[*first]bool // done, but not gone yet
	watching  bool

	reload sync.Mutex // one Reload at a time: an older file must not win
}

// New reads the configuration and the recorded definitions. A configuration that can't be read leaves
// the hub without servers; Problem tells why.
func New(opts Options) *Hub {
	h := &Hub{opts: opts, log: opts.Log, snapshots: map[string]*catalog.Snapshot{},
		sessions: map[*session.Session]bool{}, firsts: map[string]*first{}, ending: map[*first]bool{}}
	h.ctx, h.end = context.WithCancel(context.Background())
	h.config, h.broken = config.Load(opts.ConfigPath)
	if h.broken != nil {
		h.log.Error().Err(h.broken).Msg("configuration not read")
		h.config = &config.Config{Path: opts.ConfigPath, FirstListWait: config.DefaultFirstListWait, MaxNameLength: config.DefaultMaxNameLength}
	}
	h.report(h.config)
	h.recall(h.config)
	return h
}

func (h *Hub) report(c *config.Config) {
	for _, p := range c.Problems {
		h.log.Warn().Msg(p.String())
	}
}

// Serve runs one client's session on conn until it leaves or ctx ends; what ran for it is ended within about grace.
func (h *Hub) Serve(ctx context.Context, conn jsonrpc.Conn, opts session.Options, grace time.Duration) error {
	s := session.New(h, conn, opts)
	h.mu.Lock()
	h.sessions[s] = true
	h.mu.Unlock()
	return s.Run(ctx, grace)
}

// Leave implements session.Host: with the last session ends the look at new servers, which the next one takes anew.
func (h *Hub) Leave(s *session.Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, s)
	if len(h.sessions) > 0 {
		return
	}
	for name, f := range h.firsts {
		delete(h.firsts, name)
		h.ending[f] = true
	}
	for f := range h.ending {
		f.finish()
		h.work.Go(func() { f.in.Close(0) })
	}
}

// Close ends the hub's own work.
func (h *Hub) Close() {
	h.end()
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
	h.work.Wait()
}

// Config implements session.Host.
func (h *Hub) Config() *config.Config {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.config
}

// Sources implements session.Host.
func (h *Hub) Sources() []catalog.Source {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.own == nil {
		h.own = &catalog.Snapshot{Items: [catalog.Kinds][][]byte{catalog.Tools: builtin.Definitions()}}
	}
	sources := []catalog.Source{{Server: "", Snapshot: h.own}}
	for _, server := range h.config.Servers {
		if upstream.Blocked(server) != nil {
			continue
		}
		sources = append(sources, catalog.Source{Server: server.Name, Snapshot: h.snapshots[server.Name], Allowed: server.ToolAllowed})
	}
	return sources
}

// OwnTools implements session.Host.
func (h *Hub) OwnTools(s *session.Session) upstream.Conn {
	return builtin.Connect(&admin{h, s}, h.opts.Version)
}

// Begin implements session.Host.
func (h *Hub) Begin(s *session.Session) {
	h.inspectNew(s) // now: a list that comes next waits for them
	h.work.Go(s.StartEager)
	h.mu.Lock()
	start := !h.watching
	h.watching = true
	current := h.config
	h.mu.Unlock()
	if start {
		h.work.Go(func() {
			if err := current.Watch(h.ctx, h.Reload); err != nil {
				h.log.Warn().Err(err).Msg("the configuration is not watched")
			}
		})
	}
}

// snapshotName is where a server's snapshot is stored: by config path and name.
func (h *Hub) snapshotName(server string) string {
	sum := sha256.Sum256([]byte(h.opts.ConfigPath + "\x00" + server))
	return "snapshots/" + hex.EncodeToString(sum[:16])
}

// recall reads the recorded snapshots of the configured servers. One that was taken of another launch does not count.
// It changes h.snapshots; the caller holds mu or is New.
func (h *Hub) recall(c *config.Config) {
	for _, server := range c.Servers {
		if s := h.snapshots[server.Name]; s != nil && s.Launch == server.LaunchKey() {
			continue
		}
		delete(h.snapshots, server.Name)
		data, err := h.opts.Store.Read(h.snapshotName(server.Name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var s *catalog.Snapshot
		if err == nil {
			s, err = catalog.Decode(data)
		}
		if err != nil {
			h.log.Warn().Str("server", server.Name).Err(err).Msg("recorded definitions not used")
			continue
		}
		if s.Launch == server.LaunchKey() {
			h.snapshots[server.Name] = s
		}
	}
}

// Learned implements session.Host: what a session's instance lists is recorded and shown to all sessions. It only adds, because an
// instance may offer less than a look with all abilities has seen.
func (h *Hub) Learned(name string, live *catalog.Snapshot) { h.learn(name, live, upstream.Partial) }

// learn takes in what an instance lists. Only a whole list takes anything away.
func (h *Hub) learn(name string, live *catalog.Snapshot, known upstream.Known) {
	h.mu.Lock()
	server := h.config.Server(name)
	if server == nil || server.LaunchKey() != live.Launch {
		h.mu.Unlock()
		return
	}
	old := h.snapshots[name]
	switch {
	case known == upstream.Whole:
	case old != nil:
		live = old.Merge(live)
	case known == upstream.Partial:
		h.mu.Unlock()
		return // a first look is due or under way; it sees more
	}
	same, sameDefinitions := live.Equal(old), live.SameDefinitions(old)
	h.snapshots[name] = live
	h.mu.Unlock()
	if same && time.Since(old.Taken) < time.Hour {
		return
	}
	if old != nil || known == upstream.Whole { // what is known in part is for this time only
		h.work.Go(func() { h.record(name) })
	}
	if !sameDefinitions { // the list of resources is each session's own
		h.changed()
	}
}

// record stores a server's snapshot as it is now: of several at once the last one written is the last one learned.
func (h *Hub) record(name string) {
	h.recording.Lock()
	defer h.recording.Unlock()
	h.mu.Lock()
	s := h.snapshots[name]
	h.mu.Unlock()
	if s == nil {
		return
	}
	if err := h.opts.Store.Write(h.snapshotName(name), s.Encode()); err != nil {
		h.log.Error().Str("server", name).Err(err).Msg("definitions not recorded; they will be read again next time")
	}
}

// changed tells all sessions that the catalog is another.
func (h *Hub) changed() {
	for _, s := range h.all() {
		s.CatalogChanged()
	}
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

// errEmptied: a full disk, or an editor in the middle of its work, leaves an empty file; nobody who wants no servers writes one.
var errEmptied = errors.New(`the file is empty – write {"mcpServers": {}} to have no servers`)

// Reload takes in the configuration file as it is now. One that can't be read leaves the running one in force.
func (h *Hub) Reload() {
	h.reload.Lock()
	defer h.reload.Unlock()
	next, err := config.Load(h.opts.ConfigPath)
	if info, serr := os.Stat(h.opts.ConfigPath); err == nil && serr == nil && info.Size() == 0 {
		err = errEmptied
	}
	h.mu.Lock()
	h.broken = err
	if err != nil {
		h.mu.Unlock()
		h.log.Error().Err(err).Msg("configuration not taken over; the last good one stays in force")
		for _, s := range h.all() {
			s.Warn("The configuration was changed but can't be read; the last good one stays in force. " + err.Error())
		}
		return
	}
	h.report(next)
	drop := changedServers(h.config, next)
	h.config = next
	h.recall(next)
	var stop []*first
	for _, name := range drop {
		if f := h.firsts[name]; f != nil {
			stop = append(stop, f)
			delete(h.firsts, name)
		}
	}
	h.mu.Unlock()
	h.log.Info().Strs("changed", drop).Msg("configuration taken over")
	for _, f := range stop {
		f.finish()
		h.dismiss(f, 0)
	}
	for _, s := range h.all() {
		s.Drop(drop...)
		h.work.Go(func() {
			h.inspectNew(s)
			s.StartEager()
		})
	}
	h.changed()
}

// changedServers names the servers of old whose instances can't go on under next.
func changedServers(old, next *config.Config) []string {
	var names []string
	for _, a := range old.Servers {
		b := next.Server(a.Name)
		if b == nil || upstream.Blocked(b) != nil || !reflect.DeepEqual(runs(a), runs(b)) {
			names = append(names, a.Name)
		}
	}
	return names
}

// runs is an entry without what does not concern a running instance.
func runs(s *config.Server) config.Server {
	c := *s
	c.Line, c.Column, c.Path = 0, 0, ""
	c.EnabledTools, c.DisabledTools, c.ToolChanges = nil, nil, ""
	return c
}
