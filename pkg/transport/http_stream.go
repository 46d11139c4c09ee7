package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

const (
	eventStream = "text/event-stream"
	maxResumes  = 5 // attempts without a new event
)

// A position is how far a stream was read, and what its server asked for.
type position struct {
	lastID   string
	retry    time.Duration
	moved    bool // an event with another id has come
	messages int
}

// events delivers the messages of a stream until it ends, cleanly or not: the error is never nil.
func (h *HTTP) events(body io.Reader, c *call, at *position) error {
	r := newSSEReader(signReader{body, h}, h.spec.Limit)
	r.lastID, r.id, r.retry = at.lastID, at.lastID, at.retry
	return h.readEvents(r, c, at)
}

func (h *HTTP) readEvents(r *sseReader, c *call, at *position) error {
	for {
		e, err := r.next()
		if r.lastID != at.lastID {
			at.lastID, at.moved = r.lastID, true
		}
		at.retry = r.retry
		var large *jsonrpc.TooLargeError
		switch {
		case errors.As(err, &large):
			h.note("event stream", err)
			h.lose(e.lost, c, err)
		case err != nil:
			return err
		case len(e.data) == 0:
		case e.name == "endpoint" && c != nil && c.method == "initialize" && h.streamable():
			return errEndpoint
		case e.name != "" && e.name != "message":
			if e.name == "error" && h.bodySaysLost(c, e.data) {
				h.loseSession(c, h.excerpt("", string(e.data)))
			}
		default:
			at.messages++
			if err := h.deliver(e.data, c); err != nil && h.bodySaysLost(c, e.data) {
				h.loseSession(c, h.excerpt("", string(e.data)))
			} else if err != nil {
				h.note("event stream", fmt.Errorf("an event is not a message: %w", err))
			}
		}
	}
}

// lose ends the request whose answer was too large: the one it names, or if that cannot be seen, the stream's own.
func (h *HTTP) lose(id []byte, c *call, err error) {
	if named := h.open(id); named != nil {
		c = named
	}
	if c != nil {
		h.fail(c, err, false)
	}
}

// callStream reads the event stream that answers a call, and resumes it when it ends too early.
func (h *HTTP) callStream(c *call, body io.ReadCloser) {
	var at position
	err := h.events(body, c, &at)
	_ = body.Close()
	if errors.Is(err, errEndpoint) {
		h.answeredByLegacy(c)
		return
	}
	for try := 0; c.id != nil && h.unanswered(c); try++ {
		if at.moved {
			try, at.moved = 0, false
		}
		if at.lastID == "" || try == maxResumes || !h.sleep(h.resumeDelay(at.retry, try), c) {
			break
		}
		if err = h.resume(c, &at); final(err) {
			break
		}
	}
	h.fail(c, h.reason(c, streamEnded(err)), false)
}

func streamEnded(err error) error {
	var status *StatusError
	switch {
	case errors.As(err, &status):
		return fmt.Errorf("the stream ended before the answer and can't be resumed: %w", err)
	case err == nil || errors.Is(err, io.EOF):
		return errors.New("the stream ended before the answer")
	}
	return fmt.Errorf("the stream ended before the answer: %s", networkReason(err))
}

// resume reads on where the stream of a call broke off. The error is why it ended again.
func (h *HTTP) resume(c *call, at *position) error {
	resp, err := h.get(c.ctx, at.lastID)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return h.events(resp.Body, c, at)
}

// final tells whether asking for a stream again is of no use.
func final(err error) bool {
	var status *StatusError
	var re *redirectError
	if errors.As(err, &status) {
		return status.Code < 500 && status.Code != 408 && status.Code != 409 && status.Code != 429
	}
	return errors.As(err, &re) || errors.Is(err, errNoStream)
}

var errNoStream = errors.New("the server answered without an event stream")

// get asks for an event stream; any other answer is an error.
func (h *HTTP) get(ctx context.Context, lastID string) (*http.Response, error) {
	req, _, err := h.newRequest(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		return nil, h.plain(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, h.plain(err)
	}
	h.alive()
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode/100 == 2 && kind == eventStream {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 300 {
		return nil, h.statusError(resp, h.readStart(resp))
	}
	return nil, errNoStream
}

// resumeDelay is the wait before attempt number try: what the server asked for, then longer and longer.
func (h *HTTP) resumeDelay(retry time.Duration, try int) time.Duration {
	d := h.wait.base
	if retry > 0 {
		d = min(retry, h.wait.most)
	}
	if try == 0 {
		return d
	}
	return jitter(min(d<<min(try, 10), h.wait.most))
}

// jitter adds up to a quarter: a wait that the server asked for is never cut short.
func jitter(d time.Duration) time.Duration { return d + rand.N(d/4+1) }

// openStanding opens the stream for what the server sends unasked, and waits a moment until it is there: a request
// sent meanwhile could be taken for its cause.
func (h *HTTP) openStanding() {
	answered := newLatch()
	h.wg.Go(func() {
		defer answered.set()
		h.standing(&answered)
	})
	h.await(h.wait.get, answered.c, nil)
}

// standing keeps the standing stream open, until the server says that there is none or the connection ends.
func (h *HTTP) standing(answered *latch) {
	var at position
	opened := false
	for try := 0; ; try++ {
		resp, err := h.get(h.ctx, at.lastID)
		answered.set()
		polled := false
		if err == nil {
			opened = true
			at.messages = 0
			since := time.Now()
			err = h.events(resp.Body, nil, &at)
			_ = resp.Body.Close()
			polled = at.retry >= h.wait.base && errors.Is(err, io.EOF) // closed in order, having said when to come back
			if polled || at.messages > 0 || time.Since(since) >= h.wait.steady {
				try = 0
			}
		} else if h.standingRefused(err, opened, &at) {
			return
		}
		delay := h.resumeDelay(max(at.retry, h.wait.base), try)
		var status *StatusError
		if errors.As(err, &status) {
			delay = max(delay, status.RetryAfter)
		}
		if !h.sleep(delay, nil) {
			return
		}
	}
}

// standingRefused tells whether to give up on the standing stream.
func (h *HTTP) standingRefused(err error, opened bool, at *position) bool {
	var status *StatusError
	known := errors.As(err, &status)
	if !opened && (errors.Is(err, errNoStream) || known && (status.Code == 404 || status.Code == 405)) {
		return true // a server need not have one
	}
	h.note("standing stream", err)
	switch {
	case !final(err): // a 409, too: the server has not noticed yet that the last one is gone
		return h.ctx.Err() != nil
	case !known || !opened || status.Code == http.StatusMethodNotAllowed:
		return true
	case at.lastID != "" && !status.noSession:
		at.lastID = "" // perhaps it has forgotten that event
		return false
	case status.noSession, status.Code == http.StatusNotFound, status.Code == http.StatusGone:
		h.end(ErrSessionLost)
		return true
	}
	return false
}
