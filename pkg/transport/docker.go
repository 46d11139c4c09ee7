package transport

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// Docker is a server in a container that speaks MCP on its stdin and stdout. Its methods may be called from any goroutine, Recv from one
// at a time.
type Docker struct {
	lines
	feed
	c *docker.Container
}

// StartDocker begins to start a server in a container and returns at once: what is sent waits until it runs, and why it does not is told by Recv.
// limit is the largest message from the server in bytes, 0 for jsonrpc.MaxMessage; redact takes secrets out of what is logged of its output.
func StartDocker(owner *docker.Owner, spec docker.Spec, limit int, redact func(string) string) *Docker {
	s := &Docker{}
	spec.Sign, spec.Stderr = s.signOfLife, errWriter{&s.lines}
	s.c = owner.New(spec)
	s.lines.begin(s.c.Stdout, limit, spec.Log.With().Str("server", spec.Server).Logger(), redact, s.howItEnded)
	s.stdin = jsonrpc.NewOutlet(s.c, jsonrpc.Lines, 0)
	s.c.Start()
	return s
}

// errWriter is the stderr of a server whose streams are pushed to us.
type errWriter struct{ *lines }

func (w errWriter) Write(b []byte) (int, error) {
	w.writeErr(b)
	return len(b), nil
}

// howItEnded is how the container ended, or why there is none.
func (s *Docker) howItEnded() error {
	<-s.c.Ended() // before its output is closed, but for a kill, where it is near
	err := s.c.Err()
	var exit *docker.Exit
	switch {
	case errors.As(err, &exit):
		err = &ExitError{Code: exit.Code, why: exit}
	case errors.Is(err, context.Canceled):
		err = ErrClosed
	}
	s.stdin.Close(err)
	return err
}

// Stage is what is being done before the server runs, "" once it does.
func (s *Docker) Stage() string { return s.c.Stage() }

// Work is the processor time that the server has used.
func (s *Docker) Work() time.Duration { return s.c.Work() }

// Image is the id of the image that the container was made of, "" before that.
func (s *Docker) Image() string { return s.c.Image() }

// Close ends the server: what is queued is written and its stdin closed; after a third of grace it is asked to end (SIGTERM), at grace
// it is killed. It returns when the container is removed, at the latest soon after grace; its removal then goes on, see [docker.Owner.Close].
func (s *Docker) Close(grace time.Duration) {
	s.stdin.Close(ErrClosed)
	asked := time.Now()
	if s.c.Stage() == "" {
		s.stdin.Drain(grace / 3)
		s.c.CloseStdin()
		if s.goneIn(grace/3 - time.Since(asked)) {
			return
		}
		var asking sync.WaitGroup
		asking.Go(s.c.Terminate)
		defer asking.Wait() // a kill, or the end of the server, ends it
		if s.goneIn(grace - time.Since(asked)) {
			return
		}
	}
	s.c.Kill()
	s.goneIn(removal)
}

// removal is how long the end of a killed container is waited for: the engine takes some 100 ms.
const removal = 500 * time.Millisecond

func (s *Docker) goneIn(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.c.Gone():
		return true
	case <-timer.C:
		return false
	}
}
