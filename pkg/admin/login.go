package admin

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// BlockedError says that a server must not run, and so nothing can be done with it.
type BlockedError struct{ hub.Server }

// Error implements error.
func (e *BlockedError) Error() string {
	if err := upstream.Blocked(e.Effective); err != nil {
		return err.Error()
	}
	return e.Effective.Held
}

// LocalError says that there is nothing to log in to.
type LocalError struct{ Name string }

// Error implements error.
func (e *LocalError) Error() string {
	return fmt.Sprintf("server %s is local and has no login", strconv.QuoteToASCII(e.Name))
}

// usable is the entry of a server that may run.
func (s *Service) usable(by *Actor, name string) (*Entry, error) {
	v, err := by.Host.View()
	if err != nil {
		return nil, err
	}
	e, err := find(v, name)
	if err == nil && upstream.Blocked(e.Effective) != nil {
		err = &BlockedError{e.Server}
	}
	return e, err
}

// mayLogIn says why a person can't log in to the server now, nil if they can: it is not contacted before a person has approved that. One
// of which only the definitions wait was approved so far.
func mayLogIn(e *Entry) error {
	server := *e.Effective
	if e.Failed == nil && e.Record.State(e.Written) == quarantine.HeldDefinitions && e.Record.Inspect == e.Written.LaunchKey() {
		server.Held = ""
	}
	if upstream.Blocked(&server) != nil {
		return &BlockedError{e.Server}
	}
	return nil
}

// bare is the entry without what is only needed to contact the server: to look its login up, or to end it.
func bare(server *config.Server) *config.Server {
	b := *server
	b.Refused, b.Headers = "", slices.Clone(server.Headers)
	for i := range b.Headers {
		b.Headers[i].Value = ""
	}
	if b.OAuth != nil && b.OAuth.ClientSecret != "" {
		o := *b.OAuth
		o.ClientSecret, b.OAuth = "not looked up", &o
	}
	return &b
}

func accountOf(server *config.Server) string {
	if server.OAuth == nil {
		return ""
	}
	return server.OAuth.Account
}

// account is the server to log in to for an account, "" for the entry's own. A model can only name the account of a further entry with the
// same URL: which accounts there are is the person's to say.
func (s *Service) account(by *Actor, e *Entry, account string) (*Entry, *config.Server, error) {
	if account == "" || accountOf(e.Effective) == account {
		return e, e.Effective, nil
	}
	if by.Kind == Model {
		for _, other := range entries(e.View) {
			if other.Effective.URL == e.Effective.URL && accountOf(other.Effective) == account {
				return other, other.Effective, nil
			}
		}
		return nil, nil, fmt.Errorf(`no entry with its URL has the account %s; the user can add one with "oauth": {"account": …}`, strconv.QuoteToASCII(account))
	}
	if err := config.CheckAccount(account); err != nil {
		return nil, nil, err
	}
	other, of := *e.Effective, config.OAuth{Login: config.LoginAsk, Grant: config.GrantCode}
	if e.Effective.OAuth != nil {
		of = *e.Effective.OAuth
	}
	of.Account, other.OAuth = account, &of
	return e, &other, nil
}

// Login is the login of a configured server that may be contacted, with another account than the entry's if that is not "".
func (s *Service) Login(by *Actor, name, account string) (*oauth.Login, *Entry, error) {
	v, err := by.Host.View()
	if err != nil {
		return nil, nil, err
	}
	e, err := find(v, name)
	if err != nil {
		return nil, nil, err
	}
	if e.Effective.Protocol == config.ProtocolStdio && e.Effective.Refused == "" {
		return nil, e, &LocalError{name}
	}
	of, server, err := s.account(by, e, account)
	if err != nil {
		return nil, e, err
	}
	e = of
	if err := mayLogIn(e); err != nil {
		return nil, e, err
	}
	login, err := by.Host.Login(server)
	if err == nil && login == nil {
		err = &LocalError{name}
	}
	return login, e, err
}

// LoginStatus is how the login of a remote server stands.
type LoginStatus struct {
	*Entry
	Status      oauth.Status
	Unavailable error // why the server can't be logged in to as it stands; nil: it can
}

// Logins are those of all remote servers, or of one. No server is contacted.
func (s *Service) Logins(by *Actor, name string) ([]LoginStatus, error) {
	v, err := by.Host.View()
	if err != nil {
		return nil, err
	}
	all := entries(v)
	if name != "" {
		e, err := find(v, name)
		if err == nil && e.Effective.Protocol == config.ProtocolStdio {
			err = &LocalError{name}
		}
		if err != nil {
			return nil, err
		}
		all = []*Entry{e}
	}
	logins := []LoginStatus{}
	for _, e := range all {
		if e.Effective.Protocol == config.ProtocolStdio {
			continue
		}
		st := LoginStatus{Entry: e, Status: oauth.Status{Server: e.Effective.Name, State: oauth.StateNone}, Unavailable: mayLogIn(e)}
		if login, err := by.Host.Login(bare(e.Effective)); err != nil {
			st.Status.Why = err.Error()
		} else {
			st.Status = login.Status()
		}
		logins = append(logins, st)
	}
	return logins, nil
}

// Stored is what is stored of a server's login, also of one that must not run: access can always be taken away.
func (s *Service) Stored(by *Actor, name, account string) (*oauth.Login, error) {
	v, err := by.Host.View()
	if err != nil {
		return nil, err
	}
	e, err := find(v, name)
	if err != nil {
		return nil, err
	}
	if e.Effective.Protocol == config.ProtocolStdio {
		return nil, &LocalError{name}
	}
	_, server, err := s.account(by, e, account)
	if err != nil {
		return nil, err
	}
	return by.Host.Login(bare(server))
}

// declinedTime is how long a client's person who has declined to log in is not asked again.
const declinedTime = time.Minute

// declines are the logins that a person declined in a session, by server.
type declines struct {
	mu sync.Mutex
	at map[string]time.Time
}

// Declined notes that the person did not want to log in, and returns until when they are not asked again.
func (a *Actor) Declined(name string) (until time.Time) {
	a.declined.mu.Lock()
	defer a.declined.mu.Unlock()
	if a.declined.at == nil {
		a.declined.at = map[string]time.Time{}
	}
	now := time.Now()
	a.declined.at[name] = now
	return now.Add(declinedTime)
}

// Declining tells how long the person is not to be asked again to log in to a server, 0 if they may be.
func (a *Actor) Declining(name string) time.Duration {
	a.declined.mu.Lock()
	defer a.declined.mu.Unlock()
	return max(0, declinedTime-time.Since(a.declined.at[name]))
}

// NotPerson notes that a client's answer about a login does not count.
func (s *Service) NotPerson(server string, why error) {
	s.log.Warn().Str("server", server).Err(why).Msg("the client's answer about a login does not count")
}
