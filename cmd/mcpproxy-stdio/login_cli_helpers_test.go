//go:build !windows

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
)

// desktop is a person's machine with a server to log in to: bed.
type desktop struct {
	*home
	bed     *mcptest.Testbed
	browser *mcptest.BrowserProgram
	env     []string
}

// newDesktop has the servers given beside bed, whose entry gets more options.
func newDesktop(t *testing.T, more map[string]any, others entries) *desktop {
	d := &desktop{home: newHome(t), bed: mcptest.NewTestbed(t), browser: mcptest.NewBrowserProgram(t)}
	all := entries{"bed": withOptions(remote(d.bed.MCP), more)}
	for name, entry := range others {
		all[name] = entry
	}
	d.set(all, nil)
	// No keyring of whoever runs the tests, and nothing of where they run.
	d.env = append(d.browser.Env(), "TERM=xterm", "DBUS_SESSION_BUS_ADDRESS=unix:path="+d.dir+"/none", "CI=", "SSH_CONNECTION=", "SSH_TTY=", "DISPLAY=", "WAYLAND_DISPLAY=")
	return d
}

// proxy is a client's, on that machine.
func (d *desktop) proxy() *mcptest.Client { return d.run("", "", d.env) }

// says runs a command without a terminal.
func (d *desktop) says(code int, env []string, args ...string) (stdout, stderr string) {
	d.t.Helper()
	cmd := d.command(args...)
	cmd.Env = append(append(cmd.Env, d.env...), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		d.t.Errorf("%q: exit code %d, want %d\n%s%s", args, got, code, &out, &errs)
	}
	return out.String(), errs.String()
}

// status is what auth status says of bed.
func (d *desktop) status() (st oauth.Status) {
	d.t.Helper()
	out, _ := d.says(0, nil, "auth", "status", "bed", "--json")
	var all []oauth.Status
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 {
		d.t.Fatalf("%v: %s", err, out)
	}
	return all[0]
}

// window is a command on a terminal.
type window struct {
	t     testing.TB
	cmd   *exec.Cmd
	tty   *mcptest.Terminal
	done  chan struct{}
	seen  int
	twice bool // it has asked twice already

	mu   sync.Mutex
	text bytes.Buffer
}

func (d *desktop) open(env []string, args ...string) *window {
	d.t.Helper()
	w := &window{t: d.t, cmd: d.command(args...), done: make(chan struct{})}
	w.cmd.Env = append(append(w.cmd.Env, d.env...), env...)
	w.tty = mcptest.StartTerminal(d.t, w.cmd, 100, 110)
	go func() {
		defer close(w.done)
		io.Copy(w, w.tty)
	}()
	return w
}

func (w *window) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *window) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.ReplaceAll(w.text.String(), "\r\n", "\n")
}

// await waits for something new on the screen, and types. It gives what the pattern's group has found.
func (w *window) await(pattern, typed string) string {
	w.t.Helper()
	found := w.wait(pattern)
	if _, err := io.WriteString(w.tty, typed); err != nil {
		w.t.Fatal(err)
	}
	return found
}

// answer waits for a question and types as a person does, who reads the digits: # stands for them. No terminal program holds the terminal, so that
// the first right answer of a command is asked for twice.
func (w *window) answer(to, typed string) {
	w.t.Helper()
	const digits = `Type "[^"]* (\d{4})" `
	once := func(to string) {
		w.t.Helper()
		shown := w.wait(digits + to + `: `)
		time.Sleep(thinking)
		w.await("", strings.ReplaceAll(typed, "#", shown))
	}
	once(to)
	if !w.twice && strings.Contains(typed, "#") {
		w.twice = true
		once("once more")
	}
}

func (w *window) wait(pattern string) string {
	w.t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		all := w.String()
		if at := re.FindStringSubmatchIndex(all[w.seen:]); at != nil {
			from, to := w.seen+at[len(at)-2], w.seen+at[len(at)-1]
			w.seen += at[1]
			return all[from:to]
		}
	}
	w.t.Fatalf("the terminal does not show %q:\n%s", pattern, w)
	return ""
}

// end waits for the exit, and wants its code and what the screen shows.
func (w *window) end(code int, want ...string) string {
	w.t.Helper()
	watchdog := time.AfterFunc(20*time.Second, w.tty.Close)
	defer watchdog.Stop()
	got := w.tty.Wait()
	<-w.done
	if got != code {
		w.t.Fatalf("exit code %d, want %d:\n%s", got, code, w)
	}
	shows(w.t, w.String(), want...)
	if os.Getenv("SHOW_SCREENS") != "" {
		w.t.Logf("%s\n%s", w.cmd.Args[1:], w)
	}
	return w.String()
}

func shows(t testing.TB, text string, want ...string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(text, s) {
			t.Errorf("%q is not in\n%s", s, text)
		}
	}
}

const (
	startPage = `\n(http://127\.0\.0\.1:\d+/start/\w+)\n`
	loginPage = `\n(http://127\.0\.0\.1:\d+/auth\?\S+)\n`
)

// answer goes through a login in a browser on another machine, which can't reach the callback, and gives the address that it ends at.
func (d *desktop) answer(page string) string {
	d.t.Helper()
	_, _, at := (&mcptest.Browser{HoldCallback: true}).Visit(d.t, page)
	if at.Query().Get("code") == "" {
		d.t.Fatalf("the browser is at %s", at)
	}
	return at.String()
}

// worksFor wants bed to answer a client.
func worksFor(t testing.TB, c *mcptest.Client) {
	t.Helper()
	soon(t, 10*time.Second, "bed is listed", func() bool { return strings.Contains(toolNames(c), " bed__whoami ") })
	if r := c.Tool("bed__whoami", nil); r.IsError() || !strings.Contains(r.Text(), "alice") {
		t.Errorf("whoami: %s %s", r.Result, r.Error)
	}
}
