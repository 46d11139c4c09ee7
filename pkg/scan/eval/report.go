package main

import (
	"slices"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// flaggedFrom is the severity from which on a definition counts as flagged. What is below is reported and never counted.
const flaggedFrom = scan.Medium

// rate counts a group of rows, or of servers.
type rate struct {
	All     int `json:"all"`
	Flagged int `json:"flagged"`
	Blocked int `json:"blocked"`
}

func (r *rate) count(s scan.Severity) {
	r.All++
	if s >= flaggedFrom {
		r.Flagged++
	}
	if s >= scan.Block {
		r.Blocked++
	}
}

func share(n, all int) float64 {
	if all == 0 {
		return 0
	}
	return float64(n) / float64(all)
}

// report is the measure of a corpus.
type report struct {
	Tiers       map[string]rate `json:"tiers"`
	Sources     map[string]rate `json:"sources"` // of what is hostile, tiers T1 and T2
	Classes     map[string]rate `json:"classes"`
	Surfaces    map[string]rate `json:"surfaces"`
	MacroSource float64         `json:"macro_source"` // mean of the sources' shares
	Characters  rate            `json:"characters"`   // invisible, bidirectional, tag, variation-selector, terminal and private-use rows
	RealTools   rate            `json:"real_tools"`
	RealServers rate            `json:"real_servers"`
	Hard        rate            `json:"hard_negatives"`
	Benign      map[string]rate `json:"benign"`
	Mean        time.Duration   `json:"mean_ns"`
	P99         time.Duration   `json:"p99_ns"`
}

// realClasses are definitions of servers that people run.
var realClasses = []string{"official_server", "real_server", "real_server_in_the_wild", "benign_name_collision"}

// characterClasses are about what can't be seen.
var characterClasses = []string{
	"unicode_tags", "bidi", "variation_selectors", "ansi", "private_use", "zws", "zero_width", "invisible", "soft_hyphen",
	"nul_and_control", "unicode_smuggling",
}

// measure counts verdicts.
func measure(verdicts []verdict) *report {
	r := &report{
		Tiers: map[string]rate{}, Sources: map[string]rate{}, Classes: map[string]rate{}, Surfaces: map[string]rate{},
		Benign: map[string]rate{},
	}
	servers := map[string]scan.Severity{}
	var times []time.Duration
	var sum time.Duration
	for i := range verdicts {
		v := &verdicts[i]
		times = append(times, v.took)
		sum += v.took
		if v.row.Malicious {
			r.malicious(v)
		} else {
			r.benign(v, servers)
		}
	}
	for _, worst := range servers {
		r.RealServers.count(worst)
	}
	for _, of := range r.Sources {
		r.MacroSource += share(of.Flagged, of.All) / float64(len(r.Sources))
	}
	if len(times) > 0 {
		slices.Sort(times)
		r.Mean, r.P99 = sum/time.Duration(len(times)), times[len(times)*99/100]
	}
	return r
}

func (r *report) malicious(v *verdict) {
	s := v.severity
	add(r.Tiers, v.row.Tier, s)
	add(r.Classes, v.row.Class, s)
	if v.row.Tier == "T1" || v.row.Tier == "T2" {
		add(r.Sources, v.row.Source, s)
		add(r.Surfaces, v.row.Surface, s)
	}
	if slices.ContainsFunc(characterClasses, func(c string) bool { return strings.Contains(v.row.Class, c) }) {
		r.Characters.count(s)
	}
}

func (r *report) benign(v *verdict, servers map[string]scan.Severity) {
	s := v.severity
	add(r.Benign, v.row.Class, s)
	switch {
	case slices.Contains(realClasses, v.row.Class):
		r.RealTools.count(s)
		servers[v.row.Server] = max(servers[v.row.Server], s)
	case v.row.Class == "hard_negative":
		r.Hard.count(s)
	}
}

func add(to map[string]rate, key string, s scan.Severity) {
	of := to[key]
	of.count(s)
	to[key] = of
}
