package quarantine

import (
	"bytes"
	"slices"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// Judge tells the gravest finding of an item.
type Judge func(Item) scan.Severity

// maxVersions bounds how many approved versions of one item are kept: servers toggle between a few, no honest one between many.
const maxVersions = 8

// Extent is how much of a server's lists is known.
type Extent int

const (
	Part  Extent = iota // what an instance of a session lists: another may offer more
	Late                // a look with all abilities that has had its time, but not all answers
	Whole               // a look with all abilities
)

// Learn takes in what a server lists, and tells whether that changed the record. Only a whole look takes anything away.
//
// At a server that is approved, what differs from the approved versions waits: a change of text alone while the approved text
// goes on being served, everything else withheld; with auto it is approved unless a finding stops it. The first look under a
// launch of the baseline is the baseline.
func (r *Record) Learn(s *config.Server, live *catalog.Snapshot, extent Extent, auto bool, judge Judge) (changed bool) {
	whole := extent == Whole
	items := slices.DeleteFunc(ItemsOf(live), func(it Item) bool { return it.Kind == Tool && slices.Contains(r.Blocked, it.ID) })
	switch state := r.State(s); {
	case state == HeldDefinitions && r.Inspect == s.LaunchKey():
		if r.Seen && !whole || r.Seen && sameItems(r.Found, items) {
			return false
		}
		r.Found, r.Seen = items, true
		return true
	case state != Approved, r.First && extent == Part: // the first look is due, or under way
		return false
	}
	how := ""
	if r.First {
		how = "baseline"
	} else if auto {
		how = "auto"
	}
	var taken []Item
	for _, it := range items {
		switch {
		case r.meet(it, &changed):
		case how != "" && it.Digest != "" && judge(it) < scan.Block:
			r.take(it)
			taken, changed = append(taken, it), true
		default:
			changed = r.wait(it, judge) || changed
		}
	}
	if whole {
		changed = r.forget(items) || changed
	}
	if r.First { // what comes later is new
		r.First, changed = false, true
	}
	if len(taken) > 0 {
		r.decide(how, "", "", taken)
	}
	if list := resources(live); live.Items[catalog.Resources] != nil && !slices.EqualFunc(list, r.Resources, bytes.Equal) {
		r.Resources, changed = list, true
	}
	if extent != Part && (changed || live.Taken.Sub(r.Taken) > time.Hour) {
		r.Taken, changed = live.Taken, true
	}
	return changed
}

func sameItems(a, b []Item) bool {
	return slices.EqualFunc(a, b, func(a, b Item) bool { return a.same(b) && bytes.Equal(a.Raw, b.Raw) })
}

// meet handles an item of which this version is approved; it is the one that is served from now on.
func (r *Record) meet(it Item, changed *bool) bool {
	i := slices.IndexFunc(r.Items, func(o Item) bool { return o.same(it) && o.Digest == it.Digest && it.Digest != "" })
	if i < 0 {
		return false
	}
	if !r.Items[i].Served {
		r.serve(i)
		*changed = true
	}
	before := len(r.Waiting)
	r.Waiting = slices.DeleteFunc(r.Waiting, it.same)
	*changed = *changed || len(r.Waiting) != before
	return true
}

// serve makes one version the one that clients are shown.
func (r *Record) serve(i int) {
	for j := range r.Items {
		if r.Items[j].same(r.Items[i]) {
			r.Items[j].Served = j == i
		}
	}
}

// take makes an item an approved one, in the place of the version that was served.
func (r *Record) take(it Item) {
	r.Waiting = slices.DeleteFunc(r.Waiting, it.same)
	it.Served, it.Text = true, false
	at, versions := len(r.Items), 0
	for i := range r.Items {
		if r.Items[i].same(it) {
			versions++
			if r.Items[i].Served {
				at = i
			}
		}
	}
	r.Items = slices.Insert(r.Items, at, it)
	r.serve(at)
	if versions >= maxVersions { // the oldest stands last
		for i := len(r.Items) - 1; i > at; i-- {
			if r.Items[i].same(it) {
				r.Items = slices.Delete(r.Items, i, i+1)
				break
			}
		}
	}
}

// wait lets a version wait for a review.
func (r *Record) wait(it Item, judge Judge) (changed bool) {
	i := slices.IndexFunc(r.Waiting, it.same)
	if i >= 0 && r.Waiting[i].Digest == it.Digest && bytes.Equal(r.Waiting[i].Raw, it.Raw) {
		return false
	}
	served := slices.IndexFunc(r.Items, func(o Item) bool { return o.same(it) && o.Served })
	it.Text = it.Digest != "" && served >= 0 && textOnly(it.Kind, r.Items[served].Raw, it.Raw) && judge(it) < scan.Medium
	if i >= 0 {
		r.Waiting[i] = it
	} else {
		r.Waiting = append(r.Waiting, it)
	}
	return true
}

// forget takes away what a whole look has not seen. What was approved stays approved, should it come back.
func (r *Record) forget(seen []Item) (changed bool) {
	gone := func(it Item) bool { return !slices.ContainsFunc(seen, it.same) }
	for i := range r.Items {
		if r.Items[i].Served && gone(r.Items[i]) {
			r.Items[i].Served, changed = false, true
		}
	}
	before := len(r.Waiting)
	r.Waiting = slices.DeleteFunc(r.Waiting, gone)
	return changed || len(r.Waiting) != before
}

// canonicalLaunch is an entry's launch in its canonical form.
func canonicalLaunch(s *config.Server) []byte {
	launch, err := jsonrpc.Canonical(s.Launch())
	if err != nil {
		panic(err) // it was marshalled a moment ago
	}
	return launch
}
