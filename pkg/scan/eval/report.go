package eval

import (
	"slices"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// Flagged is the severity from which on a definition counts as flagged. What is below is told and never counted.
const Flagged = scan.Medium

// Rate counts a group of rows, or of servers.
type Rate struct {
	All     int `json:"all"`
	Flagged int `json:"flagged"`
	Blocked int `json:"blocked"`
}

func (r *Rate) count(s scan.Severity) {
	r.All++
	if s >= Flagged {
		r.Flagged++
	}
	if s >= scan.Block {
		r.Blocked++
	}
}

// Share is the flagged part, from 0 to 1.
func (r Rate) Share() float64 { return share(r.Flagged, r.All) }

// BlockShare is the blocked part, from 0 to 1.
func (r Rate) BlockShare() float64 { return share(r.Blocked, r.All) }

func share(n, all int) float64 {
	if all == 0 {
		return 0
	}
	return float64(n) / float64(all)
}

// Report is the measure of a corpus.
type Report struct {
	Tiers       map[string]Rate `json:"tiers"`
	Sources     map[string]Rate `json:"sources"` // of what is hostile, tiers T1 and T2
	Classes     map[string]Rate `json:"classes"`
	Surfaces    map[string]Rate `json:"surfaces"`
	MacroSource float64         `json:"macro_source"` // mean of the sources' shares
	Characters  Rate            `json:"characters"`   // invisible, bidirectional, tag, variation-selector, terminal and private-use rows
	RealTools   Rate            `json:"real_tools"`
	RealServers Rate            `json:"real_servers"`
	Hard        Rate            `json:"hard_negatives"`
	Benign      map[string]Rate `json:"benign"`
	Mean        time.Duration   `json:"mean_ns"`
	P99         time.Duration   `json:"p99_ns"`
}

// realClasses are definitions of servers that people run.
var realClasses = []string{"official_server", "real_server", "real_server_in_the_wild", "benign_name_collision"}

// characterClasses are about what can't be seen.
var characterClasses = []string{"unicode_tags", "bidi", "variation_selectors", "ansi", "private_use", "zws", "zero_width", "invisible", "soft_hyphen", "nul_and_control", "unicode_smuggling"}

// Measure counts verdicts.
func Measure(verdicts []Verdict) *Report {
	r := &Report{Tiers: map[string]Rate{}, Sources: map[string]Rate{}, Classes: map[string]Rate{}, Surfaces: map[string]Rate{}, Benign: map[string]Rate{}}
	servers := map[string]scan.Severity{}
	var times []time.Duration
	var sum time.Duration
	for i := range verdicts {
		v := &verdicts[i]
		times = append(times, v.Took)
		sum += v.Took
		if v.Row.Malicious {
			r.malicious(v)
		} else {
			r.benign(v, servers)
		}
	}
	for _, worst := range servers {
		r.RealServers.count(worst)
	}
	for _, rate := range r.Sources {
		r.MacroSource += rate.Share() / float64(len(r.Sources))
	}
	if len(times) > 0 {
		slices.Sort(times)
		r.Mean, r.P99 = sum/time.Duration(len(times)), times[len(times)*99/100]
	}
	return r
}

func (r *Report) malicious(v *Verdict) {
	s := v.Severity()
	add(r.Tiers, v.Row.Tier, s)
	add(r.Classes, v.Row.Class, s)
	if v.Row.Tier == "T1" || v.Row.Tier == "T2" {
		add(r.Sources, v.Row.Source, s)
		add(r.Surfaces, v.Row.Surface, s)
	}
	if slices.ContainsFunc(characterClasses, func(c string) bool { return strings.Contains(v.Row.Class, c) }) {
		r.Characters.count(s)
	}
}

func (r *Report) benign(v *Verdict, servers map[string]scan.Severity) {
	s := v.Severity()
	add(r.Benign, v.Row.Class, s)
	switch {
	case slices.Contains(realClasses, v.Row.Class):
		r.RealTools.count(s)
		servers[v.Row.Server] = max(servers[v.Row.Server], s)
	case v.Row.Class == "hard_negative":
		r.Hard.count(s)
	}
}

func add(to map[string]Rate, key string, s scan.Severity) {
	rate := to[key]
	rate.count(s)
	to[key] = rate
}
