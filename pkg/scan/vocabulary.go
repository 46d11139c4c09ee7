package scan

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// knowledge is what the scanner knows: words, stems, phrases and patterns. The file explains its own form.
//
//go:embed vocabulary.txt
var knowledge string

// vocabulary maps words to what they are about. It is made when it is first needed, so that no start pays for it.
type vocabulary struct {
	words, pairs map[string]concept
	opens        map[string]bool    // words that begin a pair
	stems        map[string]concept // of other languages; "=" before a whole word
	phrases      map[rune][]phrase  // of scripts that put no space between words
	patterns     []pattern
}

// phrase is a run of characters with a meaning, in a script without spaces between words.
type phrase struct {
	s  string
	of concept
}

// pattern is a sign of hostility: words about these things, in this order, near to one another in a sentence.
type pattern struct {
	rule   string
	weight int
	gap    int         // how many other words may stand between two steps
	steps  [][]concept // each is one of several things, all bits of which a word must have
	unless concept     // not when one of these stands within three words before it
	free   bool        // in any order, for languages other than English
	base   bool        // the first step is an order, not what a tool says of itself ("reads")
	bar    concept     // none of these stands between two steps
	clause bool        // no comma does
	asks   bool        // a parameter's description that says so asks for it
	lead   string      // the first step is one of these words, with a space on either side
}

var lexicon = sync.OnceValue(makeVocabulary)

func makeVocabulary() *vocabulary {
	v := &vocabulary{
		words: make(map[string]concept, 2048), pairs: make(map[string]concept, 1024), opens: make(map[string]bool, 512),
		stems: make(map[string]concept, 1024), phrases: map[rune][]phrase{}, patterns: make([]pattern, 0, 192),
	}
	bits := map[string]concept{}
	for name := range strings.FieldsSeq(conceptNames) {
		bits[name] = 1 << len(bits)
	}
	section := ""
	for line := range strings.SplitSeq(strings.ReplaceAll(knowledge, "\n  ", " "), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			section = strings.Trim(line, "[]")
			continue
		}
		head, rest, _ := strings.Cut(line, ":")
		if section == "patterns" {
			v.patterns = append(v.patterns, patternOf(head, rest, bits))
			continue
		}
		v.add(section, conceptOf(head, bits), rest)
	}
	return v
}

// conceptOf reads concepts that are joined by "+". An unknown one is a fault of the file, which no test lets pass.
func conceptOf(s string, bits map[string]concept) (of concept) {
	for name := range strings.SplitSeq(s, "+") {
		bit := bits[strings.TrimSpace(name)]
		if bit == 0 {
			panic("vocabulary.txt: no concept " + strconv.Quote(name))
		}
		of |= bit
	}
	return of
}

// add takes in the words of one line.
func (v *vocabulary) add(section string, of concept, words string) {
	if section == "pairs" {
		for pair := range strings.SplitSeq(words, "|") {
			pair = strings.TrimSpace(pair)
			v.pairs[pair] |= of
			opener, _, _ := strings.Cut(pair, " ")
			v.opens[opener] = true
		}
		return
	}
	for word := range strings.FieldsSeq(words) {
		switch section {
		case "verbs":
			for i, form := range inflect(word) {
				v.words[form] |= of
				if i == 1 {
					v.words[form] |= third
				}
			}
		case "words":
			v.words[word] |= of
		case "stems":
			if whole, ok := strings.CutSuffix(word, "="); ok {
				word = "=" + whole
			}
			v.stems[word] |= of | foreignWord
		case "phrases":
			r, _ := utf8.DecodeRuneInString(word)
			v.phrases[r] = append(v.phrases[r], phrase{word, of | foreignWord})
		}
	}
}

// patternOf reads a line of the section patterns: its head is "rule weight gap".
func patternOf(head, rest string, bits map[string]concept) pattern {
	fields := strings.Fields(head)
	p := pattern{rule: fields[0]}
	p.weight, _ = strconv.Atoi(fields[1])
	p.gap, _ = strconv.Atoi(fields[2])
	rest, conditions, _ := strings.Cut(rest, ";")
	for step := range strings.SplitSeq(rest, ">") {
		var things []concept
		for thing := range strings.SplitSeq(step, ",") {
			things = append(things, conceptOf(thing, bits))
		}
		p.steps = append(p.steps, things)
	}
	for condition := range strings.SplitSeq(conditions, ";") {
		name, what, _ := strings.Cut(strings.TrimSpace(condition), " ")
		switch name {
		case "unless":
			p.unless = conceptOf(strings.ReplaceAll(what, ",", "+"), bits)
		case "bar":
			p.bar = conceptOf(strings.ReplaceAll(what, ",", "+"), bits)
		case "lead":
			p.lead = " " + what + " "
		case "base":
			p.base = true
		case "clause":
			p.clause = true
		case "asks":
			p.asks = true
		case "free":
			p.free = true
		}
	}
	return p
}

// foreign looks a word up that is not English: whole, or by its longest stem.
func (v *vocabulary) foreign(word string) concept {
	if of := v.stems["="+word]; of != 0 {
		return of
	}
	for end := len(word); end >= 4; end-- {
		if end < len(word) && !utf8.RuneStart(word[end]) {
			continue
		}
		if of := v.stems[word[:end]]; of != 0 {
			return of
		}
	}
	return 0
}
