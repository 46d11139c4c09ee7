package oauth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"time"
)

// revokeTime bounds the revocation at logout.
const revokeTime = 10 * time.Second

// Logout ends the login: its tokens are revoked where the authorization server takes that (RFC 7009), and deleted in any case; the
// registration is kept. Nothing logs in again by itself afterwards. revoked tells whether the server has taken it; had, whether there was a login.
func (l *Login) Logout(ctx context.Context) (had, revoked bool, err error) {
	l.mu.Lock()
	f := l.flow
	l.mu.Unlock()
	if f != nil {
		f.Decline()
		_ = f.Wait(ctx) // it may be storing what it got
	}
	var p place
	if err := l.updatePlace(ctx, func(now *place) { now.LoggedOut, now.Wanted, p = true, nil, *now }); err != nil {
		return false, false, l.fault("logging out", err, "")
	}
	var g *grant
	if p.Issuer != "" {
		if g, err = l.drop(ctx, p, "the user logged out"); err != nil {
			return false, false, l.fault("logging out", err, "")
		}
	}
	p.LoggedOut, p.Wanted = true, nil
	l.adopt(p, nil)
	return g != nil, g != nil && l.revoke(ctx, g) == nil, nil
}

// drop deletes the tokens, not while they are being renewed, and returns them; nil if there were none.
func (l *Login) drop(ctx context.Context, p place, why string) (*grant, error) {
	unlock, err := l.lock(ctx, l.grantRecord(p))
	if err != nil {
		return nil, err
	}
	defer unlock()
	var g grant
	err = l.vault().read(l.grantRecord(p), &g)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && g.Ended != "":
		return nil, nil
	case err != nil: // it can't be read, and goes all the same
		g = grant{Generation: int(now().UnixMilli())}
	}
	// Its generation stays: who has not looked meanwhile is to find the next login newer.
	left := grant{Generation: g.Generation, Issuer: p.Issuer, Resource: p.Resource, Ended: why}
	return &g, l.vault().write(l.grantRecord(p), &left)
}

// revoke takes the refresh token back, and with it what was issued for it; else the access token.
func (l *Login) revoke(ctx context.Context, g *grant) error {
	token, kind := g.Refresh, "refresh_token"
	if token == "" {
		token, kind = g.Access, "access_token"
	}
	if g.RevokeURL == "" || token == "" {
		return errNoMetadata
	}
	if _, err := l.guard.checkURL("revocation_endpoint", g.RevokeURL); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, revokeTime)
	defer cancel()
	form := url.Values{"token": {token}, "token_type_hint": {kind}}
	header := http.Header{"Accept": {"application/json"}}
	c := l.clientOf(g)
	switch c.Method {
	case methodBasic: // RFC 6749, section 2.3.1
		req := http.Request{Header: header}
		req.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret))
	case methodPost:
		form.Set("client_secret", c.Secret)
		fallthrough
	default:
		form.Set("client_id", c.ID)
	}
	status, _, _, err := l.guard.post(ctx, g.RevokeURL, "application/x-www-form-urlencoded", header, []byte(form.Encode()))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("HTTP %d", status)
	}
	return err
}
