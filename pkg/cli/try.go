package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) tryCommand() *cobra.Command {
	return &cobra.Command{
		Use: "try", Short: "See it work with two demo servers (doesn't touch your files)",
		Long: `Try starts the proxy as an editor would, with its own config file in a temporary folder and two
demonstration servers, uses it as a client, and reports what happened. The exit code is 0 only if all
of it worked. Your own configuration and state are neither read nor changed.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.try(c.Context()) },
	}
}

// tryTime bounds the whole of try.
const tryTime = 30 * time.Second

func (a *app) try(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, tryTime, fmt.Errorf("not done within %s", tryTime))
	defer cancel()
	dir, err := os.MkdirTemp("", "mcpproxy-try-")
	if err != nil {
		return failed(fmt.Errorf("no temporary folder: %w – make it, or name another with TMPDIR (Windows: TMP)", err))
	}
	defer os.RemoveAll(dir)
	t := &trial{ctx: ctx, out: newPrinter(a.out), dir: dir}
	err = t.run()
	switch {
	case errors.Is(err, errTold):
		return &exitError{code: ExitFailed}
	case ctx.Err() != nil:
		return failed(fmt.Errorf("try was stopped: %w", context.Cause(ctx)))
	}
	return failed(err)
}

// errTold is returned when a step failed and that has been printed.
var errTold = errors.New("a step failed")

// trial is one run of try.
type trial struct {
	ctx    context.Context
	out    *printer
	dir    string
	self   string
	log    *os.File
	client *client
	pids   []int // of the demonstration servers
}

// details is the indent of what belongs to a step.
const details = "              "

func (t *trial) run() (err error) {
	begin := time.Now()
	if err := t.prepare(); err != nil {
		return err
	}
	defer t.log.Close()
	defer func() { // after a failure, or Ctrl-C
		if t.client != nil {
			t.client.close()
		}
	}()
	t.out.line(t.out.paint(bold, "One MCP server in front of three: the proxy is started as an editor starts it."))
	t.out.line()
	for _, s := range script {
		from := time.Now()
		t.out.passing(fmt.Sprintf("  %-10s  …", s.name))
		more, err := t.take(s)
		t.out.passing("")
		if t.ctx.Err() != nil && err != nil {
			return err
		}
		if err != nil {
			t.failed(s.name, err)
			return errTold
		}
		took := fmt.Sprintf("%d ms", time.Since(from).Milliseconds())
		said := fmt.Sprintf(" %-10s  %-55s ", s.name, s.said)
		t.out.line(t.out.paint(green, "✓"), said, t.out.paint(dim, fmt.Sprintf("%8s", took)))
		for _, line := range more {
			t.out.wrapped(details, dim, line)
		}
	}
	t.out.line()
	t.out.line(fmt.Sprintf("All of it worked, in %.1f s. Your own configuration was not touched.", time.Since(begin).Seconds()))
	t.out.line("Next: `mcpproxy-stdio check` says where to list your own servers.")
	return nil
}

// take does what a step consists of, and returns what is shown below it.
func (t *trial) take(s step) (more []string, err error) {
	if s.do != nil {
		if more, err = s.do(t); err != nil {
			return nil, err
		}
	}
	for _, c := range s.calls {
		shown, err := t.call(c)
		if err != nil {
			return nil, err
		}
		if s.do == nil {
			more = shown
		}
	}
	return more, nil
}

// failed says which step failed, what was expected and what came, and what the proxy logged.
func (t *trial) failed(step string, err error) {
	t.out.line(t.out.paint(red, "✗"), fmt.Sprintf(" %-10s  it failed:", step))
	for line := range strings.SplitSeq(plainLines(err.Error()), "\n") {
		t.out.wrapped(details, "", line)
	}
	if log, err := os.ReadFile(t.log.Name()); err == nil && len(log) > 0 {
		lines := strings.Split(plainLines(string(log)), "\n")
		t.out.line()
		t.out.line("The proxy's log ended with:")
		for _, line := range lines[max(0, len(lines)-10):] {
			t.out.line("  ", line)
		}
	}
}
