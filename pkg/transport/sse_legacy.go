package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
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
		err = errors.New("the server closed the event stream")
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
			return nil, fmt.Errorf("no endpoint event on the event stream: %s", networkReason(err))
		}
		if e.name != "endpoint" {
			continue
		}
		to, err := base.Parse(string(e.data))
		if err != nil {
			return nil, errors.New("the endpoint event has no URL")
		}
		if !oauth.SameOrigin(to, h.url) {
			return nil, fmt.Errorf("the server wants messages sent to another origin, %s://%s: refused", confusables.Plain(to.Scheme), confusables.Plain(oauth.HostPort(to)))
		}
		return to, nil
	}
}

// mayBeOlder tells whether a refusal of the first message may come from a server that speaks HTTP+SSE only. Such servers
// have no POST at that address, or take it for a message without a session (MCP 2025-11-25, transports, backwards
// compatibility, names three statuses of the many). ours says that the body answers the request under its id.
func mayBeOlder(failure *StatusError, ours bool) bool {
	switch failure.Code {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusTooManyRequests:
		return false
	}
	if failure.Code/100 != 4 && failure.Code != http.StatusNotImplemented {
		return false
	}
	if !failure.rpc || failure.noSession || saysLost(failure.Excerpt) {
		return true
	}
	modern := failure.rpcCode <= -32020 && failure.rpcCode > -32030 // MCP 2026-07-28
	return !ours && !modern && failure.rpcCode != mcp.InvalidParams /* how a server refuses a revision */ && !strings.Contains(strings.ToLower(failure.Excerpt), "version")
}

// fallBack tries HTTP+SSE with a server that refused the first message. If it doesn't speak that either, the refusal is
// returned, with what was tried.
func (h *HTTP) fallBack(c *call, failure *StatusError) *StatusError {
	if err := h.openLegacy(c.ctx); err != nil {
		h.note("opening the event stream of HTTP+SSE instead", err)
		failure.tried = err
		return failure
	}
	h.spec.Log.Debug().Str("server", h.spec.Name).Msg("fell back to http+sse")
	c.wrote.Store(false)
	h.post(c)
	return nil
}

// errEndpoint: a POST was answered by the event stream of HTTP+SSE.
var errEndpoint = errors.New(`the server speaks the older HTTP+SSE ("protocol": "sse")`)

// answeredByLegacy goes on with HTTP+SSE.
func (h *HTTP) answeredByLegacy(c *call) {
	if err := h.openLegacy(c.ctx); err != nil {
		h.note("opening the event stream of HTTP+SSE", err)
		h.fail(c, fmt.Errorf("%w, but its event stream can't be opened: %w", errEndpoint, err), false)
		return
	}
	c.wrote.Store(false)
	h.post(c)
}

// withHint adds what is likely to be wrong where the first message was refused.
func (h *HTTP) withHint(c *call, failure *StatusError) error {
	if c.method != "initialize" {
		return failure
	}
	h.mu.Lock()
	to := h.endpoint
	h.mu.Unlock()
	switch {
	case to != nil:
		if prefix := lostPrefix(h.url, to); prefix != "" {
			return fmt.Errorf("%w. Its endpoint event names the path %q without the prefix %q of the url, which the proxy in front of the "+
				"server seems to remove: set the server's own root path to %q", failure, confusables.Excerpt(h.redact(to.Path), excerptSize), confusables.Excerpt(h.redact(prefix), excerptSize), confusables.Excerpt(h.redact(prefix), excerptSize))
		}
	case failure.tried == nil && strings.HasSuffix(strings.TrimSuffix(h.url.Path, "/"), "/sse"):
		return fmt.Errorf(`%w. If it speaks the older HTTP+SSE, set "protocol": "sse"`, failure)
	}
	return failure
}

// lostPrefix is the directory of the URL if nothing of it is in the path of the endpoint.
func lostPrefix(from, to *url.URL) string {
	dir := strings.TrimSuffix(path.Dir(from.Path), "/")
	first, _, _ := strings.Cut(strings.TrimPrefix(dir, "/"), "/")
	if first == "" || strings.HasPrefix(to.Path, "/"+first+"/") {
		return ""
	}
	return dir
}
