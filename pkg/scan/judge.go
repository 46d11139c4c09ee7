package scan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// What a definition's signs must weigh together to be told, and to stop an approval.
const (
	flagWeight  = 45
	blockWeight = 150

	// window is how many words one thought has: signs further apart have nothing to do with one another.
	window = 100

	// maxSignals bounds the work that a definition made of nothing but signs causes.
	maxSignals = 4096
)

// signal is a sign that counts together with others.
type signal struct {
	rule             string
	pattern          *pattern // nil: found otherwise
	weight           int
	at               int // the word where it stands
	node             int
	excerpt, message string
}

// judge collects what is found in one definition.
type judge struct {
	doc     *document
	context Context
	stream  stream
	found   []Finding
	signals []signal
	depth   int // of decoding

	guard bool // it is about finding attacks, or handles secrets by its own account
	files bool // it is about files that others have no business with
}

// signal takes a sign of the text at hand, which begins with the word at.
func (j *judge) signal(rule string, weight, node int, excerpt, message string) {
	j.weigh(signal{rule, nil, weight, len(j.stream.tokens), node, excerpt, message})
}

func (j *judge) weigh(s signal) {
	if len(j.signals) < maxSignals {
		j.signals = append(j.signals, s)
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
	hits := j.stream.match()
	for _, h := range hits {
		j.take(h)
	}
	st := &j.stream
	if st.leet >= 3 {
		j.signal("leetspeak", 35, st.nodes[st.leetAt], excerpt(st.texts[st.leetAt], 0, 40), "digits stand for letters in several words")
	}
	if st.spaced >= 3 {
		j.signal("spaced-letters", 35, st.nodes[st.spacedAt], excerpt(st.texts[st.spacedAt], 0, 40), "words are spelled with spaces between their letters")
	}
}

func (j *judge) text(t *text) {
	s := t.s
	if t.key {
		s = words(s)
		if s == "" {
			return
		}
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
	j.stream.add(plain, t.node)
	if !t.key {
		j.hidden(plain, t.node)
	}
	if len(s) < 16 {
		return
	}
	decoded(t.s, func(form, plain string) { j.inner(form, plain, t.node) })
	if j.stream.rotated-before >= 3 {
		j.inner("ROT13", rotate(s), t.node)
	}
	if j.stream.reversed-beforeReversed >= 3 {
		j.inner("reversed text", reverse(s), t.node)
	}
}

// maxName is how long, in bytes, a key or name of a few words is.
const maxName = 48

// words splits a key or name that may be a sentence: one of five words or more, a long one, or one in another script. "" is none.
func words(s string) string {
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
	if n < 5 && len(s) <= maxName && plainASCII(s) {
		return ""
	}
	return b.String()
}

// inner judges what was encoded. That it was encoded weighs as much as what it says.
func (j *judge) inner(form, plain string, at int) {
	if j.depth >= maxDecode {
		return
	}
	inside := &judge{doc: &document{nodes: []node{{parent: -1, index: -1}}, texts: []text{{s: plain}}}, context: j.context, depth: j.depth + 1}
	inside.stream.foreign, inside.stream.own = j.stream.foreign, j.stream.own
	inside.texts()
	signals, total := inside.weightiest()
	rules := rulesOf(signals)
	for _, f := range inside.found {
		if f.Severity == Block {
			total += flagWeight
		}
	}
	about := inside.stream.all
	if total >= 20 || about&(path|steal|setting) != 0 || about&shell != 0 && (about&address != 0 || strings.ContainsAny(plain, "|/-")) {
		j.find("encoded-instruction", at, escape(plain), "an instruction is hidden as "+form+": "+strings.Join(rules, ", "))
	}
}

// take weighs a pattern that was found.
func (j *judge) take(h hit) {
	weight := h.weight
	sentence := j.sentence(h.first, h.last)
	switch {
	case h.quoted && (sentence&detect != 0 || j.guard):
		weight = 0
	case h.quoted:
		weight = weight * 2 / 3
	case j.guard && h.rule != "secrecy":
		weight /= 2
	}
	if j.files && (h.rule == "secret-read" || h.rule == "settings") {
		weight /= 2
	}
	if weight == 0 {
		return
	}
	a, b := j.stream.tokens[h.first], j.stream.tokens[h.last]
	s := j.stream.texts[a.text]
	end := int(b.end)
	if b.text != a.text {
		end = len(s)
	}
	j.weigh(signal{h.rule, h.pattern, weight, h.first, j.stream.nodes[a.text], excerpt(s, int(a.start), end), messageOf(h.rule)})
}

// sentence is what the sentence around some words is about.
func (j *judge) sentence(first, last int) concept {
	var all concept
	tokens := j.stream.tokens
	for i := first; i >= 0; i-- {
		all |= tokens[i].of
		if tokens[i].stop {
			break
		}
	}
	for i := first; i < len(tokens) && (i <= last || !tokens[i].stop); i++ {
		all |= tokens[i].of
	}
	return all
}

// purpose reads what the definition says it is for: its name, its title and the first words of its description.
func (j *judge) purpose(item Item) {
	description := j.doc.member("description")
	if i := strings.IndexAny(description, ".\n"); i > 0 {
		description = description[:i]
	}
	if len(description) > 160 {
		description = description[:160]
	}
	p := stream{}
	name := strings.NewReplacer("_", " ", "-", " ").Replace(item.Name)
	s, _ := normalize(name + "\n\n" + description)
	p.add(s, 0)
	subject := p.all
	for i, t := range p.tokens {
		if t.of&detect != 0 && t.of&(read|show|put|send|call) == 0 && i < 8 {
			j.guard = subject&(secret|path|instruction|safety|hide|steal) != 0 || strings.Contains(s, "injection") || strings.Contains(s, "malicious") || strings.Contains(s, "phish")
		}
	}
	for _, word := range strings.Fields(strings.ToLower(name)) {
		j.files = j.files || handles[word]
	}
}

// handles are words in the names of tools that have business with what others should leave alone.
var handles = map[string]bool{"ssh": true, "env": true, "dotenv": true, "credential": true, "credentials": true, "secret": true, "secrets": true, "config": true, "dotfiles": true, "kube": true, "aws": true, "settings": true, "vault": true}

// weightiest returns the signals of the window that weighs most, each rule by its weightiest, and their weight.
func (j *judge) weightiest() (best []signal, total int) {
	slices.SortStableFunc(j.signals, func(a, b signal) int { return a.at - b.at })
	from := 0
	for to := range j.signals {
		for j.signals[to].at-j.signals[from].at > window {
			from++
		}
		if to+1 < len(j.signals) && j.signals[to+1].at-j.signals[from].at <= window {
			continue // a wider window has it all
		}
		rules, second := map[string]int{}, map[string]int{}
		sum := 0
		for i := from; i <= to; i++ {
			s := &j.signals[i]
			at, known := rules[s.rule]
			if !known {
				rules[s.rule] = i
				sum += s.weight
				continue
			}
			less := min(s.weight, j.signals[at].weight)
			if s.weight > j.signals[at].weight {
				rules[s.rule] = i
				sum += s.weight - j.signals[at].weight
			}
			if s.pattern != j.signals[at].pattern {
				second[s.rule] = max(second[s.rule], less)
			}
		}
		for _, weight := range second { // the same thing said in another way
			sum += weight / 4
		}
		if sum > total {
			total, best = sum, best[:0]
			for _, i := range rules {
				best = append(best, j.signals[i])
			}
		}
	}
	slices.SortFunc(best, func(a, b signal) int { return cmp.Or(b.weight-a.weight, strings.Compare(a.rule, b.rule)) })
	return best, total
}

func rulesOf(signals []signal) []string {
	var rules []string
	for _, s := range signals {
		rules = append(rules, s.rule)
	}
	return rules
}

// conclude turns signals into findings: enough of them together flag the definition, fewer are told for what they are.
func (j *judge) conclude() {
	signals, total := j.weightiest()
	rules := rulesOf(signals)
	block := total >= blockWeight && len(rules) >= 3 && (slices.Contains(rules, "secrecy") || slices.Contains(rules, "override"))
	for _, s := range signals {
		severity := Low
		switch {
		case block:
			severity = Block
		case total >= flagWeight && (s.weight >= flagWeight || total >= 2*flagWeight):
			severity = High
		case total >= flagWeight:
			severity = Medium
		}
		j.found = append(j.found, Finding{Rule: s.rule, Severity: severity, Place: j.doc.place(s.node), Excerpt: s.excerpt, Message: s.message})
	}
}

// names compares names with those of other servers.
func (j *judge) names(item Item) {
	for i := range j.doc.texts {
		t := &j.doc.texts[i]
		if n := j.doc.nodes[t.node]; !t.key && n.depth == 1 && (n.key == "name") {
			if !nameAllowed(t.s) {
				j.find("odd-name", t.node, escape(t.s), "the name has characters outside A-Z a-z 0-9 _ . - or is longer than 128")
			}
			break
		}
	}
	for _, peer := range j.context.Others {
		if peer.Server != j.context.Server && confusables.Near(peer.Server, j.context.Server) {
			j.find("server-lookalike", 0, escape(j.context.Server), fmt.Sprintf("its server's name looks like that of %s", escape(peer.Server)))
		}
		if plainASCII(item.Name) {
			continue
		}
		for _, tool := range peer.Tools {
			if tool != item.Name && confusables.Skeleton(tool) == confusables.Skeleton(item.Name) {
				j.find("tool-lookalike", 0, escape(item.Name), fmt.Sprintf("the name looks like %s of %s", escape(tool), escape(peer.Server)))
			}
		}
	}
}

func nameAllowed(s string) bool {
	if len(s) < 1 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-') {
			return false
		}
	}
	return true
}
