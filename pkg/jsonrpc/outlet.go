package jsonrpc

import (
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Outlet is the writing end of a byte stream. Any goroutine sends frames; they are written whole, in order, by the sender
// itself while the stream takes them without waiting, else by a goroutine of the Outlet's own, so that no
// sender ever waits for a reader. What waits is bounded by bytes.
type Outlet struct {
	dst     io.Writer
	framing func() Framing
	limit   int
	direct  func([]byte) (int, error) // writes what can be written at once; nil: dst can't do that

	mu     sync.Mutex
	segs   [][]byte // to be written; small frames share a segment
	own    bool     // the last segment is ours to append to
	spare  []byte   // an empty segment to use next
	bytes  int      // in segs, and in the writer's hands
	total  uint64   // bytes ever put; those before total - bytes are written
	corked int
	busy   bool // the goroutine is writing
	closed error
	failed error
	room   chan struct{} // closed when there is room again; nil: nobody waits
	idle   chan struct{} // closed when the writer is done; nil: nobody waits
}

// corkMost is what a cork holds back at the most: about ten small messages, so that the peer has work while more are made.
const corkMost = 1500

// small is the size below which frames are copied together, so that they go out in one write.
const small = 16 << 10

// NewOutlet writes to dst in the framing that is asked for at each frame (Detect counts as Newline). It holds up to limit
// bytes, 0 for MaxMessage; one frame always fits. A pipe or socket whose descriptor is non-blocking
// is written to directly.
func NewOutlet(dst io.Writer, framing func() Framing, limit int) *Outlet {
	if limit <= 0 {
		limit = MaxMessage
	}
	o := &Outlet{dst: dst, framing: framing, limit: limit}
	if f, ok := dst.(*os.File); ok {
		o.direct = directWriter(f)
	}
	return o
}

// Lines is the framing of every outlet but the one to a client.
func Lines() Framing { return Newline }

// Send queues a frame without waiting and writes it if that needs no waiting. It fails with ErrFull, with what
// Close was given, or with the error that the stream failed with.
func (o *Outlet) Send(f Frame) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.send(f)
}

// send is Send; mu is held.
func (o *Outlet) send(f Frame) error {
	err := o.admit(f, o.limit)
	if errors.Is(err, ErrFull) {
		o.flush() // corked or not: room is needed
		err = o.admit(f, o.limit)
	}
	if err != nil {
		return err
	}
	o.put(f)
	o.uncorked()
	return o.failed
}

func (o *Outlet) admit(f Frame, limit int) error {
	switch {
	case o.failed != nil:
		return o.failed
	case o.closed != nil:
		return o.closed
	case o.bytes > 0 && o.bytes+f.Len() > limit:
		return ErrFull
	}
	return nil
}

// SendWait is Send, waiting up to patience for room.
func (o *Outlet) SendWait(f Frame, patience time.Duration) error {
	var timeout *time.Timer
	for {
		o.mu.Lock()
		err := o.send(f)
		if !errors.Is(err, ErrFull) {
			o.mu.Unlock()
			return err
		}
		room := o.roomLocked()
		o.mu.Unlock()
		if timeout == nil {
			timeout = time.NewTimer(patience)
			defer timeout.Stop()
		}
		select {
		case <-room:
		case <-timeout.C:
			return ErrFull
		}
	}
}

// SendDroppable sends a frame that may be lost, only while the outlet is at most a quarter full, and the share, which may be nil, has room for
// it. It reports whether the frame was taken.
func (o *Outlet) SendDroppable(f Frame, share *Share, most int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.admit(f, o.limit/4) != nil || share != nil && !o.roomIn(share, f.Len(), most) {
		return false
	}
	o.put(f)
	if share != nil {
		share.add(o.total, f.Len())
	}
	o.uncorked()
	return true
}

// A Share is what one sender has in an outlet unwritten, where it may not have more than a part: others wait behind it.
type Share struct {
	ends []shareEnd // of frames, in order; guarded by Outlet.mu
	size int        // of all of them
}

// shareEnd is a frame that ends before a position in the stream.
type shareEnd struct {
	at   uint64
	size int
}

// roomIn tells whether a frame of n bytes may be added to the share: one always may where there is none. mu is held.
func (o *Outlet) roomIn(share *Share, n, most int) bool {
	written := o.total - uint64(o.bytes)
	for len(share.ends) > 0 && share.ends[0].at <= written {
		share.size -= share.ends[0].size
		share.ends = share.ends[1:]
	}
	return share.size == 0 || share.size+n <= most
}

// SendShare is Send for what its sender may have no more than most bytes of unwritten, but for one frame. It waits for room as long as that takes,
// or until one of the channels is closed, and then fails with ErrFull.
func (o *Outlet) SendShare(f Frame, share *Share, most int, done, gone <-chan struct{}) error {
	for {
		o.mu.Lock()
		err := error(ErrFull)
		if o.failed != nil || o.closed != nil || o.roomIn(share, f.Len(), most) {
			if err = o.send(f); err == nil {
				share.add(o.total, f.Len())
			}
		} else {
			o.flush()
		}
		if !errors.Is(err, ErrFull) {
			o.mu.Unlock()
			return err
		}
		room := o.roomLocked()
		o.mu.Unlock()
		select {
		case <-room:
		case <-done:
			return ErrFull
		case <-gone:
			return ErrFull
		}
	}
}

func (s *Share) add(at uint64, n int) {
	s.ends = append(s.ends, shareEnd{at, n})
	s.size += n
}

// roomLocked is closed when there is room again; mu is held.
func (o *Outlet) roomLocked() <-chan struct{} {
	if o.room == nil {
		o.room = make(chan struct{})
	}
	return o.room
}

// Cork holds back what is sent until Uncork, so that it goes out together. Corks nest.
func (o *Outlet) Cork() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.corked++
}

// Uncork ends a Cork.
func (o *Outlet) Uncork() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.corked--
	o.uncorked()
}

// put appends a frame and its framing to the segments; mu is held.
func (o *Outlet) put(f Frame) {
	var head []byte
	tail := []byte("\n")
	if o.framing() == ContentLength {
		head, tail = strconv.AppendInt([]byte("Content-Length: "), int64(f.Len()), 10), nil
		head = append(head, "\r\n\r\n"...)
	}
	for _, piece := range [5][]byte{head, f[0], f[1], f[2], tail} {
		o.bytes += len(piece)
		o.total += uint64(len(piece))
		last := len(o.segs) - 1
		switch {
		case len(piece) == 0:
		case len(piece) >= small:
			o.segs, o.own = append(o.segs, piece), false
		case last >= 0 && o.own && len(o.segs[last]) < 4*small:
			o.segs[last] = append(o.segs[last], piece...)
		default:
			if o.spare == nil {
				o.spare = make([]byte, 0, max(1024, len(piece)))
			}
			o.segs, o.own, o.spare = append(o.segs, append(o.spare, piece...)), true, nil
		}
	}
}

// uncorked flushes unless a cork holds it back; mu is held.
func (o *Outlet) uncorked() {
	if o.corked <= 0 || o.bytes > corkMost {
		o.flush()
	}
}

// flush writes what the stream takes at once and leaves the rest to the goroutine; mu is held.
func (o *Outlet) flush() {
	if o.busy || len(o.segs) == 0 {
		return
	}
	for o.direct != nil && len(o.segs) > 0 {
		n, err := o.direct(o.segs[0])
		o.bytes -= n
		if err != nil {
			o.fail(err)
			return
		}
		if n < len(o.segs[0]) {
			o.segs[0] = o.segs[0][n:]
			o.own = o.own && len(o.segs) > 1
			break
		}
		if o.own && len(o.segs) == 1 && cap(o.segs[0]) <= 4*small {
			o.spare = o.segs[0][:0]
		}
		o.segs = slices.Delete(o.segs, 0, 1)
	}
	if len(o.segs) == 0 {
		o.own = false
		o.quiet()
		return
	}
	o.busy = true
	go o.write(o.take())
}

// take hands all segments to the writer; mu is held.
func (o *Outlet) take() [][]byte {
	segs := o.segs
	o.segs, o.own = nil, false
	return segs
}

// write is the goroutine: it writes until nothing is left.
func (o *Outlet) write(segs [][]byte) {
	for {
		var err error
		for i, seg := range segs {
			if err == nil {
				_, err = o.dst.Write(seg)
			}
			segs[i] = nil
			o.mu.Lock()
			o.bytes -= len(seg)
			if o.room != nil {
				close(o.room)
				o.room = nil
			}
			o.mu.Unlock()
		}
		o.mu.Lock()
		if err != nil {
			o.fail(err)
		}
		if segs = o.take(); len(segs) == 0 {
			o.busy = false
			o.quiet()
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
	}
}

// fail records that the stream is broken and drops what waits; mu is held.
func (o *Outlet) fail(err error) {
	o.failed = err
	for _, seg := range o.segs {
		o.bytes -= len(seg)
	}
	o.take()
	o.quiet()
}

// quiet tells who waits that nothing is left to write; mu is held.
func (o *Outlet) quiet() {
	if o.idle != nil && !o.busy {
		close(o.idle)
		o.idle = nil
	}
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// Close makes further sends fail with err, io.EOF if nil. What was sent before is still written; see Drain.
func (o *Outlet) Close(err error) {
	if err == nil {
		err = io.EOF
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed == nil {
		o.closed = err
	}
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// Drain waits until all that was sent is written, at most for a time. It tells whether it is.
func (o *Outlet) Drain(most time.Duration) bool {
	o.mu.Lock()
	o.flush()
	if !o.busy && len(o.segs) == 0 {
		o.mu.Unlock()
		return true
	}
	if o.idle == nil {
		o.idle = make(chan struct{})
	}
	idle := o.idle
	o.mu.Unlock()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-idle:
		return true
	case <-timer.C:
		return false
	}
}

// Conn is a connection to a client: messages come from In and go to Out.
type Conn struct {
	In  *Reader
	Out *Outlet
}
