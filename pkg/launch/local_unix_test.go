//go:build unix

package launch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// repository makes a workspace with all sorts of things in it, and directories beside it.
func repository(t *testing.T) (ws, outside string) {
	t.Helper()
	top := realPath(t.TempDir())
	t.Setenv("HOME", filepath.Join(top, "home"))
	ws, outside = filepath.Join(top, "ws"), filepath.Join(top, "bin")
	write := func(path, text string, mode os.FileMode) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"tool", "server.js", "server.py", "run", "lib/x.rb", "package.json", ".npmrc", "Makefile", "Cargo.toml", ".cargo/config.toml", "go.mod", "main.go", "cmd/x/main.go",
		"pyproject.toml", "compose.yaml", "justfile", "app.jar", "Taskfile.yml", "plain", ".env", "bunfig.toml", "deno.json", "data.json", ".venv/pyvenv.cfg", "app/package.json", "app/index.js", "app.dll"} {
		mode := os.FileMode(0o600)
		if name == "tool" {
			mode = 0o700
		}
		write(filepath.Join(ws, name), "#!/bin/sh\n", mode)
	}
	for _, name := range []string{"node", "python3", "mine", "server.js"} {
		write(filepath.Join(outside, name), "#!/bin/sh\n", 0o700)
	}
	write(filepath.Join(top, "up"), "#!/bin/sh\n", 0o700)
	links := map[string]string{filepath.Join(outside, "linked"): filepath.Join(ws, "tool"), filepath.Join(ws, "out"): outside, filepath.Join(ws, ".venv/bin/python"): filepath.Join(outside, "python3"),
		filepath.Join(top, "wslink"): ws, filepath.Join(top, "chain"): filepath.Join(ws, "out")}
	os.MkdirAll(filepath.Join(ws, ".venv/bin"), 0o700)
	os.MkdirAll(filepath.Join(ws, "node_modules/.bin"), 0o700)
	os.MkdirAll(filepath.Join(top, "home/bin"), 0o700)
	for link, target := range links {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	return ws, outside
}

func TestClosed(t *testing.T) {
	ws, outside := repository(t)
	top := filepath.Dir(ws)
	for path, want := range map[string]bool{
		ws: true, ws + "/node_modules/.bin": true, ws + "/not/there": true, top + "/wslink/x": true, ws + "/out": true, outside + "/linked": true, top + "/chain": true,
		outside + "/../ws/tool": true, top + "/wslink/../bin": true, "/proc/self/root" + ws + "/x": true, // through a link in the workspace's place: what it leads to is told by its links
		outside: false, top: false, ws + "2": false, "/": false, top + "/home": false, top + "/home/bin": false,
	} {
		if strings.HasPrefix(path, "/proc") {
			if _, err := os.Stat(path[:len(path)-2]); err != nil {
				continue
			}
		}
		if path == top+"/wslink/../bin" {
			want = false // the link leads to the workspace, and ".." out of it again
		}
		if got := (Closed{ws}).Root(path) != ""; got != want {
			t.Errorf("%s is closed: %v", path, got)
		}
		if got := (Closed{top + "/wslink"}).Root(path) != ""; got != want && path != top+"/wslink/../bin" {
			t.Errorf("%s is closed to a workspace that is named by a link: %v", path, got)
		}
	}
	if got, want := (Closed{ws}).WithoutClosed(strings.Join([]string{ws + "/node_modules/.bin", outside, ".", "", "bin", top + "/chain", "/usr/bin"}, ":")), outside+":/usr/bin"; got != want {
		t.Errorf("PATH is %s, want %s", got, want)
	}
}

func entryOf(t *testing.T, text string) *config.Server {
	t.Helper()
	c, err := config.Parse("/c.json", []byte(`{"mcpServers":{"s":`+text+`}}`))
	if err != nil || c.Server("s") == nil {
		t.Fatal(err)
	}
	return c.Server("s")
}

func TestClosedTo(t *testing.T) {
	ws, outside := repository(t)
	top := filepath.Dir(ws)
	for _, c := range []struct {
		entry, workspace, dir string // dir: where the session works without a workspace
		want                  []string
	}{
		{`{"command":"x"}`, ws, "", []string{ws}},
		{`{"command":"x"}`, "", ws, []string{ws}},
		{`{"command":"x"}`, "", top + "/home", nil}, // the person's own programs lie there
		{`{"command":"x"}`, "", top, nil},
		{`{"command":"x"}`, "", "/", nil},
		{`{"command":"x","working_dir":"` + outside + `"}`, ws, "", []string{ws}},
		{`{"command":"x","working_dir":"` + outside + `"}`, "", ws, nil},
		{`{"command":"x","working_dir":"` + ws + `"}`, ws, "", []string{ws}},
		{`{"command":"x","working_dir":"` + ws + `/lib"}`, ws, "", []string{ws}},
		{`{"command":"x","working_dir":"lib"}`, ws, "", []string{ws, ws + "/lib"}},
		{`{"command":"x","working_dir":"${env:D}"}`, ws, "", []string{ws, outside}},
	} {
		s := entryOf(t, c.entry)
		l, err := s.Resolve(config.Resolver{Workspace: c.workspace, Env: func(string) (string, bool) { return outside, true }})
		if err != nil {
			t.Fatal(err)
		}
		if l.Dir == "" {
			l.Dir = c.dir
		}
		if got := ClosedTo(s, l, c.workspace); !slices.Equal(got, c.want) {
			t.Errorf("%s in %q: %v, want %v", c.entry, c.workspace, got, c.want)
		}
	}
	s := entryOf(t, `{"command":"x","working_dir":"`+outside+`"}`)
	s.Workspace = true // what a workspace's file names is no person's choice
	if got := ClosedTo(s, config.Launch{Dir: outside}, ws); !slices.Equal(got, []string{ws, outside}) {
		t.Errorf("of a workspace's file: %v", got)
	}
}

// Elements of PATH in the workspace are skipped, by whatever name.
func TestFindSkipsTheWorkspace(t *testing.T) {
	ws, outside := repository(t)
	top := filepath.Dir(ws)
	for _, dir := range []string{ws, ws + "/.", top + "/wslink", outside + "/../ws", "/proc/self/root" + ws} {
		l := Lookup{Command: "tool", Env: []string{"PATH=" + dir + ":" + outside}, Dir: ws, Closed: Closed{ws}}
		if got, err := l.Find(); err == nil {
			t.Errorf("PATH=%s: found %s", dir, got)
		} else if _, statErr := os.Stat(dir + "/tool"); statErr == nil && !strings.Contains(err.Error(), "is in the workspace") {
			t.Errorf("PATH=%s: %v", dir, err)
		}
		if l.Closed = nil; strings.HasPrefix(dir, top) {
			if _, err := l.Find(); err != nil {
				t.Errorf("PATH=%s: not found where nothing is closed: %v", dir, err)
			}
		}
	}
}

func TestOrders(t *testing.T) {
	ws, outside := repository(t)
	top := filepath.Dir(ws)
	for line, want := range map[string]string{
		// the program itself
		"./tool": "tool", ws + "/tool": "tool", "lib/../tool": "tool", outside + "/linked": "tool", "linked": "tool", top + "/wslink/tool": "tool",
		".venv/bin/python -V": ".venv/bin/python .venv/pyvenv.cfg", "../up": top + "/up", "out/mine": "out/mine",
		// scripts of interpreters
		"node server.js": "server.js", "node server": "server.js", "node ./app": "app/package.json app/index.js", "node --inspect server.js --port 1": "server.js", "node -r ./server.js " + outside + "/server.js": "server.js",
		"node --require=./server.js " + outside + "/server.js": "server.js", "node --env-file=.env " + outside + "/server.js": ".env", "node --env-file .env " + outside + "/server.js": ".env",
		"node " + outside + "/server.js data.json": "", "node " + outside + "/server.js --config data.json": "", "mine .": "", "mine data.json": "", "mine --db=data.json": "",
		"python3 server.py": "server.py", "python3.12 -u server.py": "server.py", "python3 run": "run", "ruby lib/x.rb": "lib/x.rb", "ruby -I lib plain": "lib/ plain", "sh run": "run", "bash -x plain arg": "plain", "bash --rcfile plain -i": "plain",
		"perl plain": "plain", "php -f plain": "plain", "java -jar app.jar": "app.jar", "java -cp app.jar Main": "app.jar", "java -javaagent:app.jar Main": "app.jar", "dotnet app.dll": "app.dll",
		"tsx server.js": "server.js", "pwsh -File run": "run", "deno run -A server.js": "deno.json package.json server.js", "bun server.js": "bunfig.toml package.json server.js .npmrc",
		// whatever the command is
		"mine ./tool": "tool", "mine run server.py": "server.py", "mine --script=server.py": "server.py", "mine -- ./tool": "tool",
		// behind others
		"env A=b ./tool": "tool", "env -u X node server.js": "server.js", "nice -n 5 node server.js": "server.js", "timeout 60 sh run": "run", "env make": "Makefile", "nohup python3 plain": "plain",
		// runners of projects
		"npm start": "package.json .npmrc", "npm run x": "package.json .npmrc", "npm --prefix app start": "app/package.json package.json .npmrc", "yarn start": "package.json .npmrc", "pnpm run x": "package.json .npmrc",
		"make": "Makefile", "make -C lib": "Makefile", "make -f plain": "plain Makefile", "just serve": "justfile .env", "task x": "Taskfile.yml", "cargo run": "Cargo.toml .cargo/config.toml", "go run .": "go.mod main.go",
		"go run ./cmd/x": "go.mod cmd/x/main.go", "uv run x": "pyproject.toml .venv/pyvenv.cfg", "uv run server.py": "pyproject.toml .venv/pyvenv.cfg server.py", "poetry run x": "pyproject.toml .venv/pyvenv.cfg",
		"docker compose run x": "compose.yaml .env", "docker run x": "", "deno task x": "deno.json package.json", "npx ./app": "app/package.json app/index.js package.json .npmrc", "npx -y pkg": "", "uvx pkg": "",
		"npx tsx server.js": "server.js", "dotnet --version": "", "docker compose -f compose.yaml up": "compose.yaml .env",
	} {
		words := strings.Fields(line)
		l := config.Launch{Command: words[0], Args: words[1:], Dir: ws}
		path := words[0]
		switch {
		case !strings.Contains(path, "/"):
			path = filepath.Join(outside, path)
		case !filepath.IsAbs(path):
			path = filepath.Join(ws, path)
		}
		var got []string
		for _, o := range ordersOf(path, l, Closed{ws}).found {
			if o.Root != ws {
				t.Errorf("%s: %s belongs to %s", line, o.Path, o.Root)
			}
			if o.Folder {
				o.Path += "/"
			}
			got = append(got, strings.TrimPrefix(o.Path, ws+"/"))
		}
		wanted := strings.Fields(want)
		slices.Sort(got)
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) {
			t.Errorf("%s: %v, want %v", line, got, wanted)
		}
	}
}

// Code in the command line has relative paths that can't be told; what it names in the workspace gives orders.
func TestOrdersOfInlineCode(t *testing.T) {
	ws, outside := repository(t)
	for _, c := range []struct {
		words []string
		code  bool
		want  []string
	}{
		{[]string{"sh", "-c", "./tool"}, false, []string{ws + "/tool"}},
		{[]string{"bash", "-lc", "exec node server.js"}, false, []string{ws + "/server.js"}},
		{[]string{"sh", "-c", "mine --port 1"}, false, nil},
		{[]string{"sh", "-c", ". ./tool"}, true, nil},
		{[]string{"sh", "-c", "X=1 ./tool"}, true, nil},
		{[]string{"bash", "-lc", "cd x && npx -y pkg"}, true, nil},
		{[]string{"bash", "-l", "-c", "npx pkg | cat"}, true, nil},
		{[]string{"sh", "-c", "exec " + ws + "/tool"}, false, []string{ws + "/tool"}},
		{[]string{"sh", "-c", "cd " + ws + " && ./tool"}, true, []string{ws + "/"}},
		{[]string{"sh", "-c", `cd "$0" && ./tool`, ws}, true, []string{ws + "/"}},
		{[]string{"sh", "-c", "server " + ws}, false, nil}, // a folder to serve
		{[]string{"node", "-e", "require('./x')"}, true, nil},
		{[]string{"node", "-pe", "1"}, true, nil},
		{[]string{"node", "--eval=1"}, true, nil},
		{[]string{"python3", "-c", "import x"}, true, nil},
		{[]string{"python3", "-Ic", "import x"}, true, nil},
		{[]string{"ruby", "-e", "1"}, true, nil}, {[]string{"perl", "-we", "1"}, true, nil}, {[]string{"php", "-r", "1"}, true, nil}, {[]string{"deno", "eval", "1"}, true, []string{ws + "/deno.json", ws + "/package.json"}},
		{[]string{"env", "A=b", "sh", "-c", "./tool | cat"}, true, nil},
		{[]string{"pwsh", "-Command", "./x"}, true, nil},
		{[]string{"bash", "-x", "run"}, false, []string{ws + "/run"}},
		{[]string{"node", outside + "/server.js", "-e"}, false, nil}, // of the script
		{[]string{"python3", "server.py", "-c", "x"}, false, []string{ws + "/server.py"}},
	} {
		o := ordersOf(filepath.Join(outside, c.words[0]), config.Launch{Command: c.words[0], Args: c.words[1:], Dir: ws}, Closed{ws})
		var got []string
		for _, f := range o.found {
			if f.Folder {
				f.Path += "/"
			}
			got = append(got, f.Path)
		}
		if o.inline != c.code || !slices.Equal(got, c.want) {
			t.Errorf("%q: code %v, %v", c.words, o.inline, got)
		}
	}
}
