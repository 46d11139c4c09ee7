package mcptest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// HTTPOptions describes a scripted HTTP upstream. The zero value answers POST
// with JSON, has session ids and a GET stream, and takes anybody.
type HTTPOptions struct {
	Server                 // the faults marked stdio do nothing
	SSE      bool          // answer POST with an event stream
	Prime    bool          // begin each answering stream with an empty event, as 2025-11-25 servers do, so that it can be resumed
	Retry    time.Duration // sent as retry with the first event of each stream
	NoIDs    bool          // no event ids, so no resumption
	Token    string        // if set, requests need it as their bearer token, else 401
	Endpoint string        // of the old transport's endpoint event; default the server's own
}

// HTTPRequest is one request that an [HTTPServer] received.
type HTTPRequest struct {
	Method string // GET, POST, DELETE
	Path   string
	Header http.Header
	Body   string
	RPC    string // the method of the JSON-RPC message, "" if it has none
	At     time.Time
	Status int // of the answer, 0 as long as there is none
}

// HTTPServer is a scripted upstream over HTTP on 127.0.0.1, in this process:
// streamable HTTP of the legacy revisions at URL, and the old HTTP+SSE transport
// at SSEURL. At the end of the test everything it has open is closed.
type HTTPServer struct {
	URL    string // …/mcp
	SSEURL string // …/sse

	core *core
	opts HTTPOptions
	srv  *httptest.Server
	ctx  context.Context // ends with the server

	mu       sync.Mutex
	sessions map[string]*httpSession
	nextID   int
	log      []*HTTPRequest
	faults   []*HTTPFault
	style    SSEStyle
	drop     chan struct{} // closed by DropStreams, and replaced
	open     int           // standing streams
}

// httpSession is one session and its streams. A GET without Last-Event-ID opens
// the standing one, which takes what belongs to no request.
type httpSession struct {
	*session
	id       string
	standing *stream

	mu      sync.Mutex
	streams map[string]*stream // by id
}

// NewHTTP starts a scripted HTTP upstream.
func NewHTTP(t testing.TB, opts HTTPOptions) *HTTPServer {
	h := &HTTPServer{opts: opts, core: newCore(opts.Server, io.Discard), sessions: map[string]*httpSession{}, drop: make(chan struct{})}
	h.core.exit = func(int) { h.Crash() }
	h.core.kill = h.Crash
	ctx, cancel := context.WithCancel(context.Background())
	h.ctx = ctx
	mux := http.NewServeMux()
	mux.HandleFunc("/mcp", h.streamable)
	mux.HandleFunc("/sse", h.oldStream)
	mux.HandleFunc("/message", h.oldMessage)
	h.srv = httptest.NewServer(h.watch(mux))
	h.URL, h.SSEURL = h.srv.URL+"/mcp", h.srv.URL+"/sse"
	t.Cleanup(func() {
		cancel() // ends the streams, so that Close does not wait for them
		h.srv.CloseClientConnections()
		h.srv.Close()
		h.LoseSessions()
	})
	return h
}

// newSession makes a session with the next id.
func (h *HTTPServer) newSession() *httpSession {
	h.mu.Lock()
	h.nextID++
	id := "session-" + strconv.Itoa(h.nextID)
	h.mu.Unlock()
	hs := h.makeSession(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions[id] = hs
	return hs
}

func (h *HTTPServer) makeSession(id string) *httpSession {
	hs := &httpSession{id: id, streams: map[string]*stream{}}
	hs.standing = hs.newStream()
	hs.session = newSession(h.ctx, h.core, hs.standing.add)
	return hs
}

func (h *HTTPServer) session(id string) *httpSession {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sessions[id]
}

// end takes a session away and tells whether it was there.
func (h *HTTPServer) end(id string) bool {
	h.mu.Lock()
	hs := h.sessions[id]
	delete(h.sessions, id)
	h.mu.Unlock()
	if hs == nil {
		return false
	}
	hs.close()
	return true
}

// LoseSessions forgets all sessions: their next requests are answered with 404.
func (h *HTTPServer) LoseSessions() {
	for _, id := range h.Sessions() {
		h.end(id)
	}
}

// Sessions gives the ids of the sessions there are.
func (h *HTTPServer) Sessions() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids []string
	for id := range h.sessions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Crash acts like a server that dies and is restarted at once: all sessions are
// gone, all connections break.
func (h *HTTPServer) Crash() {
	h.LoseSessions()
	h.srv.CloseClientConnections()
}

// Stop makes the server refuse connections until the end of the test.
func (h *HTTPServer) Stop() {
	h.Crash()
	h.srv.Listener.Close()
}

// Notify sends a notification on the standing stream of every session.
func (h *HTTPServer) Notify(method, params string) {
	var p []byte
	if params != "" {
		p = []byte(params)
	}
	h.core.broadcast(notification(method, p))
}

// Requests gives the requests received so far, in order of arrival.
func (h *HTTPServer) Requests() []HTTPRequest {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]HTTPRequest, len(h.log))
	for i, r := range h.log {
		list[i] = *r
	}
	return list
}

// RequestsFor gives those with a JSON-RPC method.
func (h *HTTPServer) RequestsFor(rpc string) []HTTPRequest {
	return slices.DeleteFunc(h.Requests(), func(r HTTPRequest) bool { return r.RPC != rpc })
}

// WaitRequest waits for the first request, past or to come, for which f holds.
func (h *HTTPServer) WaitRequest(timeout time.Duration, f func(HTTPRequest) bool) (HTTPRequest, bool) {
	var found HTTPRequest
	ok := waitUntil(timeout, func() bool {
		all := h.Requests()
		i := slices.IndexFunc(all, f)
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	})
	return found, ok
}

// watch logs each request, checks the token and applies the faults.
func (h *HTTPServer) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "reading the body: "+err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		e, _ := parseEnvelope(body) // no method where there is none
		entry := &HTTPRequest{Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone(), Body: string(body), RPC: e.method, At: time.Now()}
		h.mu.Lock()
		h.log = append(h.log, entry)
		h.mu.Unlock()
		w = &statusWriter{ResponseWriter: w, note: func(status int) {
			h.mu.Lock()
			entry.Status = status
			h.mu.Unlock()
		}}
		f := h.takeFault(r.Method, e.method)
		if f != nil && f.serve(h, w, r) {
			return
		}
		if h.opts.Token != "" && r.Header.Get("Authorization") != "Bearer "+h.opts.Token {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), cutKey{}, f)))
	})
}

// statusWriter notes the status that is sent.
type statusWriter struct {
	http.ResponseWriter
	note func(int)
	once sync.Once
}

func (s *statusWriter) WriteHeader(status int) {
	s.once.Do(func() { s.note(status) })
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Write(b []byte) (int, error) {
	s.once.Do(func() { s.note(http.StatusOK) })
	return s.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find the flusher.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
