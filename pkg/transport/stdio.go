package transport

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
)

// StdioSpec says how to start a server that speaks MCP on its stdin and stdout.
type StdioSpec struct {
	Name    string   // for the log
	Command string   // a path, or a name that is looked for in the PATH of Env
	Path    string   // of the program, if it was looked up; "": Command is
	Args    []string // without the command itself
	Env     []string // the complete environment, KEY=VALUE; nothing of ours is added (Windows: SYSTEMROOT is)
	Dir     string   // working directory; a relative Command with a separator counts from here. "": ours
	RealDir string   // where Dir has to lead, once all links are followed; "": wherever it does
	Limit   int      // largest message from the server in bytes, 0 for jsonrpc.MaxMessage
	Log     zerolog.Logger

	Redact func(string) string // takes secrets out of what is logged of the server's output; nil: nothing is

	// Confine changes how the program, which was found at path, is started, and returns what is started instead; nil: nothing is
	// changed. What it returned as ended is called when the whole tree has ended.
	Confine func(spec *StdioSpec, path string) (confined string, ended func(), err error)
}

// ExitError says how a server process ended.
type ExitError struct {
	Code   int    // exit status; -1 if a signal ended it
	Signal string // "SIGKILL"; "" if it exited by itself

	why error // says it better; nil: nothing does
}

func (e *ExitError) Error() string {
	if e.why != nil {
		return e.why.Error()
	}
	if e.Signal != "" {
		return "was killed by " + e.Signal
	}
	return fmt.Sprintf("exited with status %d", e.Code)
}

// linger is how long the end of a server is waited for once its stdout is closed, and how long its stdout is
// still read once it has ended. The tree of a server that has ended is gone in 150 ms, see shim.go.
const linger = 300 * time.Millisecond

// Stdio is a running server process with all that it has started. Send, LastSign, Diagnostics, PID and Close may be
// called from any goroutine, Recv from one at a time.
type Stdio struct {
	lines
	feed
	log    zerolog.Logger
	tree   *tree
	stdout *outlet
	stderr *outlet

	exited chan struct{} // closed once the server process has ended; exit is set before
	exit   *ExitError
	gone   chan struct{} // closed once the whole tree and our goroutines have ended
	ended  func()        // is called then
}

// StartStdio starts a server. It returns when the program has been executed, or says in plain words why that
// was impossible; such errors wrap fs.ErrNotExist, fs.ErrPermission or a syscall.Errno.
func StartStdio(spec StdioSpec) (*Stdio, error) {
	path := spec.Path
	if path == "" {
		var err error
		if path, err = (launch.Lookup{Command: spec.Command, Env: spec.Env, Dir: spec.Dir}).Find(); err != nil {
			return nil, err
		}
	}
	ended := func() {}
	if spec.Confine != nil {
		var err error
		if path, ended, err = spec.Confine(&spec, path); err != nil {
			return nil, err
		}
	}
	t, err := startTree(&spec, path)
	if err != nil {
		ended()
		return nil, err
	}
	s := &Stdio{
		log:    spec.Log.With().Str("server", spec.Name).Int("server_pid", t.pid).Logger(),
		tree:   t,
		stdout: &outlet{file: t.stdout},
		stderr: &outlet{file: t.stderr},
		exited: make(chan struct{}),
		gone:   make(chan struct{}),
		ended:  ended,
	}
	s.lines.begin(s.stdout, spec.Limit, s.log, spec.Redact, s.howItEnded)
	s.stdin = jsonrpc.NewOutlet(t.stdin, jsonrpc.Lines, 0)
	go s.supervise()
	return s, nil
}

// supervise owns the other goroutines and ends last.
func (s *Stdio) supervise() {
	defer s.ended() // nobody waits for it: what a server has left behind may take long to remove
	defer close(s.gone)
	var workers sync.WaitGroup
	workers.Go(s.readStderr)
	var late *time.Timer
	s.tree.watch(func(how *ExitError) {
		s.exit = how
		close(s.exited)
		s.stdin.Close(how)
		late = time.AfterFunc(linger, s.finish)
		s.log.Debug().Int("status", how.Code).Str("signal", how.Signal).Msg("server ended")
	})
	late.Stop()
	s.finish()
	s.stdin.Drain(linger) // its goroutine ends now that the pipe is closed
	workers.Wait()
}

// finish makes the pipes end once what is in them has been read, whoever else may hold them.
func (s *Stdio) finish() {
	s.tree.stdin.Close()
	s.stdout.finish()
	s.stderr.finish()
}

// Wait waits for the end of the server process, and says how it ended: nil for an exit status of 0. It gives up when ctx ends.
func (s *Stdio) Wait(ctx context.Context) error {
	select {
	case <-s.exited:
		if s.exit.Code == 0 && s.exit.Signal == "" {
			return nil
		}
		return s.exit
	case <-ctx.Done():
		return ctx.Err()
	}
}

// PID is the process id of the server itself.
func (s *Stdio) PID() int { return s.tree.pid }

// Close ends the server with everything it has started: what is queued is written and its stdin closed; after a third of
// grace the whole tree is asked to end (SIGTERM), at grace it is killed. It returns when all is gone, at the latest
// 100 ms after grace; what then is left (on a machine out of breath) is still being killed. Every caller waits; the shortest grace counts.
func (s *Stdio) Close(grace time.Duration) {
	s.stdin.Close(ErrClosed)
	asked := time.Now()
	s.stdin.Drain(grace / 3)
	s.tree.stdin.Close()
	if !s.goneIn(grace/3 - time.Since(asked)) {
		s.tree.terminate()
		if !s.goneIn(grace - grace/3) {
			s.tree.kill()
			if !s.goneIn(70 * time.Millisecond) {
				s.log.Warn().Msg("the server did not end in time")
				s.tree.abandon()
				s.finish()
				s.goneIn(20 * time.Millisecond)
				s.stderr.Close()
			}
		}
	}
	s.stdout.Close()
}

func (s *Stdio) goneIn(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.gone:
		return true
	case <-timer.C:
		return false
	}
}
