package hub

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// About implements session.Host.
func (h *Hub) About(s *session.Session) string {
	var all []usable
	for _, k := range h.State().Scope(s).Servers {
		one := usable{name: k.Written.Name, proposed: k.Written.Workspace, blocked: k.Blocked()}
		if one.blocked == "" {
			one.changes = k.Record.Pending(k.Written)
			one.login = k.Lately.State == string(upstream.NeedsLogin)
			one.starting = !one.login && (k.Record == nil || k.Record.First && k.Record.Taken.IsZero())
		}
		all = append(all, one)
	}
	return about(all)
}

// usable tells whether a server can be used.
type usable struct {
	name     string
	blocked  string // the state that keeps it from being used; "": none
	changes  int    // that wait for a review while the approved versions are active
	proposed bool   // by the workspace: not even its name is the user's
	login    bool   // it needed a login when it last ran
	starting bool   // it was never listed: it is started for that now
}

// about is what a client's model is told first: which servers there are, which of them can't be used, and what the user has to do. It has
// no text of a server, and of those that a workspace proposes and nobody has approved not even the name.
func about(all []usable) string {
	var ready, held, changed, failed, login, starting []string
	proposed := 0
	for _, s := range all {
		name := quarantine.Word(s.name)
		switch s.blocked {
		case "":
			if ready = append(ready, name); s.changes > 0 {
				changed = append(changed, name)
			}
			if s.login {
				login = append(login, name)
			}
			if s.starting {
				starting = append(starting, name)
			}
		case string(quarantine.HeldLaunch), string(quarantine.HeldDefinitions):
			if s.proposed {
				proposed++
			} else {
				held = append(held, name)
			}
		case "failed", "refused":
			if !s.proposed {
				failed = append(failed, name)
			}
		}
	}
	lines := []string{"mcpproxy-stdio runs the user's MCP servers behind this one; a tool is named server__tool."}
	line := func(format string, names []string) {
		if len(names) > 0 {
			lines = append(lines, fmt.Sprintf(format, nameList(names)))
		}
	}
	line("Servers: %s.", ready)
	line("Still starting, for the first time: %s. Their tools are listed once they run.", starting)
	line("The user must log in, unless they have since: %s. oauth_login starts the login; in a terminal: mcpproxy-stdio login.", login)
	line(`Not usable until the user approves them: %s. Ask the user: quarantine_review shows what to do; in a terminal: mcpproxy-stdio review.`, held)
	if proposed > 0 {
		lines = append(lines, fmt.Sprintf("The workspace proposes %d more, not usable until the user approves them: quarantine_review.", proposed))
	}
	line("Changed since they were approved: %s. The approved tools work; tell the user to review the changes: mcpproxy-stdio review.", changed)
	line(`Not usable because of an error: %s. upstream_servers with operation "list" tells why.`, failed)
	if len(all) == 0 {
		lines = append(lines, `No server is configured yet; upstream_servers with operation "add" adds one.`)
	}
	return strings.Join(lines, "\n")
}

// longestNames bounds one list of names in bytes, so that what servers say of themselves has room behind it.
const longestNames = 300

func nameList(names []string) string {
	text := ""
	for i, name := range names {
		if i > 0 && len(text)+len(name) > longestNames {
			return text + fmt.Sprintf(" and %d more", len(names)-i)
		}
		if i > 0 {
			text += ", "
		}
		if len(name) > 64 {
			name = name[:64] + "…"
		}
		text += name
	}
	return text
}

// newlyHeld names the servers that are held now and were not, or were not there.
func newlyHeld(old, next *config.Config) (names []string) {
	for _, s := range next.Servers {
		was := old.Server(s.Name)
		if s.Held != "" && s.Refused == "" && s.Enabled && (was == nil || was.Held == "") {
			names = append(names, strconv.QuoteToASCII(s.Name))
		}
	}
	return names
}

// warnHeld tells a client what has become held, in one message.
func warnHeld(s *session.Session, names []string) {
	switch len(names) {
	case 0:
	case 1:
		s.Warn("Server " + names[0] + " is held until the user approves it: mcpproxy-stdio review")
	default:
		s.Warn("Servers are held until the user approves them: " + nameList(names) + ". See: mcpproxy-stdio review")
	}
}

// warnChanged tells the clients of a server that more of it waits for a review than before.
func (h *Hub) warnChanged(st *State, w written) {
	server, k := st.server(w.key), w.key
	if server == nil || w.was.Record == nil || w.now.Record == nil || w.now.Record.State(server.Written) != quarantine.Approved {
		return
	}
	n := w.now.Record.Pending(server.Written)
	if n <= w.was.Record.Pending(server.Written) {
		return
	}
	text := fmt.Sprintf("Server %s has %d changes to review", strconv.QuoteToASCII(k.name), n)
	if n == 1 {
		text = fmt.Sprintf("Server %s has a change to review", strconv.QuoteToASCII(k.name))
	}
	for _, s := range st.in(k) {
		s.Warn(text + "; the approved versions stay active. The user reviews it with: " + Command("review", server.Written))
	}
}
