package launch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
)

// prepare finds the program of a local server and what else decides what is run. environ is the client's environment,
// workspace that of the session, "" for none.
func prepare(server *config.Server, l config.Launch, environ []string, workspace string) (*Process, error) {
	closed := ClosedTo(server, l, workspace)
	s := &Process{Command: l.Command, Args: l.Args, Env: config.ChildEnv(l, environ), Dir: l.Dir}
	if len(closed) > 0 {
		withoutEmpty(s.Env)
	}
	for i, kv := range s.Env {
		if name, value, _ := strings.Cut(kv, "="); strings.EqualFold(name, "PATH") {
			s.Env[i] = name + "=" + closed.WithoutClosed(value)
		}
	}
	path, err := Lookup{Command: l.Command, Env: s.Env, Dir: l.Dir, Closed: closed}.Find()
	if err != nil {
		return nil, err
	}
	s.Path = path
	o := ordersOf(path, l, closed)
	if o.failed != nil {
		return nil, o.failed
	}
	s.Orders = o.found
	if o.inline && o.root != "" {
		if server.Dir == "" {
			s.Private, s.Dir = true, ""
		} else {
			o.add(o.root, l.Dir, true)
			s.Orders = o.found
		}
	}
	s.runner(server, l, closed)
	return s, s.engine()
}

// engine finds the engine that a docker command leads to.
func (s *Process) engine() error {
	if !slices.Contains([]string{"docker", "docker-compose"}, Base(s.Command)) {
		return nil
	}
	endpoint, err := docker.OfCommand(s.Args, s.Env)
	s.Engine = &endpoint
	return err
}

// runner decides whether the command is a runner that is not to be started itself, because its directory would give it
// orders. One in a directory that the person named, and that has a project for it, obeys that project.
func (s *Process) runner(server *config.Server, l config.Launch, closed Closed) {
	r, ok := Parse(l.Command, l.Args)
	if !ok || r.Kind == Project || r.Kind == Module && r.Code {
		return
	}
	inClosed := closed.Root(l.Dir) != ""
	switch {
	case r.Kind == Package && !inClosed && filepath.IsAbs(server.Dir) && hasProject(r.Tool, l.Dir), r.Kind != Package && !inClosed:
		return
	case r.Kind == Opaque:
		s.Private, s.Dir = true, ""
		return
	}
	env := s.Env
	for _, kv := range r.Env {
		env = setenv(env, kv)
	}
	s.Runner = &Request{Runner: r, Env: env, Closed: closed}
	for _, v := range l.Env {
		s.Runner.Own = append(s.Runner.Own, v.Name)
	}
}

// setenv sets a variable, NAME=value, in a copy of an environment.
func setenv(env []string, kv string) []string {
	name, _, _ := strings.Cut(kv, "=")
	env = slices.DeleteFunc(slices.Clone(env), func(old string) bool { return strings.HasPrefix(old, name+"=") })
	return append(env, kv)
}

// hasProject tells whether a directory has what a runner looks for in it: settings, or programs that were installed
// there.
func hasProject(tool Tool, dir string) bool {
	return slices.ContainsFunc(about("settings", string(tool)), func(name string) bool {
		_, err := os.Lstat(filepath.Join(dir, name))
		return err == nil
	})
}

// Programs reads the files in closed directories that decide what is run. What can't be read is not run.
func (s *Process) Programs(ctx context.Context) ([]Program, error) {
	programs := make([]Program, len(s.Orders))
	for i, order := range s.Orders {
		var err error
		if programs[i], err = order.Read(ctx); err != nil {
			return nil, err
		}
	}
	return programs, nil
}

// Program is an order as it is approved: where it is, and what it holds.
type Program struct {
	Workspace string `json:"workspace"`
	Path      string `json:"path"`
	Target    string `json:"target,omitempty"` // what Path leads to, if it is a link
	SHA256    string `json:"sha256,omitempty"` // "" for a folder, and for a link to a file outside of the workspace that this user cannot change
	Folder    bool   `json:"folder,omitempty"` // any file in it may be run

	seen fs.FileInfo
}

// JSON is the program as it is kept and shown.
func (p Program) JSON() []byte {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings alone
	}
	return text
}

// ErrReplaced is wrapped when a file is another one than was looked at a moment ago.
var ErrReplaced = errors.New("it was replaced while the server was started")

// mostProgram is the size in bytes up to which a file of a workspace is read before it is run: a link can lead to
// anything.
const mostProgram = 1 << 30

// Read looks at the file of an order. When ctx ends, so does the reading.
func (o Order) Read(ctx context.Context) (Program, error) {
	p := Program{Workspace: o.Root, Path: o.Path, Folder: o.Folder}
	if o.Folder {
		return p, nil
	}
	if real := realPath(o.Path); real != filepath.Clean(o.Path) {
		if p.Target = real; !below(real, o.Root) && !replaceable(real) {
			return p, nil // such as the system's Python that a virtual environment leads to, whose updates ask nobody
		}
	}
	f, seen, err := config.OpenRegular(o.Path)
	if err == nil && seen.Size() > mostProgram {
		f.Close()
		err = fmt.Errorf("%w: it has more than %d GiB", config.ErrTooLarge, mostProgram>>30)
	}
	if err != nil {
		return p, fmt.Errorf("%s cannot be read, and what is not read is not run: %w", o.Path, Cause(err))
	}
	defer f.Close()
	p.seen = seen
	h := sha256.New()
	for err == nil && ctx.Err() == nil {
		_, err = io.CopyN(h, f, 1<<20)
	}
	if !errors.Is(err, io.EOF) {
		if err == nil {
			err = ctx.Err()
		}
		return p, fmt.Errorf("%s cannot be read, and what is not read is not run: %w", o.Path, Cause(err))
	}
	p.SHA256 = hex.EncodeToString(h.Sum(nil))
	return p, p.Unchanged()
}

// Unchanged tells whether the file is still the one that was read, as far as the file system tells: the same file, of
// the same size, and not written to since. The error wraps ErrReplaced.
func (p Program) Unchanged() error {
	now := realPath(p.Path)
	if p.Target != "" && now != p.Target {
		return fmt.Errorf("%s: %w", p.Path, ErrReplaced)
	}
	if p.seen == nil {
		return nil
	}
	info, err := os.Stat(p.Path)
	if err != nil || !os.SameFile(info, p.seen) || info.Size() != p.seen.Size() || !info.ModTime().Equal(p.seen.ModTime()) || changed(info) != changed(p.seen) {
		return fmt.Errorf("%s: %w", p.Path, ErrReplaced)
	}
	return nil
}
