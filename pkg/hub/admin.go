package hub

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/builtin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// admin does for one session what the own tools offer.
type admin struct {
	h *Hub
	s *session.Session
}

// List implements builtin.Admin.
func (a *admin) List() builtin.Report {
	h := a.h
	h.mu.Lock()
	c, broken := h.config, h.broken
	firsts := make(map[string]*first, len(h.firsts))
	for name, f := range h.firsts {
		firsts[name] = f
	}
	counts := map[string]int{}
	for name, s := range h.snapshots {
		counts[name] = len(s.Items[catalog.Tools])
	}
	h.mu.Unlock()
	c = withWorkspace(c, a.s.KnownWorkspace())
	r := builtin.Report{Config: c.Path, Servers: []builtin.ServerStatus{}}
	if broken != nil {
		r.Problems = append(r.Problems, "the file can't be read as it is now; the last good configuration is in force: "+broken.Error())
	}
	for _, p := range c.Problems {
		r.Problems = append(r.Problems, p.String())
	}
	running := a.s.Instances()
	for _, server := range c.Servers {
		st := builtin.ServerStatus{Name: server.Name, Protocol: server.Protocol, State: "idle", Tools: counts[server.Name], Do: "starts by itself when it is called"}
		if err := upstream.Blocked(server); err != nil {
			st.State, st.Why, st.Do, st.Tools = blockedState(server), err.Error(), "", 0
			r.Servers = append(r.Servers, st)
			continue
		}
		in := running[server.Name]
		if f := firsts[server.Name]; f != nil && in == nil {
			in = f.in
		}
		if in != nil {
			describe(&st, in.Status())
		}
		r.Servers = append(r.Servers, st)
	}
	return r
}

func blockedState(server *config.Server) string {
	switch {
	case server.Workspace:
		return "quarantined"
	case server.Refused != "":
		return "refused"
	case !server.Enabled:
		return "disabled"
	}
	return "quarantined"
}

func describe(st *builtin.ServerStatus, s upstream.Status) {
	st.State, st.Why, st.Since = string(s.State), s.Why, s.Since
	switch s.State {
	case upstream.Ready:
		st.State, st.Do = "running", ""
	case upstream.Starting:
		st.Do = "wait, or look at its logs"
	case upstream.Failed:
		st.NextTry = s.NextTry
		st.Do = "check command, args and env; see operation \"logs\"; it is tried again when it is called, or with operation \"restart\""
	}
}

// Restart implements builtin.Admin.
func (a *admin) Restart(name string) error {
	server := a.h.Config().Server(name)
	if server == nil {
		return a.unknown(name)
	}
	if err := upstream.Blocked(server); err != nil {
		return fmt.Errorf("server %q is not available: %w", name, err)
	}
	a.h.mu.Lock()
	f := a.h.firsts[name]
	a.h.mu.Unlock()
	if f != nil && !f.again {
		f.in.Start()
		return nil
	}
	return a.s.Restart(name)
}

// Logs implements builtin.Admin.
func (a *admin) Logs(name string) (string, error) {
	if a.h.Config().Server(name) == nil {
		return "", a.unknown(name)
	}
	in := a.s.Instances()[name]
	if in == nil {
		a.h.mu.Lock()
		if f := a.h.firsts[name]; f != nil {
			in = f.in
		}
		a.h.mu.Unlock()
	}
	if in == nil {
		return "", nil
	}
	return cmp.Or(in.Diagnostics(), in.Status().Why), nil
}

func (a *admin) unknown(name string) error {
	var names []string
	for _, s := range a.h.Config().Servers {
		names = append(names, s.Name)
	}
	return fmt.Errorf("no server %q is configured; there are: %s", name, strings.Join(names, ", "))
}

// launchOptions are the options that decide what is run, reached or offered: changing one through a tool holds the server back.
var launchOptions = []string{"command", "args", "url", "protocol", "working_dir", "env", "headers", "isolation", "oauth", "allow_http",
	"enabled_tools", "disabled_tools"}

// Add implements builtin.Admin. The entry is held: nothing is run before a person has seen it.
func (a *admin) Add(name string, options []config.Option) error {
	options = append(options, config.Option{Key: "quarantined", Value: true})
	return a.edit(func(d *config.Document) error { return d.Add(name, options) })
}

// Update implements builtin.Admin. It tells whether the entry is held now.
func (a *admin) Update(name string, options []config.Option) (held bool, err error) {
	if a.h.Config().Server(name) == nil {
		return false, a.unknown(name)
	}
	err = a.edit(func(d *config.Document) error {
		for _, o := range options {
			if slices.Contains(launchOptions, o.Key) {
				held = true
			}
			if err := d.Set(name, o.Key, o.Value); err != nil {
				return err
			}
		}
		if held {
			return d.Set(name, "quarantined", true)
		}
		return nil
	})
	return held, err
}

// Remove implements builtin.Admin.
func (a *admin) Remove(name string) error {
	if a.h.Config().Server(name) == nil {
		return a.unknown(name)
	}
	return a.edit(func(d *config.Document) error { return d.Remove(name) })
}

// lookAgain is longer than the watcher takes to look.
const lookAgain = time.Second

// edit changes the user's file and takes it over at once.
func (a *admin) edit(change func(*config.Document) error) error {
	if err := config.Edit(a.h.opts.ConfigPath, change, config.LockDir(a.h.opts.Store.Locks())); err != nil {
		return err
	}
	a.h.Reload()
	a.h.log.Info().Msg("configuration edited through a tool")
	// Who undoes the edit before the watcher has looked gives it nothing to see.
	a.h.work.Go(func() {
		select {
		case <-a.h.ctx.Done():
		case <-time.After(lookAgain):
			if !a.h.Config().Current() {
				a.h.Reload()
			}
		}
	})
	return nil
}
