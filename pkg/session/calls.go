package session

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// calls are the client's open requests and the progress tokens it gave.
type calls struct {
	mu     sync.Mutex
	open   map[string]*call // by the client's raw id
	tokens map[uint64]*token
	next   uint64
}

// token is a progress token: servers see a number of ours, so that two of them, or two clients, never mix theirs up.
type token struct {
	raw  []byte // as the client wrote it
	call *call
}

func (c *calls) add(one *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[one.key] = one
}

// remove forgets a request that is over. A token of a call that became a task goes on being used.
func (c *calls) remove(one *call, answer *jsonrpc.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[one.key] == one {
		delete(c.open, one.key)
	}
	if one.token != 0 && !(one.task && answer != nil && answer.Kind == jsonrpc.Result) {
		delete(c.tokens, one.token)
	}
}

// take removes a request that waits and tells whether this is the first time: it is either served or cancelled. Two
// requests may have one id, against the protocol; then the map knows the later one only.
func (c *calls) take(one *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[one.key] == one {
		delete(c.open, one.key)
	}
	first := !one.taken
	one.taken = true
	return first
}

// whileOpen calls f, which must not wait, if the request is open; its answer is not sent before f is done.
func (c *calls) whileOpen(one *call, f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[one.key] != one {
		return false
	}
	f()
	return true
}

// none tells that no request is open.
func (c *calls) none() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open) == 0
}

// makesTask tells whether a call is open that a server may answer with a task.
func (c *calls) makesTask(in *upstream.Instance) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.open {
		if one.task && one.in == in {
			return true
		}
	}
	return false
}

// dropToken forgets the progress token of a call, if it has one.
func (c *calls) dropToken(one *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tokens, one.token)
}

func (c *calls) addToken(raw []byte, one *call) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	c.tokens[c.next] = &token{raw, one}
	return c.next
}

func (c *calls) find(id []byte) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[string(id)]
}

func (c *calls) token(raw []byte) *token {
	n, ok := jsonrpc.Number(raw)
	if !ok {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tokens[n]
}

// cancel serves the client's notifications/cancelled. A request that is unknown or answered already is left alone.
func (s *Session) cancel(m *jsonrpc.Message, p mcp.Params) {
	c := s.calls.find(m.Bytes(p.ID))
	if c == nil {
		return
	}
	if c.in == nil { // it waits for a server to be listed
		if s.calls.take(c) {
			c.reply.none()
		}
		return
	}
	taken := c.in.Cancel(c.up, func(id uint64) []byte {
		return jsonrpc.Splice(m.Raw, jsonrpc.Edit{At: p.ID, With: strconv.AppendUint(nil, id, 10)})
	})
	if !taken {
		return
	}
	s.calls.remove(c, nil)
	c.reply.none()
}

// none says that no answer will come; a batch has to know.
func (r reply) none() { r(jsonrpc.Frame{}) }

// progress passes a server's progress on under the client's token. After the result there is none, and another server's
// token is not its to use.
func (s *Session) progress(in *upstream.Instance, m *jsonrpc.Message, p mcp.Params) {
	t := s.calls.token(m.Bytes(p.Progress))
	if t == nil || t.call.in != in {
		return
	}
	t.call.up.Touch()
	s.pass(in, jsonrpc.Frame{m.Raw[:p.Progress.Start:p.Progress.Start], t.raw, m.Raw[p.Progress.End:]})
}

const (
	startSilent = 2 * time.Second // a start that is quicker is not worth a word
	startNotice = 5 * time.Second
)

// tellStart reports, as progress of a call that waits for its server to start, that it does: a first start may download for
// minutes. The numbers rise towards 0, so that what the server itself reports later goes on
// rising.
func (s *Session) tellStart(c *call, token []byte) {
	tick := time.NewTicker(startSilent)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		tick.Reset(startNotice)
		if c.in.Hello() != nil {
			return
		}
		status := c.in.Status()
		message := fmt.Sprintf("Server %q is starting, for %s", c.in.Name(), time.Since(status.Since).Round(time.Second))
		if status.Stage != "" {
			message += ": " + status.Stage
		}
		params := append(append([]byte(`{"progressToken":`), token...), fmt.Sprintf(`,"progress":%g,"message":%s}`, -1/float64(1000*n), jsonrpc.Quote(message))...)
		note := jsonrpc.Whole(jsonrpc.NewNotification(mcp.Progress, params))
		if !s.calls.whileOpen(c, func() { s.conn.Out.SendDroppable(note, nil, 0) }) {
			return
		}
	}
}
