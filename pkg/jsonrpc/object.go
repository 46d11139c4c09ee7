package jsonrpc

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Span is a range of bytes within a message. The zero Span means "not there".
type Span struct{ Start, End int }

// In returns the bytes of the span within b, nil if it is not there.
func (s Span) In(b []byte) []byte {
	if s.End == 0 {
		return nil
	}
	return b[s.Start:s.End:s.End]
}

// Shift moves the span by n bytes; an absent one stays absent.
func (s Span) Shift(n int) Span {
	if s.End == 0 {
		return s
	}
	return Span{s.Start + n, s.End + n}
}

// Members calls fn for each member of the object that b[at.Start:at.End] is, in order. The key is
// decoded; the value is a span within b. It stops early when fn returns an error and returns that.
func Members(b []byte, at Span, fn func(key []byte, value Span) error) error {
	return (&scan{most: MaxDepth}).members(b, at, func(key, value Span) error { return fn(Unquote(key.In(b)), value) })
}

// members is Members with keys as they are written.
func (s *scan) members(b []byte, at Span, fn func(key, value Span) error) error {
	b = b[:at.End]
	i, err := s.object(b, s.space(b, at.Start), fn)
	if err != nil {
		return err
	}
	return trailing(b, i)
}

// object goes through the object at b[i] and returns where it ends.
func (s *scan) object(b []byte, i int, fn func(key, value Span) error) (int, error) {
	if i >= len(b) || b[i] != '{' {
		return i, syntaxError(b, i, "an object")
	}
	s.most--
	defer func() { s.most++ }()
	if i = s.space(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		i = s.space(b, i)
		key := i
		start, end, err := s.key(b, i)
		if err != nil {
			return i, err
		}
		if i, err = s.member(b, Span{key, end}, start); err != nil {
			return i, err
		}
		if err := fn(Span{key, end}, Span{start, i}); err != nil {
			return i, err
		}
		if i = s.space(b, i); i < len(b) && b[i] == ',' {
			i++
			continue
		}
		if i >= len(b) || b[i] != '}' {
			return i, syntaxError(b, i, "a comma or a closing brace")
		}
		return i + 1, nil
	}
}

// member returns where the value at b[i] ends. In params and result it notes where _meta is, if that is asked for.
func (s *scan) member(b []byte, key Span, i int) (int, error) {
	if !s.envelope || i >= len(b) || b[i] != '{' {
		return s.value(b, i)
	}
	if name := string(Unquote(key.In(b))); name != "result" && name != "params" {
		return s.value(b, i)
	}
	inner := scan{most: s.most, breaks: s.breaks, nulls: s.nulls}
	meta := Span{}
	end, err := inner.object(b, i, func(key, value Span) error {
		if string(Unquote(key.In(b))) == "_meta" {
			meta = value
		}
		return nil
	})
	s.breaks, s.nulls, s.meta = inner.breaks, inner.nulls, meta
	return end, err
}

// Elements calls fn for each element of the array that b[at.Start:at.End] is, in order.
func Elements(b []byte, at Span, fn func(value Span) error) error {
	s := scan{most: MaxDepth - 1}
	b = b[:at.End]
	i := skipSpace(b, at.Start)
	if i >= len(b) || b[i] != '[' {
		return syntaxError(b, i, "an array")
	}
	if i = skipSpace(b, i+1); i < len(b) && b[i] == ']' {
		return trailing(b, i+1)
	}
	for {
		start := skipSpace(b, i)
		end, err := s.value(b, start)
		if err != nil {
			return err
		}
		if err := fn(Span{start, end}); err != nil {
			return err
		}
		if i = skipSpace(b, end); i < len(b) && b[i] == ',' {
			i++
			continue
		}
		if i >= len(b) || b[i] != ']' {
			return syntaxError(b, i, "a comma or a closing bracket")
		}
		return trailing(b, i+1)
	}
}

func trailing(b []byte, i int) error {
	if i = skipSpace(b, i); i < len(b) {
		return syntaxError(b, i, "the end")
	}
	return nil
}

// Find returns the spans of the named members of an object, in the order of the names. A name that occurs
// twice, or in another case (see Folds), is an error that wraps ErrAmbiguous: two readers could take different ones
// (Go's encoding/json ignores case).
func Find(b []byte, at Span, names ...string) ([]Span, error) {
	spans := make([]Span, len(names))
	return spans, FindInto(spans, b, at, names...)
}

// FindInto is Find into memory of the caller: one span for each name.
func FindInto(spans []Span, b []byte, at Span, names ...string) error {
	return Members(b, at, func(key []byte, value Span) error {
		plain := plainKey(key)
		for i, name := range names {
			switch {
			case !folds(key, name, plain):
			case string(key) != name:
				return fmt.Errorf("%w: %q beside %q", ErrAmbiguous, key, name)
			case spans[i].End != 0:
				return fmt.Errorf("%w: %q occurs twice", ErrAmbiguous, name)
			default:
				spans[i] = value
			}
		}
		return nil
	})
}

// Unquote decodes a JSON string. The result shares b's memory when nothing is escaped.
func Unquote(b []byte) []byte {
	if len(b) < 2 || b[0] != '"' {
		return nil
	}
	if bytes.IndexByte(b, '\\') < 0 {
		return b[1 : len(b)-1]
	}
	var s string
	if json.Unmarshal(b, &s) != nil {
		return nil
	}
	return []byte(s)
}

// Quote encodes a string as JSON without escaping <, > and &.
func Quote(s string) []byte { return AppendQuote(nil, s) }

// AppendQuote appends s as a JSON string to dst.
func AppendQuote(dst []byte, s string) []byte {
	plain := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"')
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil { // cannot happen: a string always encodes
		return append(dst, `""`...)
	}
	return append(dst, bytes.TrimRight(buf.Bytes(), "\n")...)
}
