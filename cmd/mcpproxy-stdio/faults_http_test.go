package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// goodAndRemote is a running proxy with a stdio server and a remote one.
func goodAndRemote(t *testing.T, opts mcptest.HTTPOptions, options map[string]any) (*mcptest.Client, *mcptest.HTTPServer) {
	t.Helper()
	mark := marked(t)
	opts.Name, opts.Capabilities = "bad", settled
	srv := mcptest.NewHTTP(t, opts)
	h := newHome(t).set(entries{"good": calm(mcptest.Server{Name: "good", Mark: mark}), "bad": withOptions(remote(srv.URL), options)}, nil).learned()
	c := h.initialized("")
	answers(t, c, "bad")
	return c, srv
}

func TestHTTPErrors(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct {
		fault mcptest.HTTPFault
		want  []string
	}{
		"500":             {mcptest.Status(500), []string{"HTTP 500"}},
		"404 without rpc": {mcptest.HTTPFault{Status: 400, Body: "no", Header: http.Header{"Content-Type": {"text/plain"}}}, []string{"HTTP 400", "no"}},
		"web page":        {mcptest.HTMLPage(200), []string{"text/html", "It works!"}},
		"web page 502":    {mcptest.HTMLPage(502), []string{"HTTP 502", "It works!"}},
		"429":             {mcptest.Busy(429, 7), []string{"HTTP 429", "try again in 7s"}},
		"503":             {mcptest.Busy(503, 5), []string{"HTTP 503", "try again in 5s"}},
		"401":             {mcptest.Unauthorized(`Bearer resource_metadata="https://auth.example/x"`), []string{"needs a login", "oauth_login"}},
		"401 for a key":   {mcptest.Unauthorized(`Bearer`), []string{"HTTP 401"}},
		"redirect away":   {mcptest.Redirect(307, "http://192.0.2.7/mcp"), []string{"redirects", "another origin", "192.0.2.7"}},
		"redirect to GET": {mcptest.Redirect(302, "/elsewhere"), []string{"redirects", "POST into a GET"}},
		"empty":           {mcptest.JSONAnswer(200, ""), []string{"without a body"}},
		"no JSON":         {mcptest.JSONAnswer(200, `{"jsonrpc":`), []string{"malformed"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, srv := goodAndRemote(t, mcptest.HTTPOptions{}, nil)
			sent := len(srv.RequestsFor("tools/call"))
			fault.fault.RPC = "tools/call"
			srv.Inject(fault.fault)
			meanwhile(t, c, func() {
				tells(t, c.Tool("bad__echo", map[string]any{"message": "x"}), append(fault.want, `server "bad"`)...)
			})
			if n := len(srv.RequestsFor("tools/call")) - sent; n != 1 {
				t.Errorf("the call was sent %d times", n)
			}
			answers(t, c, "bad")
		})
	}
}

func TestHTTPDroppedAnswers(t *testing.T) {
	t.Parallel()
	for _, sse := range []bool{false, true} {
		for _, where := range []mcptest.Cut{mcptest.CutBeforeAnswer, mcptest.CutInAnswer, mcptest.CutAfterAnswer} {
			name := map[bool]string{false: "JSON ", true: "SSE "}[sse] + string(where)
			t.Run(name, func(t *testing.T) {
				// Without event ids nothing can be resumed.
				c, srv := goodAndRemote(t, mcptest.HTTPOptions{SSE: sse, NoIDs: true}, nil)
				f := mcptest.Dropped(where)
				f.RPC = "tools/call"
				srv.Inject(f)
				sent := len(srv.RequestsFor("tools/call"))
				meanwhile(t, c, func() {
					r := c.Tool("bad__incr", nil)
					if where == mcptest.CutAfterAnswer {
						if r.Text() != "1" {
							t.Errorf("the whole answer was there: %s %s", r.Result, r.Error)
						}
						return
					}
					tells(t, r, `server "bad"`, "the connection was closed")
				})
				if n := len(srv.RequestsFor("tools/call")) - sent; n != 1 {
					t.Errorf("a call that may have been carried out was sent %d times", n)
				}
				if got := c.Tool("bad__incr", nil).Text(); got != "2" {
					t.Errorf("the next call gave %q", got)
				}
			})
		}
	}
}

func TestHTTPDroppedStreamIsResumed(t *testing.T) {
	t.Parallel()
	c, srv := goodAndRemote(t, mcptest.HTTPOptions{SSE: true, Prime: true, Retry: 50 * time.Millisecond}, nil)
	for _, f := range []mcptest.HTTPFault{mcptest.Dropped(mcptest.CutBeforeAnswer), mcptest.Dropped(mcptest.CutInAnswer), mcptest.Polled()} {
		f.RPC = "tools/call"
		srv.Inject(f)
		if r := c.Tool("bad__echo", map[string]any{"message": "kept"}); r.Text() != "Echo: kept" {
			t.Errorf("%+v: %s %s", f, r.Result, r.Error)
		}
	}
}

func TestHTTPSessionLost(t *testing.T) {
	t.Parallel()
	c, srv := goodAndRemote(t, mcptest.HTTPOptions{}, nil)
	c.Call("logging/setLevel", map[string]any{"level": "error"})
	uri := uriOf(t, c, "bad")
	c.Call("resources/subscribe", map[string]any{"uri": uri})
	before := srv.Sessions()
	srv.LoseSessions()
	levels, subs := len(srv.RequestsFor("logging/setLevel")), len(srv.RequestsFor("resources/subscribe"))
	meanwhile(t, c, func() { answers(t, c, "bad") })
	after := srv.Sessions()
	if len(after) != 1 || len(before) == 1 && after[0] == before[0] {
		t.Errorf("sessions before %v, after %v", before, after)
	}
	if n := len(srv.RequestsFor("logging/setLevel")) - levels; n != 1 {
		t.Errorf("the level was told the new session %d times", n)
	}
	if n := len(srv.RequestsFor("resources/subscribe")) - subs; n != 1 {
		t.Errorf("the subscription was made again %d times", n)
	}
	if got := c.Tool("bad__subscriptions", nil).Text(); !strings.Contains(got, "static/1") {
		t.Errorf("the new session has the subscriptions %s", got)
	}
}

func TestHTTPSessionLostWithManyCalls(t *testing.T) {
	t.Parallel()
	c, srv := goodAndRemote(t, mcptest.HTTPOptions{}, nil)
	srv.LoseSessions()
	const n = 16
	done := make(chan mcptest.Response, n)
	for range n {
		go func() { done <- c.Tool("bad__echo", map[string]any{"message": "many"}) }()
	}
	for range n {
		if r := <-done; r.Text() != "Echo: many" {
			t.Errorf("got %s %s", r.Result, r.Error)
		}
	}
}

// A server behind a load balancer that forgets each session at once must not be initialized in a loop.
func TestHTTPServerThatForgetsEachSession(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	mux := http.NewServeMux()
	var inits atomicInt
	mux.HandleFunc("/mcp", func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			ID     json.RawMessage
			Method string
		}
		json.NewDecoder(r.Body).Decode(&m)
		switch {
		case m.Method == "initialize":
			inits.add()
			w.Header().Set("Mcp-Session-Id", "one-of-many")
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}}}`))
		case m.ID == nil && m.Method != "":
			w.WriteHeader(http.StatusAccepted)
		default:
			http.Error(w, "no such session", http.StatusNotFound)
		}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	h := newHome(t).set(entries{"bad": remote(srv.URL + "/mcp"), "good": calm(mcptest.Server{Name: "good", Mark: mark})}, map[string]any{"first_list_wait": "1s"})
	c := h.initialized("")
	c.List("tools/list")
	tells(t, c.Tool("bad__echo", nil), `server "bad"`)
	time.Sleep(2 * time.Second)
	if n := inits.get(); n > 12 {
		t.Errorf("it was initialized %d times in 3 s", n)
	} else {
		t.Logf("%d times initialized", n)
	}
	answers(t, c, "good")
}

func TestHTTPServerDownAtFirst(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	srv := mcptest.NewHTTP(t, mcptest.HTTPOptions{Server: mcptest.Server{Name: "bad", Capabilities: settled}})
	down := mcptest.Status(503)
	down.Times = -1
	srv.Inject(down)
	c := newHome(t).set(entries{"good": calm(mcptest.Server{Name: "good", Mark: mark}), "bad": remote(srv.URL)}, nil).initialized("")
	if names := toolNames(c); strings.Contains(names, "bad__") || !strings.Contains(names, " good__echo ") {
		t.Errorf("listed: %s", names)
	}
	meanwhile(t, c, func() { tells(t, c.Tool("bad__echo", nil), `server "bad"`, "HTTP 503") })
	srv.ClearFaults()
	c.WaitNotifications("notifications/tools/list_changed", 1, 10*time.Second)
	if names := toolNames(c); !strings.Contains(names, " bad__echo ") {
		t.Errorf("not listed once it is up: %s", names)
	}
	answers(t, c, "bad")
}

func TestHTTPServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	c, srv := goodAndRemote(t, mcptest.HTTPOptions{}, nil)
	srv.Stop()
	meanwhile(t, c, func() { tells(t, c.Tool("bad__echo", nil), `server "bad"`, "127.0.0.1") })
}

func TestHTTPServerCrash(t *testing.T) {
	t.Parallel()
	c, srv := goodAndRemote(t, mcptest.HTTPOptions{SSE: true}, nil)
	done := make(chan mcptest.Response, 1)
	go func() { done <- c.Tool("bad__never", nil) }()
	srv.WaitRequest(5*time.Second, func(r mcptest.HTTPRequest) bool { return strings.Contains(r.Body, "never") })
	srv.Crash()
	tells(t, <-done, `server "bad"`)
	answers(t, c, "bad")
}

func TestHTTPSlowServer(t *testing.T) {
	t.Parallel()
	c, srv := goodAndRemote(t, mcptest.HTTPOptions{}, map[string]any{"call_timeout": "400ms"})
	slow := mcptest.HTTPFault{RPC: "tools/call", Hang: 200 * time.Millisecond}
	srv.Inject(slow)
	answers(t, c, "bad")
	hung := mcptest.Hung()
	hung.RPC = "tools/call"
	srv.Inject(hung)
	meanwhile(t, c, func() { tells(t, c.Tool("bad__echo", nil), `server "bad"`, "no answer in time", "call_timeout") })
	answers(t, c, "bad")
}

func TestOldSSEServer(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	srv := mcptest.NewHTTP(t, mcptest.HTTPOptions{Server: mcptest.Server{Name: "bad", Capabilities: settled}})
	entry := withOptions(remote(srv.SSEURL), map[string]any{"type": "sse"})
	c := newHome(t).set(entries{"good": calm(mcptest.Server{Name: "good", Mark: mark}), "bad": entry}, nil).initialized("")
	c.List("tools/list")
	answers(t, c, "bad")
	srv.DropStreams() // its session is the stream
	soon(t, 5*time.Second, "it is connected to again by a call", func() bool {
		return c.Tool("bad__echo", map[string]any{"message": "there"}).Text() == "Echo: there"
	})
	answers(t, c, "good")
}
