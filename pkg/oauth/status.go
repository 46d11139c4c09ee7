package oauth

import (
	"strconv"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// States of a login, as people are shown them.
const (
	StateNone      = "none"       // the server has not asked for one
	StateNeeded    = "needed"     // a person has to log in
	StateWaiting   = "waiting"    // a person is asked
	StateIn        = "logged in"  // and nothing speaks against it
	StateStepUp    = "more asked" // logged in, and the server asks for more
	StateTrouble   = "trouble"    // logged in, and it could not be renewed just now
	StateLoggedOut = "logged out" // by a person
	StateKey       = "key"        // the entry has a key of its own
)

// Status is what people are shown of a login; it has no secrets. Texts of servers are as they came.
type Status struct {
	Server    string     `json:"server"`
	Account   string     `json:"account,omitempty"`
	State     string     `json:"state"`
	Why       string     `json:"why,omitempty"`
	Issuer    string     `json:"issuer,omitempty"`
	Resource  string     `json:"resource,omitempty"`
	Client    string     `json:"client,omitempty"` // how we are known there
	Scopes    []string   `json:"scopes,omitempty"`
	Wanted    []string   `json:"wanted,omitempty"`
	Expires   *time.Time `json:"expires,omitempty"` // the access token
	Renewable bool       `json:"renewable,omitempty"`
}

// Status tells how the login stands. Nothing is asked of any server.
func (l *Login) Status() Status {
	st := Status{Server: l.target.Name, Account: l.target.options().Account, State: StateNone}
	if l.target.Credential != "" {
		st.State, st.Why = StateKey, "the entry sends its own "+strconv.Quote(l.target.Credential)
		return st
	}
	g, why, err := l.current()
	l.mu.Lock()
	defer l.mu.Unlock()
	st.Issuer, st.Resource, st.Wanted = l.place.Issuer, l.place.Resource, l.place.Wanted
	if err != nil {
		st.State, st.Why = StateTrouble, err.Error()
		return st
	}
	if g != nil {
		st.State, st.Client, st.Renewable, st.Scopes = StateIn, g.Client.Kind, g.Refresh != "", union(g.Scopes)
		if at, ok := g.expires(); ok {
			st.Expires = &at
		}
	}
	switch {
	case l.flow != nil:
		st.State = StateWaiting
	case g != nil && l.spent(g):
		st.State, st.Why = StateNeeded, "it has expired and cannot be renewed"
	case g != nil && l.rejected == g.Generation:
		st.State, st.Why = StateNeeded, "the server does not accept it"
	case g == nil && l.place.LoggedOut:
		st.State = StateLoggedOut
	case g == nil && (why != "" || l.seen.Bearer || l.place.Issuer != ""):
		st.State, st.Why = StateNeeded, why
	case g != nil && len(l.place.Wanted) > 0:
		st.State = StateStepUp
	case g != nil && l.retryErr != nil:
		st.State, st.Why = StateTrouble, l.retryErr.Error()
	}
	if why := l.lastFailure(); why != nil && st.State != StateIn && st.State != StateWaiting {
		st.Why = "the last login failed: " + why.Error()
	}
	return st
}

// spent tells whether a grant is of no use any more, going by our clock.
func (l *Login) spent(g *grant) bool {
	return g.Refresh == "" && !g.valid() && l.target.options().Grant != config.GrantClient
}

// failureTime is how long a failed login is worth mentioning.
const failureTime = 15 * time.Minute

// lastFailure is why the last login failed, if that was not long ago; mu is held.
func (l *Login) lastFailure() error {
	if time.Since(l.failedAt) > failureTime {
		return nil
	}
	return l.failure
}

// Failure is why the last login of this process failed a short time ago, nil if it did not.
func (l *Login) Failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lastFailure()
}

// Asking tells whether a login is under way.
func (l *Login) Asking() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flow != nil
}
