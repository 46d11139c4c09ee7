package mcptest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// EnvServer holds the options of the server that [Main] runs, as JSON, which [Command] escapes behind optionsPrefix. With its
// name that has the form of a token, so that a test can have an approved server behave otherwise: the literal values of all other
// variables are part of what was approved.
const EnvServer = "MCPTEST_SERVER_KEY"

const optionsPrefix = "mcptest0options-"

const envGrandchild = "MCPTEST_GRANDCHILD"

// Main turns the running program into the scripted upstream that the environment
// variable MCPTEST_SERVER_KEY describes, or into the browser of [NewBrowserProgram]
// or the keeper of a [NewEngine] or a [StartTerminal] if it was started as one, and does not come back;
// otherwise it does nothing.
// Call it first in TestMain.
func Main() {
	if isBrowserProgram() {
		os.Exit(browserProgram(os.Args[1:]))
	}
	terminalMain()
	if how := os.Getenv(envGrandchild); how != "" {
		grandchild()
	}
	if how := os.Getenv(envEngineKeeper); how != "" {
		os.Exit(engineKeeperMain(how))
	}
	if opts, ok := os.LookupEnv(EnvServer); ok {
		if encoded, ok := strings.CutPrefix(opts, optionsPrefix); ok {
			text, err := url.PathUnescape(strings.ReplaceAll(encoded, "~", "%"))
			if err != nil {
				panic("mcptest: options: " + err.Error())
			}
			opts = text
		}
		os.Exit(MainWith(opts))
	}
}

// MainWith runs the upstream that the JSON text describes over stdin and stdout
// and gives the exit code.
func MainWith(optsJSON string) int {
	var opts Server
	dec := json.NewDecoder(strings.NewReader(optsJSON))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&opts); err != nil {
		fmt.Fprintln(os.Stderr, "mcptest: unfit options:", err)
		return 2
	}
	return runProcess(opts)
}

// Command gives what a config entry needs to start the upstream: this program,
// which must call [Main], with the options in its environment (and
// GORACE, if it is built with the race detector).
func Command(opts Server) (command string, args []string, env map[string]string) {
	self, err := os.Executable()
	if err != nil {
		panic("mcptest: no path of this program: " + err.Error())
	}
	b, err := json.Marshal(opts)
	if err != nil {
		panic("mcptest: options: " + err.Error())
	}
	env = map[string]string{EnvServer: optionsPrefix + escaped(b)}
	if raceEnv != "" {
		env["GORACE"] = strings.TrimSpace(os.Getenv("GORACE") + " " + raceEnv)
	}
	return self, selfArgs(), env
}

// escaped is a text in letters, digits, - and _; all else is ~ and two hex digits.
func escaped(text []byte) string {
	var b strings.Builder
	for _, c := range text {
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "~%02x", c)
		}
	}
	return b.String()
}

// selfArgs keeps a test binary that forgot to call Main from running its tests,
// and so itself, again and again.
func selfArgs() []string {
	if testing.Testing() {
		return []string{"-test.run=^$"}
	}
	return nil
}

func runProcess(opts Server) int {
	c := newCore(opts, os.Stderr)
	c.exit = os.Exit
	c.kill = killSelf
	if opts.StderrText != "" {
		fmt.Fprintln(os.Stderr, opts.StderrText)
	}
	if opts.has(FaultExitAtStart) {
		return opts.ExitCode
	}
	if opts.has(FaultIgnoreEOF) {
		signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	}
	for _, f := range []Fault{FaultFork, FaultForkGroup} {
		if !opts.has(f) {
			continue
		}
		_, err := startGrandchild(f == FaultFork)
		if err != nil {
			fmt.Fprintln(os.Stderr, "mcptest: grandchild:", err)
			return 3
		}
	}
	if opts.has(FaultStderrFlood) {
		go flood(c.opts.StderrBytes) // ends with the process
	}
	err := c.serve(context.Background(), os.Stdin, os.Stdout)
	if opts.has(FaultIgnoreEOF) {
		c.linger(context.Background())
	}
	time.Sleep(opts.ExitDelay)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mcptest:", err)
		return 1
	}
	return 0
}

func flood(n int) {
	line := "mcptest: flood " + Text(64) + "\n"
	for n > 0 {
		k, err := io.WriteString(os.Stderr, line[:min(n, len(line))])
		if err != nil {
			return
		}
		n -= k
	}
}

// startGrandchild starts this program once more, as a process that does nothing
// but hold our stdout and stderr, and waits until it ignores signals.
func startGrandchild(ownSession bool) (pid int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, selfArgs()...)
	cmd.Env = append(os.Environ(), envGrandchild+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	ready, err := prepareGrandchild(cmd, ownSession)
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	return cmd.Process.Pid, ready()
}

func grandchild() {
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	grandchildReady()
	time.Sleep(Lifetime)
	os.Exit(0)
}

// Entry writes a config entry of the Claude and Cursor form, {"command":…},
// that starts the upstream; more is put into its environment.
func Entry(opts Server, more map[string]string) json.RawMessage {
	command, args, env := Command(opts)
	for k, v := range more {
		env[k] = v
	}
	b, err := json.Marshal(map[string]any{"command": command, "args": args, "env": env})
	if err != nil {
		panic("mcptest: entry: " + err.Error())
	}
	return b
}
