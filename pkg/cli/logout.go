package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/builtin"
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
	c, err := a.console()
	if err != nil {
		return err
	}
	defer c.logins(zerolog.Nop(), nil)()
	login, err := c.Stored(c.by, name, account)
	local, unknown := (*admin.LocalError)(nil), (*admin.UnknownError)(nil)
	switch {
	case errors.As(err, &unknown):
		return err
	case errors.As(err, &local):
		return fmt.Errorf("server %q is local and has no login", plain(name))
	case err != nil:
		return fmt.Errorf("server %q: %s", plain(name), plainLines(err.Error()))
	}
	had, revoked, err := login.Logout(ctx)
	if err != nil {
		return fmt.Errorf("server %q: %s", plain(name), plainLines(err.Error()))
	}
	newPrinter(a.out).line(builtin.LogoutText(plain(name), had, revoked))
	return nil
}
