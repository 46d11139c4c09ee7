package transport

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A balancer's cookie goes back with every request of its connection, beside the entry's own, and with no other's.
func TestHTTPCookies(t *testing.T) {
	p := newHTTPPeer(t, httpScript{"initialize": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
		w.Header().Add("Set-Cookie", "BACK=b1-secret; Path=/; HttpOnly")
		w.Header().Add("Set-Cookie", "other=2; Path=/elsewhere")
		w.Header().Add("Set-Cookie", "mine=taken; Path=/")
		w.Header().Add("Set-Cookie", "foreign=3; Domain=example.com")
		w.Header().Set("Mcp-Session-Id", "session-1")
		reply(w, m, `{}`)
	}, "move": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
		w.Header().Add("Set-Cookie", "BACK=b2-secret; Path=/")
		reply(w, m, `{}`)
	}, "echo": func(w http.ResponseWriter, r *http.Request, _ httpMsg) {
		http.Error(w, "got "+r.Header.Get("Cookie"), 500)
	}})
	spec := HTTPSpec{URL: p.URL + "/mcp", Headers: []Header{{"Cookie", "mine=1"}}}
	c := dialTest(t, spec).open()
	c.request(2, "move")
	c.want(`{"jsonrpc":"2.0","id":2,"result":{}}`)
	c.request(3, "echo")
	if err := c.wantFailed("3", "got …", false); strings.Contains(err.Error(), "secret") {
		t.Errorf("a cookie is quoted: %v", err)
	}
	c.Close(5e9)
	for what, want := range map[string]string{"POST initialize": "mine=1", "POST notifications/initialized": "mine=1; BACK=b1-secret",
		"GET": "mine=1; BACK=b1-secret", "POST move": "mine=1; BACK=b1-secret", "POST echo": "mine=1; BACK=b2-secret", "DELETE": "mine=1; BACK=b2-secret"} {
		if got := strings.Join(p.header(t, what, 0).Values("Cookie"), "; "); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	dialTest(t, spec).open().Close(0)
	if got := p.header(t, "POST initialize", 1).Get("Cookie"); got != "mine=1" {
		t.Errorf("the next connection sends %q", got)
	}
}

// HTTP+SSE is pinned by the cookie that comes with its stream.
func TestHTTPLegacyCookies(t *testing.T) {
	got := ""
	p := newLegacyPeer(t)
	inner := p.Config.Handler
	p.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Set-Cookie", "BACK=1; Path=/")
		} else {
			p.mu.Lock()
			got = r.Header.Get("Cookie")
			p.mu.Unlock()
		}
		inner.ServeHTTP(w, r)
	})
	dialTest(t, HTTPSpec{URL: p.URL + "/sse", SSE: true}).open().nothing()
	p.mu.Lock()
	defer p.mu.Unlock()
	if got != "BACK=1" {
		t.Errorf("got %q", got)
	}
}

// A server that sets cookies without end fills neither memory nor its own requests.
func TestHTTPCookiesAreBounded(t *testing.T) {
	p := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
		for i := range 200 {
			w.Header().Add("Set-Cookie", fmt.Sprintf("c%s-%d=%s; Path=/", m.id, i, strings.Repeat("x", 100)))
		}
		w.Header().Add("Set-Cookie", "large="+strings.Repeat("x", 5000))
		reply(w, m, `{}`)
	}})
	c := dialTest(t, HTTPSpec{URL: p.URL}).open()
	for i := range 3 {
		c.request(2+i, "m")
		c.want(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{}}`, 2+i))
	}
	c.nothing()
	sent := p.header(t, "POST ping", 0)["Cookie"]
	if n := strings.Count(strings.Join(sent, ";"), "="); n != maxCookies || strings.Contains(fmt.Sprint(sent), "large") {
		t.Errorf("%d cookies are sent", n)
	}
}
