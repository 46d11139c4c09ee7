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
	full             int  // its weight without excuses
	mention          bool // it is quoted, in a sentence about attacks
	at               int  // the word where it stands
	node             int
	excerpt, message string
}

// weightiest is weigh for all that was found.
func (j *judge) weightiest() (best []signal, total int) {
	slices.SortStableFunc(j.signals, func(a, b signal) int { return a.at - b.at })
	return weigh(j.signals)
}

// weigh returns the signals of the window that weighs most, each rule by its weightiest, and their weight. It takes them sorted.
func weigh(signals []signal) (best []signal, total int) {
	from := 0
	for to := range signals {
		for signals[to].at-signals[from].at > window {
			from++
		}
		if to+1 < len(signals) && signals[to+1].at-signals[from].at <= window {
			continue // a wider window has it all
		}
		rules, second := map[string]int{}, map[string]int{}
		sum := 0
		for i := from; i <= to; i++ {
			s := &signals[i]
			if s.weight == 0 {
				continue
			}
			at, known := rules[s.rule]
			if !known {
				rules[s.rule] = i
				sum += s.weight
				continue
			}
			less := min(s.weight, signals[at].weight)
			if s.weight > signals[at].weight {
				rules[s.rule] = i
				sum += s.weight - signals[at].weight
			}
			if s.pattern != signals[at].pattern {
				second[s.rule] = max(second[s.rule], less)
			}
		}
		for _, weight := range second { // the same thing said in another way
			sum += weight / 4
		}
		if sum > total {
			total, best = sum, best[:0]
			for _, i := range rules {
				best = append(best, signals[i])
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

// blocks tells whether signals stop an approval together.
func blocks(signals []signal, total int) bool {
	rules := rulesOf(signals)
	return total >= blockWeight && len(rules) >= 3 && (slices.Contains(rules, "secrecy") || slices.Contains(rules, "override"))
}

// orders tells whether a signal is of an order to the model, and not an example of one. What is kept from the user and what is
// to be done before or with other tools is one, however it is quoted.
func orders(s signal) bool {
	return s.rule == "secrecy" || s.rule == "hook" || s.rule == "prerequisite" || s.rule == "override" && !s.mention
}

// conclude turns signals into findings: enough of them together flag the definition, fewer are told for what they are. Excuses
// may keep a definition from being flagged, and never from being blocked, unless all there is are examples.
func (j *judge) conclude() {
	signals, total := j.weightiest()
	block := blocks(signals, total)
	if j.excused && !block {
		whole := slices.Clone(j.signals)
		for i := range whole {
			whole[i].weight = whole[i].full
		}
		if all, sum := weigh(whole); blocks(all, sum) && slices.ContainsFunc(whole, orders) {
			signals, total, block = all, sum, true
		}
	}
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
