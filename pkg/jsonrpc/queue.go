package jsonrpc

import (
	"errors"
	"io"
	"sync"
)

// ErrFull is returned when the reader of a queue or a stream has fallen too far behind.
var ErrFull = errors.New("the reader does not keep up")

// Queue carries items from many goroutines to one, in order. It is bounded by the bytes of its items, not by their count.
type Queue[T any] struct {
	limit int
	size  func(T) int

	mu    sync.Mutex
	moved *sync.Cond // something was added or taken, or the queue was closed
	items []T
	bytes int
	err   error // why it is closed
}

// itemCost is what an item takes beside its bytes.
const itemCost = 64

// NewQueue makes a queue that holds up to limit bytes, 0 for MaxMessage. size is that of an item in bytes. One item always
// fits.
func NewQueue[T any](limit int, size func(T) int) *Queue[T] {
	if limit <= 0 {
		limit = MaxMessage
	}
	q := &Queue[T]{limit: limit, size: func(item T) int { return size(item) + itemCost }}
	q.moved = sync.NewCond(&q.mu)
	return q
}

func (q *Queue[T]) fullLocked(item T) bool { return q.bytes > 0 && q.bytes+q.size(item) > q.limit }

// Push adds an item without waiting. It fails with ErrFull, or with what Close was given.
func (q *Queue[T]) Push(item T) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil && q.fullLocked(item) {
		return ErrFull
	}
	return q.addLocked(item)
}

// Put waits for room: a full queue stops the stream that its items are read from. It fails with what Close was given.
func (q *Queue[T]) Put(item T) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.err == nil && q.fullLocked(item) {
		q.moved.Wait()
	}
	return q.addLocked(item)
}

func (q *Queue[T]) addLocked(item T) error {
	if q.err != nil {
		return q.err
	}
	q.items = append(q.items, item)
	q.bytes += q.size(item)
	q.moved.Broadcast()
	return nil
}

// Pop waits for the next item. After Close it returns what is left, then the error that Close was given.
func (q *Queue[T]) Pop() (item T, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 {
		if q.err != nil {
			return item, q.err
		}
		q.moved.Wait()
	}
	var none T
	item, q.items[0] = q.items[0], none
	if q.items = q.items[1:]; len(q.items) == 0 {
		q.items = nil
	}
	q.bytes -= q.size(item)
	q.moved.Broadcast()
	return item, nil
}

// Close ends the queue; err is what Push, Put and, once it is empty, Pop return, io.EOF if nil. The first reason stays.
func (q *Queue[T]) Close(err error) {
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
