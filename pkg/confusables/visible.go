package confusables

import (
	"strconv"
	"strings"
	"unicode"
)

// Visible is a text of a server that a person reads in a dialog of their client, where every script has to stay readable: it writes what does not show, or changes how the rest shows, as an escape: control characters but line breaks
// and tabs, direction marks, zero-width and invisible characters, tags. What emoji and the scripts that need them are
// joined with stays.
func Visible(s string) string {
	if Shows(s) {
		return s
	}
	var b strings.Builder
	each(s, func(r rune, hidden bool) {
		if hidden {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	})
	return b.String()
}

// Shows tells that [Visible] changes nothing.
func Shows(s string) bool {
	all := true
	each(s, func(_ rune, hidden bool) { all = all && !hidden })
	return all
}

// each calls f for each character, telling whether it is hidden where it stands.
func each(s string, f func(r rune, hidden bool)) {
	base, joined := rune(0), 0 // the last character that shows, and how many joiners follow it
	runes := []rune(s)
	for i, r := range runes {
		switch {
		case r == '\r' && i+1 < len(runes) && runes[i+1] == '\n':
			f(r, false)
		case r == '\u200c' || r == '\u200d' || r == '\ufe0e' || r == '\ufe0f':
			joined++
			keycap := r >= '\ufe0e' && (base >= '0' && base <= '9' || base == '#' || base == '*')
			f(r, joined > 2 || base < 0x80 && !keycap)
		default:
			bad := Hidden(r)
			if !bad {
				base, joined = r, 0
			}
			f(r, bad)
		}
	}
}

// invisible are characters that show nothing and that no category tells apart.
const invisible = "\u034f\u115f\u1160\u17b4\u17b5\u2028\u2029\u2800\u3164\uffa0\ufffd"

// Hidden tells a character that does not show, or changes how others show.
func Hidden(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r >= 0x20 && r < 0x7f:
		return false
	case unicode.In(r, unicode.Cc, unicode.Co, unicode.Cs, unicode.Variation_Selector):
		return true
	case unicode.Is(unicode.Cf, r):
		return !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
	}
	return strings.ContainsRune(invisible, r) || r >= 0xe0000 && r <= 0xe0fff
}
