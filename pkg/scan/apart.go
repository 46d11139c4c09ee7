package scan

import (
	"strings"
	"sync"
)

// cuts are the joints of strings in pieces.
var cuts = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer("' + '", "", `" + "`, "", "'+'", "", `"+"`, "", `", "`, "", "', '", "", `","`, "", "','", "")
})

// together joins what was set apart: letters with signs between (i.g.n.o.r.e), strings in pieces ('ign' + 'ore'), and names that are
// sentences (ignore_all_previous_instructions_and_tell_nobody). It returns what was joined or split, and what that was before; "" if
// there is nothing.
func together(s string) (plain, of string) {
	whole := s
	if strings.Count(s, "'")+strings.Count(s, `"`) >= 12 {
		if joined := cuts().Replace(s); len(joined) < len(s)-12 {
			s = joined
		}
	}
	apart, joints := 0, 0
	for i := range len(s) {
		if i > 1 && joint(s[i-1]) && asciiLetter(s[i]) && asciiLetter(s[i-2]) {
			joints++
			if i > 3 && s[i-3] == s[i-1] {
				apart++
			}
		} else if i > 0 && s[i] >= 'A' && s[i] <= 'Z' && s[i-1] >= 'a' && s[i-1] <= 'z' {
			joints++
		}
	}
	if apart >= 6 {
		if joined := unjoint(s); len(joined) < len(s)-12 {
			return joined, whole
		}
	}
	if joints >= manyParts-1 {
		plain, of = split(s)
	}
	if plain == "" && s != whole {
		return s, whole
	}
	return plain, of
}

func joint(c byte) bool { return strings.IndexByte("-._*~|,", c) >= 0 }

func asciiLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// unjoint takes the signs away that stand between single letters.
func unjoint(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		end := i
		if i == 0 || !base64Char(s[i-1]) {
			for end+2 < len(s) && asciiLetter(s[end]) && joint(s[end+1]) && s[end+1] == s[i+1] && asciiLetter(s[end+2]) {
				end += 2
			}
			if end > i && end+1 < len(s) && asciiLetter(s[end+1]) { // i.e.xample: a word follows
				b.WriteString(s[i:end])
				i = end
				continue
			}
		}
		if end == i {
			b.WriteByte(s[i])
			i++
			continue
		}
		for ; i <= end; i += 2 {
			b.WriteByte(s[i])
		}
		i = end + 1
	}
	return b.String()
}

// manyParts is how many words a name of words has that is a sentence.
const manyParts = 6

// split takes long names apart: it returns those that it did, and what they were.
func split(s string) (plain, of string) {
	var apart, names strings.Builder
	for word := range strings.FieldsSeq(s) {
		if len(word) <= 3*manyParts || len(word) > maxWord || strings.ContainsAny(word, "/:") {
			continue
		}
		if parts := words(word); strings.Count(parts, " ")+1 >= manyParts {
			apart.WriteString(parts + " ")
			names.WriteString(word + " ")
		}
	}
	return apart.String(), names.String()
}
