package launch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// Installation is what the packages of a process are installed as: what starts use now, else what makes it. Of a pin it
// is that one and no other; a pin that can't be kept is an error.
func (p *Plan) Installation(in *Installer, q *Request, pin *Pin) (r *Resolution, install func(context.Context) (*Resolution, error), err error) {
	if pin == nil {
		return in.Installed(q), func(ctx context.Context) (*Resolution, error) { return in.Install(ctx, q) }, nil
	}
	kept := func(err error) error {
		if err == nil {
			return nil
		}
		return fmt.Errorf("%w. Start the newest version again with: mcpproxy-stdio pin --remove %s", err, config.ShellWord(p.Server.Name))
	}
	r, err = in.Pinned(q, pin)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, func(ctx context.Context) (*Resolution, error) {
			r, err := in.Restore(ctx, q, pin)
			return r, kept(err)
		}, nil
	}
	return r, nil, kept(err)
}

// Direct gives what is started in place of a runner that needs nothing installed: a module's interpreter, or the runner
// told to obey no file.
func (in *Installer) Direct(ctx context.Context, s *Process) (*Process, error) {
	q, path := s.Runner, s.Path
	if q.Runner.Command != s.Command { // behind env and the like
		var err error
		if path, err = (Lookup{Command: q.Runner.Command, Env: q.Env, Dir: s.Dir, Closed: q.Closed}).Find(); err != nil {
			return nil, err
		}
	}
	if q.Runner.Kind == Module {
		return in.Module(ctx, q.Runner, path, q.Env)
	}
	return &Process{Path: path, Command: q.Runner.Command, Args: q.Runner.Args, Env: q.Env}, nil
}

// Program gives what starts the program of an installation: its file, or the interpreter that its first line names. The
// interpreter is named by its path, so that nothing in a workspace passes for it.
func (in *Installer) Program(ctx context.Context, q *Request, r *Resolution) (*Process, error) {
	d := &Process{Path: r.File(), Command: r.File(), Args: q.Runner.Args, Env: withFirst(q.Env, r.Bins())}
	if len(q.Closed) > 0 { // where modules are looked for
		d.Env = absoluteOnly(absoluteOnly(d.Env, "PYTHONPATH"), "NODE_PATH")
	}
	interpreter := r.Program.Interpreter
	if q.Runner.UseBun && interpreter != "" {
		interpreter = "bun"
	}
	if interpreter == "" {
		return d, nil
	}
	path, err := in.interpreter(ctx, interpreter, q)
	if interpreter == "node" && errors.Is(err, fs.ErrNotExist) && q.Runner.Tool == Bun { // as bunx does where there is no node
		interpreter = "bun"
		path, err = in.interpreter(ctx, interpreter, q)
	}
	if err != nil {
		return nil, err
	}
	before := r.Program.Flags
	if interpreter == "bun" {
		// It is given a configuration, so that it looks for none in the working directory.
		before = append([]string{"--config=" + filepath.Join(r.dir, bunConfig), "--no-env-file"}, before...)
	}
	d.Args = append(append(append([]string{}, before...), d.Path), d.Args...)
	d.Path, d.Command = path, path
	return d, nil
}

// bunConfig is an empty configuration for bun, which each installation has that bun may run.
const bunConfig = "bunfig.toml"

// withFirst puts a directory in front of PATH.
func withFirst(env []string, dir string) []string {
	if dir == "" {
		return env
	}
	out := make([]string, 0, len(env)+1)
	found := false
	for _, kv := range env {
		if name, value, _ := strings.Cut(kv, "="); strings.EqualFold(name, "PATH") && !found {
			kv, found = name+"="+dir+string(os.PathListSeparator)+value, true
		}
		out = append(out, kv)
	}
	if !found {
		out = append(out, "PATH="+dir)
	}
	return out
}

// interpreter finds the real program of an interpreter. What stands in its place to choose a version (a shim of pyenv,
// Volta, asdf, mise) takes orders from the working directory: it is asked in one of ours, and the answer is started.
func (in *Installer) interpreter(ctx context.Context, name string, q *Request) (string, error) {
	found, err := Lookup{Command: name, Env: q.Env, Closed: q.Closed}.Find()
	if errors.Is(err, fs.ErrNotExist) && filepath.IsAbs(q.Runner.Command) {
		if beside := sibling(q.Runner.Command, name); beside != name {
			found, err = beside, nil
		}
	}
	if err != nil {
		return "", err
	}
	return in.Real(ctx, found, q.Env)
}

// Real gives the interpreter behind a shim; what is none is returned as it is.
func (in *Installer) Real(ctx context.Context, found string, env []string) (string, error) {
	base := Base(found)
	if !isShim(found) {
		return found, nil
	}
	asked := []string{"-e", `require("fs").writeFileSync(process.argv[1], process.execPath)`}
	if isPython(base) || base == "py" || strings.HasPrefix(base, "pypy") {
		asked = []string{"-c", `import sys; open(sys.argv[1], "w").write(sys.executable)`}
	}
	if err := os.MkdirAll(in.Store.Path(packagesDir), 0o700); err != nil {
		return "", fmt.Errorf("state directory: %w", err)
	}
	dir, err := os.MkdirTemp(in.Store.Path(packagesDir), ".ask-")
	if err != nil {
		return "", fmt.Errorf("state directory: %w", err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answer := filepath.Join(dir, "path")
	if err := in.Run(ctx, Command{Name: found, Args: append(asked, answer), Env: env, Dir: dir}); err != nil {
		return "", fmt.Errorf("%s chooses an interpreter, and did not tell which: %w", found, err)
	}
	real, err := os.ReadFile(answer)
	if err != nil || !filepath.IsAbs(string(real)) {
		return "", fmt.Errorf("%s chooses an interpreter, and did not tell which", found)
	}
	return string(real), nil
}

// askTimeout is how long a shim may take.
const askTimeout = 30 * time.Second

// isShim tells whether what stands under the name of an interpreter is another program: a script, or a link to a
// manager of versions.
func isShim(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	name, found := Base(path), Base(real)
	same := strings.HasPrefix(found, strings.TrimRight(name, "0123456789.")) || isPython(name) && strings.HasPrefix(found, "pypy") || name == "nodejs" && found == "node"
	if !same || strings.HasSuffix(strings.ToLower(real), ".cmd") || strings.HasSuffix(strings.ToLower(real), ".bat") {
		return true
	}
	f, err := os.Open(real)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 2)
	_, err = f.Read(head)
	return err == nil && string(head) == "#!"
}

// runModule runs a module without a look into the working directory, which Python would search first. sys is built in,
// so that nothing is looked for before the directory is taken from the path. A run with -I or -P has no such element.
const runModule = `import sys; sys.path[:1] == [""] and sys.path.pop(0); import runpy; runpy._run_module_as_main(sys.argv.pop(1))`

// Module gives what runs a module without a look into the working directory. found is the interpreter.
func (in *Installer) Module(ctx context.Context, r *Runner, found string, env []string) (*Process, error) {
	path := found
	if Base(found) != "py" { // the launcher of Windows, which looks at the user's own files alone
		var err error
		if path, err = in.Real(ctx, found, env); err != nil {
			return nil, err
		}
	}
	args := append(append([]string{}, r.Lead...), "-c", runModule, r.Name)
	return &Process{Path: path, Command: path, Args: append(args, r.Args...), Env: absoluteOnly(env, "PYTHONPATH")}, nil
}

// absoluteOnly takes the elements out of a list of directories that count from the working directory; an empty one is
// that directory.
func absoluteOnly(env []string, variable string) []string {
	out := make([]string, 0, len(env))
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, variable+"="); ok {
			var dirs []string
			for _, dir := range filepath.SplitList(value) {
				if filepath.IsAbs(dir) {
					dirs = append(dirs, dir)
				}
			}
			if dirs == nil {
				continue
			}
			kv = variable + "=" + strings.Join(dirs, string(os.PathListSeparator))
		}
		out = append(out, kv)
	}
	return out
}
