package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// world is a person's files: a home with a secret, a workspace in it, and something outside.
type world struct {
	base, home, id, work, outside string
}

func newWorld(t testing.TB) world {
	t.Helper()
	base := tempDir(t)
	w := world{base: base, home: base + "/home"}
	w.id, w.work, w.outside = w.home+"/.ssh/id", w.home+"/src/work", base+"/outside"
	for _, dir := range []string{w.home + "/.ssh", w.work, w.outside} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{w.id, w.work + "/file", w.outside + "/file"} {
		put(t, file, secret, 0o644)
	}
	t.Setenv("XDG_CACHE_HOME", w.home+"/.cache")
	return w
}

// tempDir is not in /tmp: of that a sandbox has its own, in which everything may be written.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func put(t testing.TB, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

// attackerEnv keeps a binary built with -race from sleeping a second at its end.
var attackerEnv = []string{"PATH=/usr/bin:/bin", "GORACE=atexit_sleep_ms=0"}

// attacker is the specification of this test binary as the program.
func (w world) attacker(t testing.TB, args ...string) Spec {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Path: self, Args: append([]string{attackArg}, args...), Env: slices.Clone(attackerEnv), Home: w.home}
}

// eachMethod runs a test under every method; one that this machine does not have is missing.
func eachMethod(t *testing.T, test func(t *testing.T, m machine)) {
	t.Helper()
	for _, method := range []Method{Bubblewrap, Namespaces, Landlock} {
		t.Run(string(method), func(t *testing.T) { test(t, machineOf(t, method)) })
	}
}

// methodsWithMounts are those that can make a file read-only in a directory that is not.
var methodsWithMounts = []Method{Bubblewrap, Namespaces}

func machineOf(t testing.TB, method Method) machine {
	t.Helper()
	look := map[Method]func() (machine, error){Bubblewrap: theBwrap, Namespaces: theNamespaces, Landlock: theLandlock}[method]
	m, err := look()
	if err != nil {
		missing(t, err.Error())
	}
	return m
}

var theNamespaces = sync.OnceValues(lookForNamespaces)

var theBwrap, theLandlock = sync.OnceValues(lookForBwrap), sync.OnceValues(lookForLandlock)

// missing skips, or fails where everything that tests need has to be there.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("MCPPROXY_TEST_NO_SKIP") != "" {
		t.Fatal("missing: " + what)
	}
	t.Skip("missing: " + what)
}

// need gives the path of a program that is installed in the system's directories.
func need(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range []string{"/usr/bin", "/usr/local/bin", "/bin"} {
		if _, err := os.Stat(dir + "/" + name); err == nil {
			return dir + "/" + name
		}
	}
	missing(t, name)
	return ""
}

// result is how a program ended.
type result struct {
	code           int
	stdout, stderr string
}

func (r result) String() string {
	return fmt.Sprintf("status %d, stdout %q, stderr %q", r.code, r.stdout, r.stderr)
}

// confined runs a program in a sandbox and releases that.
func (m machine) run(t testing.TB, spec Spec) result {
	t.Helper()
	return m.runWith(t, spec, nil)
}

func (m machine) runWith(t testing.TB, spec Spec, change func(*exec.Cmd)) result {
	t.Helper()
	c, err := m.confine(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env, cmd.Dir = c.Env, c.Dir
	return finish(t, cmd, change)
}

// plain runs it without a sandbox.
func plain(t testing.TB, spec Spec, change func(*exec.Cmd)) result {
	t.Helper()
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Env, cmd.Dir = spec.Env, spec.Dir
	return finish(t, cmd, change)
}

func finish(t testing.TB, cmd *exec.Cmd, change func(*exec.Cmd)) (r result) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // as the proxy starts servers
	if change != nil {
		change(cmd)
	}
	timer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	r = result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		r.code = 128 + int(status.Signal())
	}
	return r
}

// victim starts a process of the same user that is not in the sandbox.
func victim(t testing.TB, w world) int {
	t.Helper()
	spec := w.attacker(t, "victim")
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Env = append(slices.Clone(attackerEnv), "TOKEN="+secret)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	if line := make([]byte, 5); func() error { _, err := io.ReadFull(stdout, line); return err }() != nil || string(line) != "ready" {
		t.Fatalf("the victim did not start: %q", line)
	}
	return cmd.Process.Pid
}

func mustSucceed(t *testing.T, r result) {
	t.Helper()
	if r.code != 0 {
		t.Errorf("failed: %v", r)
	}
}

func mustBeDenied(t *testing.T, r result) {
	t.Helper()
	if r.code != denied || !strings.HasPrefix(r.stderr, "denied: ") {
		t.Errorf("not denied: %v", r)
	}
}
