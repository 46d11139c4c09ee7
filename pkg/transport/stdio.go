package transport

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// StdioSpec says how to start a server that speaks MCP on its stdin and stdout.
type StdioSpec struct {
	Name    string   // for the log
	Command string   // a path, or a name that is looked for in the PATH of Env
	Args    []string // without the command itself
	Env     []string // the complete environment, KEY=VALUE; nothing of ours is added (Windows: SYSTEMROOT is)
	Dir     string   // working directory; a relative Command with a separator counts from here. "": ours
	Limit   int      // largest message from the server in bytes, 0 for jsonrpc.MaxMessage
	Log     zerolog.Logger
}

// ExitError says how a server process ended.
type ExitError struct {
	Code   int    // exit status; -1 if a signal ended it
	Signal string // "SIGKILL"; "" if it exited by itself
}

func (e *ExitError) Error() string {
	if e.Signal != "" {
		return "was killed by " + e.Signal
	}
	return fmt.Sprintf("exited with status %d", e.Code)
}

// sendLimit bounds what waits to be written to a server that doesn't read.
const sendLimit = jsonrpc.MaxMessage

// linger is how long the end of a server is waited for once its stdout is closed, and how long its stdout is
// still read once it has ended. The tree of a server that has ended is gone in 150 ms, see shim.go.
const linger = 300 * time.Millisecond

// Stdio is a running server process with all that it has started. Send, LastSign, Diagnostics, PID and Close may be
// called from any goroutine, Recv from one at a time.
type Stdio struct {
	log    zerolog.Logger
	tree   *tree
	queue  *jsonrpc.Queue
	unsent atomic.Int64 // bytes taken by Send and not yet written
	reader *jsonrpc.Reader
	stdout *outlet
	stderr *outlet
	kept   ring
	noise  noise

	started time.Time
	sign    atomic.Int64 // nanoseconds from started to the last sign of life

	batch [][]byte // rest of a batch, Recv's
	end   error    // what Recv goes on returning, Recv's

	exited chan struct{} // closed once the server process has ended; exit is set before
	exit   *ExitError
	gone   chan struct{} // closed once the whole tree and our goroutines have ended
}

// StartStdio starts a server. It returns when the program has been executed, or says in plain words why that
// was impossible; such errors wrap fs.ErrNotExist, fs.ErrPermission or a syscall.Errno.
func StartStdio(spec StdioSpec) (*Stdio, error) {
	path, err := lookup(&spec)
	if err != nil {
		return nil, err
	}
	t, err := startTree(&spec, path)
	if err != nil {
		return nil, err
	}
	s := &Stdio{
		log:     spec.Log.With().Str("server", spec.Name).Int("pid", t.pid).Logger(),
		tree:    t,
		queue:   jsonrpc.NewQueue(2 * sendLimit), // the true bound is unsent
		stdout:  &outlet{file: t.stdout},
		stderr:  &outlet{file: t.stderr},
		started: time.Now(),
		exited:  make(chan struct{}),
		gone:    make(chan struct{}),
	}
	s.reader = jsonrpc.NewReader(s.stdout, jsonrpc.Newline, spec.Limit)
	s.reader.Activity = s.signOfLife
	go s.supervise()
	return s, nil
}

// supervise owns the other goroutines and ends last.
func (s *Stdio) supervise() {
	defer close(s.gone)
	var workers sync.WaitGroup
	workers.Go(s.write)
	workers.Go(s.readStderr)
	var late *time.Timer
	s.tree.watch(func(how *ExitError) {
		s.exit = how
		close(s.exited)
		s.queue.Close(how)
		late = time.AfterFunc(linger, s.finish)
		s.log.Debug().Int("status", how.Code).Str("signal", how.Signal).Msg("server ended")
	})
	late.Stop()
	s.finish()
	workers.Wait()
}

// finish makes the pipes end once what is in them has been read, whoever else may hold them.
func (s *Stdio) finish() {
	s.tree.stdin.Close()
	s.stdout.finish()
	s.stderr.finish()
}

// write is the only writer of the server's stdin. A server that doesn't read stops nothing but this.
func (s *Stdio) write() {
	defer s.tree.stdin.Close()
	w := jsonrpc.NewWriter(s.tree.stdin, func() jsonrpc.Framing { return jsonrpc.Newline })
	var frames []jsonrpc.Frame
	for {
		var ended error
		frames, ended = s.queue.Pop(frames[:0])
		if len(frames) > 0 {
			if err := w.Write(frames...); err != nil {
				s.queue.Close(fmt.Errorf("the server has closed its input: %w", err))
				return
			}
			size := 0
			for _, f := range frames {
				size += f.Len()
			}
			s.unsent.Add(-int64(size))
			clear(frames)
		}
		if ended != nil {
			return
		}
	}
}

// Send queues a message, which must be one line, and never waits for the server. It fails with jsonrpc.ErrFull when the server
// has left 64 MiB unread, with ErrClosed after Close, and with the *ExitError once the process has ended.
func (s *Stdio) Send(f jsonrpc.Frame) error {
	size := int64(f.Len())
	if n := s.unsent.Add(size); n > sendLimit && n > size {
		s.unsent.Add(-size)
		return fmt.Errorf("the server does not read its input: %w", jsonrpc.ErrFull)
	}
	return s.queue.Push(f)
}

// PID is the process id of the server itself.
func (s *Stdio) PID() int { return s.tree.pid }

func (s *Stdio) signOfLife() { s.sign.Store(int64(time.Since(s.started))) }

// LastSign tells when the server last wrote a byte on stdout or stderr; before the first one, when it was started.
func (s *Stdio) LastSign() time.Time { return s.started.Add(time.Duration(s.sign.Load())) }

// Close ends the server with everything it has started: what is queued is written and its stdin closed; after a third of
// grace the whole tree is asked to end (SIGTERM), at grace it is killed. It returns when all is gone, at the latest
// 100 ms after grace; what then is left (on a machine out of breath) is still being killed. Every caller waits; the shortest grace counts.
func (s *Stdio) Close(grace time.Duration) {
	s.queue.Close(ErrClosed)
	if !s.goneIn(grace / 3) {
		s.tree.terminate()
		s.tree.stdin.Close()
		if !s.goneIn(grace - grace/3) {
			s.tree.kill()
			if !s.goneIn(70 * time.Millisecond) {
				s.log.Warn().Msg("the server has not ended in time")
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
