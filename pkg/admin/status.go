package admin

import (
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// State is how a server stands.
type State string

// States. A server that may be used is Idle, unless more is known.
const (
	Idle            State = "idle"
	Running         State = "running"
	Starting        State = State(upstream.Starting)
	Failed          State = State(upstream.Failed) // what was approved of it can't be read, or its last start failed
	NeedsLogin      State = State(upstream.NeedsLogin)
	Disabled        State = "disabled"
	Refused         State = "refused"
	HeldLaunch      State = State(quarantine.HeldLaunch)
	HeldDefinitions State = State(quarantine.HeldDefinitions)
)

// StateOf is where a server stands before it is started: Idle if it may be.
func StateOf(k *hub.Server) State {
	switch blocked := k.Blocked(); blocked {
	case "":
		return Idle
	default:
		return State(blocked)
	}
}

// Reason says why a server is in its state, or what there is to know about it.
type Reason int

// Reasons.
const (
	None          Reason = iota
	Blocked              // it must not run: Status.Err
	Fares                // what its instance says: Status.Text
	Unlisted             // it runs, but what it offers can't be read: Status.Err
	LastRun              // its last run failed: Status.Text
	WantedLogin          // its last run ended for want of a login, which it may have by now
	LoggedOut            // a person has to log in to it
	OffersNothing        // it was listed, and offered nothing
)

// LeftOut is an item that clients are not shown, since they would refuse the whole list.
type LeftOut struct {
	Tool, Hidden bool // a tool, and one that is held back anyway
	ID, Why      string
}

// Status is how a server stands: what upstream_servers, servers, logs, test and auth status show.
type Status struct {
	*Entry
	State  State
	Reason Reason
	Err    error
	Text   string
	Since  time.Time

	Stage       string    // of a start: what is done before the server runs
	NextTry     time.Time // of one that failed
	Confinement string    // of one that runs: how it is isolated
	Up          bool      // an instance has started, whether it can be listed or not

	Tools   int // shown to clients
	Hidden  int // held back by enabled_tools and disabled_tools
	LeftOut []LeftOut
	Review  int // items that wait for a person
	Updated int // approved items that the server has otherwise now; calls go on
}

// Servers are all servers of the configuration. Nothing is started, and no remote server is contacted.
func (s *Service) Servers(by *Actor) ([]Status, *hub.View, error) {
	v, err := by.Host.View()
	if err != nil {
		return nil, v, err
	}
	var running map[string]*upstream.Attachment
	if c := by.client(); c != nil {
		running = c.Instances()
	}
	var all []Status
	for _, e := range entries(v) {
		all = append(all, statusOf(by, e, running[e.Written.Name]))
	}
	return all, v, nil
}

// Status is that of one entry.
func (s *Service) Status(by *Actor, e *Entry) Status {
	if c := by.client(); c != nil {
		return statusOf(by, e, c.Instances()[e.Written.Name])
	}
	return statusOf(by, e, nil)
}

// statusOf is the status of an entry, with its instance if it has one.
func statusOf(by *Actor, e *Entry, in *upstream.Attachment) Status {
	st := Status{Entry: e, State: StateOf(&e.Server)}
	st.count()
	if st.State != Idle {
		st.Reason, st.Err = Blocked, upstream.Blocked(e.Effective)
		return st
	}
	st.Review, st.Updated = e.Record.Pending(e.Written), e.Record.Updated()
	if in != nil {
		st.take(in.Status())
	}
	if st.State != Idle {
		return st
	}
	switch l := e.Lately; {
	case loggedOut(by, e.Effective):
		st.State, st.Reason = NeedsLogin, LoggedOut
	case st.Reason != None:
	case l.State == string(NeedsLogin):
		st.Reason, st.Text = WantedLogin, l.Why
	case l.State != "":
		st.State, st.Reason, st.Text, st.Since = State(l.State), LastRun, l.Why, l.Since
	case e.Record.OffersNothing():
		st.Reason = OffersNothing
	}
	return st
}

// take takes what an instance says of itself.
func (st *Status) take(in upstream.Status) {
	st.State, st.Text, st.Since, st.Err = State(in.State), in.Why, in.Since, in.Err
	if in.Why != "" {
		st.Reason = Fares
	}
	switch in.State {
	case upstream.Ready:
		st.State, st.Confinement, st.Up = Running, in.Confinement, true
		if in.Unlisted != nil {
			st.Reason, st.Err = Unlisted, in.Unlisted
			if !in.Usable {
				st.State = Failed
			}
		}
	case upstream.Starting:
		st.Stage = in.Stage
	case upstream.Failed:
		st.NextTry = in.NextTry
	}
}

// count counts what clients are shown of the snapshot, and what not.
func (st *Status) count() {
	if st.Snapshot == nil {
		return
	}
	for k := range catalog.Kinds {
		for _, raw := range st.Snapshot.Items[k] {
			id := k.ID(raw)
			why, _ := k.Shown(raw)
			tool := k == catalog.Tools
			hidden := tool && !st.Effective.ToolAllowed(id)
			switch {
			case hidden:
				st.Hidden++
			case tool && why == "":
				st.Tools++
			}
			if why != "" {
				st.LeftOut = append(st.LeftOut, LeftOut{tool, hidden, id, why})
			}
		}
	}
}

// Offered counts the items of a kind that are recorded.
func (st *Status) Offered(kind catalog.Kind) int {
	if st.Snapshot == nil {
		return 0
	}
	return len(st.Snapshot.Items[kind])
}

// Usable tells whether the server may be started now, however its last run went.
func (st *Status) Usable() bool { return st.Reason != Blocked && st.Reason != LoggedOut }

// Waits tells whether a person has something to look at.
func (st *Status) Waits() bool {
	return st.Review > 0 || st.State == HeldLaunch || st.State == HeldDefinitions
}

// loggedOut tells whether a person has to log in to a server before it can be used. Nothing is asked of it, and nothing of a keyring that its
// entry names.
func loggedOut(by *Actor, server *config.Server) bool {
	if server.Protocol == config.ProtocolStdio {
		return false
	}
	login, err := by.Host.Login(bare(server))
	if err != nil || login == nil {
		return false
	}
	state := login.Status().State
	return state == oauth.StateNeeded || state == oauth.StateLoggedOut
}
