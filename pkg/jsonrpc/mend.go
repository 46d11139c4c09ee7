package jsonrpc

import (
	"errors"
	"unicode/utf8"
)

// Mend makes an answer out of one whose strings have bytes that are no UTF-8: programs on Windows, and files they read, are often in
// Windows-1252 or GBK. Each such byte becomes U+FFFD, as in every decoder. One that is broken in another way stays an error: ok is false.
// err is what Parse said of raw.
func Mend(raw []byte, err error) (m Message, ok bool) {
	if !errors.Is(err, ErrText) {
		return m, false
	}
	for _, pairs := range [...]bool{false, true} {
		if m, err = Parse(mendStrings(raw, pairs)); err == nil {
			return m, m.Kind == Result || m.Kind == Failure
		}
	}
	return m, false
}

// mendStrings replaces what is no UTF-8 in all strings. With pairs, such a byte belongs to the one after it, as in GBK, where that can be a
// backslash.
func mendStrings(raw []byte, pairs bool) []byte {
	out := make([]byte, 0, len(raw)+64)
	for i := 0; i < len(raw); {
		if raw[i] == '"' {
			out, i = mendString(out, raw, i, pairs)
			continue
		}
		out = append(out, raw[i])
		i++
	}
	return out
}

// mendString appends the string that opens at raw[i], and returns where it ends.
func mendString(out, raw []byte, i int, pairs bool) ([]byte, int) {
	out = append(out, '"')
	for i++; i < len(raw); {
		r, n := utf8.DecodeRune(raw[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			out = utf8.AppendRune(out, utf8.RuneError)
			if pairs && i+1 < len(raw) && raw[i+1] >= 0x40 && raw[i+1] != 0x7f {
				n = 2
			}
			i += n
			continue
		case r == '"':
			return append(out, '"'), i + 1
		case r == '\\':
			n = min(2, len(raw)-i)
			if n == 2 && raw[i+1] >= utf8.RuneSelf {
				n = 1
			}
		}
		out = append(out, raw[i:i+n]...)
		i += n
	}
	return out, i
}
