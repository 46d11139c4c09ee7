package jsonrpc

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Reader reads frames from a byte stream. It is used by one goroutine at a time.
type Reader struct {
	src      io.Reader
	framing  Framing
	limit    int
	buf      []byte // unread bytes are buf[start:end]
	start    int
	end      int
	hint     int // size of the last large message: the next one is likely as large
	err      error
	cut      bool   // the stream ended in the last line
	Activity func() // if set, called after each read that brought bytes
	Waits    func() // if set, called before each read from the stream: no whole message is at hand
}

const readSize = 64 << 10

// NewReader reads from src; limit is the largest message in bytes, 0 for MaxMessage.
func NewReader(src io.Reader, framing Framing, limit int) *Reader {
	if limit <= 0 {
		limit = MaxMessage
	}
	return &Reader{src: src, framing: framing, limit: limit}
}

// Framing tells what was detected, Detect while nothing was read.
func (r *Reader) Framing() Framing { return r.framing }

// Read returns the next message, without its framing, in memory of its own. A *TooLargeError or *HeaderError costs
// one message and the next Read goes on; any other error is the end (io.EOF: an orderly one).
// A last line without newline is a message.
func (r *Reader) Read() ([]byte, error) {
	if r.framing == Detect {
		if err := r.detect(); err != nil {
			return nil, err
		}
	}
	if r.framing == ContentLength {
		return r.readBody()
	}
	for {
		line, err := r.line(r.limit)
		if err != nil {
			return nil, err
		}
		if line = bytes.TrimPrefix(bytes.TrimSpace(line), []byte("\ufeff")); len(line) > 0 {
			return line, nil
		}
	}
}

// Cut tells whether the last line that was returned had no end, because the stream ended in it.
func (r *Reader) Cut() bool { return r.cut }

// Buffered tells whether more has been read already than was returned: the next Read is likely not to wait. It may be noise
// or half a message all the same; Waits tells for sure.
func (r *Reader) Buffered() bool {
	unread := r.buf[r.start:r.end]
	return r.framing == ContentLength && len(unread) > 0 || bytes.IndexByte(unread, '\n') >= 0
}

// detect waits for the first byte that is no space: header framing starts with a letter, JSON does not.
func (r *Reader) detect() error {
	for {
		for ; r.start < r.end; r.start++ {
			switch c := r.buf[r.start]; {
			case c == ' ' || c == '\t' || c == '\r' || c == '\n':
				continue
			case c == 'C' || c == 'c':
				r.framing = ContentLength
			default:
				r.framing = Newline
			}
			return nil
		}
		if err := r.fill(); err != nil {
			return err
		}
	}
}

// fill reads more bytes behind the unread ones.
func (r *Reader) fill() error {
	if r.err != nil {
		return r.err
	}
	switch {
	case r.buf == nil:
		r.buf = make([]byte, readSize)
	case r.start == r.end:
		r.start, r.end = 0, 0
	case r.end == len(r.buf) && r.start > len(r.buf)/2:
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	case r.end == len(r.buf):
		bigger := make([]byte, min(max(2*len(r.buf), r.hint), max(r.limit, kept)+readSize)) // a longer line is not kept
		r.end = copy(bigger, r.buf[r.start:r.end])
		r.start, r.buf = 0, bigger
	}
	if r.Waits != nil {
		r.Waits()
	}
	n, err := r.src.Read(r.buf[r.end:])
	r.end += n
	if n > 0 {
		if r.Activity != nil {
			r.Activity()
		}
		r.err = err
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	r.err = err
	return err
}

// take hands out the next n bytes and skips `skip` more. Large ones keep the buffer they were read into.
func (r *Reader) take(n, skip int) []byte {
	at := r.start
	r.start += n + skip
	if n < readSize {
		return append(make([]byte, 0, n), r.buf[at:at+n]...)
	}
	out := r.buf[at : at+n : at+n]
	r.hint = min(n+n/8+readSize, r.limit+readSize)
	rest := r.buf[r.start:r.end]
	r.buf = make([]byte, max(readSize, 2*len(rest)))
	r.start, r.end = 0, copy(r.buf, rest)
	return out
}

// line returns the bytes up to the next newline.
func (r *Reader) line(limit int) ([]byte, error) {
	r.cut = false
	for seen := 0; ; {
		if i := bytes.IndexByte(r.buf[r.start+seen:r.end], '\n'); i >= 0 {
			if seen+i > limit {
				return nil, r.skipLine(limit)
			}
			return r.take(seen+i, 1), nil
		}
		if seen = r.end - r.start; seen > limit {
			return nil, r.skipLine(limit)
		}
		if err := r.fill(); err != nil {
			if seen > 0 && errors.Is(err, io.EOF) {
				r.cut = true
				return r.take(seen, 0), nil
			}
			return nil, err
		}
	}
}

const kept = 4 << 10

// skipLine drops a line that is too long, keeping its two ends for the error.
func (r *Reader) skipLine(limit int) error {
	e := &TooLargeError{Limit: limit, head: append([]byte(nil), r.buf[r.start:min(r.start+kept, r.end)]...)}
	for {
		chunk := r.buf[r.start:r.end]
		i := bytes.IndexByte(chunk, '\n')
		if i >= 0 {
			chunk = chunk[:i]
		}
		e.skip(chunk)
		r.start += len(chunk)
		if i >= 0 {
			r.start++
			return e
		}
		if len(r.buf) > 2*readSize {
			r.buf, r.start, r.end = nil, 0, 0
		}
		if err := r.fill(); err != nil {
			return e // the end comes with the next Read
		}
	}
}

func (e *TooLargeError) skip(chunk []byte) {
	e.Size += len(chunk)
	if len(chunk) >= kept {
		e.tail = append(e.tail[:0], chunk[len(chunk)-kept:]...)
	} else if e.tail = append(e.tail, chunk...); len(e.tail) > kept {
		e.tail = append(e.tail[:0], e.tail[len(e.tail)-kept:]...)
	}
}

// readBody reads a header block and its body. Lower case, missing blanks, other headers and bare line feeds are fine.
func (r *Reader) readBody() ([]byte, error) {
	length, bad := -1, ""
	for {
		line, err := r.line(kept)
		if err != nil {
			return nil, err
		}
		text := strings.TrimSpace(string(line))
		if text == "" {
			if length > 0 {
				break
			}
			if bad != "" {
				return nil, &HeaderError{bad}
			}
			continue // blank lines between messages, or an empty message
		}
		name, value, found := strings.Cut(text, ":")
		if !found {
			bad, length = text, -1
			continue
		}
		if strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil || n < 0 {
				bad, length = text, -1
				continue
			}
			length, bad = n, ""
		}
	}
	if length > r.limit {
		return nil, r.skipBody(length)
	}
	for r.end-r.start < length {
		if need := length - (r.end - r.start); len(r.buf)-r.end < need && len(r.buf) < length {
			bigger := make([]byte, length+readSize)
			r.end = copy(bigger, r.buf[r.start:r.end])
			r.start, r.buf = 0, bigger
		}
		if err := r.fill(); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return bytes.TrimSpace(r.take(length, 0)), nil
}

func (r *Reader) skipBody(length int) error {
	e := &TooLargeError{Limit: r.limit}
	for left := length; left > 0; {
		chunk := r.buf[r.start:min(r.end, r.start+left)]
		if e.head == nil && len(chunk) > 0 {
			e.head = append([]byte(nil), chunk[:min(kept, len(chunk))]...)
		}
		e.skip(chunk)
		r.start += len(chunk)
		if left -= len(chunk); left > 0 {
			if err := r.fill(); err != nil {
				break
			}
		}
	}
	return e
}
