package oauth

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// TestAttack13LostAnswer: the answer of a renewal is lost. Nothing is repeated at once, the old token is used while it is good, and when the server
// says that the refresh token is used up, a person is told to log in.
func TestAttack13LostAnswer(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	first := *b.stored(b.login)
	b.switches(`{"as":{"token":{"mode":"drop","grant":"refresh_token","times":1}}}`)
	b.change(b.login, func(g *grant) { g.Obtained, g.Lifetime = now().Add(-280*time.Second), 300 }) // due, and good for a while
	b.ClearLog()
	for range 3 {
		b.works(b.login, "whoami")
	}
	if n := b.count("/token"); n != 1 {
		t.Errorf("%d renewals", n)
	}
	if g := b.stored(b.login); g.Refresh != first.Refresh || g.Ended != "" {
		t.Error("the login was changed by a renewal without an answer")
	}
	b.expire(b.login)
	b.needs(b.login, "the login has ended", "invalid_grant")
	for range 3 {
		b.needs(b.login, "the login has ended")
		b.needs(b.again(), "the login has ended")
	}
	if n := b.count("/token"); n != 2 {
		t.Errorf("%d renewals", n)
	}
	b.logIn(b.login)
	b.works(b.login, "whoami")

	// The answer to the code: it is not sent twice, and the person can log in again.
	b.switches(`{"as":{"token":{"mode":"drop","grant":"authorization_code","times":1}}}`)
	b.ClearLog()
	f := b.start(b.login, How{Again: true})
	if status, _ := b.deliver(f, func(url.Values) {}); status != 400 {
		t.Errorf("the browser was told %d", status)
	}
	says(t, b.wait(f), "exchanging the code", "closed before the answer was complete", "try again in a moment")
	if n := b.count("/token"); n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
	b.works(b.login, "whoami") // with the login before
	f = b.start(b.login, How{Again: true})
	b.deliver(f, func(url.Values) {})
	if err := b.wait(f); err != nil {
		t.Error(err)
	}
}

// TestAttack13Rotation: each renewal's new refresh token is stored before anybody uses its access token; one that is not renewed is kept.
func TestAttack13Rotation(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	for range 3 {
		before := b.stored(b.login).Refresh
		b.expire(b.login)
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			if g := b.stored(b.login); g.Refresh == before || "Bearer "+g.Access != r.Header.Get("Authorization") {
				t.Error("used before it was stored")
			}
			return http.DefaultTransport.RoundTrip(r)
		})
		if resp, err := b.through(b.login, base); err != nil {
			t.Fatal(err)
		} else {
			resp.Body.Close()
		}
	}
	at, seen := elsewhere(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"access_token":"`+b.Mint(nil)+`","token_type":"bearer","expires_in":1}`)
	})
	kept := b.stored(b.login).Refresh
	b.change(b.login, func(g *grant) { g.Obtained, g.Lifetime, g.TokenURL = now().Add(-time.Hour), 300, at })
	b.works(b.login, "whoami")
	if g := b.stored(b.login); g.Refresh != kept || len(seen()) != 1 {
		t.Errorf("the refresh token is gone, after %d requests", len(seen()))
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestAttack14Trouble: whatever a token endpoint in trouble answers, the login is kept, nothing of the answer is shown, and it works later.
func TestAttack14Trouble(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	const html = "<html><body>planted by a proxy</body></html>"
	type trouble struct {
		what       string
		status     int
		kind, body string
	}
	var now atomic.Pointer[trouble]
	at, seen := elsewhere(t, func(w http.ResponseWriter, r *http.Request) {
		c := now.Load()
		switch c.status {
		case 0:
			panic(http.ErrAbortHandler)
		case 307:
			w.Header().Set("Location", b.Issuer+"/token")
		}
		w.Header().Set("Content-Type", c.kind)
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(c.status)
		io.WriteString(w, c.body)
	})
	right := b.stored(b.login).TokenURL
	const json, page = "application/json", "text/html"
	for _, c := range []trouble{
		{"500", 500, page, html}, {"502", 502, page, ""}, {"503", 503, page, html}, {"429", 429, "text/plain", "planted: slow down"}, {"408", 408, "", ""},
		{"403 of a firewall", 403, page, html}, {"404", 404, page, html}, {"400 without words", 400, json, `{}`}, {"401 without words", 401, page, html},
		{"200 with a page", 200, page, html}, {"200 with nothing", 200, json, ""}, {"200 with {}", 200, json, `{}`}, {"200 with a list", 200, json, `["planted"]`},
		{"200 with an error", 200, json, `{"error":"temporarily_unavailable"}`}, {"half an answer", 200, json, `{"access_token":"planted`},
		{"10 MB", 200, json, `{"access_token":"` + strings.Repeat("planted", 1500000) + `"}`},
		{"400 temporarily_unavailable", 400, json, `{"error":"temporarily_unavailable"}`}, {"500 server_error", 500, json, `{"error":"server_error"}`},
		{"no answer", 0, "", ""}, {"a redirect", 307, "", ""}, {"another type", 200, json, `{"access_token":"planted","token_type":"mac"}`},
		{"a token with a line", 200, json, `{"access_token":"planted\r\nX: y","token_type":"bearer"}`},
	} {
		t.Run(c.what, func(t *testing.T) {
			b.t = t
			now.Store(&c)
			b.expire(b.login)
			b.change(b.login, func(g *grant) { g.TokenURL = at })
			asked := len(seen())
			for range 3 {
				_, _, err := b.call(b.login, "whoami")
				var needed *RequiredError
				if says(t, err, "renewing its login"); errors.As(err, &needed) || strings.Contains(err.Error(), "planted") || len(err.Error()) > 400 {
					t.Errorf("%v", err)
				}
			}
			if n := len(seen()) - asked; n != 1 {
				t.Errorf("%d renewals at once", n)
			}
			if st := b.login.Status(); st.State != StateTrouble || st.Why == "" || strings.Contains(st.Why, "planted") {
				t.Errorf("%+v", st)
			}
			b.change(b.login, func(g *grant) { g.TokenURL = right })
			b.works(b.login, "whoami")
		})
	}
}

// TestAttack14EndedByTrouble: an answer of a server in trouble is not the end of a login, whatever words it has.
func TestAttack14EndedByTrouble(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	for _, switches := range []string{`{"status":503,"body":{"error":"invalid_grant"}}`, `{"status":429,"body":{"error":"invalid_client"}}`, `{"status":500,"body":{"error":"invalid_client"}}`} {
		b.switches(`{"as":{"token":` + strings.Replace(switches, "{", `{"mode":"error","grant":"refresh_token","times":1,`, 1) + `}}`)
		b.expire(b.login)
		_, _, err := b.call(b.login, "whoami")
		says(t, err, "try again in a moment")
		if g := b.stored(b.login); g == nil || g.Ended != "" {
			t.Fatalf("%s ended the login", switches)
		}
		b.patience(b.login)
		b.works(b.login, "whoami")
	}
}

// TestAttack13Reread: invalid_grant is the end only if the store has no newer login by then, as where locks don't work (NFS).
func TestAttack13Reread(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	var newer grant
	at, _ := elsewhere(t, func(w http.ResponseWriter, _ *http.Request) {
		p, _, _, _ := b.login.read()
		_ = b.login.vault().write(b.login.grantRecord(p), &newer) // of a process that has no working lock
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(400)
		io.WriteString(w, `{"error":"invalid_grant"}`)
	})
	newer = *b.stored(b.login)
	newer.Generation++
	b.change(b.login, func(g *grant) { g.Obtained, g.Lifetime, g.TokenURL = now().Add(-time.Hour), 300, at })
	b.works(b.login, "whoami")
	if g := b.stored(b.login); g.Ended != "" || g.Refresh != newer.Refresh {
		t.Error("the newer login is lost")
	}
}

// TestAttack14Slow: a token endpoint that answers too slowly costs ten seconds, once for all calls.
func TestAttack14Slow(t *testing.T) {
	for what, serve := range map[string]http.HandlerFunc{
		"says nothing": func(_ http.ResponseWriter, r *http.Request) { _ = r.ParseForm(); <-r.Context().Done() },
		"a byte a second": func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			for r.Context().Err() == nil {
				w.Write([]byte(" "))
				w.(http.Flusher).Flush()
				time.Sleep(time.Second)
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			g, n := guarded(t, localServer, nil, serve)
			logins := New(Options{Store: store.Open(t.TempDir())})
			logins.vault.keyring = (&fakeKeyring{}).key
			defer logins.Close()
			l, err := logins.For(Target{Name: "slow", URL: localServer, Options: &config.OAuth{}})
			if err != nil {
				t.Fatal(err)
			}
			g.lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, &net.DNSError{IsNotFound: true} }
			l.guard = g
			old := &grant{Generation: 1, Issuer: "http://127.0.0.1", Resource: localServer, TokenURL: "http://127.0.0.1/token", Access: "old-access", Refresh: "old-refresh",
				Obtained: now().Add(-time.Hour), Lifetime: 60, Client: client{ID: "x", Method: methodNone}}
			at := place{Server: "slow", Issuer: old.Issuer, Resource: old.Resource}
			if errors.Join(l.vault().write(l.target.place(), &at), l.vault().write(l.grantRecord(at), old)) != nil {
				t.Fatal("not stored")
			}
			start := time.Now()
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					_, _, err := l.bearer(t.Context())
					says(t, err, "renewing its login", "try again in a moment")
				})
			}
			all.Wait()
			if took := time.Since(start); took != wholeRequest || len(n.dialed()) != 1 {
				t.Errorf("%s: %s, %d connections", what, took, len(n.dialed()))
			}
			if _, g, why, err := l.read(); g == nil || g.Refresh != "old-refresh" || err != nil {
				t.Errorf("%s: the login is gone: %s %v", what, why, err)
			}
			time.Sleep(10 * time.Second) // the handler notices
		})
	}
}
