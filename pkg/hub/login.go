package hub

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/builtin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

const (
	loginWait    = 50 * time.Second // for a person, in one call: clients give up at 60 s
	declinedTime = time.Minute      // for which the client does not ask again after the person declined
)

// Login implements session.Host.
func (h *Hub) Login(server *config.Server, launch config.Launch) (*oauth.Login, error) {
	login, err := loginOf(h.logins, server, launch)
	if login != nil {
		h.seeLogins.Do(func() {
			h.spawn(func() { h.opts.Store.Watch(h.ctx, h.logins.Watched(), h.logins.Recheck) })
		})
	}
	return login, err
}

// loginOf is the login of a server, nil for a local one.
func loginOf(logins *oauth.Logins, server *config.Server, launch config.Launch) (*oauth.Login, error) {
	target, ok := oauth.TargetOf(server, launch)
	if !ok || logins == nil {
		return nil, nil
	}
	return logins.For(target)
}

// loggedIn is called when there is a token: what waited for it goes on.
func (h *Hub) loggedIn(l *oauth.Login, news bool) {
	st := h.State()
	for k, f := range st.inspections {
		if k.name == l.Name() && f.in.Status().State == upstream.NeedsLogin { // nobody waits for it any more; for the next one they do
			h.takeOff(f, 0)
			news = true
		}
	}
	repeat := again{} // the inspection that a person approved has not been
	for k, o := range st.begun {
		if k.name == l.Name() {
			repeat[k] = o
		}
	}
	h.note(repeat)
	all := h.State().all()
	h.inspectNew(all...)
	for _, s := range all {
		s.LoggedIn(l.Name(), news)
	}
}

// awaitLogin waits for the login to a server that a person is at, and tells whether it succeeded.
func (h *Hub) awaitLogin(ctx context.Context, s *session.Session, name string) bool {
	server := h.Config(s).Server(name)
	if server == nil {
		return false
	}
	login, err := s.Login(server)
	if err != nil || login == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, server.StartWait)
	defer cancel()
	return login.Await(ctx)
}

// declines are the logins that a person declined in a session, by server.
type declines struct {
	mu sync.Mutex
	at map[string]time.Time
}

// MayLogIn says why a person can't log in to the server now, nil if they can: it is not contacted before a person has approved that. One
// of which only the definitions wait was approved so far.
func (k Server) MayLogIn() error {
	server := *k.Effective
	if k.Failed == nil && k.Record.State(k.Written) == quarantine.HeldDefinitions && k.Record.Inspect == k.Written.LaunchKey() {
		server.Held = ""
	}
	return upstream.Blocked(&server)
}

// Bare is the entry without what is only needed to contact the server: to look its login up, or to end it.
func Bare(server *config.Server) *config.Server {
	bare := *server
	bare.Refused, bare.Headers = "", slices.Clone(server.Headers)
	for i := range bare.Headers {
		bare.Headers[i].Value = ""
	}
	if bare.OAuth != nil && bare.OAuth.ClientSecret != "" {
		o := *bare.OAuth
		o.ClientSecret, bare.OAuth = "not looked up", &o
	}
	return &bare
}

// entry is the configured server of that name, or with an account the one at the same URL that has it: nothing else can be logged in to.
func (a *admin) entry(name, account string) (standing, error) {
	st, err := a.standing(name)
	if err != nil || account == "" || accountOf(st.effective) == account {
		return st, err
	}
	for _, other := range a.standings() {
		if other.effective.URL == st.effective.URL && accountOf(other.effective) == account {
			return other, nil
		}
	}
	return st, fmt.Errorf(`no entry with its URL has the account %s; the user can add one with "oauth": {"account": …}`, strconv.QuoteToASCII(account))
}

func accountOf(server *config.Server) string {
	if server.OAuth == nil {
		return ""
	}
	return server.OAuth.Account
}

// login is the login of a configured server that may be contacted.
func (a *admin) login(name, account string) (*oauth.Login, error) {
	st, err := a.entry(name, account)
	if err != nil {
		return nil, err
	}
	if err := (Server{Written: st.written, Effective: st.effective, Recorded: Recorded{Record: st.record, Failed: st.failed}}).MayLogIn(); err != nil {
		return nil, fmt.Errorf("it is not available: %w", err)
	}
	login, err := a.s.Login(st.effective)
	if err == nil && login == nil {
		err = errors.New("it is local and has no login")
	}
	return login, err
}

// Login implements builtin.Admin. It waits only for a login that was under way before: otherwise nobody would know where to go.
func (a *admin) Login(ctx context.Context, name, account string, wait bool) (builtin.Login, error) {
	out := builtin.Login{Server: name, Account: account}
	login, err := a.login(name, account)
	if err != nil {
		return out, err
	}
	out.Server = login.Name()
	if st := login.Status(); st.State == oauth.StateIn || st.State == oauth.StateKey {
		return a.in(ctx, out, st), nil
	}
	under := login.Asking()
	if failed := login.Failure(); wait && !under && failed != nil {
		return out, fmt.Errorf("the login failed: %w. To start a new one, call again without wait", failed)
	}
	if err := a.mayAsk(out.Server); err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, loginWait)
	defer cancel()
	f, err := login.Start(ctx, oauth.How{Open: login.Opens()})
	if err != nil {
		return out, err
	}
	wait = wait && (under || f.Shown().Elsewhere)
	if !wait && !over(f) && a.s.CanAskURL() {
		if wait, err = a.askURL(ctx, out.Server, f); err != nil {
			a.declined(out.Server)
			return out, fmt.Errorf("the user declined to log in to %s; ask again after %s, or they run: mcpproxy-stdio login %s",
				strconv.Quote(out.Server), time.Now().Add(declinedTime).Format("15:04"), config.ShellWord(out.Server))
		}
	}
	if wait || over(f) {
		switch err := f.Wait(ctx); {
		case err == nil:
			return a.in(ctx, out, login.Status()), nil
		case ctx.Err() == nil:
			return out, err
		}
	}
	return a.waiting(out, f.Shown()), nil
}

func over(f *oauth.Flow) bool {
	select {
	case <-f.Done():
		return true
	default:
		return false
	}
}

// mayAsk refuses to ask a person who has just declined.
func (a *admin) mayAsk(name string) error {
	a.declines.mu.Lock()
	defer a.declines.mu.Unlock()
	if left := declinedTime - time.Since(a.declines.at[name]); left > 0 {
		return fmt.Errorf("the user just declined to log in to %s; ask again in %s, or they run: mcpproxy-stdio login %s",
			strconv.Quote(name), left.Round(time.Second), config.ShellWord(name))
	}
	return nil
}

func (a *admin) declined(name string) {
	a.declines.mu.Lock()
	defer a.declines.mu.Unlock()
	if a.declines.at == nil {
		a.declines.at = map[string]time.Time{}
	}
	a.declines.at[name] = time.Now()
}

// in describes a login that is there, once the client knows what the server offers: what it says next may be about that.
func (a *admin) in(ctx context.Context, out builtin.Login, st oauth.Status) builtin.Login {
	a.h.AwaitFirst(ctx, a.s, catalog.Prefix(out.Server))
	a.s.Refresh(ctx)
	out.Status, out.Issuer, out.Scopes, out.Note = st.State, st.Issuer, st.Scopes, st.Why
	out.Next = a.nowListed("")
	return out
}

// waiting describes a login that a person has to do.
func (a *admin) waiting(out builtin.Login, show oauth.Shown) builtin.Login {
	out.Status, out.URL, out.Issuer, out.Scopes = "waiting", show.URL, show.Issuer, show.Scopes
	out.Note = session.LoginText(out.Server, show)
	out.Next = "Show the user the url unchanged. When they have logged in, call " + builtin.LoginName + " again with wait true."
	if a.s.Remote() {
		out.Remote = fmt.Sprintf("If the browser is on another machine: ssh -L %d:127.0.0.1:%d HOST there, then open the same url; or run in a terminal here: mcpproxy-stdio login %s --paste",
			show.Port, show.Port, config.ShellWord(out.Server))
	}
	return out
}

// askURL shows the person the address through the client. It tells whether they went there; an error means that they declined. Where the
// client answers by itself, or the person closed the question, the address goes into the result.
func (a *admin) askURL(ctx context.Context, name string, f *oauth.Flow) (went bool, err error) {
	id := rand.Text()
	params, err := json.Marshal(session.LoginQuestion(name, id, f.Shown()))
	if err != nil {
		return false, err
	}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-f.Done(): // who logs in need not answer as well
			stop()
		case <-asking.Done():
		}
	}()
	asked := time.Now()
	m, err := a.s.Ask(asking, mcp.Elicit, params)
	if err != nil || m.Kind != jsonrpc.Result {
		return over(f), nil
	}
	switch action, err := quarantine.Answer(m.Bytes(m.Result), asked, time.Now()); {
	case err != nil:
		a.h.log.Warn().Str("server", name).Err(err).Msg("the client's answer about a login does not count")
		return over(f), nil
	case action == "accept":
		if f.Wait(ctx) == nil {
			a.s.LoginDone(id)
		}
		return true, nil
	case action == "decline":
		f.Decline()
		return false, oauth.ErrDeclined
	}
	return over(f), nil
}

// Logins implements builtin.Admin.
func (a *admin) Logins(name string) ([]oauth.Status, error) {
	var all []oauth.Status
	for _, st := range a.standings() {
		server := st.effective
		if server.Protocol == config.ProtocolStdio || name != "" && server.Name != name {
			continue
		}
		login, err := a.login(server.Name, "")
		if err != nil {
			all = append(all, oauth.Status{Server: server.Name, State: oauth.StateNone, Why: err.Error()})
			continue
		}
		all = append(all, login.Status())
	}
	if name != "" && len(all) == 0 {
		if _, err := a.standing(name); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("server %s is local and has no login", strconv.Quote(name))
	}
	return all, nil
}

// Logout implements builtin.Admin. Access can be taken away from every server, also one that must not run.
func (a *admin) Logout(ctx context.Context, name, account string) (string, error) {
	login, err := a.login(name, account)
	if err != nil {
		st, failed := a.entry(name, account)
		if failed != nil || st.effective.Protocol == config.ProtocolStdio {
			return "", err
		}
		if login, failed = a.s.Login(Bare(st.effective)); failed != nil {
			return "", failed
		}
	}
	had, revoked, err := login.Logout(ctx)
	if err != nil {
		return "", err
	}
	return LogoutText(name, had, revoked) + " The user stays logged out until they log in again.", nil
}

// LogoutText says how a logout went.
func LogoutText(name string, had, revoked bool) string {
	text := "Logged out of server " + strconv.Quote(name) + "."
	switch {
	case !had:
		text = "Server " + strconv.Quote(name) + " had no login."
	case revoked:
		text += " The authorization server revoked its tokens."
	default:
		text += " Its tokens are deleted here, but the authorization server did not confirm that it revoked them."
	}
	return text
}
