package scan

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// common are words that every English text has, to know a text that was rotated or reversed by.
var common = map[string]bool{"the": true, "and": true, "this": true, "you": true, "not": true, "all": true, "with": true, "that": true, "user": true, "before": true, "tool": true, "send": true, "read": true, "instructions": true, "from": true, "file": true}

// english tells whether a word is one that orders are made of.
func (v *vocabulary) english(word string) bool {
	return common[word] || len(word) > 3 && v.words[word] != 0
}

func rotate(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case r >= 'A' && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		}
		return r
	}, s)
}

func reverse(s string) string {
	out := []rune(s)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

func unspacedScript(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Thai, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// phrases takes in a run of a script that puts no space between words.
func (st *stream) phrases(s string, start, end int, text int32, stop, quoted bool) bool {
	v := lexicon()
	for i := start; i < end; {
		r, n := utf8.DecodeRuneInString(s[i:])
		var found phrase
		for _, p := range v.phrases[r] {
			if len(p.s) > len(found.s) && strings.HasPrefix(s[i:end], p.s) {
				found = p
			}
		}
		if found.s != "" {
			st.push(token{of: found.of, text: text, start: int32(i), end: int32(i + len(found.s)), stop: stop, quoted: quoted})
			stop = false
			i += len(found.s)
			continue
		}
		i += n
	}
	return stop
}

// unspace reads letters that stand apart as words: the fifth of them was at. It moves end behind the last.
func (st *stream) unspace(s string, at int, text int32, end *int) {
	start := at
	for range 4 {
		start = strings.LastIndexAny(s[:max(0, start-1)], " \n\t") + 1
		if start <= 0 {
			break
		}
	}
	stopAt := at
	var joined strings.Builder
	for i := start; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if unicode.IsSpace(r) {
			i += n
			continue
		}
		after, _ := utf8.DecodeRuneInString(s[i+n:])
		if !unicode.IsLetter(r) || i+n < len(s) && !unicode.IsSpace(after) && !unicode.IsPunct(after) {
			break
		}
		joined.WriteRune(r)
		i += n
		if unicode.IsPunct(after) {
			i += utf8.RuneLen(after)
		}
		stopAt = i
	}
	v := lexicon()
	letters := joined.String()
	for i := 0; i < len(letters); {
		best := 0
		for n := min(16, len(letters)-i); n >= 3; n-- {
			if v.words[letters[i:i+n]] != 0 || common[letters[i:i+n]] {
				best = n
				break
			}
		}
		if best == 0 {
			i++
			continue
		}
		st.push(token{of: v.words[letters[i:i+best]], text: text, start: int32(start), end: int32(stopAt)})
		st.spaced++
		i += best
	}
	*end = max(*end, stopAt)
}
