package config

import (
	"html"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// escaped is a text with its escapes taken out, and where each of its bytes begins and ends in the text as it was.
type escaped struct {
	text   []byte
	starts []int
	ends   []int
}

func asWritten(text string) escaped {
	e := escaped{[]byte(text), make([]int, len(text)), make([]int, len(text))}
	for i := range len(text) {
		e.starts[i], e.ends[i] = i, i+1
	}
	return e
}

// unescape takes one level of escapes out: of URLs (%2F), of strings in programs and JSON (\u002f, \x2f, \/, \"), of HTML (&#47;, &amp;).
// changed is false if there are none.
func (e escaped) unescape() (plain escaped, changed bool) {
	if !strings.ContainsAny(string(e.text), `%\&`) {
		return e, false
	}
	text := string(e.text)
	for i := 0; i < len(text); {
		is, n := text[i:i+1], 1
		if c := text[i]; c == '%' || c == '\\' || c == '&' {
			if decoded, length := escape(text[i:]); length > 0 {
				is, n, changed = decoded, length, true
			}
		}
		for j := range len(is) {
			plain.text = append(plain.text, is[j])
			plain.starts = append(plain.starts, e.starts[i])
			plain.ends = append(plain.ends, e.ends[i+n-1])
		}
		i += n
	}
	return plain, changed
}

// escape is what the escape at the beginning of s stands for, and how long it is; 0 if it is none.
func escape(s string) (is string, length int) {
	number := func(from, digits int) (rune, bool) {
		if len(s) < from+digits {
			return 0, false
		}
		n, err := strconv.ParseUint(s[from:from+digits], 16, 32)
		return rune(n), err == nil
	}
	switch {
	case s[0] == '%':
		if n, ok := number(1, 2); ok {
			return string([]byte{byte(n)}), 3
		}
	case s[0] == '&':
		if end := strings.IndexByte(s[:min(len(s), 10)], ';'); end > 0 && !strings.ContainsAny(s[1:end], "& ") {
			if plain := html.UnescapeString(s[:end+1]); plain != s[:end+1] {
				return plain, end + 1
			}
		}
	case len(s) < 2:
	case s[1] == 'u':
		n, ok := number(2, 4)
		if !ok {
			break
		}
		if low, ok := number(8, 4); ok && s[6:8] == `\u` && utf16.IsSurrogate(n) {
			if whole := utf16.DecodeRune(n, low); whole != utf8.RuneError {
				return string(whole), 12
			}
		}
		return string(n), 6
	case s[1] == 'x':
		if n, ok := number(2, 2); ok {
			return string([]byte{byte(n)}), 4
		}
	default:
		if i := strings.IndexByte("nrt", s[1]); i >= 0 {
			return "\n\r\t"[i : i+1], 2
		}
		if s[1] < 'A' || s[1] > 'z' || s[1] == '\\' {
			return s[1:2], 2
		}
	}
	return "", 0
}
