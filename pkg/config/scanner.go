package config

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds nesting: our parser recurses, and no configuration is deep.
const maxDepth = 64

// scanner looks through the text before it is parsed. It finds what the parser
// reports at the wrong place (an unclosed string or bracket is reported at the
// end of the file) or not at all (depth, encoding).
type scanner struct {
	data   []byte
	tokens bool // something else than whitespace and comments was seen
	open   []int
}

func (s *scanner) scan() *fault {
	if f := checkEncoding(s.data); f != nil {
		return f
	}
	for i := 0; i < len(s.data); {
		var f *fault
		switch c := s.data[i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
			continue
		case bytes.HasPrefix(s.data[i:], []byte("//")):
			i += bytes.IndexByte(s.data[i:], '\n') + 1 // the text ends in a newline
			continue
		case bytes.HasPrefix(s.data[i:], []byte("/*")):
			end := bytes.Index(s.data[i+2:], []byte("*/"))
			if end < 0 {
				return &fault{i, "/*", "this comment is never closed", "end it with */"}
			}
			i += 2 + end + 2
			continue
		case c == '"':
			i, f = s.scanString(i)
		case c == '{' || c == '[':
			if len(s.open) == maxDepth {
				f = &fault{i, string(c), fmt.Sprintf("nested deeper than %d levels", maxDepth), "no option needs that; remove it"}
			}
			s.open = append(s.open, i)
			i++
		case c == '}' || c == ']':
			f = s.closeBracket(i)
			i++
		case c == '\'':
			return &fault{i, "'", "single quotes do not begin a string", "use double quotes"}
		default:
			i++
		}
		if f != nil {
			return f
		}
		s.tokens = true
	}
	if n := len(s.open); n > 0 {
		at := s.open[n-1]
		c := s.data[at]
		return &fault{at, string(c), "this bracket is never closed", "add " + string(closerOf(c))}
	}
	return nil
}

func checkEncoding(data []byte) *fault {
	if utf8.Valid(data) {
		return nil
	}
	at := 0
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		at += size
	}
	return &fault{at, fmt.Sprintf("byte 0x%02x", data[at]), "the file is not UTF-8", "save it as UTF-8"}
}

func closerOf(open byte) byte {
	if open == '{' {
		return '}'
	}
	return ']'
}

func (s *scanner) closeBracket(i int) *fault {
	c := s.data[i]
	if len(s.open) == 0 {
		return &fault{i, string(c), "this bracket closes nothing", "remove it"}
	}
	at := s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
	if want := closerOf(s.data[at]); want != c {
		line := bytes.Count(s.data[:at], []byte("\n")) + 1
		return &fault{i, string(c), fmt.Sprintf("%c of line %d is closed by %c", s.data[at], line, c), "put " + string(want) + " before this"}
	}
	return nil
}

// scanString returns the offset after the string that begins at i.
func (s *scanner) scanString(i int) (int, *fault) {
	start := i
	for i++; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			return i + 1, nil
		case c == '\n' || c == '\r':
			return i, &fault{start, `"…`, "this string is not closed on its line", `end it with ", and write a line break inside it as \n`}
		case c < ' ':
			return i, &fault{i, fmt.Sprintf("U+%04X", c), "a control character stands in a string", `write it as an escape: \t, \n or \u` + fmt.Sprintf("%04x", c)}
		case c == '\\':
			n := escapeLength(s.data[i:])
			if n == 0 {
				r, _ := utf8.DecodeRune(s.data[i+1:])
				return i, &fault{i, `\` + strings.TrimSpace(string(r)), "unknown escape in a string", `a backslash is written \\ (a Windows path: C:\\Users\\me)`}
			}
			i += n - 1
		}
	}
	return i, &fault{start, `"…`, "this string is never closed", `end it with "`}
}

// escapeLength is the length of the escape sequence b begins with (RFC 8259,
// section 7), 0 if it is none.
func escapeLength(b []byte) int {
	switch {
	case len(b) < 2:
		return 0
	case strings.IndexByte(`"\/bfnrt`, b[1]) >= 0:
		return 2
	case b[1] == 'u' && len(b) >= 6:
		for _, c := range b[2:6] {
			if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f') {
				return 0
			}
		}
		return 6
	}
	return 0
}
