package scan

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// How many characters that show nothing are an accident of copying rather than a message.
const (
	fewHyphens   = 2  // soft hyphens, and marks of direction in a text of one direction
	fewMarks     = 4  // combining marks on one letter
	manyMarks    = 16 // in one text of a script that has hardly any
	fewSelectors = 2
)

// counts is what structure counts in one text.
type counts struct {
	invisible, hyphens    int // zero-width and the like; soft hyphens and marks of direction
	private, selectors    int
	tags, bidi            int
	escapes, controls     int
	annotations           int
	run, longest          int // variation selectors in a row
	marks, flood, overlay int // combining marks on this letter; letters with too many; in all
	first                 map[string]int
}

func (c *counts) note(what string, at int) {
	if c.first == nil {
		c.first = map[string]int{}
	}
	if _, known := c.first[what]; !known {
		c.first[what] = at
	}
}

// structure looks at the characters themselves: what a person who reads the text does not see, and a model does.
func structure(add func(rule, excerpt, message string), s string) {
	if plainASCII(s) {
		return
	}
	c := count(s)
	at := func(what string) string { return excerpt(s, c.first[what], c.first[what]+1) }
	if c.tags > 0 {
		add("hidden-tags", at("tag"), fmt.Sprintf("%d tag characters (U+E0000), which nobody sees and models read", c.tags))
	}
	if c.bidi > 0 {
		add("bidi-control", at("bidi"), "characters that make text appear in another order than it is read")
	}
	if c.longest >= 3 || c.selectors > fewSelectors {
		add("variation-selectors", at("selector"), fmt.Sprintf("%d variation selectors where nothing varies: bytes can hide in them", max(c.selectors, c.longest)))
	}
	if c.escapes > 0 {
		add("terminal-escape", at("escape"), "escape sequences for a terminal, which can hide or rewrite what is shown")
	}
	if c.controls > 0 {
		add("control-character", at("control"), "control characters")
	}
	if c.annotations > 0 {
		add("invisible", at("annotation"), "interlinear annotation characters hide text")
	}
	if c.private > 0 {
		add("private-use", at("private"), fmt.Sprintf("private-use characters, which mean what the writer wants: %d", c.private))
	}
	switch {
	case c.invisible > 0 || c.hyphens > fewHyphens:
		add("invisible", at("invisible"), fmt.Sprintf("invisible characters where no script needs them: %d", c.invisible+c.hyphens))
	case c.hyphens > 0:
		add("invisible-few", at("invisible"), "a soft hyphen, or a mark of direction in a text of one direction")
	}
	if c.flood > 0 || c.overlay > manyMarks {
		add("combining-flood", at("mark"), "more combining marks than any script writes")
	}
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < 0x20 && c != '\n' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

func count(s string) *counts {
	c := &counts{}
	rightToLeft := strings.ContainsFunc(s, func(r rune) bool {
		return unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko)
	})
	before, base := rune(0), rune(0) // the character before, and the last that shows
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		next, _ := utf8.DecodeRuneInString(s[i+n:])
		if r == 0x1F3F4 {
			if m := flag(s[i:]); m > 0 {
				i, before, base = i+m, r, r
				continue
			}
		}
		c.character(r, before, base, next, rightToLeft, i)
		before = r
		if !confusables.Ignorable(r) && !unicode.Is(unicode.Mn, r) {
			base, c.marks = r, 0
		}
		i += n
	}
	return c
}

func (c *counts) character(r, before, base, next rune, rightToLeft bool, at int) {
	if selector := variationSelector(r); !selector {
		c.run = 0
	} else {
		if c.run++; c.run > c.longest {
			c.longest = c.run
		}
		if !varies(base, r) {
			c.selectors++
			c.note("selector", at)
		} else if c.run >= 3 {
			c.note("selector", at)
		}
		return
	}
	switch {
	case r == '\n' || r == '\t' || r == '\r':
	case r == 0x1b || r == 0x9b:
		c.escapes++
		c.note("escape", at)
	case r < 0x20 && r != '\f' && r != '\v', r >= 0x7f && r < 0xa0 && r != 0x85:
		c.controls++
		c.note("control", at)
	case r >= 0xE0000 && r <= 0xE007F:
		c.tags++
		c.note("tag", at)
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
		c.bidi++
		c.note("bidi", at)
	case r == 0x200E || r == 0x200F || r == 0x061C:
		if !rightToLeft {
			c.hyphens++
			c.note("invisible", at)
		}
	case r >= 0xFFF9 && r <= 0xFFFB:
		c.annotations++
		c.note("annotation", at)
	case r == 0xF8FF: // Apple's logo
	case unicode.Is(unicode.Co, r):
		c.private++
		c.note("private", at)
	case unicode.Is(unicode.Mn, r) && unicode.Is(unicode.Inherited, r) && r != 0x034F:
		c.overlay++
		if c.marks++; c.marks >= fewMarks {
			c.flood++
		}
		c.note("mark", at)
	case confusables.Ignorable(r) || r == 0x2800:
		if !joins(r, before, next) && !(r == 0xFEFF && at == 0) {
			if r == 0xAD {
				c.hyphens++
			} else {
				c.invisible++
			}
			c.note("invisible", at)
		}
	}
}

func latin(r rune) bool { return unicode.Is(unicode.Latin, r) }

func variationSelector(r rune) bool { return unicode.Is(unicode.Variation_Selector, r) }

// varies tells whether a variation selector has a meaning after a character: emoji and symbols, ideographs, mathematics, and scripts
// with variants of their own (StandardizedVariants.txt, the Ideographic Variation Database).
func varies(base, selector rune) bool {
	switch {
	case selector >= 0xE0100:
		return unicode.Is(unicode.Han, base)
	case base == '#' || base == '*' || base >= '0' && base <= '9':
		return true
	case base < 0x80 || latin(base) && selector != 0xFE00:
		return false
	}
	return unicode.IsSymbol(base) || unicode.IsPunct(base) || unicode.In(base, unicode.Han, unicode.Mongolian, unicode.Myanmar, unicode.Phags_Pa, unicode.Manichaean) || emoji(base)
}

// joins tells whether an invisible character does its work here: joiners in emoji and in scripts whose letters join, and breaks in
// scripts without spaces.
func joins(r, before, next rune) bool {
	switch r {
	case 0x200D:
		return emojiPart(before) && emoji(next) || joining(before) || joining(next)
	case 0x200C:
		return joining(before) || joining(next)
	case 0x200B, 0x2060, 0xAD:
		return spaceless(before) || spaceless(next)
	}
	return unicode.In(r, unicode.Mongolian, unicode.Hangul) && (unicode.In(before, unicode.Mongolian, unicode.Hangul) || unicode.In(next, unicode.Mongolian, unicode.Hangul)) ||
		unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Khmer)
}

func emoji(r rune) bool {
	return r >= 0x1F000 && r <= 0x1FAFF || r >= 0x2190 && r <= 0x2BFF || r == 0x00A9 || r == 0x00AE || r == 0x203C || r == 0x2049 || r == 0x2122 || r == 0x2139 || r == 0x3030 || r == 0x303D || r == 0x3297 || r == 0x3299
}

func emojiPart(r rune) bool { return emoji(r) || r == 0xFE0F || r == 0x20E3 }

func joining(r rune) bool {
	return unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya,
		unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Tibetan, unicode.Myanmar, unicode.Khmer)
}

func spaceless(r rune) bool {
	return unicode.In(r, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Javanese)
}

// flag is the length of the flag of a country's part (UTS #51, emoji tag sequence) that s begins with, 0 if it is none. Its tags are too few
// to hide anything in.
func flag(s string) int {
	tags := 0
	for i, r := range s {
		switch {
		case i == 0:
		case r == 0xE007F:
			if tags >= 4 && tags <= 6 {
				return i + 4
			}
			return 0
		case r >= 0xE0030 && r <= 0xE0039 || r >= 0xE0061 && r <= 0xE007A:
			tags++
		default:
			return 0
		}
	}
	return 0
}
