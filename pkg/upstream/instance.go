// Package upstream keeps servers running for clients: it starts one when it is needed, performs the handshake, matches
// answers to calls, notices when it dies and starts it again when it is needed again.
//
// Instance is one life of a server. Clients use it through an Attachment each, which gets what the server says on its
// own (requests, notifications); a Pool owns the instances and knows who shares them. How bytes reach the server is a
// Conn's business. Nothing here knows of clients' names, or of what several servers have to do with each other.
package upstream

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// Conn is a connection to a server: a child process, an HTTP endpoint, or code of our own.
type Conn interface {
	// Send queues a message and never waits for the peer.
	Send(jsonrpc.Frame) error
	// Recv waits for the next message. Its error says how the connection ended.
	Recv() (transport.Inbound, error)
	// LastSign is when the server last gave a sign of life.
	LastSign() time.Time
	// Diagnostics is what the server said beside the protocol, for error messages.
	Diagnostics() string
	// Close ends the connection, and a process behind it, within about grace.
	Close(grace time.Duration)
}

// Spec is what an instance is started from.
type Spec struct {
	Name         string
	Dial         func() (Conn, error)
	Capabilities []byte // raw client capabilities to declare
	ClientInfo   []byte // raw
	Version      string // revision to ask for
	StartTimeout time.Duration
	StartWait    time.Duration
	CallTimeout  time.Duration // 0: none
	IdleTimeout  time.Duration // 0: never stopped for idleness
	Eager        bool
	Remote       bool   // reached over the network, for what errors advise
	Turn         Turn   // how it waits for its start
	Launch       string // key of the launch, recorded in snapshots
	// Admit tells whether a live definition, of this digest, may be used; nil: every one. It is called with a lock
	// held.
	Admit func(kind catalog.Kind, id, digest string) error
	Log   zerolog.Logger
}

// State is what an instance is doing.
type State string

const (
	Idle       State = "idle" // not running; starts when it is needed
	Starting   State = "starting"
	Ready      State = "ready"
	NeedsLogin State = "needs_login" // a person has to log in; starts when that is done, or when it is needed
	Failed     State = "failed"      // the last start failed; not tried again before Status.NextTry
	Closed     State = "closed"
)

// Status is what people are shown of an instance.
type Status struct {
	State   State
	Why     string // why it failed or ended, with the last lines of its stderr
	Err     error  // the same
	Since   time.Time
	NextTry time.Time
	Lives   int           // how often it has come up
	Took    time.Duration // the last start, from its turn to the answer to initialize

	Unlisted error // why what the running server offers can't be read, nil if it can
	Usable   bool  // it is of use all the same

	Stage       string // what is done before it runs, such as the pulling of its image; "" once it does
	Confinement string // how the running server is confined, such as "docker node:24"; "" if it is not
}

// Instance is one server, for the clients that are attached to it. It is safe for concurrent use.
type Instance struct {
	spec    Spec
	runs    sync.WaitGroup
	closing chan struct{} // closed by Close

	corking []*Attachment // whose outlets are corked; the reader's

	mu                sync.Mutex
	state             State
	since             time.Time
	why               error
	failures          int
	nextTry           time.Time
	retry             *time.Timer
	starts            int
	lives             int
	said              string // what Diagnostics was at the end of the last run
	noise             int    // bad messages in this run
	pulse             pulse
	conn              Conn
	gone              chan struct{} // closed when the run that owns conn is over
	hello             *Hello
	asks              string   // the revision that the server was found to take; "": what the client asked for
	tried             []string // revisions that were asked for in this start
	older             bool     // the server refused one, and the next one has been asked for
	nextID, nextToken uint64
	pending           map[uint64]*Call
	tokens            map[uint64]*Call // of calls that were sent, and of those that became tasks, by progress token
	waiting           []*Call
	lists             lists
	live              *catalog.Snapshot // what the clients were last told of; nil: nothing in this run
	known             Known             // how much of it is
	attached          []*Attachment     // replaced, never changed
	caller            *Attachment       // of the first call in this run
	mixed             bool              // others have called in this run too
	holds             int
	took              time.Duration // Status.Took
	place             *place        // of the start in the queue, nil if it takes none
	hurried           bool          // somebody waits for the start
	again             bool          // start when the run that is ending has ended
	corks             int           // of Cork
	idle              *time.Timer
}

func newInstance(spec Spec) *Instance {
	return &Instance{spec: spec, state: Idle, since: time.Now(), closing: make(chan struct{}), pending: map[uint64]*Call{}, tokens: map[uint64]*Call{}}
}

// WaitsForLogin tells whether the server's start waits for a person who is to log in.
func (in *Instance) WaitsForLogin() bool {
	in.mu.Lock()
	conn := in.conn
	in.mu.Unlock()
	w, ok := conn.(interface{ Waits() bool })
	return ok && w.Waits()
}

// Name is the server's name.
func (in *Instance) Name() string { return in.spec.Name }

// Status tells what the instance is doing.
func (in *Instance) Status() Status {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := Status{State: in.state, Since: in.since, NextTry: in.nextTry, Lives: in.lives, Took: in.took}
	if in.why != nil {
		s.Why, s.Err = in.why.Error(), in.why
	}
	if e, usable := in.unlisted(); e != nil {
		s.Unlisted, s.Usable = e, usable
	}
	if s.Stage = stage(in.conn); in.place != nil {
		if n := in.spec.Turn.Queue.before(in.place); n > 0 {
			s.Stage = fmt.Sprintf("waiting for its turn; %d to start before it", n)
		}
	}
	s.Confinement = originOf(in.conn).Confinement
	return s
}

// stage is what a connection does before its server runs.
func stage(conn Conn) string {
	if c, ok := conn.(interface{ Stage() string }); ok {
		return c.Stage()
	}
	return ""
}

// Diagnostics is what the server said on stderr, in its last run if it does not run now; each line marked as its words.
func (in *Instance) Diagnostics() string {
	in.mu.Lock()
	conn, said := in.conn, in.said
	in.mu.Unlock()
	if conn != nil {
		said = conn.Diagnostics()
	}
	if said = confusables.PlainLines(strings.TrimRight(said, "\n")); said == "" {
		return ""
	}
	return "> " + strings.ReplaceAll(said, "\n", "\n> ")
}

// Hello is what the running server answered to initialize, nil while it does not run.
func (in *Instance) Hello() *Hello {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.hello
}

// set changes the state; mu is held. It is the one place where that happens.
func (in *Instance) set(s State, why error) {
	in.spec.Log.Debug().Str("server", in.spec.Name).Str("from", string(in.state)).Str("to", string(s)).AnErr("why", why).Msg("state")
	in.state, in.why, in.since, in.nextTry = s, why, time.Now(), time.Time{}
	switch s {
	case Starting:
		in.starts++
		in.noise, in.pulse = 0, pulse{}
		in.caller, in.mixed = nil, false
	case Failed:
		in.asks = ""
		in.nextTry = in.since.Add(backoff(in.failures))
		in.failures++
	}
	if s != Ready {
		in.hello, in.lists, in.live = nil, lists{}, nil
		maps.DeleteFunc(in.tokens, func(_ uint64, c *Call) bool { return c.over.Load() }) // of tasks
	}
}

// Closing is closed once the instance is being ended.
func (in *Instance) Closing() <-chan struct{} { return in.closing }

// Start starts the server if it does not run and is not being started.
func (in *Instance) Start() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state == Idle || in.state == Failed || in.state == NeedsLogin {
		in.start()
	}
}

// start begins a run, after the end of one that is being stopped; mu is held.
func (in *Instance) start() {
	if in.conn != nil {
		in.again = true
		return
	}
	in.again = false
	in.tried, in.older = nil, false
	in.set(Starting, nil)
	in.enterQueue()
	in.runs.Go(in.run)
}

// Close ends the instance within about grace. Calls that are open get ErrClosed.
func (in *Instance) Close(grace time.Duration) {
	in.mu.Lock()
	if in.state != Closed {
		in.set(Closed, ErrClosed)
		close(in.closing)
	}
	conn := in.conn
	calls := in.takeCalls()
	stopTimer(in.retry)
	stopTimer(in.idle)
	in.leaveQueue()
	in.mu.Unlock()
	for _, c := range calls {
		in.finish(c, nil, &Error{Server: in.spec.Name, Step: "during the call", Cause: ErrClosed})
	}
	if conn != nil {
		conn.Close(grace)
	}
	// A dial may hang in somebody else's hands (a keyring that asks, a disk): it is not waited for beyond the grace.
	done := make(chan struct{})
	go func() { in.runs.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(grace + closeSlack):
		in.spec.Log.Warn().Str("server", in.spec.Name).Msg("it did not start in time")
	}
}

// closeSlack is how much longer than the grace a Close may take.
const closeSlack = 100 * time.Millisecond

// takeCalls removes all calls, sent ones first; mu is held.
func (in *Instance) takeCalls() []*Call {
	calls := append(in.takeSent(), in.waiting...)
	for _, c := range in.waiting {
		stopTimer(c.timer)
	}
	in.waiting = nil
	return calls
}

// takeSent removes the calls that were sent; mu is held.
func (in *Instance) takeSent() []*Call {
	calls := make([]*Call, 0, len(in.pending)+len(in.waiting))
	for _, c := range in.pending {
		stopTimer(c.timer)
		calls = append(calls, c)
	}
	clear(in.pending)
	return calls
}

// rest starts the idle clock anew; mu is held.
func (in *Instance) rest() {
	stopTimer(in.idle)
	if in.spec.IdleTimeout > 0 && in.state == Ready {
		in.idle = time.AfterFunc(in.spec.IdleTimeout, in.idled)
	}
}

// idled stops the server if nothing is going on, else it looks again a little later.
func (in *Instance) idled() {
	in.mu.Lock()
	conn, quiet := in.conn, !in.busy()
	switch {
	case quiet:
		in.set(Idle, nil)
	case in.state == Ready:
		in.idle = time.AfterFunc(min(in.spec.IdleTimeout, time.Second), in.idled)
	}
	in.mu.Unlock()
	if quiet {
		conn.Close(stopGrace)
	}
}

// busy tells whether the server must not be stopped for idleness, or does not run; mu is held.
func (in *Instance) busy() bool {
	return in.state != Ready || in.holds > 0 || len(in.pending) > 0 || len(in.waiting) > 0
}

// Send writes a notification or an answer to the running server; it is dropped when there is none.
func (in *Instance) Send(f jsonrpc.Frame) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.sendNote(f)
}

// sendNote is Send; mu is held.
func (in *Instance) sendNote(f jsonrpc.Frame) {
	if in.conn != nil && in.state == Ready {
		if err := in.conn.Send(f); err != nil {
			in.spec.Log.Warn().Str("server", in.spec.Name).Err(err).Msg("message dropped")
		}
	}
}

// Cork holds back what is sent to the server, with true, until Cork(false), so that it goes out together. Corks nest.
func (in *Instance) Cork(on bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if on {
		in.corks++
	} else {
		in.corks--
	}
	in.applyCork()
}

// applyCork passes the cork on to the connection, which may have been made since; mu is held.
func (in *Instance) applyCork() {
	if c, ok := in.conn.(interface{ Cork(bool) }); ok {
		c.Cork(in.corks > 0)
	}
}

// Run tells which run of the server this is, for Reply.
func (in *Instance) Run() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.starts
}

// Reply is Send for an answer to a request of an earlier moment: a later run of the server does not get it.
func (in *Instance) Reply(run int, f jsonrpc.Frame) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.starts == run {
		in.sendNote(f)
	}
}

// Tell makes a request whose answer nobody waits for, if the server runs.
func (in *Instance) Tell(method string, params []byte) {
	c := &Call{Method: method, asked: params, answered: func(*jsonrpc.Message, error) {}}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state == Ready {
		if err := in.send(c); err != nil {
			in.spec.Log.Warn().Str("server", in.spec.Name).Str("method", method).Err(err).Msg("request dropped")
		}
	}
}

func stopTimer(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}

// stopGrace is how long a server may take to end by itself when there is no hurry.
const stopGrace = 2 * time.Second

// Hello is a server's answer to initialize.
type Hello struct {
	Version      string
	Capabilities []byte
	Instructions string
	Unreadable   []byte // raw instructions that can't be read
}

// Declares tells whether the server declared a capability.
func (h *Hello) Declares(path ...string) bool {
	return h != nil && mcp.Declares(h.Capabilities, path...)
}

// undeclared tells which lists the server does not have.
func (h *Hello) undeclared() [catalog.Kinds]bool {
	return [catalog.Kinds]bool{
		catalog.Tools:     !h.Declares("tools"),
		catalog.Prompts:   !h.Declares("prompts"),
		catalog.Templates: !h.Declares("resources"),
		catalog.Resources: !h.Declares("resources"),
	}
}

func readHello(result []byte) *Hello {
	h := &Hello{Version: string(jsonrpc.Unquote(mcp.Field(result, "protocolVersion"))), Capabilities: bytes.Clone(mcp.Field(result, "capabilities"))}
	switch raw := mcp.Field(result, "instructions"); {
	case len(raw) > jsonrpc.MaxItem:
		h.Unreadable = []byte("{" + catalog.TooLarge(raw) + "}")
	case raw != nil && jsonrpc.Check(raw) != nil:
		h.Unreadable = bytes.Clone(raw)
	default:
		h.Instructions = string(jsonrpc.Unquote(raw))
	}
	return h
}
