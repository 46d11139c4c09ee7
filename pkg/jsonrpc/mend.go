package jsonrpc

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// Mend makes a result out of one whose members "text" have bytes that are no UTF-8: programs on Windows, and files they read, are often in
// Windows-1252 or GBK. Each such byte becomes U+FFFD, as in every decoder. A result that is broken elsewhere, in a name or an address, is
// none: ok is false. err is what Parse said of raw.
func Mend(raw []byte, err error) (m Message, ok bool) {
	if !errors.Is(err, ErrText) {
		return m, false
	}
	for _, pairs := range [...]bool{false, true} {
		if m, err = Parse(mendTexts(raw, pairs)); err == nil {
			return m, m.Kind == Result
		}
	}
	return m, false
}

// mendTexts replaces what is no UTF-8 in the values of all members "text". With pairs, such a byte belongs to the one after it, as in GBK, where
// that can be a backslash.
func mendTexts(raw []byte, pairs bool) []byte {
	out := make([]byte, 0, len(raw)+64)
	text := false // the last token was the key
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '"' && text:
			out, i = mendString(out, raw, i, pairs)
			text = false
			continue
		case c == '"':
			end := roughString(raw, i)
			next := skipSpace(raw, end)
			text = string(raw[i:end]) == `"text"` && next < len(raw) && raw[next] == ':'
			out = append(out, raw[i:end]...)
			i = end
			continue
		case c != ':' && bytes.IndexByte([]byte(" \t\r\n"), c) < 0:
			text = false
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
