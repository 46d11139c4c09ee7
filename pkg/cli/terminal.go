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

	"golang.org/x/term"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// agentMarkers are variables that coding agents set for the commands they run. A person's own settings for such a program (CODEX_HOME,
// CLAUDE_CODE_USE_BEDROCK, AIDER_MODEL, CURSOR_TRACE_ID in every terminal of Cursor, TERM_PROGRAM=vscode) are none. It is a speed bump:
// who can run commands freely can also take them away.
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
const otherWays = "Other ways: run it yourself in a terminal window; or ask the agent to call quarantine_approve, which asks you in the editor, or takes the code that " +
	"`mcpproxy-stdio review NAME` shows on your terminal"

// person tells why a decision can't be taken for a person's own, nil if a person seems to sit at a terminal.
func (a *app) person() error {
	if name, agent := agentMarker(os.Environ()); name != "" {
		return fmt.Errorf("%s is set, so this seems to be run by %s, and an approval has to be a person's. %s (where it is your own setting: env -u %s mcpproxy-stdio …)",
			plain(name), agent, otherWays, plain(name))
	}
	for _, f := range []struct {
		file *os.File
		name string
	}{{a.in, "stdin"}, {a.out, "stdout"}} {
		if !term.IsTerminal(int(f.file.Fd())) {
			return fmt.Errorf("%s is not a terminal, and an approval has to be typed by a person. %s", f.name, otherWays)
		}
	}
	return nil
}

// means is how and by whom something is decided here.
func means() quarantine.Means {
	by := quarantine.Means{How: "terminal"}
	if u, err := user.Current(); err == nil {
		by.By = u.Username
	}
	if name, agent := agentMarker(os.Environ()); name != "" {
		by.By = strings.TrimSpace(by.By + " through " + agent)
	}
	return by
}

// errRefused is returned when a person did not type what approves.
var errRefused = errors.New("not approved; nothing was changed")

// maxAnswer bounds what is read as an answer, in bytes.
const maxAnswer = 4096

// ask puts a question to the person and returns what was typed. The end of the input and an interrupt are errRefused. Nothing reads the
// terminal between two questions: a pager may.
func (a *app) ask(ctx context.Context, p *printer, question string) (string, error) {
	io.WriteString(p.w, question)
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
		if got.err != nil {
			p.line()
			return "", errRefused
		}
		return strings.TrimSpace(got.text), nil
	case <-ctx.Done():
		p.line()
		return "", errRefused
	}
}

// confirm wants exactly one text to be typed.
func (a *app) confirm(ctx context.Context, p *printer, question, text string) error {
	got, err := a.ask(ctx, p, question+": ")
	if err == nil && got != text {
		err = errRefused
	}
	return err
}

// interruptible ends with an interrupt, which is a refusal, instead of ending the process.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}
