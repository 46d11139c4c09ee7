package hub

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/builtin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// key names an entry: by the file it stands in, and its name.
type key struct{ path, name string }

func keyOf(s *config.Server) key { return key{s.Path, s.Name} }

// approval is the policy of approval.
type approval struct {
	written, confirmed string
	doubt              string // why the whole file waits for a person; "": it does not
}

// policy is the one in force: the one that is written, once it was confirmed if it is looser.
func (a approval) policy() string { return quarantine.Stricter(a.written, a.confirmed) }

// scope is the configuration as one workspace has it: the user's, and the servers that the workspace's own file proposes.
type scope struct {
	written   *config.Config // as the files have it
	effective *config.Config // with what is held, and the policies in force
	end       func()         // of the watch over the workspace's file
}

// derive makes a scope's configuration; the caller holds mu or is New.
func (h *Hub) derive(workspace string, written *config.Config) *scope {
	effective := *written
	effective.Servers = nil
	var index *confusables.Names
	known := append([]string(nil), ownNames...) // and approved, or the user's own
	for _, s := range written.Servers {
		if !s.Workspace {
			known = append(known, s.Name)
		}
	}
	for _, s := range written.Servers {
		e := h.entries[keyOf(s)]
		if e == nil { // it came this moment; recall will tell
			e = &entry{failed: errors.New("it was not read yet")}
		}
		c := *e.record.Effective(s)
		if h.approval.policy() == config.ApprovalOff {
			c.ToolChanges, c.Enabled = config.ToolChangesAuto, s.Enabled
		}
		if c.Held = heldBecause(s, e, h.approval.doubt); c.Held == "" && s.Enabled && !c.Enabled {
			c.Held = "it was disabled, and its file was edited to enable it: a person has to confirm that." + toApprove(s)
		}
		if !s.Enabled && e.failed == nil {
			c.Held = "" // it is not wanted, whatever it waits for
		}
		if s.Workspace {
			if index == nil {
				index = confusables.NewNames(known)
			}
			if other := lookalike(s.Name, index); other != "" {
				c.Refused = "its name can be taken for " + strconv.Quote(other) + " – rename it in the workspace's file"
			}
		}
		effective.Servers = append(effective.Servers, &c)
	}
	sc := &scope{written: written, effective: &effective}
	if old := h.scopes[workspace]; old != nil {
		sc.end = old.end
	}
	return sc
}

// Lookalike is the first of the names, or of our own, that a new name is or can be taken for; a name among names is no lookalike of itself.
func Lookalike(name string, names []string) string {
	return lookalike(name, confusables.NewNames(append(ownNames[:len(ownNames):len(ownNames)], names...)))
}

// ownNames are the names of the proxy itself.
var ownNames = append([]string{"mcpproxy-stdio"}, builtin.Names...)

func lookalike(name string, names *confusables.Names) string {
	if slices.Contains(ownNames, name) {
		return name
	}
	return names.Near(name)
}

// heldBecause says why an entry is held, "" if it is not. It has no word of the server's.
func heldBecause(s *config.Server, e *entry, doubt string) string {
	if e.failed != nil {
		return "what was approved of it can't be read or written, so it is not run – see to the state directory, it is tried again: " + e.failed.Error()
	}
	state, what := e.record.State(s), ""
	switch state {
	case quarantine.Approved:
		return ""
	case quarantine.HeldLaunch:
		what = "was not run: a person has to approve that it is started for an inspection"
	case quarantine.HeldDefinitions:
		what = "can't be called: a person has to approve what it offers"
	}
	from := ""
	if s.Workspace {
		from = " It comes from " + strconv.QuoteToASCII(s.Path) + "."
	}
	if doubt != "" && e.record.OfWholeFile(s) {
		from += " The whole file waits, because " + doubt + "; one question on a terminal covers all of it: " + approveAll(s) + "."
	}
	if e.record != nil && e.record.Doubt != "" {
		from += " What was approved before does not count: " + e.record.Doubt + "."
		if doubt == "" && e.record.OfWholeFile(s) {
			from += " One question on a terminal covers all such servers: " + approveAll(s) + "."
		}
	}
	return fmt.Sprintf("it is held in quarantine (%s) and %s.%s%s", state, what, from, toApprove(s))
}

// toApprove says how a person approves what waits of an entry.
func toApprove(s *config.Server) string {
	return " quarantine_review shows it, quarantine_approve asks the person; on a terminal: " + command("approve", s)
}

// approveAll is what a person types on a terminal to approve a file as a whole.
func approveAll(s *config.Server) string {
	words := "mcpproxy-stdio approve --all"
	if standard, err := config.StandardPath(); err != nil || standard != s.Path {
		words += " --config " + config.ShellWord(s.Path)
	}
	return words
}

// command is what a person types on a terminal about an entry, wherever the terminal is.
func command(verb string, s *config.Server) string {
	words := "mcpproxy-stdio " + verb
	if standard, err := config.StandardPath(); s.Workspace {
		words += " --workspace " + config.ShellWord(filepath.Dir(filepath.Dir(s.Path)))
	} else if err != nil || standard != s.Path {
		words += " --config " + config.ShellWord(s.Path)
	}
	return words + " " + config.ShellWord(s.Name)
}

// apply brings all scopes in line with the configuration and the records: what may not run any more is ended, what may is looked at.
func (h *Hub) apply() {
	h.mu.Lock()
	drops, held := map[string][]string{}, map[string][]string{}
	var stop []*first
	for workspace, old := range h.scopes {
		sc := h.derive(workspace, old.written)
		if sameServers(old.effective, sc.effective) {
			continue
		}
		h.scopes[workspace] = sc
		held[workspace] = newlyHeld(old.effective, sc.effective)
		drops[workspace] = changedServers(old.effective, sc.effective)
		for _, name := range drops[workspace] {
			for _, from := range []*config.Config{old.effective, sc.effective} {
				if s := from.Server(name); s != nil {
					if f := h.firsts[keyOf(s)]; f != nil && h.due(sc.effective.Server(name)) != f.look {
						stop = append(stop, f)
						delete(h.firsts, keyOf(s))
					}
				}
			}
		}
	}
	h.mu.Unlock()
	for _, f := range stop {
		f.finish()
		h.dismiss(f, 0)
	}
	for workspace, names := range drops {
		for _, s := range h.in(workspace) {
			s.Drop(names...)
			warnHeld(s, held[workspace])
			h.inspectNew(s) // now: who was told of the change finds the look to wait for
			h.work.Go(s.StartEager)
		}
		h.changed(workspace)
	}
}

func sameServers(a, b *config.Config) bool {
	if a.MaxNameLength != b.MaxNameLength || a.FirstListWait != b.FirstListWait || len(a.Servers) != len(b.Servers) {
		return false
	}
	for i := range a.Servers {
		if !reflect.DeepEqual(a.Servers[i], b.Servers[i]) {
			return false
		}
	}
	return true
}

// userConfig is the user's file as it was last read.
func (h *Hub) userConfig() *config.Config {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.config
}

// Moved implements session.Host: the session's workspace may be another one now.
func (h *Hub) Moved(s *session.Session) {
	path := ""
	if workspace := s.KnownWorkspace(); workspace != "" {
		h.doubtIn(workspace)
		// Its file need not be there yet: it is watched, and what it proposes is taken in when it appears.
		if path = config.WorkspacePath(workspace); path == h.opts.ConfigPath {
			path = ""
		}
	}
	h.mu.Lock()
	was, there := h.sessions[s]
	same := was == path || !there
	h.mu.Unlock()
	if same {
		return
	}
	for {
		user := h.userConfig()
		written, data := user, []byte(nil)
		if path != "" {
			written, data = user.InWorkspace(path)
		}
		h.know(written.Servers)
		h.mu.Lock()
		if h.scopes[path] == nil && h.config != user { // another one was taken over meanwhile
			h.mu.Unlock()
			continue
		}
		if h.scopes[path] == nil {
			h.scopes[path] = h.derive(path, written)
			h.watchWorkspace(path, data)
		}
		break
	}
	was, there = h.sessions[s]
	if there && was == path { // somebody else was quicker
		h.mu.Unlock()
		return
	}
	var others, held []string // that are other servers now, or none
	same = true
	if there {
		old, next := h.scopes[was].effective, h.scopes[path].effective
		others, same, held = changedServers(old, next), sameServers(old, next), newlyHeld(old, next)
		h.sessions[s] = path
	}
	h.leaveScope(was, s)
	if !there { // the client has left
		h.leaveScope(path, s)
	}
	h.mu.Unlock()
	if there && !same && s.Greeted() {
		s.Drop(others...)
		warnHeld(s, held)
		s.CatalogChanged()
		h.inspectNew(s)
		h.work.Go(s.StartEager)
	}
}

// leaveScope forgets a workspace that no session is in any more; mu is held.
func (h *Hub) leaveScope(path string, leaving *session.Session) {
	for s, of := range h.sessions {
		if of == path && s != leaving {
			return
		}
	}
	if sc := h.scopes[path]; path != "" && sc != nil {
		sc.end()
		delete(h.scopes, path)
	}
}
