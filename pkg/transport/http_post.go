package transport

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// dispatch starts the messages in the order they were sent in, until the connection ends.
func (h *HTTP) dispatch() {
	var unsent []*call
	for {
		f, err := h.out.Pop()
		if err != nil {
			break
		}
		unsent = h.start(f.Join(), unsent)
	}
	h.drain()
	h.in.Close(h.ended())
	h.cancel()
}

// drain gives the open calls of a lost session a moment to say whether they ran.
func (h *HTTP) drain() {
	if !h.streamable() {
		return // there's nothing left for an answer to come on
	}
	h.mu.Lock()
	open := make([]*call, 0, len(h.calls))
	for _, c := range h.calls {
		open = append(open, c)
	}
	h.mu.Unlock()
	patience := time.NewTimer(h.wait.drain)
	defer patience.Stop()
	for _, c := range open {
		select {
		case <-c.done:
		case <-patience.C:
			return
		case <-h.ctx.Done():
			return
		}
	}
}

// start begins one exchange. unsent are the calls before it that may not have been written yet.
func (h *HTTP) start(raw []byte, unsent []*call) []*call {
	m, err := jsonrpc.Parse(raw)
	c := h.newCall(&m)
	if err == nil {
		err = h.ended()
	}
	if err == nil && h.spec.SSE && h.streamable() {
		var status *StatusError
		if err = h.openLegacy(h.ctx); errors.As(err, &status) && status.Code/100 == 4 && status.Code != http.StatusUnauthorized {
			err = fmt.Errorf(`%w. If it speaks streamable HTTP, set "protocol": "http"`, err)
		}
	}
	if err != nil {
		h.note(c.title(), err)
		h.fail(c, err, true)
		h.forget(c)
		c.cancel()
		return unsent
	}
	if m.Kind != jsonrpc.Notification {
		h.wg.Go(func() { h.exchange(c) })
		h.await(h.wait.start, c.sent.c, c.dialing.c)
		return append(pending(unsent), c)
	}
	h.awaitSent(unsent)
	h.wg.Go(func() { h.exchange(c) })
	if c.method == "notifications/initialized" {
		h.await(h.wait.ready, c.replied.c, nil)
	} else {
		h.await(h.wait.notice, c.replied.c, nil)
	}
	h.afterNotification(c, &m)
	return nil
}

// awaitSent waits until these calls are on their way, so that a cancellation does not overtake what it cancels.
func (h *HTTP) awaitSent(list []*call) {
	deadline := time.Now().Add(h.wait.ready)
	for _, c := range list {
		h.await(time.Until(deadline), c.sent.c, nil)
	}
}

// pending drops the calls that have been sent.
func pending(list []*call) []*call {
	kept := list[:0]
	for _, c := range list {
		select {
		case <-c.sent.c:
		default:
			kept = append(kept, c)
		}
	}
	clear(list[len(kept):])
	return kept
}

// await waits for one of two signals, but not longer than d.
func (h *HTTP) await(d time.Duration, one, other <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-one:
	case <-other:
	case <-t.C:
	case <-h.ctx.Done():
	}
}

func (h *HTTP) afterNotification(c *call, m *jsonrpc.Message) {
	switch c.method {
	case "notifications/initialized":
		select {
		case <-c.replied.c:
			if !c.accepted {
				return
			}
		default: // slow, but not refused
		}
		if h.streamable() && !h.listening {
			h.listening = true
			h.openStanding()
		}
	case "notifications/cancelled":
		if at, err := jsonrpc.Find(m.Raw, m.Params, "requestId"); err == nil {
			h.cancelled(m.Bytes(at[0]))
		}
	}
}

// exchange sends one message and takes in what comes back.
func (h *HTTP) exchange(c *call) {
	defer close(c.done)
	defer h.forget(c)
	defer c.cancel()
	defer c.replied.set()
	defer c.sent.set()
	h.post(c)
}

func (h *HTTP) post(c *call) {
	resp, session, err := h.roundTrip(c)
	if err != nil {
		var re *redirectError
		if !errors.As(err, &re) {
			err = h.reason(c, err)
		}
		h.note(c.title(), err)
		h.fail(c, err, !c.wrote.Load() || aboutLogin(err))
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 300 {
		h.refused(c, resp, session)
		return
	}
	c.accepted = true
	h.answer(c, resp)
}

func (h *HTTP) roundTrip(c *call) (*http.Response, string, error) {
	ctx := httptrace.WithClientTrace(c.ctx, &httptrace.ClientTrace{
		DNSStart:     func(httptrace.DNSStartInfo) { c.dialing.set() },
		ConnectStart: func(string, string) { c.dialing.set() },
		WroteHeaders: func() { c.wrote.Store(true) },
		WroteRequest: func(httptrace.WroteRequestInfo) { c.sent.set() },
	})
	h.mu.Lock()
	to := h.endpoint
	h.mu.Unlock()
	if to == nil {
		to = h.url
	}
	req, session, err := h.newRequest(ctx, http.MethodPost, to, c.raw)
	if err != nil {
		return nil, "", h.plain(err)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, "", h.plain(err)
	}
	h.alive()
	return resp, session, nil
}

// streamable says that messages go to the URL itself, not to the endpoint of HTTP+SSE.
func (h *HTTP) streamable() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.endpoint == nil
}
