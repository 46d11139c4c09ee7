package oauth

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// TestRenewedButNotStored: what could not be stored is renewed from memory, not given up for the older one in the store.
func TestRenewedButNotStored(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	b.expire(b.login)
	b.works(b.again(), "whoami") // renewed, as another process; its record is put back below
	b.login.recheck()
	file := b.store.Path(dir + "/" + b.login.grantRecord(b.login.place))
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b.expire(b.login)
	b.works(b.login, "whoami")
	if err := os.WriteFile(file, before, 0o600); err != nil { // as a failed write leaves it
		t.Fatal(err)
	}
	b.login.mu.Lock()
	late := *b.login.grant
	late.Obtained = late.Obtained.Add(-2 * time.Hour)
	b.login.grant = &late
	b.login.mu.Unlock()
	b.ClearLog()
	b.works(b.login, "whoami")
	if seen := b.Seen("POST", "/token"); len(seen) != 1 || seen[0].Status != 200 || seen[0].Param("refresh_token") != late.Refresh {
		t.Errorf("%v", seen)
	}
}

// TestTakenOverIsTold: a login that a look at the state has taken over is told of all the same.
func TestTakenOverIsTold(t *testing.T) {
	b := newBed(t, nil)
	var told atomic.Int32
	logins := New(Options{Store: b.store, LoggedIn: func(*Login, bool) { told.Add(1) }})
	logins.vault.keyring = b.keyring.key
	l, err := logins.For(b.login.target)
	if err != nil {
		t.Fatal(err)
	}
	l.Status()
	b.logIn(b.login)
	if st := l.Status(); st.State != StateIn {
		t.Errorf("%+v", st)
	}
	logins.Close() // waits for it
	if told.Load() != 1 {
		t.Errorf("told %d times", told.Load())
	}
}

// TestLostNetworkIsNoRefusal: with login "browser" a network that was away does not keep the next login from beginning.
func TestLostNetworkIsNoRefusal(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	logins := New(Options{Store: store.Open(t.TempDir())})
	t.Cleanup(logins.Close)
	l, err := logins.For(Target{Name: "x", URL: s.URL + "/mcp", Options: &config.OAuth{Login: config.LoginBrowser, Grant: config.GrantCode}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Start(t.Context(), How{Auto: true, Open: true}); !errors.Is(err, errTransient) {
		t.Error(err)
	}
}

// TestUnknownScopeIsForgotten: what the authorization server does not know is asked for once.
func TestUnknownScopeIsForgotten(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	b.login.want(t.Context(), []string{"mcp:read", "bogus:scope"})
	f := b.start(b.login, How{})
	b.deliver(f, func(q url.Values) { q.Del("code"); q.Set("error", "invalid_scope") })
	says(t, b.wait(f), "invalid_scope", `"scopes"`)
	f = b.start(b.login, How{Again: true})
	if got := strings.Join(f.Shown().Scopes, " "); strings.Contains(got, "bogus") {
		t.Errorf("asked again for %s", got)
	}
	f.Decline()
}

// TestLogoutOfAnotherClient: the secret that the entry has now is not sent for a login of the client it had before.
func TestLogoutOfAnotherClient(t *testing.T) {
	b := newBed(t, &config.OAuth{ClientID: "static-post", ClientSecret: "post secret/2"})
	b.logIn(b.login)
	b.ClearLog()
	_, changed := b.process(&config.OAuth{ClientID: "other", ClientSecret: "secret-of-the-other", Issuer: "https://other.example", AuthMethod: "client_secret_post"})
	if _, _, err := changed.Logout(t.Context()); err != nil {
		t.Error(err)
	}
	for _, r := range b.Log() {
		if r.Param("client_secret") != "" {
			t.Errorf("%s %v", r.Path, r.Params)
		}
	}
	if g := b.stored(b.login); g.Access+g.Refresh != "" {
		t.Error("the tokens are still there")
	}
}

// TestBareRefusal: where the metadata is may be told only to those who come without a token.
func TestBareRefusal(t *testing.T) {
	var s *httptest.Server
	pages := map[string]func() string{
		"/odd/prm": func() string { return `{"resource":"` + s.URL + `/mcp","authorization_servers":["` + s.URL + `/as"]}` },
		"/.well-known/oauth-authorization-server/as": func() string {
			return `{"issuer":"` + s.URL + `/as","authorization_endpoint":"` + s.URL + `/a","token_endpoint":"` + s.URL + `/t","code_challenge_methods_supported":["S256"]}`
		},
	}
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := pages[r.URL.Path]
		switch {
		case page != nil:
			io.WriteString(w, page())
		case r.URL.Path != "/mcp":
			w.WriteHeader(404)
		case r.Header.Get("Authorization") != "":
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(401)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+s.URL+`/odd/prm"`)
			w.WriteHeader(401)
		}
	}))
	t.Cleanup(s.Close)
	b := &bed{t: t}
	logins := New(Options{Store: store.Open(t.TempDir())})
	t.Cleanup(logins.Close)
	l, err := logins.For(Target{Name: "x", URL: s.URL + "/mcp", Options: &config.OAuth{ClientID: "c", Login: config.LoginAsk, Grant: config.GrantCode}})
	if err != nil {
		t.Fatal(err)
	}
	p := place{Issuer: s.URL + "/as", Resource: s.URL + "/mcp"}
	for name, record := range map[string]any{
		l.target.place(): &p,
		l.grantRecord(p): &grant{Generation: 1, Issuer: p.Issuer, Resource: p.Resource, Client: client{ID: "c", Kind: preRegistered}, Access: "refused"},
	} {
		if err := l.vault().write(name, record); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/mcp", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	var needed *RequiredError
	if _, err := l.RoundTripper(http.DefaultTransport).RoundTrip(req); !errors.As(err, &needed) {
		t.Error(err)
	}
	b.start(l, How{}).Decline()
}

// TestHostileDeviceAnswers: no answer for a device code ends more than the login.
func TestHostileDeviceAnswers(t *testing.T) {
	b := newBed(t, &config.OAuth{ClientID: "device"})
	for _, answer := range []string{`null`, `[]`, `{}`, `{"device_code":"d","user_code":"u","verification_uri":"javascript:x","interval":1}`, `x`} {
		at, _ := elsewhere(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, answer)
		})
		b.Faults(map[string]any{"as": map[string]any{"metadata": map[string]any{"device_authorization_endpoint": at}}})
		if f, err := b.login.Start(t.Context(), How{Device: true}); err == nil {
			t.Errorf("%s: %+v", answer, f.Shown())
			f.Decline()
		}
	}
}
