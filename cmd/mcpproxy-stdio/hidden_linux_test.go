package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// Who may run this program with any arguments can't run any program with it.
func TestHiddenCommandsServeOnlyUs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	touched, block := filepath.Join(dir, "touched"), filepath.Join(dir, "env")
	if err := os.WriteFile(block, []byte("\x04\x00\x00\x00A=B\x00"), 0o600); err != nil { // what a shim reads first
		t.Fatal(err)
	}
	touch, err := exec.LookPath("touch")
	if err != nil {
		t.Fatal(err)
	}
	order := func(method string) string {
		return `{"method":"` + method + `","dir":"/","grants":[{"path":"/","write":true}],"network":true}`
	}
	for name, args := range map[string][]string{
		"the supervisor":       {"__mcpproxy-shim", touch, "touch", touched},
		"the sandbox":          {"__mcpproxy-sandbox", order("landlock"), "--", touch, touched},
		"its namespaces":       {"__mcpproxy-sandbox", order("namespaces"), "--", touch, touched},
		"their builder":        {"__mcpproxy-sandbox", "build", order("namespaces"), "--", touch, touched},
		"their last stage":     {"__mcpproxy-sandbox", "last", order("namespaces"), "--", touch, touched},
		"nothing but its name": {"__mcpproxy-shim"},
	} {
		for _, shell := range []string{`"$0" "$@" 3<` + block + ` 4>/dev/null; exit $?`, `cat ` + block + ` | { "$0" "$@" 3<&0 4>/dev/null 5<` + block + `; exit $?; }`} {
			cmd := exec.Command("sh", append([]string{"-c", shell, os.Args[0]}, args...)...)
			cmd.Env = append(os.Environ(), asProxy+"=1", "HOME="+dir)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "only mcpproxy-stdio itself starts this command") {
				t.Errorf("%s: %v %s", name, err, out)
			}
			if _, err := os.Stat(touched); err == nil {
				t.Errorf("%s ran a program", name)
				os.Remove(touched)
			}
		}
	}
}

// The agent's keys are in the proxy's environment: a server of the same user reads neither that nor its memory, and servers run as before.
func TestServersCannotReadTheProxy(t *testing.T) {
	t.Parallel()
	top, err := os.MkdirTemp("", "proxy")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	program, home := filepath.Join(top, "proxy.test"), filepath.Join(top, "home")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	h := newHome(t)
	h.dir, h.config = home, filepath.Join(home, "config.json")
	user := &syscall.SysProcAttr{}
	const nobody = 65534
	_, args, env := mcptest.Command(mcptest.Server{Name: "s", Mark: marked(t), Capabilities: settled})
	entry, err := json.Marshal(map[string]any{"command": program, "args": args, "env": env})
	if err != nil {
		t.Fatal(err)
	}
	h.set(entries{"s": entry}, nil)
	if os.Geteuid() == 0 { // root reads everything
		user.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		os.Chmod(top, 0o755)
		if err := filepath.WalkDir(home, func(path string, _ os.DirEntry, _ error) error { return os.Chown(path, nobody, nobody) }); err != nil {
			t.Fatal(err)
		}
	}
	cmd := h.command()
	cmd.Path, cmd.Args[0], cmd.SysProcAttr = program, program, user
	cmd.Env = append(cmd.Env, "ANTHROPIC_API_KEY=sk-canary-of-the-agent")
	c := mcptest.Start(t, cmd)
	c.Initialize("", "")
	c.List("tools/list")
	answers(t, c, "s")
	for _, file := range []string{"environ", "mem", "maps", "fd/0", "root/etc/hostname"} {
		spy := exec.Command("head", "-c", "4096", filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), file))
		spy.SysProcAttr = user
		if out, err := spy.CombinedOutput(); err == nil || strings.Contains(string(out), "canary") || !strings.Contains(string(out), "ermission denied") {
			t.Errorf("%s: %v %q", file, err, out)
		}
	}
	c.Close()
}
