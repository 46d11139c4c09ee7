package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// answer takes in an answer of 2xx.
func (h *HTTP) answer(c *call, resp *http.Response) {
	if c.method == "initialize" {
		h.adopt(resp.Header.Get("Mcp-Session-Id"))
	}
	c.replied.set()
	if c.id == nil {
		h.linger(c)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case !h.streamable(): // the answer comes on the event stream
		_ = h.readStart(resp)
		_ = resp.Body.Close()
		h.awaitLegacy(c)
	case kind == eventStream:
		h.callStream(c, resp.Body)
	default:
		h.answerBody(c, resp, kind)
	}
}

// awaitLegacy waits until the answer has come on the event stream, or nobody wants it any more.
func (h *HTTP) awaitLegacy(c *call) {
	if c.id == nil {
		return
	}
	select {
	case <-c.settled:
	case <-c.ctx.Done():
		h.fail(c, h.reason(c, ErrClosed), false)
	}
}

// answerBody takes in a body in one piece.
func (h *HTTP) answerBody(c *call, resp *http.Response, kind string) {
	body, err := h.readBody(resp)
	var large *jsonrpc.TooLargeError
	if err != nil && !errors.As(err, &large) {
		err = h.reason(c, h.plain(err))
		if _, bad := jsonrpc.Parse(bytes.TrimSpace(body)); bad == nil {
			err = nil // the message is whole, though its connection broke
		}
	}
	if err != nil {
		h.note(c.title(), err)
		h.fail(c, err, false)
		return
	}
	if len(body) > 0 {
		err = h.deliver(body, c)
	}
	switch {
	case err != nil && h.bodySaysLost(c, body):
		h.loseSession(c, h.excerpt(kind, string(body)))
	case c.id == nil: // an "ok" or an empty object to a notification: nothing was asked
	case len(body) == 0:
		h.fail(c, fmt.Errorf("the server answered HTTP %s without a body", confusables.Excerpt(resp.Status, excerptSize)), false)
	case err != nil && kind != "application/json":
		h.fail(c, h.wrongType(kind, body), false)
	case err != nil:
		h.fail(c, fmt.Errorf("the server's answer is malformed: %w", err), false)
	default:
		h.fail(c, errors.New("the server answered another request instead of this one"), false)
	}
}

// readBody reads a whole body, up to the largest message.
func (h *HTTP) readBody(resp *http.Response) ([]byte, error) {
	src := signReader{resp.Body, h}
	if n := resp.ContentLength; n > int64(h.spec.Limit) {
		return nil, &jsonrpc.TooLargeError{Size: int(n), Limit: h.spec.Limit}
	} else if n > 0 {
		body := make([]byte, n)
		got, err := io.ReadFull(src, body)
		return body[:got], err
	}
	body, err := io.ReadAll(io.LimitReader(src, int64(h.spec.Limit)+1))
	if err == nil && len(body) > h.spec.Limit {
		err = &jsonrpc.TooLargeError{Size: len(body), Limit: h.spec.Limit}
	}
	return body, err
}

// readStart reads the beginning of a body that is only worth so much memory and time.
func (h *HTTP) readStart(resp *http.Response) []byte {
	t := time.AfterFunc(h.wait.linger, func() { _ = resp.Body.Close() })
	defer t.Stop()
	body, _ := io.ReadAll(io.LimitReader(signReader{resp.Body, h}, errorBody))
	return body
}

// deliver passes on what was received, a batch one by one. c is the call it was received for, nil on a standing stream.
// The error says that something in it is no message.
func (h *HTTP) deliver(raw []byte, c *call) error {
	raw = bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(raw), []byte("\ufeff")))
	m, err := jsonrpc.Parse(raw)
	if !errors.Is(err, jsonrpc.ErrBatch) {
		return h.deliverOne(&m, err, c)
	}
	items, err := jsonrpc.Batch(raw)
	for _, item := range items {
		m, bad := jsonrpc.Parse(item)
		if bad = h.deliverOne(&m, bad, c); err == nil {
			err = bad
		}
	}
	return err
}

func (h *HTTP) deliverOne(m *jsonrpc.Message, bad error, c *call) error {
	id := m.Bytes(m.ID)
	if bad != nil {
		if m.Answers() && !(m.Error.End != 0 && h.bodySaysLost(c, m.Raw)) && h.settle(id) != nil {
			h.in.Put(Inbound{Raw: m.Raw}) // who asked tells what is wrong with it, or makes use of its sound pieces
			return nil
		}
		return bad
	}
	if m.Kind == jsonrpc.Failure {
		e, of := readRPCError(m.Bytes(m.Error)), h.open(id)
		null := string(id) == "null" && c != nil && c.id != nil
		if null {
			of = c
		}
		switch {
		case of != nil && h.errorSaysLost(of, e):
			h.loseSession(of, h.excerpt("", e.Message))
			return nil
		case null && e.Code == mcp.MethodNotFound:
			h.answerAs(c, m.Bytes(m.Error))
			return nil
		case null:
			h.fail(c, fmt.Errorf("the server rejected the request: %s", h.excerpt("", e.Message)), false)
			return nil
		}
	}
	if m.Kind == jsonrpc.Result || m.Kind == jsonrpc.Failure {
		h.settle(id)
	} else if c != nil {
		c.heard.Store(true)
	}
	h.in.Put(Inbound{Raw: m.Raw})
	return nil
}

// refused takes in an answer of 300 or above; session is the one that the request named.
func (h *HTTP) refused(c *call, resp *http.Response, session string) {
	body := h.readStart(resp)
	failure := h.statusError(resp, body)
	m, err := jsonrpc.Parse(bytes.TrimSpace(body))
	ours := err == nil && m.Kind == jsonrpc.Failure && c.id != nil && jsonrpc.SameID(m.Bytes(m.ID), c.id)
	code := resp.StatusCode
	challenged := code == http.StatusUnauthorized || code == http.StatusForbidden && failure.WWWAuthenticate != ""
	lost := !challenged && h.sessionLost(c, failure, session, ours)
	older := c.method == "initialize" && !challenged && h.streamable() && mayBeOlder(failure, ours)
	if older {
		_ = resp.Body.Close()
		if failure = h.fallBack(c, failure); failure == nil {
			return
		}
	}
	switch {
	case ours && !challenged && !lost:
		_ = h.deliver(body, c)
		return
	case c.id != nil && failure.rpc && failure.rpcCode == mcp.MethodNotFound && !challenged:
		h.answerAs(c, failure.rpcError)
		return
	}
	h.note(c.title(), failure)
	switch {
	case challenged: // that matters more than any body
		h.fail(c, h.refusedKey(failure), true)
	case lost:
		h.loseSession(c, failure.brief())
	default:
		h.fail(c, h.withHint(c, failure), code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable && failure.RetryAfter > 0)
	}
}

// refusedKey names the header that a server refused: nothing is tried in its place.
func (h *HTTP) refusedKey(failure *StatusError) error {
	if h.spec.Login == nil || h.spec.Login.Credential() == "" || failure.Code != http.StatusUnauthorized {
		return failure
	}
	return fmt.Errorf("%w. It rejects the header %q of the entry: check its value, or remove it if the server has logins", failure, h.spec.Login.Credential())
}
