//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// repo is a folder with programs in it that run the scripted server, and leave a trace.
type repo struct {
	t                  testing.TB
	dir, bin, trace    string
	command, test, env string
}

// hostile makes a repository. bin holds interpreters and runners that do as the real ones do, each in one line.
func hostile(t testing.TB, opts mcptest.Server) *repo {
	t.Helper()
	opts.Capabilities = settled
	command, args, env := mcptest.Command(opts)
	top := t.TempDir()
	top, err := filepath.EvalSymlinks(top)
	if err != nil {
		t.Fatal(err)
	}
	r := &repo{t: t, dir: filepath.Join(top, "repo"), bin: filepath.Join(top, "bin"), trace: filepath.Join(top, "trace"), command: command, test: strings.Join(args, " "), env: env[mcptest.EnvServer]}
	for name, text := range map[string]string{"node": `exec sh "$@"`, "python3": `exec sh "$@"`, "npm": "exec sh ./start.sh", "make": "exec sh ./start.sh", "cargo": "exec sh ./start.sh", "just": "exec sh ./start.sh"} {
		r.file(filepath.Join(r.bin, name), "#!/bin/sh\n"+text+"\n", 0o700)
	}
	r.fill(r.dir)
	return r
}

func (r *repo) file(path, text string, mode os.FileMode) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		r.t.Fatal(err)
	}
}

// script runs the server, and notes that it ran.
func (r *repo) script(more string) string {
	return fmt.Sprintf("#!/bin/sh\n# %s\necho ran >> '%s'\nexec '%s' %s\n", more, r.trace, r.command, r.test)
}

// fill puts the repository's files into a folder.
func (r *repo) fill(dir string) {
	for _, name := range []string{"tool", "server.js", "server.py", "run.sh", "start.sh", "node_modules/.bin/mine"} {
		r.file(filepath.Join(dir, name), r.script(""), 0o700)
	}
	r.file(filepath.Join(dir, "package.json"), `{"scripts":{"start":"sh ./start.sh"}}`, 0o600)
	r.file(filepath.Join(dir, "Makefile"), "all:\n\tsh ./start.sh\n", 0o600)
	r.file(filepath.Join(dir, "Cargo.toml"), "[package]\n", 0o600)
	r.file(filepath.Join(dir, "justfile"), "all:\n", 0o600)
}

func (r *repo) ran() bool {
	_, err := os.Stat(r.trace)
	os.Remove(r.trace)
	return err == nil
}

// entry is one of the user's own file.
func (r *repo) entry(command []string, more map[string]any) json.RawMessage {
	e := map[string]any{"command": command[0], "args": command[1:], "env": map[string]string{mcptest.EnvServer: r.env}, "start": "eager"}
	for k, v := range more {
		e[k] = v
	}
	b, err := json.Marshal(e)
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *repo) path(dir string) []string {
	return []string{"PATH=" + strings.Join([]string{filepath.Join(dir, "node_modules", ".bin"), r.bin, "/usr/bin", "/bin"}, ":")}
}

// open is a client that opens a folder, and waits until the proxy has tried to start the eager server.
func (h *home) open(dir string, env []string) *mcptest.Client {
	h.t.Helper()
	c := h.run("", dir, env)
	c.List("tools/list")
	soon(h.t, 20*time.Second, "the server was tried", func() bool {
		s := listed(h.t, c, "s")
		state, _ := s["state"].(string)
		return state == "failed" || state == "running" || strings.HasPrefix(state, "held")
	})
	return c
}

// What a repository holds is run under no approval but that of the very file in that very folder.
func TestWorkspaceProgram(t *testing.T) {
	for name, c := range map[string]struct {
		command []string
		file    string // that gives the orders
	}{
		"a relative command":        {[]string{"./tool"}, "tool"},
		"workspaceFolder":           {[]string{"${workspaceFolder}/tool"}, "tool"},
		"a way round":               {[]string{"node_modules/../tool"}, "tool"},
		"node":                      {[]string{"node", "server.js"}, "server.js"},
		"python":                    {[]string{"python3", "-u", "server.py"}, "server.py"},
		"a shell's script":          {[]string{"sh", "run.sh"}, "run.sh"},
		"a shell's plain command":   {[]string{"sh", "-c", "exec ./tool"}, "tool"},
		"behind env":                {[]string{"env", "A=b", "./tool"}, "tool"},
		"npm start":                 {[]string{"npm", "start"}, "package.json"},
		"npm run":                   {[]string{"npm", "run", "x"}, "package.json"},
		"make":                      {[]string{"make"}, "Makefile"},
		"cargo run":                 {[]string{"cargo", "run"}, "Cargo.toml"},
		"just":                      {[]string{"just"}, "justfile"},
		"an interpreter's argument": {[]string{"env", "node", "./server.js", "--port", "1"}, "server.js"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := hostile(t, mcptest.Server{Name: "s", Mark: marked(t)})
			h := newHome(t).own(entries{"s": r.entry(c.command, nil)}, nil)
			file := filepath.Join(r.dir, c.file)
			refused := func(what, dir string) {
				t.Helper()
				client := h.open(dir, r.path(dir))
				defer client.Close()
				tells(t, client.Tool("s__echo", map[string]any{"message": "x"}), `server "s"`, "mcpproxy-stdio review")
				if s := listed(t, client, "s"); !strings.Contains(fmt.Sprint(s["review"]), "to review") || !strings.Contains(fmt.Sprint(s["why"]), c.file) {
					t.Errorf("%s: listed as %v", what, s)
				}
				if r.ran() {
					t.Errorf("%s: it was run", what)
				}
			}
			runs := func(what, dir string) {
				t.Helper()
				client := h.open(dir, r.path(dir))
				defer client.Close()
				answers(t, client, "s")
				if !r.ran() {
					t.Errorf("%s: it was not run", what)
				}
			}
			refused("a folder that is opened for the first time", r.dir)
			if decision := h.allow("", "s"); decision != "approve" {
				t.Errorf("approved as %s", decision)
			}
			runs("approved", r.dir)
			link := r.dir + "-link"
			if err := os.Symlink(r.dir, link); err != nil {
				t.Fatal(err)
			}
			runs("the same folder by another name", link)

			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, append(data, '\n'), 0o700); err != nil {
				t.Fatal(err)
			}
			refused("one byte more, as after git pull", r.dir)
			if err := os.WriteFile(file, data, 0o700); err != nil {
				t.Fatal(err)
			}
			runs("as it was approved again", r.dir)

			other := filepath.Join(filepath.Dir(r.dir), "other")
			r.fill(other)
			refused("another folder with the same file", other)
			runs("while that waits", r.dir)
		})
	}
}

// Elements of PATH in the workspace are skipped, and no child gets them: with a program of that name elsewhere it is that one which runs.
func TestWorkspaceInPath(t *testing.T) {
	t.Parallel()
	r := hostile(t, mcptest.Server{Name: "s", Mark: marked(t)})
	h := newHome(t).own(entries{"s": r.entry([]string{"mine"}, nil)}, nil)
	link := filepath.Join(filepath.Dir(r.dir), "planted")
	if err := os.Symlink(filepath.Join(r.dir, "node_modules", ".bin"), link); err != nil {
		t.Fatal(err)
	}
	for _, planted := range []string{filepath.Join(r.dir, "node_modules", ".bin"), link, "node_modules/.bin", ".", r.dir + "/../repo/node_modules/.bin"} {
		c := h.open(r.dir, []string{"PATH=" + planted + ":/usr/bin:/bin"})
		tells(t, c.Tool("s__echo", map[string]any{"message": "x"}), `server "s"`, "mine")
		c.Close()
		if r.ran() {
			t.Errorf("PATH=%s: it was run", planted)
		}
	}
	r.file(filepath.Join(r.bin, "mine"), fmt.Sprintf("#!/bin/sh\nexec '%s' %s\n", r.command, r.test), 0o700)
	c := h.open(r.dir, []string{"PATH=" + strings.Join([]string{filepath.Join(r.dir, "node_modules", ".bin"), link, ".", r.bin, "/usr/bin", "/bin"}, ":")})
	answers(t, c, "s")
	if got := envOfClient(t, c)["PATH"]; got != r.bin+":/usr/bin:/bin" {
		t.Errorf("the server's PATH is %s", got)
	}
	if r.ran() {
		t.Error("the one of the repository was run")
	}
	if got := c.Tool("s__cwd", nil).Text(); got != r.dir {
		t.Errorf("it works in %s", got)
	}
}

func envOfClient(t *testing.T, c *mcptest.Client) map[string]string {
	t.Helper()
	env := map[string]string{}
	if r := c.Tool("s__env", nil); json.Unmarshal([]byte(r.Text()), &env) != nil {
		t.Fatalf("no environment: %s %s", r.Result, r.Error)
	}
	return env
}

// A directory that the person named, outside the workspace, is as it was; code in the command line works in a directory of its own, unless
// the person said that it works in the workspace.
func TestWorkspaceNamedAndInline(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	r := hostile(t, mcptest.Server{Name: "s", Mark: mark})
	elsewhere := filepath.Join(filepath.Dir(r.dir), "elsewhere")
	r.fill(elsewhere)
	for name, c := range map[string]struct {
		command []string
		more    map[string]any
		runs    bool // the script
	}{
		"a directory that was named":     {[]string{"./tool"}, map[string]any{"working_dir": elsewhere}, true},
		"a runner there":                 {[]string{"npm", "start"}, map[string]any{"working_dir": elsewhere}, true},
		"the workspace itself, named":    {[]string{"./tool"}, map[string]any{"working_dir": r.dir}, false},
		"inside the workspace":           {[]string{"./mine"}, map[string]any{"working_dir": "node_modules/.bin"}, false},
		"code with a relative path":      {[]string{"sh", "-c", "true && exec ./tool"}, nil, false},
		"code that was said to be there": {[]string{"sh", "-c", "true && exec ./tool"}, map[string]any{"working_dir": "${workspaceFolder}"}, false},
		"code that goes there":           {[]string{"sh", "-c", "cd ${workspaceFolder} && exec ./tool"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t).own(entries{"s": r.entry(c.command, c.more)}, nil)
			client := h.open(r.dir, r.path(r.dir))
			defer client.Close()
			if c.runs {
				answers(t, client, "s")
			}
			if r.ran() != c.runs {
				t.Errorf("it was run: %v", !c.runs)
			}
		})
	}
	own := []string{"sh", "-c", "true && exec '" + r.command + "' " + r.test}
	h := newHome(t).own(entries{"s": r.entry(own, nil)}, nil)
	client := h.open(r.dir, r.path(r.dir))
	defer client.Close()
	answers(t, client, "s")
	if got := client.Tool("s__cwd", nil).Text(); !strings.HasPrefix(got, h.state()) {
		t.Errorf("code works in %s", got)
	}
}

// A workspace's own entry starts its program with the inspection that was approved; the program is pinned with what it offers.
func TestWorkspaceProgramOfItsOwnFile(t *testing.T) {
	t.Parallel()
	r := hostile(t, mcptest.Server{Name: "s", Mark: marked(t)})
	h := newHome(t).own(entries{}, nil)
	file := propose(t, r.dir, "", "", entries{"s": r.entry([]string{"./tool"}, nil)})
	c := h.open(r.dir, r.path(r.dir))
	if r.ran() {
		t.Error("it was run unasked")
	}
	h.allow(file, "s")
	h.inspected(file, "s")
	if found := h.record(file, "s").Found; !slices.ContainsFunc(found, func(it quarantine.Item) bool { return it.Name() == "program "+r.dir+"/tool in workspace "+r.dir }) {
		t.Error("the program is not among what was found")
	}
	h.allow(file, "s")
	soon(t, 10*time.Second, "it runs", func() bool { return stateOf(t, c, "s") == "running" })
	answers(t, c, "s")
	c.Close()
	r.ran()
	r.file(filepath.Join(r.dir, "tool"), r.script("pulled"), 0o700)
	c = h.open(r.dir, r.path(r.dir))
	defer c.Close()
	tells(t, c.Tool("s__echo", map[string]any{"message": "x"}), "tool", "review")
	if r.ran() {
		t.Error("it was run after it changed")
	}
}

// A person reads which file it is, and where; check and doctor say what a start would.
func TestWorkspaceProgramIsShown(t *testing.T) {
	t.Parallel()
	r := hostile(t, mcptest.Server{Name: "s", Mark: marked(t)})
	h := newHome(t).own(entries{"s": r.entry([]string{"./tool"}, nil)}, nil)
	say := func(args ...string) string {
		cmd := h.command(args...)
		cmd.Dir, cmd.Env = r.dir, append(cmd.Env, r.path(r.dir)...)
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	shows := func(text string, want ...string) {
		t.Helper()
		flat := flat(text)
		for _, w := range want {
			if !strings.Contains(flat, w) {
				t.Errorf("%q is not in:\n%s", w, text)
			}
		}
	}
	shows(say("check"), "program to review", r.dir+"/tool")
	h.open(r.dir, r.path(r.dir)).Close()
	shows(say("servers"), "1 to review")
	shows(say("doctor"), r.dir+"/tool")
	screen := h.terminal(r.dir, r.path(r.dir), "review", "s")
	screen.await("(to see a one-time code)", "\n")
	shows(screen.end(0), "program "+r.dir+"/tool", `"sha256"`)
	c := h.open(r.dir, r.path(r.dir))
	defer c.Close()
	h.allow("", "s")
	soon(t, 20*time.Second, "an open session has it", func() bool { return strings.Contains(toolNames(c), " s__echo ") })
	answers(t, c, "s")
	if text := say("check"); strings.Contains(text, "to review") {
		t.Errorf("after the approval:\n%s", text)
	}
}
