//go:build !windows

package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// place is a person's machine: a configuration, a workspace, a state directory and an environment.
type place struct {
	t   *testing.T
	dir string
	env []string
}

func newPlace(t *testing.T) *place {
	p := &place{t: t, dir: t.TempDir()}
	for _, sub := range []string{"state", "config", "home", "project/.mcpproxy"} {
		if err := os.MkdirAll(filepath.Join(p.dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.path("home"), "TERM=xterm", "XDG_STATE_HOME=" + p.path("state"),
		"XDG_CONFIG_HOME=" + p.path("config"), "MCPPROXY_CONFIG=" + p.path("config.json"), "PAGER=cat", "TERM_PROGRAM=vscode", "CODEX_HOME=/x"}
	return p
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

// server is an entry that starts a scripted server.
func server(o mcptest.Server) map[string]any {
	command, args, env := mcptest.Command(o)
	return map[string]any{"command": command, "args": args, "env": env}
}

func (p *place) write(file string, servers map[string]any, more ...string) {
	p.t.Helper()
	top := map[string]any{"mcpServers": servers}
	for i := 0; i < len(more); i += 2 {
		top[more[i]] = more[i+1]
	}
	data, err := json.Marshal(top)
	if err == nil {
		err = os.WriteFile(p.path(file), data, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

const proposed = "project/.mcpproxy/mcp_config.json"

func (p *place) book() *quarantine.Book {
	return quarantine.NewBook(store.Open(p.path("state/mcpproxy-stdio")))
}

// entry is a server as its file has it, and its record.
func (p *place) entry(file, name string) (*config.Server, *quarantine.Record) {
	p.t.Helper()
	c, err := config.Load(p.path("config.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	key, err := p.book().Key()
	if err != nil {
		p.t.Fatal(err)
	}
	c = c.Keyed(key)
	if file == proposed {
		data, err := os.ReadFile(p.path(file))
		if err != nil {
			p.t.Fatal(err)
		}
		c = c.WithWorkspace(p.path(file), data)
	}
	r, err := p.book().Read(p.path(file), name)
	if err != nil || c.Server(name) == nil {
		p.t.Fatal(err, c.Problems)
	}
	return c.Server(name), r
}

func (p *place) wantState(file, name string, want quarantine.State) {
	p.t.Helper()
	if s, r := p.entry(file, name); r.State(s) != want {
		p.t.Errorf("%s is %s, want %s", name, r.State(s), want)
	}
}

func (p *place) command(env []string, args ...string) *exec.Cmd {
	program, err := exec.LookPath("mcpproxy-stdio")
	if err != nil {
		p.t.Fatal(err)
	}
	c := exec.Command(program, args...)
	c.Env, c.Dir = append(p.env[:len(p.env):len(p.env)], env...), p.path("project")
	return c
}

// piped runs a command without a terminal.
func (p *place) piped(env []string, args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	c := p.command(env, args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil && c.ProcessState == nil {
		p.t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// screen is a command on a terminal.
type screen struct {
	t     *testing.T
	tty   *mcptest.Terminal
	done  chan struct{}
	seen  int
	twice bool // it has asked twice already

	mu   sync.Mutex
	text bytes.Buffer
}

func (p *place) open(env []string, args ...string) *screen {
	p.t.Helper()
	s := &screen{t: p.t, tty: mcptest.StartTerminal(p.t, p.command(env, args...), 200, 120), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		io.Copy(s, s.tty)
	}()
	return s
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(s.text.String(), "\r\n", "\n")
}

// await waits until text shows that was not waited for before, and types.
func (s *screen) await(text, typed string) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		all := s.String()
		if i := strings.Index(all[s.seen:], text); i >= 0 {
			s.seen += i + len(text)
			if _, err := io.WriteString(s.tty, typed); err != nil {
				s.t.Fatal(err)
			}
			return
		}
	}
	s.t.Fatalf("the terminal does not show %q:\n%s", text, s)
}

// review is what a person sees who wants a code, too.
func (p *place) review(env []string, args ...string) string {
	p.t.Helper()
	s := p.open(env, append([]string{"review"}, args...)...)
	s.answer("to see a one-time code.*", args[0]+" #\n")
	return s.end(0)
}

// thinking is how long a person reads at the very least.
const thinking = quickest + 200*time.Millisecond

var asking = regexp.MustCompile(`Type "([^"]*) (\d{4})" ([^:]*): `)

// answer waits for a question and types as a person does, who reads the digits: # stands for them. What holds the terminal is a test, so that the
// first right answer of a command is asked for twice.
func (s *screen) answer(to, typed string) {
	s.t.Helper()
	re := regexp.MustCompile(asking.String() + "$")
	question := s.wait(re, to)
	digits := question[2]
	time.Sleep(thinking)
	s.await("", strings.ReplaceAll(typed, "#", digits))
	if s.twice || strings.TrimSpace(strings.ReplaceAll(typed, "#", digits)) != question[1]+" "+digits {
		return
	}
	s.twice = true
	again := s.wait(re, "once more")
	time.Sleep(thinking)
	s.await("", again[1]+" "+again[2]+"\n")
}

// wait waits for a question that was not seen before.
func (s *screen) wait(re *regexp.Regexp, to string) []string {
	s.t.Helper()
	wanted := regexp.MustCompile("^" + to + "$")
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		all := s.String()
		if m := re.FindStringSubmatch(all[s.seen:]); m != nil && wanted.MatchString(m[3]) {
			s.seen = len(all)
			return m
		}
	}
	s.t.Fatalf("the terminal does not ask %q:\n%s", to, s)
	return nil
}

// end waits for the exit, wants its code, and returns what was shown.
func (s *screen) end(code int) string {
	s.t.Helper()
	watchdog := time.AfterFunc(20*time.Second, s.tty.Close)
	defer watchdog.Stop()
	got := s.tty.Wait()
	<-s.done
	if got != code {
		s.t.Fatalf("exit code %d, want %d:\n%s", got, code, s)
	}
	return s.String()
}

var (
	ownSGR  = regexp.MustCompile("\x1b\\[(?:[0-9]{1,2})?m|\r\x1b\\[K")
	codeRow = regexp.MustCompile(`in the chat, once, before \d\d:\d\d:  (?:\x1b\[1m)?(\d{4}) (\d{4})`)
)

// shownCode is the one-time code on a screen, "" if there is none.
func shownCode(text string) string {
	if m := codeRow.FindStringSubmatch(text); m != nil {
		return m[1] + m[2]
	}
	return ""
}
