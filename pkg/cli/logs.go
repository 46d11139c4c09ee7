package cli

import (
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// logsReport is what logs prints.
type logsReport struct {
	Server string    `json:"server"`
	State  string    `json:"state"` // as servers has it
	Since  time.Time `json:"since,omitzero"`
	Text   string    `json:"text,omitempty"`
}

func (a *app) logsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "logs NAME", Short: "Show a server's last failure and what it wrote to stderr",
		Long: `Logs shows a server's last failure in any session, with the first and last lines that it wrote to stderr.
The values of its secrets are removed. If the last start worked, nothing is recorded; to start the server
once: mcpproxy-stdio test NAME. To see what it writes in an open session, ask the tool upstream_servers
(operation logs).`,
		Args: oneServer, ValidArgsFunction: a.serverNames,
		RunE: func(_ *cobra.Command, args []string) error { return failed(a.logs(args[0], asJSON)) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) logs(name string, asJSON bool) error {
	c, err := a.console()
	if err != nil {
		return err
	}
	e, err := c.entry(name)
	if err != nil {
		return err
	}
	r := logsReport{Server: name}
	defer c.logins(zerolog.Nop(), nil)()
	st := c.Status(c.by, e)
	if r.State = screenState(st.State); st.Reason == admin.Blocked {
		r.Text = why(st)
	} else if l := e.Lately; l.State != "" {
		r.State, r.Since, r.Text = l.State, l.Since, l.Why
	}
	if asJSON {
		return printJSON(a.out, r)
	}
	p := newPrinter(a.out)
	switch {
	case r.Text == "":
		fmt.Fprintf(a.err, "No failure of %s is recorded. Start it once and see: mcpproxy-stdio test %s\n",
			plain(name), plain(config.ShellWord(name)))
		return nil
	case !r.Since.IsZero():
		p.line(plain(name), ", ", ago(time.Since(r.Since)), ":")
	}
	p.line(startingWith(name, r.Text))
	return nil
}
