//go:build unix

package transport

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
)

// shimEnv is the shim's whole environment; the server's own goes over the lifeline.
var shimEnv = []string{"GOGC=off", "GOMAXPROCS=1"}

// startLimit is how long the shim may take until it has executed the server, on a machine that is out of breath.
const startLimit = 20 * time.Second

// tree is a server process with its descendants, and the shim above them.
type tree struct {
	pid                   int // the server's
	stdin, stdout, stderr *os.File
	shim                  *os.Process
	lifeline, status      *os.File
	lines                 *bufio.Reader
}

func startTree(spec *StdioSpec, path string) (*tree, error) {
	t := &tree{}
	var theirs [6]*os.File // with the token
	pipes := []struct {
		ours   **os.File
		writes bool // we write, the other side reads
	}{{&t.stdin, true}, {&t.stdout, false}, {&t.stderr, false}, {&t.lifeline, true}, {&t.status, false}}
	defer func() { closeAll(theirs[:]...) }()
	for i, p := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			t.closeFiles()
			return nil, fmt.Errorf("no pipe for the server: %w", err)
		}
		if *p.ours, theirs[i] = r, w; p.writes {
			*p.ours, theirs[i] = w, r
		}
	}
	dir, leave, err := enter(spec)
	if err != nil {
		t.closeFiles()
		return nil, err
	}
	if theirs[tokenFD], err = sandbox.Token(); err != nil {
		t.closeFiles()
		leave()
		return nil, err
	}
	defer leave()
	// The descriptor stays with the runtime's poller: a blocking read in a thread of its own was slower (ping-pong of 200 bytes:
	// p50 55 µs, against 9 to 30) and could not be interrupted.
	jsonrpc.WidenPipe(t.stdout)
	shim, err := os.StartProcess(selfExe, append([]string{os.Args[0], ShimArg, path, spec.Command}, spec.Args...), &os.ProcAttr{
		Dir:   dir,
		Env:   shimEnv,
		Files: theirs[:],
		Sys:   &syscall.SysProcAttr{Setsid: true}, // no signal and no terminal of the client reaches the tree
	})
	if err != nil {
		t.closeFiles()
		return nil, fmt.Errorf("%s cannot be run: %w", path, launch.Cause(err))
	}
	t.shim = shim
	closeAll(theirs[:]...)
	if err := t.begin(spec, path); err != nil {
		t.shim.Kill()
		t.shim.Wait()
		t.closeFiles()
		return nil, err
	}
	return t, nil
}

// begin gives the shim what it needs and waits until it has executed the server.
func (t *tree) begin(spec *StdioSpec, path string) error {
	limit := time.Now().Add(startLimit)
	t.lifeline.SetWriteDeadline(limit)
	t.status.SetReadDeadline(limit)
	if _, err := t.lifeline.Write(envBlock(spec.Env)); err != nil {
		return fmt.Errorf("%s cannot be run: its supervisor did not start: %w", path, launch.Cause(err))
	}
	t.lines = bufio.NewReaderSize(t.status, 64)
	line, err := t.lines.ReadString('\n')
	if err != nil {
		return fmt.Errorf("%s cannot be run: its supervisor did not start: %w", path, launch.Cause(err))
	}
	t.lifeline.SetWriteDeadline(time.Time{})
	t.status.SetReadDeadline(time.Time{})
	kind, n, err := parseStatus(line)
	switch {
	case err != nil:
		return err
	case kind != statusPID:
		return refused(path, syscall.Errno(n))
	}
	t.pid = n
	return nil
}

// refused explains why the system did not execute a file that is there and executable.
func refused(path string, errno syscall.Errno) error {
	switch {
	case errno == syscall.ENOEXEC:
		return fmt.Errorf("%s can't run on this system; a script needs a first line such as #!/bin/sh: %w", path, errno)
	case errors.Is(errno, fs.ErrNotExist):
		return fmt.Errorf("%s cannot be run: the interpreter in its first line, or its loader, is missing: %w", path, errno)
	}
	return launch.CannotRun(path, errno)
}

// watch calls exited once, when the server process has ended, and returns when nobody of its tree is left.
func (t *tree) watch(exited func(*ExitError)) {
	told := false
	for {
		line, err := t.lines.ReadString('\n')
		if err != nil {
			break
		}
		if kind, n, err := parseStatus(line); err == nil && !told {
			told = true
			exited(exitError(kind, n))
		}
	}
	state, err := t.shim.Wait()
	if !told {
		exited(&ExitError{Code: -1, Signal: "SIGKILL"}) // with the shim
	}
	if err != nil || !state.Exited() {
		sweep(t.shim.Pid, t.pid)
	}
	closeAll(t.lifeline, t.status)
}

func (t *tree) terminate() { t.lifeline.Write([]byte{askToEnd}) }
func (t *tree) kill()      { t.lifeline.Write([]byte{endNow}) }

// abandon leaves the rest to the shim, which goes on killing: without it nobody knows who belongs to the tree. Only one that
// does not even give up (it was stopped) is killed.
func (t *tree) abandon() {
	t.lifeline.Close()
	time.AfterFunc(unkillable+time.Second, func() { t.shim.Kill() })
}

func (t *tree) closeFiles() { closeAll(t.stdin, t.stdout, t.stderr, t.lifeline, t.status) }
