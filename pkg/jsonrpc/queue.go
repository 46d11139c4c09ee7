package jsonrpc

import (
	"errors"
	"io"
	"sync"
)

// ErrFull is returned when the reader of a queue or a stream has fallen too far behind.
var ErrFull = errors.New("the reader does not keep up")

// Queue carries frames from many goroutines to one, in order. It is bounded by bytes, not by count.
type Queue struct {
	limit int

	mu     sync.Mutex
	frames []Frame
	bytes  int
	err    error // why it is closed
	ready  chan struct{}
}

// NewQueue makes a queue that holds up to limit bytes, 0 for MaxMessage. One frame always fits.
func NewQueue(limit int) *Queue {
	if limit <= 0 {
		limit = MaxMessage
	}
	return &Queue{limit: limit, ready: make(chan struct{}, 1)}
}

// Push adds a frame without waiting. It fails with ErrFull, or with what Close was given.
func (q *Queue) Push(f Frame) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	if q.bytes > 0 && q.bytes+f.Len() > q.limit {
		return ErrFull
	}
	q.frames = append(q.frames, f)
	q.bytes += f.Len() + 1
	if len(q.frames) == 1 {
		select {
		case q.ready <- struct{}{}:
		default:
		}
	}
	return nil
}

// Pop waits for frames and returns all that are there, appended to dst. After Close it returns what is left, then the
// error that Close was given.
func (q *Queue) Pop(dst []Frame) ([]Frame, error) {
	for {
		q.mu.Lock()
		if len(q.frames) > 0 {
			dst = append(dst, q.frames...)
			clear(q.frames)
			q.frames, q.bytes = q.frames[:0], 0
			q.mu.Unlock()
			return dst, nil
		}
		err := q.err
		q.mu.Unlock()
		if err != nil {
			return dst, err
		}
		<-q.ready
	}
}

// Close ends the queue; err is what Push and, once it is empty, Pop return, io.EOF if nil.
func (q *Queue) Close(err error) {
	if err == nil {
		err = io.EOF
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return
	}
	q.err = err
	select {
	case q.ready <- struct{}{}:
	default:
	}
}
