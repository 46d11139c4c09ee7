package hub

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/builtin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// admin does for one session what the own tools offer.
type admin struct {
	h        *Hub
	s        *session.Session
	declines declines
}

// List implements builtin.Admin.
func (a *admin) List() builtin.Report {
	h := a.h
	a.s.Locate()
	now := h.State()
	c, broken, approval := now.Scope(a.s).Effective, now.Broken, now.Approval
	r := builtin.Report{Config: c.Path, Servers: []builtin.ServerStatus{}}
	if broken != nil {
		r.Problems = append(r.Problems, "the config file can't be read; "+inForce(c)+": "+broken.Error())
	}
	switch policy := approval.Policy(); {
	case policy != approval.Written:
		r.Problems = append(r.Problems, fmt.Sprintf("the config file sets approval to %s, which the user has to confirm: mcpproxy-stdio approve --policy; until then %s is in force", approval.Written, policy))
	case policy == config.ApprovalHost || policy == config.ApprovalOff:
		r.Problems = append(r.Problems, fmt.Sprintf("approval is %s: servers are approved without asking the user", policy))
	}
	for _, p := range c.Problems {
		r.Problems = append(r.Problems, p.String())
	}
	running := a.s.Instances()
	for _, st := range a.standings() {
		server := st.effective
		status := builtin.ServerStatus{Name: server.Name, Protocol: server.Protocol, State: "idle", Do: "starts when one of its tools is called", Isolation: isolation(server)}
		status.Tools, status.LeftOut = shownOf(st.snapshot)
		if err := upstream.Blocked(server); err != nil {
			status.State, status.Why, status.Do, status.Tools, status.LeftOut = st.blocked(), err.Error(), "", 0, nil
			r.Servers = append(r.Servers, status)
			continue
		}
		if n := st.record.Pending(st.written); n > 0 {
			status.Review = fmt.Sprintf("%d to review: quarantine_review", n)
		}
		in := running[server.Name]
		if f := now.inspections[st.key]; f != nil && in == nil {
			in = f.in
		}
		if in != nil {
			describe(&status, in.Status())
		}
		a.describeAsleep(&status, st, st.lately)
		r.Servers = append(r.Servers, status)
	}
	return r
}

// shownOf counts the tools of a snapshot that clients are shown, and names items that they are not, with the reason.
func shownOf(s *catalog.Snapshot) (tools int, leftOut []string) {
	if s == nil {
		return 0, nil
	}
	const most = 10
	for k := range catalog.Kinds {
		for _, raw := range s.Items[k] {
			why, _ := k.Shown(raw)
			if why == "" && k == catalog.Tools {
				tools++
			} else if why != "" && len(leftOut) < most {
				leftOut = append(leftOut, strconv.QuoteToASCII(k.ID(raw))+": "+confusables.Plain(why))
			}
		}
	}
	return tools, leftOut
}

// blocked is the state of an entry that must not run.
func (st standing) blocked() string {
	switch {
	case st.effective.Refused != "":
		return "refused"
	case !st.effective.Enabled:
		return "disabled"
	case st.failed != nil:
		return "failed"
	}
	return string(st.record.State(st.written))
}

// isolation is what a server that does not run asks for, "" for one that runs elsewhere or cannot.
func isolation(server *config.Server) string {
	switch iso := server.Isolation; {
	case server.Protocol != config.ProtocolStdio || server.Refused != "":
		return ""
	case server.OwnContainer():
		return "its command starts a container itself"
	case !iso.Confined():
		return "none"
	case iso.Type == config.IsolationSandbox:
		return "asks for a sandbox"
	case iso.Type == config.IsolationAuto:
		return "asks for a container of " + iso.ImageFor(server.Command) + ", or a sandbox"
	default:
		return "asks for a container of " + iso.ImageFor(server.Command)
	}
}

// describeAsleep says of a server that does not run why it would not serve a call: it wants a login, offered nothing, or failed when it last
// ran.
func (a *admin) describeAsleep(status *builtin.ServerStatus, st standing, l Lately) {
	if status.State != "idle" {
		return
	}
	switch {
	case a.loggedOut(st.effective):
		status.State, status.Do = string(upstream.NeedsLogin), "log in: oauth_login"
	case status.Why != "":
	case l.State == string(upstream.NeedsLogin):
		status.Why = "it needed a login when it last ran" // which it may have by now
	case l.State != "":
		status.State, status.Why, status.Since, status.Do = l.State, l.Why, l.Since, "read its logs (operation \"logs\") and check its entry; it is tried again at the next call, or with operation \"restart\""
	case st.record.OffersNothing():
		status.Why, status.Do = errOffersNothing.Error(), remedyNothing
	}
}

// loggedOut tells whether a person has to log in to a server before it can be used. Nothing is asked of it, and nothing of a keyring that its
// entry names.
func (a *admin) loggedOut(server *config.Server) bool {
	if server.Protocol == config.ProtocolStdio {
		return false
	}
	login, err := a.s.Login(Bare(server))
	return err == nil && NeedsLogin(login)
}

func describe(st *builtin.ServerStatus, s upstream.Status) {
	st.State, st.Why, st.Since = string(s.State), s.Why, s.Since
	switch {
	case s.Confinement != "" && s.State == upstream.Ready:
		st.Isolation = s.Confinement
	case s.State == upstream.Ready && strings.HasPrefix(st.Isolation, "asks"):
		st.Isolation = "none, although it asks for isolation: allow_none permits it"
	}
	switch s.State {
	case upstream.Ready:
		st.State, st.Do = "running", ""
		if s.Unlisted != nil {
			st.Why = s.Unlisted.Error()
			if !s.Usable {
				st.State, st.Do = "failed", `read its logs (operation "logs"), fix what they report, and restart it (operation "restart"); it is asked again automatically, less and less often`
			}
		}
	case upstream.NeedsLogin:
		st.Do = "log in: oauth_login"
	case upstream.Starting:
		st.Do = "wait, or read its logs"
		if s.Stage != "" {
			st.Do = "wait: " + s.Stage
		}
	case upstream.Failed:
		st.NextTry = s.NextTry
		st.Do = upstream.ToCheck(st.Protocol != config.ProtocolStdio, s.Err) + "; read its logs (operation \"logs\"); it is tried again at the next call, or with operation \"restart\""
	}
}

// Restart implements builtin.Admin.
func (a *admin) Restart(name string) error {
	st, err := a.standing(name)
	if err != nil {
		return err
	}
	if err := upstream.Blocked(st.effective); err != nil {
		return fmt.Errorf("server %q is not available: %w", name, err)
	}
	if _, f := a.h.inspected(a.s, name); f != nil && f.occasion.kind == newServer {
		f.in.Start()
		return nil
	}
	return a.s.Restart(name)
}

// Logs implements builtin.Admin. What a server wrote that is held is its own text, and stays where it is.
func (a *admin) Logs(name string) (string, error) {
	st, err := a.standing(name)
	if err != nil {
		return "", err
	}
	if st.effective.Held != "" {
		return "", fmt.Errorf("server %q is not available: %s", name, st.effective.Held)
	}
	in := a.s.Instances()[name]
	if _, f := a.h.inspected(a.s, name); in == nil && f != nil {
		in = f.in
	}
	if in == nil {
		return "", nil
	}
	return cmp.Or(in.Diagnostics(), in.Status().Why), nil
}

func (a *admin) unknown(name string) error {
	var names []string
	for _, s := range a.h.Config(a.s).Servers {
		names = append(names, strconv.Quote(s.Name))
	}
	return fmt.Errorf("no server %s is configured; there are: %s", strconv.QuoteToASCII(name), strings.Join(names, ", "))
}

// own is an entry of the user's file, the only ones that can be changed.
func (a *admin) own(name string) (*config.Server, error) {
	st, err := a.standing(name)
	if err == nil && st.written.Workspace {
		err = fmt.Errorf("server %q comes from the workspace's file %s; change it there", name, st.written.Path)
	}
	return st.written, err
}

// Add implements builtin.Admin. The entry is held: nothing is run before a person has seen it.
func (a *admin) Add(name string, options []config.Option) error {
	if _, err := a.standing(name); err == nil {
		return fmt.Errorf("server %q already exists; operation update changes it", name)
	}
	var names []string
	for _, st := range a.standings() {
		if st.record.State(st.written) == quarantine.Approved || !st.written.Workspace {
			names = append(names, st.written.Name)
		}
	}
	if other := Lookalike(name, names); other != "" {
		return fmt.Errorf("the name %s looks like %s; choose another", strconv.QuoteToASCII(name), strconv.QuoteToASCII(other))
	}
	if !slices.ContainsFunc(options, func(o config.Option) bool { return o.Key == "protocol" }) {
		options = append(options, config.Option{Key: "protocol", Value: inferred(options)})
	}
	options = append(options, config.Option{Key: "quarantined", Value: true})
	return a.hold(name, func(d *config.Document) error { return d.Add(name, options) })
}

// inferred is the protocol of options that name none.
func inferred(options []config.Option) string {
	text := map[string]string{}
	for _, o := range options {
		text[o.Key], _ = o.Value.(string)
	}
	return config.InferProtocol(text["command"], text["url"])
}

// hold edits an entry and holds it; it is held before it is edited, so that there is no moment in between.
func (a *admin) hold(name string, change func(*config.Document) error) error {
	path := a.h.opts.ConfigPath
	if _, err := a.h.baseline(a.h.State().Config); err != nil {
		return err
	}
	was, err := a.h.book.Read(path, name)
	if err != nil {
		return err
	}
	if _, err := a.h.book.Update(path, name, func(r *quarantine.Record) error { r.Hold(); return nil }); err != nil {
		return err
	}
	err = a.h.edit(change)
	if err != nil { // nothing was changed: as it was
		if was == nil {
			was = &quarantine.Record{}
		}
		_, undo := a.h.book.Update(path, name, func(r *quarantine.Record) error {
			r.Tool, r.Inspect, r.Found, r.Seen = was.Tool, was.Inspect, was.Found, was.Seen
			return nil
		})
		err = errors.Join(err, undo)
	}
	a.h.recallOne(key{path, name})
	return err
}

// Update implements builtin.Admin. It tells whether the entry is held now.
func (a *admin) Update(name string, options []config.Option) (held bool, err error) {
	if _, err := a.own(name); err != nil {
		return false, err
	}
	for _, o := range options { // which tools are offered is a policy, of which a looser one waits by itself
		held = held || config.InLaunch(o.Key)
	}
	change := func(d *config.Document) error {
		for _, o := range options {
			if err := d.Set(name, o.Key, o.Value); err != nil {
				return err
			}
		}
		if held {
			return d.Set(name, "quarantined", true)
		}
		return nil
	}
	if held {
		return true, a.hold(name, change)
	}
	return false, a.h.edit(change)
}

// Enable implements builtin.Admin. What a person disabled only a person enables.
func (a *admin) Enable(name string, on bool) error {
	server, err := a.own(name)
	if err != nil {
		return err
	}
	r, err := a.h.book.Read(a.h.opts.ConfigPath, name)
	if err != nil {
		return err
	}
	if on && !server.Enabled && (r == nil || !r.Disabled) {
		return fmt.Errorf(`the user disabled server %q in the config file; only they can enable it: they set "enabled": true there and confirm it`, name)
	}
	return a.h.edit(func(d *config.Document) error {
		if server.Enabled && !on { // that a tool enables it again is seen when the file is read
			if _, err := a.h.book.Update(a.h.opts.ConfigPath, name, func(r *quarantine.Record) error { r.Disabled = true; return nil }); err != nil {
				return err
			}
		}
		return d.Set(name, "enabled", on)
	})
}

// Remove implements builtin.Admin.
func (a *admin) Remove(name string) error {
	if _, err := a.own(name); err != nil {
		return err
	}
	return a.h.edit(func(d *config.Document) error { return d.Remove(name) })
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
	// Who undoes the edit before the watcher has looked gives it nothing to see.
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
