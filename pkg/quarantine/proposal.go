package quarantine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// Proposal is what stands to be approved of one entry, whole: what is shown, and what the digest covers.
type Proposal struct {
	State  State
	Digest string // 64 hex digits; "" while an inspection that was approved has not ended
	Launch []byte // canonical
	Shown  []byte // Launch with the values that it has hashes of, for people; never stored
	Was    []byte // the approved launch, if another one was
	Items  []Item // every definition the digest covers, by kind and ID
	Policy *Policy
	// Changes are the items that differ from what is served, those that can't be approved included.
	Changes []Change
}

// Change is one item that differs.
type Change struct {
	Item
	Old         []byte       // the version that is served; nil: there is none
	Differences []Difference // from that version
}

// OnlyUpdates tells whether nothing is held: all that waits are updates of approved items whose calls go on.
func (p *Proposal) OnlyUpdates() bool {
	return p.State == Approved && p.Policy == nil && !slices.ContainsFunc(p.Changes, func(c Change) bool { return !c.Fits })
}

// What is the kind of a change, in a word.
func (c Change) What() string {
	switch {
	case c.Digest == "":
		return "unreadable"
	case c.Old == nil:
		return "new"
	case c.Fits:
		return "updated"
	}
	return "changed"
}

// Proposal is what stands to be approved of an entry, nil if nothing does. The record may be nil.
func (r *Record) Proposal(s *config.Server) *Proposal {
	if r == nil {
		r = &Record{}
	}
	p := &Proposal{State: r.State(s), Launch: s.Launch(), Shown: s.LaunchShown()}
	if r.Launch != nil && r.LaunchKey != s.LaunchKey() {
		p.Was = r.Launch
	}
	if written := policyOf(s); r.Launch != nil && written.looser(r.Policy) || r.Launch == nil && written.ToolChanges == config.ToolChangesAuto {
		p.Policy = &written
	}
	v := r.versions()
	switch p.State {
	case HeldLaunch:
		p.Digest = digest(p, false)
		return p
	case HeldDefinitions:
		if r.Inspect == s.LaunchKey() {
			if !r.Seen {
				return p
			}
			for _, it := range r.Found {
				v.propose(p, it)
			}
			break
		}
		fallthrough
	case Approved:
		if p.State == Approved && len(r.Waiting) == 0 && p.Policy == nil {
			return nil
		}
		for _, it := range r.Items {
			if _, waits := v.waiting[it.key()]; it.Served && !waits {
				p.Items = append(p.Items, it)
			}
		}
		for _, it := range r.Waiting {
			v.propose(p, it)
		}
	}
	p.Items = sorted(p.Items)
	p.Digest = digest(p, true)
	return p
}

// propose puts an item that is not approved yet, or perhaps is, into the proposal.
func (v *versions) propose(p *Proposal, it Item) {
	if it.Digest != "" {
		p.Items = append(p.Items, it)
		if slices.ContainsFunc(v.approved[it.key()], func(i int) bool { return v.r.Items[i].Digest == it.Digest }) {
			return
		}
	}
	c := Change{Item: it}
	if i := v.served(it); i >= 0 {
		c.Old = v.r.Items[i].Raw
		c.Differences = Differences(it.Kind, c.Old, it.Raw)
	}
	p.Changes = append(p.Changes, c)
}

// digest is the SHA-256 over the canonical JSON of the launch, of every definition whole, and of the policy where one waits. It is made of
// the parts in their order, so that a definition that has a canonical form of its own is never nested too deeply here.
func digest(p *Proposal, definitions bool) string {
	h := sha256.New()
	put := func(text string) { h.Write([]byte(text)) }
	value := func(raw []byte) {
		canonical, err := jsonrpc.Canonical(raw)
		if err != nil { // it had one when it got its digest: the record was damaged
			canonical = raw
		}
		h.Write(canonical)
	}
	put("{")
	if definitions {
		put(`"definitions":{`)
		for i, it := range p.Items {
			switch {
			case i > 0 && it.Kind == p.Items[i-1].Kind:
				put(",")
			case i > 0:
				put("],")
				fallthrough
			default:
				put(`"` + string(it.Kind) + `":[`)
			}
			value(it.Raw)
		}
		if len(p.Items) > 0 {
			put("]")
		}
		put("},")
	}
	put(`"launch":`)
	value(p.Launch)
	if p.Policy != nil {
		policy, err := json.Marshal(p.Policy)
		if err != nil {
			panic(err) // strings alone
		}
		put(`,"policy":`)
		value(policy)
	}
	put("}")
	return hex.EncodeToString(h.Sum(nil))
}

// Blocking are the changes with a finding that stops an approval unless a person has confirmed the item by its name.
func (p *Proposal) Blocking(judge Judge) []Change {
	return slices.DeleteFunc(slices.Clone(p.Changes), func(c Change) bool { return c.Digest == "" || judge(c.Item) < scan.Block })
}

// Count tells how many tools, prompts and templates the digest covers.
func (p *Proposal) Count(kind Kind) (n int) {
	for _, it := range p.Items {
		if it.Kind == kind {
			n++
		}
	}
	return n
}
