package upstream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// dialLocal starts a local server: in a container, in a sandbox or as it is.
func (s *Start) dialLocal() (Conn, error) {
	iso := s.Launch.Isolation
	if !iso.Confined() {
		return s.process(nil)
	}
	if err := Planted(iso, s.Launch.Dir); err != nil {
		return nil, err
	}
	switch iso.Type {
	case config.IsolationDocker:
		endpoint, err := docker.FindEndpoint(iso.DockerHost, s.Environ)
		if err != nil {
			return nil, err
		}
		return s.container(endpoint)
	case config.IsolationSandbox:
		return s.process(iso)
	case config.IsolationAuto:
		return s.best(iso)
	}
	return nil, fmt.Errorf("isolation.type is %q, which nothing here can give", iso.Type)
}

// best takes a container where there is an engine, else a sandbox where there is one that can give all that is asked. What asks for more than
// this machine's sandbox gives does not run, whatever is allowed.
func (s *Start) best(iso *config.Isolation) (Conn, error) {
	endpoint, noDocker := docker.FindEndpoint(iso.DockerHost, s.Environ)
	if noDocker == nil {
		ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
		noDocker = docker.Examine(ctx, endpoint).Err
		cancel()
	}
	if noDocker == nil {
		return s.container(endpoint)
	}
	noSandbox := NoSandbox(iso)
	log := s.Log.Warn().Str("server", s.Server.Name).AnErr("docker", noDocker)
	switch {
	case noSandbox == nil:
		log.Msg("runs in a sandbox: there is no Docker engine")
		return s.process(iso)
	case iso.AllowNone && iso.BeyondSandbox() == "":
		log.AnErr("sandbox", noSandbox).Msg("runs unconfined, as allow_none lets it")
		return s.process(nil)
	}
	return nil, fmt.Errorf("it asks for isolation, and neither a container nor a sandbox can be made. Docker: %w. Sandbox: %w", noDocker, noSandbox)
}

const probeTimeout = 20 * time.Second

// NoSandbox tells why no sandbox can give what is asked, nil if one can.
func NoSandbox(iso *config.Isolation) error {
	if option := iso.BeyondSandbox(); option != "" {
		return fmt.Errorf("it cannot give isolation.%s", option)
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	if a := sandbox.Find(ctx); a.Method == "" {
		return errors.New(a.Why)
	}
	return nil
}

// container starts the server in a container.
func (s *Start) container(endpoint docker.Endpoint) (Conn, error) {
	engine := endpoint.Identity()
	if s.Gate.Engine != nil {
		if err := s.Gate.Engine(engine); err != nil {
			return nil, err
		}
	}
	iso := *s.Launch.Isolation
	lack := launch.Lacks(s.Server, s.Launch, config.IsolationDocker, "", s.Workspace)
	if lack.Sure() {
		return nil, lack
	}
	guards, err := s.guards(endpoint)
	if err != nil {
		return nil, err
	}
	redact := s.redactor()
	spec := docker.Spec{
		Config: s.Server.Path, Server: s.Server.Name, Digest: s.Server.LaunchKey(), Endpoint: endpoint,
		Dir: s.Launch.Dir, RealDir: s.Launch.RealDir, RealMounts: s.Launch.RealMounts,
		Isolation: iso, Guards: guards, Admit: s.Gate.Image, Redact: redact.Redact, Log: s.Log,
	}
	inside := s.Launch
	if s.Server.Isolation.Image == "" && filepath.Base(inside.Command) == "pipx" { // the default image has uvx, which fetches pipx
		inside.Command, inside.Args = "uvx", append([]string{"pipx"}, inside.Args...)
	}
	spec.Command, spec.Args = launch.Inside(s.Server, inside, s.Workspace)
	for _, v := range s.Launch.Env {
		spec.Env = append(spec.Env, v.Name+"="+v.Value)
	}
	return &contained{transport.StartDocker(s.Containers, spec, 0, redact.Redact), redact, confinement("docker " + iso.Image), engine, lack}, nil
}

// process starts the server as a process, in a sandbox if iso is not nil.
func (s *Start) process(iso *config.Isolation) (Conn, error) {
	found, programs, err := s.local(iso)
	if err != nil {
		return nil, err
	}
	var lack *launch.Lack
	if iso != nil {
		if lack = launch.Lacks(s.Server, s.Launch, config.IsolationSandbox, found.Path, s.Workspace); lack.Sure() {
			return nil, lack
		}
	}
	if found.Runner != nil && (iso == nil || found.Runner.Runner.Kind != launch.Package) {
		return s.direct(found, iso, programs)
	}
	d := &launch.Direct{Path: found.Path, Args: s.Launch.Args, Env: found.Env}
	if command, args := launch.Inside(s.Server, s.Launch, s.Workspace); iso != nil && !slices.Equal(args, d.Args) {
		path, err := launch.Lookup{Command: command, Env: found.Env, Dir: found.Dir}.Find()
		if err != nil {
			return nil, err
		}
		d = &launch.Direct{Path: path, Name: command, Args: args, Env: found.Env}
	}
	conn, err := s.started(d, found.Dir, iso, programs, nil)
	if err != nil {
		return nil, err
	}
	conn.lack = lack
	return conn, nil
}

// started starts a program that was found. programs were approved as they were read, and r is where it was installed, nil for nowhere.
func (s *Start) started(d *launch.Direct, dir string, iso *config.Isolation, programs []launch.Program, r *launch.Resolution) (*discreet, error) {
	redact := s.redactor()
	spec := transport.StdioSpec{
		Name: s.Server.Name, Command: s.Launch.Command, Path: d.Path, Args: d.Args, Env: d.Env, Dir: dir,
		Log: s.Log, Redact: redact.Redact,
	}
	if d.Name != "" {
		spec.Command = d.Name
	}
	if dir == s.Launch.Dir {
		spec.RealDir = s.Launch.RealDir
	}
	how := confinement("")
	if iso != nil {
		if err := NoSandbox(iso); err != nil {
			return nil, fmt.Errorf("it asks for a sandbox: %w", err)
		}
		spec.Confine = s.sandboxed(iso)
		how = confinement("sandbox (" + string(sandbox.Find(context.Background()).Method) + ")")
	}
	engine, err := s.engineOfCommand(d.Env)
	if err != nil {
		return nil, err
	}
	conn, err := transport.StartStdio(spec)
	if err != nil {
		return nil, err
	}
	for _, p := range programs {
		if err := p.Unchanged(); err != nil {
			conn.Close(0)
			return nil, err
		}
	}
	from := ran{d.Path, programs, engine}
	if r != nil {
		from.path = "" // the installation tells more
	}
	return &discreet{Stdio: conn, Redactor: redact, confinement: how, ran: from, resolved: r}, nil
}

// engineOfCommand has the engine admitted that a docker command leads to; nil for any other command.
func (s *Start) engineOfCommand(env []string) ([]byte, error) {
	if !slices.Contains([]string{"docker", "docker-compose"}, launch.Base(s.Launch.Command)) {
		return nil, nil
	}
	endpoint, err := docker.OfCommand(s.Launch.Args, env)
	if err != nil {
		return nil, err
	}
	engine := endpoint.Identity()
	if s.Gate.Engine != nil {
		err = s.Gate.Engine(engine)
	}
	return engine.JSON(), err
}

// local finds the program, and has the files of the workspace admitted that decide what is run.
func (s *Start) local(iso *config.Isolation) (*launch.Start, []launch.Program, error) {
	found, err := launch.Prepare(s.Server, s.Launch, s.Environ, s.Workspace)
	if err != nil {
		return nil, nil, err
	}
	if found.Private && iso == nil { // a sandbox gives it a directory of its own anyway, or shows it what the entry says
		if found.Dir, err = s.ownDir(); err != nil {
			return nil, nil, err
		}
	} else if found.Private {
		found.Dir = s.Launch.Dir
	}
	programs, err := found.Programs(context.Background())
	if err != nil {
		return nil, nil, err
	}
	if s.Gate.Programs != nil && len(programs) > 0 {
		if err := s.Gate.Programs(programs); err != nil {
			return nil, nil, err
		}
	}
	return found, programs, nil
}

// ownDir is a directory that nobody but the server writes to, for one that may not work in the workspace.
func (s *Start) ownDir() (string, error) {
	sum := sha256.Sum256([]byte(strings.Join([]string{s.Server.Path, s.Server.Name, s.Server.LaunchKey()}, "\x00")))
	dir := filepath.Join(s.State, "work", hex.EncodeToString(sum[:12]))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("there is no directory for it to work in: %w", err)
	}
	return dir, nil
}

// sandboxed puts the program that was found into a sandbox.
func (s *Start) sandboxed(iso *config.Isolation) func(*transport.StdioSpec, string) (string, func(), error) {
	return func(spec *transport.StdioSpec, path string) (string, func(), error) {
		in := sandbox.Spec{
			Path: path, Args: spec.Args, Env: spec.Env, Dir: spec.Dir, DirReal: spec.RealDir, DirAccess: iso.Dir,
			Network: iso.Network != config.NetworkNone, Sockets: iso.Sockets, Memory: iso.Memory, Workspace: s.Workspace,
		}
		in.Home, _ = os.UserHomeDir()
		for n, m := range iso.Mounts {
			in.Paths = append(in.Paths, sandbox.Path{Path: m.Host, Real: s.Launch.RealMounts[n], Write: !m.ReadOnly})
		}
		if !iso.Fresh {
			in.Private = sandbox.KeptDir(s.State, s.Server.Path, s.Server.Name, s.Server.LaunchKey())
			sandbox.ForgetOtherLaunches(in.Private)
		}
		out, err := sandbox.Confine(in)
		if err != nil {
			return "", nil, err
		}
		tell := s.newOrders()
		spec.Command, spec.Args, spec.Env, spec.Dir, spec.RealDir = out.Path, out.Args, out.Env, out.Dir, ""
		return out.Path, func() { out.Release(); tell() }, nil
	}
}
