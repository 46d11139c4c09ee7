package jsonrpc

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Kind says what a message is (JSON-RPC 2.0, sections 4 and 5).
type Kind uint8

const (
	Invalid Kind = iota
	Request
	Notification
	Result // a response that succeeded
	Failure
)

var (
	// ErrInvalid is wrapped by Parse when the bytes are JSON but no JSON-RPC message.
	ErrInvalid = errors.New("not a JSON-RPC message")
	// ErrAmbiguous is wrapped when a member that decides the route occurs twice.
	ErrAmbiguous = errors.New("ambiguous member")
	// ErrBatch is returned by Parse for an array; see Batch.
	ErrBatch = errors.New("a batch of messages")
)

// Message is one message: its bytes, and where its members stand in them. Nothing is decoded.
// The bytes belong to the message, and are not changed after Parse.
type Message struct {
	Raw                               []byte
	Kind                              Kind
	ID, Method, Params, Result, Error Span
	Meta                              Span // the member _meta of params or result
	Versioned                         bool // there is a member jsonrpc, whatever its value
	Foreign                           bool // there are members that JSON-RPC does not have, or an empty one of result and error
	Nulls                             bool // null occurs somewhere
}

// Bytes returns the bytes of a member.
func (m *Message) Bytes(s Span) []byte { return s.In(m.Raw) }

// MethodName returns the decoded method, "" for a response.
func (m *Message) MethodName() string { return string(Unquote(m.Bytes(m.Method))) }

// Parse splits raw, which has to be JSON throughout: what it has let through may be relayed, on one line. On an error the message still tells the
// members that could be made out, so that a request can be refused under its id, and an answer ends its call. Errors wrap
// ErrSyntax, ErrDepth, ErrNumber, ErrInvalid or ErrAmbiguous; ErrBatch is returned as it is.
func Parse(raw []byte) (Message, error) {
	m := Message{Raw: raw}
	if i := skipSpace(raw, 0); i < len(raw) && raw[i] == '[' {
		return m, ErrBatch
	}
	version, pass := false, scan{most: MaxDepth, envelope: true}
	err := pass.members(raw, Span{0, len(raw)}, func(name, value Span) error {
		key := Unquote(name.In(raw))
		at := m.member(key)
		switch {
		case at == nil && string(key) != "jsonrpc" && foldsToMember(key):
			return fmt.Errorf("%w: %q", ErrAmbiguous, key)
		case at != nil && at.End != 0:
			return fmt.Errorf("%w: %q occurs twice", ErrAmbiguous, key)
		case at != nil:
			*at = value
		case string(key) == "jsonrpc":
			m.Versioned, version = true, string(value.In(raw)) == `"2.0"`
		default:
			m.Foreign = true
		}
		return nil
	})
	m.Nulls, m.Meta = pass.nulls, pass.meta
	if Broken(err) {
		m.guess()
	}
	if err != nil {
		return m, err
	}
	if pass.breaks {
		OneLine(raw)
	}
	if m.Kind, err = m.classify(); err == nil && !version {
		m.Kind, err = Invalid, fmt.Errorf(`%w: "jsonrpc": "2.0" is missing`, ErrInvalid)
	}
	return m, err
}

// guess finds what members it can in what is no JSON. One that is there twice says nothing.
func (m *Message) guess() {
	raw := m.Raw
	*m = Message{Raw: raw}
	var twice Message
	RoughMembers(raw, Span{0, len(raw)}, func(key []byte, value Span) {
		switch at := m.member(key); {
		case at != nil && at.End != 0:
			*twice.member(key) = value
		case at != nil:
			*at = value
		case string(key) == "jsonrpc":
			m.Versioned = true
		default:
			m.Foreign = true
		}
	})
	for _, key := range envelope {
		if at := twice.member([]byte(key)); at != nil && at.End != 0 {
			*m.member([]byte(key)) = Span{}
		}
	}
	if m.ID.End != 0 {
		if _, err := skipScalar(raw[:m.ID.End], m.ID.Start); err != nil {
			m.ID = Span{}
		}
	}
}

// envelope are the members of a message that are known.
var envelope = [...]string{"id", "method", "params", "result", "error", "jsonrpc"}

func (m *Message) member(key []byte) *Span {
	switch string(key) {
	case "id":
		return &m.ID
	case "method":
		return &m.Method
	case "params":
		return &m.Params
	case "result":
		return &m.Result
	case "error":
		return &m.Error
	}
	return nil
}

// foldsToMember tells a key that a reader who ignores case, such as Go's encoding/json, takes for a member of the envelope.
func foldsToMember(key []byte) bool {
	for _, name := range envelope {
		if Folds(key, name) {
			return true
		}
	}
	return false
}

func (m *Message) classify() (Kind, error) {
	id := m.Bytes(m.ID)
	if len(id) > 0 && id[0] != '"' && id[0] != '-' && (id[0] < '0' || id[0] > '9') && string(id) != "null" {
		return Invalid, fmt.Errorf("%w: the id is neither a string nor a number", ErrInvalid)
	}
	if m.Method.End != 0 {
		switch {
		case m.Raw[m.Method.Start] != '"':
			return Invalid, fmt.Errorf("%w: the method is no string", ErrInvalid)
		case m.Result.End != 0 || m.Error.End != 0:
			return Invalid, fmt.Errorf("%w: a method beside a result or an error", ErrInvalid)
		case id == nil:
			return Notification, nil
		case string(id) == "null":
			return Invalid, fmt.Errorf("%w: a request's id is null", ErrInvalid)
		}
		return Request, nil
	}
	if m.Error.End != 0 && m.Result.End != 0 { // as in JSON-RPC 1.0: one of them is null
		switch {
		case string(m.Bytes(m.Error)) == "null":
			m.Error, m.Foreign = Span{}, true
		case string(m.Bytes(m.Result)) == "null":
			m.Result, m.Foreign = Span{}, true
		}
	}
	switch {
	case id == nil:
		return Invalid, fmt.Errorf("%w: neither a method nor an id", ErrInvalid)
	case m.Result.End != 0 && m.Error.End != 0:
		return Invalid, fmt.Errorf("%w: a result beside an error", ErrInvalid)
	case m.Result.End != 0:
		return Result, nil
	case m.Error.End != 0:
		if err := checkError(m.Raw, m.Error); err != nil {
			return Invalid, err
		}
		return Failure, nil
	}
	return Invalid, fmt.Errorf("%w: neither a method nor one of result and error", ErrInvalid)
}

// Batch splits an array of messages, MaxBatch at the most (JSON-RPC 2.0, section 6; MCP revision 2025-03-26 only).
func Batch(raw []byte) ([][]byte, error) {
	var items [][]byte
	err := Elements(raw, Span{0, len(raw)}, func(value Span) error {
		if len(items) == MaxBatch {
			return fmt.Errorf("%w: a batch of more than %d messages", ErrInvalid, MaxBatch)
		}
		items = append(items, value.In(raw))
		return nil
	})
	if err == nil && len(items) == 0 {
		err = fmt.Errorf("%w: an empty batch", ErrInvalid)
	}
	return items, err
}

// Edit replaces a span of a message. A span of no length inserts.
type Edit struct {
	At   Span
	With []byte
}

// Splice returns raw with the edits made, in new memory. The edits do not overlap; their order is free.
func Splice(raw []byte, edits ...Edit) []byte {
	n := len(raw)
	for i, e := range edits {
		n += len(e.With) - (e.At.End - e.At.Start)
		for j := i; j > 0 && edits[j].At.Start < edits[j-1].At.Start; j-- {
			edits[j], edits[j-1] = edits[j-1], edits[j]
		}
	}
	out, at := make([]byte, 0, n), 0
	for _, e := range edits {
		out = append(out, raw[at:e.At.Start]...)
		out = append(out, e.With...)
		at = e.At.End
	}
	return append(out, raw[at:]...)
}

// WithID returns the frame of m under another id, without copying m.
func (m *Message) WithID(id []byte) Frame {
	return Frame{m.Raw[:m.ID.Start:m.ID.Start], id, m.Raw[m.ID.End:]}
}

// NewRequest writes a request; params may be nil.
func NewRequest(id uint64, method string, params []byte) []byte {
	b := append(make([]byte, 0, 64+len(params)), `{"jsonrpc":"2.0","id":`...)
	b = strconv.AppendUint(b, id, 10)
	return appendCall(b, `,"method":`, method, params)
}

// NewNotification writes a notification; params may be nil.
func NewNotification(method string, params []byte) []byte {
	return appendCall(append(make([]byte, 0, 64+len(params)), `{"jsonrpc":"2.0"`...), `,"method":`, method, params)
}

func appendCall(b []byte, key, method string, params []byte) []byte {
	b = AppendQuote(append(b, key...), method)
	if params != nil {
		b = append(append(b, `,"params":`...), params...)
	}
	return append(b, '}')
}

// NewResult writes a response; id is the raw id of the request.
func NewResult(id, result []byte) []byte {
	b := append(make([]byte, 0, 48+len(id)+len(result)), `{"jsonrpc":"2.0","id":`...)
	b = append(append(append(b, id...), `,"result":`...), result...)
	return append(b, '}')
}

// NewError writes an error response. A nil id is written as null (JSON-RPC 2.0, section 5); data may be nil.
func NewError(id []byte, code int, message string, data []byte) []byte {
	if id == nil {
		id = []byte("null")
	}
	b := append([]byte(nil), `{"jsonrpc":"2.0","id":`...)
	b = append(append(b, id...), `,"error":{"code":`...)
	b = AppendQuote(append(strconv.AppendInt(b, int64(code), 10), `,"message":`...), message)
	if data != nil {
		b = append(append(b, `,"data":`...), data...)
	}
	return append(b, '}', '}')
}

// OneLine makes a message fit newline framing, for peers that take a carriage return for the end of a line as well: line breaks between
// tokens become blanks. One in a string, where JSON has none, stays, for Parse to refuse. It changes b in place and returns it.
func OneLine(b []byte) []byte {
	if bytes.IndexByte(b, '\n') < 0 && bytes.IndexByte(b, '\r') < 0 {
		return b
	}
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = roughString(b, i) - 1
		case '\n', '\r':
			b[i] = ' '
		}
	}
	return b
}
