package transport

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

func TestHTTPLifecycle(t *testing.T) {
	p := newHTTPPeer(t, nil)
	c := dialTest(t, HTTPSpec{URL: p.URL + "/mcp", Headers: []Header{{"Authorization", "Bearer abc"}, {"X-Team", "a"}, {"x-team", "b"}, {"Accept", "text/plain"}}})
	if !c.LastSign().IsZero() {
		t.Error("a sign of life before anything was sent")
	}
	c.open()
	c.request(2, "tools/list")
	c.want(`{"jsonrpc":"2.0","id":2,"result":{}}`)
	if time.Since(c.LastSign()) > time.Minute {
		t.Error("no sign of life")
	}
	c.Close(time.Second)
	c.Close(time.Second)
	c.wantEnd(io.EOF)
	if err := c.Send(jsonrpc.Whole([]byte(`{}`))); err != ErrClosed {
		t.Errorf("Send after Close: %v", err)
	}
	want := []string{"POST initialize 1", "POST notifications/initialized", "GET", "POST tools/list 2", "DELETE"}
	if got := p.seen(); !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
	first := p.header(t, "POST initialize", 0)
	if got := first.Get("Accept"); got != "application/json, text/event-stream" {
		t.Errorf("Accept: %s", got)
	}
	if first.Get("Content-Type") != "application/json" || first.Get("Mcp-Session-Id") != "" || first.Get("Mcp-Protocol-Version") != "" {
		t.Errorf("headers of initialize: %v", first)
	}
	for _, what := range want[1:] {
		got := p.header(t, what, 0)
		if got.Get("Mcp-Session-Id") != "session-1" || got.Get("Mcp-Protocol-Version") != "2025-11-25" ||
			got.Get("Authorization") != "Bearer abc" || strings.Join(got.Values("X-Team"), ",") != "a,b" {
			t.Errorf("headers of %s: %v", what, got)
		}
	}
	if got := p.header(t, "GET", 0).Get("Accept"); got != "text/event-stream" {
		t.Errorf("Accept of GET: %s", got)
	}
	if d := c.Diagnostics(); d != "" {
		t.Errorf("diagnostics of a good connection: %s", d)
	}
}

func TestHTTPOldVersionHasNoHeader(t *testing.T) {
	p := newHTTPPeer(t, nil)
	c := dialTest(t, HTTPSpec{URL: p.URL})
	c.SetVersion("2024-11-05")
	c.request(1, "ping")
	c.next()
	if v, there := p.header(t, "POST ping", 0)["Mcp-Protocol-Version"]; there {
		t.Errorf("version header %q", v)
	}
}

func TestHTTPBadSessionIDIgnored(t *testing.T) {
	p := newHTTPPeer(t, httpScript{"initialize": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
		w.Header().Set("Mcp-Session-Id", "two words")
		reply(w, m, `{}`)
	}})
	c := dialTest(t, HTTPSpec{URL: p.URL}).open()
	c.nothing()
	if got := p.header(t, "POST ping", 0).Get("Mcp-Session-Id"); got != "" {
		t.Errorf("session %q", got)
	}
}

func TestHTTPBytesOfAnswers(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"unknown fields, big numbers, escapes", `{"jsonrpc":"2.0","x":[1e400,1.0],"id":2,"result":{"n":9007199254740993,"s":"<&>\u00e9"}}`,
			`{"jsonrpc":"2.0","x":[1e400,1.0],"id":2,"result":{"n":9007199254740993,"s":"<&>\u00e9"}}`},
		{"indented", "\ufeff\r\n{\n  \"jsonrpc\": \"2.0\",\r\n  \"id\": 2, \"result\": null\n}\n", `{   "jsonrpc": "2.0",    "id": 2, "result": null }`},
		{"error", `{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"no","data":null,"more":1}}`,
			`{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"no","data":null,"more":1}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
				w.Header().Set("Content-Type", "Application/JSON")
				_, _ = io.WriteString(w, tt.body)
			}})
			c := dialTest(t, HTTPSpec{URL: p.URL})
			c.request(2, "m")
			c.want(tt.want)
			c.nothing()
		})
	}
}

func TestHTTPBatch(t *testing.T) {
	p := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
		_, _ = io.WriteString(w, `[{"jsonrpc":"2.0","method":"notifications/progress"}, [[[]]], `+answerOf(m, "1")+`]`)
	}})
	c := dialTest(t, HTTPSpec{URL: p.URL})
	c.request(2, "m")
	c.want(`{"jsonrpc":"2.0","method":"notifications/progress"}`)
	c.want(`{"jsonrpc":"2.0","id":2,"result":1}`)
	c.nothing()
}

func TestHTTPUselessAnswers(t *testing.T) {
	tests := []struct {
		name, kind, body, want string
		code                   int
	}{
		{"202 to a request", "", "", "HTTP 202 Accepted without a body", 202},
		{"empty", "application/json", "", "HTTP 200 OK without a body", 200},
		{"no JSON", "application/json", `{"jsonrpc"`, "malformed", 200},
		{"no JSON-RPC", "application/json", `{"id":2,"level":"info","error":"x"}`, "malformed", 200},
		{"a page", "text/html; charset=utf-8", "<html><title>Sign in</title>", "text/html instead of JSON: Sign in", 200},
		{"error without id", "application/json", `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}`, "rejected the request: what?", 200},
		{"of another request", "application/json", `{"jsonrpc":"2.0","method":"x"}`, "answered another request", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(tt.code)
				_, _ = io.WriteString(w, tt.body)
			}})
			c := dialTest(t, HTTPSpec{URL: p.URL})
			c.request(2, "m")
			if tt.name == "of another request" {
				c.want(tt.body)
			}
			c.wantFailed("2", tt.want, false)
			c.nothing()
		})
	}
}

// Servers that give an id back as text or as a float are understood, and an answer that is malformed goes to who asked at once, whether
// in a body or in a stream that goes on.
func TestHTTPOddAnswers(t *testing.T) {
	var body string
	p := newHTTPPeer(t, httpScript{
		"body": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
		},
		"stream": func(w http.ResponseWriter, r *http.Request, _ httpMsg) {
			sse(w, "data: "+`{"level":"info","msg":"up","id":2,"error":"x"}`+"\n\ndata: "+body+"\n\n")
			<-r.Context().Done()
		},
	})
	for _, body = range []string{`{"jsonrpc":"2.0","id":"2","result":{}}`, `{"jsonrpc":"2.0","id":2.0,"result":{}}`, `{"jsonrpc":"2.0","id":"2","error":"no"}`,
		`{"jsonrpc":"2.0","id":2,"error":{"message":"no"}}`, `{"id":2,"result":{}}`, `{"jsonrpc":"2.0","id":2,"result":{"text":"` + "\xe9" + `"}}`, `{"jsonrpc":"2.0","id":2}`} {
		for _, method := range []string{"body", "stream"} {
			c := dialTest(t, HTTPSpec{URL: p.URL})
			c.request(2, method)
			c.want(body)
		}
	}
}

// The answer to request 2 comes in the answer to request 3, after which the stream of request 2 ends without one.
func TestHTTPAnswerForAnotherRequest(t *testing.T) {
	other := make(chan struct{})
	p := newHTTPPeer(t, httpScript{
		"slow": func(w http.ResponseWriter, r *http.Request, _ httpMsg) {
			sse(w, ": wait\n\n")
			select {
			case <-other:
			case <-r.Context().Done():
			}
		},
		"quick": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
			sse(w, "data: "+answerOf(httpMsg{id: "2"}, `"two"`)+"\n\ndata: "+answerOf(m, `"three"`)+"\n\n")
		},
	})
	c := dialTest(t, HTTPSpec{URL: p.URL})
	c.request(2, "slow")
	c.request(3, "quick")
	c.want(`{"jsonrpc":"2.0","id":2,"result":"two"}`)
	c.want(`{"jsonrpc":"2.0","id":3,"result":"three"}`)
	close(other)
	c.nothing()
}

func TestHTTPRequestsRunSideBySide(t *testing.T) {
	const n = 32
	var arrived sync.WaitGroup
	arrived.Add(n)
	p := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
		arrived.Done()
		arrived.Wait()
		reply(w, m, `{}`)
	}})
	c := dialTest(t, HTTPSpec{URL: p.URL})
	want := map[string]bool{}
	for i := range n {
		c.request(i, "m")
		want[fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{}}`, i)] = true
	}
	for range n {
		delete(want, string(c.next().Raw))
	}
	if len(want) > 0 {
		t.Errorf("not answered: %v", want)
	}
}

func TestHTTPOrder(t *testing.T) {
	hold := make(chan struct{})
	p := newHTTPPeer(t, httpScript{
		"call":                    func(_ http.ResponseWriter, r *http.Request, _ httpMsg) { <-r.Context().Done() },
		"notifications/cancelled": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) { <-hold; w.WriteHeader(202) },
	})
	c := dialTest(t, HTTPSpec{URL: p.URL}, func(h *HTTP) { h.wait.notice = time.Minute })
	c.request(2, "call")
	eventually(t, "the call arrives", func() bool { return len(p.seen()) == 1 })
	c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}`)
	c.request(3, "ping")
	c.send(`{"jsonrpc":"2.0","id":77,"result":{}}`)
	eventually(t, "the cancellation arrives", func() bool { return len(p.seen()) == 2 })
	time.Sleep(50 * time.Millisecond)
	if got := p.seen(); len(got) != 2 {
		t.Errorf("%q did not wait for the notification", got[2:])
	}
	close(hold)
	c.want(`{"jsonrpc":"2.0","id":3,"result":{}}`)
	// The server never answers what was cancelled: it fails after a while, and nothing is left of it.
	c.wantFailed("2", "cancelled", false)
	want := []string{"POST call 2", "POST notifications/cancelled", "POST ping 3", "POST  77"}
	eventually(t, "all messages arrive", func() bool { return len(p.seen()) == 4 })
	got := p.seen()
	slices.Sort(got[2:]) // requests behind the notification may overtake each other on their way
	slices.Sort(want[2:])
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// writeLog is a connection that notes which message was written when.
type writeLog struct {
	net.Conn
	wrote func([]byte)
}

func (w writeLog) Write(p []byte) (int, error) {
	w.wrote(p)
	return w.Conn.Write(p)
}

// A request whose connection takes its time is not overtaken by its cancellation.
func TestHTTPOrderWithSlowDial(t *testing.T) {
	p := newHTTPPeer(t, nil)
	var mu sync.Mutex
	var dials int
	var got []string
	c := dialTest(t, HTTPSpec{URL: p.URL}, func(h *HTTP) {
		h.base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			httptrace.ContextClientTrace(ctx).ConnectStart(network, addr)
			mu.Lock()
			dials++
			first := dials == 1
			mu.Unlock()
			delay := 50 * time.Millisecond // net/http calls a request written just before it is
			if first {
				delay = 400 * time.Millisecond
			}
			time.Sleep(delay)
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			return writeLog{conn, func(b []byte) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, parseMsg(b[bytes.IndexByte(b, '{'):]).method)
			}}, err
		}
	})
	c.request(2, "call")
	c.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}`)
	c.want(`{"jsonrpc":"2.0","id":2,"result":{}}`)
	c.nothing()
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"call", "notifications/cancelled", "ping"}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestHTTPCloseEndsCalls(t *testing.T) {
	p := newHTTPPeer(t, httpScript{
		"call":   func(_ http.ResponseWriter, r *http.Request, _ httpMsg) { <-r.Context().Done() },
		"stream": func(w http.ResponseWriter, r *http.Request, _ httpMsg) { sse(w, "id: 1\n\n"); <-r.Context().Done() },
		"DELETE": func(_ http.ResponseWriter, r *http.Request, _ httpMsg) { <-r.Context().Done() },
	})
	c := dialTest(t, HTTPSpec{URL: p.URL}, func(h *HTTP) { h.wait.drain = time.Minute }).open()
	c.request(2, "call")
	c.request(3, "stream")
	eventually(t, "both arrive", func() bool { return len(p.seen()) == 5 })
	start := time.Now()
	c.Close(50 * time.Millisecond)
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("Close took %s with a server that hangs", d)
	}
	c.wantEnd(io.EOF)
}
