package oauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// TestAttack12Refused: a server that refuses each token is asked a bounded number of times, and gets one renewal.
func TestAttack12Refused(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	b.switches(`{"rs":{"reject":1000}}`)
	b.ClearLog()
	for range 5 {
		b.needs(b.login, "rejects the login's new token")
	}
	if n := b.count("/token"); n != 1 {
		t.Errorf("%d renewals", n)
	}
	if n := len(b.Seen("POST", "/mcp")); n > 6 {
		t.Errorf("%d requests for 5 calls", n)
	}
	b.switches(`{"rs":{"reject":0}}`)
	b.works(b.login, "whoami") // it was the server's fault, and the login is still there
	b.switches(`{"rs":{"reject":1}}`)
	b.works(b.login, "whoami") // renewed once more: it has worked since
}

// TestAttack12OneQuestion: with login "browser" a server that refuses each token opens the browser once, not at each call.
func TestAttack12OneQuestion(t *testing.T) {
	b := newBed(t, &config.OAuth{Login: config.LoginBrowser})
	opened := b.visits()
	b.switches(`{"rs":{"reject":1000}}`)
	for range 3 {
		b.needs(b.login, "rejects")
	}
	if n := opened(); n != 1 {
		t.Errorf("the browser was opened %d times", n)
	}
}

// answering is a server that gives the same answer to each request.
type answering struct {
	mu     sync.Mutex
	asked  int
	answer func(n int, r *http.Request) (status int, challenge string)
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	a.asked++
	status, challenge := a.answer(a.asked, r)
	a.mu.Unlock()
	return &http.Response{StatusCode: status, Request: r, Body: io.NopCloser(strings.NewReader(`{}`)), Header: http.Header{"Www-Authenticate": {challenge}}}, nil
}

// through makes a call through a login to that server.
func (b *bed) through(l *Login, to http.RoundTripper) (*http.Response, error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.MCP, strings.NewReader(`{}`))
	if err != nil {
		b.t.Fatal(err)
	}
	return l.RoundTripper(to).RoundTrip(req)
}

// TestAttack12SameScope: a server that asks for a scope for ever is given it once; then the call says so.
func TestAttack12SameScope(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	forever := &answering{answer: func(int, *http.Request) (int, string) {
		return 403, `Bearer error="insufficient_scope", scope="mcp:write"`
	}}
	var needed *RequiredError
	if _, err := b.through(b.login, forever); !errors.As(err, &needed) || !needed.StepUp || strings.Join(needed.Scopes, " ") != "mcp:read offline_access mcp:write" {
		t.Fatalf("%v, %+v", err, needed)
	}
	b.logIn(b.login)
	b.ClearLog()
	for range 5 {
		_, err := b.through(b.login, forever)
		if says(t, err, "asked for already", "oauth_login asks again"); errors.As(err, &needed) {
			t.Errorf("a person is asked again: %v", err)
		}
	}
	if n := len(b.Log()); n > 0 || forever.asked > 6 {
		t.Errorf("%d requests of the authorization server, %d calls", n, forever.asked)
	}
	// A refusal without the reason is the server's own matter, and is passed on.
	for _, challenge := range []string{`Bearer error="invalid_token"`, `Bearer`, ``, `Basic realm="x"`} {
		own := &answering{answer: func(int, *http.Request) (int, string) { return 403, challenge }}
		if resp, err := b.through(b.login, own); err != nil || resp.StatusCode != 403 || own.asked != 1 {
			t.Errorf("%s: %v, asked %d times", challenge, err, own.asked)
		}
	}
}

// TestAttack12GrowingScopes: a server that asks for more each time comes to an end, also where the browser is opened by itself.
func TestAttack12GrowingScopes(t *testing.T) {
	growing := func() *answering {
		return &answering{answer: func(n int, _ *http.Request) (int, string) {
			return 403, `Bearer error="insufficient_scope", scope="mcp:read more` + strconv.Itoa(n) + `"`
		}}
	}
	b := newBed(t, nil)
	b.logIn(b.login)
	server := growing()
	for i := range 6 {
		_, err := b.through(b.login, server)
		var needed *RequiredError
		if errors.As(err, &needed) != (i < maxSteps) {
			t.Errorf("call %d: %v", i, err)
		}
		if i >= maxSteps {
			says(t, err, "different scopes each time", `"mcp:read more`, "oauth_login still works")
		}
	}
	b.works(b.login, "whoami") // the login is as good as before

	// The authorization server takes any scope: each login works, and the next call wants more.
	o := newBed(t, &config.OAuth{Login: config.LoginBrowser, ClientID: "static-native"})
	opened := o.visits()
	o.works(o.login, "whoami")
	server = growing()
	server.answer = func(n int, _ *http.Request) (int, string) {
		return 403, `Bearer error="insufficient_scope", scope="` + []string{"mcp:write", "openid", "mcp:read openid more", "mcp:write x"}[min(n-1, 3)] + `"`
	}
	for range 4 {
		if _, err := o.through(o.login, server); err == nil {
			t.Error("served")
		}
	}
	if n := opened(); n > 1+maxSteps {
		t.Errorf("the browser was opened %d times", n)
	}
}

// TestAttack26Loop: whoever starts a login again and again, from many places at once, has one: one question, one registration, one URL.
func TestAttack26Loop(t *testing.T) {
	b := newBed(t, nil)
	var mu sync.Mutex
	flows, urls := map[*Flow]bool{}, map[string]bool{}
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			f, err := b.login.Start(t.Context(), How{Open: i%2 == 0, Again: i%3 == 0})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			flows[f], urls[f.Shown().URL] = true, true
		})
	}
	all.Wait()
	if len(flows) != 1 || len(urls) != 1 || b.count("/reg") != 1 || len(b.opened) > 1 {
		t.Fatalf("%d flows with %d URLs, %d registrations, %d windows", len(flows), len(urls), b.count("/reg"), len(b.opened))
	}
	// It goes on while people are asked, and one login ends it for all.
	for f := range flows {
		if !b.login.Waits() {
			t.Error("it has ended")
		}
		if status, _ := b.deliver(f, func(url.Values) {}); status != 200 {
			t.Errorf("%d", status)
		}
		if err := b.wait(f); err != nil {
			t.Error(err)
		}
	}
	b.works(b.login, "whoami")
}

// TestAttack26Declined: with login "browser" a person who declines is not asked again by itself, however often calls come.
func TestAttack26Declined(t *testing.T) {
	b := newBed(t, &config.OAuth{Login: config.LoginBrowser})
	b.switches(`{"as":{"login":"deny"}}`)
	opened := b.visits()
	for range 5 {
		b.needs(b.login, "failed: logging in: the login was declined")
	}
	if n := opened(); n != 1 {
		t.Errorf("the browser was opened %d times", n)
	}
	// A person may begin it again, and then calls work.
	b.switches(`{"as":{"login":"auto"}}`)
	b.logIn(b.login)
	b.works(b.login, "whoami")
}

// TestAttack26LoggedIn: a login that is there and works is not made again.
func TestAttack26LoggedIn(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	b.ClearLog()
	for range 5 {
		f := b.start(b.login, How{})
		select {
		case <-f.Done():
		default:
			f.Decline()
			t.Fatal("a person is asked")
		}
		if err := f.Err(); err != nil {
			t.Error(err)
		}
	}
	if n := len(b.Log()); n > 0 {
		t.Errorf("%d requests", n)
	}
}
