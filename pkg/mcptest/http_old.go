package mcptest

import (
	"io"
	"net/http"
)

// oldStream serves the event stream of the HTTP+SSE transport of 2024-11-05. It
// answers POST with 405, by which a client finds out that it is the old one.
func (h *HTTPServer) oldStream(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		notAllowed(w)
		return
	}
	hs := h.newSession()
	defer h.end(hs.id)
	h.countOpen(1)
	defer h.countOpen(-1)
	endpoint := h.opts.Endpoint
	if endpoint == "" {
		endpoint = "/message"
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	out := &eventWriter{w: w, flush: http.NewResponseController(w).Flush, style: h.sseStyle}
	out.open()
	out.write(out.encode("endpoint", "", []byte(endpoint+"?sessionId="+hs.id)))
	dropped := h.dropped()
	for next := 0; ; {
		events, _, changed := hs.standing.after(next)
		for _, e := range events {
			out.write(out.encode("message", "", e.data))
			next++
		}
		if len(events) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-dropped:
			panic(http.ErrAbortHandler)
		case <-hs.ctx.Done():
			return
		case <-r.Context().Done():
			return
		}
	}
}

// oldMessage takes the messages of the HTTP+SSE transport; all answers go to the
// stream.
func (h *HTTPServer) oldMessage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		notAllowed(w)
		return
	}
	hs := h.session(r.URL.Query().Get("sessionId"))
	if hs == nil {
		http.Error(w, "Could not find session", http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the log has read it already: a string cannot fail
	}
	w.WriteHeader(http.StatusAccepted)
	_ = http.NewResponseController(w).Flush()
	hs.handle(body, replies{send: hs.send, answer: func(frame []byte) {
		if frame != nil {
			hs.send(frame)
		}
	}})
}
