package confusables

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
)

// quoted is how much of somebody else's text one message of ours quotes, in characters.
const quoted = 200

// Quote is a text of somebody else inside a sentence of ours: its beginning, in ASCII and quotation marks, so that
// it can't pass for our words. The rest is escaped as in Go.
func Quote(s string) string {
	if runes := []rune(s); len(runes) > quoted {
		return strconv.QuoteToASCII(string(runes[:quoted])) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// Excerpt is a text of somebody else as the end of a sentence of ours: on one line, its white space made single
// spaces, what deceives escaped as [Plain] does, and no longer than most characters.
func Excerpt(s string, most int) string {
	return Cut(Plain(strings.Join(strings.Fields(strings.ToValidUTF8(s, "\ufffd")), " ")), most)
}

// Cut is s, of which no more than most characters are kept; … is the last one of a text that was longer.
func Cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:max(0, most-1)]) + "…"
}

// Some joins the first names of a list, most of them at the most, and says how many more there are. The names are
// shown as they are: the caller escapes them.
func Some(names []string, most int) string {
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

// ASCII is a name as it can be read, typed and told from every other one: ASCII, the rest escaped as in Go.
func ASCII(name string) string {
	text := strconv.QuoteToASCII(name)
	return text[1 : len(text)-1]
}

// Word is one word of a command line as it is read: in ASCII, in quotation marks if it could be taken for more than
// one word or for another one.
func Word(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !wordly(r, "@%+=:,./-_?&~^{}$") }) {
		return s
	}
	return strconv.QuoteToASCII(s)
}

// ShellWord is a word for people to copy into a shell.
func ShellWord(s string) string {
	switch {
	case s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !wordly(r, "_-.@/:+,") }):
		return s
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return strconv.QuoteToASCII(s)
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// wordly tells whether r is an ASCII letter or digit, or one of others.
func wordly(r rune, others string) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(others, r)
}

// Honest tells whether a character shows as what it is: it is visible, does not look like another one, does not sit
// on its neighbour, and leaves the order of a line as it is. Most of another script stays readable; a Cyrillic letter
// that could be a Latin one does not pass.
func Honest(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r != 0x7f
	}
	if !unicode.IsPrint(r) || unicode.Is(unicode.M, r) || Ignorable(r) || Prototype(r) != "" {
		return false
	}
	switch p, _ := bidi.LookupString(string(r)); p.Class() {
	case bidi.R, bidi.AL, bidi.AN, bidi.BN:
		return false
	}
	return r != utf8.RuneError
}

// Reveal is a definition, or a part of one, as it is reviewed: every character that is not [Honest] is an escape of
// JSON. It is for reading: two texts can give the same.
func Reveal(text string) string { return string(AppendReveal(nil, []byte(text))) }

// AppendReveal appends text to b as [Reveal] shows it.
func AppendReveal(b, text []byte) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			b = fmt.Appendf(b, `\x%02x`, text[0])
		case Honest(r):
			b = append(b, text[:n]...)
		default:
			b = escape(b, r)
		}
		text = text[n:]
	}
	return b
}

// ASCIIJSON is valid JSON with what is not ASCII escaped; outside of strings JSON has nothing else.
func ASCIIJSON(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		r, n := utf8.DecodeRune(raw)
		if r < 0x7f {
			out = append(out, byte(r))
		} else {
			out = escape(out, r)
		}
		raw = raw[n:]
	}
	return out
}
