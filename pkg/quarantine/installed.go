package quarantine

import (
	"encoding/json"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
)

// Installed is what a server's packages came to when it last ran. Another version than before is recorded and told, and not held for that
// alone: what it offers decides.
type Installed struct {
	launch.Resolution
	Was string      `json:"was,omitempty"` // the versions before, in short
	Pin *launch.Pin `json:"pin,omitempty"` // what it is to be started from; nil: whatever is newest
}

// learnInstalled takes in what a server was installed from, and tells whether that changed the record.
func (r *Record) learnInstalled(now *launch.Resolution) (changed bool) {
	if now == nil {
		return false
	}
	next := Installed{Resolution: *now}
	if was := r.Installed; was != nil {
		next.Was, next.Pin = was.Was, was.Pin
		same := was.Same(now)
		if same && was.Install == now.Install {
			return false
		}
		if !same {
			next.Was = was.Short()
		}
		if r.Installed = &next; same {
			return true
		}
	}
	r.Installed = &next
	r.Updates = 0
	r.decide("version", "", "", packageItems(now))
	return true
}

// packageItems are installed packages as the log has them.
func packageItems(r *launch.Resolution) (items []Item) {
	for _, p := range r.Packages {
		raw, err := json.Marshal(p)
		if err != nil {
			panic(err) // strings alone
		}
		items = append(items, newItem(Package, p.Name, raw))
	}
	return items
}

// PinTo has the server started from one installation alone from now on; nil: from whatever is newest.
func (r *Record) PinTo(pin *launch.Pin, by Means) {
	if r.Installed == nil {
		return
	}
	next := *r.Installed
	next.Pin = pin
	r.Installed = &next
	decision := "pin"
	if pin == nil {
		decision = "unpin"
	}
	r.decide(decision, by.How, by.By, packageItems(&next.Resolution))
}

// Pin is what the server is to be started from, nil for whatever is newest.
func (r *Record) Pin() *launch.Pin {
	if r == nil || r.Installed == nil {
		return nil
	}
	return r.Installed.Pin
}
