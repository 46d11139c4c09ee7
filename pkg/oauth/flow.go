package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

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
	port     int // of the callback
	redirect string
	auth     string // the authorization URL

	mu       sync.Mutex
	show     Shown
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
		return nil, fmt.Errorf("server %q sends its own header %s; to log in instead, remove it from the entry", l.target.Name, l.target.Credential)
	}
	l.mu.Lock()
	f := l.flow
	if f == nil {
		f = &Flow{login: l, how: how, begun: time.Now(), ready: make(chan struct{}), done: make(chan struct{}), outcome: make(chan outcome, 1)}
		f.ctx, f.end = context.WithCancelCause(l.logins.ctx)
		if !l.logins.spawn(&l.logins.work, f.run) {
			l.mu.Unlock()
			return nil, ErrClosed
		}
		l.flow = f
	}
	l.mu.Unlock()
	select {
	case <-f.ready:
	case <-ctx.Done():
		return nil, fmt.Errorf("there is no address to open yet: the authorization server is slow, or another window is logging in (%w); call again in a moment", ctx.Err())
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

// grantTime is how long a request waits for a person: clients give up at 60 s.
const grantTime = 45 * time.Second

// askedNow is why a request ends that has waited so long.
const askedNow = "the user is being asked to log in, so this was not run; call again when they have"

// grantAfter waits for what the flow brings, on behalf of a request.
func (f *Flow) grantAfter(ctx context.Context) (*grant, error) {
	waiting, cancel := context.WithTimeout(ctx, grantTime)
	defer cancel()
	needed := &RequiredError{Server: f.login.target.Name, Scopes: f.how.Scopes, StepUp: f.how.Scopes != nil}
	switch err := f.Wait(waiting); {
	case err == nil:
		return f.grant, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case waiting.Err() != nil:
		needed.Reason = askedNow
	default:
		needed.Reason = "the login failed: " + err.Error()
	}
	return nil, needed
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
	if l.failure, l.failedAt = err, time.Now(); err == nil && f.how.Auto {
		l.auto = g.Generation
	}
	l.mu.Unlock()
	f.grant, f.err = g, err
	if err != nil {
		l.logins.opts.Log.Warn().Str("server", l.target.Name).Err(err).Msg("login failed")
	}
	if err == nil { // first: who is told of the end finds all of it done
		l.logins.loggedIn(l, true)
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
	case g != nil && (before == nil || g.Generation != before.Generation || g.Issuer != before.Issuer) && covers(g.Asked, f.how.Scopes) && len(p.Wanted) == 0:
		l.adopt(p, g)
		return g, nil // somebody else logged in meanwhile
	case g != nil && before != nil && !f.how.Again && covers(g.Asked, f.how.Scopes) && l.accepted(g):
		return g, nil
	case p.LoggedOut && f.how.Auto:
		return nil, errors.New("the user logged out")
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

// accepted tells whether nothing speaks against a grant.
func (l *Login) accepted(g *grant) bool {
	if l.spent(g) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rejected != g.Generation && len(l.place.Wanted) == 0 && (l.retryErr == nil || errors.Is(l.retryErr, errTransient))
}

// Paste takes the URL that a browser on another machine ended at, as a person copied it from the address bar.
func (f *Flow) Paste(ctx context.Context, pasted string) error {
	u, err := url.Parse(strings.TrimSpace(pasted))
	if err != nil || u.Path != "/callback" || u.RawQuery == "" {
		return errors.New("that is not the final URL. It starts with http://127.0.0.1: and contains /callback?")
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

// obtain logs in without a person, not again right after that has failed.
func (l *Login) obtain(ctx context.Context) (*grant, error) {
	l.mu.Lock()
	last, at := l.failure, l.failedAt
	l.mu.Unlock()
	if last != nil && time.Since(at) < retryLeast {
		return nil, last
	}
	f, err := l.Start(ctx, How{})
	if err != nil {
		return nil, err
	}
	if err := f.Wait(ctx); err != nil {
		return nil, err
	}
	return f.grant, nil
}
