package oauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// TestAttack17Cancelled: who gives up waiting goes at once; the renewal or login goes on, and its outcome is for the next.
func TestAttack17Cancelled(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	give := func(l *Login, after time.Duration) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), after)
		defer cancel()
		start := time.Now()
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, b.MCP, strings.NewReader(`{}`))
		_, err := l.RoundTripper(http.DefaultTransport).RoundTrip(req)
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took > after+400*time.Millisecond {
			t.Errorf("after %s: %v", took, err)
		}
	}
	b.switches(`{"as":{"token":{"mode":"delay","ms":700}}}`)
	b.expire(b.login)
	b.ClearLog()
	give(b.login, 150*time.Millisecond)
	give(b.login, 50*time.Millisecond)
	b.works(b.login, "whoami")
	b.works(b.again(), "whoami")
	if n := b.count("/token"); n != 1 {
		t.Errorf("%d renewals", n)
	}

	// And Close waits for a renewal that nobody waits for any more: its answer would be lost.
	b.expire(b.login)
	give(b.login, 100*time.Millisecond)
	before := b.stored(b.login).Refresh
	b.logins.Close()
	if b.stored(b.login).Refresh == before {
		t.Error("the process ended without the answer")
	}
	b.switches(`{"as":{"token":null}}`)
	b.works(b.again(), "whoami")
}

func TestAttack17CancelledLogin(t *testing.T) {
	b := newBed(t, &config.OAuth{Login: config.LoginBrowser})
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, b.MCP, strings.NewReader(`{}`))
	ended := make(chan error, 1)
	go func() { _, err := b.login.RoundTripper(http.DefaultTransport).RoundTrip(req); ended <- err }()
	opened := <-b.opened
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(2 * time.Second):
		t.Fatal("a call that was given up waits")
	}
	new(mcptest.Browser).Visit(t, opened)
	b.works(b.login, "whoami")
	if len(b.opened) > 0 {
		t.Error("the browser was opened again")
	}
}

// TestAttack19Due: when a token is renewed before it is used: by the wall clock, a tenth of its life early, at least 30 seconds and at most 5 minutes.
func TestAttack19Due(t *testing.T) {
	for _, c := range []struct {
		life, age  time.Duration
		due, valid bool
	}{
		{time.Hour, 0, false, true}, {time.Hour, 54 * time.Minute, false, true}, {time.Hour, 55*time.Minute + time.Second, true, true}, {time.Hour, 61 * time.Minute, true, false},
		{5 * time.Minute, 4*time.Minute + 29*time.Second, false, true}, {5 * time.Minute, 4*time.Minute + 31*time.Second, true, true},
		{24 * time.Hour, 23*time.Hour + 54*time.Minute, false, true}, {24 * time.Hour, 23*time.Hour + 56*time.Minute, true, true},
		{20 * time.Second, 9 * time.Second, false, true}, {20 * time.Second, 11 * time.Second, true, true}, // half of a short life
		{time.Hour, 30 * 24 * time.Hour, true, false},                                               // slept
		{time.Hour, -30 * time.Second, false, true}, {time.Hour, -30 * 24 * time.Hour, false, true}, // the clock was set back: not known
		{0, 0, false, true}, {0, 1000 * time.Hour, false, true}, // no expires_in: the server says
	} {
		g := grant{Access: "x", Obtained: now().Add(-c.age), Lifetime: c.life.Seconds()}
		if g.due() != c.due || g.valid() != c.valid {
			t.Errorf("%s of %s: due %v, valid %v", c.age, c.life, g.due(), g.valid())
		}
	}
	if g := (grant{}); !g.due() || g.valid() {
		t.Error("without a token")
	}
}

// TestAttack19Lifetime: expires_in as servers write it. It counts from when the answer came; their clock plays no part.
func TestAttack19Lifetime(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	token := b.Mint(nil)
	for body, want := range map[string]float64{
		`{"access_token":"T","token_type":"bearer","expires_in":3600}`:   3600,
		`{"access_token":"T","token_type":"bearer","expires_in":"3600"}`: 3600,
		`{"access_token":"T","token_type":"bearer"}`:                     0,
		`{"access_token":"T","token_type":"bearer","expires_in":0}`:      0,
		`{"access_token":"T","token_type":"bearer","expires_in":null}`:   0,
	} {
		b.renewBy("application/json", strings.Replace(body, `"T"`, `"`+token+`"`, 1), want)
	}
}

// TestAttack19Form: expires_in of an answer that is a form, as GitHub's is without more words.
func TestAttack19Form(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	b.renewBy("application/x-www-form-urlencoded", "access_token="+b.Mint(nil)+"&token_type=bearer&expires_in=3600", 3600)
}

// renewBy renews the login with this answer, and wants it to be used and its life to be taken down.
func (b *bed) renewBy(kind, body string, life float64) {
	b.t.Helper()
	at, _ := elsewhere(b.t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Date", "Sun, 01 Jan 2006 00:00:00 GMT") // of a clock that is wrong
		io.WriteString(w, body)
	})
	b.change(b.login, func(g *grant) { g.Obtained, g.Lifetime, g.TokenURL = now().Add(-time.Hour), 60, at })
	b.works(b.login, "whoami")
	if g := b.stored(b.login); g.Lifetime != life || time.Since(g.Obtained).Abs() > time.Minute {
		b.t.Errorf("%s: lives %v s from %s on", body[:20], g.Lifetime, g.Obtained)
	}
}

// TestAttack19Clock: calls work whatever the clock did since the login; what the clock can't tell the server does.
func TestAttack19Clock(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	for what, jump := range map[string]time.Duration{"set on by a year": -365 * 24 * time.Hour, "set back by a year": 365 * 24 * time.Hour} {
		b.change(b.login, func(g *grant) { g.Obtained = now().Add(jump) })
		b.ClearLog()
		b.works(b.login, "whoami")
		if n := b.count("/token"); n != map[bool]int{true: 1}[jump < 0] {
			t.Errorf("%s: %d renewals", what, n)
		}
		// The server knows better.
		b.change(b.login, func(g *grant) { g.Obtained = now().Add(jump) })
		b.switches(`{"rs":{"reject":1}}`)
		b.works(b.login, "whoami")
		b.switches(`{"rs":{"reject":0}}`)
	}
	// No expires_in: used until the server says no, then renewed.
	b.change(b.login, func(g *grant) { g.Obtained, g.Lifetime = now().Add(-1000*time.Hour), 0 })
	b.ClearLog()
	b.works(b.login, "whoami")
	if n := b.count("/token"); n != 0 {
		t.Errorf("%d renewals without being told", n)
	}
	b.switches(`{"rs":{"reject":1}}`)
	b.works(b.login, "whoami")
	if n := b.count("/token"); n != 1 {
		t.Errorf("%d renewals", n)
	}
}

// TestAttack19Sleep: no time that a token's life is reckoned with has the monotonic clock in it, which stands still while a machine sleeps.
func TestAttack19Sleep(t *testing.T) {
	g := grant{}
	if err := g.take(&oauth2.Token{AccessToken: "x", TokenType: "bearer"}); err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{now(), g.Obtained} {
		if strings.Contains(at.String(), " m=") {
			t.Errorf("%s", at)
		}
	}
}
