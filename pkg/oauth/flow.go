package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

const (
	flowTime    = 10 * time.Minute // for a person to log in
	prepareTime = time.Minute      // for what comes before a person is asked
)

// How says how a person is brought to the authorization server.
type How struct {
	Open   bool     // open the browser; else the caller shows the URL
	Auto   bool     // nobody asked for it: it begins by itself
	Scopes []string // of a step-up; nil: what the server asks for
	Device bool     // by a code on another device (RFC 8628), if the server offers that
	Again  bool     // also if there is a login
}

// Flow is a login that a person is asked for. It is safe for concurrent use.
type Flow struct {
	login *Login
	how   How
	begun time.Time
	ctx   context.Context
	end   context.CancelCauseFunc
	ready chan struct{} // closed when there is something to show, or the flow is over
	done  chan struct{} // closed when it is over
	once  sync.Once     // ready

	show  Shown // set before ready is closed
	grant *grant
	err   error // set before done is closed

	// Of the process that holds the listener.
	meta     *metadata
	res      *resource
	client   client
	scopes   []string
	consent  bool   // a person is to be asked even if they consented before
	sent     string // the parameter resource
	state    string
	verifier string
	start    string // secret part of the start page's URL
	cookie   string
	redirect string
	auth     string // the authorization URL

	mu       sync.Mutex
	visited  time.Time // when the start page was, first
	answered bool      // the one answer was taken
	outcome  chan outcome
}

// Shown is what a person is shown of a flow. Texts of servers are as they came.
type Shown struct {
	URL       string   `json:"url"`    // the start page on this machine, which leads to the login
	Direct    string   `json:"direct"` // the login itself, for a browser on another machine
	Port      int      `json:"port"`   // of the callback on 127.0.0.1
	Issuer    string   `json:"issuer"`
	Resource  string   `json:"resource,omitempty"`
	Wider     bool     `json:"wider,omitempty"` // the token is good for more than this server
	Scopes    []string `json:"scopes,omitempty"`
	UserCode  string   `json:"user_code,omitempty"` // of a login by device: what the person types at URL
	Device    bool     `json:"device,omitempty"`    // the authorization server offers a login by device
	Elsewhere bool     `json:"-"`                   // another process of the user runs it
	Unopened  error    `json:"-"`                   // why the browser was not opened although that was wanted
}

// outcome is what came back from the authorization server.
type outcome struct {
	code string
	err  error
	told chan error // how the rest of the login went, for the page
}

// random is a secret of 128 bits and more, for URLs.
func random() string { return rand.Text() }

// Start begins a login, or joins the one that is under way in this process or another one of the user. It returns when there is something to
// show, or the flow is over: because there is a login already, or it can't begin. ctx ends the waiting, not the flow.
func (l *Login) Start(ctx context.Context, how How) (*Flow, error) {
	if l.target.Credential != "" {
		return nil, fmt.Errorf("server %q sends its own header %s: remove it from the entry to log in instead", l.target.Name, l.target.Credential)
	}
	l.mu.Lock()
	f := l.flow
	if f == nil {
		f = &Flow{login: l, how: how, begun: time.Now(), ready: make(chan struct{}), done: make(chan struct{}), outcome: make(chan outcome, 1)}
		f.ctx, f.end = context.WithCancelCause(l.logins.ctx)
		if !l.logins.spawn(f.run) {
			l.mu.Unlock()
			return nil, ErrClosed
		}
		l.flow = f
	}
	l.mu.Unlock()
	select {
	case <-f.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case <-f.done:
		return f, f.err
	default:
		return f, nil
	}
}

// Shown is what to show a person.
func (f *Flow) Shown() Shown {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.show
}

// tell sets what to show, and lets those go on who wait for it.
func (f *Flow) tell(show Shown) {
	f.mu.Lock()
	f.show = show
	f.mu.Unlock()
	f.once.Do(func() { close(f.ready) })
}

// How long a login is waited for that nobody has gone to, and one that somebody has.
const (
	livelyBegun   = time.Minute
	livelyVisited = 5 * time.Minute
)

// lively tells whether a person may be at it: an address that nobody opens holds up no calls.
func (f *Flow) lively() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.how.Auto || time.Since(f.begun) < livelyBegun || time.Since(f.visited) < livelyVisited
}

// Done is closed when the flow is over; Err tells how it ended then.
func (f *Flow) Done() <-chan struct{} { return f.done }

// Err is why the flow brought no login; nil if it did.
func (f *Flow) Err() error { return f.err }

// Wait waits for the end of the flow.
func (f *Flow) Wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Decline ends the flow: the person does not want to log in.
func (f *Flow) Decline() { f.end(ErrDeclined) }

func (f *Flow) grantAfter(ctx context.Context) (*grant, error) {
	if err := f.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, &RequiredError{Server: f.login.target.Name, Reason: "the login failed: " + err.Error(), Scopes: f.how.Scopes, StepUp: f.how.Scopes != nil}
	}
	return f.grant, nil
}

// run is the whole flow.
func (f *Flow) run() {
	l := f.login
	g, err := f.perform()
	if cause := context.Cause(f.ctx); err != nil && cause != nil {
		err = cause
		if errors.Is(cause, context.Canceled) {
			err = ErrClosed
		}
	}
	f.end(nil)
	l.mu.Lock()
	l.flow = nil
	if l.failure, l.failedAt = err, time.Now(); err == nil {
		l.rejected = 0
		if g != nil && covers(g.Asked, l.wanted) {
			l.wanted = nil
		}
	}
	l.mu.Unlock()
	f.grant, f.err = g, err
	if err != nil {
		l.logins.opts.Log.Warn().Str("server", l.target.Name).Err(err).Msg("login failed")
	}
	if err == nil { // first: who is told of the end finds all of it done
		l.logins.loggedIn(l)
	}
	close(f.done)
	f.once.Do(func() { close(f.ready) })
}

// perform takes the login's lock, so that there is one login at a time in all processes, and one question.
func (f *Flow) perform() (*grant, error) {
	l := f.login
	before, _, err := l.current()
	if err != nil {
		return nil, err
	}
	unlock, failed, err := f.takeTurn()
	if err != nil {
		return nil, l.fault("waiting for the login of another window", err, "")
	}
	defer unlock()
	p, g, _, err := l.read()
	switch {
	case err != nil:
		return nil, err
	case g != nil && (before == nil || g.Generation != before.Generation || g.Issuer != before.Issuer) && covers(g.Asked, f.how.Scopes):
		l.adopt(p, g)
		return g, nil // somebody else logged in meanwhile
	case g != nil && before != nil && !f.how.Again && covers(g.Asked, f.how.Scopes) && l.accepted(g):
		return g, nil
	case p.LoggedOut && f.how.Auto:
		return nil, errors.New("a person logged out")
	case failed && f.how.Auto:
		return nil, errors.New("the login of another window was not finished")
	}
	if err := f.prepare(p, g); err != nil {
		return nil, err
	}
	switch {
	case l.target.options().Grant == config.GrantClient:
		return f.byItself(p)
	case f.how.Device:
		return f.byDevice(p)
	}
	return f.byBrowser(p)
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

// accepted tells whether nothing speaks against a grant.
func (l *Login) accepted(g *grant) bool {
	if l.spent(g) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rejected != g.Generation && len(l.wanted) == 0
}

// prepare finds out where to log in, and as whom.
func (f *Flow) prepare(p place, g *grant) (err error) {
	l := f.login
	ctx, cancel := context.WithTimeout(f.ctx, prepareTime)
	defer cancel()
	l.mu.Lock()
	c, wanted := l.seen, union(l.wanted, f.how.Scopes)
	l.mu.Unlock()
	if !c.Bearer {
		c = l.probe(ctx)
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
	f.sent = l.resourceParam(f.res)
	return nil
}

// resourceParam is the parameter resource of all requests (RFC 8707): the metadata's string as it is, or what the entry says; "" to omit it.
func (l *Login) resourceParam(res *resource) string {
	o := l.target.options()
	switch {
	case o.OmitResource:
		return ""
	case o.Resource != "":
		return o.Resource
	}
	return res.ID
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
	stop := f.listen(listener)
	defer stop()
	f.authorizeURL()
	port := listener.Addr().(*net.TCPAddr).Port
	show := Shown{URL: fmt.Sprintf("http://127.0.0.1:%d/start/%s", port, f.start), Direct: f.auth, Port: port,
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
	if err = tokenError(err); err != nil {
		if code(err) == "invalid_client" && f.client.Kind == registered {
			l.forget(l.clientRecord(f.meta, f.res)) // the next login registers anew
		}
		return nil, l.fault("exchanging the code", err, "")
	}
	return f.save(ctx, p, tok)
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
	g := &grant{Issuer: f.meta.Issuer, Resource: f.res.ID, Sent: f.sent, Client: f.client, TokenURL: f.meta.TokenEndpoint,
		RevokeURL: f.meta.RevocationEndpoint, Asked: f.scopes}
	at := place{Server: l.target.Name, Issuer: g.Issuer, Resource: g.Resource, Port: f.client.Port}
	unlock, err := l.lock(ctx, l.grantRecord(at))
	if err != nil {
		return nil, l.fault("storing the login", err, "")
	}
	defer unlock()
	var old grant
	if l.vault().read(l.grantRecord(at), &old) == nil {
		g.Generation = old.Generation
	}
	if err := g.take(tok); err != nil {
		return nil, l.fault("exchanging the code", err, "")
	}
	if err := l.vault().write(l.grantRecord(at), g); err != nil {
		return nil, l.fault("storing the login", err, "")
	}
	if err := l.vault().write(l.target.place(), &at); err != nil {
		return nil, l.fault("storing the login", err, "")
	}
	l.adopt(at, g)
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
	port := listener.Addr().(*net.TCPAddr).Port
	f.redirect = fmt.Sprintf("http://127.0.0.1:%d/callback", port)
	if known == nil {
		if known, err = l.register(ctx, f.meta, f.res, f.redirect, port, false); err != nil {
			listener.Close()
			return nil, err
		}
	}
	f.client = *known
	f.client.Port = port
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

// Paste takes the URL that a browser on another machine ended at, as a person copied it from the address bar.
func (f *Flow) Paste(ctx context.Context, pasted string) error {
	u, err := url.Parse(strings.TrimSpace(pasted))
	if err != nil || u.Path != "/callback" || u.RawQuery == "" {
		return errors.New("that is not the address the browser ended at: it begins with http://127.0.0.1: and has /callback?… in it")
	}
	if show := f.Shown(); show.Elsewhere {
		return pasteElsewhere(ctx, show, u)
	}
	told, problem := f.receive(u.Query())
	if problem != nil {
		return problem
	}
	select {
	case err := <-told:
		return err
	case <-f.done:
		return f.err
	}
}

// obtain logs in without a person.
func (l *Login) obtain(ctx context.Context) (*grant, error) {
	f, err := l.Start(ctx, How{})
	if err != nil {
		return nil, err
	}
	if err := f.Wait(ctx); err != nil {
		return nil, err
	}
	return f.grant, nil
}
