package hub

import (
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// key names a server: by the file that its entry stands in, and its name.
type key struct{ path, name string }

func keyOf(s *config.Server) key { return key{s.Path, s.Name} }

// Approval is the policy of approval.
type Approval struct {
	Written   string // as the configuration has it
	Confirmed string // by a person
	Doubt     string // why the whole file waits for a person; "": it does not
}

// Policy is the one in force: the one that is written, once it was confirmed if it is looser.
func (a Approval) Policy() string { return quarantine.Stricter(a.Written, a.Confirmed) }

// Recorded is what is recorded of one server, whichever workspace it is used in. It is never changed.
type Recorded struct {
	Record   *quarantine.Record // nil: it was never seen
	Snapshot *catalog.Snapshot  // what clients are shown; nil: nothing yet
	Gate     quarantine.Gate    // what of it may be used
	Failed   error              // why its record can't be used
}

// newRecorded describes a server by its record, which may be nil, or by the reason why that can't be used.
func newRecorded(r *quarantine.Record, failed error) *Recorded {
	e := &Recorded{Record: r, Failed: failed}
	if r != nil {
		e.Snapshot, e.Gate = r.Snapshot(), r.Gate()
	}
	return e
}

// errUnread is why a server is held whose record was not read so far: the reader will report it.
var errUnread = errors.New("it was not read yet")

var unread = &Recorded{Failed: errUnread}

// Server is one configured server, as one workspace has it. It is never changed.
type Server struct {
	Written   *config.Server // as its file has it
	Effective *config.Server // as it counts, with what is held and the policies in force
	Recorded
	Lately Lately // how it last fared, under this launch

	from *Recorded // the same
}

func (s *Server) key() key { return keyOf(s.Written) }

// Scope is the configuration as one workspace has it: the user's, and the servers that the workspace's own file proposes. It is never changed.
type Scope struct {
	Written   *config.Config // as the files have it
	Effective *config.Config // as it counts
	Servers   []*Server      // in the order of the files

	approval Approval // it was made under
}

// Server is the server of that name, nil if there is none.
func (sc *Scope) Server(name string) *Server {
	i := slices.IndexFunc(sc.Servers, func(s *Server) bool { return s.Written.Name == name })
	if i < 0 {
		return nil
	}
	return sc.Servers[i]
}

// known is what scopes are made of. Its maps are never changed.
type known struct {
	Approval Approval
	recorded map[key]*Recorded
	lately   map[key]Lately
}

// scope makes the scope of a written configuration. What has not changed since was, which may be nil, is taken from there.
func (kn known) scope(written *config.Config, was *Scope) *Scope {
	sc := &Scope{Written: written, Servers: make([]*Server, 0, len(written.Servers)), approval: kn.Approval}
	effective := *written
	effective.Servers = make([]*config.Server, 0, len(written.Servers))
	old := map[*config.Server]*Server{}
	if was != nil && was.approval == kn.Approval {
		for _, s := range was.Servers {
			old[s.Written] = s
		}
	}
	same := was != nil && was.approval == kn.Approval && was.Written == written
	compared := same // with each other's names

	var names *confusables.Names // approved, or the user's own; made when a workspace proposes a server
	for _, s := range written.Servers {
		k := keyOf(s)
		e := kn.recorded[k]
		if e == nil {
			e = unread
		}
		lately := kn.lately[k].of(s.LaunchKey())
		next := old[s]
		switch {
		case next == nil || next.from != e || s.Workspace && !compared: // whose name is compared with the others
			next = &Server{Written: s, Effective: kn.effective(s, e), Recorded: *e, from: e, Lately: lately}
			if s.Workspace {
				if names == nil {
					names = confusables.NewNames(namesOf(written))
				}
				if other := lookalike(s.Name, names); other != "" {
					next.Effective.Refused = "its name looks like " + strconv.Quote(other) + " – rename it in the workspace's file"
				}
			}
		case next.Lately != lately:
			next = &Server{Written: s, Effective: next.Effective, Recorded: *e, from: e, Lately: lately}
		}
		same = same && next == old[s]
		sc.Servers = append(sc.Servers, next)
		effective.Servers = append(effective.Servers, next.Effective)
	}
	if same {
		return was
	}
	sc.Effective = &effective
	return sc
}

// effective is an entry as it counts.
func (kn known) effective(s *config.Server, e *Recorded) *config.Server {
	c := *e.Record.Effective(s)
	if kn.Approval.Policy() == config.ApprovalOff {
		c.ToolChanges, c.Enabled = config.ToolChangesAuto, s.Enabled
	}
	if c.Held = heldBecause(s, e, kn.Approval.Doubt); c.Held == "" && s.Enabled && !c.Enabled {
		c.Held = "it was disabled, and an edit of its file enabled it: the user has to confirm that." + toApprove(s)
	}
	if !s.Enabled && e.Failed == nil {
		c.Held = "" // it is not wanted, whatever it waits for
	}
	return &c
}

// namesOf are the names that a server which a workspace proposes must not be taken for: our own, and the user's.
func namesOf(c *config.Config) []string {
	names := slices.Clone(ownNames)
	for _, s := range c.Servers {
		if !s.Workspace {
			names = append(names, s.Name)
		}
	}
	return names
}

// Lookalike is the first of the names, or of our own, that a new name is or can be taken for. A name among names is no lookalike of
// itself.
func Lookalike(name string, names []string) string {
	return lookalike(name, confusables.NewNames(slices.Concat(ownNames, names)))
}

// ownNames are the names of the proxy itself.
var ownNames = append([]string{"mcpproxy-stdio"}, catalog.OwnTools...)

func lookalike(name string, names *confusables.Names) string {
	if slices.Contains(ownNames, name) {
		return name
	}
	return names.Near(name)
}

// heldBecause says why an entry is held, "" if it is not. It has no word of the server's.
func heldBecause(s *config.Server, e *Recorded, doubt string) string {
	if e.Failed != nil {
		return "its approvals can't be read or written, so it is not run – check the state directory, which is tried again: " +
			e.Failed.Error()
	}
	what := ""
	switch e.Record.State(s) {
	case quarantine.Approved:
		return ""
	case quarantine.HeldLaunch:
		if what = "the user has not approved it yet, so it was not started."; e.Record != nil && e.Record.Launch != nil && e.Record.LaunchKey != s.LaunchKey() {
			what = "its launch changed and the user has not approved that yet, so it was not started."
		}
	case quarantine.HeldDefinitions:
		what = "it was started once; the user has not approved its tools yet."
	}
	from := ""
	if s.Workspace {
		from = " It comes from " + strconv.QuoteToASCII(s.Path) + "."
	}
	if doubt != "" && e.Record.OfWholeFile(s) {
		from += " The whole file needs approval, because " + doubt + "; to approve it in one step, on a terminal: " + approveAll(s) + "."
	}
	if e.Record != nil && e.Record.Doubt != "" {
		from += " Earlier approvals do not count: " + e.Record.Doubt + "."
		if doubt == "" && e.Record.OfWholeFile(s) {
			from += " To approve all such servers in one step, on a terminal: " + approveAll(s) + "."
		}
	}
	return what + from + toApprove(s)
}

// toApprove says how a person approves what waits of an entry.
func toApprove(s *config.Server) string {
	return " quarantine_review shows it, quarantine_approve asks the user; on a terminal: " + Command("approve", s)
}

// approveAll is what a person types on a terminal to approve a file as a whole.
func approveAll(s *config.Server) string {
	words := "mcpproxy-stdio approve --all"
	if standard, err := config.StandardPath(); err != nil || standard != s.Path {
		words += " --config " + config.ShellWord(s.Path)
	}
	return words
}

// Command is what a person types on a terminal about an entry, wherever the terminal is.
func Command(verb string, s *config.Server) string {
	words := "mcpproxy-stdio " + verb
	if standard, err := config.StandardPath(); s.Workspace {
		words += " --workspace " + config.ShellWord(filepath.Dir(filepath.Dir(s.Path)))
	} else if err != nil || standard != s.Path {
		words += " --config " + config.ShellWord(s.Path)
	}
	return words + " " + config.ShellWord(s.Name)
}

// sameServers tells whether two effective configurations offer the same.
func sameServers(a, b *config.Config) bool {
	if a.MaxNameLength != b.MaxNameLength || a.FirstListWait != b.FirstListWait || len(a.Servers) != len(b.Servers) {
		return false
	}
	for i := range a.Servers {
		if a.Servers[i] != b.Servers[i] && !reflect.DeepEqual(a.Servers[i], b.Servers[i]) {
			return false
		}
	}
	return true
}
