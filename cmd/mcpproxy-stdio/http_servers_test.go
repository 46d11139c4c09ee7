package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// TestHTTPServersAsTheyAre puts remote servers with the habits of real ones behind one proxy: each loses its session in
// its own words in the midst of a call, which is then made again once, or needs something unusual to be reached at all.
func TestHTTPServersAsTheyAre(t *testing.T) {
	t.Parallel()
	json, text, events := http.Header{"Content-Type": {"application/json"}}, http.Header{"Content-Type": {"text/plain"}}, http.Header{"Content-Type": {"text/event-stream"}}
	lost := map[string]mcptest.HTTPFault{
		"text":   {Status: 400, Header: text, Body: "Bad Request: No valid session ID provided"},
		"other":  {Status: 400, Header: json, Body: `{"error":"Invalid or missing session ID"}`},
		"gone":   {Status: 410, Header: text, Body: "Gone"},
		"key":    {Status: 401, Header: text, Body: "Unauthorized: Session not found"},
		"answer": {Status: 200, Header: json, Body: `{"jsonrpc":"2.0","id":null,"error":{"code":-32002,"message":"Server not initialized"}}`},
		"event":  {Status: 200, Header: events, Body: "event: message\ndata: {\"error\":\"Session not found\"}\n\n"},
	}
	all, servers := entries{}, map[string]*mcptest.HTTPServer{}
	serve := func(name string) *mcptest.HTTPServer {
		servers[name] = mcptest.NewHTTP(t, mcptest.HTTPOptions{Server: mcptest.Server{Name: name, Capabilities: settled}})
		all[name] = remote(servers[name].URL)
		return servers[name]
	}
	for name := range lost {
		serve(name)
	}
	serve("nolist").Inject(mcptest.HTTPFault{RPC: "prompts/list", Times: -1, Status: 404, Header: json, Body: `{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"method not found"}}`})
	all["older"] = remote(serve("older").SSEURL)
	servers["older"].Inject(mcptest.HTTPFault{RPC: "initialize", Status: 415, Header: text, Body: "Unsupported Media Type"})
	all["sticky"] = remote(sticky(t, serve("back0"), serve("back1")))
	delete(all, "back0")
	delete(all, "back1")

	c := newHome(t).set(all, nil).learned().initialized("")
	for name := range all {
		answers(t, c, name)
	}
	for name, fault := range lost {
		srv := servers[name]
		sent := len(srv.RequestsFor("tools/call"))
		fault.RPC = "tools/call"
		srv.Inject(fault)
		answers(t, c, name)
		if n := len(srv.RequestsFor("tools/call")) - sent; n != 2 {
			t.Errorf("%s: the call was sent %d times, want one that was refused and one more", name, n)
		}
	}
}

// sticky is a balancer in front of two servers, which finds the one that has a session by a cookie.
func sticky(t *testing.T, backs ...*mcptest.HTTPServer) string {
	var next atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := int(next.Add(1)) % len(backs)
		if c, err := r.Cookie("BACK"); err == nil && (c.Value == "0" || c.Value == "1") {
			i = int(c.Value[0] - '0')
		}
		http.SetCookie(w, &http.Cookie{Name: "BACK", Value: string(rune('0' + i)), Path: "/"})
		to, _ := url.Parse(backs[i].URL)
		to.Path = ""
		proxy := httputil.NewSingleHostReverseProxy(to)
		proxy.FlushInterval = -1
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv.URL + "/mcp"
}
