package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// prepare finds out where to log in, and as whom.
func (f *Flow) prepare(p place, g *grant) (err error) {
	l := f.login
	ctx, cancel := context.WithTimeout(f.ctx, prepareTime)
	defer cancel()
	l.mu.Lock()
	c := l.seen
	l.mu.Unlock()
	wanted := union(p.Wanted, f.how.Scopes)
	if c.Metadata == "" { // some name it only to those who come without a token
		if asked := l.probe(ctx); asked.Bearer {
			c.Bearer, c.Metadata, c.Scope = true, asked.Metadata, cmp.Or(c.Scope, asked.Scope)
		}
	}
	if f.res, f.meta, err = l.discover(ctx, c, p.Issuer); err != nil {
		return err
	}
	if f.how.Device && f.meta.DeviceAuthorizationEndpoint == "" {
		return l.fault("logging in by device", errors.New("the authorization server does not offer it"), "Leave out --device")
	}
	var before []string
	if g != nil && g.Issuer == f.meta.Issuer {
		before = g.Asked
	}
	if len(wanted) == 0 {
		before = nil
	}
	f.scopes, f.consent = l.scopes(f.res, f.meta, c, union(before, wanted))
	f.sent = l.resourceParam(f.res.ID)
	return l.sameIssuer(p, f.meta.Issuer)
}

// sameIssuer refuses to be the configured client of another authorization server than before: its secret would go wherever the server says.
func (l *Login) sameIssuer(p place, issuer string) error {
	o := l.target.options()
	if o.ClientID == "" || o.Issuer != "" || p.Issuer == "" || p.Issuer == issuer {
		return nil
	}
	return l.fault("choosing the authorization server", fmt.Errorf("the server now names %s, but the entry's client_id was used with %s", confusables.Quote(issuer), confusables.Quote(p.Issuer)),
		`If that is meant, write "issuer": `+confusables.Quote(issuer)+" into oauth of the entry")
}

// resourceParam is the parameter resource of all requests (RFC 8707): the metadata's string as it is, or what the entry says; "" to omit it.
func (l *Login) resourceParam(id string) string {
	o := l.target.options()
	switch {
	case o.OmitResource:
		return ""
	case o.Resource != "":
		return o.Resource
	}
	return id
}

// byItself is the client credentials grant (RFC 6749, section 4.4): no person is needed.
func (f *Flow) byItself(p place) (*grant, error) {
	c, err := f.login.known(preRegistered, f.meta, f.res)
	if err != nil {
		return nil, err
	}
	f.client = *c
	ctx, cancel := context.WithTimeout(f.ctx, renewTime)
	defer cancel()
	tok, err := f.login.ask(ctx, c, f.meta.TokenEndpoint, f.sent, f.scopes, url.Values{})
	if err != nil {
		return nil, f.login.fault("logging in with client credentials", err, "")
	}
	return f.save(ctx, p, tok)
}

// byBrowser is the authorization code flow with PKCE (OAuth 2.1, section 4.1).
func (f *Flow) byBrowser(p place) (*grant, error) {
	l := f.login
	ctx, cancel := context.WithTimeoutCause(f.ctx, flowTime, ErrTooLate)
	defer cancel()
	listener, err := f.identify(ctx, p)
	if err != nil {
		return nil, err
	}
	f.authorizeURL() // before anybody can answer
	stop := f.listen(listener)
	defer stop()
	show := Shown{URL: fmt.Sprintf("http://127.0.0.1:%d/start/%s", f.port, f.start), Direct: f.auth, Port: f.port,
		Issuer: f.meta.Issuer, Resource: f.res.ID, Wider: f.res.Wider, Scopes: f.scopes, Device: f.meta.DeviceAuthorizationEndpoint != ""}
	if err := l.prove(f.meta, f.res, &f.client, false); err != nil {
		return nil, l.fault("keeping the registration", err, "")
	}
	unshare := f.share(show)
	defer unshare()
	if f.how.Open {
		if show.Unopened = l.logins.opts.Open(show.URL); show.Unopened != nil && f.how.Auto {
			return nil, l.fault("opening the browser", show.Unopened, "")
		}
	}
	f.tell(show)
	select {
	case out := <-f.outcome:
		g, err := f.finish(p, out)
		out.told <- err
		return g, err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// finish takes the answer of the authorization server.
func (f *Flow) finish(p place, out outcome) (*grant, error) {
	l := f.login
	if err := l.prove(f.meta, f.res, &f.client, true); err != nil {
		return nil, l.fault("keeping the registration", err, "")
	}
	if out.err != nil {
		f.forgetUnknown(out.err)
		f.dropWanted(out.err)
		return nil, l.fault("logging in", out.err, "")
	}
	ctx, cancel := context.WithTimeout(f.ctx, renewTime)
	defer cancel()
	opts := []oauth2.AuthCodeOption{oauth2.VerifierOption(f.verifier)}
	if f.sent != "" {
		opts = append(opts, oauth2.SetAuthURLParam("resource", f.sent))
	}
	cfg := f.config()
	tok, err := cfg.Exchange(context.WithValue(ctx, oauth2.HTTPClient, l.guard.client()), out.code, opts...)
	if err = without(tokenError(err), out.code, f.verifier, f.client.Secret); err != nil {
		f.forgetUnknown(err)
		f.dropWanted(err)
		return nil, l.fault("exchanging the code", err, "")
	}
	return f.save(ctx, p, tok)
}

// forgetUnknown takes a registration off that the authorization server does not take: the next login registers anew.
func (f *Flow) forgetUnknown(err error) {
	if unknownClient(err) && f.client.Kind == registered {
		f.login.forget(clientRecord(f.meta.Issuer, f.res.ID, f.login.clientName()))
	}
}

// dropWanted forgets the scopes of a step-up that the authorization server does not know: every later login would fail on them.
func (f *Flow) dropWanted(err error) {
	if code(err) == "invalid_scope" {
		_ = f.login.updatePlace(f.ctx, func(p *place) { p.Wanted = nil })
	}
}

// config is the library's view of the client.
func (f *Flow) config() *oauth2.Config {
	return &oauth2.Config{ClientID: f.client.ID, ClientSecret: f.client.Secret, RedirectURL: f.redirect, Scopes: f.scopes,
		Endpoint: oauth2.Endpoint{AuthURL: f.meta.AuthorizationEndpoint, TokenURL: f.meta.TokenEndpoint,
			DeviceAuthURL: f.meta.DeviceAuthorizationEndpoint, AuthStyle: f.client.style()}}
}

// authorizeURL makes the secrets of the flow and the URL of the login.
func (f *Flow) authorizeURL() {
	f.state, f.verifier, f.start, f.cookie = random(), oauth2.GenerateVerifier(), random(), random()
	opts := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(f.verifier)}
	if f.sent != "" {
		opts = append(opts, oauth2.SetAuthURLParam("resource", f.sent))
	}
	if f.consent {
		opts = append(opts, oauth2.SetAuthURLParam("prompt", "consent"))
	}
	for _, v := range f.login.target.options().AuthorizeParams {
		opts = append(opts, oauth2.SetAuthURLParam(v.Name, v.Value))
	}
	f.auth = f.config().AuthCodeURL(f.state, opts...)
}

// save stores what a login brought, and where it is.
func (f *Flow) save(ctx context.Context, p place, tok *oauth2.Token) (*grant, error) {
	l := f.login
	g := &grant{Issuer: f.meta.Issuer, Resource: f.res.ID, Client: f.client, TokenURL: f.meta.TokenEndpoint,
		RevokeURL: f.meta.RevocationEndpoint, Asked: f.scopes}
	if g.Client.Kind == preRegistered {
		g.Client.Secret = "" // the entry has it
	}
	at := place{Server: l.target.Name, Issuer: g.Issuer, Resource: g.Resource, Port: f.client.Port}
	unlock, err := l.lock(ctx, l.grantRecord(at))
	if err != nil {
		return nil, l.fault("storing the login", err, "")
	}
	defer unlock()
	var old grant
	switch err := l.vault().read(l.grantRecord(at), &old); {
	case err == nil:
		g.Generation = old.Generation
	case !errors.Is(err, fs.ErrNotExist): // above what it may have had
		g.Generation = int(now().UnixMilli())
	}
	if err := g.take(tok); err != nil {
		return nil, l.fault("taking the token", err, "")
	}
	if err := l.vault().write(l.grantRecord(at), g); err != nil {
		return nil, l.fault("storing the login", err, "")
	}
	if err := l.updatePlace(ctx, func(now *place) { *now = at }); err != nil {
		return nil, l.fault("storing the login", err, "")
	}
	l.adopt(at, g)
	if p.Issuer != "" && l.grantRecord(p) != l.grantRecord(at) { // no logout would find it any more
		_, _ = l.drop(ctx, p, "its server has moved to another authorization server")
	}
	return g, nil
}

// identify decides as whom the login runs, and binds the callback's port, before anything is registered for it.
func (f *Flow) identify(ctx context.Context, p place) (net.Listener, error) {
	l := f.login
	kind, err := l.kindOf(f.meta)
	if err != nil {
		return nil, err
	}
	known, err := l.known(kind, f.meta, f.res)
	if err != nil {
		return nil, l.fault("reading the registration", err, "")
	}
	wanted, fixed := l.port(known, p)
	listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", wanted))
	if err != nil && fixed {
		return nil, l.fault("waiting for the browser", fmt.Errorf("port %d of 127.0.0.1, the redirect_port of the entry, is in use by another program", wanted), "End that program, or log in again later")
	}
	if err != nil {
		if known != nil && known.Kind == registered {
			known = nil // the authorization server may compare the port: a new registration for a new one
		}
		listener, err = net.Listen("tcp4", "127.0.0.1:0")
	}
	if err != nil {
		return nil, l.fault("waiting for the browser", err, "")
	}
	f.port = listener.Addr().(*net.TCPAddr).Port
	f.redirect = fmt.Sprintf("http://127.0.0.1:%d/callback", f.port)
	if known == nil {
		if known, err = l.register(ctx, f.meta, f.res, f.redirect, f.port, false); err != nil {
			listener.Close()
			return nil, err
		}
	}
	f.client = *known
	f.client.Port = f.port
	return listener, nil
}

// port is where the callback should listen: the entry's, which is fixed, else that of the last time, else one that stays the same for the server.
func (l *Login) port(c *client, p place) (port int, fixed bool) {
	switch o := l.target.options(); {
	case o.RedirectPort != 0:
		return o.RedirectPort, true
	case c != nil && c.Port != 0:
		return c.Port, false
	case p.Port != 0:
		return p.Port, false
	}
	const least, many = 49152, 16384 // RFC 6335, section 6: the dynamic ports
	n := 0
	for _, b := range []byte(hash("port", l.target.URL)) {
		n = (n*31 + int(b)) % many
	}
	return least + n, false
}
