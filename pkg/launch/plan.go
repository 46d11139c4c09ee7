package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
)

// Context says for whom an entry is planned.
type Context struct {
	// Environ is the client's environment, NAME=value. References are resolved in it, and a child gets the allow-list
	// out of it, a container nothing.
	Environ   []string
	Keyring   func(name string) (string, error) // nil: there is none
	Workspace string                            // of the session; "": it has none
	Dir       string                            // where a server works that names no directory and has no workspace
	Inspect   bool                              // the server is not approved: if confined, it gets no files or secrets
}

// Plan is what would run for an entry. A start, an inspection, check and doctor all read it; nothing else decides.
// Making one looks at files and at the environment; nothing is started or contacted.
type Plan struct {
	Server  *config.Server
	Launch  config.Launch // resolved: it may hold secrets
	Context Context
	Refusal *Refusal // why it can't be resolved, nil if it can
}

// Format implements [fmt.Formatter], so that no verb prints the environment or a secret.
func (p *Plan) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "plan of %q: %v", p.Server.Name, p.Launch) }

// Reason is why a server is not started.
type Reason string

// The reasons.
const (
	Unresolved    Reason = "unresolved"     // what the entry refers to is missing, or is wrong there
	NoWorkspace   Reason = "no_workspace"   // it refers to the workspace alone in vain, and the session has none
	NoProgram     Reason = "no_program"     // its command is not in its PATH
	NotRunnable   Reason = "not_runnable"   // what is named is no program, or is not safe to run
	Lacking       Reason = "lacking"        // its confinement does not show it what its entry names
	NoConfinement Reason = "no_confinement" // the confinement that it asks for can't be made here
)

// Refusal says why a server is not started. Its text is what a start ends with.
type Refusal struct {
	Reason  Reason
	Faults  []error // Unresolved and NoWorkspace: all of them, without the server's name
	Command string  // NoProgram
	Option  string  // NoConfinement: what of isolation a sandbox can't give, "" for another reason
	Engine  error   // NoConfinement: why there is no engine, nil if that does not matter
	Sandbox error   // NoConfinement: why there is no sandbox, nil if that does not matter

	err error
}

func (r *Refusal) Error() string { return r.err.Error() }
func (r *Refusal) Unwrap() error { return r.err }

// refusal is a Refusal for an error of a look-up.
func refusal(err error) *Refusal {
	r := &Refusal{Reason: NotRunnable, err: err}
	var missing *NotFoundError
	var lack *Lack
	switch {
	case errors.As(err, &missing):
		r.Reason, r.Command = NoProgram, missing.Command
	case errors.As(err, &lack):
		r.Reason = Lacking
	}
	return r
}

// New plans an entry.
func New(server *config.Server, c Context) *Plan {
	p := &Plan{Server: server, Context: c}
	r := config.Resolver{
		Env:     func(name string) (string, bool) { return LookupEnv(c.Environ, name) },
		Keyring: once(c.Keyring), Workspace: c.Workspace,
	}
	var err error
	if c.Inspect {
		p.Launch, err = server.ResolveForInspection(r, Fetches(server.Command, server.Args))
	} else {
		p.Launch, err = server.Resolve(r)
	}
	if err != nil {
		p.Refusal = &Refusal{Reason: Unresolved, Faults: []error{err}, err: err}
		var all *config.ResolveError
		if errors.As(err, &all) {
			p.Refusal.Faults = all.Faults
		}
		elsewhere := func(fault error) bool { return !errors.Is(fault, config.ErrNoWorkspace) }
		if !slices.ContainsFunc(p.Refusal.Faults, elsewhere) {
			p.Refusal.Reason = NoWorkspace
		}
	}
	if p.Launch.Dir == "" && !(c.Inspect && server.Isolation.Confined()) {
		p.Launch.Dir = c.Dir
	}
	return p
}

// Instance names the process that runs for the plan: two plans of one name can share it. It is the hex SHA-256 of the
// resolved launch with its secrets, so it is kept in memory only, of the scope that shares the process, and of the
// abilities that clients declare to it.
func (p *Plan) Instance(scope string, abilities []byte) string {
	key := p.Server.InstanceKey(p.Launch)
	return digestOf(fmt.Appendf(nil, "instance 2\x00%s\x00%d:%s%s", key, len(scope), scope, abilities))
}

// once asks a keyring for each secret once: it can take seconds.
func once(keyring func(string) (string, error)) func(string) (string, error) {
	if keyring == nil {
		return nil
	}
	type answer struct {
		value string
		err   error
	}
	known := map[string]answer{}
	return func(name string) (string, error) {
		got, asked := known[name]
		if !asked {
			got.value, got.err = keyring(name)
			known[name] = got
		}
		return got.value, got.err
	}
}

// Machine tells what can be made here. It is asked only where that decides.
type Machine struct {
	Engine  func(docker.Endpoint) error // why an engine can't be used, nil if it can
	Sandbox func() sandbox.Abilities
}

// Way is how a local server is confined.
type Way struct {
	Kind      string          // config.IsolationDocker, IsolationSandbox or IsolationNone
	Engine    docker.Endpoint // of a container
	NoEngine  error           // why an entry that leaves the choice open gets no container
	NoSandbox error           // and why it gets no sandbox either, but runs as it is: allow_none lets it
}

// Way decides how the server is confined: an entry that leaves the choice open gets a container where there is an
// engine, else a sandbox where there is one that can give all that is asked. What asks for more than this machine's
// sandbox gives does not run, whatever is allowed.
func (p *Plan) Way(here Machine) (Way, *Refusal) {
	iso := p.Launch.Isolation
	switch {
	case p.Refusal != nil:
		return Way{}, p.Refusal
	case !iso.Confined():
		return Way{Kind: config.IsolationNone}, nil
	case iso.Type == config.IsolationSandbox:
		option, err := noSandbox(iso, here)
		if err != nil {
			return Way{}, &Refusal{
				Reason: NoConfinement, Option: option, Sandbox: err, err: fmt.Errorf("it asks for a sandbox: %w", err),
			}
		}
		return Way{Kind: config.IsolationSandbox}, nil
	}
	endpoint, noEngine := docker.FindEndpoint(iso.DockerHost, p.Context.Environ)
	if iso.Type != config.IsolationAuto {
		if noEngine != nil {
			return Way{}, &Refusal{Reason: NoConfinement, Engine: noEngine, err: noEngine}
		}
		return Way{Kind: config.IsolationDocker, Engine: endpoint}, nil
	}
	if noEngine == nil {
		noEngine = here.Engine(endpoint)
	}
	if noEngine == nil {
		return Way{Kind: config.IsolationDocker, Engine: endpoint}, nil
	}
	option, err := noSandbox(iso, here)
	switch {
	case err == nil:
		return Way{Kind: config.IsolationSandbox, NoEngine: noEngine}, nil
	case iso.AllowNone && option == "":
		return Way{Kind: config.IsolationNone, NoEngine: noEngine, NoSandbox: err}, nil
	}
	return Way{}, &Refusal{
		Reason: NoConfinement, Option: option, Engine: noEngine, Sandbox: err,
		err: fmt.Errorf("it asks for isolation, and neither a container nor a sandbox can be made. Docker: %w. Sandbox: %w",
			noEngine, err),
	}
}

// noSandbox tells why no sandbox can give what is asked, nil if one can. option is what no sandbox gives, "" for
// another reason.
func noSandbox(iso *config.Isolation, here Machine) (option string, err error) {
	if option := iso.BeyondSandbox(); option != "" {
		return option, fmt.Errorf("it cannot give isolation.%s", option)
	}
	if a := here.Sandbox(); a.Method == "" {
		return "", errors.New(a.Why)
	}
	return "", nil
}

// Usual is the confinement that the server gets where all can be made.
func (p *Plan) Usual() string {
	switch iso := p.Launch.Isolation; {
	case !iso.Confined():
		return config.IsolationNone
	case iso.OnThisMachine():
		return config.IsolationSandbox
	}
	return config.IsolationDocker
}

// Process is what is started for a plan.
type Process struct {
	Command string   // the name that the program sees itself under
	Path    string   // the program; "" in a container, which has programs of its own
	Args    []string // without the program itself
	Env     []string // complete, NAME=value. PATH is without elements in closed directories
	Dir     string   // where it works; "" if Private
	Private bool     // it has to work in a directory of its own: in the workspace, its code could not be told
	Orders  []Order  // the files in closed directories that decide what is run
	Runner  *Request // what a runner is asked for that is not to be started itself; nil: Path is started

	Engine *docker.Endpoint // the one that a docker command leads to; nil for any other command
	Lack   *Lack            // what its confinement does not show; nil: nothing is missing
}

// Format implements [fmt.Formatter], so that no verb prints arguments or the environment.
func (s *Process) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "process %q", s.Path) }

// As plans what is started under a confinement: config.IsolationNone, IsolationSandbox or IsolationDocker.
func (p *Plan) As(kind string) (*Process, *Refusal) {
	if p.Refusal != nil {
		return nil, p.Refusal
	}
	l := p.Launch
	if l.Isolation.Confined() {
		if err := planted(l.Isolation, l.Dir); err != nil {
			return nil, refusal(err)
		}
	}
	s, err := &Process{}, error(nil)
	if kind == config.IsolationDocker {
		s.contain(p)
	} else {
		s, err = prepare(p.Server, l, p.Context.Environ, p.Context.Workspace)
	}
	if err == nil && kind == config.IsolationSandbox {
		err = s.confine(p)
	}
	if err != nil {
		return nil, refusal(err)
	}
	if kind != config.IsolationNone {
		if s.Lack = lacks(p.Server, l, kind, s.Path, p.Context.Workspace); s.Lack.Sure() {
			return nil, refusal(s.Lack)
		}
	}
	return s, nil
}

// contain makes the process one of a container.
func (s *Process) contain(p *Plan) {
	l := p.Launch
	// The default image has uvx, which fetches pipx.
	if p.Server.Isolation.Image == "" && filepath.Base(l.Command) == "pipx" {
		l.Command, l.Args = "uvx", append([]string{"pipx"}, l.Args...)
	}
	s.Command, s.Args = inside(p.Server, l, p.Context.Workspace)
	s.Dir = l.Dir
	for _, v := range l.Env {
		s.Env = append(s.Env, v.Name+"="+v.Value)
	}
}

// confine makes the process one of a sandbox.
func (s *Process) confine(p *Plan) error {
	l := p.Launch
	if s.Private { // a sandbox gives it a directory of its own anyway, or shows it what the entry says
		s.Private, s.Dir = false, l.Dir
	}
	for _, m := range l.Isolation.Mounts {
		if _, err := os.Stat(m.Host); err != nil {
			return fmt.Errorf("the mount %s cannot be used: %w – create it, or correct isolation.mounts", m.Host, Cause(err))
		}
	}
	if s.Runner != nil && s.Runner.Runner.Kind != Package {
		return nil
	}
	s.Runner = nil
	command, args := inside(p.Server, l, p.Context.Workspace)
	if slices.Equal(args, l.Args) {
		return nil
	}
	s.Command, s.Args = command, args
	var err error
	s.Path, err = Lookup{Command: command, Env: s.Env, Dir: s.Dir}.Find()
	return err
}

// OwnDir makes the directory for a process that is Private: nobody but the server writes there. state is the state
// directory.
func (p *Plan) OwnDir(state string) (string, error) {
	name := strings.Join([]string{p.Server.Path, p.Server.Name, p.Server.LaunchKey()}, "\x00")
	dir := filepath.Join(state, "work", digestOf([]byte(name))[:24])
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("there is no directory for it to work in: %w", err)
	}
	return dir, nil
}

// Container is the container that the process runs in, made by an engine; what is admitted and redacted, and the log,
// are the caller's.
func (p *Plan) Container(s *Process, endpoint docker.Endpoint) (docker.Spec, error) {
	guards, err := guards(p.Launch, endpoint)
	return docker.Spec{
		Config: p.Server.Path, Server: p.Server.Name, Digest: p.Server.LaunchKey(), Endpoint: endpoint,
		Command: s.Command, Args: s.Args, Env: s.Env,
		Dir: p.Launch.Dir, RealDir: p.Launch.RealDir, RealMounts: p.Launch.RealMounts,
		Isolation: *p.Launch.Isolation, Guards: guards,
	}, err
}

// Sandbox is the sandbox of a program that is started in dir. state is the state directory, which has what the server
// keeps.
func (p *Plan) Sandbox(state, dir string) sandbox.Spec {
	l, iso := p.Launch, p.Launch.Isolation
	in := sandbox.Spec{
		Dir: dir, DirAccess: iso.Dir, Network: iso.Network != config.NetworkNone, Sockets: iso.Sockets,
		Memory: iso.Memory, Workspace: p.Context.Workspace,
	}
	in.Home, _ = os.UserHomeDir()
	for n, m := range iso.Mounts {
		in.Paths = append(in.Paths, sandbox.Path{Path: m.Host, Real: l.RealMounts[n], Write: !m.ReadOnly})
	}
	if !iso.Fresh {
		in.Private = sandbox.KeptDir(state, p.Server.Path, p.Server.Name, p.Server.LaunchKey())
	}
	return in
}
