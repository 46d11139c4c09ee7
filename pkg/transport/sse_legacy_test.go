package transport

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// legacyPeer is a server of the older transport: a stream at /sse, which names /message for what we send.
type legacyPeer struct {
	*httptest.Server
	endpoint string
	post     func(http.ResponseWriter, httpMsg) bool

	mu     sync.Mutex
	stream chan string
	log    []string
}

func newLegacyPeer(t *testing.T) *legacyPeer {
	p := &legacyPeer{endpoint: "/message?session=42"}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(func() {
		noGoroutines(t)
		p.Close()
	})
	return p
}

func (p *legacyPeer) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.log = append(p.log, r.Method+" "+r.URL.String())
	stream := p.stream
	p.mu.Unlock()
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/sse":
		stream = make(chan string, 10)
		p.mu.Lock()
		p.stream = stream
		p.mu.Unlock()
		sse(w, ": hello\n\nevent: endpoint\ndata: "+p.endpoint+"\n\n")
		for {
			select {
			case text, ok := <-stream:
				if !ok {
					return
				}
				sse(w, text)
			case <-r.Context().Done():
				return
			}
		}
	case r.Method == http.MethodPost && r.URL.RequestURI() == p.endpoint:
		body, _ := io.ReadAll(r.Body)
		m := parseMsg(body)
		if p.post != nil && p.post(w, m) {
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "Accepted")
		if m.id != "" && m.method != "silent" {
			stream <- "event: message\r\ndata: " + answerOf(m, `{}`) + "\r\n\r\n"
		}
	case r.Method == http.MethodPost && r.URL.Path == "/sse":
		http.Error(w, "Cannot POST /sse", http.StatusNotFound)
	default:
		http.Error(w, "Not Found", http.StatusNotFound)
	}
}

func (p *legacyPeer) send(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stream <- text
}

func (p *legacyPeer) seen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log, ", ")
}

func TestHTTPLegacySSE(t *testing.T) {
	for _, tt := range []struct {
		name, opening string
		sse           bool
	}{
		{"configured", "GET /sse", true},
		{"fallback", "POST /sse, GET /sse", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newLegacyPeer(t)
			c := dialTest(t, HTTPSpec{URL: p.URL + "/sse", SSE: tt.sse}).open()
			c.nothing()
			p.send("data: " + progress + "\n\n")
			c.want(progress)
			want := tt.opening + ", POST /message?session=42, POST /message?session=42, POST /message?session=42"
			if got := p.seen(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			c.request(3, "silent")
			c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}`)
			c.wantFailed("3", "cancelled", false)
			close(p.stream)
			for in := range c.in {
				t.Errorf("got %s %+v", in.Raw, in.Failed)
			}
			if c.err == nil || !strings.Contains(c.err.Error(), "the server closed the event stream") {
				t.Errorf("ended with %v", c.err)
			}
		})
	}
}

func TestHTTPLegacyErrors(t *testing.T) {
	p := newLegacyPeer(t)
	p.post = func(w http.ResponseWriter, m httpMsg) bool {
		switch m.method {
		case "bad":
			http.Error(w, "no", http.StatusInternalServerError)
		case "gone":
			http.Error(w, "no", http.StatusNotFound)
		case "large":
			w.WriteHeader(http.StatusAccepted)
			p.send("data: " + answerOf(m, `"`+strings.Repeat("x", 2000)+`"`) + "\n\n")
		default:
			return false
		}
		return true
	}
	c := dialTest(t, HTTPSpec{URL: p.URL + "/sse", SSE: true, Limit: 1000}).open()
	c.request(2, "bad")
	c.wantFailed("2", "HTTP 500 Internal Server Error: no", false)
	c.request(3, "large")
	c.wantFailed("3", "exceeds the limit", false)
	c.nothing()
	c.request(4, "gone")
	if err := c.wantFailed("4", "session", true); !errors.Is(err, ErrSessionLost) {
		t.Error(err)
	}
	c.wantEnd(ErrSessionLost)
}

func TestHTTPLegacyForeignEndpoint(t *testing.T) {
	p := newLegacyPeer(t)
	p.endpoint = "http://elsewhere.example/message"
	c := dialTest(t, HTTPSpec{URL: p.URL + "/sse", SSE: true})
	c.request(1, "initialize")
	c.wantFailed("1", "another origin, http://elsewhere.example:80: refused", true)
}

func TestHTTPLegacyNoEndpoint(t *testing.T) {
	p := newHTTPPeer(t, httpScript{"GET": func(w http.ResponseWriter, r *http.Request, _ httpMsg) {
		sse(w, ": nothing\n\n")
		<-r.Context().Done()
	}})
	c := dialTest(t, HTTPSpec{URL: p.URL, SSE: true}, func(h *HTTP) { h.wait.endpoint = 50 * time.Millisecond })
	c.request(1, "initialize")
	c.wantFailed("1", "no endpoint event within 50ms", true)
}

// A server that speaks neither transport is told by its answer to the first message.
func TestHTTPNoFallback(t *testing.T) {
	p := newHTTPPeer(t, httpScript{"initialize": refuse(404, "<title>Not here</title>")})
	c := dialTest(t, HTTPSpec{URL: p.URL})
	c.request(1, "initialize")
	c.wantFailed("1", "HTTP 404 Not Found: Not here", false)
	if got := c.Diagnostics(); !strings.Contains(got, "HTTP+SSE instead: the server answered HTTP 405") {
		t.Errorf("diagnostics: %s", got)
	}
	c.Close(0)
	for _, body := range []string{`{"jsonrpc":"2.0","id":ID,"error":{"code":-32022,"message":"x"}}`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32022,"message":"x"}}`} {
		p := newHTTPPeer(t, httpScript{"initialize": refuse(400, body)})
		c := dialTest(t, HTTPSpec{URL: p.URL})
		c.request(1, "initialize")
		c.next()
		if got := p.seen(); len(got) != 1 {
			t.Errorf("%q after a JSON-RPC error", got)
		}
		c.Close(0)
	}
}

// A server that only speaks HTTP+SSE refuses the first message in many ways; each leads to its event stream.
func TestHTTPFallback(t *testing.T) {
	lost := func(id string) string {
		return `{"jsonrpc":"2.0","id":` + id + `,"error":{"code":-32000,"message":"Missing sessionId"}}`
	}
	tests := []struct {
		code       int
		kind, body string
	}{
		{400, "", "Missing sessionId. Expected POST to /sse to initiate new one"}, {400, "", lost("null")}, {400, "", lost("ID")},
		{400, "", `{"jsonrpc":"2.0","error":{"code":-32602,"message":"Missing sessionId parameter"}}`},
		{403, "", "CSRF token missing"}, {404, "", "Cannot POST /sse"}, {404, "", lost("null")}, {405, "", ""}, {406, "", ""}, {409, "", ""}, {410, "", ""},
		{405, "", `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Method not allowed."}}`},
		{411, "", "Length Required"}, {412, "", ""}, {415, "", "Unsupported Media Type"}, {419, "", "Page Expired"}, {422, "", `{"detail":[]}`}, {501, "", ""},
		{200, "text/event-stream", "event: endpoint\ndata: /messages?session_id=2\n\n"},
		{200, "text/event-stream", ": ping\n\nevent:endpoint\ndata:/other\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"late\":true}}\n\n"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.code, " ", tt.body), func(t *testing.T) {
			p := newLegacyPeer(t)
			inner := p.Config.Handler
			p.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost && r.URL.Path == "/sse" {
					w.Header().Set("Content-Type", tt.kind)
					refuse(tt.code, tt.body)(w, r, httpMsg{id: "1"})
					return
				}
				inner.ServeHTTP(w, r)
			})
			c := dialTest(t, HTTPSpec{URL: p.URL + "/sse"}).open()
			c.nothing()
			if d := c.Diagnostics(); d != "" {
				t.Errorf("diagnostics: %s", d)
			}
		})
	}
}

// A refusal of initialize by a server that speaks streamable HTTP is passed on, with nothing else asked of it.
func TestHTTPRefusalIsNoOlderServer(t *testing.T) {
	for _, tt := range []struct {
		code int
		body string
	}{
		{400, `{"jsonrpc":"2.0","id":ID,"error":{"code":-32602,"message":"Unsupported protocol version","data":{"supported":["2024-11-05"]}}}`},
		{400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"Unsupported"}}`},
		{400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: Unsupported protocol version"}}`},
		{400, `{"jsonrpc":"2.0","id":ID,"error":{"code":-32600,"message":"no"}}`},
		{401, "no"}, {407, "no"}, {429, "no"}, {500, "no"}, {503, "no"},
	} {
		p := newHTTPPeer(t, httpScript{"initialize": refuse(tt.code, tt.body)})
		c := dialTest(t, HTTPSpec{URL: p.URL})
		c.request(1, "initialize")
		c.next()
		if got := p.seen(); len(got) != 1 {
			t.Errorf("%d %s: %q", tt.code, tt.body, got)
		}
		c.Close(0)
	}
}

// The error of a server that can't be reached either way says what was tried, and what may be wrong.
func TestHTTPFallbackErrors(t *testing.T) {
	gateway := func(endpoint string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/sse") {
				sse(w, "event: endpoint\ndata: "+endpoint+"\n\n")
				<-r.Context().Done()
				return
			}
			w.WriteHeader(http.StatusNotFound)
		}
	}
	status := func(post, get int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				post = get
			}
			w.WriteHeader(post)
		}
	}
	tests := []struct {
		name, path string
		sse        bool
		h          http.HandlerFunc
		want       []string
		without    string
	}{
		{"a lost prefix", "/gateway/sse", false, gateway("/messages?session_id=1"), []string{"HTTP 404", `"/messages"`, `prefix "/gateway"`}, "no longer knows"},
		{"a lost prefix, configured", "/gateway/sse", true, gateway("/messages?session_id=1"), []string{`"/messages"`, `prefix "/gateway"`}, "no longer knows"},
		{"a longer prefix", "/team/a/sse", true, gateway("messages/../../../m"), []string{`"/m"`, `prefix "/team/a"`}, "no longer knows"},
		{"no prefix", "/sse", true, gateway("/messages"), []string{"HTTP 404"}, "prefix"},
		{"the same prefix", "/gateway/sse", true, gateway("/gateway/messages"), []string{"HTTP 404"}, "prefix"},
		{"neither", "/mcp", false, status(404, 405), []string{"HTTP 404", `"protocol": "sse"`, "HTTP 405"}, ""},
		{"another origin", "/sse", false, gateway("https://other.example/m"), []string{"HTTP 404", `"protocol": "sse"`, "another origin"}, ""},
		{"not tried", "/v1/sse", false, status(500, 500), []string{"HTTP 500", `set "protocol": "sse"`}, ""},
		{"not tried, and no sign of it", "/mcp", false, status(500, 500), []string{"HTTP 500"}, "sse"},
		{"the reverse", "/mcp", true, status(500, 405), []string{"HTTP 405", `set "protocol": "http"`}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := httptest.NewServer(tt.h)
			t.Cleanup(func() {
				noGoroutines(t)
				p.Close()
			})
			c := dialTest(t, HTTPSpec{URL: p.URL + tt.path, SSE: tt.sse})
			c.request(1, "initialize")
			f := c.next().Failed
			if f == nil {
				t.Fatal("it did not fail")
			}
			for _, part := range tt.want {
				if !strings.Contains(f.Err.Error(), part) {
					t.Errorf("%q is not in: %v", part, f.Err)
				}
			}
			if tt.without != "" && strings.Contains(f.Err.Error(), tt.without) {
				t.Errorf("%q is in: %v", tt.without, f.Err)
			}
		})
	}
}
