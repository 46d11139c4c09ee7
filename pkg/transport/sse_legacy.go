package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"
)

// openLegacy opens the event stream of HTTP+SSE (MCP 2024-11-05) and waits for the endpoint that messages go to.
// The stream is the connection: when it ends, the connection does.
func (h *HTTP) openLegacy(ctx context.Context) error {
	stream, cancel := context.WithCancel(h.ctx)
	opened := make(chan error, 1)
	h.wg.Go(func() {
		defer cancel()
		h.legacyStream(stream, opened)
	})
	t := time.NewTimer(h.wait.endpoint)
	defer t.Stop()
	var err error
	select {
	case err = <-opened:
	case <-ctx.Done():
		err = ErrClosed
	case <-t.C:
		err = fmt.Errorf("the server sent no endpoint event within %s", h.wait.endpoint)
	}
	if err != nil {
		cancel()
	}
	return err
}

// legacyStream reads the stream to its end. opened gets nil once the endpoint is known, or why it never will be.
func (h *HTTP) legacyStream(ctx context.Context, opened chan<- error) {
	resp, err := h.get(ctx, "")
	if err != nil {
		opened <- err
		return
	}
	defer func() { _ = resp.Body.Close() }()
	r := newSSEReader(signReader{resp.Body, h}, h.spec.Limit)
	to, err := h.readEndpoint(r, resp.Request.URL)
	if err != nil {
		opened <- err
		return
	}
	h.mu.Lock()
	h.endpoint = to
	h.mu.Unlock()
	opened <- nil
	err = h.readEvents(r, nil, &position{})
	if errors.Is(err, io.EOF) {
		err = errors.New("the server ended the event stream, and with it the connection")
	} else {
		err = h.plain(err)
	}
	h.note("event stream", err)
	h.end(err)
}

// readEndpoint reads up to the endpoint event. Messages, and the headers with them, go to the server's own origin only.
func (h *HTTP) readEndpoint(r *sseReader, base *url.URL) (*url.URL, error) {
	for {
		e, err := r.next()
		if err != nil {
			return nil, fmt.Errorf("no endpoint event on the event stream: %s", inWords(err))
		}
		if e.name != "endpoint" {
			continue
		}
		to, err := base.Parse(string(e.data))
		if err != nil {
			return nil, errors.New("the endpoint event holds no URL")
		}
		if !sameOrigin(to, h.url) {
			return nil, fmt.Errorf("the server wants messages sent to another origin, %s://%s: refused", printable(to.Scheme), printable(hostPort(to)))
		}
		return to, nil
	}
}
