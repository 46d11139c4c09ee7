package jsonrpc

import (
	"errors"
	"io"
	"sync"
	"time"
)

// ErrFull is returned by Push when the reader of a queue has fallen too far behind.
var ErrFull = errors.New("the reader does not keep up")

// Queue carries frames from many goroutines to one, in order. It is bounded by bytes, not by count.
type Queue struct {
	limit int

	mu     sync.Mutex
	frames []Frame
	bytes  int
	err    error // why it is closed
	room   chan struct{}
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
	q.push(f)
	return nil
}

func (q *Queue) push(f Frame) {
	q.frames = append(q.frames, f)
	q.bytes += f.Len() + 1
	if len(q.frames) == 1 {
		select {
		case q.ready <- struct{}{}:
		default:
		}
	}
}

// PushWait adds a frame, waiting up to patience for room. It fails like Push.
func (q *Queue) PushWait(f Frame, patience time.Duration) error {
	err := q.Push(f)
	if !errors.Is(err, ErrFull) {
		return err
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for errors.Is(err, ErrFull) {
		q.mu.Lock()
		if q.room == nil {
			q.room = make(chan struct{})
		}
		room := q.room
		q.mu.Unlock()
		select {
		case <-room:
		case <-timeout.C:
			return ErrFull
		case <-time.After(50 * time.Millisecond): // room was made before we asked for it
		}
		err = q.Push(f)
	}
	return err
}

// PushDroppable adds a frame only while the queue is at most a quarter full: for messages that may be lost.
// It reports whether the frame was taken.
func (q *Queue) PushDroppable(f Frame) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil || q.bytes+f.Len() > q.limit/4 {
		return false
	}
	q.push(f)
	return true
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
			if q.room != nil {
				close(q.room)
				q.room = nil
			}
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
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// Conn is one end of an in-memory connection: what one end sends the other receives.
type Conn struct {
	In, Out *Queue
}

// Pipe makes an in-memory connection. Each direction holds up to limit bytes (see NewQueue).
func Pipe(limit int) (a, b Conn) {
	x, y := NewQueue(limit), NewQueue(limit)
	return Conn{x, y}, Conn{y, x}
}

// Close closes both directions.
func (c Conn) Close() {
	c.In.Close(nil)
	c.Out.Close(nil)
}
