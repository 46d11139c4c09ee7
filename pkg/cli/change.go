package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

func (a *app) removeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Aliases: []string{"rm", "delete", "uninstall"}, Short: "Remove a server from your configuration",
		Long: `Remove takes a server out of your config file; comments and everything else in it stay. Open sessions
stop it immediately. Its secrets and logins stay stored.`,
		Args: oneServer, ValidArgsFunction: a.serverNames,
		RunE: func(_ *cobra.Command, args []string) error { return failed(a.remove(args[0])) },
	}
}

func (a *app) enableCommand() *cobra.Command {
	return &cobra.Command{
		Use: "enable NAME", Short: "Enable a disabled server",
		Long: `Enable sets "enabled": true for a server in your config file. Only you, on a terminal, can enable a server
that you disabled. An agent or a script can enable what an agent or a script disabled.`,
		Args: oneServer, ValidArgsFunction: a.serverNames,
		RunE: func(c *cobra.Command, args []string) error { return failed(a.enable(c.Context(), args[0])) },
	}
}

func (a *app) disableCommand() *cobra.Command {
	return &cobra.Command{
		Use: "disable NAME", Short: "Disable a server but keep it in your configuration",
		Long: `Disable sets "enabled": false for a server in your config file. Open sessions stop it immediately.
To enable it again: mcpproxy-stdio enable NAME`,
		Args: oneServer, ValidArgsFunction: a.serverNames,
		RunE: func(_ *cobra.Command, args []string) error { return failed(a.disable(args[0])) },
	}
}

func (a *app) remove(name string) error {
	c, err := a.console()
	if err != nil {
		return err
	}
	e, err := c.Remove(c.by, name)
	if err != nil {
		return err
	}
	p := newPrinter(a.out)
	p.wrapped("", "", fmt.Sprintf("Removed %s from %s. Open sessions stop it immediately.", plain(name), plain(c.view.Config.Path)))
	_, secrets := e.Written.References()
	for _, secret := range secrets {
		p.wrapped("  ", "", "Its secret stays stored; to delete it: mcpproxy-stdio secret rm "+plain(config.ShellWord(secret)))
	}
	return nil
}

func (a *app) disable(name string) error {
	c, err := a.deciding()
	if err != nil {
		return err
	}
	was, err := c.Disable(c.by, name)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("Disabled %s. Open sessions stop it immediately. Enable it again: mcpproxy-stdio enable %s",
		plain(name), plain(config.ShellWord(name)))
	if !was {
		text = plain(name) + " is already disabled."
	}
	newPrinter(a.out).wrapped("", "", text)
	return nil
}

func (a *app) enable(ctx context.Context, name string) error {
	c, err := a.deciding()
	if err != nil {
		return err
	}
	was, err := c.Enable(ctx, c.by, name)
	p := newPrinter(a.out)
	if err != nil {
		return err
	}
	if !was {
		p.line(plain(name), " is already enabled.")
		return nil
	}
	e, err := c.Entry(c.by, name)
	if err != nil {
		return err
	}
	if state, why := standing(&e.Server); state != stateEnabled {
		p.wrapped("", "", fmt.Sprintf("Enabled %s. %s", plain(name), plain(why)))
		return nil
	}
	p.line("Enabled ", plain(name), ". Open sessions have it now.")
	return nil
}
