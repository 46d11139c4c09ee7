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

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
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
	c, err := a.console()
	if err != nil {
		return err
	}
	defer c.logins(zerolog.Nop(), nil)()
	logins, err := c.Logins(c.by, name)
	if local := (*admin.LocalError)(nil); errors.As(err, &local) {
		return fmt.Errorf("server %q is local and has no login", plain(name))
	}
	if err != nil {
		return err
	}
	all := []oauth.Status{}
	for _, l := range logins {
		if state, why := standing(&l.Server); state != stateEnabled && l.Status.Why == "" {
			l.Status.Why = why
		}
		all = append(all, l.Status)
	}
	switch {
	case asJSON:
		return printJSON(a.out, all)
	case len(all) == 0:
		fmt.Fprintf(a.err, "No remote server is configured in %s.\n", plain(c.view.Config.Path))
		return nil
	}
	newPrinter(a.out).logins(all)
	if slices.ContainsFunc(all, func(st oauth.Status) bool { return paintLogin(st.State) == yellow }) {
		fmt.Fprintln(a.err, "Log in with: mcpproxy-stdio login SERVER")
	}
	return nil
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
