package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/secret"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// What check and servers say of a server.
const (
	stateOK          = "ok"
	stateEnabled     = "enabled"
	stateDisabled    = "disabled"
	stateFailed      = "failed" // what was approved of it can't be read, or its last start failed
	stateNeedsLogin  = "needs_login"
	stateRefused     = "refused"
	stateUnresolved  = "unresolved reference"
	stateNoWorkspace = "only in a workspace" // no fault: nothing is wrong with it there
	stateNoProgram   = "command not found"
	stateCannotRun   = "can't be run"         // as it stands there: what is named is no program, or others could have written it
	stateLacking     = "isolation too narrow" // it is not shown what its entry names
	stateProgram     = "program" + toReview
	stateEngine      = "engine" + toReview

	stateHeldLaunch      = string(quarantine.HeldLaunch)
	stateHeldDefinitions = string(quarantine.HeldDefinitions)
	stateApproved        = string(quarantine.Approved)
)

// checkedServer is one server as check sees it. It holds no values of variables, headers, arguments or references.
type checkedServer struct {
	Name     string   `json:"name"`
	Protocol string   `json:"protocol"`
	Launch   string   `json:"launch"` // in short
	State    string   `json:"state"`
	Why      []string `json:"why,omitempty"`
	Path     string   `json:"path"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
}

// broken tells whether the server is wanted and can't be started from here. What was refused is a problem of the file, if it is one.
func (s checkedServer) broken() bool {
	return s.State == stateUnresolved || s.State == stateNoProgram || s.State == stateCannotRun || s.State == stateLacking || s.State == stateFailed
}

// standing is where a server stands before it is started.
func standing(k *hub.Server) (state, why string) {
	s := k.Effective
	switch st := admin.StateOf(k); {
	case st == admin.Idle:
		return stateEnabled, ""
	case st == admin.Disabled && !s.Workspace: // a workspace's file no command changes
		return stateDisabled, "it is disabled; enable it: mcpproxy-stdio enable " + config.ShellWord(s.Name)
	case st == admin.HeldLaunch || st == admin.HeldDefinitions:
		return string(st), todo(k.Written.Name, quarantine.State(st))
	default:
		return string(st), upstream.Blocked(s).Error()
	}
}

// todo says what a person does about a server that is held.
func todo(name string, held quarantine.State) string {
	name = config.ShellWord(name)
	then := " – look at it with `mcpproxy-stdio review " + name + "`, then `mcpproxy-stdio approve " + name + "`"
	if held == quarantine.HeldLaunch {
		return "it is held: it will not run until you approve it" + then
	}
	return "it is held: its tools stay hidden until you approve them" + then
}

func inspectServer(k hub.Server, workspace string) checkedServer {
	s := k.Written
	c := checkedServer{Name: s.Name, Protocol: s.Protocol, Launch: shortLaunch(s), Path: s.Path, Line: s.Line, Column: s.Column}
	state, why := standing(&k)
	if state != stateEnabled {
		c.State, c.Why = state, []string{why}
		return c
	}
	c.State = stateOK
	plan := planHere(s, workspace)
	if plan.Refusal != nil || s.Protocol != config.ProtocolStdio {
		c.refuse(plan.Refusal)
		return c
	}
	process, refused := plan.As(plan.Usual())
	if c.refuse(refused); refused != nil {
		return c
	}
	if state, why = unapproved(k, process); state != "" {
		c.State, c.Why = state, []string{why}
	}
	if process.Lack != nil {
		c.Why = append(c.Why, process.Lack.Error())
	}
	return c
}

// planHere is what would run for a server that a client starts from this terminal.
func planHere(s *config.Server, workspace string) *launch.Plan {
	return launch.New(s, launch.Context{Environ: os.Environ(), Keyring: secret.Get, Workspace: workspace, Dir: workingDir()})
}

// refuse takes in why a server can't be started, nil if it can.
func (c *checkedServer) refuse(r *launch.Refusal) {
	if r == nil {
		return
	}
	c.Why = refusalWords(r)
	switch r.Reason {
	case launch.Unresolved:
		c.State = stateUnresolved
		c.Why = nil // it is no fault that there is no workspace
		for _, fault := range r.Faults {
			if !errors.Is(fault, config.ErrNoWorkspace) {
				c.Why = append(c.Why, fault.Error())
			}
		}
	case launch.NoWorkspace:
		c.State = stateNoWorkspace
		c.Why = []string{"it uses ${workspaceFolder}, so it starts where your client has a folder open – check it there, or with --workspace DIR"}
	case launch.NoProgram:
		c.State = stateNoProgram
	case launch.Lacking:
		c.State = stateLacking
	default:
		c.State = stateCannotRun
	}
}

// refusalWords say why a server can't be started, where the state of the machine is not why.
func refusalWords(r *launch.Refusal) (why []string) {
	switch r.Reason {
	case launch.Unresolved, launch.NoWorkspace:
		for _, fault := range r.Faults {
			why = append(why, fault.Error())
		}
		return why
	case launch.NoProgram:
		return []string{fmt.Sprintf("the command %q was not found in PATH – install it, or give its full path in command", r.Command)}
	}
	return []string{r.Error()}
}

// shortLaunch says what is run or reached. Arguments, paths and queries of URLs often are the secret: of these only what certainly
// is none is shown. Of a runner and an interpreter the first plain argument names what is run, which says more than its own name.
func shortLaunch(s *config.Server) string {
	if s.Command == "" {
		return shortURL(s.URL)
	}
	shown, rest := s.Command, s.Args
	if launch.NamedByArgument(s.Command) {
		for len(rest) > 0 {
			word := rest[0]
			rest = rest[1:]
			if !strings.HasPrefix(word, "-") {
				shown += " " + word
				break
			}
			if strings.ContainsAny(word, "= ") || len(word) > 12 {
				word, _, _ = strings.Cut(word, "=")
				word = confusables.Cut(word, 12) + "…"
			}
			shown += " " + word
		}
	}
	if len(rest) > 0 {
		shown += " … " + plural(len(rest), "argument", "arguments")
	}
	return shown
}

func shortURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		if head, _, found := strings.Cut(text, "}"); found && strings.HasPrefix(text, "${") {
			return head + "}…"
		}
		return ""
	}
	short := u.Scheme + "://" + u.Host
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		short += "/…"
	}
	return short
}

// unapproved tells which files of the workspace decide what is run and wait for a person; state is "" for none.
func unapproved(k hub.Server, process *launch.Process) (state, why string) {
	programs, err := process.Programs(context.Background())
	if err != nil {
		return stateCannotRun, err.Error()
	}
	var paths []string
	for _, program := range programs {
		if !k.Record.Admits(quarantine.ProgramItem(program.JSON())) {
			paths = append(paths, confusables.ASCII(program.Path))
		}
	}
	if paths == nil {
		return "", ""
	}
	return stateProgram, fmt.Sprintf("what it runs in this workspace is decided by %s, which you have not approved here, or which changed since – start your client, then look at it with `mcpproxy-stdio review %s`",
		strings.Join(paths, ", "), config.ShellWord(k.Written.Name))
}
