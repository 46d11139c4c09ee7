package quarantine

import (
	"bytes"
	"slices"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// versions finds the items of a record while they are changed: servers of ten thousand tools are not looked through for each of them.
type versions struct {
	r        *Record
	approved map[string][]int // by Item.key
	waiting  map[string]int

	updated []LoggedItem    // what differs from what is served, in a way that was not known
	turned  map[string]Item // by Item.key: versions that are served from now on
}

func (r *Record) versions() *versions {
	v := &versions{r: r, approved: make(map[string][]int, len(r.Items)), waiting: make(map[string]int, len(r.Waiting)), turned: map[string]Item{}}
	for i, it := range r.Items {
		v.approved[it.key()] = append(v.approved[it.key()], i)
	}
	for i, it := range r.Waiting {
		v.waiting[it.key()] = i
	}
	return v
}

// end takes out what was given up; the index is not used after it.
func (v *versions) end() {
	gone := func(it Item) bool { return it.Kind == "" }
	v.r.Fitting = slices.DeleteFunc(v.r.Fitting, func(it Item) bool {
		served, changed := v.turned[it.key()]
		return changed && !fits(it.Kind, served.Raw, it.Raw)
	})
	v.r.Items, v.r.Waiting = withoutOldest(slices.DeleteFunc(v.r.Items, gone), maxPrograms), slices.DeleteFunc(v.r.Waiting, gone)
}

// served is the position of the version that clients are shown, -1 if there is none.
func (v *versions) served(it Item) int {
	for _, i := range v.approved[it.key()] {
		if v.r.Items[i].Served {
			return i
		}
	}
	return -1
}

// settled takes an item out of those that wait, and tells whether it was there.
func (v *versions) settled(it Item) bool {
	i, waits := v.waiting[it.key()]
	if waits {
		v.r.Waiting[i].Kind = ""
		delete(v.waiting, it.key())
	}
	return waits
}

// meet handles an item of which this version is approved; it is the one that is served from now on.
func (v *versions) meet(it Item, changed *bool) bool {
	all := v.approved[it.key()]
	i := slices.IndexFunc(all, func(i int) bool { return it.Digest != "" && v.r.Items[i].Digest == it.Digest })
	if i < 0 {
		return false
	}
	if !v.r.Items[all[i]].Served {
		for _, j := range all {
			v.r.Items[j].Served = j == all[i]
		}
		v.turned[it.key()] = v.r.Items[all[i]]
		*changed = true
	}
	*changed = v.settled(it) || *changed
	return true
}

// take makes an item an approved one, in the place of the version that was served.
func (v *versions) take(it Item) {
	v.settled(it)
	it.Served, it.Fits = true, false
	k, at := it.key(), v.served(it)
	v.turned[k] = it
	if at >= 0 {
		old := v.r.Items[at]
		old.Served = false
		v.r.Items[at] = it
		it = old
	}
	v.approved[k] = append(v.approved[k], len(v.r.Items))
	v.r.Items = append(v.r.Items, it)
	if all := v.approved[k]; len(all) > maxVersions { // the one that was replaced first goes
		i := slices.IndexFunc(all, func(i int) bool { return !v.r.Items[i].Served })
		v.r.Items[all[i]].Kind = ""
		v.approved[k] = slices.Delete(all, i, i+1)
	}
}

// wait lets a version wait for a review.
func (v *versions) wait(it Item, judge Judge) (changed bool) {
	i, waits := v.waiting[it.key()]
	same := waits && v.r.Waiting[i].Digest == it.Digest && bytes.Equal(v.r.Waiting[i].Raw, it.Raw)
	switch {
	case same && v.r.Waiting[i].Fits:
		return v.r.noteFitting(it)
	case v.compare(&it, judge):
	case same: // held, as before
		return false
	}
	if waits {
		v.r.Waiting[i] = it
		return true
	}
	v.waiting[it.key()] = len(v.r.Waiting)
	v.r.Waiting = append(v.r.Waiting, it)
	return true
}

// compare tells whether calls that the approved version allows fit another one, which is then used in its place while the approved one goes on
// being shown. It may be one that was gone for a while. Nothing that looks hostile is used.
func (v *versions) compare(it *Item, judge Judge) bool {
	at := v.served(*it)
	if all := v.approved[it.key()]; at < 0 && len(all) > 0 && !it.local() && it.Kind != Image {
		at = all[0] // the one that was served last
	}
	if at < 0 || it.Digest == "" {
		return false
	}
	found := Differences(it.Kind, v.r.Items[at].Raw, it.Raw)
	it.Fits = !slices.ContainsFunc(found, Difference.Holds) && judge(*it) < scan.Block
	if it.Fits {
		v.r.Items[at].Served = true
	}
	if i, waits := v.waiting[it.key()]; it.Fits && v.r.noteFitting(*it) || !it.Fits && !(waits && v.r.Waiting[i].Digest == it.Digest) {
		v.updated = append(v.updated, LoggedItem{Kind: it.Kind, ID: it.ID, Digest: it.Digest, Held: !it.Fits, Changes: whats(found)})
	}
	return it.Fits
}

// whats are the kinds of differences, each once.
func whats(all []Difference) (kinds []What) {
	for _, d := range all {
		if !slices.Contains(kinds, d.What) {
			kinds = append(kinds, d.What)
		}
	}
	return kinds
}

// noteFitting records a version that may be used although another one is served: of two sessions' instances each may have its own, as when a
// text names the workspace, and the one that lists later must not stop the other.
func (r *Record) noteFitting(it Item) (news bool) {
	oldest, n := -1, 0
	for i, o := range r.Fitting {
		if !o.same(it) {
			continue
		}
		if o.Digest == it.Digest {
			return false
		}
		if n++; oldest < 0 {
			oldest = i
		}
	}
	if n >= maxVersions {
		r.Fitting = slices.Delete(r.Fitting, oldest, oldest+1)
	}
	it.Served, it.Fits = false, true
	r.Fitting = append(r.Fitting, it)
	return true
}
