package scan

import (
	"cmp"
	"slices"
	"strings"
)

// What a definition's signs must weigh together to be told, and to stop an approval.
const (
	flagWeight  = 45
	blockWeight = 150

	// window is how many words one thought has: signs further apart have nothing to do with one another.
	window = 100

	// maxSignals bounds the work that a definition made of nothing but markup and labels causes; patterns have their own bound.
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
