package hub

import (
	"context"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// OwnTools are the proxy's own tools, which package builtin makes.
type OwnTools struct {
	Definitions func() [][]byte
	Connect     func(*Client) upstream.Conn
}

// Client is the hub as one of its sessions has it, for those who administer the servers on behalf of its client.
type Client struct {
	h *Hub
	*session.Session
}

// View is what is known of the servers that a client has: facts, none of which says what to do.
type View struct {
	Config    *config.Config // the user's file as it is in force
	Paths     []string       // the files that its servers stand in: the user's, and the workspace's if there is one
	Broken    error          // why the user's file as it is now is not in force; nil: it is
	Confirmed string         // the policy of approval that a person has confirmed
	Doubt     string         // why the whole file waits for a person; "": it does not
	Desktop   bool           // digits were shown as a desktop notification so far
	Book      *quarantine.Book
	Servers   []*Server
	Elsewhere []catalog.Source // what servers of other workspaces offer
}

// Policy is the policy of approval that is in force: the written one, once it was confirmed if it is looser.
func (v *View) Policy() string { return quarantine.Stricter(v.Config.Approval, v.Confirmed) }

// View returns what the client's servers are now.
func (c *Client) View() (*View, error) {
	c.Locate()
	st := c.h.State()
	sc := st.Scope(c.Session)
	v := &View{Config: sc.Effective, Paths: []string{st.Config.Path}, Broken: st.Broken, Confirmed: st.Approval.Confirmed, Doubt: st.Approval.Doubt, Book: c.h.book, Servers: sc.Servers}
	mine := map[key]bool{}
	for _, s := range sc.Servers {
		mine[s.key()] = true
	}
	if path := st.sessions[c.Session].path; path != "" {
		v.Paths = append(v.Paths, path)
	}
	for k, e := range st.recorded {
		if !mine[k] {
			v.Elsewhere = append(v.Elsewhere, catalog.Source{Server: k.name, Snapshot: e.Snapshot})
		}
	}
	return v, nil
}

// Blocked is the state that keeps a server from being used, "" for one that can be.
func (k *Server) Blocked() string {
	switch s := k.Effective; {
	case upstream.Blocked(s) == nil:
		return ""
	case s.Refused != "":
		return "refused"
	case !s.Enabled:
		return "disabled"
	}
	if state := k.Record.State(k.Written); state != quarantine.Approved && k.Failed == nil {
		return string(state)
	}
	return "failed"
}

// Begin takes the baseline of a configuration that was never run.
func (c *Client) Begin() error {
	_, err := c.h.baseline(c.h.State().Config)
	return err
}

// Edit changes the user's file, which is in force when it returns.
func (c *Client) Edit(change func(*config.Document) error) error { return c.h.edit(change) }

// Recall takes over what was written to the record of an entry.
func (c *Client) Recall(path, name string) { c.h.recallOne(key{path, name}) }

// Login is the login of a server, nil for a local one.
func (c *Client) Login(server *config.Server) (*oauth.Login, error) {
	return c.Session.Login(server)
}

// Instances are the running instances of the client's servers by name, inspections included.
func (c *Client) Instances() map[string]*upstream.Attachment {
	all, st := c.Session.Instances(), c.h.State()
	for _, s := range st.Scope(c.Session).Servers {
		if f := st.inspections[s.key()]; f != nil && all[s.Written.Name] == nil {
			all[s.Written.Name] = f.in
		}
	}
	return all
}

// Restart starts a server anew.
func (c *Client) Restart(name string) error {
	if _, f := c.h.inspected(c.Session, name); f != nil && f.occasion.kind == newServer {
		f.in.Start()
		return nil
	}
	return c.Session.Restart(name)
}

// inspectMost is how long a call waits for an inspection; the inspection goes on.
const inspectMost = 45 * time.Second

// Inspect begins the inspection of a server that was approved just now, and waits for its end, though not for ever.
func (c *Client) Inspect(ctx context.Context, name string) {
	c.h.inspectNew(c.Session)
	_, f := c.h.inspected(c.Session, name)
	if f == nil {
		return
	}
	select {
	case <-f.done:
	case <-ctx.Done():
	case <-time.After(inspectMost):
	}
}

// Decide has decide record a person's decision about an entry. If it approves, what it approves may be tried, whatever was tried before.
func (c *Client) Decide(path, name string, decide func() (approved bool)) {
	h, k := c.h, key{path, name}
	before := h.State().begun[k]
	if !decide() {
		return
	}
	if before != (occasion{}) { // else what the store's watcher began, if it saw the approval first, is the one start that it is
		h.note(again{k: before})
	}
	h.recallOne(k)
}

// AwaitListed waits until a server's tools are listed to the client, after a login for instance.
func (c *Client) AwaitListed(ctx context.Context, server string) {
	c.h.AwaitFirst(ctx, c.Session, catalog.Prefix(server))
	c.Refresh(ctx)
}

// lookAgain is longer than the watcher takes to look.
const lookAgain = time.Second

// edit changes the user's file and takes it over at once.
func (h *Hub) edit(change func(*config.Document) error) error {
	h.reading.Lock() // nobody reads the file between what the change notes and what it writes
	err := config.Edit(h.opts.ConfigPath, change, config.LockDir(h.opts.Store.Locks()))
	h.reading.Unlock()
	if err != nil {
		return err
	}
	h.Reload()
	h.log.Info().Msg("configuration edited through a tool")
	// An edit that is undone before the watcher has looked would leave it nothing to see.
	h.spawn(func() {
		select {
		case <-h.ctx.Done():
		case <-time.After(lookAgain):
			if !h.State().Config.Current() {
				h.Reload()
			}
		}
	})
	return nil
}
