package mcptest

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"time"
)

// call is one request on its way to its answer.
type call struct {
	envelope
	s     *session
	ctx   context.Context
	to    replies
	name  string // of tools/call
	args  []byte
	token []byte // the caller's progress token
	task  []byte // params.task
	own   bool   // runs in its own goroutine
}

// async runs the rest of a call in its own goroutine, cancellable by the client.
func (c *call) async(f func()) {
	// The line belongs to the reader, which goes on.
	c.raw, c.id, c.params, c.task = nil, bytes.Clone(c.id), bytes.Clone(c.params), nil
	c.args, c.token = bytes.Clone(c.args), bytes.Clone(c.token)
	ctx, cancel := context.WithCancel(c.ctx)
	key := string(c.id)
	c.s.mu.Lock()
	c.s.running[key] = cancel
	c.s.mu.Unlock()
	c.ctx, c.own = ctx, true
	c.s.wg.Go(func() {
		defer func() {
			c.s.mu.Lock()
			delete(c.s.running, key)
			c.s.mu.Unlock()
			cancel()
		}()
		f()
	})
}

// wait sleeps and tells whether the call is still wanted.
func (c *call) wait(d time.Duration) bool {
	if d <= 0 {
		return c.ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// result answers with a result as it stands.
func (c *call) result(result []byte) { c.deliver(response(c.s.opts.IDLast, c.id, result)) }

// text answers a tool call with one block of text.
func (c *call) text(s string) { c.result(textResult(quote(s), false)) }

// toolError answers a tool call with a text and isError.
func (c *call) toolError(s string) { c.result(textResult(quote(s), true)) }

func (c *call) fail(code int, message string, data []byte) {
	c.deliver(failure(c.id, code, message, data))
}

// deliver hands the answer over, unless the client has cancelled the call.
func (c *call) deliver(frame []byte) {
	if c.own && c.ctx.Err() != nil {
		frame = nil
	}
	if frame == nil {
		c.to.answer(nil)
		return
	}
	if c.s.opts.has(FaultStrayAnswers) {
		c.to.send([]byte(`{"jsonrpc":"2.0","id":987654321,"result":{"stray":true}}`))
		c.to.send(failure(nil, -32603, "stray error", nil))
	}
	if c.s.opts.has(FaultAnswerTwice) {
		c.to.send(frame)
	}
	c.to.answer(frame)
}

// progress sends one notification with the caller's token, if it gave one.
func (c *call) progress(step, total int, message string) {
	if c.token == nil {
		return
	}
	p := append([]byte(`{"progressToken":`), c.token...)
	p = strconv.AppendInt(append(p, `,"progress":`...), int64(step), 10)
	p = strconv.AppendInt(append(p, `,"total":`...), int64(total), 10)
	p = append(append(p, `,"message":`...), quote(message)...)
	c.to.send(notification("notifications/progress", append(p, '}')))
}

// arguments are those of the built-in tools but echo, all in one.
type arguments struct {
	N, MS, Steps, Count, Pad, Version, TTL                              int
	Code                                                                *int
	Text, Name, Description, URI, Method, Tool, Mode, Level, Line, Then string
	Params                                                              json.RawMessage
	Complete, NoNewline, Elicit                                         bool
}

// parse decodes the arguments of a tool; if they are unfit it answers and says no.
func (c *call) parse(a *arguments) bool {
	if len(c.args) == 0 {
		return true
	}
	if err := json.Unmarshal(c.args, a); err != nil {
		c.toolError("unfit arguments: " + err.Error())
		return false
	}
	return true
}

// The frames, by hand.

func response(idLast bool, id, result []byte) []byte {
	b := make([]byte, 0, len(id)+len(result)+40)
	if idLast {
		b = append(append(b, `{"result":`...), result...)
		b = append(append(b, `,"jsonrpc":"2.0","id":`...), id...)
		return append(b, '}')
	}
	b = append(append(b, `{"jsonrpc":"2.0","id":`...), id...)
	b = append(append(b, `,"result":`...), result...)
	return append(b, '}')
}

// failure is an error answer; a nil id is written as null, nil data not at all.
func failure(id []byte, code int, message string, data []byte) []byte {
	e := strconv.AppendInt([]byte(`{"code":`), int64(code), 10)
	e = append(append(e, `,"message":`...), quote(message)...)
	if data != nil {
		e = append(append(e, `,"data":`...), data...)
	}
	return rawFailure(id, append(e, '}'))
}

func rawFailure(id, err []byte) []byte {
	b := append([]byte(`{"jsonrpc":"2.0","id":`), orNull(id)...)
	b = append(append(b, `,"error":`...), err...)
	return append(b, '}')
}

func request(id []byte, method string, params []byte) []byte {
	b := append([]byte(`{"jsonrpc":"2.0","id":`), id...)
	return closeMessage(append(b, ','), method, params)
}

func notification(method string, params []byte) []byte {
	return closeMessage([]byte(`{"jsonrpc":"2.0",`), method, params)
}

func closeMessage(b []byte, method string, params []byte) []byte {
	b = append(append(b, `"method":`...), quote(method)...)
	if params != nil {
		b = append(append(b, `,"params":`...), params...)
	}
	return append(b, '}')
}

// textResult is a tool result with one block of text, given as a JSON string.
func textResult(quoted []byte, isError bool) []byte {
	b := append([]byte(`{"content":[{"type":"text","text":`), quoted...)
	b = append(b, `}]`...)
	if isError {
		b = append(b, `,"isError":true`...)
	}
	return append(b, '}')
}
