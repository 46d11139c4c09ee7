package transport

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

var errCancelled = errors.New("cancelled before the server answered")

// A call is one message of ours on its way: a request and its answer, or a message that gets none.
type call struct {
	raw    []byte
	id     []byte // of a request, nil otherwise
	method string // "" for an answer of ours to a request of the server

	ctx    context.Context
	cancel context.CancelFunc

	sent    latch         // the request was written, or never will be
	dialing latch         // it waits for a new connection
	replied latch         // the header of the answer is there, or there will be none
	settled chan struct{} // its answer or Failed is with Recv
	done    chan struct{} // its goroutine is gone

	wrote    atomic.Bool // some of it may have reached the server
	heard    atomic.Bool // the server sent a message for it that is not its answer: it is being processed
	accepted bool        // answered with 2xx; set before replied

	// Guarded by HTTP.mu.
	closed    bool        // settled
	cancelled bool        // by notifications/cancelled
	timer     *time.Timer // ends a stream that goes on for no reason
}

// A latch is a channel that is closed once.
type latch struct {
	once sync.Once
	c    chan struct{}
}

func (s *latch) set() { s.once.Do(func() { close(s.c) }) }

func newLatch() latch { return latch{c: make(chan struct{})} }

func (h *HTTP) newCall(m *jsonrpc.Message) *call {
	c := &call{
		raw: m.Raw, method: m.MethodName(),
		sent: newLatch(), dialing: newLatch(), replied: newLatch(),
		settled: make(chan struct{}), done: make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancel(h.ctx)
	if c.method != "" && m.ID.End != 0 {
		c.id = m.Bytes(m.ID)
		h.mu.Lock()
		h.calls[callKey(c.id)] = c
		h.mu.Unlock()
	}
	return c
}

// callKey is an id in one form: servers may give "7" or 7.0 back for 7.
func callKey(id []byte) string {
	if n, ok := jsonrpc.Number(id); ok {
		return strconv.FormatUint(n, 10)
	}
	return string(id)
}

func (c *call) title() string {
	if c.method == "" {
		return "answer to the server"
	}
	return c.method
}

// reason is err, or that the call was cancelled.
func (h *HTTP) reason(c *call, err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.cancelled && c.ctx.Err() != nil {
		return errCancelled
	}
	return err
}

// open returns the call with this id if it waits for its answer.
func (h *HTTP) open(id []byte) *call {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.calls[callKey(id)]; c != nil && !c.closed {
		return c
	}
	return nil
}

func (h *HTTP) unanswered(c *call) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !c.closed && !c.cancelled
}

// settle marks the call with this id as finished and returns it, nil if there is none open.
func (h *HTTP) settle(id []byte) *call {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.calls[callKey(id)]
	if c == nil || c.closed {
		return nil
	}
	c.closed = true
	close(c.settled)
	h.lingerLocked(c)
	return c
}

// linger lets an exchange go on only for a while: a server need not close its stream after the answer.
func (h *HTTP) linger(c *call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lingerLocked(c)
}

func (h *HTTP) lingerLocked(c *call) {
	if c.timer == nil {
		c.timer = time.AfterFunc(h.wait.linger, c.cancel)
	}
}

// cancelled takes note that nobody waits for the call any more: the server need not answer it.
func (h *HTTP) cancelled(id []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.calls[callKey(id)]; c != nil {
		c.cancelled = true
		h.lingerLocked(c)
	}
}

// forget takes the call off the books once its exchange is over.
func (h *HTTP) forget(c *call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	if h.calls[callKey(c.id)] == c {
		delete(h.calls, callKey(c.id))
	}
}

// fail reports that a request gets no answer, if it has none yet.
func (h *HTTP) fail(c *call, err error, notRun bool) {
	if c.id == nil || h.settle(c.id) == nil {
		return
	}
	h.in.Put(Inbound{Failed: &Failed{ID: bytes.Clone(c.id), Err: err, NotRun: notRun}})
}

// sleep waits for d; false if the connection ended or the call was settled meanwhile (c may be nil).
func (h *HTTP) sleep(d time.Duration, c *call) bool {
	var settled <-chan struct{}
	ctx := h.ctx
	if c != nil {
		settled, ctx = c.settled, c.ctx
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-settled:
	case <-ctx.Done():
	}
	return false
}
