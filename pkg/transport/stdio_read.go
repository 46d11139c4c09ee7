package transport

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// howItEnded waits a little for the end of the process and of its stderr.
func (s *Stdio) howItEnded() error {
	s.goneIn(linger)
	s.stdout.Close()
	select {
	case <-s.exited:
		return s.exit
	default:
		return fmt.Errorf("closed stdout (is it an MCP stdio server?): %w", io.EOF)
	}
}

func (s *Stdio) readStderr() {
	defer s.stderr.Close()
	buf := make([]byte, 8<<10)
	for {
		n, err := s.stderr.Read(buf)
		if n > 0 {
			s.signOfLife()
			s.writeErr(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// outlet is our end of a pipe that the server writes to. After finish it still gives what is in the pipe and then
// ends, although a process may hold the other end open.
type outlet struct {
	file     *os.File
	once     sync.Once
	finished atomic.Bool // set only after finish has woken Read, so that the deadline Read sets itself stays
}

func (o *outlet) Read(b []byte) (int, error) {
	for {
		last := o.finished.Load()
		if last {
			o.file.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		}
		n, err := o.file.Read(b)
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return n, err
		case last:
			return n, io.EOF
		}
	}
}

func (o *outlet) finish() {
	o.once.Do(func() {
		o.file.SetReadDeadline(time.Now()) // refused on Windows, where nobody outlives the job and holds the pipe
		o.finished.Store(true)
	})
}

func (o *outlet) Close() { o.file.Close() }

// closeAll closes files; those that are nil or closed already do no harm.
func closeAll(files ...*os.File) {
	for _, f := range files {
		f.Close()
	}
}
