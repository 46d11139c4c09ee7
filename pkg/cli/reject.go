package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) rejectCommand() *cobra.Command {
	var tool string
	c := &cobra.Command{
		Use: "reject NAME [--tool TOOL]", Short: "Revoke a server's approval, or block one tool",
		Long: `Reject revokes a server's approval and rejects its pending changes: it does not run until you approve it
again. With --tool it blocks one tool and leaves the rest.

It does not ask, and works for scripts and agents too. Open sessions pick it up immediately.
To undo it: mcpproxy-stdio approve NAME [--unblock TOOL]`,
		Example: "  mcpproxy-stdio reject github\n  mcpproxy-stdio reject github --tool delete_repository",
		Args:    oneServer, ValidArgsFunction: a.serverNames,
		RunE: func(_ *cobra.Command, args []string) error {
			return failed(a.reject(args[0], tool))
		},
	}
	c.Flags().StringVar(&tool, "tool", "", "block this tool only")
	return c
}

func (a *app) reject(name, tool string) error {
	c, err := a.opened()
	if err != nil {
		return err
	}
	a.decides(c)
	known, err := c.Reject(c.by, name, tool)
	if err == nil && !known {
		fmt.Fprintf(a.err, "No tool %q of server %q is known; the name is blocked all the same.\n", plain(tool), plain(name))
	}
	return err
}
