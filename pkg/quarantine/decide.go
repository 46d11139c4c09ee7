package quarantine

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// Errors of decisions.
var (
	// ErrNothing is wrapped when nothing of a server waits for an approval.
	ErrNothing = errors.New("nothing to approve")
	// ErrDigest is wrapped when another digest was approved than the one that is stored.
	ErrDigest = errors.New("it changed since it was shown")
	// ErrInspecting is wrapped while an inspection that was approved has not ended.
	ErrInspecting = errors.New("the inspection has not ended")
	// ErrFindings is wrapped when a finding stops the approval.
	ErrFindings = errors.New("a finding stops the approval")
)

// ByTool is the How of what a model did by quarantine_reject.
const ByTool = "tool"

// Means is how a decision was taken.
type Means struct {
	How       string   // terminal, editor, elicitation, code, host, off or tool
	By        string   // who asked: the client's name, or the user's
	Confirmed []string // items with a blocking finding that the person named
	Model     bool     // nobody was asked: a model did it by itself, or a program that imitates a person
}

// Approve takes down that a person approved what has this digest. The result says what they approved: "inspect" (the server may be started
// to see what it offers), "launch" (a changed launch of a server that a person knows: what it lists next is the baseline) or
// "approve". The error wraps ErrNothing, ErrDigest, ErrInspecting or ErrFindings.
func (r *Record) Approve(s *config.Server, digest string, by Means, judge Judge) (decision string, err error) {
	p := r.Proposal(s)
	switch {
	case p == nil:
		return "", ErrNothing
	case p.Digest == "":
		return "", ErrInspecting
	case !strings.EqualFold(p.Digest, digest):
		return "", fmt.Errorf("%w: its digest is now %s; look at it again", ErrDigest, p.Digest)
	}
	for _, c := range p.Blocking(judge) {
		if !slices.Contains(by.Confirmed, c.Name()) {
			return "", fmt.Errorf("%w: %s looks hostile; a person can confirm it by its name on a terminal, or block it", ErrFindings, strconv.QuoteToASCII(c.Name()))
		}
	}
	changes := make([]Item, 0, len(p.Changes))
	for _, c := range p.Changes {
		if c.Digest != "" {
			changes = append(changes, c.Item)
		}
	}
	if p.State == HeldLaunch {
		decision = "inspect"
		if r.OwnLaunch(s) {
			decision = "launch"
		}
	} else {
		decision = "approve"
	}
	r.Refused, r.Unasked, r.Code, r.Updates = time.Time{}, false, nil, 0
	switch decision {
	case "inspect":
		r.Inspect, r.Found, r.Seen = s.LaunchKey(), nil, false
	case "launch":
		r.approveLaunch(s, p)
		r.First, r.Unread, r.Items, r.Waiting, r.Fitting, r.Resources, r.Taken = true, nil, nil, nil, nil, nil, time.Time{}
	case "approve":
		inspected := p.State == HeldDefinitions && r.Inspect == s.LaunchKey() // only then it is what was shown
		r.approveLaunch(s, p)
		if inspected {
			r.Resources, r.Waiting, r.Fitting, r.Taken = nil, nil, nil, time.Now()
			for i := range r.Items {
				r.Items[i].Served = false
			}
			r.takeAll(r.Found) // in the server's order
			r.Found, r.Seen, r.Inspect, r.First = nil, false, "", false
			break
		}
		r.takeAll(changes)
	}
	r.decide(decision, by.How, by.By, changes, digest)
	return decision, nil
}

// OwnLaunch tells whether approving the launch that waits approves what the server lists under it as well: the person's own file has
// another launch of a server that they have approved. Who asks them has to say so. The record may be nil.
func (r *Record) OwnLaunch(s *config.Server) bool {
	return r != nil && r.State(s) == HeldLaunch && !r.Tool && !s.Workspace && !s.Quarantined && r.Launch != nil && (!r.First || r.OffersNothing())
}

// takeAll makes items approved ones, but for those that can't be.
func (r *Record) takeAll(items []Item) {
	v := r.versions()
	for _, it := range items {
		if it.Digest != "" && !v.meet(it, new(bool)) {
			v.take(it)
		}
	}
	v.end()
}

func (r *Record) approveLaunch(s *config.Server, p *Proposal) {
	if r.LaunchKey != "" && r.LaunchKey != s.LaunchKey() && r.Pin() != nil { // it was of another launch
		r.PinTo(nil, Means{})
	}
	r.Launch, r.LaunchKey = p.Launch, s.LaunchKey()
	r.Policy, r.Overrode, r.Flagged, r.Tool, r.Doubt = policyOf(s), s.Quarantined, false, false, ""
}

// Baseline takes down that an entry is the person's own: the first look at it is trusted. What was known of another launch under the name
// is forgotten, or that look would never be taken.
func (r *Record) Baseline(s *config.Server, how string) {
	r.approveLaunch(s, &Proposal{Launch: s.Launch()})
	r.First, r.Unread, r.Items, r.Waiting, r.Fitting, r.Resources, r.Taken = true, nil, nil, nil, nil, nil, time.Time{}
	r.Inspect, r.Found, r.Seen, r.Refused, r.Unasked, r.Code = "", nil, false, time.Time{}, false, nil
	r.decide("baseline", how, "", nil)
}

// Reject takes back all that was approved of a server, and refuses what waits. A model may do so; a person can be asked again at once then.
func (r *Record) Reject(by Means) {
	decision := "reject"
	if r.Launch != nil {
		decision = "revoke"
	}
	was := *r
	*r = Record{Config: r.Config, Server: r.Server, Generation: r.Generation, Tool: true, Blocked: r.Blocked, Outbox: r.Outbox, Last: r.Last}
	if now := time.Now(); by.Model && was.Cooling(now) {
		r.Refused = was.Refused // a person's own word stands
	} else {
		r.Refuse(now)
		r.Unasked = by.Model
	}
	r.decide(decision, by.How, by.By, nil)
}

// Block takes one tool away, whatever was approved of it; Unblock gives it back.
func (r *Record) Block(tool string, by Means) {
	if !slices.Contains(r.Blocked, tool) {
		r.Blocked = append(r.Blocked, tool)
		r.Waiting = slices.DeleteFunc(r.Waiting, Item{Kind: Tool, ID: tool}.same)
		r.Found = slices.DeleteFunc(r.Found, Item{Kind: Tool, ID: tool}.same)
		r.decide("block", by.How, by.By, []Item{{Kind: Tool, ID: tool}})
	}
}

// Unblock gives a tool back that was blocked; a version of it that was not approved waits for a review as ever.
func (r *Record) Unblock(tool string, by Means) {
	if slices.Contains(r.Blocked, tool) {
		r.Blocked = slices.DeleteFunc(r.Blocked, func(t string) bool { return t == tool })
		same := Item{Kind: Tool, ID: tool}.same
		if i := slices.IndexFunc(r.Items, same); i >= 0 && !slices.ContainsFunc(r.Items, func(it Item) bool { return same(it) && it.Served }) {
			r.Items[i].Served = true // a look that was taken meanwhile has left it out; the last version stands first
		}
		r.decide("unblock", by.How, by.By, []Item{{Kind: Tool, ID: tool}})
	}
}

// Hold takes down that a tool added the entry or changed its launch: a person has to approve it anew, in both steps.
func (r *Record) Hold() { r.Tool, r.Inspect, r.Found, r.Seen = true, "", nil, false }

// CoolDown is how long after a refusal nobody is asked about the same server again.
const CoolDown = 10 * time.Minute

// Cooling tells whether a person said no a short while ago.
func (r *Record) Cooling(now time.Time) bool {
	return r != nil && !r.Unasked && now.Sub(r.Refused) < CoolDown
}

// Refuse takes down that a person said no.
func (r *Record) Refuse(now time.Time) { r.Refused, r.Unasked = now, false }

// decide puts a decision where the log is written from.
func (r *Record) decide(decision, how, by string, items []Item, digest ...string) {
	id := make([]byte, 8)
	rand.Read(id)
	e := Entry{ID: hex.EncodeToString(id), Time: time.Now().UTC(), Config: r.Config, Server: r.Server, Decision: decision, How: how, By: by}
	if len(digest) > 0 {
		e.Digest = digest[0]
	}
	for _, it := range items {
		e.Items = append(e.Items, LoggedItem{Kind: it.Kind, ID: it.ID, Digest: it.Digest, Raw: it.Raw})
	}
	r.Outbox = append(r.Outbox, e)
}
