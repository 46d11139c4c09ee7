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
	Off         bool     `json:"disabled,omitempty"` // the whole server
}

func policyOf(s *config.Server) Policy {
	p := Policy{ToolChanges: s.ToolChanges, Enabled: slices.Clone(s.EnabledTools), Off: !s.Enabled}
	if len(s.DisabledTools) > 0 { // an empty list says nothing, and is not kept
		p.Disabled = slices.Clone(s.DisabledTools)
	}
	return p
}

// within tells which parts of p allow nothing that q does not.
func (p Policy) within(q Policy) (changes, disabled, enabled bool) {
	among := func(some, all []string) bool {
		return !slices.ContainsFunc(some, func(one string) bool { return !slices.Contains(all, one) })
	}
	changes = p.ToolChanges != config.ToolChangesAuto || q.ToolChanges == config.ToolChangesAuto
	return changes, among(q.Disabled, p.Disabled), q.Enabled == nil || p.Enabled != nil && among(p.Enabled, q.Enabled)
}

// looser tells whether p allows what q does not.
func (p Policy) looser(q Policy) bool {
	changes, disabled, enabled := p.within(q)
	return !changes || !disabled || !enabled || q.Off && !p.Off
}

// tightened is q with those parts of p that are stricter.
func (q Policy) tightened(p Policy) Policy {
	changes, disabled, enabled := p.within(q)
	if changes {
		q.ToolChanges = p.ToolChanges
	}
	if disabled {
		q.Disabled = p.Disabled
	}
	if enabled {
		q.Enabled = p.Enabled
	}
	q.Off = q.Off || p.Off
	return q
}

// strictness orders the policies of approval.
var strictness = []string{config.ApprovalOff, config.ApprovalHost, config.ApprovalHuman, config.ApprovalOOB}

// Stricter returns the stricter of two policies of approval.
func Stricter(a, b string) string {
	return strictness[max(slices.Index(strictness, a), slices.Index(strictness, b), 0)]
}
