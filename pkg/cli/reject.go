package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

func (a *app) rejectCommand() *cobra.Command {
	var tool string
	c := &cobra.Command{
		Use: "reject NAME [--tool TOOL]", Short: "Take all trust from a server, or block one of its tools",
		Long: `Reject takes back all that was approved of a server and refuses what waits: it is not run any more
before it is approved anew. With --tool it takes one tool away and leaves the rest.

It asks nothing and always works: trust can be taken away by everybody. A proxy that runs takes it
over at once. Give it back with: mcpproxy-stdio approve NAME [--unblock TOOL]`,
		Example: "  mcpproxy-stdio reject github\n  mcpproxy-stdio reject github --tool delete_repository",
		Args:    oneServer, ValidArgsFunction: a.serverNames,
		RunE: func(_ *cobra.Command, args []string) error {
			d, err := a.desk()
			if err != nil {
				return failed(err)
			}
			return failed(a.reject(d, args[0], tool))
		},
	}
	c.Flags().StringVar(&tool, "tool", "", "block this tool only")
	return c
}

func (a *app) reject(d *desk, name, tool string) error {
	e, err := d.entry(name)
	if err != nil {
		return err
	}
	if err := d.begin(); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	change := func(r *quarantine.Record) error { r.Reject(means()); return nil }
	if tool != "" {
		id, known := e.tool(tool)
		if !known {
			fmt.Fprintf(os.Stderr, "No tool %q of server %q is known; the name is blocked all the same.\n", plain(tool), plain(name))
		}
		change = func(r *quarantine.Record) error {
			if slices.Contains(r.Blocked, id) {
				return quarantine.ErrUnchanged
			}
			r.Block(id, means())
			return nil
		}
	}
	return e.update(change)
}

// tool is the tool that a name means, as its server wrote it or as review shows it.
func (e *entry) tool(name string) (id string, known bool) {
	r := e.Record
	for _, exact := range []bool{true, false} {
		for _, it := range slices.Concat(r.Items, r.Waiting, r.Found) {
			if it.Kind == quarantine.Tool && (it.ID == name || !exact && inWords(it.ID) == name) {
				return it.ID, true
			}
		}
	}
	return name, slices.Contains(r.Blocked, name)
}
