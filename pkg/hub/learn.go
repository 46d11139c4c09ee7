package hub

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// Learned implements session.Host: what a session's instance lists is compared with what was approved. It only adds, because an
// instance may offer less than a look with all abilities has seen.
func (h *Hub) Learned(s *session.Session, name string, live *catalog.Snapshot) {
	if server := h.Config(s).Server(name); server != nil {
		h.learn(keyOf(server), live, quarantine.Part)
	}
}

// entry is an entry as its file has it, and whether its changes are approved by themselves; nil if there is none any more.
func (h *Hub) entry(k key) (s *config.Server, auto bool) {
	server := h.State().server(k)
	if server == nil {
		return nil, false
	}
	return server.Written, server.Effective.ToolChanges == config.ToolChangesAuto
}

// learn takes in what an instance lists. When it returns, what is new is on disk, and shown to clients only then.
func (h *Hub) learn(k key, live *catalog.Snapshot, extent quarantine.Extent) {
	server, auto := h.entry(k)
	if server == nil || server.LaunchKey() != live.Launch {
		return
	}
	e := h.State().recorded[k]
	if e == nil || e.Record == nil || e.Failed != nil {
		return
	}
	path := live.Path
	h.spawn(func() { h.noteProgram(k, server, path) })
	if live.Items[catalog.Resources] != nil {
		screened := *live
		screened.Items[catalog.Resources] = h.firstListed(k, h.Screen(k.name, live.Items[catalog.Resources]))
		live = &screened
	}
	judge := h.judge(k, live)
	if !e.Record.First && !e.Record.Clone().Learn(server, live, extent, auto, judge) {
		return
	}
	r, err := h.book.Update(k.path, k.name, func(r *quarantine.Record) error {
		if !r.Learn(server, live, extent, auto, judge) {
			return quarantine.ErrUnchanged
		}
		return nil
	})
	if err != nil {
		h.fail(k, err)
		return
	}
	if was, is := e.Record.Installed, r.Installed; was != nil && is != nil && was.Short() != is.Short() {
		h.log.Info().Str("server", k.name).Str("was", was.Short()).Str("is", is.Short()).Msg("the server's package has another version than at its last run")
	}
	if n := r.Pending(server); n > 0 && n != e.Record.Pending(server) {
		h.log.Warn().Str("server", k.name).Int("items", n).Msg("the server's definitions changed; the changes are held for review")
	}
	h.adopt(k, r)
}

// firstListed leaves out of what is recorded of a server's resources those that another server listed before: they are that
// server's after a restart too. Of servers that are looked at for the first time together, the order of the file decides.
func (h *Hub) firstListed(k key, items [][]byte) [][]byte {
	st, mine := h.State(), map[string]bool{}
	if e := st.recorded[k]; e != nil && e.Record != nil {
		for _, raw := range e.Record.Resources {
			mine[string(raw)] = true
		}
	}
	var others [][][]byte
	for other, e := range st.recorded {
		if f := st.inspections[k]; other != k && e.Record != nil && (f == nil || e.Record.Taken.Before(f.begun)) {
			others = append(others, e.Record.Resources)
		}
	}
	if len(items) == 0 || len(others) == 0 || !slices.ContainsFunc(items, func(raw []byte) bool { return !mine[string(raw)] }) {
		return items
	}
	theirs := map[string]bool{}
	for _, list := range others {
		for _, raw := range list {
			theirs[catalog.NormalURI(catalog.Resources.ID(raw))] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(items), func(raw []byte) bool {
		return !mine[string(raw)] && theirs[catalog.NormalURI(catalog.Resources.ID(raw))]
	})
}

// programEvery is how often the program of a server is looked at, at most.
const programEvery = 10 * time.Second

// noteProgram tells of a program that is another file than when its server last ran.
func (h *Hub) noteProgram(k key, server *config.Server, path string) {
	e := h.State().recorded[k]
	last, seen := h.programs.Swap(k, time.Now())
	if seen && time.Since(last.(time.Time)) < programEvery || e == nil || e.Record == nil || path == "" {
		return
	}
	known := e.Record.Program
	now, err := quarantine.ReadProgram(h.ctx, path, known)
	if err != nil || now == known {
		return
	}
	if known != nil && (now.SHA256 != known.SHA256 || now.Path != known.Path) {
		h.log.Warn().Str("server", k.name).Str("path", now.Path).Str("was", known.Path).Str("sha256", now.SHA256).Msg("the server's program is a different file than before")
	}
	r, err := h.book.Update(k.path, k.name, func(r *quarantine.Record) error {
		if r.LaunchKey != server.LaunchKey() {
			return quarantine.ErrUnchanged
		}
		r.Program = now
		return nil
	})
	if err == nil {
		h.adopt(k, r)
	}
}

// Admit implements session.Host: the decision about each call is made here, when it is about to be sent.
func (h *Hub) Admit(server *config.Server) func(kind catalog.Kind, id, digest string) error {
	k, launch := keyOf(server), server.LaunchKey()
	return func(kind catalog.Kind, id, digest string) error {
		e := h.State().recorded[k]
		if e == nil || e.Failed != nil || e.Record == nil || e.Record.LaunchKey != launch || e.Record.Tool {
			return fmt.Errorf("it is held in quarantine, so it was not called; quarantine_review shows why")
		}
		if !e.Gate.Admits(quarantine.KindOf(kind), id, digest) {
			return fmt.Errorf("%s changed since it was approved, so it was not called. Ask the user to review it: quarantine_approve; or on a terminal: %s", quarantine.Word(id), Command("review", server))
		}
		return nil
	}
}

// judge tells the gravest finding of an item of a server; each is looked at once. live is what the server lists, if that is at hand.
func (h *Hub) judge(k key, live *catalog.Snapshot) quarantine.Judge {
	scanner := sync.OnceValue(func() *quarantine.Scanner {
		ctx := h.scanContext(k)
		if live != nil {
			ctx.Own = append(ctx.Own, live.IDs(catalog.Tools)...)
		}
		return quarantine.NewScanner(ctx)
	})
	known := map[string]scan.Severity{}
	return func(it quarantine.Item) scan.Severity {
		if s, ok := known[it.Digest]; ok {
			return s
		}
		worst := quarantine.Worst(scanner().Scan(it))
		known[it.Digest] = worst
		return worst
	}
}

// scanContext is what a definition of a server is judged by: what it and the others offer.
func (h *Hub) scanContext(k key) scan.Context {
	st := h.State()
	var own *catalog.Snapshot
	var waiting []quarantine.Item
	if e := st.recorded[k]; e != nil && e.Record != nil {
		own, waiting = e.Snapshot, slices.Concat(e.Record.Found, e.Record.Waiting)
	}
	var others []catalog.Source
	for other, e := range st.recorded {
		if other != k {
			others = append(others, catalog.Source{Server: other.name, Snapshot: e.Snapshot})
		}
	}
	return quarantine.ContextOf(k.name, own, waiting, others)
}

// Withheld implements session.Host: why an item that a client names is not there, nil if nothing of the server is withheld. name is the
// item's name for clients.
func (h *Hub) Withheld(s *session.Session, server, name string) error {
	entry := h.State().Scope(s).Server(server)
	if entry == nil {
		return nil
	}
	r := entry.Record
	if r == nil || len(r.Waiting) == 0 && len(r.Blocked) == 0 {
		return nil
	}
	means := func(id string) bool { return catalog.Prefix(server)+id == name }
	for _, id := range r.Blocked {
		if means(id) {
			return &upstream.Error{Server: server, Step: "was not called", Cause: fmt.Errorf("the user blocked %s. They can unblock it: %s --unblock %s",
				quarantine.Word(id), Command("approve", entry.Written), config.ShellWord(id))}
		}
	}
	for _, it := range r.Waiting {
		if means(it.ID) {
			return &upstream.Error{Server: server, Step: "was not called", Cause: fmt.Errorf("the user has not approved %s yet. Ask them to review it: quarantine_approve; or on a terminal: %s",
				quarantine.Word(it.ID), Command("approve", entry.Written))}
		}
	}
	return &upstream.Error{Server: server, Step: "was not called", Cause: fmt.Errorf("it has no approved definition of that name. quarantine_review shows its pending changes (%d) and blocked tools (%d)",
		len(r.Waiting), len(r.Blocked))}
}
