//go:build unix

package launch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// confinedIn is a launch in a container that is shown a workspace.
func confinedIn(dir string, words []string) (*config.Server, config.Launch) {
	return &config.Server{Name: "s", Command: words[0], Args: words[1:]},
		config.Launch{Command: words[0], Args: words[1:], Dir: dir, Isolation: &config.Isolation{Type: config.IsolationDocker, Dir: "rw"}}
}

// What runs in a container in place of a runner obeys the working directory as little, and works there.
func TestInsideRuns(t *testing.T) {
	_, registry, _, env := npmRig(t)
	registry.Publish(t, "@scope/tool", "1.0.0", map[string]any{"bin": map[string]string{"tool": "cli.js", "other": "other.sh"}}, map[string]string{
		"cli.js": "#!/usr/bin/env node\nconsole.log(process.cwd(), ...process.argv.slice(2))", "other.sh": "#!/bin/sh\necho other $PWD \"$@\"\n"})
	workspace, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	marker := filepath.Join(t.TempDir(), "ran")
	evil := "#!/bin/sh\ntouch " + marker + "\n"
	for name, text := range map[string]string{".npmrc": "registry=http://127.0.0.1:9/\nnode-options=--require ./evil.js\n", "evil.js": `require("fs").writeFileSync("` + marker + `","")`,
		"node_modules/.bin/tool": evil, "node_modules/.bin/other": evil, "package.json": `{"bin":{"tool":"evil.js"}}`} {
		path := filepath.Join(workspace, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for line, want := range map[string]string{
		"npx -y @scope/tool a b'c":            workspace + " a b'c",
		"npx -p @scope/tool other $x":         "other " + workspace + " $x",
		"npm exec --package=@scope/tool tool": workspace,
		"env X=1 npx -y @scope/tool":          workspace,
		"npx -y -p @scope/tool -c pwd":        "elsewhere",
	} {
		server, l := confinedIn(workspace, strings.Fields(line))
		command, args := inside(server, l, workspace)
		cmd := exec.Command(command, args...)
		cmd.Dir, cmd.Env = workspace, env
		out, err := cmd.Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != want && (want != "elsewhere" || strings.HasPrefix(got, workspace)) {
			t.Errorf("%s: %q %v", line, got, err)
		}
		if _, err := os.Stat(marker); err == nil {
			t.Fatalf("%s: the workspace's code was run", line)
		}
	}
}

// Which commands are changed inside, and which are not.
func TestInside(t *testing.T) {
	const workspace = "/w/s"
	for line, want := range map[string]string{
		"node server.js":              "",
		"npm start":                   "",
		"npx ./dir":                   "",
		"python -c x":                 "",
		"python -u -m mod a":          "python -u -c " + runModule + " mod a",
		"env A=1 python3 -m mod":      "env A=1 python3 -c " + runModule + " mod",
		"deno run npm:x":              "env DENO_NO_PACKAGE_JSON=1 deno run --no-config --no-lock npm:x",
		"bunx x a":                    "sh -c " + ownDirectory + `exec "$@" sh bunx x a`,
		"mcp-proxy -- uvx x":          "sh -c " + ownDirectory + `exec "$@" sh mcp-proxy -- uvx x`,
		"./bridge npx x":              "sh -c " + ownDirectory + `exec "$@" sh /w/s/bridge npx x`,
		"uvx --frob x":                "sh -c " + ownDirectory + `exec "$@" sh uvx --frob x`,
		"uvx --from p[x] bin a":       `sh -c ` + ownDirectory + `env 'UV_TOOL_DIR='"$d"'/tools' 'UV_TOOL_BIN_DIR='"$d"'/bin' 'uv' 'tool' 'install' '--' 'p[x]' </dev/null >&2 || exit 1; cd "$w" && exec "$d"/'bin/bin' "$@" sh a`,
		"go run example.org/m@v1 a b": `sh -c ` + ownDirectory + `env 'GOBIN='"$d"'/bin' 'GOWORK=off' 'go' 'install' 'example.org/m@v1' </dev/null >&2 || exit 1; cd "$w" && exec "$d"/'bin/m' "$@" sh a b`,
	} {
		server, l := confinedIn(workspace, strings.Fields(line))
		command, args := inside(server, l, workspace)
		got := strings.Join(append([]string{command}, args...), " ")
		if want == "" {
			want = line
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
		l.Isolation.Dir = "" // the workspace is not shown
		if command, args := inside(server, l, workspace); strings.Join(append([]string{command}, args...), " ") != line {
			t.Errorf("%s is changed although it sees nothing of the workspace", line)
		}
	}
}
