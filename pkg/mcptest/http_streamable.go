package mcptest

import (
	"io"
	"net/http"
	"slices"
	"strings"
)

const (
	sessionHeader = "Mcp-Session-Id"
	statelessID   = "stateless" // of the one session of a stateless server
)

// streamable serves the streamable HTTP transport of the legacy revisions.
func (h *HTTPServer) streamable(w http.ResponseWriter, r *http.Request) {
	if v := r.Header.Get("MCP-Protocol-Version"); v != "" && !slices.Contains(legacyRevisions, v) {
		jsonError(w, http.StatusBadRequest, -32000, "Bad Request: Unsupported protocol version: "+v)
		return
	}
	switch r.Method {
	case http.MethodPost:
		h.post(w, r)
	case http.MethodGet:
		h.get(w, r)
	case http.MethodDelete:
		if hs := h.find(w, r); hs != nil {
			h.end(hs.id)
			w.WriteHeader(http.StatusOK)
		}
	default:
		notAllowed(w)
	}
}

func notAllowed(w http.ResponseWriter) {
	http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
}

func jsonError(w http.ResponseWriter, status, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(failure(nil, code, message, nil)) // the client may be gone
}

// find gives the session of a request; if there is none it answers.
func (h *HTTPServer) find(w http.ResponseWriter, r *http.Request) *httpSession {
	id := r.Header.Get(sessionHeader)
	if id == "" {
		jsonError(w, http.StatusBadRequest, -32000, "Bad Request: Mcp-Session-Id header is required")
		return nil
	}
	hs := h.session(id)
	if hs == nil {
		jsonError(w, http.StatusNotFound, -32001, "Session not found")
	}
	return hs
}

func (h *HTTPServer) post(w http.ResponseWriter, r *http.Request) {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if !strings.Contains(accept, "application/json") || !strings.Contains(accept, "text/event-stream") {
		jsonError(w, http.StatusNotAcceptable, -32000, "Not Acceptable: Client must accept both application/json and text/event-stream")
		return
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		jsonError(w, http.StatusUnsupportedMediaType, -32000, "Unsupported Media Type: Content-Type must be application/json")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the log has read it already: a string cannot fail
	}
	batch := strings.HasPrefix(strings.TrimLeft(string(body), " \r\n\t"), "[")
	e, bad := parseEnvelope(body)
	if bad != nil && !batch {
		jsonError(w, http.StatusBadRequest, -32700, "Parse error")
		return
	}
	var hs *httpSession
	if e.method == "initialize" && e.isRequest() {
		hs = h.newSession()
		w.Header().Set(sessionHeader, hs.id)
	} else if hs = h.find(w, r); hs == nil {
		return
	}
	if !hs.expectsAnswer(body, e, batch) {
		hs.handle(body, replies{send: hs.send, answer: func([]byte) {}})
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if h.opts.SSE {
		st := hs.newStream()
		if h.opts.Prime {
			st.add(nil)
		}
		hs.handle(body, replies{send: st.add, answer: st.finish})
		h.serveStream(w, r, hs, st, 0)
		return
	}
	h.answerJSON(w, r, hs, body)
}

// expectsAnswer tells whether a body asks for one: a request, or a batch with a
// request in it.
func (hs *httpSession) expectsAnswer(body []byte, e envelope, batch bool) bool {
	if !batch {
		return e.expectsAnswer()
	}
	parts, err := elements(body)
	hs.session.mu.Lock()
	allowed := hs.version == "2025-03-26"
	hs.session.mu.Unlock()
	return err != nil || len(parts) == 0 || !allowed || slices.ContainsFunc(parts, func(p []byte) bool {
		e, _ := parseEnvelope(p) // what is no object is answered with an error
		return e.expectsAnswer()
	})
}

// answerJSON answers with one JSON body; what is sent in the course of the call
// goes to the standing stream.
func (h *HTTPServer) answerJSON(w http.ResponseWriter, r *http.Request, hs *httpSession, body []byte) {
	answer := make(chan []byte, 2) // one is used, but for answer-twice
	hs.handle(body, replies{send: hs.send, answer: func(frame []byte) { answer <- frame }})
	var frame []byte
	select {
	case frame = <-answer:
	case <-r.Context().Done(): // going away is no cancellation
		return
	case <-hs.ctx.Done():
		jsonError(w, http.StatusNotFound, -32001, "Session not found")
		return
	}
	if frame == nil { // cancelled: there is no answer to give
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	f := cutOf(r)
	switch {
	case f == nil:
		_, _ = w.Write(frame) // the client may be gone
	case f.Cut == CutBeforeAnswer:
		panic(http.ErrAbortHandler)
	case f.Cut == CutInAnswer:
		_, _ = w.Write(frame[:len(frame)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		_, _ = w.Write(frame)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// get opens the standing stream, or resumes any stream after Last-Event-ID.
func (h *HTTPServer) get(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		jsonError(w, http.StatusNotAcceptable, -32000, "Not Acceptable: Client must accept text/event-stream")
		return
	}
	hs := h.find(w, r)
	if hs == nil {
		return
	}
	st, from := hs.standing, -1
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		if st, from = hs.resume(last); st == nil {
			jsonError(w, http.StatusBadRequest, -32000, "Invalid event ID")
			return
		}
	}
	if st == hs.standing {
		h.countOpen(1)
		defer h.countOpen(-1)
	}
	h.serveStream(w, r, hs, st, from)
}

func (h *HTTPServer) countOpen(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open += n
}
