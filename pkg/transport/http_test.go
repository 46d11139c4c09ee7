package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// httpPeer is a scripted server. What is not scripted: initialize opens the session "session-1", notifications are
// accepted, there is no standing stream, and every other request is answered by {}.
type httpPeer struct {
	*httptest.Server
	on  map[string]func(http.ResponseWriter, *http.Request, httpMsg) // by JSON-RPC method, "GET" or "DELETE"
	mu  sync.Mutex
	log []string // "POST tools/call 7", in the order of arrival
	hdr []http.Header
}

type httpMsg struct{ id, method string }

func parseMsg(body []byte) httpMsg {
	m, _ := jsonrpc.Parse(body)
	return httpMsg{string(m.Bytes(m.ID)), m.MethodName()}
}

type httpScript = map[string]func(http.ResponseWriter, *http.Request, httpMsg)

func newHTTPPeer(t *testing.T, on httpScript) *httpPeer {
	p := &httpPeer{on: on}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(func() {
		noGoroutines(t) // all connections to it are closed by now
		p.Close()
	})
	return p
}

func (p *httpPeer) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	msg := parseMsg(body)
	p.mu.Lock()
	p.log = append(p.log, strings.TrimSpace(strings.Join([]string{r.Method, msg.method, msg.id}, " ")))
	p.hdr = append(p.hdr, r.Header)
	p.mu.Unlock()
	key := r.Method
	if key == http.MethodPost {
		key = msg.method
	}
	switch f := p.on[key]; {
	case f != nil:
		f(w, r, msg)
	case r.Method == http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case r.Method == http.MethodDelete:
	case msg.id == "" || msg.method == "":
		w.WriteHeader(http.StatusAccepted)
	case msg.method == "initialize":
		w.Header().Set("Mcp-Session-Id", "session-1")
		reply(w, msg, `{}`)
	default:
		reply(w, msg, `{}`)
	}
}

func (p *httpPeer) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.log...)
}

// header returns the headers of the n-th request whose log line begins with what.
func (p *httpPeer) header(t *testing.T, what string, n int) http.Header {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, line := range p.log {
		if strings.HasPrefix(line, what) {
			if n--; n < 0 {
				return p.hdr[i]
			}
		}
	}
	t.Fatalf("no request %q in %q", what, p.log)
	return nil
}

func reply(w http.ResponseWriter, m httpMsg, result string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.id, result)
}

// sse begins an event stream, or goes on with one.
func sse(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "Text/Event-Stream; charset=utf-8")
	_, _ = io.WriteString(w, text)
	_ = http.NewResponseController(w).Flush()
}

func answerOf(m httpMsg, result string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.id, result)
}

// httpConn is an HTTP with a reader that does not wait for ever.
type httpConn struct {
	*HTTP
	t  *testing.T
	in chan Inbound
	// err is valid once in is closed.
	err error
}

func dialTest(t *testing.T, spec HTTPSpec, tune ...func(*HTTP)) *httpConn {
	t.Helper()
	spec.Name, spec.Log = "test", zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
	h, err := DialHTTP(spec)
	if err != nil {
		t.Fatal(err)
	}
	h.wait.base, h.wait.linger, h.wait.drain = 20*time.Millisecond, 200*time.Millisecond, time.Second
	for _, f := range tune {
		f(h)
	}
	c := &httpConn{HTTP: h, t: t, in: make(chan Inbound, 1000)}
	go func() {
		defer close(c.in)
		for {
			in, err := h.Recv()
			if err != nil {
				c.err = err
				return
			}
			c.in <- in
		}
	}()
	t.Cleanup(func() { h.Close(time.Second) })
	return c
}

// noGoroutines fails when a goroutine of a client outlives Close.
func noGoroutines(t *testing.T) {
	t.Helper()
	var buf []byte
	for range 100 {
		buf = make([]byte, 4<<20)
		buf = buf[:runtime.Stack(buf, true)]
		if !bytes.Contains(buf, []byte("transport.(*HTTP)")) && !bytes.Contains(buf, []byte("http.(*persistConn)")) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("goroutines left:\n%s", buf)
}

func (c *httpConn) send(format string, args ...any) {
	c.t.Helper()
	if err := c.Send(jsonrpc.Whole(fmt.Appendf(nil, format, args...))); err != nil {
		c.t.Fatal(err)
	}
}

func (c *httpConn) request(id int, method string) {
	c.t.Helper()
	c.send(`{"jsonrpc":"2.0","id":%d,"method":%q}`, id, method)
}

func (c *httpConn) next() Inbound {
	c.t.Helper()
	select {
	case in, ok := <-c.in:
		if !ok {
			c.t.Fatalf("the connection ended: %v", c.err)
		}
		return in
	case <-time.After(10 * time.Second):
		c.t.Fatal("nothing came in")
	}
	return Inbound{}
}

func (c *httpConn) want(raw string) {
	c.t.Helper()
	in := c.next()
	if in.Failed != nil {
		c.t.Fatalf("got %s failed: %v\nwant %s", in.Failed.ID, in.Failed.Err, raw)
	}
	if string(in.Raw) != raw {
		c.t.Fatalf("got  %.300s\nwant %.300s", in.Raw, raw)
	}
}

// wantFailed expects that the request failed, with this text in the error.
func (c *httpConn) wantFailed(id, text string, notRun bool) error {
	c.t.Helper()
	in := c.next()
	f := in.Failed
	if f == nil {
		c.t.Fatalf("got %.300s, want request %s to fail", in.Raw, id)
	}
	if string(f.ID) != id || !strings.Contains(f.Err.Error(), text) || f.NotRun != notRun {
		c.t.Fatalf("got  %s, %v, not run: %v\nwant %s, %s, not run: %v", f.ID, f.Err, f.NotRun, id, text, notRun)
	}
	return f.Err
}

func (c *httpConn) wantEnd(want error) {
	c.t.Helper()
	for {
		select {
		case in, ok := <-c.in:
			if ok {
				c.t.Fatalf("got %s %+v, want the end", in.Raw, in.Failed)
			}
			if !errors.Is(c.err, want) {
				c.t.Fatalf("ended with %v, want %v", c.err, want)
			}
			return
		case <-time.After(10 * time.Second):
			c.t.Fatal("the connection did not end")
		}
	}
}

// open goes through the opening.
func (c *httpConn) open() *httpConn {
	c.t.Helper()
	c.request(1, "initialize")
	c.want(`{"jsonrpc":"2.0","id":1,"result":{}}`)
	c.SetVersion("2025-11-25")
	c.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return c
}

// nothing checks that a request still gets through and that nothing else came in.
func (c *httpConn) nothing() {
	c.t.Helper()
	c.request(999, "ping")
	c.want(`{"jsonrpc":"2.0","id":999,"result":{}}`)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(mcptest.Patience(5 * time.Second)); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}
