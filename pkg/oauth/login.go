package oauth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// Login is the login to one server with one account: a Login of another process with the same store sees the same.
type Login struct {
	logins *Logins
	target Target
	server *url.URL
	guard  *guard

	mu        sync.Mutex
	place     place
	grant     *grant // as it was last read or written; nil: none
	renewing  *renewal
	retryAt   time.Time // a renewal that failed is not tried again before
	retryErr  error
	retryWait time.Duration
	flow      *Flow                // the one under way, nil if there is none
	seen      challenge            // what the server said last
	steps     map[string]time.Time // when a step-up for these scopes was last begun
	failure   error                // of the last login; nil: it worked, or there was none
	failedAt  time.Time
	rejected  int       // the generation of a token that the server refused, and that can't be renewed or was just renewed
	worked    int       // the generation of a token that the server took
	auto      int       // the generation that a login brought which began by itself
	loaded    bool      // what is stored was read
	foreign   time.Time // when the server was found to have no OAuth
}

// place says where the login of a server is.
type place struct {
	Server    string `json:"server"`
	Issuer    string `json:"issuer,omitempty"`
	Resource  string `json:"resource,omitempty"`
	Port      int    `json:"port,omitempty"`       // of the redirect URI, for servers that compare it
	LoggedOut bool   `json:"logged_out,omitempty"` // by a person: nothing logs in again by itself
	// Wanted are the scopes that a step-up has to bring. They are stored so that a person can log in anywhere.
	Wanted []string `json:"wanted,omitempty"`
}

// grant is what a login brought: keyed by issuer, resource and account, so that no token gets to another server.
type grant struct {
	Generation int       `json:"generation"` // grows with each token
	Issuer     string    `json:"issuer"`
	Resource   string    `json:"resource"`
	Client     client    `json:"client"`
	TokenURL   string    `json:"token_endpoint"`
	RevokeURL  string    `json:"revocation_endpoint,omitempty"`
	Access     string    `json:"access_token,omitempty"`
	Refresh    string    `json:"refresh_token,omitempty"`
	Obtained   time.Time `json:"obtained"`
	Lifetime   float64   `json:"lifetime,omitempty"` // of the access token in seconds; 0: not told
	Scopes     []string  `json:"scopes,omitempty"`   // granted, as far as told
	Asked      []string  `json:"asked,omitempty"`
	Ended      string    `json:"ended,omitempty"` // why it is of no use any more
}

func (l *Login) vault() *vault { return l.logins.vault }

// Name is the server's name.
func (l *Login) Name() string { return l.target.Name }

// fault makes an error of this server's; nil for no cause.
func (l *Login) fault(step string, cause error, hint string) error {
	var e *Error
	if cause == nil || errors.As(cause, &e) {
		return cause
	}
	if hint == "" {
		hint = remedy(l.target.Name, cause)
	}
	return &Error{Step: step, Cause: cause, Remedy: hint}
}

// required makes the error of a request that needs a person.
func (l *Login) required(reason string) error {
	return &RequiredError{Server: l.target.Name, Reason: reason}
}

func (l *Login) grantRecord(p place) string {
	return hash("token", p.Issuer, p.Resource, l.target.options().Account)
}

// read reads what is stored: the place, and its grant, nil if there is none. One that can't be read any more counts as none, for the reason given.
func (l *Login) read() (p place, g *grant, why string, err error) {
	missing := func(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errUnreadable) }
	switch err := l.vault().read(l.target.place(), &p); {
	case errors.Is(err, errUnreadable):
		return place{}, nil, "the stored login can no longer be read", nil
	case err != nil && !missing(err):
		return place{}, nil, "", l.fault("reading its login", err, "")
	case err != nil || p.Issuer == "":
		return p, nil, "", nil
	}
	g = &grant{}
	switch err := l.vault().read(l.grantRecord(p), g); {
	case errors.Is(err, errUnreadable):
		return p, nil, "the stored login can no longer be read", nil
	case err != nil && !missing(err):
		return p, nil, "", l.fault("reading its login", err, "")
	case err != nil:
		return p, nil, "", nil
	}
	o := l.target.options()
	switch {
	case g.Issuer != p.Issuer || g.Resource != p.Resource:
		return p, nil, "the stored login is for another server", nil
	case o.ClientID != "" && o.ClientID != g.Client.ID:
		return p, nil, "the stored login has a different client_id than the entry", nil
	case o.Issuer != "" && o.Issuer != g.Issuer:
		return p, nil, "the stored login is from a different issuer than the entry's", nil
	case g.Ended != "":
		return p, nil, g.Ended, nil
	}
	return p, g, "", nil
}

// current is the grant in use, nil if there is none for the reason given.
func (l *Login) current() (*grant, string, error) {
	l.mu.Lock()
	g := l.grant
	l.mu.Unlock()
	if g != nil {
		return g, "", nil
	}
	p, g, why, err := l.read()
	if err != nil {
		return nil, "", err
	}
	if other, news := l.adopt(p, g); other {
		l.logins.spawn(&l.logins.work, func() { l.logins.loggedIn(l, news) }) // the look at the files finds nothing new any more
	}
	if p.LoggedOut {
		why = "the user logged out"
	}
	return g, why, nil
}

// adopt takes over what was read or written, and tells whether that is another token, and whether it is news: a login, or a wider one, that was
// not there when we looked last. An older grant does not replace a newer one.
func (l *Login) adopt(p place, g *grant) (other, news bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	had, loaded := l.grant, l.loaded
	l.place, l.loaded = p, true
	if g != nil && had != nil && g.Generation < had.Generation && g.Issuer == had.Issuer && g.Resource == had.Resource {
		return false, false
	}
	if g != nil && had != nil && (g.Issuer != had.Issuer || g.Resource != had.Resource) {
		l.rejected, l.worked, l.auto = 0, 0, 0 // they count another's generations
	}
	l.grant = g
	other = g != nil && (had == nil || had.Generation != g.Generation || had.Issuer != g.Issuer || had.Resource != g.Resource)
	if other {
		l.retryAt, l.retryErr, l.retryWait, l.failure = time.Time{}, nil, 0, nil
	}
	return other, loaded && other && (had == nil || !covers(had.Asked, g.Asked))
}

// recheck takes over what another process has written.
func (l *Login) recheck() {
	p, g, _, err := l.read()
	if err != nil {
		return // the next use tells
	}
	if other, news := l.adopt(p, g); other {
		l.logins.loggedIn(l, news)
	}
}

// updatePlace changes what is stored of where the login is.
func (l *Login) updatePlace(ctx context.Context, change func(*place)) error {
	unlock, err := l.lock(ctx, l.target.place())
	if err != nil {
		return err
	}
	defer unlock()
	var p place
	if err := l.vault().read(l.target.place(), &p); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errUnreadable) {
		return err
	}
	change(&p)
	p.Server = l.target.Name
	if err := l.vault().write(l.target.place(), &p); err != nil {
		return err
	}
	l.mu.Lock()
	l.place = p
	l.mu.Unlock()
	return nil
}

// want notes the scopes that a step-up has to bring.
func (l *Login) want(ctx context.Context, scopes []string) {
	l.mu.Lock()
	known := slices.Equal(l.place.Wanted, scopes)
	l.mu.Unlock()
	if known {
		return
	}
	if err := l.updatePlace(ctx, func(p *place) { p.Wanted = scopes }); err != nil {
		l.logins.opts.Log.Warn().Str("server", l.target.Name).Err(err).Msg("the scopes that the server asks for could not be stored")
	}
}

// lock takes one of the login's locks across processes.
func (l *Login) lock(ctx context.Context, record string) (unlock func(), err error) {
	unlock, err = l.logins.opts.Store.Lock(ctx, dir+"/"+record)
	if err != nil {
		return nil, fmt.Errorf("another process is using this login: %w; %w", err, errTransient)
	}
	return unlock, nil
}

// Redact takes the login's secrets out of a text: servers like to quote what they refuse.
func (l *Login) Redact(text string) string {
	l.mu.Lock()
	g := l.grant
	l.mu.Unlock()
	secrets := []string{l.target.options().ClientSecret.Reveal()}
	if g != nil {
		secrets = append(secrets, g.Access, g.Refresh, g.Client.Secret)
	}
	return config.NewRedactor(config.SecretValues(secrets...), "…").Redact(text)
}

// Opens tells whether the entry wants the browser opened by itself.
func (l *Login) Opens() bool { return l.target.options().Login == config.LoginBrowser }

// Credential is the name of the entry's header that stands in for a login, "" if there is none.
func (l *Login) Credential() string { return l.target.Credential }

// Waits tells whether a person seems to be at the login: what needs it waits for its outcome.
func (l *Login) Waits() bool {
	l.mu.Lock()
	f := l.flow
	l.mu.Unlock()
	return f != nil && f.lively()
}
