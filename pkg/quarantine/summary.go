package quarantine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// RuleCount is how often a rule found something of one severity.
type RuleCount struct {
	Rule     string        `json:"rule"`
	Severity scan.Severity `json:"severity"`
	Count    int           `json:"count"`
}

// RuleCounts is what the scanner found, the gravest first. Every screen and result counts findings here.
type RuleCounts []RuleCount

// CountRules counts findings. An aside is none.
func CountRules(found ...scan.Finding) RuleCounts {
	counts := RuleCounts{}
	for _, f := range found {
		if f.Severity < scan.Low {
			continue
		}
		i := slices.IndexFunc(counts, func(c RuleCount) bool { return c.Rule == f.Rule && c.Severity == f.Severity })
		if i < 0 {
			counts = append(counts, RuleCount{Rule: f.Rule, Severity: f.Severity})
			i = len(counts) - 1
		}
		counts[i].Count++
	}
	slices.SortFunc(counts, func(a, b RuleCount) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), strings.Compare(a.Rule, b.Rule))
	})
	return counts
}

// Worst is the gravest severity, scan.Info if nothing was found.
func (c RuleCounts) Worst() scan.Severity {
	if len(c) == 0 {
		return scan.Info
	}
	return c[0].Severity
}

// Rules names what was found, "" for nothing.
func (c RuleCounts) Rules() string {
	var parts []string
	for _, one := range c {
		text := fmt.Sprintf("%s (%s)", one.Rule, one.Severity)
		if one.Count > 1 {
			text += fmt.Sprintf(" ×%d", one.Count)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// Severities says how many findings there are of each severity, "" for none.
func (c RuleCounts) Severities() string {
	var parts []string
	for i := 0; i < len(c); {
		n, severity := 0, c[i].Severity
		for ; i < len(c) && c[i].Severity == severity; i++ {
			n += c[i].Count
		}
		parts = append(parts, fmt.Sprintf("%d %s", n, severity))
	}
	return strings.Join(parts, ", ")
}

// Offered are those of some items that are offered once they are approved: all but the blocked tools. The record may be nil.
func (r *Record) Offered(items []Item) []Item {
	return slices.DeleteFunc(slices.Clone(items), func(it Item) bool { return r.Blocks(it) })
}

// Blocks tells whether an item is a tool that was blocked. The record may be nil.
func (r *Record) Blocks(it Item) bool {
	return r != nil && it.Kind == Tool && slices.Contains(r.Blocked, it.ID)
}
