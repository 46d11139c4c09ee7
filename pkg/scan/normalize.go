package scan

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// normal is text as a model is likely to take it: compatibility forms replaced (NFKC), what is invisible gone, look-alikes of
// ASCII letters replaced within words that mix scripts, small letters. Mixed counts the words that were changed so.
func normalize(s string) (_ string, mixed int) {
	if plainASCII(s) {
		return strings.ToLower(s), 0
	}
	s = norm.NFKC.String(withoutEscapes(s))
	latinLetters, others := 0, 0
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch {
		case confusables.Ignorable(r), r == 0x7f, r < 0x20 && r != '\n' && r != '\t' && r != '\r', r >= 0x80 && r < 0xa0:
			continue
		case unicode.Is(unicode.Mn, r) && unicode.Is(unicode.Inherited, r):
			continue // an overlay; what a script writes was composed with its letter
		case r == '’' || r == '‘' || r == 'ʼ':
			r = '\''
		case latin(r):
			latinLetters++
		case unicode.IsLetter(r):
			others++
		}
		b.WriteRune(r)
	}
	return unmix(b.String(), latinLetters > 3*others)
}

// withoutEscapes takes out the sequences that a terminal would act on (ECMA-48, section 5.4).
func withoutEscapes(s string) string {
	if !strings.ContainsAny(s, "\x1b\u009b") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if i += n; r != 0x1b && r != 0x9b {
			b.WriteRune(r)
			continue
		}
		if r == 0x1b && i < len(s) && s[i] == '[' {
			i++
		} else if r == 0x1b {
			continue
		}
		for i < len(s) && s[i] >= 0x20 && s[i] < 0x40 {
			i++
		}
		if i < len(s) && s[i] >= 0x40 && s[i] < 0x7f {
			i++
		}
	}
	return b.String()
}

// unmix replaces look-alikes of ASCII letters in words that mix them with Latin letters, and, in a text that is nearly all
// Latin, in words that consist of nothing else.
func unmix(s string, mostlyLatin bool) (string, int) {
	var b strings.Builder
	b.Grow(len(s))
	mixed := 0
	for i := 0; i < len(s); {
		end, asciis, alikes, others := i, 0, 0, 0
		for end < len(s) {
			r, n := utf8.DecodeRuneInString(s[end:])
			if !unicode.IsLetter(r) {
				break
			}
			end += n
			switch {
			case r < utf8.RuneSelf:
				asciis++
			case !latin(r) && alike(r) != "":
				alikes++
			default:
				others++
			}
		}
		word := s[i:end]
		switch {
		case end == i:
			_, n := utf8.DecodeRuneInString(s[i:])
			end = i + n
			b.WriteString(s[i:end])
		case alikes > 0 && others == 0 && (asciis > 0 && asciis+alikes > 2 || mostlyLatin):
			if asciis > 0 {
				mixed++
			}
			for _, r := range word {
				if p := alike(r); p != "" {
					b.WriteString(p)
				} else {
					b.WriteRune(unicode.ToLower(r))
				}
			}
		default:
			b.WriteString(strings.ToLower(word))
		}
		i = end
	}
	return b.String(), mixed
}

// alike is the ASCII letter that a letter of another script looks like, small; "" if it looks like none.
func alike(r rune) string {
	if r < utf8.RuneSelf || latin(r) || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) {
		return ""
	}
	p := confusables.Prototype(r)
	if len(p) != 1 && p != "rn" || p != "rn" && !unicode.IsLetter(rune(p[0])) {
		return ""
	}
	if p == "l" && unicode.IsUpper(r) || r == 'і' || r == 'ι' { // what looks like I is meant as i
		return "i"
	}
	return strings.ToLower(p)
}

// unleet reads digits and signs as the letters that they stand for among letters; other is how 1 is read. "" means that
// there are none, or nothing but digits.
func unleet(word string, one byte) string {
	letters, changed := 0, 0
	out := []byte(word)
	for i, c := range out {
		if c >= 'a' && c <= 'z' {
			letters++
			continue
		}
		if j := strings.IndexByte("0134578@$!|+", c); j >= 0 {
			out[i] = "o?eastbasiit"[j]
			if c == '1' {
				out[i] = one
			}
			changed++
		}
	}
	if changed == 0 || letters == 0 && changed < 5 {
		return ""
	}
	return string(out)
}

// fewStyled is how many styled letters a text may have: a formula has some.
const fewStyled = 8

// styled tells whether a text without ideographs has many letters that are a plain letter's other form.
func styled(s string) bool {
	if plainASCII(s) {
		return false
	}
	n := 0
	for _, r := range s {
		switch {
		case r >= 0x1D400 && r <= 0x1D7FF, r >= 0xFF21 && r <= 0xFF5A, r >= 0x24B6 && r <= 0x24E9, r >= 0x1F130 && r <= 0x1F189:
			n++
		case unspacedScript(r):
			return false
		}
	}
	return n > fewStyled
}
