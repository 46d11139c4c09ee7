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
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/protocol"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// Host is what a session needs of the hub it belongs to.
type Host interface {
	// Config is the configuration in force.
	Config() *config.Config
	// Sources are the servers of the catalog in order, the proxy's own tools first.
	Sources() []catalog.Source
	// Begin is called once, after the answer to initialize: servers never seen before are looked at now.
	Begin(s *Session)
	// AwaitFirst waits until the servers never seen before have been looked at, within bounds.
	AwaitFirst(ctx context.Context)
	// NotListed says why a server has not been listed so far, nil if it has.
	NotListed(server string) error
	// Learned reports what a running instance of a server lists.
	Learned(server string, live *catalog.Snapshot, whole bool)
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
	work sync.WaitGroup // goroutines that answer one request each

	hello  hello
	views  views
	roots  roots
	tasks  tasks
	calls  calls
	back   back
	notice notices

	mu        sync.Mutex
	instances map[string]*upstream.Instance // by server; "" is the proxy's own tools
	level     []byte                        // raw value of the last logging/setLevel
	subs      map[string]string             // subscribed URI, as the client knows it → server
	closed    bool
}

// New makes a session on one end of a connection. Run serves it.
func New(host Host, conn jsonrpc.Conn, opts Options) *Session {
	s := &Session{host: host, conn: conn, opts: opts, log: opts.Log,
		instances: map[string]*upstream.Instance{}, subs: map[string]string{}}
	s.ctx, s.end = context.WithCancelCause(context.Background())
	s.calls.open = map[string]*call{}
	s.calls.tokens = map[uint64]*token{}
	s.back.open = map[uint64]*backCall{}
	s.back.tokens = map[uint64]*backToken{}
	s.tasks.owner = map[string]string{}
	s.views.live = map[string][][]byte{}
	s.hello.done = make(chan struct{})
	return s
}

// ErrNotReading is why a session ends whose client leaves its messages unread.
var ErrNotReading = errors.New("the client does not read its messages")

// Run serves the client until it leaves or ctx ends, then ends all that ran for it within about grace.
func (s *Session) Run(ctx context.Context, grace time.Duration) error {
	stop := context.AfterFunc(ctx, func() { s.end(context.Cause(ctx)) })
	defer stop()
	stopIn := context.AfterFunc(s.ctx, func() { s.conn.In.Close(nil) })
	defer stopIn()
	var frames []jsonrpc.Frame
	for {
		var err error
		frames, err = s.conn.In.Pop(frames[:0])
		for i, f := range frames {
			s.receive(f.Join())
			frames[i] = jsonrpc.Frame{}
		}
		if err != nil {
			break
		}
	}
	s.end(nil)
	s.shutdown(grace)
	s.conn.Close()
	if cause := context.Cause(s.ctx); errors.Is(cause, ErrNotReading) {
		return cause
	}
	return nil
}

func (s *Session) shutdown(grace time.Duration) {
	s.mu.Lock()
	s.closed = true
	all := make([]*upstream.Instance, 0, len(s.instances))
	for _, in := range s.instances {
		all = append(all, in)
	}
	s.mu.Unlock()
	s.notice.stop()
	var closing sync.WaitGroup
	for _, in := range all {
		closing.Go(func() { in.Close(grace) })
	}
	closing.Wait()
	s.work.Wait()
}

// receive takes one frame of the client: a message or, in the one revision that has them, a batch.
func (s *Session) receive(raw []byte) {
	m, err := jsonrpc.Parse(raw)
	if errors.Is(err, jsonrpc.ErrBatch) {
		s.receiveBatch(raw)
		return
	}
	if err != nil {
		s.refuse(&m, err)
		return
	}
	s.dispatch(&m, s.write)
}

func (s *Session) refuse(m *jsonrpc.Message, err error) {
	s.log.Debug().Err(err).Msg("bad message from the client")
	id := m.Bytes(m.ID)
	switch {
	case errors.Is(err, jsonrpc.ErrSyntax):
		s.write(jsonrpc.Whole(jsonrpc.NewError(nil, protocol.ParseError, "Parse error: "+err.Error(), nil)))
	case m.Method.End == 0 && (m.Result.End != 0 || m.Error.End != 0):
		// A broken answer can't be answered.
	default:
		if len(id) > 0 && id[0] == '{' || len(id) > 0 && id[0] == '[' {
			id = nil
		}
		s.write(jsonrpc.Whole(jsonrpc.NewError(id, protocol.InvalidRequest, "Invalid request: "+err.Error(), nil)))
	}
}

// write sends a frame to the client, waiting while the client does not keep up.
func (s *Session) write(f jsonrpc.Frame) {
	if f.Len() == 0 {
		return // an answer that will not come
	}
	if err := s.conn.Out.PushWait(f, patience); errors.Is(err, jsonrpc.ErrFull) {
		s.log.Error().Err(ErrNotReading).Msg("session ended")
		s.end(ErrNotReading)
	}
}

// A reply takes the answer to one request: s.write, or a batch that collects.
type reply func(jsonrpc.Frame)

func (r reply) result(m *jsonrpc.Message, result []byte) {
	r(jsonrpc.Whole(jsonrpc.NewResult(m.Bytes(m.ID), result)))
}

func (r reply) fail(m *jsonrpc.Message, code int, text string) {
	r(jsonrpc.Whole(jsonrpc.NewError(m.Bytes(m.ID), code, text, nil)))
}

// receiveBatch serves a JSON-RPC batch (MCP 2025-03-26, base protocol, batching): its answers go back together.
func (s *Session) receiveBatch(raw []byte) {
	items, err := jsonrpc.Batch(raw)
	if err == nil && s.version() != protocol.Batches {
		err = errors.New("batches exist in revision " + protocol.Batches + " only")
		s.write(jsonrpc.Whole(jsonrpc.NewError(nil, protocol.InvalidRequest, "Invalid request: "+err.Error(), nil)))
		return
	}
	if err != nil {
		s.refuse(&jsonrpc.Message{}, err)
		return
	}
	b := &batch{s: s, left: 1}
	for _, item := range items {
		m, err := jsonrpc.Parse(item)
		switch {
		case err != nil:
			b.expect()
			b.add(jsonrpc.Whole(jsonrpc.NewError(m.Bytes(m.ID), protocol.InvalidRequest, "Invalid request: "+err.Error(), nil)))
		case m.Kind == jsonrpc.Request && m.MethodName() == protocol.Initialize:
			b.expect()
			b.add(jsonrpc.Whole(jsonrpc.NewError(m.Bytes(m.ID), protocol.InvalidRequest, "Invalid request: initialize can't be part of a batch", nil)))
		case m.Kind == jsonrpc.Request:
			b.expect()
			s.dispatch(&m, b.add)
		default:
			s.dispatch(&m, s.write)
		}
	}
	b.add(jsonrpc.Frame{})
}

// batch collects the answers to a batch.
type batch struct {
	s *Session

	mu    sync.Mutex
	left  int // answers due, and one for the batch being read
	parts []byte
}

func (b *batch) expect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left++
}

// add takes an answer; an empty one says that none will come.
func (b *batch) add(f jsonrpc.Frame) {
	b.mu.Lock()
	if f.Len() > 0 {
		if b.parts != nil {
			b.parts = append(b.parts, ',')
		}
		b.parts = append(b.parts, f.Join()...)
	}
	b.left--
	done := b.left == 0
	b.mu.Unlock()
	if done && b.parts != nil {
		b.s.write(jsonrpc.Frame{[]byte("["), b.parts, []byte("]")})
	}
}
