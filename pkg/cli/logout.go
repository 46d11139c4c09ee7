package cli

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
)

func (a *app) logoutCommand() *cobra.Command {
	var account string
	c := &cobra.Command{
		Use: "logout SERVER", Short: "Log out of a remote server: revoke and delete its tokens",
		Long: `Logout deletes a server's tokens and asks the authorization server to revoke them. You stay logged out
until you log in again. Open sessions pick it up immediately. It also works if the server is disabled or
held.`,
		Args: oneServer, ValidArgsFunction: a.serverNames,
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := interruptible(c.Context())
			defer stop()
			return failed(a.logout(ctx, args[0], account))
		},
	}
	c.Flags().StringVar(&account, "account", "", "the account, if it is not the entry's")
	return c
}

func (a *app) logout(ctx context.Context, name, account string) error {
	d, err := a.desk()
	if err != nil {
		return err
	}
	k, err := d.remote(name)
	if err != nil {
		return err
	}
	logins := oauth.New(oauth.Options{Store: d.store, Log: zerolog.Nop()})
	defer logins.Close()
	login, err := storedLogin(logins, k.Effective, account, d.workspace)
	if err != nil {
		return fmt.Errorf("server %q: %s", plain(name), plainLines(err.Error()))
	}
	had, revoked, err := login.Logout(ctx)
	if err != nil {
		return fmt.Errorf("server %q: %s", plain(name), plainLines(err.Error()))
	}
	newPrinter(a.out).line(hub.LogoutText(plain(name), had, revoked))
	return nil
}
