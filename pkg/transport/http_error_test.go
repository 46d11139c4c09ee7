package transport

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
)

func refuse(code int, body string, header ...string) func(http.ResponseWriter, *http.Request, httpMsg) {
	return func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Add(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "ID", m.id))
	}
}

func TestHTTPRefusals(t *testing.T) {
	const notFound = `{"jsonrpc":"2.0","id":ID,"error":{"code":-32601,"message":"no such method"}}`
	tests := []struct {
		name   string
		f      func(http.ResponseWriter, *http.Request, httpMsg)
		answer string // or
		failed string
		notRun bool
	}{
		{"404 with -32601", refuse(404, notFound), strings.ReplaceAll(notFound, "ID", "2"), "", false},
		{"400 with an error", refuse(400, "{\"jsonrpc\":\"2.0\",\n \"error\":{\"code\":-32022,\"message\":\"version\"},\"id\":ID}\n"),
			`{"jsonrpc":"2.0",  "error":{"code":-32022,"message":"version"},"id":2}`, "", false},
		{"500 with an error", refuse(500, notFound), strings.ReplaceAll(notFound, "ID", "2"), "", false},
		{"400 with an error without id", refuse(400, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: version"},"id":null}`), "", "HTTP 400 Bad Request: Bad Request: version", false},
		{"400 with another id", refuse(400, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"no"},"id":"server-error"}`), "", "HTTP 400 Bad Request: no", false},
		{"400 with an error about something else", refuse(400, `{"jsonrpc":"2.0","error":{"code":-32602,"message":"no session here"}}`), "", "HTTP 400 Bad Request: no session here", false},
		{"401", refuse(401, notFound, "WWW-Authenticate", `Bearer scope="a"`), "", "HTTP 401 Unauthorized: no such method", true},
		{"403", refuse(403, "no entry"), "", "HTTP 403 Forbidden: no entry", false},
		{"403 with a challenge", refuse(403, "", "WWW-Authenticate", `Bearer error="insufficient_scope"`), "", "HTTP 403 Forbidden", true},
		{"429", refuse(429, "slow down", "Retry-After", "7"), "", "HTTP 429 Too Many Requests (try again in 7s): slow down", true},
		{"503", refuse(503, ""), "", "HTTP 503 Service Unavailable", false},
		{"503 with Retry-After", refuse(503, "", "Retry-After", "120"), "", "(try again in 2m0s)", true},
		{"500 with a page", refuse(500, "<!doctype html><html><head><style>x{}</style><title>\n Oops &amp; sorry </title></head><body><h1>Hi</h1>", "Content-Type", "text/html"), "", "HTTP 500 Internal Server Error: Oops & sorry", false},
		{"a page without title", refuse(502, "<html><script>evil()</script><b>bad</b> gateway"), "", "Bad Gateway: bad gateway", false},
		{"control characters", refuse(500, "a\x1b[31mb\u202ec\n\nd\xff"), "", `a\u001b[31mb\u202ec d` + "\ufffd", false},
		{"a long text", refuse(500, strings.Repeat("é", 300)), "", ": " + strings.Repeat("é", 200) + "…", false},
		{"304", refuse(304, ""), "", "HTTP 304", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newHTTPPeer(t, httpScript{"m": tt.f})
			c := dialTest(t, HTTPSpec{URL: p.URL}).open()
			c.request(2, "m")
			if tt.answer != "" {
				c.want(tt.answer)
			} else {
				c.wantFailed("2", tt.failed, tt.notRun)
				if !strings.Contains(c.Diagnostics(), "m: the server answered HTTP") {
					t.Errorf("diagnostics: %q", c.Diagnostics())
				}
			}
			c.nothing()
		})
	}
}

func TestHTTPStatusError(t *testing.T) {
	p := newHTTPPeer(t, httpScript{"m": refuse(401, "{}", "WWW-Authenticate", `Bearer a="b"`, "WWW-Authenticate", "Basic", "Content-Type", "application/json; a=b")})
	c := dialTest(t, HTTPSpec{URL: p.URL})
	c.request(2, "m")
	var got *StatusError
	if err := c.wantFailed("2", "401", true); !errors.As(err, &got) {
		t.Fatalf("%T", err)
	}
	if got.Code != 401 || got.WWWAuthenticate != `Bearer a="b", Basic` || got.ContentType != "application/json" || strings.Contains(got.Error(), "Bearer") {
		t.Errorf("%+v, %v", got, got)
	}
}

func TestHTTPSessionLost(t *testing.T) {
	tests := []struct {
		name string
		f    func(http.ResponseWriter, *http.Request, httpMsg)
	}{
		{"plain 404", refuse(404, "Not Found")},
		{"404 with an error without id", refuse(404, `{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}`)},
		{"404 with an error under our id", refuse(404, `{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":ID}`)},
		{"400 as in the TypeScript examples", refuse(400, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"},"id":ID}`)},
		{"400 without any id", refuse(400, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newHTTPPeer(t, httpScript{"m": tt.f, "n": func(w http.ResponseWriter, r *http.Request, m httpMsg) {
				time.Sleep(100 * time.Millisecond)
				tt.f(w, r, m)
			}})
			c := dialTest(t, HTTPSpec{URL: p.URL}).open()
			c.request(2, "n")
			c.request(3, "m")
			failed := map[string]bool{}
			for range 2 { // the slower one may say for itself that it didn't run
				f := c.next().Failed
				if f == nil || !errors.Is(f.Err, ErrSessionLost) || !f.NotRun {
					t.Fatalf("%+v", f)
				}
				failed[string(f.ID)] = true
			}
			if !failed["2"] || !failed["3"] {
				t.Errorf("%v", failed)
			}
			c.wantEnd(ErrSessionLost)
			c.Close(time.Second)
			if got := p.seen(); got[len(got)-1] == "DELETE" {
				t.Error("a lost session is deleted")
			}
		})
	}
}

func TestHTTP404WithoutSession(t *testing.T) {
	p := newHTTPPeer(t, httpScript{"m": refuse(404, "Cannot POST /")})
	c := dialTest(t, HTTPSpec{URL: p.URL})
	c.request(2, "m")
	c.wantFailed("2", "HTTP 404 Not Found: Cannot POST /", false)
	c.nothing()
}

// Nothing that the entry keeps secret, nor the session, is quoted back, whatever the server echoes.
func TestHTTPSecretsStayOutOfErrors(t *testing.T) {
	p := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, r *http.Request, _ httpMsg) {
		w.WriteHeader(500)
		_, _ = fmt.Fprintf(w, "%s %s %s", r.URL, r.Header.Get("Authorization"), r.Header.Get("Mcp-Session-Id"))
	}, "gone": func(w http.ResponseWriter, r *http.Request, _ httpMsg) {
		http.Redirect(w, r, "http://elsewhere.example/0123456789abcdef/?key=other-secret", http.StatusTemporaryRedirect)
	}})
	secrets := []string{"abc.def.ghi", "0123456789abcdef", "query-secret", "session-1", "pass-word", "other-secret"}
	u, _ := url.Parse(p.URL)
	spec := HTTPSpec{URL: "http://user:pass-word@" + u.Host + "/0123456789abcdef/mcp?key=query-secret", Headers: []Header{{"Authorization", "Bearer abc.def.ghi"}}}
	c := dialTest(t, spec).open()
	c.request(2, "m")
	text := c.wantFailed("2", "HTTP 500", false).Error()
	c.request(3, "gone")
	text += c.wantFailed("3", "another origin, http://elsewhere.example/…/", false).Error()
	text += c.Diagnostics() + fmt.Sprintf("%v %+v %#v", spec.Headers, spec.Headers, spec.Headers)
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %q", secret, text)
		}
	}
}

func TestHTTPNetworkErrors(t *testing.T) {
	tlsPeer := httptest.NewUnstartedServer(nil)
	tlsPeer.Config.ErrorLog = log.New(io.Discard, "", 0)
	tlsPeer.StartTLS()
	defer tlsPeer.Close()
	plain := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) { cut(w) }})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	tests := []struct {
		name, url, want string
		notRun          bool
	}{
		{"nobody listens", "http://" + closed + "/secret", closed + ": nothing listens there", true},
		{"no such host", "http://nobody.invalid/secret", "nobody.invalid:80: ", true},
		{"unknown authority", tlsPeer.URL, "authority this machine does not know", true},
		{"TLS to a plain port", strings.Replace(plain.URL, "http:", "https:", 1), "does not speak TLS", true},
		{"closed without an answer", plain.URL, "closed before the answer", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dialTest(t, HTTPSpec{URL: tt.url})
			c.request(2, "m")
			if err := c.wantFailed("2", tt.want, tt.notRun); strings.Contains(err.Error(), "secret") {
				t.Errorf("the path is in %q", err)
			}
		})
	}
}

func TestHTTPErrorsInPlainWords(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{context.Canceled, "cancelled"},
		{&net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}, "the proxy of the environment could not be reached, or it refused: nothing listens there"},
		{fmt.Errorf("proxy: %w", oauth.ErrProxy), "HTTPS_PROXY or ALL_PROXY is not the URL"},
		{&net.DNSError{Err: "no such host", Name: "secret", IsNotFound: true}, "no such host"},
		{&net.DNSError{Err: "server misbehaving", Name: "secret"}, "the name could not be resolved: server misbehaving"},
		{x509.HostnameError{Certificate: &x509.Certificate{}}, "its TLS certificate is for another host"},
		{x509.CertificateInvalidError{Reason: x509.Expired}, "has expired"},
		{os.ErrDeadlineExceeded, "no answer within 15s"},
		{errors.New("something else"), "something else"},
	}
	for _, tt := range tests {
		if got := networkReason(tt.err); !strings.Contains(got, tt.want) || strings.Contains(got, "secret") {
			t.Errorf("%T: %s, want %s", tt.err, got, tt.want)
		}
	}
}

func TestHTTPRedirects(t *testing.T) {
	other := newHTTPPeer(t, nil)
	tests := []struct {
		name, to, want string
		code           int
	}{
		{"307 keeps the POST", "/new", "", 307},
		{"308 keeps the POST", "/new", "", 308},
		{"302 would lose it", "/new", "put that URL into the config", 302},
		{"303 would lose it", "/new", "/new, which would turn a POST into a GET", 303},
		{"another origin", other.URL + "/new", "redirects (HTTP 308) to another origin, " + other.URL + "/new: not followed", 308},
		{"a loop", "/old", "redirects more than 5 times", 307},
		{"no target", "", "HTTP 307", 307},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, r *http.Request, m httpMsg) {
				if r.URL.Path == "/new" {
					reply(w, m, fmt.Sprintf("%q", r.Header.Get("Authorization")))
					return
				}
				if tt.to != "" {
					w.Header().Set("Location", tt.to)
				}
				w.WriteHeader(tt.code)
			}})
			c := dialTest(t, HTTPSpec{URL: p.URL + "/old", Headers: []Header{{"Authorization", "Bearer abc"}}})
			c.request(2, "m")
			if tt.want == "" {
				c.want(`{"jsonrpc":"2.0","id":2,"result":"Bearer abc"}`)
				return
			}
			c.wantFailed("2", tt.want, false)
			if got := len(p.seen()); tt.name == "a loop" && got != 1+maxRedirects {
				t.Errorf("%d requests", got)
			}
		})
	}
	if got := other.seen(); len(got) > 0 {
		t.Errorf("the other origin got %q", got)
	}
}

func TestHTTPRedirectToPlainHTTP(t *testing.T) {
	h := &HTTP{url: &url.URL{}, cookies: newCookies(nil)}
	from, _ := http.NewRequest(http.MethodGet, "https://a.example/", nil)
	to, _ := http.NewRequest(http.MethodGet, "http://a.example/", nil)
	to.Response = &http.Response{StatusCode: 301}
	if err := h.redirect(to, []*http.Request{from}); err == nil || !strings.Contains(err.Error(), "from https to plain http") {
		t.Errorf("%v", err)
	}
}

func TestHTTPRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for s, want := range map[string]time.Duration{
		"": 0, "x": 0, "-5": 0, "0": 0, "90": 90 * time.Second, "99999999999999": 24 * time.Hour, "9999999": 24 * time.Hour,
		"Sun, 01 Nov 2026 12:01:00 GMT": time.Minute, "Sun, 01 Nov 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(s, now); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func TestHTTPHeaderNotInJSON(t *testing.T) {
	if b, err := json.Marshal(Header{"Authorization", "secret"}); err == nil && strings.Contains(string(b), "secret") {
		t.Errorf("%s", b)
	}
}
