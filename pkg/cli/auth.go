package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
)

func (a *app) authCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "auth", Short: "Show login status",
		Args: unknownCommand, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.authStatusCommand())
	return c
}

func (a *app) authStatusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "status [SERVER]", Short: "Show the login status of your remote servers (contacts none)",
		Long: `Status shows the stored login of each remote server, or of one. It contacts no server and shows no token.
"none" means that the server has not asked for a login yet.`,
		Args: atMostOne, ValidArgsFunction: a.serverNames,
		RunE: func(_ *cobra.Command, args []string) error {
			return failed(a.authStatus(strings.Join(args, ""), asJSON))
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) authStatus(name string, asJSON bool) error {
	d, err := a.desk()
	if err != nil {
		return err
	}
	shown := d.known
	if name != "" {
		k, err := d.remote(name)
		if err != nil {
			return err
		}
		shown = []hub.Server{*k}
	}
	logins := oauth.New(oauth.Options{Store: d.store, Log: zerolog.Nop()})
	defer logins.Close()
	all := []oauth.Status{}
	for _, k := range shown {
		if k.Effective.Protocol != config.ProtocolStdio {
			all = append(all, loginStatus(logins, k, d.workspace))
		}
	}
	switch {
	case asJSON:
		return printJSON(a.out, all)
	case len(all) == 0:
		fmt.Fprintf(a.err, "No remote server is configured in %s.\n", plain(d.config.Path))
		return nil
	}
	newPrinter(a.out).logins(all)
	if slices.ContainsFunc(all, func(st oauth.Status) bool { return paintLogin(st.State) == yellow }) {
		fmt.Fprintln(a.err, "Log in with: mcpproxy-stdio login SERVER")
	}
	return nil
}

// loginStatus is how the login of a server stands, also of one that must not run.
func loginStatus(logins *oauth.Logins, k hub.Server, workspace string) oauth.Status {
	st := oauth.Status{Server: k.Effective.Name, State: oauth.StateNone}
	login, err := storedLogin(logins, k.Effective, "", workspace)
	if err != nil {
		st.Why = err.Error()
	} else {
		st = login.Status()
	}
	if state, why := standing(k); state != stateEnabled && st.Why == "" {
		st.Why = why
	}
	return st
}

func (p *printer) logins(all []oauth.Status) {
	var rows [][]string
	for _, st := range all {
		rows = append(rows, []string{plain(st.Server), orDash(plain(st.Account)), st.State, expiry(st),
			orDash(plain(strings.Join(st.Scopes, " "))), orDash(plain(st.Issuer))})
	}
	p.table([]column{{title: "SERVER", cut: true}, {title: "ACCOUNT", cut: true}, {title: "STATE", paint: paintLogin}, {title: "EXPIRES"},
		{title: "SCOPES", cut: true}, {title: "AUTHORIZATION SERVER", cut: true}}, rows)
	for _, st := range all {
		if st.Why != "" {
			p.line()
			p.wrapped("  ", "", plain(st.Server+": "+st.Why))
		}
	}
}

func paintLogin(state string) string {
	switch state {
	case oauth.StateIn, oauth.StateKey:
		return green
	case oauth.StateNeeded, oauth.StateStepUp, oauth.StateWaiting:
		return yellow
	case oauth.StateTrouble:
		return red
	}
	return dim
}

// expiry words when the access token ends. One that is renewed by itself is no concern of the person's.
func expiry(st oauth.Status) string {
	text := "–"
	switch {
	case st.Expires == nil:
		return text
	case !st.Renewable && time.Now().After(*st.Expires):
		return "expired"
	case time.Now().Before(*st.Expires):
		text = ahead(time.Until(*st.Expires))
	}
	if st.Renewable {
		text += ", renewed automatically"
	}
	return strings.TrimPrefix(text, "–, ")
}

// ahead words a time to come.
func ahead(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "in a moment"
	case d < time.Hour:
		return "in " + strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return "in " + strconv.Itoa(int(d.Hours())) + " h"
	}
	return "in " + strconv.Itoa(int(d.Hours()/24)) + " days"
}

// remote is a configured server that is no local one, whatever it may do.
func (d *desk) remote(name string) (*hub.Server, error) {
	i := slices.IndexFunc(d.known, func(k hub.Server) bool { return k.Written.Name == name })
	if i < 0 {
		_, err := d.entry(name)
		return nil, err
	}
	if d.known[i].Effective.Protocol == config.ProtocolStdio {
		return nil, fmt.Errorf("server %q is local and has no login", plain(name))
	}
	return &d.known[i], nil
}

// storedLogin is what is stored of an entry's login. Nothing is sent as the entry says: its credentials need not be there, nor may it have to be.
func storedLogin(logins *oauth.Logins, server *config.Server, account, workspace string) (*oauth.Login, error) {
	of, err := forAccount(server, account)
	if err != nil {
		return nil, err
	}
	return loginTo(logins, hub.Bare(of), workspace)
}

// forAccount is the entry with another account than its own, "" for its own.
func forAccount(server *config.Server, account string) (*config.Server, error) {
	if account == "" {
		return server, nil
	}
	if err := config.CheckAccount(account); err != nil {
		return nil, err
	}
	other, of := *server, config.OAuth{Login: config.LoginAsk, Grant: config.GrantCode}
	if server.OAuth != nil {
		of = *server.OAuth
	}
	of.Account, other.OAuth = account, &of
	return &other, nil
}

// loginTo is the login of a remote server as its entry is resolved here.
func loginTo(logins *oauth.Logins, server *config.Server, workspace string) (*oauth.Login, error) {
	plan := planHere(server, workspace)
	if plan.Refusal != nil {
		return nil, errors.New(strings.Join(refusalWords(plan.Refusal), "; "))
	}
	target, _ := oauth.TargetOf(server, plan.Launch)
	return logins.For(target)
}
