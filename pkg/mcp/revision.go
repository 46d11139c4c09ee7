package mcp

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

var dates = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b20\d\d-\d\d-\d\d\b`) })

// NextRevision is what to ask a server for that refused an initialize, although the protocol has it answer with a
// revision of its own (MCP 2025-11-25, lifecycle, version negotiation). tried are those that were asked for, the last
// one last. said is the refusal; certain tells that its code alone can mean the revision (invalid params, HTTP 400). A
// revision that the refusal names comes first, the newest of several; else the next older one. "" is returned when
// there is none left, or when the refusal is about something else.
func NextRevision(tried []string, said string, certain bool) string {
	named := dates().FindAllString(said, -1)
	for _, r := range slices.Backward(Revisions) {
		if slices.Contains(named, r) && !slices.Contains(tried, r) {
			return r
		}
	}
	lower := strings.ToLower(said)
	if !certain && len(named) == 0 && !(strings.Contains(lower, "version") || strings.Contains(lower, "revision")) {
		return ""
	}
	asked := tried[len(tried)-1]
	for _, r := range slices.Backward(Revisions) {
		if r < asked && !slices.Contains(tried, r) {
			return r
		}
	}
	return ""
}
