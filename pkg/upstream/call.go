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
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// Call is one open request to a server, from the message that asked for it to the answer. What was asked is set before
// Do, and not changed after.
type Call struct {
	Method  string
	Kind    catalog.Kind // of a call that names an item
	Item    string       // as the server calls it; "": none
	Target  string       // what it names as its client does: a tool, a URI, a task
	Request *mcp.Request // nil for a request of our own
	Rename  jsonrpc.Edit // of Request: what the server is sent instead; the id and the progress token are replaced besides
	Task    bool         // it asks to run as a task: its progress goes on after the answer
	Began   time.Time    // when it was asked for
	// Reply takes the answer to the client, from the attachment that it comes of, nil if it is the proxy's own. An
	// empty frame says that none will come.
	Reply func(from *Attachment, f jsonrpc.Frame)

	to       atomic.Pointer[Attachment]          // nil: it was not given to a server so far
	asked    []byte                              // raw params of a request of our own
	answered func(m *jsonrpc.Message, err error) // takes the answer to it
	rough    bool                                // it takes a result that is no JSON as well, and checks the pieces it uses

	id      uint64 // that the server knows it by; 0: not sent
	token   uint64 // that the server knows its progress by; 0: it has none
	retried bool   // it has been sent again
	timer   *time.Timer
	over    atomic.Bool
	sign    atomic.Int64 // when progress last came, Unix nanoseconds
}

// own tells a request of our own: call_timeout is not for it, and it is asked on one connection only.
func (c *Call) own() bool { return c.answered != nil }

// frame is the request as the server gets it: as it was asked, but for the id, the progress token and what it names.
func (c *Call) frame() jsonrpc.Frame {
	if c.own() {
		return jsonrpc.Whole(jsonrpc.NewRequest(c.id, c.Method, c.asked))
	}
	var room [3]jsonrpc.Edit
	edits := append(room[:0], jsonrpc.Edit{At: c.Request.ID, With: strconv.AppendUint(nil, c.id, 10)})
	if c.token != 0 {
		edits = append(edits, jsonrpc.Edit{At: c.Request.Params.Token, With: strconv.AppendUint(nil, c.token, 10)})
	}
	if c.Rename.At.End != 0 {
		edits = append(edits, c.Rename)
	}
	return jsonrpc.Whole(jsonrpc.Splice(c.Request.Raw, edits...))
}

// To is the attachment that the call was given to, nil if there is none so far.
func (c *Call) To() *Attachment { return c.to.Load() }

// End ends a call that is not to go to a server any more. It is false if the call is over already, or was cancelled.
func (c *Call) End() bool { return c.over.CompareAndSwap(false, true) }

// Cancel takes the call back: if it waits it is never sent, and if it was sent the server is told, with the client's
// notification m, in which the id stands at id. Nobody is told of an answer after Cancel returned true; false means
// that the call was over already.
func (c *Call) Cancel(m *jsonrpc.Message, id jsonrpc.Span) bool {
	if !c.End() {
		return false
	}
	if in := c.To(); in != nil { // else Do finds that it is over
		in.withdraw(c, func(n []byte) []byte { return jsonrpc.Splice(m.Raw, jsonrpc.Edit{At: id, With: n}) })
	}
	return true
}

// touch notes a sign of life: call_timeout counts from the last one.
func (c *Call) touch() { c.sign.Store(time.Now().UnixNano()) }

// finish gives the answer to the call, a Result or a Failure, or the reason why there is none: once, and never after a
// cancellation. The progress of a call that became a task goes on.
func (in *Instance) finish(c *Call, answer *jsonrpc.Message, err error) {
	if !c.End() {
		return
	}
	if c.own() {
		c.answered(answer, err)
		return
	}
	if c.token != 0 && !(c.Task && answer != nil && answer.Kind == jsonrpc.Result) {
		in.Forget(c)
	}
	c.To().client.Answered(c, answer, err)
}

// Do sends the call, starting the server first if need be. It does not wait. What becomes of the call is told to the
// client.
func (a *Attachment) Do(c *Call) {
	c.to.Store(a)
	a.mu.Lock()
	err := a.admit(c)
	a.mu.Unlock()
	if err != nil {
		a.finish(c, nil, err)
	}
}

// admit sends the call or lets it wait; mu is held.
func (in *Instance) admit(c *Call) error {
	switch {
	case c.over.Load(): // cancelled meanwhile
		return nil
	case in.state == Ready:
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
	case in.state == Idle, in.state == NeedsLogin:
		in.start()
	case in.state == Failed:
		if wait := time.Until(in.nextTry); wait > 0 {
			return in.notBefore(wait)
		}
		in.start()
	case in.state == Closed:
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
	e.Step = "is not running: its last start failed"
	e.Remedy = fmt.Sprintf("It can be started again in %s", wait.Round(100*time.Millisecond))
	if !namesRemedy(e.Cause) {
		e.Remedy += "; " + ToCheck(in.spec.Remote, e.Cause)
	}
	return e
}

// send writes the call; mu is held (queueing never waits for the server).
func (in *Instance) send(c *Call) error {
	in.nextID++
	c.id = in.nextID
	if !c.own() && c.Request.Params.Token.End != 0 && c.token == 0 {
		in.nextToken++
		c.token = in.nextToken
		in.tokens[c.token] = c
	}
	if a := c.To(); in.caller == nil {
		in.caller = a
	} else if a != nil && a != in.caller {
		in.mixed = true
	}
	stopTimer(c.timer)
	if in.spec.CallTimeout > 0 && !c.own() {
		c.touch()
		c.timer = time.AfterFunc(in.spec.CallTimeout, func() { in.expire(c) })
	}
	if err := in.conn.Send(c.frame()); err != nil {
		stopTimer(c.timer)
		return &Error{Server: in.spec.Name, Step: "could not be reached", Cause: err}
	}
	in.pending[c.id] = c
	return nil
}

// refusal is the error of a call that was not sent to the running server.
func (in *Instance) refusal(why error) error { return &Error{Server: in.spec.Name, Cause: why} }

// flush sends the waiting calls that nothing holds back any more; mu is held. It returns the ones that failed, or were
// refused.
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
	e := &Error{Server: in.spec.Name, Cause: ErrStillStarting, Remedy: "It is still starting; call again in a moment"}
	if waits {
		e.Cause, e.Remedy = ErrWaitsForLogin, "Call again when that is done; oauth_login shows the address"
	} else if conn != nil {
		e.Tail = tail(conn.Diagnostics())
	}
	in.finish(c, nil, e)
}

// expire ends a call that got no answer within call_timeout of its last sign of life.
func (in *Instance) expire(c *Call) {
	if left := time.Until(time.Unix(0, c.sign.Load()).Add(in.spec.CallTimeout)); left > 0 {
		in.mu.Lock()
		c.timer = time.AfterFunc(left, func() { in.expire(c) })
		in.mu.Unlock()
		return
	}
	in.withdraw(c, cancelled)
	in.finish(c, nil, &Error{Server: in.spec.Name, Step: "during the call", Cause: ErrTimeout,
		Remedy: fmt.Sprintf("call_timeout of this server is %s", in.spec.CallTimeout)})
}

// withdraw takes a call that is over from those that wait or were sent. The server is told of the latter in the
// notification that notice writes for its raw id.
func (in *Instance) withdraw(c *Call, notice func(id []byte) []byte) {
	in.mu.Lock()
	defer in.mu.Unlock()
	stopTimer(c.timer)
	in.forget(c)
	if i := slices.Index(in.waiting, c); i >= 0 {
		in.waiting = slices.Delete(in.waiting, i, i+1)
	} else if in.pending[c.id] != c {
		return
	} else if delete(in.pending, c.id); in.conn != nil {
		in.conn.Send(jsonrpc.Whole(notice(strconv.AppendUint(nil, c.id, 10))))
	}
	in.rest()
}

// cancelled is the plain notification that a request of a raw id is cancelled.
func cancelled(id []byte) []byte {
	return jsonrpc.NewNotification(mcp.Cancelled, slices.Concat([]byte(`{"requestId":`), id, []byte("}")))
}

// forget drops the progress token of a call; mu is held.
func (in *Instance) forget(c *Call) { delete(in.tokens, c.token) }

// Forget drops the progress token of a call that became a task.
func (in *Instance) Forget(c *Call) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.forget(c)
}

// Progress is the call of the client that a server reports progress of under a raw token, nil if none goes on under it.
func (a *Attachment) Progress(token []byte) *Call {
	n, ok := jsonrpc.Number(token)
	if !ok {
		return nil
	}
	a.mu.Lock()
	c := a.tokens[n]
	a.mu.Unlock()
	if c == nil || c.To() != a {
		return nil
	}
	c.touch()
	return c
}

// ask makes a request of our own and waits for the raw result, which may be no JSON.
func (in *Instance) ask(ctx context.Context, method string, params []byte) ([]byte, error) {
	type reply struct {
		m   *jsonrpc.Message
		err error
	}
	answer := make(chan reply, 1)
	c := &Call{Method: method, asked: params, rough: true, answered: func(m *jsonrpc.Message, err error) { answer <- reply{m, err} }}
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
		if r.m.Kind == jsonrpc.Failure && string(mcp.Field(r.m.Bytes(r.m.Error), "code")) == strconv.Itoa(mcp.MethodNotFound) {
			return nil, errNotServed
		}
		if r.m.Kind == jsonrpc.Failure {
			return nil, fmt.Errorf("%w to %s: %s", errRefused, method, in.excerpt(r.m.Bytes(r.m.Error)))
		}
		return r.m.Bytes(r.m.Result), nil
	case <-ctx.Done():
		if c.End() {
			in.withdraw(c, cancelled)
		}
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
	return confusables.Quote(string(b))
}
