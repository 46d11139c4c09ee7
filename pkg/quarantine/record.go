package quarantine

import (
	"reflect"
	"slices"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// State is where an entry stands. It is derived from its record, never stored.
type State string

const (
	HeldLaunch      State = "held_launch"      // a person has to approve that it is started for an inspection
	HeldDefinitions State = "held_definitions" // a person has to approve what it offers
	Approved        State = "approved"
)

// Record is what is known and decided of one entry of one configuration file.
type Record struct {
	Config, Server string
	Generation     uint64 // grows with each write
	Last           string // id of its last decision that is in the log for sure
	Doubt          string // why what was recorded before does not count; nothing is approved
	Tool           bool   // a tool added the entry, or changed its launch since it was last approved

	Launch    []byte // approved, canonical; nil: none is
	LaunchKey string
	First     bool   // what the first whole look under Launch lists becomes the baseline
	Unread    []Kind // lists that the first look could not read: what they first have is the baseline too
	Overrode  bool   // it was approved although the entry says "quarantined": true
	Flagged   bool   // the entry said so since it was approved: taking the line out approves nothing
	Disabled  bool   // a tool disabled it, so that a tool may enable it
	Policy    Policy

	Program   *Program   // behind the command, when it last ran; nil: not known
	Installed *Installed // what its runner's packages came to; nil: none were installed for it

	Inspect string // key of the launch whose inspection a person approved
	Found   []Item // what the inspection found
	Seen    bool   // there was one

	Items     []Item // approved versions; of one ID at most one is served
	Waiting   []Item // changes since, at most one of an ID
	Fitting   []Item // versions that calls made by the served one fit, the latest last
	Updates   int    // that were logged since a person decided last, or another package was installed
	Blocked   []string
	Resources [][]byte  // the list as it last was: data
	Taken     time.Time // of the last whole look

	Refused time.Time // when it was last refused
	Unasked bool      // that was a model's own doing: no person said no
	Code    *Code
	Outbox  []Entry // decisions that may not be in the log yet
}

// State tells where the entry stands. A nil record is of an entry that nobody has seen.
func (r *Record) State(s *config.Server) State {
	if r == nil {
		return HeldLaunch
	}
	key := s.LaunchKey()
	flagged := (s.Quarantined || r.Flagged) && !r.Overrode
	switch {
	case r.LaunchKey == key && !r.Tool && !flagged:
		return Approved
	case r.Inspect == key, r.LaunchKey == key && !r.Tool && !r.First:
		return HeldDefinitions
	}
	return HeldLaunch
}

// OffersNothing tells whether the server was looked at, and offered nothing: that is no baseline. What it first offers will be.
func (r *Record) OffersNothing() bool { return r != nil && r.First && !r.Taken.IsZero() }

// Snapshot is what clients are shown of an approved server; nil before a look at it found anything.
func (r *Record) Snapshot() *catalog.Snapshot {
	if r == nil || r.First && !slices.ContainsFunc(r.Items, func(it Item) bool { return !it.local() }) {
		return nil
	}
	s := snapshotOf(r.served())
	s.Items[catalog.Resources] = r.Resources
	s.Launch, s.Taken = r.LaunchKey, r.Taken
	return s
}

// served are the approved items less what is blocked or withheld.
func (r *Record) served() []Item {
	held := make(map[string]bool, len(r.Waiting))
	for _, w := range r.Waiting {
		held[w.key()] = !w.Fits
	}
	return slices.DeleteFunc(slices.Clone(r.Items), func(it Item) bool {
		return !it.Served || held[it.key()] || it.Kind == Tool && slices.Contains(r.Blocked, it.ID)
	})
}

// Gate decides about live definitions. It is made of a record once, and safe for concurrent use.
type Gate map[string]bool

// Gate returns what may be used of an approved server: every approved version that is not blocked, and what calls
// made by one still fit.
func (r *Record) Gate() Gate {
	g := make(Gate, len(r.Items))
	for _, it := range r.Items {
		g[it.version()] = true
	}
	for _, it := range r.Fitting {
		g[it.version()] = true
	}
	for _, it := range slices.Concat(r.Items, r.Fitting) {
		if it.Kind == Tool && slices.Contains(r.Blocked, it.ID) {
			delete(g, it.version())
		}
	}
	return g
}

// Admits tells whether a live definition may be used.
func (g Gate) Admits(kind Kind, id, digest string) bool {
	return digest != "" && g[Item{Kind: kind, ID: id, Digest: digest}.version()]
}

// Admits tells whether an item was approved, of a record that may be nil.
func (r *Record) Admits(it Item) bool {
	return r != nil && r.Gate().Admits(it.Kind, it.ID, it.Digest)
}

// OtherEngine tells whether an engine has to be reviewed before it is used; known is as for [Record.LearnEngine].
func (r *Record) OtherEngine(engine Item, known bool) bool {
	return r != nil && !r.First && !r.Admits(engine) && (!known || slices.ContainsFunc(r.Items, engine.same))
}

// Pending counts what is held for a review at an approved server; what can't be read can't be approved either.
func (r *Record) Pending(s *config.Server) (n int) {
	for _, it := range r.Waiting {
		if it.Digest != "" && !it.Fits {
			n++
		}
	}
	if policyOf(s).looser(r.Policy) {
		n++
	}
	return n
}

// Updated counts what a server says anew of approved items whose calls go on: nobody has to do anything about it.
func (r *Record) Updated() (n int) {
	if r == nil {
		return 0
	}
	for _, it := range r.Waiting {
		if it.Fits {
			n++
		}
	}
	return n
}

// Effective returns the entry as it counts: with the stricter of the policy it says and the one that was confirmed.
func (r *Record) Effective(s *config.Server) *config.Server {
	if r == nil || !policyOf(s).looser(r.Policy) {
		return s
	}
	c := *s
	if s.ToolChanges == config.ToolChangesAuto && r.Policy.ToolChanges != config.ToolChangesAuto {
		c.ToolChanges = config.ToolChangesReview
	}
	c.Enabled = s.Enabled && !r.Policy.Off
	c.Confirmed = &config.ToolFilter{Enabled: r.Policy.Enabled, Disabled: r.Policy.Disabled}
	return &c
}

// Enables tells whether the entry is enabled by its file, which no person has confirmed since it was disabled there.
func (r *Record) Enables(s *config.Server) bool { return r != nil && r.Policy.Off && s.Enabled }

// Clone returns a copy that can be changed without changing r; the bytes of definitions are shared.
func (r *Record) Clone() *Record {
	c := *r
	c.Found, c.Items, c.Waiting = slices.Clone(r.Found), slices.Clone(r.Items), slices.Clone(r.Waiting)
	c.Fitting, c.Unread = slices.Clone(r.Fitting), slices.Clone(r.Unread)
	c.Blocked, c.Resources, c.Outbox = slices.Clone(r.Blocked), slices.Clone(r.Resources), slices.Clone(r.Outbox)
	return &c
}

// Rejected tells whether it was refused, and not approved since.
func (r *Record) Rejected() bool { return !r.Refused.IsZero() }

// Tighten records a policy of the entry that is stricter than the confirmed one, so that a later loosening is seen. It tells whether
// it changed anything. It is a decision like others: with it in the log the record of before does not count any more.
func (r *Record) Tighten(s *config.Server) (changed bool) {
	stricter := false
	defer func() {
		if changed = changed || stricter; stricter {
			r.decide("tighten", "configuration", "", nil)
		}
	}()
	if r.Overrode && !s.Quarantined {
		r.Overrode, changed = false, true
	}
	if s.Quarantined && !r.Overrode && !r.Flagged && r.Launch != nil {
		r.Flagged, stricter = true, true
	}
	if r.Disabled && s.Enabled { // a person has enabled it again: it is theirs to disable, and to enable
		r.Disabled, changed = false, true
	}
	written := policyOf(s)
	if r.Disabled {
		written.Off = r.Policy.Off
	}
	if next := r.Policy.tightened(written); r.Launch != nil && !reflect.DeepEqual(next, r.Policy) {
		r.Policy, stricter = next, true
	}
	return changed
}
