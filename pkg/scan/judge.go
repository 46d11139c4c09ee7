package scan

import "strings"

// judge collects what is found in one definition.
type judge struct {
	doc     *document
	context Context
	near    func() string // see Scanner
	stream  stream
	found   []Finding
	signals []signal
	depth   int  // of decoding
	excused bool // some signal weighs less than its full weight

	guard    bool    // it is about finding attacks, or handles secrets by its own account
	guardian bool    // its name says so too
	files    bool    // it is about files that others have no business with
	plain    bool    // its task needs nothing but what it is asked: it adds, it tells the time
	subject  concept // what its name and the first sentence of its description are about
	lone     bool    // its server has no other tool, so that other tools are other servers'
}

// signal takes a sign of the text at hand, which begins with the word at.
func (j *judge) signal(rule string, weight, node int, excerpt, message string) {
	if len(j.signals) < maxSignals {
		j.signals = append(j.signals, signal{rule, nil, weight, weight, false, len(j.stream.tokens), node, excerpt, message})
	}
}

func (j *judge) find(rule string, node int, excerpt, message string) {
	for _, f := range j.found {
		if f.Rule == rule { // once is enough to look
			return
		}
	}
	j.found = append(j.found, Finding{Rule: rule, Severity: severityOf(rule), Place: j.doc.place(node), Excerpt: excerpt, Message: message})
}

// texts looks at each string by itself, then at all of them as one text.
func (j *judge) texts() {
	for i := range j.doc.texts {
		t := &j.doc.texts[i]
		if t.damaged {
			j.find("not-unicode", t.node, excerpt(t.s, 0, 20), "a string is no valid Unicode; readers may differ on what it says")
		}
		structure(func(rule, excerpt, message string) { j.find(rule, t.node, excerpt, message) }, t.s)
		j.text(t)
	}
	for _, h := range j.stream.match() {
		j.take(h)
	}
	if j.plain {
		j.mismatch()
	}
	j.aside()
}

func (j *judge) text(t *text) {
	s := t.s
	j.ownTools(t)
	if t.key {
		j.greedy(t)
		s = words(s)
		if s == "" {
			return
		}
	}
	if !t.key && j.keyword(t) {
		return
	}
	plain, mixed := normalize(s)
	if mixed > 0 {
		weight := flagWeight
		if mixed > 1 {
			weight += 10
		}
		j.signal("mixed-scripts", weight, t.node, excerpt(t.s, 0, 40), "letters of other scripts stand for Latin ones within words")
	}
	if styled(s) {
		j.signal("styled-letters", 30, t.node, excerpt(t.s, 0, 40), "mathematical, fullwidth or enclosed letters stand for plain ones")
	}
	before := j.stream.rotated
	beforeReversed := j.stream.reversed
	if name := j.doc.nodes[t.node]; !t.key && name.depth == 1 && name.key == "name" {
		if w := words(plain); w != "" {
			plain = w
		}
	}
	first := len(j.stream.tokens)
	leet, spaced := j.stream.leet, j.stream.spaced
	j.stream.add(plain, t.node)
	if j.stream.leet-leet >= 3 {
		j.signal("leetspeak", 35, t.node, excerpt(t.s, 0, 40), "digits stand for letters in several words")
	}
	if j.stream.spaced-spaced >= 3 {
		j.signal("spaced-letters", 35, t.node, excerpt(t.s, 0, 40), "words are spelled with spaces between their letters")
	}
	if !t.key {
		j.hidden(plain, t.node, first)
	}
	j.preset(t, plain)
	if len(s) < 16 {
		return
	}
	decoded(t.s, func(form, plain, original string) { j.inner(form, plain, original, t.node) })
	if j.stream.rotated-before >= 3 {
		j.inner("ROT13", rotate(s), "", t.node)
	}
	if j.stream.reversed-beforeReversed >= 3 {
		j.inner("reversed text", reverse(s), "", t.node)
	}
}

// keyword tells whether a value is JSON Schema's own word, or repeats the name of a parameter: it says nothing, and what stands on either
// side of it may be one sentence.
func (j *judge) keyword(t *text) bool {
	switch n := j.doc.nodes[t.node]; {
	case n.key == "type" && schemaTypes[t.s]:
		return true
	case n.index >= 0 && n.parent >= 0 && j.doc.nodes[n.parent].key == "required":
		return len(t.s) <= maxName && j.stream.parameters[bare(strings.ToLower(t.s))] && words(t.s) == ""
	}
	return false
}

var schemaTypes = set("string object array number integer boolean null")

// maxName is how long, in bytes, a key or name of a few words is.
const maxName = 48

// words splits a key or name that may be a sentence: one of five words or more, a long one, or one in another script. "" is none.
func words(s string) string {
	spaced, n := apart(s)
	if n < 5 && len(s) <= maxName && plainASCII(s) {
		return ""
	}
	return spaced
}

// apart splits a key or name into its words, and counts them: read_file, readFile.
func apart(s string) (string, int) {
	var b strings.Builder
	n := 1
	for i, r := range s {
		switch {
		case r == '_' || r == '-' || r == '.' || r == ' ':
			b.WriteByte(' ')
			n++
		case r >= 'A' && r <= 'Z' && i > 0 && s[i-1] >= 'a' && s[i-1] <= 'z':
			b.WriteByte(' ')
			b.WriteRune(r)
			n++
		default:
			b.WriteRune(r)
		}
	}
	return b.String(), n
}

// take weighs a pattern that was found. What excuses it lessens its weight, though not its full weight: whoever writes a
// name, a purpose or a quotation may be the one who writes the orders.
func (j *judge) take(h hit) {
	weight := h.weight
	if j.lone && (h.rule == "hook" || h.rule == "prerequisite" || h.rule == "priority") {
		weight += weight / 2
	}
	a, b := j.stream.tokens[h.first], j.stream.tokens[h.last]
	if a.text != b.text { // they may be two sentences
		weight = weight * 2 / 3
	}
	if h.asks && a.start < 8 && j.subject&(talk|session|model|personal) == 0 && j.doc.nodes[j.stream.nodes[a.text]].depth > 3 {
		weight = flagWeight // a parameter of a tool that has nothing to do with it
	}
	full := weight
	sentence := j.sentence(h.first, h.last)
	speaksOf := sentence&detect != 0
	if h.rule == "override" && j.stream.defends(h) {
		return
	}
	switch { // what is quoted is hardly ordered, and in a sentence about attacks even less; but that is easily claimed
	case h.claimed, h.quoted && speaksOf && j.guardian:
		weight = 0
	case h.quoted && (speaksOf || j.guard):
		weight /= 2
	case h.quoted:
		weight = weight * 2 / 3
	case j.guard && (speaksOf || j.guardian) && h.rule != "secrecy":
		weight /= 2
	}
	if j.files && (h.rule == "secret-read" || h.rule == "settings") {
		weight /= 2
	}
	j.excused = j.excused || weight < full
	j.signals = append(j.signals, signal{h.rule, h.pattern, weight, full, h.claimed || h.quoted && speaksOf, h.first, j.stream.nodes[a.text], j.stream.excerpt(h.first, h.last), messageOf(h.rule)})
}

// excerpt shows the words from first to last, as far as they stand in one text.
func (st *stream) excerpt(first, last int) string {
	a, b := st.tokens[first], st.tokens[last]
	s := st.texts[a.text]
	end := int(b.end)
	if b.text != a.text {
		end = len(s)
	}
	return excerpt(s, int(a.start), end)
}

// sentence is what the sentence around some words is about, as far as a window reaches.
func (j *judge) sentence(first, last int) concept {
	var all concept
	tokens := j.stream.tokens
	for i := first; i >= max(0, first-window); i-- {
		all |= tokens[i].of
		if tokens[i].stop {
			break
		}
	}
	for i := first; i < min(len(tokens), last+window) && (i <= last || !tokens[i].stop); i++ {
		all |= tokens[i].of
	}
	return all
}
