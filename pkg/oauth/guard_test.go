package oauth

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// A fakeNetwork is one that exists in this process only: names with addresses, and one server behind all of them.
type fakeNetwork struct {
	names map[string]string // addresses, with spaces between; missing: 198.41.0.4
	conns chan net.Conn
	tls   string // where the server really is; "": it takes conns

	mu    sync.Mutex
	dials []string
}

func (n *fakeNetwork) Accept() (net.Conn, error) {
	conn, ok := <-n.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (n *fakeNetwork) Close() error   { return nil }
func (n *fakeNetwork) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(198, 41, 0, 4), Port: 443} }

func (n *fakeNetwork) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	list, ok := n.names[host]
	if !ok {
		list = "198.41.0.4"
	}
	if list == "" {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var ips []netip.Addr
	for s := range strings.FieldsSeq(list) {
		ips = append(ips, netip.MustParseAddr(s))
	}
	return ips, nil
}

func (n *fakeNetwork) dial(_ context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	n.dials = append(n.dials, addr)
	n.mu.Unlock()
	if n.tls != "" { // over a pipe, crypto/tls takes seconds to close
		return net.Dial("tcp", n.tls)
	}
	ours, theirs := net.Pipe()
	n.conns <- theirs
	return ours, nil
}

func (n *fakeNetwork) dialed() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.dials)
}

// guarded returns a guard for that server in a network of its own, with handler behind every address.
func guarded(t *testing.T, server string, names map[string]string, handler http.HandlerFunc) (*guard, *fakeNetwork) {
	t.Helper()
	n := &fakeNetwork{names: names, conns: make(chan net.Conn, 100)}
	srv := httptest.NewUnstartedServer(handler)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	g := guardFor(t, server, false)
	g.lookup, g.dial = n.lookup, n.dial
	g.proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	if strings.HasPrefix(server, "https:") {
		n.tls = srv.Listener.Addr().String()
		srv.StartTLS()
		g.transport.TLSClientConfig.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		g.transport.TLSClientConfig.ServerName = "example.com" // which its certificate is for
	} else {
		srv.Listener.Close()
		srv.Listener = n
		srv.Start()
	}
	t.Cleanup(func() { close(n.conns); srv.CloseClientConnections(); srv.Config.Close() })
	return g, n
}

const (
	remoteServer = "https://mcp.example/mcp"
	localServer  = "http://127.0.0.1:8000/mcp"
)

func TestGuardAsks(t *testing.T) {
	mcptest.CheckGoroutines(t)
	g, n := guarded(t, remoteServer, nil, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		w.Header().Set("X-Got", fmt.Sprint(r.Method, " ", r.URL, " ", r.Header.Get("Accept"), " ", r.Header.Get("Content-Type"), " ", r.Header.Get("X-Own"), " ", r.Header["Cookie"], " ", r.UserAgent()))
		w.WriteHeader(http.StatusTeapot)
		w.Write(append([]byte("got "), body...))
	})
	for range 2 { // the second time without the first one's cookie
		status, header, body, err := g.get(t.Context(), "https://as.example/meta?x=1")
		if err != nil || status != http.StatusTeapot || string(body) != "got " || header.Get("X-Got") != "GET /meta?x=1 application/json   [] mcpproxy-stdio" {
			t.Errorf("%d %q %q %v", status, header.Get("X-Got"), body, err)
		}
	}
	own := http.Header{"X-Own": {"1"}, "Accept": {"text/plain"}}
	_, header, body, err := g.post(t.Context(), "https://as.example:8443/reg", "application/json", own, []byte("{}"))
	if err != nil || string(body) != "got {}" || header.Get("X-Got") != "POST /reg text/plain application/json 1 [] mcpproxy-stdio" {
		t.Errorf("%q %q %v", header.Get("X-Got"), body, err)
	}
	if len(own) != 2 {
		t.Error("the caller's header was changed")
	}
	if _, _, _, err := g.post(t.Context(), "https://as.example/reg", "text/plain", nil, nil); err != nil {
		t.Error(err)
	}
	if want := []string{"as.example:443", "as.example:443", "as.example:8443", "as.example:443"}; !slices.Equal(n.dialed(), want) {
		t.Errorf("dialled %v", n.dialed())
	}
}

// Nothing is dialled for a name with a forbidden address, whichever of its addresses that is.
func TestGuardJudgesAddresses(t *testing.T) {
	for addresses, ok := range map[string]bool{
		"8.8.8.8": true, "8.8.8.8 2606:4700::1111": true,
		"127.0.0.1": false, "8.8.8.8 127.0.0.1": false, "2606:4700::1111 ::1": false, "::ffff:127.0.0.1": false, "10.0.0.1 8.8.8.8": false,
		"192.168.1.1": false, "100.64.1.1": false, "fd00::1": false, "169.254.169.254": false, "fd00:ec2::254": false, "0.0.0.0": false,
		"64:ff9b::a9fe:a9fe": false, "2002:7f00:1::": false, "fe80::1": false, "": false,
	} {
		g, n := guarded(t, remoteServer, map[string]string{"evil.example": addresses}, func(http.ResponseWriter, *http.Request) {})
		for what, ask := range map[string]func() error{
			"get": func() error { _, _, _, err := g.get(t.Context(), "https://evil.example/secret"); return err },
			"post": func() error {
				_, _, _, err := g.post(t.Context(), "https://evil.example/secret", "a/b", nil, nil)
				return err
			},
			"client": func() error {
				resp, err := g.client().Get("https://evil.example/secret")
				if err == nil {
					resp.Body.Close()
				}
				return plain(err)
			},
		} {
			err := ask()
			if (err == nil) != ok || !ok && addresses != "" && !errors.Is(err, errRefusedAddress) {
				t.Errorf("%s, %q: %v", what, addresses, err)
			}
			if !ok && (!strings.Contains(err.Error(), "evil.example:443") || strings.Contains(err.Error(), "secret")) {
				t.Errorf("%s, %q: %v", what, addresses, err)
			}
		}
		if dialed := n.dialed(); !ok && len(dialed) != 0 {
			t.Errorf("%q: dialled %v", addresses, dialed)
		}
	}
}

// A name has another address when it is dialled than when it was judged: the real dialer is asked, which sends nothing.
func TestGuardJudgesWhatIsDialled(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	connected := make(chan bool, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			conn.Close()
			connected <- true
		}
		close(connected)
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	g := guardFor(t, remoteServer, true)
	g.lookup = (&fakeNetwork{}).lookup
	g.proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	// checkURL would refuse this name, and the dialer has to do without.
	_, err = g.dialChecked(t.Context(), "tcp4", "localhost:"+port)
	if !errors.Is(err, errRefusedAddress) {
		t.Errorf("dialled: %v", err)
	}
	if err := g.control(t.Context(), "tcp", "8.8.8.8:443", nil); !errors.Is(err, errRefusedAddress) {
		t.Errorf("a dial that nobody has announced: %v", err)
	}
	listener.Close()
	if <-connected {
		t.Error("a connection was made")
	}

	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	_, port, _ = net.SplitHostPort(open.Addr().String())
	conn, err := guardFor(t, localServer, false).dialChecked(t.Context(), "tcp4", "localhost:"+port)
	if err != nil {
		t.Fatalf("beside a server on this machine: %v", err)
	}
	conn.Close()
}

func TestGuardRedirects(t *testing.T) {
	names := map[string]string{"inner.example": "10.0.0.1", "meta.example": "8.8.8.8 169.254.169.254", "back.example": "127.0.0.1"}
	var referer string
	g, n := guarded(t, remoteServer, names, func(w http.ResponseWriter, r *http.Request) {
		referer += r.Referer()
		if to := r.URL.Query().Get("to"); to != "" {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		var left int
		if fmt.Sscanf(r.URL.Path, "/%d", &left); left > 0 {
			http.Redirect(w, r, fmt.Sprintf("https://as%d.example/%d", left, left-1), http.StatusFound)
			return
		}
		io.WriteString(w, "there")
	})
	if _, _, body, err := g.get(t.Context(), "https://as.example/3"); err != nil || string(body) != "there" {
		t.Errorf("three redirects: %q, %v", body, err)
	}
	if _, _, _, err := g.get(t.Context(), "https://as.example/4"); err == nil || !strings.Contains(err.Error(), "as.example:443 redirects more than 3 times") {
		t.Errorf("four redirects: %v", err)
	}
	if _, err := g.client().Get("https://as.example/9999"); err == nil || !strings.Contains(err.Error(), "more than 3") {
		t.Errorf("endless redirects: %v", err)
	}
	before := len(n.dialed())
	targets := append([]string{"https://inner.example/", "https://meta.example/", "https://back.example/"}, hostileURLs...)
	asked := 0
	for _, to := range targets {
		if !strings.Contains(to, "://") || strings.ContainsFunc(to, func(c rune) bool { return c < ' ' || c >= 0x7f }) {
			continue // relative, or not a header's
		}
		if _, _, _, err := g.get(t.Context(), "https://as.example/?to="+url.QueryEscape(to)); err == nil || strings.Contains(err.Error(), "to=") {
			if strings.HasPrefix(strings.TrimSpace(to), "https://as.example/") && err == nil {
				continue // net/http escapes what is odd in a path, and leaves fragments away
			}
			t.Errorf("to %.100q: %v", to, err)
		}
		asked++
	}
	for _, addr := range n.dialed()[before:] {
		if addr != "as.example:443" {
			t.Errorf("%s was dialled", addr)
		}
	}
	if asked < 40 {
		t.Errorf("only %d redirects were tried", asked)
	}
	if referer != "" {
		t.Errorf("told where it came from: %s", referer)
	}
}

func TestGuardKeepsTLS(t *testing.T) {
	g, _ := guarded(t, "https://127.0.0.1/mcp", nil, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1/x", http.StatusFound)
	})
	if _, _, _, err := g.get(t.Context(), "https://127.0.0.1/"); err == nil || !strings.Contains(err.Error(), "from https to plain http") {
		t.Error(err)
	}
}

func TestGuardRedirectsNoPost(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		posts := 0
		g, n := guarded(t, remoteServer, nil, func(w http.ResponseWriter, r *http.Request) {
			posts++
			http.Redirect(w, r, "https://other.example/", status)
		})
		_, _, _, err := g.post(t.Context(), "https://as.example/token?q=secret", "a/b", nil, []byte("secret"))
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("as.example:443 redirects (HTTP %d)", status)) || strings.Contains(err.Error(), "?q") {
			t.Errorf("%d: %v", status, err)
		}
		_, err = g.client().Post("https://as.example/token", "a/b", struct{ io.Reader }{strings.NewReader("secret")}) // which can't be sent twice
		if err == nil || posts != 2 || len(n.dialed()) != 2 {
			t.Errorf("%d: %v after %d posts", status, err, posts)
		}
	}
}

func TestGuardBounds(t *testing.T) {
	g, _ := guarded(t, remoteServer, nil, func(w http.ResponseWriter, r *http.Request) {
		var size int
		fmt.Sscanf(r.URL.Path, "/%d", &size)
		body := bytes.Repeat([]byte("secret"), size/6+1)[:size]
		switch r.URL.RawQuery {
		case "header":
			w.Header().Set("X", string(body))
		case "gzip":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write(body)
			z.Close()
		default:
			w.Write(body)
		}
	})
	for _, c := range []struct {
		place string
		want  int // -1: an error
	}{
		{"/0", 0}, {"/100", 100}, {"/1048576", maxBody}, {"/1048577", -1}, {"/10000000", -1},
		{"/1048576?gzip", maxBody}, {"/1048577?gzip", -1}, {"/50000000?gzip", -1}, {"/60000?header", 0}, {"/100000?header", -1},
	} {
		_, _, body, err := g.get(t.Context(), "https://as.example"+c.place)
		if c.want < 0 {
			if err == nil || body != nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "as.example:443: ") {
				t.Errorf("%s: %d bytes, %v", c.place, len(body), err)
			}
		} else if err != nil || len(body) != c.want {
			t.Errorf("%s: %d bytes, %v", c.place, len(body), err)
		}
		resp, err := g.client().Get("https://as.example" + c.place)
		if err != nil {
			continue
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if resp.Body.Close(); n > maxBody || c.want < 0 && err == nil {
			t.Errorf("client, %s: %d bytes, %v", c.place, n, err)
		}
	}
}

// The time is for all of it: a server that goes on slowly is given up like one that says nothing.
func TestGuardTimes(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a byte a second": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				w.Write([]byte(" "))
				w.(http.Flusher).Flush()
				time.Sleep(time.Second)
			}
		},
		"slow redirects": func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(4 * time.Second)
			http.Redirect(w, r, "/", http.StatusFound)
		},
	} {
		for _, client := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				g, _ := guarded(t, localServer, nil, handler)
				start := time.Now()
				var err error
				if client {
					var resp *http.Response
					if resp, err = g.client().Get("http://127.0.0.1/"); err == nil {
						_, err = io.ReadAll(resp.Body)
						resp.Body.Close()
					}
					err = plain(err)
				} else {
					_, _, _, err = g.get(t.Context(), "http://127.0.0.1/")
				}
				took := time.Since(start)
				if err == nil || !errors.Is(err, context.DeadlineExceeded) || err.Error() != "127.0.0.1:80: no answer within 10s" || took != wholeRequest {
					t.Errorf("%s: after %s: %v", name, took, err)
				}
				time.Sleep(10 * time.Second) // the handler notices
			})
		}
	}
}

func TestGuardGivesUpAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g, _ := guarded(t, remoteServer, nil, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	if _, _, _, err := g.get(ctx, "https://as.example/"); !errors.Is(err, context.Canceled) || err.Error() != "as.example:443: cancelled" {
		t.Error(err)
	}
}

func TestGuardBehindAProxy(t *testing.T) {
	const proxy = "http://127.0.0.1:3128"
	g, n := guarded(t, localServer, map[string]string{"as.example": "10.0.0.1"}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Asked", r.Method+" "+r.Host)
		http.Error(w, "secret", http.StatusForbidden)
	})
	g.host, g.loopback = "mcp.example", false // the server is elsewhere, the network speaks plain HTTP as the proxy does
	g.proxy = func(req *http.Request) (*url.URL, error) {
		if req.URL.Hostname() == "direct.example" {
			return nil, nil
		}
		return url.Parse(proxy)
	}
	_, _, _, err := g.get(t.Context(), "https://as.example/")
	if err == nil || errors.Is(err, errRefusedAddress) || strings.Contains(err.Error(), "secret") || !slices.Equal(n.dialed(), []string{"127.0.0.1:3128"}) {
		t.Errorf("a target that only the proxy knows: %v, dialled %v", err, n.dialed())
	}
	for _, place := range []string{"https://127.0.0.1:3128/", "https://localhost:3128/", "https://10.0.0.1/", "https://169.254.169.254/", "https://2130706433:3128/"} {
		if _, _, _, err := g.get(t.Context(), place); !errors.Is(err, errRefusedAddress) {
			t.Errorf("%s: %v", place, err)
		}
	}
	n.names["direct.example"] = "127.0.0.1"
	if _, _, _, err := g.get(t.Context(), "https://direct.example:3128/"); !errors.Is(err, errRefusedAddress) {
		t.Errorf("the proxy's own address, not as the proxy: %v", err)
	}
	if dialed := n.dialed(); len(dialed) != 1 {
		t.Errorf("dialled %v", dialed)
	}
	u, _ := url.Parse(proxy)
	if _, err := g.dialChecked(context.WithValue(t.Context(), dialed{}, toProxy{u}), "tcp", "127.0.0.1:3129"); !errors.Is(err, errRefusedAddress) {
		t.Errorf("another port of the proxy's host: %v", err)
	}
	g.proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("a secret") }
	if _, _, _, err := g.get(t.Context(), "https://as.example/"); err == nil || strings.Contains(err.Error(), "a secret") {
		t.Errorf("no URL of a proxy: %v", err)
	}
}

func TestProxyAddress(t *testing.T) {
	for raw, want := range map[string]string{"http://p": "p:80", "https://p": "p:443", "socks5://p": "p:1080", "socks5h://p": "p:1080", "http://[::1]:8": "[::1]:8"} {
		if u, _ := url.Parse(raw); proxyAddress(u) != want {
			t.Errorf("%s: %s", raw, proxyAddress(u))
		}
	}
}

func TestGuardSpeaksHTTP2(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	g := guardFor(t, srv.URL, false)
	g.transport.TLSClientConfig.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if _, _, body, err := g.get(t.Context(), srv.URL); err != nil || string(body) != "HTTP/2.0" {
		t.Errorf("%q, %v", body, err)
	}
	if _, _, _, err := guardFor(t, srv.URL, false).get(t.Context(), srv.URL); err == nil || !strings.Contains(err.Error(), "authority this machine does not know") {
		t.Errorf("a certificate of an unknown authority: %v", err)
	}
	plainURL := strings.Replace(srv.URL, "https", "http", 1)
	if _, _, _, err := guardFor(t, plainURL, false).get(t.Context(), plainURL); err != nil { // Go's server answers with a 400
		t.Error(err)
	}
	srv.Close()
	if _, _, _, err := g.get(t.Context(), srv.URL); !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "connection refused") || os.IsTimeout(err) {
		t.Error(err)
	}
}
