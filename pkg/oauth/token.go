package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

const (
	lockTime              = 20 * time.Second                 // for the lock of a renewal
	renewTime             = 45 * time.Second                 // for a renewal in all
	retryLeast, retryMost = 5 * time.Second, 5 * time.Minute // after a renewal that failed and may work later
)

// now is the wall clock without the monotonic one, which stands still while a machine sleeps.
func now() time.Time { return time.Now().Round(0) }

// expires is when the access token ends by our clock; ok is false if that is not known, or the clock was set back since.
func (g *grant) expires() (at time.Time, ok bool) {
	if g.Lifetime <= 0 || now().Before(g.Obtained.Add(-time.Minute)) {
		return time.Time{}, false
	}
	return g.Obtained.Add(time.Duration(g.Lifetime * float64(time.Second))), true
}

// due tells whether the token is to be renewed before it is used: a tenth of its life before its end, at least 30 s and at most 5 min, and
// never more than half of its life.
func (g *grant) due() bool {
	at, ok := g.expires()
	if !ok {
		return g.Access == ""
	}
	life := time.Duration(g.Lifetime * float64(time.Second))
	early := min(max(30*time.Second, min(5*time.Minute, life/10)), life/2)
	return !now().Before(at.Add(-early))
}

// valid tells whether the token may still be accepted.
func (g *grant) valid() bool {
	at, ok := g.expires()
	return g.Access != "" && (!ok || now().Before(at))
}

// bearer is the grant to use for a request, renewed if it is due; nil if there is none, for the reason given.
func (l *Login) bearer(ctx context.Context) (*grant, string, error) {
	g, why, err := l.current()
	if g == nil || err != nil || !g.due() || g.Refresh == "" && g.Access != "" && l.target.options().Grant != config.GrantClient {
		return g, why, err // what can't be renewed is tried: the clock may be wrong
	}
	fresh, err := l.renew(ctx, g)
	var needed *RequiredError
	switch {
	case err == nil:
		return fresh, "", nil
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case g.valid(): // good for a while yet
		return g, "", nil
	case errors.As(err, &needed):
		return nil, needed.Reason, nil
	}
	return nil, "", err
}

// renewal is a renewal under way. Who waits for it may leave; it goes on.
type renewal struct {
	done  chan struct{}
	grant *grant
	err   error
}

// renew gets a newer token than that of old: one renewal at a time, in this process and in all.
func (l *Login) renew(ctx context.Context, old *grant) (*grant, error) {
	l.mu.Lock()
	r := l.renewing
	switch {
	case r != nil:
	case l.grant != nil && l.grant.Generation > old.Generation && l.grant.Issuer == old.Issuer:
		g := l.grant
		l.mu.Unlock()
		return g, nil
	case time.Until(l.retryAt) > 0:
		err := l.retryErr
		l.mu.Unlock()
		return nil, err
	default:
		r = &renewal{done: make(chan struct{})}
		if !l.logins.spawn(&l.logins.renewals, func() {
			r.grant, r.err = l.renewLocked(old)
			l.mu.Lock()
			l.renewing = nil
			var needed *RequiredError
			if r.err != nil && !errors.As(r.err, &needed) {
				l.retryWait = min(max(retryLeast, 2*l.retryWait), retryMost)
				l.retryAt, l.retryErr = time.Now().Add(l.retryWait), r.err
			}
			l.mu.Unlock()
			close(r.done)
		}) {
			l.mu.Unlock()
			return nil, ErrClosed
		}
		l.renewing = r
	}
	l.mu.Unlock()
	select {
	case <-r.done:
		return r.grant, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// renewLocked renews under the lock across processes. Who has to wait for it mostly finds a newer token then.
func (l *Login) renewLocked(old *grant) (*grant, error) {
	ctx, cancel := context.WithTimeout(context.Background(), renewTime) // not the logins': see Close
	defer cancel()
	waiting, stop := context.WithTimeout(ctx, lockTime)
	unlock, err := l.lock(waiting, l.grantRecord(place{Issuer: old.Issuer, Resource: old.Resource}))
	stop()
	if err != nil {
		return nil, l.fault("renewing its login", err, "")
	}
	defer unlock()
	p, g, why, err := l.read()
	if g != nil && g.Generation < old.Generation && g.Issuer == old.Issuer && g.Resource == old.Resource {
		g = old // it could not be stored then
	}
	switch {
	case err != nil:
		return nil, err
	case g == nil:
		l.adopt(p, nil)
		if why == "" {
			why = "its login no longer exists"
		}
		return nil, l.required(why)
	case g.Generation != old.Generation || g.Issuer != old.Issuer: // somebody was quicker
		l.adopt(p, g)
		return g, nil
	case l.target.options().Grant == config.GrantClient:
		return l.machine(ctx, p, g)
	case g.Refresh == "": // kept: the refusal may have been the server's fault
		l.mu.Lock()
		l.rejected = g.Generation
		l.mu.Unlock()
		return nil, l.required("the server no longer accepts the login, and it can't be renewed")
	}
	fresh, err := l.refresh(ctx, g)
	switch {
	case err == nil:
		l.keep(p, fresh)
		return fresh, nil
	case errors.Is(err, errTransient):
	case code(err) == "invalid_grant":
		if p, newer, _, e := l.read(); e == nil && newer != nil && newer.Generation != g.Generation {
			l.adopt(p, newer)
			return newer, nil
		}
		return nil, l.end(p, g, "the login has ended: "+err.Error())
	case unknownClient(err) && g.Client.Kind == registered:
		l.forget(clientRecord(g.Issuer, g.Resource, l.clientName()))
		return nil, l.end(p, g, "the authorization server no longer knows this client")
	}
	return nil, l.fault("renewing its login", err, "")
}

// keep stores a grant before anybody uses it: the refresh token of the one before is used up. When that fails it is used all the same; it is
// all that is left of the login.
func (l *Login) keep(p place, g *grant) {
	if err := l.vault().write(l.grantRecord(p), g); err != nil {
		l.logins.opts.Log.Error().Str("server", l.target.Name).Err(err).Msg("the renewed login could not be stored and is lost when this process ends")
	}
	l.adopt(p, g)
}

// end notes that a login is of no use any more, and returns the error for who needed it.
func (l *Login) end(p place, g *grant, why string) error {
	ended := *g
	ended.Ended, ended.Access, ended.Refresh = why, "", ""
	if err := l.vault().write(l.grantRecord(p), &ended); err != nil {
		l.logins.opts.Log.Warn().Str("server", l.target.Name).Err(err).Msg("the end of the login could not be stored")
	}
	l.adopt(p, nil)
	return l.required(why)
}

// refresh uses the refresh token (RFC 6749, section 6), at the endpoint that it was issued by. The library's own way has no parameter resource.
func (l *Login) refresh(ctx context.Context, g *grant) (*grant, error) {
	params := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g.Refresh}}
	tok, err := l.ask(ctx, l.clientOf(g), g.TokenURL, l.resourceParam(g.Resource), nil, params)
	if err != nil {
		return nil, err
	}
	fresh := *g
	return &fresh, fresh.take(tok)
}

// machine gets a token without a person (RFC 6749, section 4.4).
func (l *Login) machine(ctx context.Context, p place, g *grant) (*grant, error) {
	tok, err := l.ask(ctx, l.clientOf(g), g.TokenURL, l.resourceParam(g.Resource), g.Asked, url.Values{})
	if err != nil {
		return nil, l.fault("logging in with client credentials", err, "")
	}
	fresh := *g
	if err := fresh.take(tok); err != nil {
		return nil, l.fault("logging in with client credentials", err, "")
	}
	l.keep(p, &fresh)
	return &fresh, nil
}

// ask sends a token request.
func (l *Login) ask(ctx context.Context, c *client, endpoint, resource string, scopes []string, params url.Values) (*oauth2.Token, error) {
	if _, err := l.guard.checkURL("token_endpoint", endpoint); err != nil {
		return nil, err
	}
	if resource != "" {
		params.Set("resource", resource)
	}
	cfg := clientcredentials.Config{ClientID: c.ID, ClientSecret: c.Secret, TokenURL: endpoint, Scopes: scopes, EndpointParams: params, AuthStyle: c.style()}
	tok, err := cfg.Token(context.WithValue(ctx, oauth2.HTTPClient, l.guard.client()))
	return tok, without(tokenError(err), c.Secret, params.Get("refresh_token"))
}

// take puts the answer of a token endpoint into the grant (RFC 6749, section 5.1). A refresh token is kept if no new one came.
func (g *grant) take(tok *oauth2.Token) error {
	if tok.AccessToken == "" {
		return errors.New("the token endpoint's answer has no access_token")
	}
	if !strings.EqualFold(tok.Type(), "Bearer") {
		return fmt.Errorf("the token is of the type %s, and only bearer tokens can be used", confusables.Quote(tok.TokenType))
	}
	if strings.ContainsFunc(tok.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the access token has characters that no header may have")
	}
	g.Generation++
	g.Access, g.Obtained, g.Lifetime, g.Ended = tok.AccessToken, now(), lifetime(tok), ""
	if tok.RefreshToken != "" {
		g.Refresh = tok.RefreshToken
	}
	if scope, ok := tok.Extra("scope").(string); ok {
		g.Scopes = readScopes(scope)
	} else if g.Scopes == nil {
		g.Scopes = g.Asked // RFC 6749, section 5.1: identical to what was asked for
	}
	return nil
}

// longest is the most that a token is taken to live, in seconds.
const longest = 10 * 365 * 24 * 60 * 60

// lifetime is expires_in in seconds, 0 if it is not told. Some servers write it as a string, or answer with a form.
func lifetime(tok *oauth2.Token) float64 {
	n, err := strconv.ParseFloat(fmt.Sprint(tok.Extra("expires_in")), 64)
	if err != nil || !(n > 0) {
		return 0
	}
	return min(n, longest)
}

// clientOf is the client that a grant was issued to, with the secret and the method that the entry has now.
func (l *Login) clientOf(g *grant) *client {
	c := g.Client
	if c.Kind != preRegistered {
		return &c
	}
	o := l.target.options()
	if c.ID != o.ClientID || o.Issuer != "" && o.Issuer != g.Issuer {
		return &c // another client's secret is nobody else's business
	}
	c.Secret = o.ClientSecret.Reveal()
	switch {
	case o.AuthMethod != "":
		c.Method = o.AuthMethod
	case c.Secret == "":
		c.Method = methodNone
	case c.Method == methodNone:
		c.Method = methodBasic
	}
	return &c
}
