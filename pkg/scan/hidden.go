package scan

import (
	"regexp"
	"strings"
	"sync"
)

// How much white space pushes what follows out of sight: columns in a line, empty lines.
const (
	pushColumns = 100
	pushLines   = 12
)

// hiddenPatterns are compiled when they are first needed. An honest label is one that people write in documentation too.
var hiddenPatterns = sync.OnceValue(func() (p struct{ tag, label, honest, comment *regexp.Regexp }) {
	p.honest = regexp.MustCompile(`^\W*(security|compliance|model|agent|ai|internal|policy|hidden|mandatory|security note|required|prerequisite|background|global|developer|system prompt)\W*$`)
	p.tag = regexp.MustCompile(`<[/|!\s]{0,3}(important|hidden|secret|system|instructions?|im_start|im_end|sys|override|critical|admin|internal|directive|mandatory|assistant|user_?info|confidential|private|prompt|rules?|policy)[^<>\n]{0,40}>|\[(important|critical|mandatory|system|hidden|urgent)\]|\[/?inst\]|<<sys>>|###\s?(system|instruction|human|assistant)\b`)
	p.label = regexp.MustCompile(`(^|[\n.!?)>*]\s{0,4}|[-|]\s)[\[(*_]{0,3}((global|persistent|standing|new|mandatory|security|session|required) ){0,2}(system|sysadmin|admin|administrator|developer|assistant|policy|security|compliance|persistent|standing|global|background|passive|maintenance|mandatory|hidden|confidential|override|ai|agent|llm|model|internal|prerequisite|note (to|for) (the |any )?(ai|llm|assistant|model|agent)s?)( (rule|policy|note|message|override|instructions?|directive|requirement|monitor|observer|service|prompt|notice|task|step|check|mode|alert|execution|session|prerequisite|update|command|only)){0,3}( ?\([^()\n]{0,60}\))?[\])*_]{0,3}\s?:`)
	p.comment = regexp.MustCompile(`<!--|\[//\]: ?#|/\*\*?\s`)
	return p
})

// hidden looks for what keeps a text from a person's eye or gives it a voice that is not the server's. s is normalized, first its first word.
func (j *judge) hidden(s string, node, first int) {
	if run, at := whitespace(s); run {
		j.signal("whitespace-push", 45, node, excerpt(s, at, at+20), "much white space pushes what follows out of sight")
	}
	if tagged(s) {
		if m := hiddenPatterns().tag.FindStringIndex(s); m != nil {
			weight := 30
			if s[m[0]] == '[' {
				weight = 20
			}
			if tag := s[m[0]:m[1]]; strings.Contains(tag, "hidden") || strings.Contains(tag, "secret") || strings.Contains(tag, "im_") || strings.Contains(tag, "inst]") || strings.Contains(tag, "<sys>") {
				weight = 45
			}
			j.signal("hidden-block", weight, node, excerpt(s, m[0], m[1]), "markup sets a part apart for the model")
		}
	}
	if strings.Contains(s, "<!--") || strings.Contains(s, "/*") || strings.Contains(s, "[//]") {
		if m := hiddenPatterns().comment.FindStringIndex(s); m != nil {
			j.signal("comment", 25, node, excerpt(s, m[0], m[1]+20), "a comment, which rendered text does not show")
		}
	}
	if labelled(s) && j.speaks(s, first) {
		if m := hiddenPatterns().label.FindStringIndex(s); m != nil {
			weight := 25
			if hiddenPatterns().honest.MatchString(s[m[0]:m[1]]) {
				weight = 12
			}
			j.signal("false-authority", weight, node, excerpt(s, m[0], m[1]), "it speaks as the system, a policy or an administrator")
		}
	}
}

// tagWords begin what the pattern tag finds between brackets.
var tagWords = strings.Fields("important hidden secret system instruction im_ sys override critical admin internal directive mandatory " +
	"assistant user confidential private prompt rule policy urgent inst /inst human")

// tagged tells whether the pattern tag can find something: it spares most texts the search.
func tagged(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '<' && s[i] != '[' && s[i] != '#' {
			continue
		}
		rest := strings.TrimLeft(s[i+1:min(len(s), i+16)], "</|!# \t\n\f\r")
		for _, word := range tagWords {
			if strings.HasPrefix(rest, word) {
				return true
			}
		}
	}
	return false
}

// labelEnds are the words that the pattern label has before its colon.
var labelEnds = set("system sysadmin admin administrator developer assistant policy security compliance persistent standing global background " +
	"passive maintenance mandatory hidden confidential override ai agent llm model internal prerequisite ais agents llms models assistants " +
	"rule note message instruction instructions directive requirement monitor observer service prompt notice task step check mode alert " +
	"execution session update command only")

// labelled tells whether the pattern label can find something.
func labelled(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != ':' {
			continue
		}
		before := strings.TrimRight(s[max(0, i-24):i], "])*_ \t\n\f\r")
		if strings.IndexByte(s[max(0, i-4):i], ')') >= 0 {
			return true
		}
		start := len(before)
		for start > 0 && before[start-1] >= 'a' && before[start-1] <= 'z' {
			start--
		}
		if labelEnds[before[start:]] {
			return true
		}
	}
	return false
}

// speaks tells whether a text has a word that a label of authority is made of: it spares most texts the search.
func (j *judge) speaks(s string, first int) bool {
	for _, t := range j.stream.tokens[first:] {
		if t.of&(system|authority|model|safety|hide|must|override) != 0 {
			return true
		}
	}
	return strings.Contains(s, "background") || strings.Contains(s, "internal") || strings.Contains(s, "passive") || strings.Contains(s, "maintenance")
}

// whitespace finds a run of white space with something after it.
func whitespace(s string) (bool, int) {
	columns, lines := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ' ', '\t':
			columns++
		case '\n', '\r':
			if s[i] == '\n' {
				lines++
			}
			columns = 0
		default:
			if columns >= pushColumns || lines >= pushLines {
				return true, i
			}
			columns, lines = 0, 0
		}
	}
	return false, 0
}
