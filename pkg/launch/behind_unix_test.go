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

// TestOrdersBehind: what decides what is run need not stand in the command or its first arguments.
func TestOrdersBehind(t *testing.T) {
	ws, outside := repository(t)
	write := func(name, text string) {
		path := filepath.Join(ws, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"sub/x", "sub/Makefile", "mod.py", "pkg/app.py", "evil.mk", "hook.js",
		"hook/index.js", "a.jar", "b.jar", "jars/c.jar", "args", "rb/y.rb", "evil.so", "evil.php", "rc", "a.yml",
		"b.yml",
		"node_modules/tsx/index.js", "node_modules/@a/b/x.js", ".git/config", ".mise/config.toml"} {
		write(name, "{}")
	}
	write("tsconfig.json", `{"compilerOptions":{"paths":{"*":["./evil/*"]}}}`)
	write("sub/package.json", `{"name":"own","exports":"./x"}`)
	for _, name := range strings.Fields("env nice sudo su systemd-run conda flock script tsx java ruby perl php make docker git " +
		"mise uv poetry ipython coverage pypy3.10 pythonw python3-dbg bash npx uvx dumb-init mcp-proxy") {
		if err := os.WriteFile(filepath.Join(outside, name), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	prepare := func(line, dir string, env ...config.Var) *Process {
		t.Helper()
		var words []string
		for i, part := range strings.Split(strings.NewReplacer("WS", ws, "OUT", outside).Replace(line), "'") {
			if i%2 == 1 {
				words = append(words, part)
			} else {
				words = append(words, strings.Fields(part)...)
			}
		}
		l := config.Launch{Command: words[0], Args: words[1:], Dir: filepath.Join(ws, dir), Env: env}
		start, err := prepare(&config.Server{Name: "s"}, l, []string{"PATH=" + outside}, ws)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			return &Process{}
		}
		return start
	}
	paths := func(s *Process) []string {
		var found []string
		for _, o := range s.Orders {
			name, _ := filepath.Rel(ws, o.Path)
			if o.Folder {
				name += "/"
			}
			found = append(found, name)
		}
		return found
	}
	for line, want := range map[string]string{
		"env -C sub ./x": "sub/x", "env --chdir=sub ./x": "sub/x", "env -Csub ./x": "sub/x",
		"sudo -D sub ./x": "sub/x", "systemd-run -p WorkingDirectory=sub ./x": "sub/x",
		"conda run --cwd sub ./x": "sub/x",
		"nice env -C sub ./x":     "sub/x", "bash -c 'env -C sub ./x'": "sub/x",
		"env -S './tool a'": "tool", "env '-S./tool a'": "tool", "script -qc './tool a' /dev/null": "tool",
		"su -c './tool a'": "tool", "flock plain -c './tool a'": "tool",
		"env NODE_OPTIONS=--require=./hook.js node OUT/server.js": "hook.js",
		"env PYTHONPATH=. python3 OUT/s.py":                       "./", "env LD_PRELOAD=./evil.so node OUT/server.js": "evil.so",
		"env PATH=sub x":                      "sub/",
		"node --import tsx OUT/server.js":     "node_modules/tsx/ tsconfig.json",
		"node --import=tsx OUT/server.js":     "node_modules/tsx/ tsconfig.json",
		"node -r @a/b/x OUT/server.js":        "node_modules/@a/b/",
		"node --require=./hook OUT/server.js": "hook.js", "node --run start": "package.json",
		"tsx OUT/server.js": "tsconfig.json", "npx -y tsx OUT/server.js": "tsconfig.json",
		"java -cp ./a.jar:./b.jar Main": "a.jar b.jar", "java -cp './jars/*' Main": "jars/", "java @args": "args",
		"ruby -I./rb OUT/s.rb": "rb/", "ruby -r./rb/y OUT/s.rb": "rb/y.rb", "perl -Mlib=rb -MX OUT/s.pl": "rb/",
		"php -d auto_prepend_file=evil.php OUT/s.php": "evil.php",
		"make -fevil.mk": "evil.mk", "make -Csub": "sub/Makefile",
		"docker compose -f a.yml -f b.yml up": "a.yml b.yml", "git mcp": ".git/config",
		"mise exec -- node OUT/server.js": ".mise/config.toml",
		"uv run python -m mod":            "./", "uv run --with mcp python3 -m mod": "./", "poetry run python -m mod": "./",
		"ipython -m mod": "./", "coverage run -m mod": "mod.py",
		"python3 -m uvicorn mod:app": "mod.py", "python3 -m uvicorn pkg.app:app": "pkg/app.py",
		"uvx uvicorn mod:app": "mod.py", "uvx fastmcp run ./mod.py:app": "mod.py",
		"python3 -m coverage run -m mod": "mod.py",
	} {
		found := paths(prepare(line, ""))
		for _, name := range strings.Fields(want) {
			if !slices.Contains(found, name) {
				t.Errorf("%s obeys %v, want %s as well", line, found, name)
			}
		}
	}
	if found := paths(prepare("node -r own OUT/server.js", "sub")); !slices.Contains(found, "sub/package.json") {
		t.Errorf("node loads the project by its own name, found %v", found)
	}
	for variable, want := range map[string]string{
		"NODE_OPTIONS=--require ./hook.js": "hook.js", "NODE_OPTIONS=--import=WS/hook.js": "hook.js",
		"NODE_OPTIONS=--import=tsx": "tsconfig.json node_modules/tsx/",
		"NODE_PATH=WS/node_modules": "node_modules/",
		"PYTHONPATH=WS":             "./", "LD_PRELOAD=./evil.so": "evil.so", "BASH_ENV=rc": "rc", "RUBYOPT=-r./rb/y": "rb/y.rb",
		"JDK_JAVA_OPTIONS=-javaagent:a.jar": "a.jar", "EDITOR=WS/tool": "tool",
		"DATA=WS": "", "NAME=tool": "", "CONFIG=./data.json": "", "PATH=WS/sub:OUT": "",
	} {
		name, value, _ := strings.Cut(strings.NewReplacer("WS", ws, "OUT", outside).Replace(variable), "=")
		start := prepare("node OUT/server.js", "", config.Var{Name: name, Value: value})
		if found := strings.Join(paths(start), " "); found != want {
			t.Errorf("with %s it obeys %q, want %q", variable, found, want)
		}
		if path := Getenv(start.Env, "PATH"); path != outside {
			t.Errorf("with %s PATH is %s, want it without the workspace", variable, path)
		}
	}
	for _, c := range []struct{ line, value, want, found string }{
		{"python3 OUT/s.py", ":OUT:", "OUT", ""}, // as "OUT:${env:PYTHONPATH}" comes to
		{"python3 OUT/s.py", "lib:OUT", "lib:OUT", "lib/"},
		{"python3 -m x", ".:OUT:", ".:OUT", ""}, // which gets the absolute ones alone
		{"python3 -m x", "WS/lib:OUT", "WS/lib:OUT", "lib/"},
	} {
		replace := strings.NewReplacer("WS", ws, "OUT", outside).Replace
		start := prepare(c.line, "", config.Var{Name: "PYTHONPATH", Value: replace(c.value)})
		if found := strings.Join(paths(start), " "); found != c.found {
			t.Errorf("%s with PYTHONPATH=%s obeys %q, want %q", c.line, c.value, found, c.found)
		}
		if value := Getenv(start.Env, "PYTHONPATH"); value != replace(c.want) {
			t.Errorf("%s with PYTHONPATH=%s gets %s, want %s", c.line, c.value, value, c.want)
		}
	}
	for _, line := range []string{"pypy3.10 -m mod", "pythonw -m mod", "python3-dbg -m mod"} {
		if start := prepare(line, ""); start.Runner == nil || start.Runner.Runner.Kind != Module {
			t.Errorf("%s looks for its module in the workspace", line)
		}
	}
	for line, private := range map[string]bool{
		"npx -y supergateway --stdio 'npx -y x'": true, "dumb-init npx -y x": true,
		"mcp-proxy --port 1 -- uvx x": true, "python3 -m mcp_proxy npx -y x": true,
		"mcp-proxy 'A=1; uvx x'": true, "node OUT/server.js npx -y x": true,
		"mcp-proxy --name npx": false, "mcp-proxy --tool go x": false, "docker run -i img npx -y x": false,
		"npx -y x WS": false, "uvx x npx": false, "mcp-proxy 'we use npx here'": false,
	} {
		if start := prepare(line, ""); start.Private != private {
			t.Errorf("%s works in a directory of its own: %v", line, start.Private)
		}
	}
}
