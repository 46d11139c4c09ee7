package config

import (
	"strings"
)

// OptionSpec is what is told of an option of an entry.
type OptionSpec struct {
	Name    string
	Type    string // string, boolean, array, object, duration
	Meaning string // its sentence
	Launch  bool   // it decides what is run or reached
	Person  bool   // it is for a person to set, and for no tool
}

// Options are the options of an entry, in the order of the documentation.
func Options() []OptionSpec {
	specs := make([]OptionSpec, len(serverOptions))
	for i := range serverOptions {
		o := &serverOptions[i]
		specs[i] = OptionSpec{Name: o.name, Type: o.typeName(), Meaning: plain(o.meaning), Launch: !o.aside, Person: o.person}
	}
	return specs
}

// InLaunch tells whether an option of an entry decides what is run or reached, so that changing it takes an approval.
func InLaunch(name string) bool {
	o := serverOptions.named(name)
	return o == nil || !o.aside
}

// laterOptions are documented for versions to come. Written today, they are told
// and have no effect.
var laterOptions = []string{"share"}

// nearest returns the candidate that name was most likely meant to be, or "" if
// none is near. Case, underscores and hyphens do not count: workingDir is
// working_dir.
func nearest(name string, candidates []string) string {
	if len(name) > 64 {
		return ""
	}
	key := plainKey(name)
	best, bestDistance := "", 1+max(1, len(key)/3)
	for _, c := range candidates {
		if d := editDistance(key, plainKey(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// suggest words the nearest candidate as a remedy, or lists all of them.
func suggest(name string, candidates []string) string {
	if near := nearest(name, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return "known are " + strings.Join(candidates, ", ")
}

// editDistance is the optimal string alignment distance in bytes: insertions,
// deletions, replacements and swaps of neighbours.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
