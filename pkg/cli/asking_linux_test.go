package cli

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// agentScript is an agent: it starts a proxy and, when that has answered, does what it is told in $1 with approve on a terminal of its own.
const agentScript = `set -u
proxy=${PROXY:-exec mcpproxy-stdio}
mkfifo in out
sh -c "$proxy" <in >out &
exec 3>in 4<out
echo '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"agent","version":"1"}}}' >&3
read -r line <&4
eval "$1"
while [ ! -e code ]; do sleep 0.05; done # written by who may not be our child
exec 3>&-
wait
`

// typescript runs a command on a terminal that script(1) holds, presses Enter all the time, and tells its exit code.
const typescript = `while sleep 0.2; do echo || exit; done 2>/dev/null | script -qec "$COMMAND" screen >/dev/null; echo $? >code.new; mv code.new code`

// agent runs the script. It gives what the command showed, and its exit code.
func (p *place) agent(how string, env []string, command string) (screen, code string) {
	p.t.Helper()
	if _, err := exec.LookPath("script"); err != nil {
		p.t.Skip("script(1), of util-linux, is not there")
	}
	dir := p.t.TempDir()
	c := exec.Command("sh", "-c", agentScript, "agent", how)
	c.Dir = dir
	c.Env = append(append(p.env[:len(p.env):len(p.env)], "COMMAND=mcpproxy-stdio --workspace "+p.path("project")+" "+command, "RUN="+typescript), env...)
	if out, err := c.CombinedOutput(); err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	shown, _ := os.ReadFile(filepath.Join(dir, "screen"))
	status, _ := os.ReadFile(filepath.Join(dir, "code"))
	return strings.ReplaceAll(string(shown), "\r\n", "\n"), strings.TrimSpace(string(status))
}

// Whatever an agent does with its environment, what it starts is not taken for a person.
func TestAgentCantApprove(t *testing.T) {
	t.Parallel()
	const refused = "an agent seems to run this command"
	for name, tt := range map[string]struct {
		how  string
		env  []string
		want string
	}{
		"its child":                         {`eval "$RUN"`, nil, refused},
		"in a clean environment":            {`env -i PATH="$PATH" HOME="$HOME" XDG_STATE_HOME="$XDG_STATE_HOME" MCPPROXY_CONFIG="$MCPPROXY_CONFIG" COMMAND="$COMMAND" sh -c "$RUN"`, nil, refused},
		"deep below it":                     {`sh -c 'sh -c "sh -c \"eval \\\"\\\$RUN\\\"; :\"; :"; :'`, nil, refused},
		"in another session":                {`setsid -w sh -c "$RUN"`, nil, refused},
		"with a shell before the proxy":     {`eval "$RUN"`, []string{"PROXY=mcpproxy-stdio; :"}, refused},
		"with env and timeout before it":    {`eval "$RUN"`, []string{"PROXY=exec timeout 60 env A=b mcpproxy-stdio"}, refused},
		"once it has removed what is known": {`rm -r "$XDG_STATE_HOME/mcpproxy-stdio/clients"; eval "$RUN"`, nil, refused},
		"once it has ended the proxy":       {`while ! ls "$XDG_STATE_HOME"/mcpproxy-stdio/clients/* >/dev/null 2>&1; do sleep 0.05; done; exec 3>&-; wait; eval "$RUN"`, nil, refused},
		// From here on it can't be told from a person who does odd things.
		"as nobody's child":      {`setsid -f sh -c "$RUN"`, nil, "Careful: this terminal is operated by script (process "},
		"as nobody's, python":    {`setsid -f python3 -c 'import os, pty, sys; s = pty.spawn(["sh", "-c", "exec $COMMAND </dev/tty >/dev/tty"], lambda fd: open("screen", "ab").write(d := os.read(fd, 999)) and d, lambda fd: b"\4"); open("code", "w").write(str(os.waitstatus_to_exitcode(s)))' </dev/null >/dev/null 2>&1`, nil, "Careful: this terminal is operated by "},
		"with a mark further up": {`CLAUDECODE=1 setsid -f sh -c 'env -u CLAUDECODE sh -c "$RUN"; :'`, nil, "runs for Claude Code"},
	} {
		t.Run(name, func(t *testing.T) {
			p := workshop(t, clean(0))
			screen, code := p.agent(tt.how, tt.env, "approve tools")
			if code != "1" || !strings.Contains(strings.Join(strings.Fields(screen), " "), tt.want) {
				t.Errorf("exit code %s, the terminal shows\n%s", code, screen)
			}
			p.wantState(proposed, "tools", quarantine.HeldLaunch)
		})
	}
}

// Neither a code nor a held definition is shown to an agent, and what it adds is not a person's own.
func TestAgentIsShownNoCode(t *testing.T) {
	t.Parallel()
	p := workshop(t, clean(0))
	for _, how := range []string{`eval "$RUN"`, `setsid -f sh -c "$RUN"`} {
		if screen, code := p.agent(how, nil, "review tools"); code != "0" || shownCode(screen) != "" || !strings.Contains(screen, "held, not run") {
			t.Errorf("review, exit code %s:\n%s", code, screen)
		}
		if screen, code := p.agent(how, nil, "approve --policy"); strings.Contains(how, "eval") && code != "1" {
			t.Errorf("approve --policy, exit code %s:\n%s", code, screen)
		}
	}
	for i, how := range []string{`eval "$RUN"`, `setsid -f sh -c "$RUN"`} {
		name := []string{"one", "two"}[i]
		if screen, code := p.agent(how, nil, "add "+name+" -- mcpproxy-stdio demo-server notes"); code != "0" || !strings.Contains(screen, "held") {
			t.Errorf("add, exit code %s:\n%s", code, screen)
		}
		p.wantState("config.json", name, quarantine.HeldLaunch)
	}
}

// A person who sits beside an agent is none.
func TestPersonBesideAnAgent(t *testing.T) {
	t.Parallel()
	p := workshop(t, clean(0))
	done := make(chan struct{})
	defer func() { <-done }()
	dir := t.TempDir()
	go func() {
		defer close(done)
		c := exec.Command("sh", "-c", agentScript, "agent", ":")
		c.Dir, c.Env = dir, p.env
		c.Run()
	}()
	defer os.WriteFile(filepath.Join(dir, "code"), nil, 0o600) // ends the agent
	s := p.open(nil, "approve", "tools")
	s.answer(askStart, "tools #\n")
	s.answer(askServer, "tools #\n")
	s.end(0)
	p.wantState(proposed, "tools", quarantine.Approved)
	if out, _, _ := p.piped(nil, "approvals", "tools"); !strings.Contains(out, " at cli.test") {
		t.Errorf("the log does not say what held the terminal:\n%s", out)
	}
}

// What was typed before a question was shown does not answer it.
func TestTypeAheadIsForgotten(t *testing.T) {
	t.Parallel()
	p := workshop(t, clean(0))
	s := p.open([]string{"PAGER=sh -c 'read x </dev/tty; cat'"}, "approve", "tools", "--no-pager")
	s.await("", "tools\ntools 0000\n\n")
	s.answer(askStart, "tools #\n")
	s.answer(askServer, "tools #\n")
	s.end(0)
}

func TestInstantAnswerIsNoPersons(t *testing.T) {
	t.Parallel()
	in, typed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	io.WriteString(typed, "yes\n")
	typed.Close()
	a := &app{in: in, out: output{os.Stdout}}
	if got, err := a.ask(t.Context(), &printer{w: io.Discard}, "? "); !errors.Is(err, errTooFast) {
		t.Errorf("%q, %v", got, err)
	}
}
