package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// maxSteps is how many step-ups a server gets in an hour: one that asks for more each time would never end.
const maxSteps = 3

// RoundTripper puts the login's token into requests to the server, and answers its refusals: with a renewed token, with a login where the
// entry lets it begin by itself, else with a *RequiredError. A request is repeated only if the server refused it.
func (l *Login) RoundTripper(base http.RoundTripper) http.RoundTripper {
	return &roundTripper{l, base}
}

type roundTripper struct {
	login *Login
	base  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	l := t.login
	if l.target.Credential != "" || !SameOrigin(req.URL, l.server) {
		return t.base.RoundTrip(req)
	}
	g, why, err := l.bearer(req.Context())
	if err == nil && g == nil && req.Method == http.MethodPost {
		if g, err = l.join(req.Context()); g != nil {
			why = ""
		}
	}
	if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		resp, err := t.send(req, g, try > 0)
		if err != nil || resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
			if err == nil && g != nil {
				l.took(g)
			}
			return resp, err
		}
		fresh, err := l.refused(req, resp, g, why, try)
		if fresh == nil && err == nil || err == nil && req.Body != nil && req.GetBody == nil {
			return resp, nil // nothing of ours
		}
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
		_ = resp.Body.Close()
		if err != nil {
			return nil, err
		}
		g, why = fresh, ""
	}
}

// CloseIdleConnections closes those of the base.
func (t *roundTripper) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (t *roundTripper) send(req *http.Request, g *grant, again bool) (*http.Response, error) {
	out := req.Clone(req.Context())
	if again && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		out.Body = body
	}
	if g != nil {
		out.Header.Set("Authorization", "Bearer "+g.Access)
	}
	return t.base.RoundTrip(out)
}

// took notes that the server accepts a token.
func (l *Login) took(g *grant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.worked = g.Generation; l.rejected == g.Generation {
		l.rejected = 0
	}
}

// refused decides what a refusal leads to: a grant to try again with, an error, or neither if the refusal has nothing to do with a login.
func (l *Login) refused(req *http.Request, resp *http.Response, g *grant, why string, try int) (*grant, error) {
	c := readChallenge(resp.Header)
	if resp.StatusCode == http.StatusForbidden {
		if g == nil || c.Error != "insufficient_scope" {
			return nil, nil
		}
		return l.stepUp(req, c, g)
	}
	if g == nil && !l.isOAuth(req.Context(), c) {
		return nil, nil
	}
	c.Bearer = true // in effect: it wants a token
	l.mu.Lock()
	l.seen = c
	stubborn := g != nil && l.rejected == g.Generation
	if g != nil && try > 0 {
		l.rejected = g.Generation
	}
	l.mu.Unlock()
	if g != nil && try == 0 && !stubborn {
		fresh, err := l.renew(req.Context(), g)
		var needed *RequiredError
		if !errors.As(err, &needed) {
			return fresh, err
		}
		why, g = needed.Reason, nil
	}
	if g != nil {
		why = "the server rejects the login's new token"
	}
	if try > 2 || g != nil && l.target.options().Grant == config.GrantClient {
		return nil, l.required(why)
	}
	return l.acquire(req, why, nil)
}

// stepUp answers a 403 for want of scopes: a new authorization for what was asked before and what is missing (MCP, step-up authorization flow). A
// refresh cannot widen a grant. The grant that is there stays in use for other calls.
func (l *Login) stepUp(req *http.Request, c challenge, g *grant) (*grant, error) {
	missing := readScopes(c.Scope)
	if len(missing) == 0 {
		return nil, nil // it does not say what is missing: its refusal tells the most
	}
	wanted := union(g.Asked, missing)
	slices.Sort(missing)
	key := strings.Join(missing, " ")
	granted, _, err := l.current()
	if err != nil || granted == nil {
		return nil, err
	}
	asked := covers(granted.Asked, missing)
	l.mu.Lock()
	for k, at := range l.steps {
		if time.Since(at) > time.Hour {
			delete(l.steps, k)
		}
	}
	_, again := l.steps[key]
	endless := len(l.steps) >= maxSteps && !again
	if !asked && !endless {
		l.steps[key] = time.Now()
	}
	l.mu.Unlock()
	if asked && granted.Generation != g.Generation {
		return granted, nil // got meanwhile, for another call
	}
	l.want(req.Context(), wanted)
	switch {
	case asked:
		return nil, l.fault("using its login", fmt.Errorf("it asks for the scopes %s, which the login asked for already", confusables.Quote(key)),
			"The account may lack them; oauth_login asks again")
	case endless:
		return nil, l.fault("using its login", fmt.Errorf("it asks for different scopes each time, now for %s", confusables.Quote(key)), "The user is not asked again for an hour; oauth_login still works")
	}
	return l.acquire(req, "the server asks for more scopes: "+confusables.Quote(key), wanted)
}

// acquire gets a first or a wider grant as the entry says: without a person, by a login that begins by itself, or not at all, with the
// error that tells who has to do what. scopes are those of a step-up.
func (l *Login) acquire(req *http.Request, why string, scopes []string) (*grant, error) {
	o := l.target.options()
	if why == "" {
		why = "the user is not logged in"
	}
	needed := &RequiredError{Server: l.target.Name, Reason: why, Scopes: scopes, StepUp: scopes != nil}
	l.mu.Lock()
	out, failed, last, at := l.place.LoggedOut, l.lastFailure(), l.failure, l.failedAt
	// A token that a login brought which began by itself, and that never worked: another one would be as good.
	useless := l.grant != nil && l.rejected == l.grant.Generation && l.auto == l.rejected && l.worked != l.rejected
	l.mu.Unlock()
	switch {
	case out:
		needed.Reason = "the user logged out"
	case failed != nil:
		needed.Reason = "the last login failed: " + failed.Error()
	}
	switch {
	case out && o.Grant == config.GrantClient:
		return nil, needed
	case o.Grant == config.GrantClient && scopes == nil:
		return l.obtain(req.Context())
	case o.Grant == config.GrantClient, req.Method == http.MethodDelete:
		return nil, needed
	case o.Login != config.LoginBrowser:
		if g, err := l.join(req.Context()); g != nil || err != nil { // somebody began one meanwhile
			return g, err
		}
		return nil, needed
	}
	if out || useless || last != nil && !(errors.Is(last, errTransient) && time.Since(at) > retryMost) { // nobody is asked twice by itself
		return nil, needed
	}
	ctx, cancel := context.WithTimeout(req.Context(), grantTime)
	defer cancel()
	f, err := l.Start(ctx, How{Open: true, Auto: true, Scopes: scopes})
	if err == nil {
		var g *grant
		if g, err = f.grantAfter(ctx); err == nil {
			return g, nil
		}
	}
	if ctx.Err() != nil && req.Context().Err() == nil {
		needed.Reason, err = askedNow, needed
	}
	return nil, err
}

// join waits for the login that is under way, nil if there is none.
func (l *Login) join(ctx context.Context) (*grant, error) {
	l.mu.Lock()
	f := l.flow
	l.mu.Unlock()
	if f == nil || !f.lively() {
		return nil, nil
	}
	return f.grantAfter(ctx)
}

// Await waits for the login that is under way and tells whether it succeeded; false at once if there is none.
func (l *Login) Await(ctx context.Context) bool {
	g, err := l.join(ctx)
	return g != nil && err == nil
}

// foreignFor is how long a server that has no OAuth is not asked again whether it has.
const (
	foreignFor  = 5 * time.Minute
	foreignSoon = 30 * time.Second // if that could not be told
	probeTime   = 20 * time.Second // for finding out
)

// isOAuth tells whether a 401 is about OAuth: it says where its metadata is, or there is some at the usual places (MCP, authorization server
// discovery). A server that just wants a key has none.
func (l *Login) isOAuth(ctx context.Context, c challenge) bool {
	if c.Metadata != "" || l.target.Options != nil {
		return true
	}
	l.mu.Lock()
	known, foreign := l.seen.Bearer || l.place.Issuer != "", time.Since(l.foreign) < foreignFor
	l.mu.Unlock()
	if known || foreign {
		return known
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	_, err := l.discoverResource(ctx, c)
	if errors.Is(err, errNoMetadata) {
		_, err = l.authServer(ctx, l.origin())
	}
	if err == nil || c.Bearer && !errors.Is(err, errNoMetadata) {
		return true
	}
	l.mu.Lock()
	if l.foreign = time.Now(); !errors.Is(err, errNoMetadata) { // perhaps it can be told soon
		l.foreign = l.foreign.Add(foreignSoon - foreignFor)
	}
	l.mu.Unlock()
	return false
}
