package jsonrpc

import (
	"bytes"
	"fmt"
)

// Framing is how messages are told apart on a byte stream.
type Framing uint8

const (
	Detect        Framing = iota // decided by the first bytes read
	Newline                      // one message a line (MCP, transports, stdio)
	ContentLength                // header block and body, as in the Language Server Protocol
)

// Frame is one message to write, in up to three pieces, so that an id can be replaced without a copy.
type Frame [3][]byte

// Whole makes a frame of one piece.
func Whole(b []byte) Frame { return Frame{b} }

// Len is the size in bytes.
func (f Frame) Len() int { return len(f[0]) + len(f[1]) + len(f[2]) }

// Join returns the message in one piece.
func (f Frame) Join() []byte {
	if len(f[1]) == 0 && len(f[2]) == 0 {
		return f[0]
	}
	return bytes.Join(f[:], nil)
}

// A TooLargeError is returned for a message above the limit. The message has been skipped; the stream goes on.
type TooLargeError struct {
	Size, Limit int
	head, tail  []byte
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("a message of %d bytes exceeds the limit of %d bytes", e.Size, e.Limit)
}

// ID looks for the id of the lost message in what was kept of its beginning and its end; nil if it is not there. request tells
// that a method was seen there: it was no answer.
func (e *TooLargeError) ID() (id []byte, request bool) {
	// What is cut off ends this with an error, after the members before.
	_ = Members(e.head, Span{0, len(e.head)}, func(key []byte, value Span) error {
		switch string(key) {
		case "id":
			id = value.In(e.head)
		case "method":
			request = true
		}
		return nil
	})
	roughLast(e.tail, func(key, value []byte) {
		switch string(key) {
		case "id":
			id = value
		case "method":
			request = true
		}
	})
	return id, request
}

// A HeaderError is returned for a Content-Length header block that can't be understood. The reader looks for the next one.
type HeaderError struct{ Line string }

func (e *HeaderError) Error() string { return fmt.Sprintf("bad header line %q", e.Line) }
