package oauth

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// A far is a login to a server far away, in a network of this process only, whose documents a case changes.
type far struct {
	login  *Login
	opened []string
	net    *fakeNetwork
}

// newFar makes one. serve is asked first; documents is what is put in place of usual texts in the metadata.
func newFar(t *testing.T, o *config.OAuth, serve func(w http.ResponseWriter, r *http.Request) bool, documents *strings.Replacer) *far {
	t.Helper()
	names := map[string]string{"inner.example": "127.0.0.1", "cloud.example": "169.254.169.254", "office.example": "10.1.2.3", "mixed.example": "198.41.0.4 192.168.1.1",
		"six.example": "fd00:ec2::254", "mapped.example": "::ffff:10.0.0.1", "nat.example": "64:ff9b::7f00:1"}
	g, n := guarded(t, remoteServer, names, func(w http.ResponseWriter, r *http.Request) {
		answer := func(text string) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, documents.Replace(text))
		}
		switch place := r.Host + r.URL.Path; {
		case serve != nil && serve(w, r):
		case place == "mcp.example/mcp":
			w.Header().Set("WWW-Authenticate", `Bearer`)
			w.WriteHeader(401)
		case place == "mcp.example/.well-known/oauth-protected-resource/mcp":
			answer(`{"resource":"https://mcp.example/mcp","authorization_servers":["https://as.example"]}`)
		case r.URL.Path == "/.well-known/oauth-authorization-server":
			answer(`{"issuer":"https://as.example","authorization_endpoint":"https://as.example/auth","token_endpoint":"https://as.example/token","registration_endpoint":"https://as.example/reg",
				"revocation_endpoint":"https://as.example/revoke","code_challenge_methods_supported":["S256"]}`)
		case place == "as.example/reg":
			w.WriteHeader(201)
			answer(`{"client_id":"x"}`)
		default:
			w.WriteHeader(404)
		}
	})
	f := &far{net: n}
	logins := New(Options{Store: store.Open(t.TempDir()), Log: zerolog.Nop(), Open: func(u string) error { f.opened = append(f.opened, u); return nil }})
	logins.vault.keyring = (&fakeKeyring{}).key
	t.Cleanup(logins.Close)
	l, err := logins.For(Target{Name: "far", URL: remoteServer, Options: o})
	if err != nil {
		t.Fatal(err)
	}
	g.allowPrivate = l.guard.allowPrivate
	l.guard, f.login = g, l
	return f
}

// refuses wants the login to fail without a packet to anywhere but the two servers.
func (f *far) refuses(t *testing.T, words ...string) {
	t.Helper()
	flow, err := f.login.Start(t.Context(), How{Open: true})
	if err == nil {
		flow.Decline()
		t.Fatalf("a person was asked: %+v", flow.Shown())
	}
	says(t, err, words...)
	f.only(t, "mcp.example:443", "as.example:443")
	if len(f.opened) > 0 {
		t.Errorf("opened %s", f.opened)
	}
}

func (f *far) only(t *testing.T, where ...string) {
	t.Helper()
	for _, at := range f.net.dialed() {
		if !slices.Contains(where, at) {
			t.Errorf("dialled %s", at)
		}
	}
}

// forbidden are places that no login may reach for a server that is elsewhere.
var forbidden = []string{
	"https://169.254.169.254", "https://169.254.169.254.", "https://100.100.100.200", "https://[fd00:ec2::254]", "https://[::ffff:169.254.169.254]",
	"https://127.0.0.1", "https://127.9.9.9", "https://[::1]", "https://[::ffff:127.0.0.1]", "https://[::127.0.0.1]", "https://[64:ff9b::7f00:1]", "https://[2002:7f00:1::]", "https://localhost", "https://x.localhost", "https://LOCALHOST.",
	"https://10.0.0.5", "https://192.168.1.1:8443", "https://172.16.0.1", "https://100.64.0.1", "https://[::ffff:10.0.0.1]", "https://[fc00::1]", "https://0.0.0.0", "https://[::]", "https://224.0.0.1",
	"https://2130706433", "https://0x7f000001", "https://0x7f.1", "https://127.1", "https://0177.0.0.1", "https://017700000001", "https://169.254.43518", "https://[fe80::1%25eth0]", "https://１２７.0.0.1", "https://127。0。0。1",
	"https://inner.example", "https://cloud.example", "https://office.example", "https://mixed.example", "https://six.example", "https://mapped.example", "https://nat.example",
	"http://as.example", "http://127.0.0.1", "http://localhost",
}

// TestAttack08Metadata: a server can't have us ask what only this machine or its network reaches, however that is written down.
func TestAttack08Metadata(t *testing.T) {
	for _, at := range forbidden {
		t.Run("issuer "+strings.ReplaceAll(at, "/", ""), func(t *testing.T) {
			newFar(t, nil, nil, strings.NewReplacer(`["https://as.example"]`, `["`+at+`"]`)).refuses(t, "reading the authorization server's metadata")
		})
		t.Run("token endpoint "+strings.ReplaceAll(at, "/", ""), func(t *testing.T) {
			named := strings.HasSuffix(at, ".example") && strings.HasPrefix(at, "https:")
			f := newFar(t, nil, nil, strings.NewReplacer(`https://as.example/token`, at+"/token", `https://as.example/reg`, at+"/reg"))
			if !named {
				f.refuses(t, "endpoint can't be used")
				return
			}
			f.refuses(t, "registering the client", "not asked") // the name is resolved when it is needed
		})
	}
}

// TestAttack08Renewal: nor can the endpoints of a login that is stored, whose names have other addresses by now.
func TestAttack08Renewal(t *testing.T) {
	for _, at := range forbidden {
		f := newFar(t, nil, nil, strings.NewReplacer())
		old := &grant{Generation: 1, Issuer: "https://as.example", Resource: remoteServer, TokenURL: at + "/token", RevokeURL: at + "/revoke", Access: "a", Refresh: "r",
			Obtained: now().AddDate(0, 0, -1), Lifetime: 1, Client: client{ID: "x", Method: methodNone}}
		p := place{Issuer: old.Issuer, Resource: old.Resource}
		if f.login.vault().write(f.login.target.place(), &p) != nil || f.login.vault().write(f.login.grantRecord(p), old) != nil {
			t.Fatal("not stored")
		}
		if _, _, err := f.login.bearer(t.Context()); err == nil {
			t.Errorf("%s was asked", at)
		}
		if had, revoked, err := f.login.Logout(t.Context()); !had || revoked || err != nil {
			t.Errorf("%s: %v %v %v", at, had, revoked, err)
		}
		f.only(t)
	}
}

// TestAttack08Redirects: each redirect is judged like the first URL, and a POST is not sent on at all.
func TestAttack08Redirects(t *testing.T) {
	for _, at := range forbidden {
		for _, from := range []string{"mcp.example/.well-known/oauth-protected-resource/mcp", "as.example/.well-known/oauth-authorization-server", "as.example/reg"} {
			f := newFar(t, nil, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Host+r.URL.Path != from {
					return false
				}
				w.Header().Set("Location", at+"/latest/meta-data/")
				w.WriteHeader(307)
				return true
			}, strings.NewReplacer())
			f.refuses(t)
		}
	}
}

// TestAttack08AllowPrivate: the option opens private networks, and neither this machine nor where clouds keep their credentials.
func TestAttack08AllowPrivate(t *testing.T) {
	o := &config.OAuth{AllowPrivate: true, Login: config.LoginAsk, Grant: config.GrantCode}
	for _, at := range []string{"https://10.0.0.5", "https://office.example", "https://169.254.169.254", "https://cloud.example", "https://127.0.0.1", "https://inner.example", "https://six.example"} {
		f := newFar(t, o, nil, strings.NewReplacer(`https://as.example`, at))
		private := at == "https://10.0.0.5" || at == "https://office.example"
		if !private {
			f.refuses(t, "not asked")
			continue
		}
		flow, err := f.login.Start(t.Context(), How{})
		if err != nil && !strings.Contains(err.Error(), "registering") {
			t.Errorf("%s: %v", at, err)
		}
		if err == nil {
			flow.Decline()
		}
		f.only(t, "mcp.example:443", strings.TrimPrefix(at, "https://")+":443")
		if fmt.Sprint(f.net.dialed()) == "[mcp.example:443]" {
			t.Errorf("%s was not asked", at)
		}
	}
}
