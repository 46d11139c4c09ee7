package cli

import (
	"context"
	"math"
	"regexp"
	"strings"
	"sync"
)

// ownOrReview is what is typed for where servers are added.
const ownOrReview = "trust it as your own (or Enter, to review it later)"

// sure asks a person who adds or enables servers, where a script may operate the terminal, whether it is they: what they add is trusted. An error means
// that nobody answered as a person does.
func (a *app) sure(ctx context.Context, what, purpose string) error {
	if a.operator().Doubt == "" {
		return nil
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	return a.confirm(ctx, newPrinter(a.out), what, purpose)
}

// Compiled when they are needed: every start of the proxy would pay for it.
var (
	secretName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(token|secret|passw|passwd|pwd|credential|authorization|api_?key|private_?key|access_?key|[-_]key$|^key$|^pat$|_pat$)`)
	})
	secretValue = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(gh[pousr]_|github_pat_|glpat-|sk-|sk_live_|xox[abprs]-|AKIA|AIza|ya29\.|eyJ|npm_|hf_|Bearer |Basic )`)
	})
)

// secretSize is the shortest value that is random enough to be one.
const secretSize = 20

// looksSecret tells whether a value should not stand in a file.
func looksSecret(name, value string) bool {
	switch {
	case value == "" || strings.Contains(value, "${"):
		return false
	case secretName().MatchString(name), secretValue().MatchString(value):
		return true
	}
	return len(value) >= secretSize && !strings.ContainsAny(value, " /:.,") && entropy(value) > 3.7
}

// entropy is how many bits a character of s carries, by how often each occurs in it.
func entropy(s string) (bits float64) {
	counts := map[byte]int{}
	for i := range len(s) {
		counts[s[i]]++
	}
	for _, n := range counts {
		p := float64(n) / float64(len(s))
		bits -= p * math.Log2(p)
	}
	return bits
}
