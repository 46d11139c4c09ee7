package upstream

import (
	"errors"
	"fmt"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// handle routes one message of the server.
func (in *Instance) handle(conn Conn, msg transport.Inbound) {
	if msg.Failed != nil {
		in.failed(msg.Failed)
		return
	}
	m, err := mcp.Incoming(msg.Raw)
	if err != nil {
		in.malformed(conn, &m, err)
		return
	}
	switch m.Kind {
	case jsonrpc.Result, jsonrpc.Failure:
		if c := in.take(m.Bytes(m.ID)); c != nil {
			if !c.own() {
				in.cork(c.To(), msg.More)
			}
			in.finish(c, &m, nil)
		} else {
			in.spec.Log.Debug().Str("server", in.spec.Name).Msg("answer to no open request")
		}
	case jsonrpc.Request:
		if string(m.Bytes(m.Method)) == `"ping"` {
			conn.Send(jsonrpc.Whole(jsonrpc.NewResult(m.Bytes(m.ID), []byte("{}"))))
			return
		}
		in.request(conn, &m, msg.More)
	case jsonrpc.Notification:
		in.noteListChange(&m)
		in.notify(&m, msg.More)
	}
}

// malformed takes what is no message. A request is refused, an answer ends its call at once; all else is noise, as a
// line of a log is that has an id.
func (in *Instance) malformed(conn Conn, m *jsonrpc.Message, err error) {
	if in.noise++; in.noise <= 10 { // only this goroutine counts
		in.spec.Log.Warn().Str("server", in.spec.Name).Err(err).Str("line", in.excerpt(m.Raw)).Msg("bad message from the server")
	}
	if m.Asks() {
		code, text := mcp.InvalidRequest, "Invalid request: "
		if m.Kind == jsonrpc.Request { // all but its params fits
			code, text = mcp.InvalidParams, "Invalid params: "
		}
		conn.Send(jsonrpc.Whole(jsonrpc.NewError(m.Bytes(m.ID), code, text+err.Error(), nil)))
	}
	id := m.Bytes(m.ID)
	mended, ok := jsonrpc.Mend(m.Raw, err)
	if ok = ok && mcp.Tidy(&mended) == nil; ok {
		id = mended.Bytes(mended.ID)
	} else if !m.Answers() {
		return
	}
	c := in.take(id)
	switch {
	case c == nil:
	case c.rough && jsonrpc.Broken(err) && m.Result.End != 0 && m.Error.End == 0:
		m.Kind = jsonrpc.Result
		in.finish(c, m, nil)
	case ok && !c.rough:
		in.finish(c, &mended, nil)
	default:
		if m.Error.End != 0 && !jsonrpc.Broken(err) {
			err = fmt.Errorf("%w. The error it gave: %s", err, in.excerpt(m.Bytes(m.Error)))
		}
		in.finish(c, nil, &Error{Server: in.spec.Name, Step: brokenAnswer, Cause: err})
	}
}

// brokenAnswer is the step of a call whose answer is no message.
const brokenAnswer = "gave a broken answer"

// take removes the pending call with the raw id.
func (in *Instance) take(id []byte) *Call {
	n, ok := jsonrpc.Number(id)
	if !ok {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	c := in.pending[n]
	if c != nil {
		delete(in.pending, n)
		stopTimer(c.timer)
		if in.spec.IdleTimeout > 0 && !c.own() {
			in.rest()
		}
	}
	return c
}

// failed ends a call that the transport could not bring to the server. One that was certainly not run because
// the session was lost goes once more, over the next connection.
func (in *Instance) failed(f *transport.Failed) {
	c := in.take(f.ID)
	if c == nil {
		return
	}
	if f.NotRun && errors.Is(f.Err, transport.ErrSessionLost) && !c.retried && !c.own() {
		c.retried = true
		in.mu.Lock()
		in.lists.stale = true // hold it until the next handshake
		if !c.over.Load() {
			in.park(c)
		}
		in.mu.Unlock()
		return
	}
	step := "could not serve the call"
	switch {
	case needsLogin(f.Err):
		step = "needs a login"
	case errors.Is(f.Err, jsonrpc.ErrSyntax), errors.Is(f.Err, jsonrpc.ErrInvalid):
		step = brokenAnswer
	}
	in.finish(c, nil, &Error{Server: in.spec.Name, Step: step, Cause: f.Err})
}
