package transport

import (
	"io"
	"sync"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// inbox carries what came in from the reading goroutines to Recv. It is bounded by bytes: a full one blocks its
// writers, and so the connections they read from.
type inbox struct {
	limit int

	mu    sync.Mutex
	moved *sync.Cond // something was added, taken, or the inbox closed
	items []Inbound
	bytes int
	err   error // why it is closed
}

const inboundCost = 64 // what an item takes beside its bytes

func newInbox() *inbox {
	q := &inbox{limit: jsonrpc.MaxMessage}
	q.moved = sync.NewCond(&q.mu)
	return q
}

func cost(in Inbound) int { return len(in.Raw) + inboundCost }

// put waits for room; one item always fits into an empty inbox. It reports false when the inbox is closed.
func (q *inbox) put(in Inbound) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.err == nil && q.bytes > 0 && q.bytes+cost(in) > q.limit {
		q.moved.Wait()
	}
	if q.err != nil {
		return false
	}
	q.items = append(q.items, in)
	q.bytes += cost(in)
	q.moved.Broadcast()
	return true
}

// get waits for the next item; after close, what is left comes first.
func (q *inbox) get() (Inbound, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 {
		if q.err != nil {
			return Inbound{}, q.err
		}
		q.moved.Wait()
	}
	in := q.items[0]
	q.items[0] = Inbound{}
	if q.items = q.items[1:]; len(q.items) == 0 {
		q.items = nil
	}
	q.bytes -= cost(in)
	q.moved.Broadcast()
	return in, nil
}

// close ends the inbox; the first reason stays, io.EOF if nil.
func (q *inbox) close(err error) {
	if err == nil {
		err = io.EOF
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
		q.moved.Broadcast()
	}
}
