package jsonrpc

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
)

// The strictest readers of messages, such as the TypeScript SDK, drop one that does not fit the schema to the letter: whoever waits
// for it waits for ever. So a message is passed on only in the form that all of them take.

// Answers tells whether what Parse refused is an answer all the same, and so ends the request of its id. A line of a log may have an id
// too, and even a member error, but no version, and members that JSON-RPC does not have.
func (m *Message) Answers() bool {
	says := m.Result.End != 0 || m.Error.End != 0
	return m.ID.End != 0 && (says || m.Method.End == 0) && (m.Versioned || says && !m.Foreign)
}

// Asks tells likewise whether what Parse refused is a request.
func (m *Message) Asks() bool {
	return m.ID.End != 0 && m.Method.End != 0 && !m.Answers() && (m.Versioned || !m.Foreign)
}

// checkError says what is wrong with the error of an answer (JSON-RPC 2.0, section 5.1).
func checkError(b []byte, at Span) error {
	if b[at.Start] != '{' {
		return fmt.Errorf("%w: the error is no object", ErrInvalid)
	}
	found, err := Find(b, at, "code", "message")
	if err != nil {
		return err
	}
	code, message := found[0].In(b), found[1].In(b)
	n, whole := Number(bytes.TrimPrefix(code, []byte("-")))
	const most = 1<<53 - 1 // what JavaScript holds exactly
	switch {
	case code == nil:
		return fmt.Errorf("%w: the error has no code", ErrInvalid)
	case code[0] == '"' || !whole || n > most:
		return fmt.Errorf("%w: the code of the error is no whole number", ErrInvalid)
	case message == nil:
		return fmt.Errorf("%w: the error has no message", ErrInvalid)
	case message[0] != '"':
		return fmt.Errorf("%w: the message of the error is no string", ErrInvalid)
	}
	return nil
}

// Bare returns a message with only those members that Parse has told of, and the version.
func (m *Message) Bare() Message {
	b := []byte("{")
	// It has been parsed.
	_ = Members(m.Raw, Span{0, len(m.Raw)}, func(key []byte, value Span) error {
		if at := m.member(key); string(key) == "jsonrpc" || at != nil && *at == value {
			if len(b) > 1 {
				b = append(b, ',')
			}
			b = append(append(append(b, '"'), key...), `":`...)
			b = append(b, value.In(m.Raw)...)
		}
		return nil
	})
	bare, err := Parse(append(b, '}'))
	if err != nil {
		return *m
	}
	return bare
}

// Number is an id, or a progress token, that was given out as a number and comes back: as it was, as text ("7"), or as a float (7.0).
func Number(raw []byte) (n uint64, ok bool) {
	if len(raw) > 1 && raw[0] == '"' {
		raw = Unquote(raw)
	}
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err == nil || len(raw) > 32 || !bytes.ContainsAny(raw, ".eE") || bytes.ContainsAny(raw, "xX_+") {
		return n, err == nil
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f != math.Trunc(f) || f < 0 || f >= 1<<53 {
		return 0, false
	}
	return uint64(f), true
}

// SameID tells whether two ids are one: byte for byte, or by their number.
func SameID(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	n, ok := Number(a)
	m, too := Number(b)
	return ok && too && n == m
}

// IsID tells whether a raw value is an id, or a progress token, to every reader: a string or a whole number.
func IsID(raw []byte) bool {
	if len(raw) > 0 && raw[0] == '"' {
		return true
	}
	_, err := strconv.ParseInt(string(raw), 10, 64)
	return err == nil
}

// Without returns raw without the member of the object whose value is at. Both are spans within raw, and raw has been parsed.
func Without(raw []byte, object, value Span) []byte {
	start, first := object.Start+1, true
	cut := value
	_ = Members(raw, object, func(_ []byte, at Span) error {
		if at == value {
			cut.Start = start
			if i := skipSpace(raw, at.End); first && i < object.End && raw[i] == ',' {
				cut.End = i + 1
			}
		}
		start, first = at.End, false
		return nil
	})
	return Splice(raw, Edit{At: cut})
}
