package confusables

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Deceives tells whether a character may hide something or play tricks with a terminal or an eye: controls (C0, DEL, C1), what
// changes the direction of text, what shows nothing (zero-width, tags, variation selectors, fillers), spaces and line ends other
// than the ordinary ones, private use, and what is not assigned.
func Deceives(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	return !unicode.IsPrint(r) || Ignorable(r) || r == 0x2800
}

// Plain is a text of somebody else as it may be shown on one line: in logs, tables, errors and on terminals. What deceives is
// escaped as in JSON (\u202e, and a pair for what is beyond U+FFFF), so that JSON stays JSON; invalid UTF-8 becomes \ufffd.
func Plain(s string) string { return plain(s, "") }

// PlainLines is Plain for a text of several lines: line breaks and tabs stay.
func PlainLines(s string) string { return plain(s, "\n\t") }

func plain(s, but string) string {
	start := next(s, but)
	if start == len(s) {
		return s
	}
	b := append(make([]byte, 0, len(s)+16), s[:start]...)
	for s = s[start:]; s != ""; {
		r, n := utf8.DecodeRuneInString(s)
		b = escape(b, r)
		s = s[n:]
		clean := next(s, but)
		b = append(b, s[:clean]...)
		s = s[clean:]
	}
	return string(b)
}

// next is where s first has something to escape, its length if nowhere.
func next(s, but string) int {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if Deceives(rune(c)) && strings.IndexByte(but, c) < 0 {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || Deceives(r) {
			return i
		}
		i += n
	}
	return len(s)
}

func escape(b []byte, r rune) []byte {
	if r > 0xffff {
		return fmt.Appendf(b, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}

// Writer escapes what is written to it as PlainLines does: a last line of defence before a terminal, a file or a pipe, for text
// and for JSON. Each Write has whole characters.
type Writer struct {
	To     io.Writer
	Colors bool // the sequences that colour text (Colored) pass
}

// Colored are the sequences that this program colours text with (ECMA-48, SGR): bold, dim, red, green, yellow, and the end.
var Colored = []string{"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"}

// Write implements [io.Writer]. It returns len(p) when all of it was written.
func (w Writer) Write(p []byte) (int, error) {
	text := string(p)
	var b strings.Builder
	for w.Colors {
		i := strings.IndexByte(text, 0x1b)
		if i < 0 {
			break
		}
		b.WriteString(PlainLines(text[:i]))
		text = text[i:]
		passed := false
		for _, sequence := range Colored {
			if strings.HasPrefix(text, sequence) {
				b.WriteString(sequence)
				text, passed = text[len(sequence):], true
				break
			}
		}
		if !passed {
			b.WriteString(Plain(text[:1]))
			text = text[1:]
		}
	}
	b.WriteString(PlainLines(text))
	if _, err := io.WriteString(w.To, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}
