package oauth

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// noProxies takes the variables of the machine that the test runs on away.
func noProxies(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"} {
		t.Setenv(name, "")
		t.Setenv(strings.ToLower(name), "")
	}
}

func TestEnvironmentProxy(t *testing.T) {
	const web, plain = "https://mcp.example.com/mcp", "http://mcp.example.com/mcp"
	tests := []struct {
		env       map[string]string
		url, want string
	}{
		{nil, web, ""},
		{map[string]string{"ALL_PROXY": "socks5://127.0.0.1:1080"}, web, "socks5://127.0.0.1:1080"},
		{map[string]string{"all_proxy": "socks5h://u:p@proxy:1080"}, plain, "socks5h://u:p@proxy:1080"},
		{map[string]string{"ALL_PROXY": "socks://127.0.0.1:1080/"}, web, "socks5://127.0.0.1:1080/"},
		{map[string]string{"ALL_PROXY": "http://proxy:3128"}, plain, "http://proxy:3128"},
		{map[string]string{"ALL_PROXY": "proxy:3128"}, web, "http://proxy:3128"},
		{map[string]string{"ALL_PROXY": "HTTP://proxy:3128"}, web, "http://proxy:3128"},
		{map[string]string{"ALL_PROXY": "http://all:1", "HTTPS_PROXY": "http://tls:1"}, web, "http://tls:1"},
		{map[string]string{"ALL_PROXY": "http://all:1", "HTTPS_PROXY": "http://tls:1"}, plain, "http://all:1"},
		{map[string]string{"ALL_PROXY": "http://all:1", "http_proxy": "http://plain:1"}, plain, "http://plain:1"},
		{map[string]string{"ALL_PROXY": "http://all:1", "NO_PROXY": "example.com"}, web, ""},
		{map[string]string{"ALL_PROXY": "http://all:1", "no_proxy": "other.example, .example.com"}, web, ""},
		{map[string]string{"ALL_PROXY": "http://all:1", "NO_PROXY": "*"}, web, ""},
		{map[string]string{"ALL_PROXY": "http://all:1", "NO_PROXY": "10.0.0.0/8"}, "https://10.1.2.3/mcp", ""},
		{map[string]string{"ALL_PROXY": "http://all:1"}, "http://127.0.0.1:8080/mcp", ""},
		{map[string]string{"ALL_PROXY": "http://all:1"}, "http://localhost:8080/mcp", ""},
		{map[string]string{"ALL_PROXY": "socks4://secret:1"}, web, "an error"},
		{map[string]string{"ALL_PROXY": "ftp://secret:1"}, web, "an error"},
		{map[string]string{"HTTPS_PROXY": "socks4a://secret:1", "ALL_PROXY": "http://all:1"}, web, "an error"},
	}
	for _, tt := range tests {
		t.Run("", func(t *testing.T) {
			noProxies(t)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			req, _ := http.NewRequest(http.MethodGet, tt.url, nil)
			got, err := environmentProxy()(req)
			switch {
			case tt.want == "an error":
				if !errors.Is(err, ErrProxy) || strings.Contains(err.Error(), "secret") {
					t.Errorf("%v: %v, %v", tt.env, got, err)
				}
			case err != nil || got == nil && tt.want != "" || got != nil && got.String() != tt.want:
				t.Errorf("%v, %s: %v, %v", tt.env, tt.url, got, err)
			}
		})
	}
}

// TestALLPROXY: requests to a server, and those of a login, go through a SOCKS5 proxy and an HTTP proxy that only ALL_PROXY names.
func TestALLPROXY(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "reached "+r.Host) }))
	defer target.Close()
	through := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "reached "+r.URL.Host) }))
	defer through.Close()
	for _, proxy := range []string{"socks5://" + socks5(t, target.Listener.Addr().String()), "socks5h://" + socks5(t, target.Listener.Addr().String()), through.URL} {
		noProxies(t)
		t.Setenv("ALL_PROXY", proxy)
		resp, err := (&http.Client{Transport: NewTransport()}).Get("http://mcp.invalid/x")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != "reached mcp.invalid" {
			t.Errorf("%s: %s", proxy, body)
		}
		server, _ := url.Parse("http://127.0.0.1:1/")
		g := newGuard(server, true)
		req, _ := http.NewRequest(http.MethodGet, "http://mcp.invalid/y", nil)
		answer, err := g.follow.Do(req) // as after checkURL, which wants https
		if err != nil {
			t.Errorf("a login's request: %v", err)
			continue
		}
		answer.Body.Close()
	}
}

// socks5 is a SOCKS5 proxy without authentication (RFC 1928) that leads everything to one address.
func socks5(t *testing.T, to string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				head := make([]byte, 2)
				io.ReadFull(c, head)
				io.ReadFull(c, make([]byte, head[1]))
				c.Write([]byte{5, 0})
				request := make([]byte, 5)
				io.ReadFull(c, request)
				io.ReadFull(c, make([]byte, int(request[4])+2)) // a name and the port
				target, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer target.Close()
				c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
				go io.Copy(target, c)
				io.Copy(c, target)
			}()
		}
	}()
	return l.Addr().String()
}

// TestAuthorities: each variable makes a private authority count, beside those of the system, for servers and logins.
func TestAuthorities(t *testing.T) {
	noProxies(t)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	dir := t.TempDir()
	bundle, empty := filepath.Join(dir, "extra.pem"), filepath.Join(t.TempDir(), "empty.pem")
	os.WriteFile(bundle, append([]byte("# a comment\n"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})...), 0o600)
	os.WriteFile(empty, []byte("nothing"), 0o600)
	os.WriteFile(filepath.Join(dir, "README"), []byte("no certificate"), 0o600)
	other := t.TempDir()
	tests := []struct {
		name string
		env  map[string]string
		fail string // the error, "" if the server is reached
	}{
		{"none", nil, "NODE_EXTRA_CA_CERTS or SSL_CERT_FILE names a file"},
		{"NODE_EXTRA_CA_CERTS", map[string]string{"NODE_EXTRA_CA_CERTS": bundle}, ""},
		{"SSL_CERT_FILE", map[string]string{"SSL_CERT_FILE": bundle}, ""},
		{"SSL_CERT_DIR", map[string]string{"SSL_CERT_DIR": other + string(filepath.ListSeparator) + dir}, ""},
		{"one of them missing", map[string]string{"SSL_CERT_FILE": "/nowhere/ca.pem", "NODE_EXTRA_CA_CERTS": bundle}, ""},
		{"a missing file", map[string]string{"NODE_EXTRA_CA_CERTS": "/nowhere/ca.pem"}, "NODE_EXTRA_CA_CERTS can't be used"},
		{"a file without certificates", map[string]string{"NODE_EXTRA_CA_CERTS": empty}, "no PEM certificate"},
		{"a directory", map[string]string{"SSL_CERT_FILE": dir}, "not a certificate file"},
		{"a missing directory", map[string]string{"SSL_CERT_DIR": "/nowhere"}, "SSL_CERT_DIR can't be used"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
				t.Setenv(name, tt.env[name])
			}
			transport := NewTransport()
			transport.DisableKeepAlives = true
			resp, err := (&http.Client{Transport: transport}).Get(srv.URL)
			server, _ := url.Parse(srv.URL)
			_, _, _, gerr := newGuard(server, true).get(t.Context(), srv.URL)
			switch {
			case tt.fail == "" && (err != nil || gerr != nil):
				t.Errorf("%v, %v", err, gerr)
			case tt.fail != "" && (gerr == nil || !strings.Contains(gerr.Error(), tt.fail)):
				t.Errorf("a login's request: %v", gerr)
			case tt.fail != "" && err == nil:
				t.Error("the certificate is trusted")
			}
			if err == nil {
				resp.Body.Close()
			}
		})
	}
}
