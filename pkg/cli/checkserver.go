package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
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
func standing(k hub.Server) (state, why string) {
	s := k.Effective
	err := upstream.Blocked(s)
	switch {
	case err == nil:
		return stateEnabled, ""
	case s.Refused != "":
		return stateRefused, err.Error()
	case !s.Enabled:
		if s.Workspace { // whose file no command changes
			return stateDisabled, err.Error()
		}
		return stateDisabled, "it is disabled; enable it: mcpproxy-stdio enable " + config.ShellWord(s.Name)
	}
	held := k.Record.State(k.Written)
	if held == quarantine.Approved || k.Failed != nil {
		return stateFailed, err.Error()
	}
	return string(held), todo(k.Written.Name, held)
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
	state, why := standing(k)
	if state != stateEnabled {
		c.State, c.Why = state, []string{why}
		return c
	}
	c.State = stateOK
	needs := workspace == "" && needsWorkspace(s)
	if needs {
		workspace = workingDir() // for the other references
	}
	resolved, faults := resolve(s, workspace)
	if len(faults) > 0 {
		c.State, c.Why = stateUnresolved, faults
		return c
	}
	if needs {
		c.State, c.Why = stateNoWorkspace, []string{"it uses ${workspaceFolder}, so it starts where your client has a folder open – check it there, or with --workspace DIR"}
		return c
	}
	if s.Protocol == config.ProtocolStdio {
		if state, why := refusedStart(k, resolved, workspace); state != "" {
			c.State, c.Why = state, []string{why}
		}
	}
	if c.State == stateOK && resolved.Isolation.Confined() {
		kind := config.IsolationDocker // auto prefers it
		if resolved.Isolation.Type == config.IsolationSandbox {
			kind = config.IsolationSandbox
		}
		c.lacks(lacks(s, resolved, kind, workspace))
	}
	return c
}

// needsWorkspace tells whether a server can't be started without a workspace.
func needsWorkspace(s *config.Server) bool {
	_, err := s.Resolve(config.Resolver{ // all else is there
		Env:     func(string) (string, bool) { return "x", true },
		Keyring: func(string) (string, error) { return "x", nil },
	})
	return errors.Is(err, config.ErrNoWorkspace)
}

// lacks takes in what the server's confinement does not give it.
func (c *checkedServer) lacks(lack *launch.Lack) {
	if lack.Sure() {
		c.State = stateLacking
	}
	if lack != nil {
		c.Why = append(c.Why, lack.Error())
	}
}

// lacks compares a server with its confinement, as a start does.
func lacks(s *config.Server, l config.Launch, kind, workspace string) *launch.Lack {
	if l.Dir == "" {
		l.Dir = workingDir()
	}
	program := ""
	if kind == config.IsolationSandbox {
		if found, err := launch.Prepare(s, l, os.Environ(), workspace); err == nil {
			program = found.Path
		}
	}
	return launch.Lacks(s, l, kind, program, workspace)
}

// resolve replaces the references and returns a fault for each that can't be. Resolve itself stops at the first one.
func resolve(s *config.Server, workspace string) (config.Launch, []string) {
	type answer struct {
		value string
		err   error
	}
	known := map[string]answer{} // a keyring can take seconds
	keyring := func(name string) (string, error) {
		got, asked := known[name]
		if !asked {
			got.value, got.err = secret.Get(name)
			known[name] = got
		}
		return got.value, got.err
	}
	r := config.Resolver{Env: os.LookupEnv, Keyring: keyring, Workspace: workspace}
	launch, err := s.Resolve(r)
	if err == nil {
		return launch, nil
	}
	strip := func(err error) string { return strings.TrimPrefix(err.Error(), s.Name+": ") }
	faults := []string{strip(err)}
	env, keys := s.References()
	for _, name := range slices.Concat(env, keys) {
		only := config.Resolver{ // all others are there
			Env: func(n string) (string, bool) {
				if n == name {
					return os.LookupEnv(n)
				}
				return "x", true
			},
			Keyring: func(n string) (string, error) {
				if n == name {
					return keyring(n)
				}
				return "x", nil
			},
			Workspace: workspace,
		}
		_, err := s.Resolve(only)
		if err != nil && errors.Is(err, config.ErrUnresolved) && !slices.Contains(faults, strip(err)) {
			faults = append(faults, strip(err))
		}
	}
	return launch, faults
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
				word = shorten(word, 12) + "…"
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

// refusedStart tells what keeps a local server from being started, as far as it is known without an engine; state is "" for nothing.
func refusedStart(k hub.Server, l config.Launch, workspace string) (state, why string) {
	iso := l.Isolation
	if iso.Confined() {
		if err := upstream.Planted(iso, l.Dir); err != nil {
			return stateCannotRun, err.Error()
		}
	}
	if !iso.OnThisMachine() {
		return "", ""
	}
	if state, why = findProgram(k, l, workspace); state != "" || !iso.Confined() {
		return state, why
	}
	if why = missingMount(iso); why != "" {
		state = stateCannotRun
	}
	return state, why
}

// findProgram looks for the program as a start would. state is what keeps it from being started, "" if nothing does: it is not there, or
// files of the workspace that decide what is run wait for a person.
func findProgram(k hub.Server, l config.Launch, workspace string) (state, why string) {
	if l.Dir == "" {
		l.Dir = workingDir()
	}
	found, err := launch.Prepare(k.Written, l, os.Environ(), workspace)
	var missing *launch.NotFoundError
	if errors.As(err, &missing) {
		return stateNoProgram, fmt.Sprintf("the command %q was not found in PATH – install it, or give its full path in command", missing.Command)
	} else if err != nil {
		return stateCannotRun, err.Error()
	}
	programs, err := found.Programs(context.Background())
	if err != nil {
		return stateCannotRun, err.Error()
	}
	var paths []string
	for _, program := range programs {
		if !k.Record.Admits(quarantine.ProgramItem(program.JSON())) {
			paths = append(paths, inWords(program.Path))
		}
	}
	if paths == nil {
		return "", ""
	}
	return stateProgram, fmt.Sprintf("what it runs in this workspace is decided by %s, which you have not approved here, or which changed since – start your client, then look at it with `mcpproxy-stdio review %s`",
		strings.Join(paths, ", "), config.ShellWord(k.Written.Name))
}
