package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/cli/process"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// agentMarkers are variables that coding agents set for the commands they run. A person's own settings for such a program (CODEX_HOME,
// CLAUDE_CODE_USE_BEDROCK, AIDER_MODEL, CURSOR_TRACE_ID in every terminal of Cursor, TERM_PROGRAM=vscode) are none. An agent can take them
// away from a command, but not from the processes above it.
var agentMarkers = []struct{ name, agent string }{
	{"AGENT", "an agent"},          // Goose, Amp, opencode and Bun's convention
	{"AI_AGENT", "an agent"},       // the convention that VS Code, git and gh follow
	{"CLAUDECODE", "Claude Code"},  // in every command it runs
	{"CLAUDE_CODE", "Claude Code"}, // its SDKs
	{"CLAUDE_CODE_ENTRYPOINT", "Claude Code"},
	{"CURSOR_AGENT", "Cursor's agent"},
	{"CODEX_SANDBOX*", "Codex"},  // CODEX_SANDBOX, CODEX_SANDBOX_NETWORK_DISABLED
	{"CODEX_THREAD_ID", "Codex"}, // without a sandbox
	{"CODEX_CI", "Codex"},
	{"GEMINI_CLI", "Gemini CLI"},
	{"QWEN_CODE", "Qwen Code"},
	{"OPENCODE", "opencode"},
	{"OPENCODE_CLIENT", "opencode"},
	{"OPENCODE_SERVER", "opencode"},
	{"COPILOT_AGENT*", "Copilot"}, // VS Code's agent terminals, Copilot's coding agent
	{"COPILOT_CLI", "Copilot CLI"},
	{"GITHUB_COPILOT_AGENT*", "Copilot"},
	{"CLINE_ACTIVE", "Cline"},
	{"ROO_ACTIVE", "Roo Code"},
	{"WINDSURF_CASCADE*", "Windsurf's Cascade"},
	{"GOOSE_TERMINAL", "Goose"},
	{"AMP_CURRENT_THREAD_ID", "Amp"},
	{"AUGMENT_AGENT", "Augment"},
	{"ANTIGRAVITY_AGENT", "Antigravity"},
}

// agentMarker returns the first marker of an agent in an environment, and whose it is; "" if there is none.
func agentMarker(environ []string) (name, agent string) {
	for _, m := range agentMarkers {
		prefix, family := strings.CutSuffix(m.name, "*")
		for _, kv := range environ {
			k, v, _ := strings.Cut(kv, "=")
			if v != "" && (k == prefix || family && strings.HasPrefix(k, prefix)) {
				return k, m.agent
			}
		}
	}
	return "", ""
}

// otherWays are the ways to approve that are left where the command line can't.
const otherWays = "Other ways: run it yourself in a terminal window, or have the agent call quarantine_approve, which asks you in the editor or takes the code that " +
	"`mcpproxy-stdio review NAME` shows on your terminal"

// person tells why a decision can't be taken for a person's own, nil if a person seems to sit at a terminal.
func (a *app) person() error {
	if name, agent := agentMarker(os.Environ()); name != "" {
		return fmt.Errorf("%s is set, so %s seems to run this command, and only a person can approve. %s (if it is your own setting: env -u %s mcpproxy-stdio …)",
			plain(name), agent, otherWays, plain(name))
	}
	for _, f := range []struct {
		file *os.File
		name string
	}{{a.in, "stdin"}, {a.out.File, "stdout"}} {
		if !term.IsTerminal(int(f.file.Fd())) {
			return fmt.Errorf("%s is not a terminal, where a person has to type an approval. %s", f.name, otherWays)
		}
	}
	if why := a.operator().Agent; why != "" {
		return fmt.Errorf("only a person can approve, and an agent seems to run this command: %s. Open a terminal window of your own, outside the agent, and run it there. %s",
			plain(why), otherWays)
	}
	return nil
}

// operator is who operates the command, as far as the processes around it tell.
func (a *app) operator() process.Verdict {
	if a.judged == nil {
		q := process.Question{Self: os.Getpid(), Clients: process.Clients(store.Open(store.DefaultDir())), Mark: func(environ []string) string {
			name, agent := agentMarker(environ)
			if name == "AGENT" || name == "AI_AGENT" { // people have variables of these names; in our own environment they can take them away
				return ""
			}
			return agent
		}}
		for _, f := range []*os.File{a.in, a.out.File} {
			if term.IsTerminal(int(f.Fd())) {
				tty, console := process.TTY(f)
				q.TTYs, q.Console = append(q.TTYs, tty), console
			}
		}
		v := process.Here().Judge(q)
		a.judged = &v
	}
	return *a.judged
}

// agent names the agent that reads what is printed, "" if it seems to be a person.
func (a *app) agent() string {
	if _, agent := agentMarker(os.Environ()); agent != "" {
		return agent
	}
	if a.operator().Agent != "" {
		return "an agent"
	}
	return ""
}

// means is how and by whom something is decided here, and what program showed them the question.
func (a *app) means() quarantine.Means {
	by := quarantine.Means{How: "terminal"}
	if u, err := user.Current(); err == nil {
		by.By = u.Username
	}
	if agent := a.agent(); agent != "" {
		by.By, by.Model = strings.TrimSpace(by.By+" through "+agent), true
	} else if holder := a.operator().Holder; holder != "" {
		by.By = strings.TrimSpace(by.By + " at " + holder)
	}
	return by
}

var (
	// errRefused is returned when a person did not type what approves.
	errRefused = errors.New("not approved; nothing was changed")
	// errTooFast is returned for an answer that no person can have given.
	errTooFast = errors.New("the answer came faster than a person can read the question; nothing was changed")
)

const (
	// maxAnswer bounds what is read as an answer, in bytes.
	maxAnswer = 4096
	// quickest is the shortest time in which a person reads a line and types what it asks for.
	quickest = 500 * time.Millisecond
	// breath lies between two questions, so that what was written for both at once is lost.
	breath = time.Second
)

// ask puts a question to the person and returns what was typed after it was shown. The end of the input and an interrupt are errRefused,
// what came at once is errTooFast. Nothing reads the terminal between two questions: a pager may.
func (a *app) ask(ctx context.Context, p *printer, question string) (string, error) {
	flushInput(a.in)
	io.WriteString(p.w, question)
	shown := time.Now()
	type answer struct {
		text string
		err  error
	}
	typed := make(chan answer, 1)
	go func() { // it ends with the line; after an interrupt with the process
		text, err := bufio.NewReader(io.LimitReader(a.in, maxAnswer)).ReadString('\n')
		typed <- answer{text, err}
	}()
	select {
	case got := <-typed:
		switch {
		case got.err != nil:
			p.line()
			return "", errRefused
		case time.Since(shown) < quickest:
			return "", errTooFast
		}
		return strings.TrimSpace(got.text), nil
	case <-ctx.Done():
		p.line()
		return "", errRefused
	}
}

// confirm has the person type a name, and four digits that are shown at that moment only. Where a script may operate the terminal it says so,
// and asks once more.
func (a *app) confirm(ctx context.Context, p *printer, name, to string) error {
	doubt := a.operator().Doubt
	if a.doubted {
		doubt = ""
	}
	if doubt != "" {
		p.wrapped("", yellow, "Careful: "+plain(doubt)+". If you did not start this yourself, press Enter; nothing will change.")
	}
	err := a.challenge(ctx, p, name, "to "+to)
	if err != nil || doubt == "" {
		return err
	}
	a.doubted = true
	select {
	case <-time.After(breath):
	case <-ctx.Done():
		return errRefused
	}
	return a.challenge(ctx, p, name, "once more")
}

// challenge asks once. The digits are on the terminal, or where the configuration wants them.
func (a *app) challenge(ctx context.Context, p *printer, name, to string) error {
	digits := quarantine.Digits(4)
	want := name + " " + digits
	question := fmt.Sprintf("Type \"%s\" %s: ", want, to)
	if a.onDesktop {
		withdraw, err := notify(ctx, digits+" are the digits for the approval on your terminal. If you did not start one, do not type them anywhere.")
		if err != nil {
			return fmt.Errorf("approval_confirm shows the digits in a desktop notification, which failed: %w. Run the command in a terminal of your desktop session", err)
		}
		defer withdraw()
		question = fmt.Sprintf("Type \"%s\" and the four digits of the desktop notification %s: ", name, to)
	}
	got, err := a.ask(ctx, p, question)
	if err == nil && strings.Join(strings.Fields(got), " ") != want {
		err = errRefused
	}
	return err
}

// interruptible ends with an interrupt, which is a refusal, instead of ending the process.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}
