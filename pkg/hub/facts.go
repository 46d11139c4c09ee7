package hub

import (
	"maps"
	"reflect"
	"slices"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// State is what the hub knows at one moment: the configuration, the servers with what is recorded of them, the sessions and what is being
// inspected. It is never changed: a fact makes another one of it, which is published as a whole.
type State struct {
	Config *config.Config // the user's file as it was last read
	Broken error          // why the file as it is now is not in force; nil: it is
	known

	sources     map[string]source // by workspace file; "" is the user's file alone
	scopes      map[string]*Scope // made of sources and known
	sessions    map[*session.Session]member
	inspections map[key]*inspection
	begun       map[key]occasion // inspections that are taken once: an approval is one start, also of a server that fails
	nothing     map[key]string   // values of servers that were inspected and offered nothing: the next hub inspects them, or this one when these change

	stale bool // scopes have to be made anew
}

// source is the configuration of a workspace as the files have it.
type source struct {
	written *config.Config
	data    []byte // what the workspace's file held, nil if it was not there
}

// member is a session's place.
type member struct {
	path  string // of its scope
	begun bool   // its handshake is over
}

// Scope is the configuration as a session has it.
func (st *State) Scope(s *session.Session) *Scope { return st.scopes[st.sessions[s].path] }

// in are the sessions in whose configuration a server is.
func (st *State) in(k key) (all []*session.Session) {
	for s, m := range st.sessions {
		if own := st.scopes[m.path].Server(k.name); own != nil && own.key() == k {
			all = append(all, s)
		}
	}
	return all
}

// server is an entry as the first scope that has it has it; nil if there is none any more.
func (st *State) server(k key) *Server {
	for _, sc := range st.scopes {
		if s := sc.Server(k.name); s != nil && s.key() == k {
			return s
		}
	}
	return nil
}

// all are the sessions.
func (st *State) all() []*session.Session { return slices.Collect(maps.Keys(st.sessions)) }

// next is the state after facts.
func (st *State) next(facts ...fact) *State {
	n := *st
	for _, f := range facts {
		f.tell(&n)
	}
	if n.stale {
		n.derive()
		n.stale = false
	}
	return &n
}

// derive makes the scopes anew, and forgets what belongs to none of them.
func (n *State) derive() {
	used, scopes := map[key]bool{}, make(map[string]*Scope, len(n.sources))
	for path, src := range n.sources {
		scopes[path] = n.scope(src.written, n.scopes[path])
		for _, s := range src.written.Servers {
			used[keyOf(s)] = true
		}
	}
	n.scopes = scopes
	n.recorded, n.lately, n.begun, n.nothing = only(used, n.recorded), only(used, n.lately), only(used, n.begun), only(used, n.nothing)
	for k, in := range n.inspections {
		if !n.wants(in) {
			n.inspections = without(n.inspections, k)
		}
	}
}

// wants tells whether an inspection goes on: its server is still due for it, or runs as it did when the inspection began.
func (n *State) wants(in *inspection) bool {
	for _, sc := range n.scopes {
		s := sc.Server(in.key.name)
		if s == nil || s.key() != in.key {
			continue
		}
		if s.due() == in.occasion {
			return true
		}
		if upstream.Blocked(s.Effective) == nil && (s.Effective == in.server || reflect.DeepEqual(runs(s.Effective), runs(in.server))) {
			return true
		}
	}
	return false
}

// only is what of m has a key that is used.
func only[V any](used map[key]bool, m map[key]V) map[key]V {
	for k := range m {
		if !used[k] {
			kept := maps.Clone(m)
			maps.DeleteFunc(kept, func(k key, _ V) bool { return !used[k] })
			return kept
		}
	}
	return m
}

// merged has what is in either of the maps, and of both what is in the second.
func merged[K comparable, V any](a, b map[K]V) map[K]V {
	c := make(map[K]V, max(len(a), len(b))+1)
	maps.Copy(c, a)
	maps.Copy(c, b)
	return c
}

// with is m with another value.
func with[K comparable, V any](m map[K]V, k K, v V) map[K]V { return merged(m, map[K]V{k: v}) }

// without is m less a key.
func without[K comparable, V any](m map[K]V, k K) map[K]V {
	if _, there := m[k]; !there {
		return m
	}
	c := maps.Clone(m)
	delete(c, k)
	return c
}

// A fact is something that has become known. It changes a state that nobody else has seen, and none of the maps in it.
type fact interface{ tell(n *State) }

// configRead: the user's file was read, and with it the workspaces' anew.
type configRead struct {
	config  *config.Config
	sources map[string]source // of the workspaces in use
}

func (f configRead) tell(n *State) {
	n.Config, n.Broken, n.stale = f.config, nil, true
	sources := map[string]source{"": {written: f.config}}
	for path := range n.sources {
		if src, read := f.sources[path]; read {
			sources[path] = src
		} else if path != "" { // a session came while the file was read; the reader sees to it
			sources[path] = source{written: f.config}
		}
	}
	n.sources = sources
}

// configBroken: the user's file can't be read as it is now.
type configBroken struct{ err error }

func (f configBroken) tell(n *State) { n.Broken = f.err }

// workspaceRead: a workspace's file has changed.
type workspaceRead struct {
	path string
	source
}

func (f workspaceRead) tell(n *State) {
	if _, used := n.sources[f.path]; used {
		n.sources, n.stale = with(n.sources, f.path, f.source), true
	}
}

// approvalRead: what a person has confirmed of the policy of approval.
type approvalRead Approval

func (f approvalRead) tell(n *State) {
	if n.Approval != Approval(f) {
		n.Approval, n.stale = Approval(f), true
	}
}

// firstRead: what is recorded of servers that were not known was read. What has become known meanwhile is newer.
type firstRead struct {
	recorded map[key]*Recorded
	lately   map[key]Lately
}

func (f firstRead) tell(n *State) {
	n.recorded, n.lately, n.stale = merged(f.recorded, n.recorded), merged(f.lately, n.lately), true
}

// recordWritten: a record was written by this process or another one.
type recordWritten struct {
	key    key
	record *quarantine.Record
}

func (f recordWritten) tell(n *State) {
	old := n.recorded[f.key]
	if old != nil && old.Record != nil && old.Record.Generation >= f.record.Generation {
		return
	}
	n.recorded, n.stale = with(n.recorded, f.key, newRecorded(f.record, nil)), true
	if f.record.Inspect == "" {
		n.begun = without(n.begun, f.key)
	}
}

// recordGone: instead of the record of this generation there is what is left of it, nil for nothing.
type recordGone struct {
	key        key
	generation uint64
	left       *quarantine.Record
}

func (f recordGone) tell(n *State) {
	if e := n.recorded[f.key]; e != nil && (e.Record == nil || e.Record.Generation == f.generation) {
		n.recorded, n.stale = with(n.recorded, f.key, newRecorded(f.left, nil)), true
	}
}

// recordFailed: a record can't be used, for now.
type recordFailed struct {
	key key
	err error
}

func (f recordFailed) tell(n *State) {
	e := &Recorded{Failed: f.err}
	if old := n.recorded[f.key]; old != nil {
		e.Record = old.Record
	}
	n.recorded, n.stale = with(n.recorded, f.key, e), true
}

// recordReread: a record that could not be used was read again.
type recordReread struct {
	key      key
	recorded *Recorded
}

func (f recordReread) tell(n *State) {
	if e := n.recorded[f.key]; e != nil && e.Failed != nil {
		n.recorded, n.stale = with(n.recorded, f.key, f.recorded), true
	}
}

// fared: how a server fares.
type fared struct {
	key    key
	launch string
	change func(*Lately)
}

func (f fared) tell(n *State) {
	was := n.lately[f.key]
	is := was.of(f.launch)
	if f.change(&is); is != was {
		n.lately, n.stale = with(n.lately, f.key, is), true
	}
}

// joined: a client has connected.
type joined struct{ s *session.Session }

func (f joined) tell(n *State) { n.sessions = with(n.sessions, f.s, member{}) }

// greeted: a session's handshake is over.
type greeted struct{ s *session.Session }

func (f greeted) tell(n *State) {
	if m, there := n.sessions[f.s]; there {
		n.sessions = with(n.sessions, f.s, member{m.path, true})
	}
}

// moved: a session is in the workspace with this file, "" for none. It does not count if what was read of the file is not needed, and not
// known, any more: the mover sees that, and reads it again.
type moved struct {
	s    *session.Session
	path string
	user *config.Config // that the source was made of; nil: there is none
	source
}

func (f moved) tell(n *State) {
	m, there := n.sessions[f.s]
	_, known := n.sources[f.path]
	if !there || !known && f.user != n.Config {
		return
	}
	if !known {
		n.sources, n.stale = with(n.sources, f.path, f.source), true
	}
	n.sessions = with(n.sessions, f.s, member{f.path, m.begun})
	n.leave(m.path)
}

// left: a client is gone. With the last one all inspections end; the next one has them taken anew.
type left struct{ s *session.Session }

func (f left) tell(n *State) {
	m, there := n.sessions[f.s]
	if !there {
		return
	}
	n.sessions = without(n.sessions, f.s)
	n.leave(m.path)
	if len(n.sessions) == 0 {
		n.begun = maps.Clone(n.begun)
		for k := range n.inspections {
			delete(n.begun, k)
		}
		n.inspections, n.nothing = nil, nil
	}
}

// leave forgets a workspace that no session is in any more.
func (n *State) leave(path string) {
	for _, m := range n.sessions {
		if m.path == path {
			return
		}
	}
	if path != "" {
		n.sources, n.stale = without(n.sources, path), true
	}
}

// began: these inspections are taken.
type began []*inspection

func (f began) tell(n *State) {
	inspections, begun := map[key]*inspection{}, map[key]occasion{}
	for _, in := range f {
		inspections[in.key] = in
		if in.once {
			begun[in.key] = in.occasion
		}
	}
	n.inspections, n.begun = merged(n.inspections, inspections), merged(n.begun, begun)
}

// taken: an inspection is not the present one of its server any more. Its owner ends it.
type taken struct{ in *inspection }

func (f taken) tell(n *State) {
	if n.inspections[f.in.key] == f.in {
		n.inspections = without(n.inspections, f.in.key)
	}
}

// again: what a person approved may be started once more. A start that was begun since is that one.
type again map[key]occasion

func (f again) tell(n *State) {
	for k, before := range f {
		if n.begun[k] == before {
			n.begun = without(n.begun, k)
		}
	}
}

// seenUnder: a server was inspected under these values of its variables and headers. Of one that offers something they do not matter.
type seenUnder struct {
	key    key
	values string
}

func (f seenUnder) tell(n *State) { n.nothing = with(n.nothing, f.key, f.values) }
