package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// Recv waits for the next message. A line that is no message costs that line: it is counted, and the first ones are kept for
// Diagnostics. A message above the limit comes as Failed if its id could be found. Whatever the server wrote before
// it ended is still returned; then the error says how it ended and wraps an *ExitError, or io.EOF if the server
// has closed its output and lives on.
func (s *Stdio) Recv() (Inbound, error) {
	for s.end == nil {
		if len(s.batch) > 0 {
			raw := s.batch[0]
			s.batch = s.batch[1:]
			if isObject(raw) {
				return Inbound{Raw: raw, More: len(s.batch) > 0}, nil
			}
			s.dropLine(raw)
			continue
		}
		line, err := s.reader.Read()
		var large *jsonrpc.TooLargeError
		switch {
		case errors.As(err, &large):
			if id, request := large.ID(); id != nil && !request {
				return Inbound{Failed: &Failed{ID: id, Err: err}}, nil
			}
			s.log.Warn().Int("size", large.Size).Msg("a message above the limit was dropped")
		case err != nil:
			s.end = s.howItEnded()
		case isObject(line):
			return Inbound{Raw: line, More: s.reader.Buffered()}, nil
		case line[0] == '[':
			if s.batch, err = jsonrpc.Batch(line); err != nil {
				s.batch = nil
				s.dropLine(line)
			}
		default:
			s.dropLine(line)
		}
	}
	return Inbound{}, s.end
}

// isObject tells a message, whole at first sight, from noise and from half a line.
func isObject(b []byte) bool { return len(b) > 1 && b[0] == '{' && b[len(b)-1] == '}' }

// howItEnded waits a little for the end of the process and of its stderr.
func (s *Stdio) howItEnded() error {
	s.goneIn(linger)
	s.stdout.Close()
	select {
	case <-s.exited:
		return s.exit
	default:
		return fmt.Errorf("closed its output: %w", io.EOF)
	}
}

func (s *Stdio) dropLine(line []byte) {
	if n := s.noise.add(line); n <= noiseKept {
		s.log.Warn().Str("line", s.clean(excerpt(line))).Msg("a line on stdout that is no message")
	}
}

// clean is output of the server as it may be logged.
func (s *Stdio) clean(b []byte) string {
	if s.redact == nil {
		return string(b)
	}
	return s.redact(string(b))
}

func (s *Stdio) readStderr() {
	defer s.stderr.Close()
	trace := s.log.GetLevel() <= zerolog.TraceLevel
	var line []byte
	buf := make([]byte, 8<<10)
	for {
		n, err := s.stderr.Read(buf)
		if n > 0 {
			s.signOfLife()
			s.kept.Write(buf[:n])
			if trace {
				line = s.traceLines(append(line, buf[:n]...))
			}
		}
		if err != nil {
			return
		}
	}
}

// traceLines logs whole lines and returns the rest.
func (s *Stdio) traceLines(b []byte) []byte {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 && len(b) < noiseLine {
			return append([]byte(nil), b...)
		}
		if i < 0 {
			i = len(b) - 1
		}
		s.log.Trace().Str("line", s.clean(bytes.TrimSpace(b[:i+1]))).Msg("stderr")
		b = b[i+1:]
	}
}

// Diagnostics returns the last 64 KiB of the server's stderr, then the lines on stdout that were no messages.
// It is what the server wrote: untrusted text.
func (s *Stdio) Diagnostics() string { return s.kept.String() + s.noise.String() }

const (
	noiseKept = 10  // lines
	noiseLine = 500 // bytes of each
)

// noise is what a server wrote on stdout beside messages.
type noise struct {
	mu    sync.Mutex
	count int
	first []string
}

func excerpt(line []byte) []byte { return line[:min(len(line), noiseLine)] }

func (n *noise) add(line []byte) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.count++; n.count <= noiseKept {
		n.first = append(n.first, strings.ToValidUTF8(string(excerpt(line)), "\uFFFD"))
	}
	return n.count
}

func (n *noise) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.count == 0 {
		return ""
	}
	s := fmt.Sprintf("\n[%d lines on stdout were no messages; the first:]\n", n.count)
	return s + strings.Join(n.first, "\n") + "\n"
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
