package upstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// Call is one request to a server. Its fields are set before Do and not changed after.
type Call struct {
	Method string
	Kind   catalog.Kind // of a call that names an item
	Item   string       // as the server calls it; "": none
	// Frame writes the request under the id it got upstream.
	Frame func(id uint64) jsonrpc.Frame
	// Done is called exactly once unless the call is cancelled: with the answer, a Result or a Failure, or with the reason why there is none.
	Done func(answer *jsonrpc.Message, err error)

	pieces  bool   // Done takes a result that is no JSON as well, and checks the pieces it uses
	own     bool   // not a client's: call_timeout is not for it, and it is asked on one connection only
	id      uint64 // 0: not sent
	retried bool
	timer   *time.Timer
	over    atomic.Bool
	sign    atomic.Int64 // when progress last came, Unix nanoseconds
}

// Touch notes a sign of life: call_timeout counts from the last one.
func (c *Call) Touch() { c.sign.Store(time.Now().UnixNano()) }

func (c *Call) finish(answer *jsonrpc.Message, err error) {
	if c.over.CompareAndSwap(false, true) {
		c.Done(answer, err)
	}
}

// Do sends the call, starting the server first if need be. It does not wait.
func (in *Instance) Do(c *Call) {
	in.mu.Lock()
	err := in.admit(c)
	in.mu.Unlock()
	if err != nil {
		c.finish(nil, err)
	}
}

// admit sends the call or lets it wait; mu is held.
func (in *Instance) admit(c *Call) error {
	switch in.state {
	case Ready:
		if wait, refused := in.lists.judge(c, in.spec.Admit); refused != nil {
			return in.refusal(refused)
		} else if !wait {
			err := in.send(c)
			if err == nil || errors.Is(err, jsonrpc.ErrFull) {
				return err
			}
			in.lists.stale = true // the connection has ended, or takes nothing any more: the call goes over the next one
			conn := in.conn
			in.runs.Go(func() { conn.Close(stopGrace) })
		}
	case Idle, NeedsLogin:
		in.start()
	case Failed:
		if wait := time.Until(in.nextTry); wait > 0 {
			return in.notBefore(wait)
		}
		in.start()
	case Closed:
		return &Error{Server: in.spec.Name, Cause: ErrClosed}
	}
	in.park(c)
	return nil
}

// park lets a call wait for the server; mu is held.
func (in *Instance) park(c *Call) {
	in.waiting = append(in.waiting, c)
	in.hurry()
	c.timer = time.AfterFunc(in.spec.StartWait, func() { in.giveUp(c) })
}

// notBefore is the error of a call that comes sooner after a failed start than the next one is due; mu is held.
func (in *Instance) notBefore(wait time.Duration) error {
	e := &Error{Server: in.spec.Name, Cause: in.why}
	var why *Error
	if errors.As(in.why, &why) {
		*e = *why
	}
	e.Step = "is not running, its last start failed"
	e.Remedy = fmt.Sprintf("It is started again when it is called in %s or later", wait.Round(100*time.Millisecond))
	if !namesRemedy(e.Cause) {
		e.Remedy += "; " + ToCheck(in.spec.Remote, e.Cause)
	}
	return e
}

// send writes the call; mu is held (queueing never waits for the server).
func (in *Instance) send(c *Call) error {
	in.nextID++
	c.id = in.nextID
	stopTimer(c.timer)
	if in.spec.CallTimeout > 0 && !c.own {
		c.Touch()
		c.timer = time.AfterFunc(in.spec.CallTimeout, func() { in.expire(c) })
	}
	if err := in.conn.Send(c.Frame(c.id)); err != nil {
		stopTimer(c.timer)
		return &Error{Server: in.spec.Name, Step: "could not be reached", Cause: err}
	}
	in.pending[c.id] = c
	return nil
}

// refusal is the error of a call that was not sent to the running server.
func (in *Instance) refusal(why error) error { return &Error{Server: in.spec.Name, Cause: why} }

// flush sends the waiting calls that nothing holds back any more; mu is held. It returns the ones that failed, or were refused.
func (in *Instance) flush() map[*Call]error {
	failed := map[*Call]error{}
	held := in.waiting[:0]
	for _, c := range in.waiting {
		if wait, refused := in.lists.judge(c, in.spec.Admit); wait {
			held = append(held, c)
		} else if refused != nil {
			stopTimer(c.timer)
			failed[c] = in.refusal(refused)
		} else if err := in.send(c); err != nil {
			failed[c] = err
		}
	}
	clear(in.waiting[len(held):])
	in.waiting = held
	return failed
}

// giveUp ends a call that waited start_wait for the server; the start itself goes on.
func (in *Instance) giveUp(c *Call) {
	in.mu.Lock()
	i := slices.Index(in.waiting, c)
	if i >= 0 {
		in.waiting = slices.Delete(in.waiting, i, i+1)
		in.rest()
	}
	conn := in.conn
	in.mu.Unlock()
	if i < 0 {
		return
	}
	waits := in.WaitsForLogin()
	e := &Error{Server: in.spec.Name, Cause: ErrStillStarting, Remedy: "Its start goes on; call again in a moment"}
	if waits {
		e.Cause, e.Remedy = ErrWaitsForLogin, "Call again when that is done; oauth_login shows the address"
	} else if conn != nil {
		e.Tail = tail(conn.Diagnostics())
	}
	c.finish(nil, e)
}

// expire ends a call that got no answer within call_timeout of its last sign of life.
func (in *Instance) expire(c *Call) {
	if left := time.Until(time.Unix(0, c.sign.Load()).Add(in.spec.CallTimeout)); left > 0 {
		in.mu.Lock()
		c.timer = time.AfterFunc(left, func() { in.expire(c) })
		in.mu.Unlock()
		return
	}
	if in.Cancel(c, nil) {
		c.finish(nil, &Error{Server: in.spec.Name, Step: "during the call", Cause: ErrTimeout,
			Remedy: fmt.Sprintf("call_timeout of this server is %s", in.spec.CallTimeout)})
	}
}

// Cancel takes the call back: one that waits is never sent, for one that was sent the server is told. Done is not called
// after Cancel returned true; false means that the call was over already. notice writes the notification; nil for a plain one.
func (in *Instance) Cancel(c *Call, notice func(id uint64) []byte) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if i := slices.Index(in.waiting, c); i >= 0 {
		in.waiting = slices.Delete(in.waiting, i, i+1)
		stopTimer(c.timer)
		in.rest()
		return !c.over.Load()
	}
	if in.pending[c.id] != c || c.id == 0 {
		return false
	}
	delete(in.pending, c.id)
	stopTimer(c.timer)
	if notice == nil {
		notice = func(id uint64) []byte {
			return jsonrpc.NewNotification(mcp.Cancelled, append(strconv.AppendUint([]byte(`{"requestId":`), id, 10), '}'))
		}
	}
	if in.conn != nil {
		in.conn.Send(jsonrpc.Whole(notice(c.id)))
	}
	in.rest()
	return true
}

// ask makes a request of our own and waits for the raw result, which may be no JSON.
func (in *Instance) ask(ctx context.Context, method string, params []byte) ([]byte, error) {
	type reply struct {
		m   *jsonrpc.Message
		err error
	}
	answer := make(chan reply, 1)
	c := &Call{Method: method, own: true, pieces: true,
		Frame: func(id uint64) jsonrpc.Frame { return jsonrpc.Whole(jsonrpc.NewRequest(id, method, params)) },
		Done:  func(m *jsonrpc.Message, err error) { answer <- reply{m, err} }}
	in.mu.Lock()
	if in.state != Ready {
		in.mu.Unlock()
		return nil, ErrClosed
	}
	err := in.send(c)
	in.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case r := <-answer:
		var broken *Error
		if errors.As(r.err, &broken) && broken.Step == brokenAnswer {
			return nil, fmt.Errorf("a broken answer to %s: %w", method, broken.Cause)
		}
		if r.err != nil {
			return nil, r.err
		}
		if r.m.Kind == jsonrpc.Failure && string(mcp.Field(r.m.Bytes(r.m.Error), "code")) == "-32601" {
			return nil, errNotServed
		}
		if r.m.Kind == jsonrpc.Failure {
			return nil, fmt.Errorf("%w to %s: %s", errRefused, method, in.excerpt(r.m.Bytes(r.m.Error)))
		}
		return r.m.Bytes(r.m.Result), nil
	case <-ctx.Done():
		in.Cancel(c, nil)
		return nil, fmt.Errorf("no answer to %s in time: %w", method, ctx.Err())
	}
}

// errNotServed is returned by ask when the server does not know the method.
var errNotServed = errors.New("the method is not served")

// errRefused is wrapped when a request of our own was answered with an error.
var errRefused = errors.New("it answered with an error")

// excerpt quotes what the server said, shortened, so that it can't be taken for ours, and without secrets.
func (in *Instance) excerpt(b []byte) string {
	in.mu.Lock()
	conn := in.conn
	in.mu.Unlock()
	if d, ok := conn.(interface{ Redact(string) string }); ok {
		b = []byte(d.Redact(string(b[:min(len(b), 64<<10)]))) // more than is shown: half a secret would not be known
	}
	const most = 300
	if len(b) > most {
		return strconv.QuoteToGraphic(string(b[:most])) + "…"
	}
	return strconv.QuoteToGraphic(string(b))
}
