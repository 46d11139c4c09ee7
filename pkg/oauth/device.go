package oauth

import (
	"context"
	"errors"
	"time"

	"golang.org/x/oauth2"
)

// deviceGrant is the grant type of RFC 8628, section 3.4.
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// byDevice lets the person log in on any device, with a short code (RFC 8628).
func (f *Flow) byDevice(p place) (*grant, error) {
	l := f.login
	ctx, cancel := context.WithTimeoutCause(f.ctx, flowTime, ErrTooLate)
	defer cancel()
	kind, err := l.kindOf(f.meta)
	if err != nil {
		return nil, err
	}
	c, err := l.known(kind, f.meta, f.res)
	if err == nil && (c == nil || c.Kind == registered) { // one that was registered for the browser may not do this
		c, err = l.register(ctx, f.meta, f.res, "http://127.0.0.1/callback", 0, true)
	}
	if err != nil {
		return nil, l.fault("registering the client", err, "")
	}
	f.client = *c
	var opts []oauth2.AuthCodeOption
	if f.sent != "" {
		opts = append(opts, oauth2.SetAuthURLParam("resource", f.sent))
	}
	cfg := f.config()
	ctx = context.WithValue(ctx, oauth2.HTTPClient, l.guard.client())
	code, err := deviceCode(ctx, cfg, opts)
	if err != nil {
		return nil, l.fault("asking for a device code", tokenError(err), "")
	}
	if _, err := l.guard.checkURL("verification_uri", code.VerificationURI); err != nil {
		return nil, l.fault("asking for a device code", err, "")
	}
	show := Shown{URL: code.VerificationURI, UserCode: code.UserCode, Issuer: f.meta.Issuer, Resource: f.res.ID, Wider: f.res.Wider, Scopes: f.scopes}
	if _, err := l.guard.checkURL("verification_uri_complete", code.VerificationURIComplete); err == nil {
		show.Direct = code.VerificationURIComplete
	}
	unshare := f.share(show)
	defer unshare()
	f.tell(show)
	tok, err := cfg.DeviceAccessToken(ctx, code, opts...)
	for err != nil && ctx.Err() == nil && errors.Is(tokenError(err), errTransient) { // one lost answer is not the end
		time.Sleep(time.Second)
		tok, err = cfg.DeviceAccessToken(ctx, code, opts...)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, l.fault("logging in by device", without(tokenError(err), code.DeviceCode, f.client.Secret), "")
	}
	return f.save(ctx, p, tok)
}

// deviceCode asks for a code. The library takes any answer for one, and ends the process over some.
func deviceCode(ctx context.Context, cfg *oauth2.Config, opts []oauth2.AuthCodeOption) (code *oauth2.DeviceAuthResponse, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("oauth2: the answer can't be read")
		}
	}()
	if code, err = cfg.DeviceAuth(ctx, opts...); err == nil {
		code.Interval = min(max(code.Interval, 1), 60)
	}
	return code, err
}
