package quarantine

import (
	"bytes"
	"slices"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
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
// At a server that is approved, what differs from the approved versions waits. As long as calls that the approved version allows still fit,
// it goes on being served, and they pass; everything else is withheld. With auto it is approved unless a finding stops it. The first look
// under a launch of the baseline is the baseline, list by list: one that can't be read is none, and a server that offers nothing has none yet.
// A key may be wrong, or what stands behind it be down.
func (r *Record) Learn(s *config.Server, live *catalog.Snapshot, extent Extent, auto bool, judge Judge) (changed bool) {
	whole := extent == Whole
	items := slices.DeleteFunc(ItemsOf(live), func(it Item) bool { return it.Kind == Tool && slices.Contains(r.Blocked, it.ID) })
	switch state := r.State(s); {
	case state == HeldDefinitions && r.Inspect == s.LaunchKey():
		changed = r.learnInstalled(live.Installed)
		if r.Seen && !whole || r.Seen && sameItems(r.Found, items) {
			return changed
		}
		r.Found, r.Seen = items, true
		return true
	case state != Approved:
		return false
	}
	changed = r.learnInstalled(live.Installed)
	if r.First && extent == Part && !r.OffersNothing() { // the first look is due, or under way
		return changed
	}
	if r.First && !offersAnything(live) {
		if extent != Part && live.Taken.Sub(r.Taken) > time.Hour {
			r.Taken, changed = live.Taken, true
		}
		return changed
	}
	how, stops := "", scan.Block
	if r.First {
		how = "baseline"
	} else if auto {
		how, stops = "auto", scan.High
	}
	late := r.firstRead(live)
	v := r.versions()
	var taken, lately []Item
	for _, it := range items {
		switch {
		case v.meet(it, &changed):
		case slices.Contains(late, it.Kind) && it.Digest != "" && judge(it) < scan.Block:
			v.take(it)
			lately, changed = append(lately, it), true
		case how != "" && (!it.local() || it.Kind == Engine && r.First) && it.Digest != "" && judge(it) < stops:
			v.take(it)
			taken, changed = append(taken, it), true
		default:
			changed = v.wait(it, judge) || changed
		}
	}
	v.end()
	var gone []LoggedItem
	if whole && offersAnything(live) { // one that offers nothing at all may have lost its key
		before := len(r.Waiting)
		gone = r.forget(items)
		changed = changed || len(gone) > 0 || len(r.Waiting) != before
	}
	r.noteUpdate(append(v.updated, gone...))
	first := r.First
	if first { // what comes later is new
		r.First, r.Unread, changed = false, unread(live), true
	} else if len(late) > 0 {
		r.Unread = slices.DeleteFunc(r.Unread, func(k Kind) bool { return slices.Contains(late, k) })
		changed = true
		r.decide("baseline", "", "", lately)
	}
	if first || len(taken) > 0 { // of a first look always: a record of before it, put back, is then an old one
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

// offersAnything tells whether a server lists anything that people use.
func offersAnything(live *catalog.Snapshot) bool {
	return slices.ContainsFunc(live.Items[:], func(items [][]byte) bool { return len(items) > 0 })
}

// unread are the lists that a server declares and that were not read.
func unread(live *catalog.Snapshot) (kinds []Kind) {
	for _, kind := range []Kind{Tool, Prompt, Template} {
		capability := listed[kind].Key()
		if kind == Template {
			capability = "resources"
		}
		if live.Items[listed[kind]] == nil && mcp.Declares(live.Capabilities, capability) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// firstRead are the lists that were read now for the first time since the first look.
func (r *Record) firstRead(live *catalog.Snapshot) (kinds []Kind) {
	for _, kind := range r.Unread {
		if live.Items[listed[kind]] != nil {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// LearnImage takes in that a container of an approved server would be made of another image than those that were approved, and tells
// whether that changed the record. It waits; with auto it is approved.
func (r *Record) LearnImage(s *config.Server, image Item, auto bool) (changed bool) {
	if r.State(s) != Approved {
		return false
	}
	v := r.versions()
	switch {
	case v.meet(image, &changed):
	case auto:
		v.take(image)
		r.decide("auto", "", "", []Item{image})
		changed = true
	default:
		changed = v.wait(image, func(Item) scan.Severity { return scan.Info }) || changed
	}
	v.end()
	return changed
}

// LearnPrograms takes in the files of a workspace that decide what a start of an approved server runs there, and tells whether that changed
// the record. One that is not approved waits, also before the first look: a baseline is of what the person wrote, not of what a workspace
// holds, and tool_changes "auto" is about what a server says. off is the policy of a person who wants to be asked nothing.
func (r *Record) LearnPrograms(s *config.Server, programs []Item, off bool) (changed bool) {
	if r.State(s) != Approved {
		return false
	}
	v := r.versions()
	var taken []Item
	for _, it := range programs {
		switch {
		case v.meet(it, &changed):
		case off && it.Digest != "":
			v.take(it)
			taken, changed = append(taken, it), true
		default:
			changed = v.wait(it, func(Item) scan.Severity { return scan.Info }) || changed
		}
	}
	v.end()
	if taken != nil {
		r.decide("auto", "off", "", taken)
	}
	r.Waiting = withoutOldest(r.Waiting, maxPrograms/2)
	return changed
}

// LearnEngine takes in that a container of an approved server would be made by another engine than those that were approved, and tells
// whether that changed the record. It waits, also with tool_changes "auto", which is about what a server says: another engine gets the
// server's secrets, and what it runs is out of our sight. known says that the person's approval covers the engine of a server that had
// none so far: the entry names it, or it is the system's own. off is the policy of a person who wants to be asked nothing.
func (r *Record) LearnEngine(s *config.Server, engine Item, known, off bool) (changed bool) {
	if r.State(s) != Approved {
		return false
	}
	first := !slices.ContainsFunc(r.Items, engine.same)
	v := r.versions()
	switch {
	case v.meet(engine, &changed):
	case known && first, off:
		v.take(engine)
		how := "baseline"
		if !first {
			how = "auto"
		}
		r.decide(how, "engine", "", []Item{engine})
		changed = true
	default:
		changed = v.wait(engine, func(Item) scan.Severity { return scan.Info }) || changed
	}
	v.end()
	return changed
}

// withoutOldest takes programs away until no more than most are left.
func withoutOldest(items []Item, most int) []Item {
	n := 0
	for _, it := range items {
		if it.Kind == Local {
			n++
		}
	}
	return slices.DeleteFunc(items, func(it Item) bool {
		old := it.Kind == Local && n > most
		if old {
			n--
		}
		return old
	})
}

func sameItems(a, b []Item) bool {
	return slices.EqualFunc(a, b, func(a, b Item) bool { return a.same(b) && bytes.Equal(a.Raw, b.Raw) })
}

// maxUpdates bounds how many updates in a row are logged: what a server lists may be another thing at every start.
const maxUpdates = 32

// noteUpdate logs what differs from what was approved, as far as it was not known.
func (r *Record) noteUpdate(items []LoggedItem) {
	if len(items) == 0 || r.First || r.Updates >= maxUpdates {
		return
	}
	r.Updates++
	r.decide("update", "", "", nil)
	r.Outbox[len(r.Outbox)-1].Items = items
}

// forget takes away what a whole look has not seen, and returns what clients were shown of it. What was approved stays approved, should it
// come back.
func (r *Record) forget(items []Item) (gone []LoggedItem) {
	seen := make(map[string]bool, len(items))
	for _, it := range items {
		seen[it.key()] = true
	}
	for i := range r.Items {
		if r.Items[i].Served && !r.Items[i].local() && !seen[r.Items[i].key()] {
			r.Items[i].Served = false
			if r.Items[i].Kind == Tool && slices.Contains(r.Blocked, r.Items[i].ID) {
				continue
			}
			gone = append(gone, LoggedItem{Kind: r.Items[i].Kind, ID: r.Items[i].ID, Changes: []What{Gone}, Held: true})
		}
	}
	r.Waiting = slices.DeleteFunc(r.Waiting, func(w Item) bool { return !w.local() && !seen[w.key()] })
	return gone
}

// OfStart are the approved items that say what a start is made of.
func OfStart(r *Record) []Item {
	return slices.DeleteFunc(slices.Clone(r.Items), func(it Item) bool { return it.Kind != Image && !it.local() })
}

// Waits tells whether one of the items waits in another version, which it may do no longer.
func Waits(r *Record, items []Item) bool {
	return slices.ContainsFunc(r.Waiting, func(w Item) bool { return slices.ContainsFunc(items, w.same) })
}
