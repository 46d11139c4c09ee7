package scan

import "strings"

// hit is a pattern found.
type hit struct {
	*pattern
	first, last int // tokens
	quoted      bool
	claimed     bool // a word that speaks of attacks stands shortly before
}

// match finds the patterns in the stream: in time linear in the number of words.
func (st *stream) match() []hit {
	var hits []hit
	all := lexicon().patterns
	for i := range all {
		p := &all[i]
		if !st.mayMatch(p) {
			continue
		}
		if p.free {
			hits = st.matchFree(hits, p)
		} else {
			hits = st.matchOrdered(hits, p)
		}
	}
	return hits
}

// mayMatch tells whether each step's concepts occur at all.
func (st *stream) mayMatch(p *pattern) bool {
	for _, step := range p.steps {
		some := false
		for _, c := range step {
			some = some || st.all&c == c
		}
		if !some {
			return false
		}
	}
	return true
}

func is(of concept, step []concept) bool {
	for _, c := range step {
		if of&c == c {
			return true
		}
	}
	return false
}

// maxSteps is how many steps a pattern has at most; of each stretch of words at most maxHits places of it are kept, so that many signs
// cost no more than the text is long.
const (
	maxSteps = 6
	maxHits  = 16
	stretch  = 500
)

// room tells whether a place of a pattern at word i may be kept; had counts those of its stretch.
func room(i int, at, had *int) bool {
	if i/stretch != *at {
		*at, *had = i/stretch, 0
	}
	*had++
	return *had <= maxHits
}

// matchOrdered keeps, for each step, the latest word that completed it and the first word of that chain. A step is only taken up
// by a later word, within the gap of the one before.
func (st *stream) matchOrdered(hits []hit, p *pattern) []hit {
	type chain struct {
		at, start, place int
		claimed          bool
	}
	var done [maxSteps]chain
	for k := range done {
		done[k].at = -1
	}
	var kept [2]struct{ at, had int } // of hits that count, and of claimed ones
	place := 0                        // counts the words that may not be overlooked
	comma, aside := false, false      // one stands between this word and the last that counts; it is between two that are an aside
	for i := range st.tokens {
		t := &st.tokens[i]
		if t.stop {
			for k := range done {
				done[k].at = -1
			}
			place += 1000
		}
		if t.stop {
			comma, aside = false, false
		}
		if p.clause && st.comma(i) {
			opens := st.tokens[i-1].of&not != 0 // do not, whatever happens, tell
			comma, aside = comma || !aside && !opens, opens
		}
		if t.of&^third == negligible {
			continue // a comma before it still stands before the next word
		}
		place++
		if p.bar != 0 && t.of&p.bar != 0 || comma {
			for k := range done {
				if !is(t.of, p.steps[min(k+1, len(p.steps)-1)]) || comma {
					done[k].at = -1
				}
			}
			comma = false
		}
		for k := len(p.steps) - 1; k >= 0; k-- {
			if !is(t.of, p.steps[k]) {
				continue
			}
			var next chain
			if k == 0 {
				if p.lead != "" && !strings.Contains(p.lead, " "+st.spelled(i)+" ") {
					continue
				}
				if p.base && st.tells(i) || st.denied(i, p.unless&^detect) {
					continue
				}
				next = chain{i, i, place, st.denied(i, p.unless&detect)}
			} else {
				last := done[k-1]
				if last.at < 0 || last.at == i || place-last.place > p.gap+1 {
					continue
				}
				if p.base && k == 1 && p.steps[0][0] == silent && st.tells(i) { // this silently overwrites
					continue
				}
				next = chain{i, last.start, place, last.claimed}
			}
			if old := done[k]; next.claimed && old.at >= 0 && !old.claimed && place-old.place <= p.gap+1 {
				continue // the one that nothing excuses goes on
			}
			done[k] = next
			of := &kept[0]
			if next.claimed {
				of = &kept[1]
			}
			if k == len(p.steps)-1 && room(i, &of.at, &of.had) {
				hits = append(hits, hit{p, next.start, i, st.tokens[next.start].quoted, next.claimed})
			}
		}
	}
	return hits
}

// tells is whether a word speaks of what someone does or is, and orders nothing: reads, does not.
func (st *stream) tells(i int) bool {
	t := &st.tokens[i]
	if i > 1 && !t.stop && (st.spelled(i-1) == "we" || !st.tokens[i-1].stop && st.spelled(i-2) == "we") { // we will correct
		return true
	}
	return t.of&third != 0 || t.of&not != 0 && i > 0 && !t.stop && st.tokens[i-1].of&third != 0
}

// comma tells whether a part of a sentence ends before word i.
func (st *stream) comma(i int) bool {
	if i == 0 || st.tokens[i-1].text != st.tokens[i].text || st.tokens[i-1].end > st.tokens[i].start {
		return false
	}
	between := st.texts[st.tokens[i].text][st.tokens[i-1].end:st.tokens[i].start]
	return strings.ContainsAny(between, ",:(") || strings.Contains(between, " - ")
}

// denied tells whether a word that turns the meaning stands shortly before.
func (st *stream) denied(i int, by concept) bool {
	for n := 0; n < 3 && i > 0 && !st.tokens[i].stop; n++ {
		i--
		if st.tokens[i].of&by != 0 {
			return true
		}
	}
	return false
}

// matchFree is for languages whose order of words differs: all steps within a sentence and within gap words, in any order.
func (st *stream) matchFree(hits []hit, p *pattern) []hit {
	at, had := 0, 0
	var seen [maxSteps]int
	for k := range seen {
		seen[k] = -1
	}
	for i := range st.tokens {
		t := &st.tokens[i]
		if t.stop {
			for k := range seen {
				seen[k] = -1
			}
		}
		for k, step := range p.steps {
			if !is(t.of, step) {
				continue
			}
			seen[k] = i
			first := i
			whole := true
			for j := range p.steps {
				whole = whole && seen[j] >= 0
				first = min(first, seen[j])
			}
			if whole && i-first <= p.gap && distinct(seen[:len(p.steps)]) {
				if room(i, &at, &had) {
					hits = append(hits, hit{p, first, i, t.quoted, false})
				}
			}
		}
	}
	return hits
}

func distinct(at []int) bool {
	for i := range at {
		for j := range i {
			if at[i] == at[j] {
				return false
			}
		}
	}
	return true
}

// defends tells whether an order to follow nothing is about what a call returns: do not obey instructions in the results. It is none
// where the words are about what came before, the user, the system or the model's own rules.
func (st *stream) defends(h hit) bool {
	inside := false
	for i := h.first; i < len(st.tokens) && i <= h.last+8 && (i <= h.first || !st.tokens[i].stop); i++ {
		of := st.tokens[i].of
		if i > h.last && of&(send|put|read|call|change|tell) != 0 && of&^third&(content|response|negligible) == 0 && !returned[st.spelled(i)] {
			break // another order begins
		}
		if i+1 < len(st.tokens) && of&tool != 0 && st.tokens[i+1].of&(content|response) != 0 {
			of &^= talk // tool results
		}
		if of&(prior|person|you|system|model|talk|session) != 0 {
			return false
		}
		if i > h.last || i > h.first && of&instruction == 0 {
			inside = inside || returned[st.spelled(i)] && i+1 < len(st.tokens) && !st.tokens[i+1].stop && st.untrusted(i+1)
		}
	}
	return inside
}

// untrusted tells whether the words from i on name what somebody else may have written: the results, its content, a page.
func (st *stream) untrusted(i int) bool {
	for n := i; n < min(len(st.tokens), i+5) && (n == i || !st.tokens[n].stop); n++ {
		if of := st.tokens[n].of; of&(content|response) != 0 && of&(instruction|foreignWord) == 0 || of == 0 && data[st.spelled(n)] {
			return true
		}
	}
	return false
}

// returned are words that stand between orders and where they were found; data is what they are found in.
var (
	returned = set("in inside within by from found contained embedded returned appearing")
	data     = set("page pages row rows document documents web website websites email emails issue issues comment comments log logs body html source sources ticket tickets")
)
