// Package confusables tells which names a person would take for one another (Unicode Technical Standard #39, section 4).
//
// A name is reduced to its skeleton: what is left of it when all that an eye overlooks is taken away. Two servers or tools
// whose skeletons are equal must not stand side by side. The package judges strings only; it knows nothing of the rules
// for names, of scripts that may stand together, or of what to do about a likeness.
//
// It is also the one place that makes a text of somebody else safe to show. Each function has one rule:
//
//	Plain, PlainLines  in logs, errors and on terminals: what deceives is escaped as in JSON
//	Visible            in a dialog of a client: as Plain, but every script and emoji stays readable
//	Reveal             in a review of definitions: only characters that show as what they are stay
//	ASCII, ASCIIJSON   names to type, JSON to read: nothing but ASCII
//	Quote              inside a sentence of ours: in ASCII and quotation marks, cut
//	Excerpt            at the end of a sentence of ours: on one line, cut
//	Word, ShellWord    a word of a command line, to read and to copy
//	Cut, Some          what is too long, and names that are too many
package confusables

import (
	"sort"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

//go:generate go run gen.go -version 17.0.0 -from confusables.txt

// Skeleton reduces s to what an eye sees of it: compatibility forms, case, default-ignorable characters and the
// differences of characters that look alike are gone. It is for comparison only, never for display.
//
// It follows UTS #39 and makes more names equal: letters are case-folded, so that GitHub is github, and what either case of a
// letter looks like goes for both, so that i is l, as I is to the standard.
// Skeleton(Skeleton(s)) is Skeleton(s). Invalid UTF-8 becomes U+FFFD.
func Skeleton(s string) string {
	if ascii(s) {
		var b strings.Builder
		b.Grow(len(s) + 8)
		for i := range len(s) {
			b.WriteString(asciiSkeletons()[s[i]])
		}
		return b.String()
	}
	return stable(s)
}

// asciiSkeletons are those of the ASCII characters, each of which is reduced by itself and to ASCII. They are made when first needed.
var asciiSkeletons = sync.OnceValue(func() (of [utf8.RuneSelf]string) {
	for c := range of {
		of[c] = stable(string(rune(c)))
	}
	return of
})

// stable reduces s until that changes nothing.
func stable(s string) string {
	for range 4 { // a prototype may fold to a character that has a prototype itself
		next := reduce(s)
		if next == s {
			break
		}
		s = next
	}
	return s
}

func reduce(s string) string {
	if !ascii(s) {
		s = norm.NFKD.String(s)
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for _, r := range s {
		if Ignorable(r) {
			continue
		}
		// What case folding gives of one character as several is a compatibility form, or the sharp s.
		if r == 'ß' || r == 'ẞ' {
			b.WriteString("ss")
			continue
		}
		if p := prototype(fold(r)); p != "" {
			b.WriteString(p)
		} else {
			b.WriteRune(fold(r))
		}
	}
	if out := b.String(); !ascii(out) {
		return norm.NFD.String(out)
	}
	return b.String()
}

// fold is simple case folding; going through upper case brings the final sigma and the long s to their fellows.
func fold(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

// Prototype returns the character, or the few, that stand for all that look like r, "" if r stands for itself
// (UTS #39, confusables.txt). Case counts here.
func Prototype(r rune) string {
	i := sort.Search(len(sources), func(i int) bool { return sources[i] >= r })
	if i == len(sources) || sources[i] != r {
		return ""
	}
	at := int(targets[i])
	return prototypes[at+1 : at+1+int(prototypes[at])]
}

// prototype is what stands for both cases of r, which is folded: what the small letter looks like, or what the capital does
// where that is plain ASCII. So i becomes l, by way of I.
func prototype(r rune) string {
	small := Prototype(r)
	if small != "" && ascii(small) {
		return small
	}
	if capital := Prototype(unicode.ToUpper(r)); capital != "" && ascii(capital) {
		return capital
	}
	return small
}

// Ignorable tells whether r shows nothing by itself: format characters, variation selectors, fillers and joiners
// (Default_Ignorable_Code_Point, and the other format characters).
func Ignorable(r rune) bool {
	if r < 0xAD {
		return false
	}
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r)
}

// nearLength is how many characters both skeletons need at least for one slip to make them alike: of four characters and fewer,
// one in four differs, and db and dc, or a and b, are names in their own right.
const nearLength = 5

// Near tells whether a could be taken for b: their skeletons are equal but for which separators they have (io.github/x and
// io_github_x, which also have the same names in tools), or one insertion, deletion, replacement or exchange of neighbours apart
// (optimal string alignment) while both have at least five characters.
//
// Names that differ in their numbers alone (server2, server3), or in letters that stand alone (team-a, team-b), are numbered by
// intent and are not near. An empty skeleton is near to nothing.
func Near(a, b string) bool { return near(a, b, Skeleton(a), Skeleton(b)) }

// near is Near for names whose skeletons are x and y.
func near(a, b, x, y string) bool {
	if x == "" || y == "" {
		return false
	}
	if numbered(a, b) {
		return false
	}
	if separated(x) == separated(y) {
		return true
	}
	if utf8.RuneCountInString(x) < nearLength || utf8.RuneCountInString(y) < nearLength {
		return false
	}
	return oneSlip([]rune(x), []rune(y))
}

// separated is a skeleton in which all separators are one.
func separated(skeleton string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return r
		}
		return '_'
	}, skeleton)
}

// numbered tells whether a and b are of one length and differ, but only in ASCII digits, or letters between separators, at the same
// places.
func numbered(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	if a == b || len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && !(digit(a[i]) && digit(b[i])) && !(alone(a, i) && alone(b, i)) {
			return false
		}
	}
	return true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// alone tells whether the character at i is an ASCII letter or digit with a separator on either side, or the end.
func alone(s string, i int) bool {
	return (digit(s[i]) || s[i] >= 'a' && s[i] <= 'z') && (i == 0 || separator(s[i-1])) && (i+1 == len(s) || separator(s[i+1]))
}

func separator(c byte) bool { return c == '-' || c == '_' || c == '.' || c == ' ' || c == '/' }

// oneSlip tells whether a and b, which differ, are at distance one.
func oneSlip(a, b []rune) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return string(a[i:]) == string(b[i+1:])
	}
	if string(a[i+1:]) == string(b[i+1:]) {
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && string(a[i+2:]) == string(b[i+2:])
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
