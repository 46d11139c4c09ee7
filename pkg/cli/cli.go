// Package cli is the command line: what is typed becomes calls of the other packages, and their errors become
// messages and exit codes.
//
// Without a command it serves MCP on stdin and stdout. stdout carries frames then and nothing else; logs and messages
// for people go to stderr or a file.
//
// What a server or a configuration says is never written raw: people see it escaped, so that it can't play tricks with a terminal or
// an eye. Approvals are typed by a person on a terminal that no agent operates; taking trust away works everywhere. The records, and what an approval
// means, are package quarantine's.
//
// Exit codes, the same for every command:
//
//	0  it did what was asked
//	1  it could not; stderr says why and what to do
//	2  the command line was wrong
//	3  check found errors in the configuration, or servers that can't be started; scan found something that stops an approval;
//	   doctor found a server that asks for isolation and would not get it; approvals --verify found what was changed
//
// Nothing here knows MCP beyond what try needs to be a client of the proxy.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/rs/zerolog/diode"
	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/cli/process"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
)

// Exit codes.
const (
	ExitOK       = 0 // it did what was asked
	ExitFailed   = 1 // it could not
	ExitUsage    = 2 // the command line was wrong
	ExitProblems = 3 // check found errors in the configuration, or servers that can't be started; scan what stops an approval; doctor a server without its isolation
)

// exitError carries an exit code; an empty message has been printed already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

// app is one invocation.
type app struct {
	config    string
	workspace string
	logFile   string
	logLevel  string
	in        *os.File
	out, err  output

	judged    *process.Verdict // who operates the command; see operator
	doubted   bool             // a person has answered twice already
	onDesktop bool             // the digits of a question are shown as a desktop notification
}

// takeWorkspaceOffPath keeps what we start ourselves by name (a pager, a browser, ssh, a credential helper) from being a program of the
// folder that we are run in.
func takeWorkspaceOffPath() {
	dir, err := os.Getwd()
	if err != nil {
		return
	}
	os.Setenv("PATH", launch.ClosedIn(dir).WithoutClosed(os.Getenv("PATH")))
}

// Main runs the command line and returns the exit code.
func Main(args []string) int {
	takeWorkspaceOffPath()
	a := &app{in: os.Stdin, out: output{os.Stdout}, err: output{os.Stderr}}
	root := a.command()
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return ExitOK
	}
	code := ExitUsage
	var exit *exitError
	if errors.As(err, &exit) {
		code = exit.code
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(a.err, "mcpproxy-stdio: "+text)
		if code == ExitUsage {
			fmt.Fprintln(a.err, "Try: mcpproxy-stdio --help")
		}
	}
	return code
}

func failed(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{ExitFailed, worded(err)}
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "mcpproxy-stdio",
		Short: "One stdio MCP server that runs all your others",
		Long: `mcpproxy-stdio is the one MCP server that your editor or agent starts. It runs all your other MCP
servers, listed in one config file. They start when they are first needed.

Without a command it serves MCP on stdin and stdout: this is what editors and agents run.
To see it work: mcpproxy-stdio try`,
		Version: Version(), Args: unknownCommand, SuggestionsMinimumDistance: 2, SilenceUsage: true, SilenceErrors: true,
		RunE:              func(c *cobra.Command, _ []string) error { return a.serve(c.Context()) },
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.checkLogLevel() },
	}
	root.SetVersionTemplate(readVersion().String() + "\n")
	root.SetOut(a.out)
	root.SetErr(a.err)
	f := root.PersistentFlags()
	f.StringVar(&a.config, "config", "", "config file (default: $MCPPROXY_CONFIG, else mcpproxy/mcp_config.json in your config directory)")
	f.StringVar(&a.workspace, "workspace", "", "folder the client works in (default: what the client says, else the working directory)")
	f.StringVar(&a.logFile, "log-file", "", "append logs to this file (default: stderr)")
	f.StringVar(&a.logLevel, "log-level", "warn", "trace, debug, info, warn, error or disabled")
	root.AddCommand(a.serveCommand(), a.tryCommand(), a.checkCommand(), a.doctorCommand(), a.serversCommand(), a.addCommand(), a.importCommand(),
		a.removeCommand(), a.enableCommand(), a.disableCommand(), a.testCommand(), a.logsCommand(),
		a.reviewCommand(), a.approveCommand(), a.rejectCommand(), a.approvalsCommand(), a.historyCommand(), a.pinCommand(), a.scanCommand(),
		a.loginCommand(), a.logoutCommand(), a.authCommand(), a.secretCommand(), a.schemaCommand(), a.versionCommand(), demoServerCommand())
	return root
}

// unknownCommand refuses arguments where only commands may stand, and names the one that was most likely meant.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("there is no command %q", args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		text += "; did you mean " + near[0] + "?"
	}
	return errors.New(text)
}

// namedWorkspace is what --workspace says, as an absolute path.
func (a *app) namedWorkspace() string {
	if a.workspace == "" {
		return ""
	}
	if abs, err := filepath.Abs(a.workspace); err == nil {
		return abs
	}
	return a.workspace
}

// workspaceFolder is the workspace that a client started from here would most likely have: the one named, else the
// working directory, unless that is the home directory or the root of the file system. "" is none.
func (a *app) workspaceFolder() string {
	if named := a.namedWorkspace(); named != "" {
		return named
	}
	dir, err := os.Getwd()
	home, _ := os.UserHomeDir()
	if err != nil || dir == filepath.Clean(home) || filepath.Dir(dir) == dir {
		return ""
	}
	return dir
}

// logQueue is how many lines of the log may wait to be written.
const logQueue = 1000

// logLevels are what --log-level takes.
var logLevels = []string{"trace", "debug", "info", "warn", "error", "disabled"}

// checkLogLevel refuses a level that there is not, whatever the command: one that logs nothing would take it, and the next one not.
func (a *app) checkLogLevel() error {
	if slices.Contains(logLevels, a.logLevel) {
		return nil
	}
	return &exitError{ExitUsage, fmt.Errorf("--log-level: %q is not valid (%s)", a.logLevel, strings.Join(logLevels, ", "))}
}

// logger writes to --log-file, else to stderr; never to stdout. Nobody waits for a reader of the log: what it does not take in time
// is dropped. flush writes what is left, as far as that is quick.
func (a *app) logger() (log zerolog.Logger, flush func(), err error) {
	if err := a.checkLogLevel(); err != nil {
		return zerolog.Nop(), nil, err
	}
	level, _ := zerolog.ParseLevel(a.logLevel)
	var out io.Writer = a.err
	if a.logFile != "" {
		f, err := os.OpenFile(a.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return zerolog.Nop(), nil, failed(fmt.Errorf("--log-file: %w", err))
		}
		out = output{f}
	}
	queue := diode.NewWriter(struct{ io.Writer }{out}, logQueue, 0, nil) // without its Close: stderr is not ours to close
	flush = func() {
		done := make(chan struct{})
		go func() { queue.Close(); close(done) }()
		select {
		case <-done:
		case <-time.After(50 * time.Millisecond):
		}
	}
	return zerolog.New(queue).Level(level).With().Timestamp().Int("pid", os.Getpid()).Logger(), flush, nil
}
