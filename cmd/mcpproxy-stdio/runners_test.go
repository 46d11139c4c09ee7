package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// scriptServer is a server without dependencies, in JavaScript. It tells where it runs, and what it is.
const scriptServer = `#!/usr/bin/env node
const fs = require("fs");
const send = m => process.stdout.write(JSON.stringify({jsonrpc: "2.0", ...m}) + "\n");
require("readline").createInterface({input: process.stdin}).on("line", line => {
  const {id, method, params} = JSON.parse(line);
  if (method === "initialize") send({id, result: {protocolVersion: params.protocolVersion, capabilities: {tools: {}}, serverInfo: {name: "demo", version: "VERSION"}}});
  else if (method === "tools/list") send({id, result: {tools: [{name: "where", inputSchema: {type: "object"}}]}});
  else if (method === "tools/call") send({id, result: {content: [{type: "text", text: JSON.stringify({
    version: "VERSION", cwd: process.cwd(), args: process.argv.slice(2), file: __filename, exec: process.execPath, options: process.env.NODE_OPTIONS || "", key: process.env.DEMO_KEY || ""})}]}});
  else if (id !== undefined) send({id, result: {}});
});
`

// where is what the script server tells of itself.
type where struct {
	Version, Cwd, File, Exec, Options, Key string
	Args                                   []string
}

// runnerRig is a registry with the demo server, a home, and a workspace that a stranger wrote.
type runnerRig struct {
	*home
	registry  *mcptest.Registry
	workspace string
	marker    string // exists once the workspace's code has run
	env       map[string]string
}

const demoPackage = "@mcpproxy-demo/server"

func newRunnerRig(t *testing.T) *runnerRig {
	t.Helper()
	for _, tool := range []string{"node", "npm", "npx"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("MCPPROXY_TEST_NO_SKIP") != "" {
				t.Fatal(err)
			}
			t.Skipf("%s is not installed", tool)
		}
	}
	r := &runnerRig{home: newHome(t), registry: mcptest.NewRegistry(t), workspace: real(t, t.TempDir())}
	r.marker = filepath.Join(r.dir, "the-workspace-ran")
	r.env = map[string]string{"npm_config_registry": r.registry.URL, "npm_config_cache": filepath.Join(r.dir, "npm-cache"), "npm_config_update_notifier": "false", "DEMO_KEY": "canary-of-the-server"}
	r.publish("1.0.0")
	return r
}

func (r *runnerRig) publish(version string) {
	r.registry.Publish(r.t, demoPackage, version, map[string]any{"bin": map[string]string{"demo-server": "server.js"}}, map[string]string{"server.js": strings.ReplaceAll(scriptServer, "VERSION", version)})
}

// plant writes files into the workspace. MARK in them is replaced by what makes the marker, in JavaScript, Python or shell.
func (r *runnerRig) plant(files map[string]string) {
	r.t.Helper()
	for name, text := range files {
		path := filepath.Join(r.workspace, name)
		text = strings.NewReplacer(
			"JSMARK", fmt.Sprintf(`require("fs").writeFileSync(%q, "")`, r.marker),
			"PYMARK", fmt.Sprintf("open(%q, 'w').close()", r.marker),
			"SHMARK", fmt.Sprintf("touch %q", r.marker),
			"WORKSPACE", r.workspace).Replace(text)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *runnerRig) ran() bool {
	_, err := os.Stat(r.marker)
	return err == nil
}

// serve configures one server, and connects a client that has the workspace open.
func (r *runnerRig) serve(options map[string]any, command string, args ...string) *mcptest.Client {
	r.t.Helper()
	entry := map[string]any{"command": command, "args": args, "env": r.env}
	for name, value := range options {
		entry[name] = value
	}
	data, err := json.Marshal(entry)
	if err != nil {
		r.t.Fatal(err)
	}
	r.set(entries{"demo": data}, map[string]any{"first_list_wait": "60s"}) // npm takes its time on a busy machine
	return r.open()
}

// open connects a client that has the workspace open.
func (r *runnerRig) open() *mcptest.Client {
	r.t.Helper()
	cmd := r.command()
	cmd.Dir = r.workspace
	c := mcptest.Start(r.t, cmd)
	answering(c, "roots/list", `{"roots":[{"uri":"file://`+filepath.ToSlash(r.workspace)+`"}]}`)
	c.Initialize(`{"roots":{}}`, "")
	c.List("tools/list")
	return c
}

// whereabouts asks the server where it runs.
func whereabouts(t *testing.T, c *mcptest.Client) where {
	t.Helper()
	var w where
	r := c.Tool("demo__where", nil)
	if json.Unmarshal([]byte(r.Text()), &w) != nil {
		t.Fatalf("%s %s", r.Result, r.Error)
	}
	return w
}

// npmAttacks are workspaces that give orders to npx, and to what stands in its place.
var npmAttacks = map[string]map[string]string{
	"node-options":       {".npmrc": "node-options=--require WORKSPACE/evil.js\n", "evil.js": "JSMARK"},
	"script-shell":       {".npmrc": "script-shell=WORKSPACE/evil.sh\n", "evil.sh": "#!/bin/sh\nSHMARK\nexec /bin/sh \"$@\"\n"},
	"registry":           {".npmrc": "registry=http://127.0.0.1:9/\n@mcpproxy-demo:registry=http://127.0.0.1:9/\n"},
	"a program":          {"node_modules/.bin/demo-server": "#!/bin/sh\nSHMARK\n", "node_modules/.bin/server": "#!/bin/sh\nSHMARK\n", "node_modules/.bin/node": "#!/bin/sh\nSHMARK\n", "package.json": "{}"},
	"a package":          {"node_modules/@mcpproxy-demo/server/package.json": `{"name":"@mcpproxy-demo/server","version":"9.0.0","bin":"x.js"}`, "node_modules/@mcpproxy-demo/server/x.js": "#!/usr/bin/env node\nJSMARK", "package.json": "{}"},
	"a project":          {"package.json": `{"name":"@mcpproxy-demo/server","version":"9.0.0","bin":{"server":"x.js","demo-server":"x.js"},"scripts":{"preinstall":"SHMARK","prepare":"SHMARK"}}`, "x.js": "#!/usr/bin/env node\nJSMARK"},
	"workspaces":         {"package.json": `{"workspaces":["p"]}`, "p/package.json": `{"name":"@mcpproxy-demo/server","version":"9.0.0","bin":{"server":"x.js"}}`, "p/x.js": "#!/usr/bin/env node\nJSMARK"},
	"a module":           {"node_modules/readline/index.js": "JSMARK", "node_modules/fs/index.js": "JSMARK", "fs.js": "JSMARK"},
	"an .env file":       {".env": "NODE_OPTIONS=--require WORKSPACE/evil.js\n", "evil.js": "JSMARK", "node.config.json": `{"nodeOptions":{"require":["./evil.js"]}}`},
	"a chosen node":      {"package.json": `{"volta":{"node":"0.0.1"},"packageManager":"npm@0.0.1","engines":{"node":"0"}}`, ".nvmrc": "0", ".node-version": "0", ".tool-versions": "nodejs 0\n"},
	"other configurers":  {"bunfig.toml": "preload = [\"./evil.js\"]\n", ".yarnrc.yml": "yarnPath: ./evil.js\n", "pnpm-workspace.yaml": "packages: []\n", ".pnpmfile.cjs": "JSMARK", "evil.js": "JSMARK"},
	"ignored by no one":  {".npmrc": "prefix=WORKSPACE\nglobalconfig=WORKSPACE/g\ncache=WORKSPACE/c\nuserconfig=WORKSPACE/u\n", "g": "node-options=--require WORKSPACE/evil.js\n", "u": "node-options=--require WORKSPACE/evil.js\n", "evil.js": "JSMARK"},
	"nothing of concern": {},
}

// TestRunnersObeyNoWorkspace: a server that a runner of npm packages starts works in the workspace, which has no say in what is started.
func TestRunnersObeyNoWorkspace(t *testing.T) {
	t.Parallel()
	for name, files := range npmAttacks {
		for i, line := range [][]string{{"npx", "-y", demoPackage, "a", "-b"}, {"npm", "exec", "--yes", "--package=" + demoPackage, "--", "demo-server", "a", "-b"}, {"env", "npx", "-y", demoPackage, "a", "-b"}} {
			if i > 0 && name != "node-options" && name != "a program" {
				continue
			}
			t.Run(name+" "+line[0], func(t *testing.T) {
				r := newRunnerRig(t)
				r.plant(files)
				w := whereabouts(t, r.serve(nil, line[0], line[1:]...))
				if w.Version != "1.0.0" || w.Cwd != r.workspace || !slices.Equal(w.Args, []string{"a", "-b"}) || w.Options != "" || w.Key != "canary-of-the-server" {
					t.Errorf("%+v", w)
				}
				if strings.HasPrefix(w.File, r.workspace) || r.ran() {
					t.Errorf("the workspace's code was run: %s", w.File)
				}
			})
		}
	}
}

// TestOtherRunnersObeyNoWorkspace: so it is with the other package managers, each with the files that it obeys.
func TestOtherRunnersObeyNoWorkspace(t *testing.T) {
	t.Parallel()
	bunfig := map[string]string{"bunfig.toml": "preload = [\"./evil.ts\"]\n[install]\nregistry = \"http://127.0.0.1:9/\"\n", "evil.ts": "JSMARK", ".env": "NODE_OPTIONS=planted\n",
		"tsconfig.json": `{"compilerOptions":{"paths":{"fs":["./evil.ts"],"readline":["./evil.ts"]}}}`}
	for name, tt := range map[string]struct {
		line  []string
		files map[string]string
	}{
		"bunx":       {[]string{"bunx", demoPackage}, bunfig},
		"bunx --bun": {[]string{"bunx", "--bun", demoPackage}, bunfig},
		"bun x":      {[]string{"bun", "x", demoPackage}, npmAttacks["a program"]},
		"pnpm dlx": {[]string{"pnpm", "dlx", "--registry=REGISTRY", demoPackage}, map[string]string{".npmrc": "registry=http://127.0.0.1:9/\nnode-options=--require WORKSPACE/evil.js\npnpmfile=evil.js\n",
			"pnpm-workspace.yaml": "packages: []\npnpmfile: evil.js\n", ".pnpmfile.cjs": "JSMARK", "evil.js": "JSMARK", "package.json": `{"packageManager":"pnpm@0.0.1"}`}},
		"yarn dlx": {[]string{"yarn", "dlx", demoPackage}, map[string]string{".yarnrc.yml": "yarnPath: ./evil.js\nplugins: [./evil.js]\n", "evil.js": "JSMARK", "package.json": `{"packageManager":"yarn@0.0.1"}`,
			".pnp.cjs": "JSMARK"}},
		"deno": {[]string{"deno", "run", "-A", "npm:" + demoPackage}, map[string]string{"deno.json": `{"imports":{"fs":"./evil.ts","npm:@mcpproxy-demo/server":"./evil.ts"},"nodeModulesDir":"manual"}`, "evil.ts": "JSMARK",
			"deno.lock": "{broken", ".npmrc": "registry=http://127.0.0.1:9/\n", "package.json": `{"dependencies":{"@mcpproxy-demo/server":"9"}}`,
			"node_modules/@mcpproxy-demo/server/package.json": `{"name":"@mcpproxy-demo/server","version":"9.0.0","bin":"x.js"}`, "node_modules/@mcpproxy-demo/server/x.js": "JSMARK"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := mcptest.RunnerPath(t)
			r := newRunnerRig(t)
			r.env["PATH"] = path
			for name, value := range map[string]string{"NPM_CONFIG_REGISTRY": r.registry.URL, "YARN_NPM_REGISTRY_SERVER": r.registry.URL, "YARN_UNSAFE_HTTP_WHITELIST": "127.0.0.1", "YARN_ENABLE_TELEMETRY": "0",
				"YARN_NPM_MINIMAL_AGE_GATE": "0", "DENO_DIR": filepath.Join(r.dir, "deno"), "DENO_NO_UPDATE_CHECK": "1", "BUN_INSTALL_CACHE_DIR": filepath.Join(r.dir, "bun")} {
				r.env[name] = value
			}
			r.plant(tt.files)
			for i, word := range tt.line {
				tt.line[i] = strings.ReplaceAll(word, "REGISTRY", r.registry.URL)
			}
			w := whereabouts(t, r.serve(nil, tt.line[0], tt.line[1:]...))
			if w.Version != "1.0.0" || w.Cwd != r.workspace || strings.HasPrefix(w.File, r.workspace) || w.Options != "" {
				t.Errorf("%+v", w)
			}
			if name == "bunx --bun" && filepath.Base(w.Exec) != "bun" {
				t.Errorf("run by %s", w.Exec)
			}
			if r.ran() {
				t.Error("the workspace's code was run")
			}
		})
	}
}

// TestRunnersThatStayWhole: a runner that can't be taken apart works in a directory of its own, and so does what it starts.
func TestRunnersThatStayWhole(t *testing.T) {
	t.Parallel()
	for name, line := range map[string][]string{
		"a call":          {"npx", "-y", "-p", demoPackage, "-c", "demo-server a -b"},
		"another option":  {"npx", "-y", "--frobnicate=1", "-p", demoPackage, "demo-server", "a", "-b"},
		"behind nice":     {"nice", "npx", "-y", demoPackage, "a", "-b"},
		"a login shell":   {"sh", "-lc", "npx -y " + demoPackage + " a -b"},
		"several words":   {"sh", "-c", "exec npx -y " + demoPackage + " 'a' -b"},
		"no such program": {"npx", "-y", "-p", demoPackage, "node", "-e", "require('@mcpproxy-demo/server/server.js')", "--", "a", "-b"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunnerRig(t)
			r.plant(npmAttacks["node-options"])
			r.plant(npmAttacks["a program"])
			c := r.serve(nil, line[0], line[1:]...)
			if name == "no such program" { // node knows no package there: what matters is that it ran nothing of the workspace
				c.Tool("demo__where", nil)
			} else if w := whereabouts(t, c); w.Version != "1.0.0" || !slices.Equal(w.Args, []string{"a", "-b"}) || strings.HasPrefix(w.Cwd, r.workspace) || !strings.HasPrefix(w.Cwd, real(t, r.dir)) {
				t.Errorf("%+v", w)
			}
			if r.ran() {
				t.Error("the workspace's code was run")
			}
		})
	}
}

const moduleServer = `import json, os, sys
def send(m): print(json.dumps({"jsonrpc": "2.0", **m}), flush=True)
for line in sys.stdin:
    m = json.loads(line)
    if m.get("method") == "initialize": send({"id": m["id"], "result": {"protocolVersion": m["params"]["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "demo", "version": "1"}}})
    elif m.get("method") == "tools/list": send({"id": m["id"], "result": {"tools": [{"name": "where", "inputSchema": {"type": "object"}}]}})
    elif m.get("method") == "tools/call": send({"id": m["id"], "result": {"content": [{"type": "text", "text": json.dumps({
        "version": __name__, "cwd": os.getcwd(), "args": sys.argv[1:], "file": sys.argv[0], "exec": sys.executable})}]}})
    elif "id" in m: send({"id": m["id"], "result": {}})
`

// TestModulesObeyNoWorkspace: python -m finds its module, and all that the module imports, outside of the workspace that it works in.
func TestModulesObeyNoWorkspace(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	evil := map[string]string{"mcpdemo.py": "PYMARK", "runpy.py": "PYMARK", "json.py": "PYMARK", "os.py": "PYMARK", "sys.py": "PYMARK", "encodings/__init__.py": "PYMARK", "sitecustomize.py": "PYMARK",
		"usercustomize.py": "PYMARK", "mcpdemo/__main__.py": "PYMARK", "mcpdemo/__init__.py": "PYMARK", ".python-version": "0.0.1\n", "pyvenv.cfg": "home = WORKSPACE\n", "python3": "#!/bin/sh\nSHMARK\n",
		".tool-versions": "python 0\n"}
	for name, line := range map[string][]string{
		"a module":         {"python3", "-m", "mcpdemo", "a", "-m"},
		"in one word":      {"python3", "-um", "mcpdemo", "a", "-m"},
		"with options":     {"python3", "-X", "utf8", "-W", "ignore", "-m", "mcpdemo", "a", "-m"},
		"behind env":       {"env", "python3", "-m", "mcpdemo", "a", "-m"},
		"behind a shell":   {"sh", "-c", "exec python3 -m mcpdemo a -m"},
		"a safe path":      {"python3", "-s", "-mmcpdemo", "a", "-m"},
		"a relative place": {"python3", "-m", "mcpdemo", "a", "-m"},
	} {
		t.Run(name, func(t *testing.T) {
			site := t.TempDir()
			if err := os.WriteFile(filepath.Join(site, "mcpdemo.py"), []byte(moduleServer), 0o600); err != nil {
				t.Fatal(err)
			}
			r := newRunnerRig(t)
			r.env = map[string]string{"PYTHONPATH": site}
			if name == "a relative place" {
				r.env["PYTHONPATH"] = string(os.PathListSeparator) + "." + string(os.PathListSeparator) + site
			}
			r.plant(evil)
			w := whereabouts(t, r.serve(nil, line[0], line[1:]...))
			if w.Version != "__main__" || w.Cwd != r.workspace || !slices.Equal(w.Args, []string{"a", "-m"}) || w.File != filepath.Join(site, "mcpdemo.py") {
				t.Errorf("%+v", w)
			}
			if r.ran() {
				t.Error("the workspace's code was run")
			}
		})
	}
}

// A directory that the person named in their own file is theirs: a runner obeys the project there, and where there is none its package is
// installed as everywhere.
func TestRunnersInANamedDirectory(t *testing.T) {
	t.Parallel()
	project := map[string]string{"package.json": `{"scripts":{"start":"node s.js"}}`, "node_modules/.bin/local-server": strings.ReplaceAll(scriptServer, "VERSION", "local"), "s.js": strings.ReplaceAll(scriptServer, "VERSION", "script")}
	for name, tt := range map[string]struct {
		files map[string]string
		line  []string
		want  string
	}{
		"no project":          {nil, []string{"npx", "-y", demoPackage}, "1.0.0"},
		"a project's program": {project, []string{"npx", "local-server"}, "local"},
		"a project's script":  {project, []string{"npm", "--silent", "start"}, "script"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunnerRig(t)
			named, workspace := real(t, t.TempDir()), r.workspace
			r.workspace = named
			r.plant(tt.files)
			r.workspace = workspace
			if w := whereabouts(t, r.serve(map[string]any{"working_dir": named}, tt.line[0], tt.line[1:]...)); w.Version != tt.want || w.Cwd != named {
				t.Errorf("%+v", w)
			}
		})
	}
}

// says runs a command of the proxy's own, which must succeed, and gives what it printed.
func (r *runnerRig) says(args ...string) string {
	r.t.Helper()
	cmd := r.command(args...)
	cmd.Dir = r.workspace
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// installation is what is in use of the demo package, and where that is written.
func (r *runnerRig) installation() (file string, current map[string]any, dir string) {
	r.t.Helper()
	files, _ := filepath.Glob(filepath.Join(r.dir, "state/mcpproxy-stdio/packages/*/current.json"))
	if len(files) != 1 {
		r.t.Fatalf("%v", files)
	}
	data, err := os.ReadFile(files[0])
	if err == nil {
		err = json.Unmarshal(data, &current)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return files[0], current, filepath.Join(filepath.Dir(files[0]), current["install"].(string))
}

// age makes what is installed one of long ago, so that a newer version is looked for.
func (r *runnerRig) age() {
	r.t.Helper()
	file, current, _ := r.installation()
	current["at"] = "2026-01-01T00:00:00Z"
	delete(current, "checked")
	data, err := json.Marshal(current)
	if err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// A newer version under a floating tag is found in the background, started the next time, and told. A pin keeps the version, byte for
// byte, and brings it back when its files are gone.
func TestRunnerVersions(t *testing.T) {
	t.Parallel()
	r := newRunnerRig(t)
	c := r.serve(nil, "npx", "-y", demoPackage)
	if w := whereabouts(t, c); w.Version != "1.0.0" {
		t.Fatalf("%+v", w)
	}
	installed := func(version string) func() bool {
		return func() bool { return strings.Contains(r.says("servers", "--json"), `"version": "`+version+`"`) }
	}
	comesTrue(t, "the version is recorded", installed("1.0.0"))
	c.Close()
	if shown := r.says("review", "demo"); !strings.Contains(shown, demoPackage+"@1.0.0 (sha512-") {
		t.Errorf("review: %s", shown)
	}

	r.publish("2.0.0")
	asked := len(r.registry.Asked())
	if w := whereabouts(t, r.open()); w.Version != "1.0.0" || len(r.registry.Asked()) != asked {
		t.Errorf("a warm start asked the registry, or started %s", w.Version)
	}
	r.age()
	c = r.open()
	if w := whereabouts(t, c); w.Version != "1.0.0" {
		t.Errorf("a start waited for a newer version: %+v", w)
	}
	for n := 0; !strings.Contains(fmt.Sprint(r.installationOf()), "2.0.0"); n++ { // some seconds after the start
		if n > 1200 {
			t.Fatal("the newer version was not installed")
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.Close()
	c = r.open()
	if w := whereabouts(t, c); w.Version != "2.0.0" {
		t.Errorf("%+v", w)
	}
	comesTrue(t, "the newer version is recorded", installed("2.0.0"))
	c.Close()
	for _, told := range []string{r.says("servers", "--json"), r.says("history", "demo")} {
		if !strings.Contains(told, "1.0.0") || !strings.Contains(told, "2.0.0") {
			t.Errorf("the change of version is not told: %s", told)
		}
	}

	if said := r.says("pin", "demo"); !strings.Contains(said, demoPackage+"@2.0.0") {
		t.Errorf("pin: %s", said)
	}
	r.publish("3.0.0")
	r.age()
	_, _, dir := r.installation()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	c = r.open()
	if w := whereabouts(t, c); w.Version != "2.0.0" || !strings.HasPrefix(w.File, dir) {
		t.Errorf("not restored: %+v", w)
	}
	c.Close()
	file := filepath.Join(dir, "node_modules", filepath.FromSlash(demoPackage), "server.js")
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, append(text, "// another byte"...), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	c = r.open()
	tells(t, c.Tool("demo__where", nil), `server "demo"`, "changed since it was pinned", "pin --remove demo")
	c.Close()
	if shown := r.says("servers", "--json"); !strings.Contains(shown, `"pinned": true`) {
		t.Errorf("servers: %s", shown)
	}
	r.says("pin", "--remove", "demo")
	if w := whereabouts(t, r.open()); w.Version == "" {
		t.Errorf("%+v", w)
	}
}

func (r *runnerRig) installationOf() any {
	_, current, _ := r.installation()
	return current["packages"]
}

// A package that can't be installed is told with the installer's own words, without the server's secrets; a held server installs nothing.
func TestRunnerFailures(t *testing.T) {
	t.Parallel()
	r := newRunnerRig(t)
	c := r.serve(nil, "npx", "-y", "@mcpproxy-demo/missing")
	tells(t, c.Tool("demo__where", nil), `server "demo"`, "installing @mcpproxy-demo/missing failed", "404")
	c.Close()
	held := newRunnerRig(t)
	c = held.serve(map[string]any{"quarantined": true}, "npx", "-y", demoPackage)
	c.Tool("demo__where", nil)
	c.Close()
	held.says("check")
	held.says("doctor")
	held.says("review", "demo")
	if asked := held.registry.Asked(); len(asked) > 0 {
		t.Errorf("a server that is held was installed: %v", asked)
	}
}
