package upstream

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// backoff is how long to wait after the nth failed start in a row: 1 s, doubling up to a minute, with a fifth of
// jitter.
func backoff(n int) time.Duration {
	d := time.Second << min(n, 6)
	return min(d, time.Minute) - time.Duration(rand.Int64N(int64(d)/5))
}

// run is one life of the server: from dialling it to its end.
func (in *Instance) run() {
	if !in.await() {
		in.ended(nil, ErrClosed)
		return
	}
	conn, err := in.spec.Dial()
	if err != nil {
		in.ended(nil, err)
		return
	}
	in.mu.Lock()
	if in.state != Starting { // closed meanwhile
		in.mu.Unlock()
		conn.Close(0)
		return
	}
	gone := make(chan struct{})
	defer close(gone)
	in.conn, in.gone = conn, gone
	in.applyCork()
	err = in.send(in.handshake(conn))
	in.mu.Unlock()
	if in.spec.StartTimeout > 0 {
		in.runs.Go(func() { in.watchStart(conn, gone) })
	}
	if err != nil { // it is ending already; how tells more than that it can't be written to
		conn.Close(stopGrace)
		err = lastWord(conn, err)
	}
	if c, ok := conn.(interface{ OnWait(func()) }); ok {
		c.OnWait(in.uncork) // what seemed to be at hand was noise, or half a message
	}
	for err == nil {
		var msg transport.Inbound
		if msg, err = conn.Recv(); err != nil {
			break
		}
		if in.handle(conn, msg); !msg.More {
			in.uncork()
		}
	}
	in.uncork()
	in.ended(conn, err)
}

// lastWord is how a process ended, err if that is not known.
func lastWord(conn Conn, err error) error {
	for {
		var exit *transport.ExitError
		if _, end := conn.Recv(); errors.As(end, &exit) {
			return end
		} else if end != nil {
			return err
		}
	}
}

// watchStart ends a start that shows no sign of life for start_timeout.
func (in *Instance) watchStart(conn Conn, gone <-chan struct{}) {
	tick := time.NewTicker(max(in.spec.StartTimeout/20, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-gone:
			return
		case <-tick.C:
		}
		in.mu.Lock()
		starting := in.state == Starting && in.conn == conn
		in.mu.Unlock()
		if !starting {
			return
		}
		if time.Since(in.Sign()) >= in.spec.StartTimeout {
			in.mu.Lock()
			starting = in.state == Starting && in.conn == conn
			if starting {
				in.why = errSilent
				if doing := stage(conn); doing != "" {
					in.why = fmt.Errorf("%w (it was at %s)", errNoStart, doing)
				}
			}
			in.mu.Unlock()
			if starting {
				conn.Close(0)
			}
			return
		}
	}
}

// pulse is the work that a server was last seen to have done.
type pulse struct {
	work time.Duration
	at   time.Time
	sign time.Time // when it was last seen to work
}

// Sign is when the server last gave a sign of life: a byte on stdout or stderr, or work of its processes, as when npx
// downloads without a word. Before that it is when the present state began.
func (in *Instance) Sign() time.Time {
	in.mu.Lock()
	conn, sign := in.conn, in.since
	if in.place != nil {
		sign = later(sign, in.spec.Turn.Queue.came(in.place))
	}
	in.mu.Unlock()
	if conn == nil {
		return sign
	}
	sign = later(sign, conn.LastSign())
	w, ok := conn.(interface{ Work() time.Duration })
	if !ok {
		return sign
	}
	work, now := w.Work(), time.Now()
	in.mu.Lock()
	defer in.mu.Unlock()
	p := &in.pulse
	if elapsed := now.Sub(p.at); elapsed > 100*time.Millisecond {
		if !p.at.IsZero() && work-p.work >= max(10*time.Millisecond, elapsed/50) {
			p.sign = now
		}
		p.work, p.at = work, now
	}
	return later(sign, p.sign)
}

var (
	errSilent  = errors.New("it did not answer initialize and showed no sign of life for start_timeout")
	errNoStart = errors.New("it made no progress for start_timeout")
)

// greeted takes the answer to initialize.
func (in *Instance) greeted(conn Conn, m *jsonrpc.Message) error {
	if raw := mcp.Field(m.Bytes(m.Result), "capabilities"); len(raw) > jsonrpc.MaxItem {
		return fmt.Errorf("it answered initialize with capabilities of %s", catalog.TooLarge(raw))
	}
	hello := readHello(m.Bytes(m.Result))
	if !mcp.Known(hello.Version) {
		return fmt.Errorf("it answered initialize with the protocol version %s, which is none of %s", in.excerpt([]byte(hello.Version)), strings.Join(mcp.Revisions, ", "))
	}
	if v, ok := conn.(interface{ SetVersion(string) }); ok {
		v.SetVersion(hello.Version)
	}
	in.mu.Lock()
	if in.state != Starting {
		in.mu.Unlock()
		return ErrClosed
	}
	begun := in.since
	if in.place != nil {
		begun = later(begun, in.spec.Turn.Queue.came(in.place))
	}
	in.took = time.Since(begun)
	in.set(Ready, nil)
	in.leaveQueue()
	in.lives++
	in.rest()
	in.hello, in.older = hello, false
	if len(in.tried) > 1 { // it refused others
		in.asks = in.tried[len(in.tried)-1]
	}
	in.lists.begin(hello)
	err := conn.Send(jsonrpc.Whole(jsonrpc.NewNotification(mcp.Initialized, nil)))
	gone := in.gone
	in.mu.Unlock()
	if err != nil {
		return err
	}
	in.restore()
	in.changed()
	in.release(conn, [catalog.Kinds]map[string]string{})
	in.runs.Go(func() { in.readLists(conn, gone) })
	return nil
}

// release notes the digests of the definitions that the clients have been told of, and sends the waiting calls that may
// go.
func (in *Instance) release(conn Conn, digests [catalog.Kinds]map[string]string) {
	in.mu.Lock()
	if in.state != Ready || in.conn != conn {
		in.mu.Unlock()
		return
	}
	in.lists.told = digests
	failed := in.flush()
	in.mu.Unlock()
	for c, err := range failed {
		in.finish(c, nil, err)
	}
}

// ended closes what is left of a run, tells the open calls, and decides what comes next.
func (in *Instance) ended(conn Conn, err error) {
	e := &Error{Server: in.spec.Name, Cause: err}
	if conn != nil {
		conn.Close(stopGrace)
		e.Tail = tail(conn.Diagnostics())
	}
	confined := denied(conn, e.Tail)
	in.mu.Lock()
	if conn != nil {
		in.said = conn.Diagnostics()
	}
	in.conn = nil
	in.leaveQueue()
	if in.state == Starting && in.older && in.why == nil { // it has ended instead of answering: the revision is asked of a new one
		in.older = false
		in.takeSent()
		in.set(Starting, nil)
		in.runs.Go(in.run)
		in.mu.Unlock()
		return
	}
	sent, again := in.takeSent(), in.again || len(in.waiting) > 0
	was, lived := in.state, time.Since(in.since)
	var unsent []*Call
	start := false
	switch was {
	case Closed:
		unsent = in.takeCalls()
	case Idle: // stopped for idleness
		start = again
	case Starting:
		e.Step = "did not start"
		if in.why != nil {
			e.Cause = in.why
		}
		var inner *Error
		if errors.As(e.Cause, &inner) {
			e.Cause = inner.Cause // the server is named once
		}
		check := ToCheck(in.spec.Remote, e.Cause)
		e.Remedy = strings.ToUpper(check[:1]) + check[1:] + ", then call again"
		if confined != "" {
			e.Remedy = confined
		}
		unsent = in.takeCalls()
		if namesRemedy(e.Cause) {
			e.Remedy, e.Tail = "", ""
		}
		if needsLogin(e.Cause) { // the same again would not help
			e.Step, e.Remedy, e.Tail = "needs a login", "", ""
			in.set(NeedsLogin, e)
			break
		}
		in.set(Failed, e)
		in.retryIn(time.Until(in.nextTry), in.spec.Eager || in.holds > 0)
	default:
		e.Step, e.Remedy = "ended", confined
		in.set(Idle, e)
		if lived > steady {
			in.failures = 0
		}
		wanted := again || errors.Is(err, transport.ErrSessionLost)
		if start = wanted && in.failures == 0; !start && again { // it lives too briefly to serve what waits
			unsent = in.takeCalls()
		}
		in.retryIn(backoff(in.failures), wanted || in.spec.Eager || in.holds > 0)
		in.failures++
	}
	in.mu.Unlock()
	for _, c := range sent {
		during := *e
		if e.Step == "ended" {
			during.Step = "ended during the call, which may have been carried out in part"
			during.Remedy = "It is started again by the next call"
		}
		in.finish(c, nil, &during)
	}
	for _, c := range unsent {
		before := *e
		if e.Step == "ended" {
			before.Step = "ended before the call was sent"
		}
		in.finish(c, nil, &before)
	}
	in.changed() // all of this run is over before the next one begins
	in.mu.Lock()
	if in.state == Idle && (start || was == Idle && len(in.waiting) > 0) {
		in.start()
	}
	in.mu.Unlock()
}

func needsLogin(err error) bool {
	var needed *oauth.RequiredError
	return errors.As(err, &needed)
}

// steady is how long a server has to live for its end not to count as one in a row.
const steady = 10 * time.Second

// retryIn starts the server again after a while, if wanted and nothing has done so until then; mu is held.
func (in *Instance) retryIn(wait time.Duration, wanted bool) {
	stopTimer(in.retry)
	if wanted && in.state != Starting {
		in.retry = time.AfterFunc(wait, in.Start)
	}
}
