package admin

import (
	"slices"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// Review is what waits for a person at one server.
type Review struct {
	*Entry
	Items   map[string]int // by kind, those that the digest covers
	Changes map[string]int // new, changed (held), updated (calls go on), unreadable
	Found   []Found        // what the scanner found in the changes
}

// ReviewOf is the review of an entry, for what stands to be approved of it.
func ReviewOf(e *Entry) *Review {
	r := &Review{Entry: e, Found: e.Found(e.Proposal)}
	p := e.Proposal
	if p == nil {
		return r
	}
	r.Items, r.Changes = map[string]int{}, map[string]int{}
	for _, it := range p.Items {
		r.Items[string(it.Kind)]++
	}
	for _, c := range p.Changes {
		r.Changes[c.What()]++
	}
	return r
}

// Reviews are those of all servers of which something waits that can be approved; with all, of every server.
func (s *Service) Reviews(by *Actor, all bool) ([]*Review, *hub.View, error) {
	v, err := by.Host.View()
	if err != nil {
		return nil, nil, err
	}
	reviews := []*Review{}
	for _, e := range entries(v) {
		if closed := e.Closed(); all || e.Proposal != nil && (closed == nil || closed.State == Failed) {
			reviews = append(reviews, ReviewOf(e))
		}
	}
	return reviews, v, nil
}

// Review is that of one server.
func (s *Service) Review(by *Actor, name string) (*Review, error) {
	v, err := by.Host.View()
	if err != nil {
		return nil, err
	}
	e, err := find(v, name)
	if err != nil {
		return nil, err
	}
	return ReviewOf(e), nil
}

// Unchanged are the items of what waits that are approved already; without a proposal, all that is served.
func (e *Entry) Unchanged() []quarantine.Item {
	p := e.Proposal
	if p == nil {
		return e.Items()
	}
	return slices.DeleteFunc(slices.Clone(p.Items), func(it quarantine.Item) bool {
		return slices.ContainsFunc(p.Changes, func(c quarantine.Change) bool { return c.Kind == it.Kind && c.ID == it.ID })
	})
}

// ClosedError says that nothing of a server can be approved as it stands.
type ClosedError struct {
	*Entry
	State State // Refused, Disabled or Failed
}

// Error implements error. Who tells a person words it with what they can do.
func (e *ClosedError) Error() string { return "it can't be approved: it is " + string(e.State) }

// Closed tells why nothing of the entry can be approved, nil if it can.
func (e *Entry) Closed() *ClosedError {
	switch {
	case e.Effective.Refused != "":
		return &ClosedError{e, Refused}
	case e.Failed != nil:
		return &ClosedError{e, Failed}
	case !e.Written.Enabled:
		return &ClosedError{e, Disabled}
	}
	return nil
}
