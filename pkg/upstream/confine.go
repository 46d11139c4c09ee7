package upstream

import (
	"context"
	"errors"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// machine is this machine, asked when a server starts.
var machine = launch.Machine{
	Engine: func(endpoint docker.Endpoint) error {
		ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
		defer cancel()
		return docker.Examine(ctx, endpoint).Err
	},
	Sandbox: func() sandbox.Abilities {
		ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
		defer cancel()
		return sandbox.Find(ctx)
	},
}

const probeTimeout = 20 * time.Second

// dialLocal starts a local server: in a container, in a sandbox or as it is.
func (s *Start) dialLocal() (Conn, error) {
	way, refused := s.Plan.Way(machine)
	if refused != nil {
		return nil, refused
	}
	process, refused := s.Plan.As(way.Kind)
	if refused != nil {
		return nil, refused
	}
	if way.NoEngine != nil {
		log := s.Log.Warn().Str("server", s.Plan.Server.Name).AnErr("docker", way.NoEngine)
		if way.NoSandbox == nil {
			log.Msg("runs in a sandbox: there is no Docker engine")
		} else {
			log.AnErr("sandbox", way.NoSandbox).Msg("runs unisolated, as allow_none permits")
		}
	}
	if way.Kind == config.IsolationDocker {
		return s.container(process, way.Engine)
	}
	return s.program(process, way.Kind == config.IsolationSandbox)
}

// container starts the server in a container.
func (s *Start) container(process *launch.Process, endpoint docker.Endpoint) (Conn, error) {
	engine, err := s.admitEngine(&endpoint)
	if err != nil {
		return nil, err
	}
	spec, err := s.Plan.Container(process, endpoint)
	if err != nil {
		return nil, err
	}
	redact := s.redactor()
	spec.Admit, spec.Redact, spec.Log = s.Gate.Image, redact.Redact, s.Log
	origin := Origin{Confinement: "docker " + spec.Isolation.Image, Lack: process.Lack.Words(), Engine: engine}
	return &contained{transport.StartDocker(s.Containers, spec, 0, redact.Redact), redact, origin}, nil
}

// admitEngine has an engine admitted, and gives its identity as JSON; nil of nil.
func (s *Start) admitEngine(endpoint *docker.Endpoint) (engine []byte, err error) {
	if endpoint == nil {
		return nil, nil
	}
	identity := endpoint.Identity()
	if s.Gate.Engine != nil {
		err = s.Gate.Engine(identity)
	}
	return identity.JSON(), err
}

// program starts the server as a program of this machine, and installs before what it needs.
func (s *Start) program(process *launch.Process, sandboxed bool) (Conn, error) {
	if process.Private {
		var err error
		if process.Dir, err = s.Plan.OwnDir(s.State); err != nil {
			return nil, err
		}
	}
	programs, err := process.Programs(context.Background())
	if err != nil {
		return nil, err
	}
	if s.Gate.Programs != nil && len(programs) > 0 {
		if err := s.Gate.Programs(programs); err != nil {
			return nil, err
		}
	}
	p := &program{s, process, programs, sandboxed}
	switch q := process.Runner; {
	case q == nil:
		return p.start(process, process.Dir, nil)
	case q.Runner.Kind == launch.Package:
		return p.ofPackages(q)
	default:
		direct, err := s.installer(q.Closed).Direct(context.Background(), process)
		if err != nil {
			return nil, err
		}
		return p.start(direct, process.Dir, nil)
	}
}

// program is a server that is about to be started as a program of this machine.
type program struct {
	*Start
	process   *launch.Process
	programs  []launch.Program // of workspaces; they were approved as they were read
	sandboxed bool
}

// start starts what was found, in dir. r is where it was installed, nil for nowhere.
func (p *program) start(found *launch.Process, dir string, r *launch.Resolution) (*discreet, error) {
	redact := p.redactor()
	spec := transport.StdioSpec{
		Name: p.Plan.Server.Name, Command: found.Command, Path: found.Path, Args: found.Args, Env: found.Env, Dir: dir,
		Log: p.Log, Redact: redact.Redact,
	}
	if dir == p.Plan.Launch.Dir {
		spec.RealDir = p.Plan.Launch.RealDir
	}
	origin := Origin{Lack: p.process.Lack.Words(), Installed: r}
	if p.sandboxed {
		spec.Confine = p.confine
		origin.Confinement = "sandbox (" + string(machine.Sandbox().Method) + ")"
	}
	if r == nil {
		origin.Path = found.Path
	}
	var err error
	if origin.Engine, err = p.admitEngine(p.process.Engine); err != nil {
		return nil, err
	}
	conn, err := transport.StartStdio(spec)
	if err != nil {
		return nil, err
	}
	var failed error
	for _, read := range p.programs {
		failed = errors.Join(failed, read.Unchanged())
		origin.Programs = append(origin.Programs, read.JSON())
	}
	if failed != nil {
		conn.Close(0)
		return nil, failed
	}
	return &discreet{Stdio: conn, Redactor: redact, origin: origin}, nil
}

// confine puts the program that was found into a sandbox.
func (p *program) confine(spec *transport.StdioSpec, path string) (string, func(), error) {
	in := p.Plan.Sandbox(p.State, spec.Dir)
	in.Path, in.Args, in.Env, in.DirReal = path, spec.Args, spec.Env, spec.RealDir
	if in.Private != "" {
		sandbox.ForgetOtherLaunches(in.Private)
	}
	out, err := sandbox.Confine(in)
	if err != nil {
		return "", nil, err
	}
	fresh := p.Plan.NewOrders()
	spec.Command, spec.Args, spec.Env, spec.Dir, spec.RealDir = out.Path, out.Args, out.Env, out.Dir, ""
	return out.Path, func() {
		out.Release()
		if made := fresh(); len(made) > 0 {
			p.Log.Warn().Str("server", p.Plan.Server.Name).Strs("files", made[:min(len(made), 20)]).
				Msg("files that other programs obey appeared while an isolated server ran: check them before you use them")
		}
	}, nil
}
