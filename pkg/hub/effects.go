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

// effects are what has to be done when one state has followed another.
type effects struct {
	sessions []effect
	stop     []*inspection    // that are not wanted any more
	start    []*inspection    // what their start waited for was approved
	written  []written        // records that are other ones
	fared    []key            // servers that fare otherwise than was written down
	unread   []*config.Server // whose records were not read
	forgot   []key            // servers that belong to no scope any more
	watch    []string         // workspaces' files
	unwatch  []string
}

// effect is what has to be done for a session.
type effect struct {
	s       *session.Session
	drop    []string // servers whose instances can't go on
	held    []string // servers that the client is warned of
	changed bool     // it is offered something else
	inspect bool     // servers may be due for an inspection
	eager   bool     // servers may have to be started
}

// written is a record that replaces another one.
type written struct {
	key      key
	was, now *Recorded
}

// effectsOf compares two states. It changes neither.
func effectsOf(was, now *State) (e effects) {
	type pair struct{ was, now *Scope }
	between := map[pair]difference{} // sessions of a scope have the same
	for _, sc := range now.scopes {
		for _, s := range sc.Servers {
			if s.from == unread {
				e.unread = append(e.unread, s.Written)
			}
		}
	}
	lists, starts := map[key]bool{}, map[key]bool{}
	for k, r := range now.recorded {
		old := was.recorded[k]
		if old == nil || old == r {
			continue
		}
		e.written = append(e.written, written{k, old, r})
		lists[k] = !r.Snapshot.SameDefinitions(old.Snapshot)
		starts[k] = old.Record != nil && r.Record != nil && len(lacking(old.Gate, quarantine.OfStart(r.Record))) > 0
		if in := now.inspections[k]; in != nil && starts[k] {
			e.start = append(e.start, in)
		}
	}
	for s, m := range now.sessions {
		before, there := was.sessions[s]
		if !there {
			continue
		}
		begun := m.begun && !before.begun
		one := effect{s: s, inspect: begun, eager: begun}
		p := pair{was.scopes[before.path], now.scopes[m.path]}
		if p.was != p.now && m.begun { // before its handshake it was offered nothing, and runs nothing
			d, made := between[p]
			if !made {
				d = differenceOf(p.was, p.now)
				between[p] = d
			}
			one.drop, one.held, one.changed = d.drop, d.held, d.changed
			one.inspect, one.eager = one.inspect || d.changed, one.eager || d.changed
			for _, w := range e.written {
				if own := p.now.Server(w.key.name); own != nil && own.key() == w.key {
					one.changed, one.eager = one.changed || lists[w.key], one.eager || starts[w.key]
				}
			}
		}
		if p.was != p.now || one.inspect {
			e.sessions = append(e.sessions, one)
		}
	}
	for k, in := range was.inspections {
		if now.inspections[k] != in {
			e.stop = append(e.stop, in)
		}
	}
	e.fared, e.forgot = differing(was.lately, now.lately)
	e.unwatch, e.watch = lacks(was.sources, now.sources), lacks(now.sources, was.sources)
	return e
}

// differing are the keys of what is another value now, and of what is gone.
func differing[V comparable](was, now map[key]V) (other, gone []key) {
	for k, v := range was {
		if is, there := now[k]; !there {
			gone = append(gone, k)
		} else if is != v {
			other = append(other, k)
		}
	}
	return other, gone
}

// lacks are the keys of a that b has not.
func lacks[V any](a, b map[string]V) []string {
	return slices.DeleteFunc(slices.Collect(maps.Keys(a)), func(k string) bool { _, there := b[k]; return there })
}

// difference is what changes for a session between two scopes.
type difference struct {
	drop, held []string
	changed    bool
}

func differenceOf(was, now *Scope) difference {
	if sameServers(was.Effective, now.Effective) {
		return difference{}
	}
	return difference{changedServers(was.Effective, now.Effective), newlyHeld(was.Effective, now.Effective), true}
}

// changedServers names the servers of old whose instances can't go on under next.
func changedServers(old, next *config.Config) (names []string) {
	now := byName(next)
	for _, a := range old.Servers {
		b := now[a.Name]
		if a != b && (b == nil || upstream.Blocked(b) != nil || !reflect.DeepEqual(runs(a), runs(b))) {
			names = append(names, a.Name)
		}
	}
	return names
}

func byName(c *config.Config) map[string]*config.Server {
	all := make(map[string]*config.Server, len(c.Servers))
	for _, s := range c.Servers {
		all[s.Name] = s
	}
	return all
}

// runs is an entry without what does not concern a running instance.
func runs(s *config.Server) config.Server {
	c := *s
	c.Line, c.Column = 0, 0
	c.EnabledTools, c.DisabledTools, c.ToolChanges, c.Confirmed, c.Quarantined = nil, nil, "", nil, false
	return c
}
