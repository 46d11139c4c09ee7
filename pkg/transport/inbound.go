package transport

import (
	"errors"
	"fmt"
	"time"
)

// Inbound is what comes from an upstream: one message, or the news that a request of ours gets no answer.
type Inbound struct {
	Raw    []byte  // one message, one line, never a batch; nil if Failed is set
	Failed *Failed // nil if Raw is set
	More   bool    // the next message is at hand already
}

func (in Inbound) size() int { return len(in.Raw) }

// Failed says that the request with this raw id will get no answer from the upstream, and why.
type Failed struct {
	ID     []byte
	Err    error
	NotRun bool // the upstream certainly did not process it: it may be sent again
}

var (
	// ErrSessionLost is what Recv and Failed report when an HTTP server no longer knows our session: it answered 404
	// to a message that carried the session's id. A new connection has to be made and initialized.
	ErrSessionLost = errors.New("the server no longer knows this session")
	// ErrClosed is returned by Send, and reported for requests still open, after Close.
	ErrClosed = errors.New("the connection is closed")
)

// A StatusError is an HTTP answer of 300 or above that does not answer the request under its id.
type StatusError struct {
	Code            int
	Status          string        // as sent: "503 Service Unavailable"
	ContentType     string        // of the body, without parameters
	Excerpt         string        // printable text of the body, or its JSON-RPC error's message; at most some 200 characters
	RetryAfter      time.Duration // 0 if the server did not say
	WWWAuthenticate string        // the challenges (RFC 9110, section 11.6.1), joined by commas; for a login, not for people

	rpc       bool   // the body is a JSON-RPC error
	rpcCode   int    // … its code
	rpcError  []byte // … and itself
	noSession bool   // the body says that there's no such session
	tried     error  // how HTTP+SSE failed, which was tried instead
}

// brief is the status and what the body says.
func (e *StatusError) brief() string {
	if e.Excerpt == "" {
		return "HTTP " + e.Status
	}
	return "HTTP " + e.Status + ": " + e.Excerpt
}

func (e *StatusError) Error() string {
	s := "the server answered HTTP " + e.Status
	if e.RetryAfter > 0 {
		s += fmt.Sprintf(" (try again in %s)", e.RetryAfter.Round(time.Second))
	}
	if e.Excerpt != "" {
		s += ": " + e.Excerpt
	}
	if e.tried != nil {
		s += `. HTTP+SSE ("protocol": "sse") was tried too: ` + e.tried.Error()
	}
	return s
}
