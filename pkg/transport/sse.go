package transport

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// An sseEvent is one event of a stream. Events that carry only an id or a retry time have no data.
type sseEvent struct {
	name string // "" is "message"
	data []byte // in memory of its own; lines are joined by \n
	lost []byte // with a TooLargeError: the raw id of the message that was lost, nil if it can't be seen
}

// sseReader reads an event stream (WHATWG HTML, section 9.2.6 "Interpreting an event stream").
// How the bytes are cut into reads makes no difference.
type sseReader struct {
	lastID string        // id of the last complete event that had one, for Last-Event-ID
	retry  time.Duration // what the server asked for, 0 if it did not

	src      io.Reader
	limit    int
	buf      []byte
	pos, end int
	err      error // of src, reported once the buffer is used up

	line    []byte // the beginning of a line that goes on in the next read
	lineLen int    // bytes of the current line so far, kept or not
	afterCR bool   // the last line ended with \r: a \n now belongs to it
	started bool   // the first line is over: no byte order mark any more

	event   sseEvent
	id      string // the id to be taken over when the event is complete
	hasData bool
	size    int    // bytes of the current event
	skip    bool   // the current event is too large
	head    []byte // its first bytes
	tail    []byte // its last ones, if it is too large
}

const (
	sseBuffer     = 16 << 10
	sseKept       = 4 << 10 // of either end of a dropped event
	sseFieldSlack = 64      // room for "data: " beside a message of exactly the limit
)

func newSSEReader(src io.Reader, limit int) *sseReader {
	if limit <= 0 {
		limit = jsonrpc.MaxMessage
	}
	return &sseReader{src: src, limit: limit, buf: make([]byte, sseBuffer)}
}

// next returns the next event. A *jsonrpc.TooLargeError costs that event, and the next call goes on; any other error is
// the end of the stream, and an event that was not complete by then is dropped.
func (r *sseReader) next() (sseEvent, error) {
	for {
		if r.pos == r.end {
			if err := r.fill(); err != nil {
				return sseEvent{}, err
			}
		}
		if r.afterCR {
			r.afterCR = false
			if r.buf[r.pos] == '\n' {
				r.pos++
				continue
			}
		}
		chunk := r.buf[r.pos:r.end]
		i := lineEnd(chunk)
		if i < 0 {
			r.pos = r.end
			r.hold(chunk)
			continue
		}
		r.pos += i + 1
		r.afterCR = chunk[i] == '\r'
		if r.endLine(chunk[:i]) {
			return r.dispatch()
		}
	}
}

func lineEnd(b []byte) int {
	n := bytes.IndexByte(b, '\n')
	if n < 0 {
		return bytes.IndexByte(b, '\r')
	}
	if r := bytes.IndexByte(b[:n], '\r'); r >= 0 {
		return r
	}
	return n
}

func (r *sseReader) fill() error {
	for range 100 {
		if r.err != nil {
			return r.err
		}
		r.pos = 0
		if r.end, r.err = r.src.Read(r.buf); r.end > 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}

// count takes note of a part of the current line, and drops the event when it becomes too large.
func (r *sseReader) count(part []byte) {
	r.lineLen += len(part)
	r.size += len(part)
	r.head = append(r.head, part[:min(len(part), sseKept-len(r.head))]...)
	if !r.skip && r.lineLen+len(r.event.data) > r.limit+sseFieldSlack {
		r.drop(r.line)
	}
	if r.skip {
		r.keepTail(part)
	}
}

// drop gives up the current event; line is what there is of the current line.
func (r *sseReader) drop(line []byte) {
	r.keepTail(line)
	r.skip, r.line, r.event.data = true, nil, nil
}

func (r *sseReader) keepTail(part []byte) {
	r.tail = append(r.tail, part[max(0, len(part)-sseKept):]...)
	r.tail = append(r.tail[:0], r.tail[max(0, len(r.tail)-sseKept):]...)
}

// lostID looks for the id of the message in a dropped event.
func (r *sseReader) lostID() []byte {
	_, head, _ := bytes.Cut(r.head, []byte("data:"))
	ends := io.MultiReader(bytes.NewReader(head), bytes.NewReader(r.tail))
	_, err := jsonrpc.NewReader(ends, jsonrpc.Newline, 1).Read()
	var large *jsonrpc.TooLargeError
	if errors.As(err, &large) {
		if id, request := large.ID(); !request {
			return id
		}
	}
	return nil
}

// hold keeps the beginning of a line.
func (r *sseReader) hold(part []byte) {
	r.count(part)
	if r.skip {
		return
	}
	if need := len(r.line) + len(part); need > cap(r.line) {
		r.line = append(make([]byte, 0, max(need, 2*cap(r.line))), r.line...)
	}
	r.line = append(r.line, part...)
}

// endLine takes in the rest of a line. It reports whether the line was blank, which ends the event.
func (r *sseReader) endLine(rest []byte) (blank bool) {
	r.count(rest)
	own := len(r.line) > 0
	line := rest
	if own {
		line, r.line = append(r.line, rest...), nil
	}
	if !r.started {
		r.started = true
		if !r.skip {
			if line = bytes.TrimPrefix(line, []byte("\ufeff")); len(line) == 0 {
				r.lineLen = 0
			}
		}
	}
	blank = r.lineLen == 0
	r.lineLen = 0
	if !blank && !r.skip {
		r.field(line, own)
	}
	return blank
}

// field takes in one line; own says that its memory is ours to keep.
func (r *sseReader) field(line []byte, own bool) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "data":
		switch {
		case r.hasData:
			r.event.data = append(append(r.event.data, '\n'), value...)
		case own:
			r.event.data = value
		default:
			r.event.data = append([]byte(nil), value...)
		}
		r.hasData = true
		if len(r.event.data) > r.limit {
			r.drop(line)
		}
	case "event":
		r.event.name = string(value[:min(len(value), sseKept)]) // none of ours is so long
	case "id":
		if bytes.IndexByte(value, 0) < 0 && len(value) <= sseKept { // it is sent back in a header
			r.id = string(value)
		}
	case "retry":
		if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
			r.retry = time.Duration(ms) * time.Millisecond
		}
	}
}

func (r *sseReader) dispatch() (sseEvent, error) {
	e := r.event
	var err error
	if r.skip {
		e = sseEvent{lost: r.lostID()}
		err = &jsonrpc.TooLargeError{Size: r.size, Limit: r.limit}
	}
	r.event, r.hasData, r.size, r.skip = sseEvent{}, false, 0, false
	r.head, r.tail = r.head[:0], nil
	r.lastID = r.id
	return e, err
}
