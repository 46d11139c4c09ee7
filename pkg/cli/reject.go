package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
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
	d, err := a.desk()
	var e *entry
	if err == nil {
		e, err = d.entry(name)
	}
	if err != nil {
		return a.rejectUnconfigured(name, tool, err)
	}
	if err := d.begin(); err != nil {
		return err
	}
	if tool == "" {
		return e.update(a.rejection(""))
	}
	id, known := e.tool(tool)
	if !known {
		fmt.Fprintf(a.err, "No tool %q of server %q is known; the name is blocked all the same.\n", plain(tool), plain(name))
	}
	return e.update(a.rejection(id))
}

// rejection is what is changed of a record: all of it, or one tool.
func (a *app) rejection(tool string) func(*quarantine.Record) error {
	return func(r *quarantine.Record) error {
		switch {
		case tool == "":
			r.Reject(a.means())
		case slices.Contains(r.Blocked, tool):
			return quarantine.ErrUnchanged
		default:
			r.Block(tool, a.means())
		}
		return nil
	}
}

// rejectUnconfigured takes trust from what is recorded under a name, because a proxy that runs goes on with the last configuration that
// it could read, and an entry that was removed can come back. why is the error if nothing is recorded.
func (a *app) rejectUnconfigured(name, tool string, why error) error {
	path, err := config.DefaultPath(a.config)
	if err != nil {
		return err
	}
	paths := []string{path}
	if folder := a.workspaceFolder(); folder != "" {
		paths = append(paths, config.WorkspacePath(folder))
	}
	book := quarantine.NewBook(store.Open(store.DefaultDir()))
	for _, path := range paths {
		r, err := book.Read(path, name)
		if r == nil || err != nil {
			continue
		}
		if _, err := book.Update(path, name, a.rejection(tool)); err != nil {
			return err
		}
		why = nil
	}
	return why
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
