package hub

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/builtin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// standing is one entry with its record: as its file has it, and as it counts.
type standing struct {
	key       key
	written   *config.Server
	effective *config.Server
	record    *quarantine.Record // may be nil
	failed    error
	snapshot  *catalog.Snapshot
	lately    Lately
}

// standings are the entries of the session's configuration.
func (a *admin) standings() []standing {
	var all []standing
	for _, s := range a.h.State().Scope(a.s).Servers {
		all = append(all, standing{s.key(), s.Written, s.Effective, s.Record, s.Failed, s.Snapshot, s.Lately})
	}
	return all
}

func (a *admin) standing(name string) (standing, error) {
	all := a.standings()
	i := slices.IndexFunc(all, func(st standing) bool { return st.written.Name == name })
	if i < 0 {
		return standing{}, a.unknown(name)
	}
	return all[i], nil
}

// Waiting implements builtin.Admin.
func (a *admin) Waiting() []builtin.Waiting {
	var all []builtin.Waiting
	for _, st := range a.standings() {
		if st.effective.Refused != "" || !st.written.Enabled {
			continue
		}
		p := st.record.Proposal(st.written)
		if p == nil || st.failed != nil || p.OnlyUpdates() { // about those nobody has to be asked
			continue
		}
		w := builtin.Waiting{Name: st.written.Name, State: string(p.State), Digest: p.Digest, Do: todo(st, p)}
		if p.State == quarantine.Approved {
			w.Pending = st.record.Pending(st.written)
		}
		all = append(all, w)
	}
	return all
}

func todo(st standing, p *quarantine.Proposal) string {
	switch {
	case p.Digest == "":
		return "the start that the user approved is still running, or it failed; they can repeat it on a terminal: " + command("approve", st.written)
	case st.record.OwnLaunch(st.written):
		return "its launch changed in the user's config file: quarantine_approve asks the user to approve it and the tools it then lists"
	case p.State == quarantine.HeldLaunch:
		return "quarantine_approve asks the user whether it may be started once, to list its tools"
	case p.State == quarantine.HeldDefinitions:
		return "quarantine_approve asks the user to approve what it offers"
	}
	if p.OnlyUpdates() {
		return "nothing: the server was updated, and what the user approved still works; quarantine_approve asks the user to accept the new definitions"
	}
	return "quarantine_approve asks the user to approve the changes; until then the approved versions stay active"
}

// Inspect implements builtin.Admin. Nothing in it is the server's own text.
func (a *admin) Inspect(name string) (builtin.Inspection, error) {
	st, err := a.standing(name)
	if err != nil {
		return builtin.Inspection{}, err
	}
	in := builtin.Inspection{Name: name, State: string(st.record.State(st.written)), From: st.written.Path, Do: "nothing to review"}
	if st.failed != nil {
		return in, fmt.Errorf("server %s: %s", strconv.Quote(name), st.effective.Held)
	}
	if st.record != nil {
		in.Blocked = len(st.record.Blocked)
	}
	p := st.record.Proposal(st.written)
	if p == nil {
		return in, nil
	}
	text := quarantine.ReadLaunch(p.Shown, false)
	in.Launch, in.Dir, in.Env, in.Headers, in.Login, in.Isolation, in.Options, in.Notes = text.Line, asciiPath(text.Dir), text.Env, text.Headers, text.Login, text.Isolation, text.More, text.Notes
	if p.Was != nil {
		in.Was = quarantine.ReadLaunch(p.Was, false).Line
		if values := quarantine.ChangedValues(p.Was, p.Launch); len(values) > 0 {
			in.Notes = append(in.Notes, "changed: "+strings.Join(values, ", "))
		}
	}
	if p.Policy != nil {
		in.Policy = "the entry's policy is " + looser(st, p)
	}
	in.Items, in.Changes = map[string]int{}, map[string]int{}
	for _, it := range st.record.Offered(p.Items) {
		in.Items[string(it.Kind)]++
	}
	for _, c := range p.Changes {
		in.Changes[c.What()]++
	}
	if len(p.Items) > 0 {
		in.Findings = []builtin.Found{}
	}
	for _, c := range a.h.findings(st.key, p) {
		in.Findings = append(in.Findings, builtin.Found{Rule: c.Rule, Severity: c.Severity.String(), Count: c.Count})
	}
	if st.effective.Refused != "" {
		in.Do = "it can't be approved: " + st.effective.Refused
		return in, nil
	}
	in.Digest, in.Do = p.Digest, todo(st, p)
	return in, nil
}

// findings counts what the scanner found in the changes, by rule.
func (h *Hub) findings(k key, p *quarantine.Proposal) quarantine.RuleCounts {
	scanner := quarantine.NewScanner(h.scanContext(k))
	var all []scan.Finding
	for _, c := range p.Changes {
		all = append(all, scanner.Scan(c.Item)...)
	}
	return quarantine.CountRules(all...)
}
