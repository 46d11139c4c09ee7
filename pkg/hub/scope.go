package hub

import (
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// known is what scopes are made of; mu is held while it is used, or the caller is New.
func (h *Hub) known() facts { return facts{h.approval, h.entries, h.lately} }

// apply brings all scopes in line with the configuration and the records: what may not run any more is ended, what may is looked at.
func (h *Hub) apply() {
	h.mu.Lock()
	drops, held := map[string][]string{}, map[string][]string{}
	var stop []*first
	for workspace, old := range h.scopes {
		sc := h.known().scope(old.Written, old)
		if sameServers(old.Effective, sc.Effective) {
			continue
		}
		h.scopes[workspace] = sc
		held[workspace] = newlyHeld(old.Effective, sc.Effective)
		drops[workspace] = changedServers(old.Effective, sc.Effective)
		for _, name := range drops[workspace] {
			for _, from := range []*config.Config{old.Effective, sc.Effective} {
				if s := from.Server(name); s != nil {
					if f := h.firsts[keyOf(s)]; f != nil && h.due(sc.Effective.Server(name)) != f.look {
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
			h.scopes[path] = h.known().scope(written, nil)
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
		old, next := h.scopes[was].Effective, h.scopes[path].Effective
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
		h.watches[path]()
		delete(h.watches, path)
		delete(h.scopes, path)
	}
}
