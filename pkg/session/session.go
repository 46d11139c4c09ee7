// Package session is one client of the proxy: its handshake, its open requests, the servers that run for it, and the
// requests those servers make of it.
//
// A Session reads the client's messages in order, decides from a few fields which server each is for, and passes the
// bytes on with the id, the name and the progress token replaced; see package jsonrpc. Lists are answered from the
// catalog. What is known beyond one client (configuration, snapshots) is the Host's.
package session

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// Host is what a session needs of the hub it belongs to.
type Host interface {
	// Config is the configuration in force for the session: what is held in it must not run.
	Config(s *Session) *config.Config
	// Sources are the servers of the session's catalog in order, the proxy's own tools first.
	Sources(s *Session) []catalog.Source
	// Begin is called once, after the answer to initialize: servers never seen before are looked at now.
	Begin(s *Session)
	// Moved is called when the session's workspace may be another one.
	Moved(s *Session)
	// Leave is called once, when the client has left and before its servers are ended. It does not wait.
	Leave(s *Session)
	// AwaitFirst waits until the servers never seen before have been looked at, within bounds. With a name of a tool or
	// prompt it waits only for the server that the name belongs to, if one does.
	AwaitFirst(ctx context.Context, s *Session, name string)
	// NotListed says why a server has not been listed so far, nil if it has.
	NotListed(s *Session, server string) error
	// Withheld says why the item of that name, which a server may well offer, is not in the catalog, nil if nothing of
	// it is withheld.
	Withheld(s *Session, server, name string) error
	// Learned reports what a running instance of a server lists. What is new in it is recorded when it returns.
	Learned(s *Session, server string, live *catalog.Snapshot)
	// Fared reports how a server's instance fares: it was listed, or it failed.
	Fared(s *Session, server string, st upstream.Status)
	// Admit makes the function that decides for a server whether a live definition may be used.
	Admit(server *config.Server) func(kind catalog.Kind, id, digest string) error
	// Screen leaves out of a server's list of resources what looks hostile.
	Screen(server string, items [][]byte) [][]byte
	// Login is the login of a remote server, nil for one that has none. It does nothing yet.
	Login(server *config.Server, launch config.Launch) (*oauth.Login, error)
	// Turn says how the start of a server waits for others.
	Turn(server *config.Server) upstream.Turn
	// Ready completes what a server is started with.
	Ready(start *upstream.Start) *upstream.Start
	// About says, for the proxy's own part of the instructions, which servers there are, which can't be used, and what
	// to do.
	About(s *Session) string
	// OwnTools makes a connection to the proxy's own tools, on behalf of the session.
	OwnTools(s *Session) upstream.Conn
}

// Options describe a session's client.
type Options struct {
	Workspace string   // the folder it works in; "" to ask the client
	Dir       string   // its working directory
	Environ   []string // its environment, as os.Environ
	Version   string   // of the proxy
	Log       zerolog.Logger
	Pool      *upstream.Pool // of the instances that the session uses; nil: one of its own
}

// patience is how long a client may leave a full queue unread before it is given up.
const patience = 30 * time.Second

// Session is one connected client.
type Session struct {
	host Host
	conn jsonrpc.Conn
	opts Options
	log  zerolog.Logger
	ctx  context.Context
	end  context.CancelCauseFunc
	work sync.WaitGroup // of spawn
	busy atomic.Int64   // how many of them run
	late atomic.Int64   // bytes of answers that the client has no room for so far

	dialect   mcp.Dialect
	handshake handshake
	views     views
	owners    *catalog.Owners // of URIs
	roots     roots
	tasks     tasks
	calls     calls
	back      back
	notice    notices
	window    window
	links     links

	corked bool                   // the reader's
	held   []*upstream.Attachment // the reader's: what it has corked

	mu        sync.Mutex
	instances map[string]*upstream.Attachment // by server; "" is the proxy's own tools
	ending    map[*upstream.Attachment]bool   // no longer ours, but not gone yet
	level     []byte                          // raw value of the last logging/setLevel
	subs      map[string]string               // subscribed URI, as the client knows it → server
	asked     map[string]bool                 // servers whose login this client was shown without being asked for it
	closed    bool
}

// New makes a session on one end of a connection. Run serves it.
func New(host Host, conn jsonrpc.Conn, opts Options) *Session {
	if opts.Pool == nil {
		opts.Pool = &upstream.Pool{}
	}
	s := &Session{host: host, conn: conn, opts: opts, log: opts.Log,
		instances: map[string]*upstream.Attachment{}, ending: map[*upstream.Attachment]bool{}, subs: map[string]string{}, asked: map[string]bool{}}
	s.ctx, s.end = context.WithCancelCause(context.Background())
	s.calls.open = map[string]*upstream.Call{}
	s.back.open = map[uint64]*backCall{}
	s.back.tokens = map[uint64]*backToken{}
	s.tasks.owner = map[string]string{}
	s.tasks.held = map[string]heldTask{}
	s.tasks.askers = map[string]*upstream.Attachment{}
	s.views.live = map[string][][]byte{}
	s.views.told = map[catalog.LeftOut]bool{}
	s.owners = catalog.NewOwners()
	s.window = newWindow()
	s.handshake.done = make(chan struct{})
	return s
}

// ErrNotReading is why a session ends whose client leaves its messages unread.
var ErrNotReading = errors.New("the client does not read its messages")

// Run serves the client until it leaves or ctx ends, then ends all that ran for it within about grace.
func (s *Session) Run(ctx context.Context, grace time.Duration) error {
	stop := context.AfterFunc(ctx, func() { s.end(context.Cause(ctx)) })
	defer stop()
	// The reader may sit in a read that nothing can interrupt: it is not waited for.
	go s.read()
	<-s.ctx.Done()
	s.conn.Out.Close(nil)
	s.host.Leave(s)
	s.shutdown(grace)
	if cause := context.Cause(s.ctx); errors.Is(cause, ErrNotReading) {
		return cause
	}
	return nil
}

func (s *Session) shutdown(grace time.Duration) {
	s.mu.Lock()
	s.closed = true
	all := make([]*upstream.Attachment, 0, len(s.instances))
	for _, in := range s.instances {
		all = append(all, in)
	}
	for in := range s.ending {
		all = append(all, in)
	}
	s.mu.Unlock()
	s.notice.stop()
	var closing sync.WaitGroup
	for _, in := range all {
		closing.Go(func() { in.Detach(grace) })
	}
	closing.Wait()
	s.work.Wait()
}

// write sends a frame to the client, waiting while the client does not keep up.
func (s *Session) write(f jsonrpc.Frame) {
	if f.Len() == 0 {
		return // an answer that will not come
	}
	s.sent(s.conn.Out.SendWait(f, patience))
}

// reply is write for an answer that comes from an attachment, nil for one of the proxy's own. The goroutine of an
// instance that other clients use too does not wait for this one: what is left then, a little at the most, is written
// as soon as there is room.
func (s *Session) reply(from *upstream.Attachment, f jsonrpc.Frame) {
	if f.Len() == 0 || from == nil || !from.Shared() {
		s.write(f)
		return
	}
	err := s.conn.Out.Send(f)
	if !errors.Is(err, jsonrpc.ErrFull) || s.late.Add(int64(f.Len())) > jsonrpc.MaxMessage {
		s.sent(err)
		return
	}
	s.spawn(func() {
		defer s.late.Add(-int64(f.Len()))
		s.write(f)
	})
}

// sent takes what became of a frame that the client must get.
func (s *Session) sent(err error) {
	switch {
	case errors.Is(err, jsonrpc.ErrFull):
		s.log.Error().Err(ErrNotReading).Msg("session ended")
		s.end(ErrNotReading)
	case err != nil && s.ctx.Err() == nil: // it has closed its end
		s.log.Debug().Err(err).Msg("the client is gone")
		s.end(nil)
	}
}

// pass sends the client what a server says unasked. While the client has more of it to read than a server may leave it,
// the server waits, and no other does: what it says next, its answers too, comes in its order. A server that other
// clients use too does not wait: what this one does not read is lost to it.
func (s *Session) pass(in *upstream.Attachment, m *jsonrpc.Message, f jsonrpc.Frame) {
	if in.Shared() {
		if !s.conn.Out.SendDroppable(f, &in.Unread, jsonrpc.MaxUnread) {
			s.dropped(in, m, "the client does not keep up")
		}
		return
	}
	err := s.conn.Out.SendShare(f, &in.Unread, jsonrpc.MaxUnread, s.ctx.Done(), in.Closing())
	if !errors.Is(err, jsonrpc.ErrFull) {
		s.sent(err)
	}
}
