package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// lines is what comes from a server that speaks MCP on its stdout, a process of ours or one in a container, and what it says on stderr.
type lines struct {
	out    zerolog.Logger
	redact func(string) string
	reader *jsonrpc.Reader
	kept   ring
	noise  noise
	half   []byte // of a line of stderr that is traced, WriteErr's
	skip   bool   // the rest of that line is not traced, WriteErr's

	started time.Time
	sign    atomic.Int64 // nanoseconds from started to the last sign of life

	batch [][]byte     // rest of a batch, Recv's
	end   error        // what Recv goes on returning, Recv's
	how   func() error // tells how the server ended, after its last line
}

func (s *lines) begin(stdout io.Reader, limit int, log zerolog.Logger, redact func(string) string, how func() error) {
	s.out, s.redact, s.how, s.started = log, redact, how, time.Now()
	s.reader = jsonrpc.NewReader(stdout, jsonrpc.Newline, limit)
	s.reader.Activity = s.signOfLife
}

// Recv waits for the next message. A line that is no message costs that line: it is counted, and the first ones are kept for
// Diagnostics. A message above the limit comes as Failed if its id could be found. Whatever the server wrote before
// it ended is still returned; then the error says how it ended and wraps an *ExitError, or io.EOF if the server
// has closed its output and lives on.
func (s *lines) Recv() (Inbound, error) {
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
			s.out.Warn().Int("size", large.Size).Msg("dropped a message above the limit")
		case err != nil:
			s.end = s.how()
		case isObject(line):
			return Inbound{Raw: line, More: s.reader.Buffered()}, nil
		case line[0] == '[':
			if s.batch, err = jsonrpc.Batch(line); err != nil {
				s.batch = nil
				s.dropLine(line)
			}
		case !s.reader.Cut() && endsCall(line):
			return Inbound{Raw: line, More: s.reader.Buffered()}, nil
		default:
			s.dropLine(line)
			if id := jsonrpc.EndsAnswer(line); id != nil {
				return Inbound{Failed: &Failed{ID: id, Err: errTwoLines}}, nil
			}
		}
	}
	return Inbound{}, s.end
}

// endsCall tells an answer that is no message, but says to which request, from noise: the call is told of it at once.
func endsCall(line []byte) bool {
	if line[0] != '{' {
		return false
	}
	m, err := jsonrpc.Parse(line)
	return jsonrpc.Broken(err) && m.ID.End != 0 && m.Method.End == 0 && (m.Result.End != 0 || m.Error.End != 0)
}

var errTwoLines = fmt.Errorf("%w: a line break in a string cut it in two", jsonrpc.ErrSyntax)

// isObject tells a message, whole at first sight, from noise and from half a line.
func isObject(b []byte) bool { return len(b) > 1 && b[0] == '{' && b[len(b)-1] == '}' }

// OnWait sets what Recv calls, on its goroutine, before it waits for the server. It is set before the first Recv.
func (s *lines) OnWait(f func()) { s.reader.Waits = f }

func (s *lines) signOfLife() { s.sign.Store(int64(time.Since(s.started))) }

// LastSign tells when the server last wrote a byte on stdout or stderr; before the first one, when it was started.
func (s *lines) LastSign() time.Time { return s.started.Add(time.Duration(s.sign.Load())) }

func (s *lines) dropLine(line []byte) {
	said := []byte(s.clean(line[:min(len(line), ringSize)])) // whole: half a secret would not be known
	if n := s.noise.add(said); n <= noiseKept {
		s.out.Warn().Str("line", string(excerpt(said))).Msg("a line on stdout is not an MCP message")
	}
}

// unlogged is how much of the end of an overlong line is left out, in bytes.
const unlogged = 8 << 10

// clean is output of the server as it may be logged.
func (s *lines) clean(b []byte) string {
	if s.redact == nil {
		return string(b)
	}
	return s.redact(string(b))
}

// writeErr takes what the server writes on stderr.
func (s *lines) writeErr(b []byte) {
	s.kept.Write(b)
	if s.out.GetLevel() <= zerolog.TraceLevel {
		s.half = s.traceLines(append(s.half, b...))
	}
}

// traceLines logs whole lines and returns the rest.
func (s *lines) traceLines(b []byte) []byte {
	for {
		i := bytes.IndexByte(b, '\n')
		switch {
		case s.skip && i < 0:
			return nil
		case s.skip:
			s.skip, b = false, b[i+1:]
			continue
		case i < 0 && len(b) < ringSize:
			return append([]byte(nil), b...)
		case i < 0: // its end, where half a secret would not be known, is not logged
			line := s.clean(bytes.TrimSpace(b))
			s.out.Trace().Str("line", strings.ToValidUTF8(line[:max(0, len(line)-unlogged)], "")).Msg("stderr, cut")
			s.skip = true
			return nil
		}
		s.out.Trace().Str("line", s.clean(bytes.TrimSpace(b[:i+1]))).Msg("stderr")
		b = b[i+1:]
	}
}

// Diagnostics returns the last 64 KiB of the server's stderr, then the lines on stdout that were no messages.
// It is what the server wrote: untrusted text. A line that is cut at the front is left out, since half a secret would not be known.
func (s *lines) Diagnostics() string {
	kept := s.kept.String()
	if len(kept) > ringSize-utf8.UTFMax {
		if i := strings.IndexByte(kept[:unlogged], '\n'); i >= 0 {
			kept = kept[i+1:]
		} else {
			kept = kept[unlogged:]
		}
	}
	return kept + s.noise.String()
}

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
	s := fmt.Sprintf("\n[It printed %d lines that are not MCP messages:]\n", n.count)
	return s + strings.Join(n.first, "\n") + "\n"
}

// feed is what goes to the stdin of such a server.
type feed struct {
	stdin  *jsonrpc.Outlet
	corked atomic.Bool
}

// Send queues a message, which must be one line, and never waits for the server. It fails with jsonrpc.ErrFull when the server
// has left 64 MiB unread, with ErrClosed after Close, and with how the server ended once it has.
func (s *feed) Send(f jsonrpc.Frame) error {
	err := s.stdin.Send(f)
	switch {
	case errors.Is(err, jsonrpc.ErrFull):
		return fmt.Errorf("the server does not read stdin: %w", err)
	case errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("the server closed stdin: %w", err)
	}
	return err
}

// Cork holds back, with true, what is sent until Cork(false), so that it goes out together.
func (s *feed) Cork(on bool) {
	switch {
	case s.corked.Swap(on) == on:
	case on:
		s.stdin.Cork()
	default:
		s.stdin.Uncork()
	}
}
