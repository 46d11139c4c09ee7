package launch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// Each package manager installs with its own means, and what it installed is known by version and digest.
func TestInstallManagers(t *testing.T) {
	for _, line := range []string{
		"pnpm dlx REGISTRY mcpproxy-demo-tool", "pnpx REGISTRY mcpproxy-demo-tool", "yarn dlx mcpproxy-demo-tool",
		"bunx mcpproxy-demo-tool", "bun x mcpproxy-demo-tool@1.0.0",
	} {
		t.Run(line, func(t *testing.T) {
			path := mcptest.RunnerPath(t)
			t.Setenv("PATH", path)
			in, registry, _, env := npmRig(t)
			env[0] = "PATH=" + path
			env = append(env, "YARN_NPM_REGISTRY_SERVER="+registry.URL, "YARN_UNSAFE_HTTP_WHITELIST=127.0.0.1", "YARN_ENABLE_TELEMETRY=0", "YARN_NPM_MINIMAL_AGE_GATE=0", "NPM_CONFIG_REGISTRY="+registry.URL)
			registry.Publish(t, "mcpproxy-demo-tool", "1.0.0", map[string]any{"bin": "cli.js"}, script("console.log('one')"))
			r, err := in.Install(t.Context(), request(t, env, strings.Fields(strings.ReplaceAll(line, "REGISTRY", "--registry="+registry.URL))...))
			if err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("node", r.File()).CombinedOutput(); err != nil || string(out) != "one\n" {
				t.Errorf("%s %v", out, err)
			}
			if v := r.Packages[0]; v.Version != "1.0.0" || v.Integrity == "" || strings.HasPrefix(v.Integrity, "sha256-") || r.Program.Interpreter != "node" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A Go program is installed by go install, whatever go.mod and go.work the workspace has. The module comes from a directory.
func TestInstallGo(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not installed")
	}
	proxy := goProxy(t, "example.org/tool", "v1.2.0", "package main\nfunc main() { println(\"one\") }\n")
	here, home := &runHere{}, t.TempDir()
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GOPROXY=file://" + proxy, "GONOSUMDB=*", "GONOSUMCHECK=1", "GOFLAGS=-modcacherw", "GOTOOLCHAIN=local", "GOCACHE=" + strings.TrimSpace(string(cache))}
	in := &Installer{Store: store.Open(filepath.Join(t.TempDir(), "state")), Run: here.run}
	r, err := in.Install(t.Context(), request(t, env, "go", "run", "example.org/tool@latest", "x"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(r.File()).CombinedOutput(); err != nil || string(out) != "one\n" {
		t.Errorf("%s %v", out, err)
	}
	if v := r.Packages[0]; v.Name != "example.org/tool" || v.Version != "v1.2.0" || !strings.HasPrefix(v.Integrity, "h1:") {
		t.Errorf("%+v", v)
	}
}

// goProxy is a module proxy in a directory, with one module.
func goProxy(t *testing.T, module, version, main string) string {
	t.Helper()
	proxy := t.TempDir()
	dir := filepath.Join(proxy, filepath.FromSlash(module), "@v")
	mod := fmt.Sprintf("module %s\n\ngo 1.21\n", module)
	os.MkdirAll(dir, 0o755)
	for name, text := range map[string]string{"list": version + "\n", version + ".mod": mod, version + ".info": fmt.Sprintf(`{"Version":%q,"Time":"2026-01-01T00:00:00Z"}`, version)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	writeZip(t, filepath.Join(dir, version+".zip"), map[string]string{module + "@" + version + "/go.mod": mod, module + "@" + version + "/main.go": main})
	return proxy
}

// Python packages are installed into a virtual environment from a directory of wheels. uv is a stand-in where the real one is missing: it
// makes the same directories by Python's own means, so the words that uv gets are tested and uv itself is not.
func TestInstallPython(t *testing.T) {
	for _, tt := range []struct{ line, bin string }{
		{"pipx run --spec demo-tool==1.0 demo_other", "demo_other"}, {"uvx demo-tool@1.0", "demo-tool"}, {"uv tool run --from demo-tool demo_other", "demo_other"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			python, err := exec.LookPath("python3")
			if err != nil || exec.Command(python, "-c", "import venv, ensurepip").Run() != nil {
				t.Skip("python3 with venv is not installed")
			}
			wheels, bin, home := t.TempDir(), t.TempDir(), t.TempDir()
			writeWheel(t, wheels, "demo_tool", "1.0", "demo-tool = demo_tool:main\ndemo_other = demo_tool:main\n", "def main():\n    print('one')\n")
			if err := os.WriteFile(filepath.Join(bin, "uv"), []byte(fakeUV), 0o755); err != nil {
				t.Fatal(err)
			}
			here := &runHere{}
			t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "PIP_NO_INDEX=1", "PIP_FIND_LINKS=" + wheels}
			in := &Installer{Store: store.Open(filepath.Join(t.TempDir(), "state")), Run: here.run}
			r, err := in.Install(t.Context(), request(t, env, strings.Fields(tt.line)...))
			if err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(r.File()).CombinedOutput(); err != nil || string(out) != "one\n" {
				t.Errorf("%s %v", out, err)
			}
			if v := r.Packages[0]; v.Name != "demo-tool" || v.Version != "1.0" || !strings.HasPrefix(v.Integrity, "sha256-") || filepath.Base(r.File()) != tt.bin {
				t.Errorf("%+v", r)
			}
		})
	}
}

const fakeUV = `#!/bin/sh
[ "$1 $2" = "tool install" ] || exit 8
shift 2
while [ "$1" != -- ]; do shift; done
python3 -m venv --without-pip "$UV_TOOL_DIR/demo-tool" && exec python3 -m pip --python "$UV_TOOL_DIR/demo-tool/bin/python" install --disable-pip-version-check "$@"
`
