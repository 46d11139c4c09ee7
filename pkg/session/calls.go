package session

import (
	"fmt"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// calls are the client's open requests that can be cancelled, by their raw ids. Two requests may have one id, against
// the protocol; then the later one is known.
type calls struct {
	mu   sync.Mutex
	open map[string]*upstream.Call
}

func (c *calls) add(one *upstream.Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[string(one.Request.Bytes(one.Request.ID))] = one
}

// remove forgets a request that is over.
func (c *calls) remove(one *upstream.Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id := one.Request.Bytes(one.Request.ID); c.open[string(id)] == one {
		delete(c.open, string(id))
	}
}

// whileOpen calls f, which must not wait, if the request is open; its answer is not sent before f is done.
func (c *calls) whileOpen(one *upstream.Call, f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[string(one.Request.Bytes(one.Request.ID))] != one {
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
func (c *calls) makesTask(in *upstream.Attachment) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.open {
		if one.Task && one.To() == in {
			return true
		}
	}
	return false
}

func (c *calls) find(id []byte) *upstream.Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[string(id)]
}

// closeCall ends a request that is not given to a server. It is false if the client has cancelled it.
func (s *Session) closeCall(c *upstream.Call) bool {
	s.calls.remove(c)
	return c.End()
}

// cancel serves the client's notifications/cancelled. A request that is unknown or answered already is left alone.
func (s *Session) cancel(m *jsonrpc.Message, p mcp.Params) {
	if c := s.calls.find(m.Bytes(p.ID)); c != nil && c.Cancel(m, p.ID) {
		s.calls.remove(c)
		c.Reply(nil, jsonrpc.Frame{})
	}
}

// progress passes a server's progress on under the client's token. After the result there is none, and another server's
// token is not its to use.
func (s *Session) progress(in *upstream.Attachment, m *jsonrpc.Message, p mcp.Params) {
	if c := in.Progress(m.Bytes(p.Progress)); c != nil {
		s.pass(in, m, jsonrpc.Frame{m.Raw[:p.Progress.Start:p.Progress.Start], c.Request.Bytes(c.Request.Params.Token), m.Raw[p.Progress.End:]})
	}
}

const (
	startSilent = 2 * time.Second // a start that is quicker is not worth a word
	startNotice = 5 * time.Second
)

// tellStart reports, as progress of a call that waits for its server to start, that it does: a first start may download
// for minutes. The numbers rise towards 0, so that what the server itself reports later goes on rising.
func (s *Session) tellStart(c *upstream.Call) {
	in, token := c.To(), c.Request.Bytes(c.Request.Params.Token)
	tick := time.NewTicker(startSilent)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		tick.Reset(startNotice)
		if in.Hello() != nil {
			return
		}
		status := in.Status()
		message := fmt.Sprintf("Server %q is starting, for %s", in.Name(), time.Since(status.Since).Round(time.Second))
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
