package builtin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// loginWait is how long one call waits for a person: clients give up at 60 s.
const loginWait = 50 * time.Second

// Login is how far a login has come.
type Login struct {
	Server  string   `json:"server"`
	Account string   `json:"account,omitempty"`
	Status  string   `json:"status"`        // logged in, waiting
	URL     string   `json:"url,omitempty"` // for the person, to open
	Next    string   `json:"next,omitempty"`
	Remote  string   `json:"on_another_machine,omitempty"`
	Note    string   `json:"note,omitempty"`
	Issuer  string   `json:"issuer,omitempty"`
	Scopes  []string `json:"scopes,omitempty"`
}

func loginTool() mcpgo.Tool {
	return annotated(mcpgo.NewToolWithRawSchema(catalog.LoginTool,
		`Log in to a configured server that needs a login. The user opens the address in a browser; then call again with wait true. Show them the address unchanged.`,
		object([]string{"server"}, map[string]any{
			"server":  text("a configured server"),
			"account": text("of another entry with the same url"),
			"wait":    map[string]any{"type": "boolean", "description": "wait for the login under way, up to 50 s"},
		})), "Log in", false, false)
}

func loginStatusTool() mcpgo.Tool {
	return annotated(mcpgo.NewToolWithRawSchema(catalog.LoginStatusTool, `Show login status: state, scopes, expiry, account. No secrets.`,
		object(nil, map[string]any{"server": text("only this one")})), "Logins", true, false)
}

func logoutTool() mcpgo.Tool {
	return annotated(mcpgo.NewToolWithRawSchema(catalog.LogoutTool, `Log out: revoke and delete the tokens. The user stays logged out until they log in again.`,
		object([]string{"server"}, map[string]any{"server": text("a configured server"), "account": text("of another entry with the same url")})), "Log out", false, true)
}

func runLogin(ctx context.Context, o *own, args map[string]any) (string, error) {
	wait, given := args["wait"]
	on, ok := wait.(bool)
	if given && !ok {
		return "", errors.New("parameter wait must be true or false")
	}
	rest := map[string]any{}
	for name, v := range args {
		if name != "wait" {
			rest[name] = v
		}
	}
	p, err := stringsOf(rest, "server", "account")
	switch {
	case err != nil:
		return "", err
	case p["server"] == "":
		return "", errors.New("oauth_login needs the parameter server, the name of a configured server")
	}
	l, err := o.login(ctx, p["server"], p["account"], on)
	if err != nil {
		return "", fmt.Errorf("server %s: %w", strconv.Quote(p["server"]), err)
	}
	return asText(l), nil
}

func runLoginStatus(_ context.Context, o *own, args map[string]any) (string, error) {
	p, err := stringsOf(args, "server")
	if err != nil {
		return "", err
	}
	all, err := o.logins(p["server"])
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "No remote servers are configured.", nil
	}
	return asText(all), nil
}

func runLogout(ctx context.Context, o *own, args map[string]any) (string, error) {
	p, err := stringsOf(args, "server", "account")
	switch {
	case err != nil:
		return "", err
	case p["server"] == "":
		return "", errors.New("oauth_logout needs the parameter server, the name of a configured server")
	}
	text, err := o.logout(ctx, p["server"], p["account"])
	if err != nil {
		return "", fmt.Errorf("server %s: %w", strconv.Quote(p["server"]), err)
	}
	return text, nil
}

// login begins a login, or waits for it. It waits only for a login that was under way before: otherwise the user would
// not have seen the address.
func (o *own) login(ctx context.Context, name, account string, wait bool) (Login, error) {
	out := Login{Server: name, Account: account}
	login, _, err := o.admin.Login(o.by, name, account)
	if err != nil {
		return out, notAvailable(err)
	}
	out.Server = login.Name()
	if st := login.Status(); st.State == oauth.StateIn || st.State == oauth.StateKey {
		return o.in(ctx, out, st), nil
	}
	under := login.Asking()
	if failed := login.Failure(); wait && !under && failed != nil {
		return out, fmt.Errorf("the login failed: %w. To start a new one, call again without wait", failed)
	}
	if left := o.by.Declining(out.Server); left > 0 {
		return out, fmt.Errorf("the user just declined to log in to %s; ask again in %s, or they run: mcpproxy-stdio login %s",
			strconv.Quote(out.Server), left.Round(time.Second), config.ShellWord(out.Server))
	}
	ctx, cancel := context.WithTimeout(ctx, loginWait)
	defer cancel()
	f, err := login.Start(ctx, oauth.How{Open: login.Opens()})
	if err != nil {
		return out, err
	}
	wait = wait && (under || f.Shown().Elsewhere)
	if !wait && !over(f) && o.client.CanAskURL() {
		if wait, err = o.askURL(ctx, out.Server, f); err != nil {
			until := o.by.Declined(out.Server)
			return out, fmt.Errorf("the user declined to log in to %s; ask again after %s, or they run: mcpproxy-stdio login %s",
				strconv.Quote(out.Server), until.Format("15:04"), config.ShellWord(out.Server))
		}
	}
	if wait || over(f) {
		switch err := f.Wait(ctx); {
		case err == nil:
			return o.in(ctx, out, login.Status()), nil
		case ctx.Err() == nil:
			return out, err
		}
	}
	return o.waiting(out, f.Shown()), nil
}

func over(f *oauth.Flow) bool {
	select {
	case <-f.Done():
		return true
	default:
		return false
	}
}

// in describes a login that is there, once the client knows what the server offers: what it says next may be about that.
func (o *own) in(ctx context.Context, out Login, st oauth.Status) Login {
	o.client.AwaitListed(ctx, out.Server)
	out.Status, out.Issuer, out.Scopes, out.Note = st.State, st.Issuer, st.Scopes, st.Why
	out.Next = o.nowListed("")
	return out
}

// waiting describes a login that a person has to do.
func (o *own) waiting(out Login, show oauth.Shown) Login {
	out.Status, out.URL, out.Issuer, out.Scopes = "waiting", show.URL, show.Issuer, show.Scopes
	out.Note = session.LoginText(out.Server, show)
	out.Next = "Show the user the url unchanged. When they have logged in, call " + catalog.LoginTool + " again with wait true."
	if o.client.Remote() {
		out.Remote = fmt.Sprintf("If the browser is on another machine: ssh -L %d:127.0.0.1:%d HOST there, then open the same url; or run in a terminal here: mcpproxy-stdio login %s --paste",
			show.Port, show.Port, config.ShellWord(out.Server))
	}
	return out
}

// askURL shows the person the address through the client. It tells whether they went there; an error means that they declined. Where the
// client answers by itself, or the person closed the question, the address goes into the result.
func (o *own) askURL(ctx context.Context, name string, f *oauth.Flow) (went bool, err error) {
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
	m, err := o.client.Ask(asking, mcp.Elicit, params)
	if err != nil || m.Kind != jsonrpc.Result {
		return over(f), nil
	}
	switch action, err := quarantine.Answer(m.Bytes(m.Result), asked, time.Now()); {
	case err != nil:
		o.admin.NotPerson(name, err)
		return over(f), nil
	case action == "accept":
		if f.Wait(ctx) == nil {
			o.client.LoginDone(id)
		}
		return true, nil
	case action == "decline":
		f.Decline()
		return false, oauth.ErrDeclined
	}
	return over(f), nil
}

// logins are those of all remote servers, or of one.
func (o *own) logins(name string) ([]oauth.Status, error) {
	all, err := o.admin.Logins(o.by, name)
	var statuses []oauth.Status
	for _, l := range all {
		if l.Unavailable != nil {
			l.Status = oauth.Status{Server: l.Written.Name, State: oauth.StateNone, Why: notAvailable(l.Unavailable).Error()}
		}
		statuses = append(statuses, l.Status)
	}
	return statuses, err
}

// logout revokes and deletes the tokens of a login.
func (o *own) logout(ctx context.Context, name, account string) (string, error) {
	login, err := o.admin.Stored(o.by, name, account)
	if err != nil {
		return "", notAvailable(err)
	}
	had, revoked, err := login.Logout(ctx)
	if err != nil {
		return "", err
	}
	return LogoutText(name, had, revoked) + " The user stays logged out until they log in again.", nil
}

// notAvailable words why a server can't be logged in to.
func notAvailable(err error) error {
	blocked, local := (*admin.BlockedError)(nil), (*admin.LocalError)(nil)
	switch {
	case errors.As(err, &blocked):
		return fmt.Errorf("it is not available: %w", err)
	case errors.As(err, &local):
		return errors.New("it is local and has no login")
	}
	return err
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
