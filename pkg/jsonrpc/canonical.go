package jsonrpc

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrDuplicate is wrapped by Canonical for an object that has a key twice: two readers could take different ones.
var ErrDuplicate = errors.New("duplicate key")

// Canonical writes a JSON value in its one form: no space, the keys of objects sorted, strings escaped as little as possible (RFC
// 8785), but numbers as they were written, because a float64 would lose digits of them. Equal values give equal bytes, and unequal
// ones unequal bytes. The error is that of Check, but for its size, or wraps ErrDuplicate.
func Canonical(value []byte) ([]byte, error) {
	if err := check(value, len(value)); err != nil {
		return nil, err
	}
	start := skipSpace(value, 0)
	end, err := (&scan{most: maxItemDepth}).value(value, start)
	if err != nil {
		return nil, err
	}
	return canonical(make([]byte, 0, len(value)), value[start:end])
}

// canonical is Canonical for what has passed Check, without space around it.
func canonical(dst, value []byte) ([]byte, error) {
	switch value[0] {
	case '{':
		return canonicalObject(dst, value)
	case '[':
		dst = append(dst, '[')
		first := true
		err := Elements(value, Span{0, len(value)}, func(at Span) error {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			var err error
			dst, err = canonical(dst, at.In(value))
			return err
		})
		return append(dst, ']'), err
	case '"':
		return canonicalString(dst, value)
	}
	return append(dst, value...), nil
}

// member is one member of an object; its key is sorted by UTF-16 code units, as RFC 8785, section 3.2.3 has it.
type member struct {
	order []uint16
	key   []byte // canonical
	value []byte
}

func canonicalObject(dst, value []byte) ([]byte, error) {
	var members []member
	// Keys are taken as written here: decoded, halves of surrogate pairs would be lost.
	err := (&scan{most: MaxDepth}).members(value, Span{0, len(value)}, func(key, at Span) error {
		k, err := canonicalString(nil, key.In(value))
		if err != nil {
			return err
		}
		members = append(members, member{utf16.Encode([]rune(decoded(key.In(value)))), k, at.In(value)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(members, func(a, b member) int {
		if c := slices.Compare(a.order, b.order); c != 0 {
			return c
		}
		return bytes.Compare(a.key, b.key)
	})
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			if bytes.Equal(m.key, members[i-1].key) {
				return nil, fmt.Errorf("%w: %s", ErrDuplicate, m.key[:min(len(m.key), 80)])
			}
			dst = append(dst, ',')
		}
		dst = append(append(dst, m.key...), ':')
		if dst, err = canonical(dst, m.value); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

const hexDigits = "0123456789abcdef"

// canonicalString writes a string with the escapes of RFC 8785, section 3.2.2.2. Half of a surrogate pair stays an escape, and bytes
// that are no UTF-8 stay as they are, so that no two strings become one.
func canonicalString(dst, quoted []byte) ([]byte, error) {
	dst = append(dst, '"')
	err := eachCharacter(quoted, func(c byte) { dst = appendByte(dst, c) }, func(r rune) {
		switch {
		case utf16.IsSurrogate(r):
			dst = append(dst, '\\', 'u', hexDigits[r>>12], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		case r < utf8.RuneSelf:
			dst = appendByte(dst, byte(r))
		default:
			dst = utf8.AppendRune(dst, r)
		}
	})
	return append(dst, '"'), err
}

// appendByte writes a byte of a string, escaped if it has to be.
func appendByte(dst []byte, c byte) []byte {
	if i := strings.IndexByte(meant, c); i >= 0 && c != '/' {
		return append(dst, '\\', plain[i])
	}
	if c < 0x20 {
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(dst, c)
}

// plain is what stands behind a backslash for each of the characters that are meant.
const plain, meant = `"\/bfnrt`, "\"\\/\b\f\n\r\t"

// decoded is what a string says, for the order of keys.
func decoded(quoted []byte) string {
	var b strings.Builder
	eachCharacter(quoted, func(c byte) { b.WriteByte(c) }, func(r rune) { b.WriteRune(r) })
	return b.String()
}

// eachCharacter goes through a string: raw gets the bytes that stand there as they are, escaped what an escape means, which
// may be half of a surrogate pair.
func eachCharacter(quoted []byte, raw func(byte), escaped func(rune)) error {
	s := quoted[1 : len(quoted)-1]
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			raw(s[i])
			i++
			continue
		}
		if i+1 >= len(s) {
			return syntaxError(quoted, len(quoted), "an escape")
		}
		if n := strings.IndexByte(plain, s[i+1]); n >= 0 {
			escaped(rune(meant[n]))
			i += 2
			continue
		}
		unit, ok := escapedUnit(s[i:])
		if !ok {
			return syntaxError(quoted, i+2, "an escape")
		}
		i += 6
		if low, ok := escapedUnit(s[i:]); ok {
			if r := utf16.DecodeRune(unit, low); r != utf8.RuneError {
				escaped(r)
				i += 6
				continue
			}
		}
		escaped(unit)
	}
	return nil
}

// escapedUnit reads \uXXXX.
func escapedUnit(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
