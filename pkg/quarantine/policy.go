package quarantine

import (
	"slices"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// Policy is what an entry says of its tools beside its launch. A looser one than was confirmed waits for a person, because an
// agent can edit the file too; until then the confirmed one counts beside it.
type Policy struct {
	ToolChanges string   `json:"tool_changes"`
	Enabled     []string `json:"enabled_tools"` // nil: all
	Disabled    []string `json:"disabled_tools,omitempty"`
}

func policyOf(s *config.Server) Policy {
	return Policy{s.ToolChanges, slices.Clone(s.EnabledTools), slices.Clone(s.DisabledTools)}
}

// looser tells whether p allows what q does not.
func (p Policy) looser(q Policy) bool {
	contains := func(all []string) func(string) bool {
		return func(one string) bool { return slices.Contains(all, one) }
	}
	lacks := func(all []string, has func(string) bool) bool {
		return slices.ContainsFunc(all, func(one string) bool { return !has(one) })
	}
	switch {
	case p.ToolChanges == config.ToolChangesAuto && q.ToolChanges != config.ToolChangesAuto:
		return true
	case lacks(q.Disabled, contains(p.Disabled)):
		return true
	case q.Enabled == nil:
		return false
	}
	return p.Enabled == nil || lacks(p.Enabled, contains(q.Enabled))
}

// strictness orders the policies of approval.
var strictness = []string{config.ApprovalOff, config.ApprovalHost, config.ApprovalHuman, config.ApprovalOOB}

// Stricter returns the stricter of two policies of approval.
func Stricter(a, b string) string {
	return strictness[max(slices.Index(strictness, a), slices.Index(strictness, b), 0)]
}
