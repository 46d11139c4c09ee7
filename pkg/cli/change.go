package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
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

// own is a server of the user's file, the only ones that are changed, and what begin takes is taken.
func (d *desk) own(name string) (*config.Server, error) {
	s := d.config.Server(name)
	if s == nil {
		e, err := d.entry(name)
		if err == nil {
			err = fmt.Errorf("server %q comes from the workspace's file %s; change it there", plain(name), plain(e.Written.Path))
		}
		return nil, err
	}
	return s, d.begin()
}

// change edits the user's file.
func (d *desk) change(edit func(*config.Document) error) error {
	return config.Edit(d.config.Path, edit, config.LockDir(d.store.Locks()))
}

func (a *app) remove(name string) error {
	d, err := a.desk()
	if err != nil {
		return err
	}
	s, err := d.own(name)
	if err == nil {
		err = d.change(func(doc *config.Document) error { return doc.Remove(name) })
	}
	if err != nil {
		return err
	}
	p := newPrinter(a.out)
	p.wrapped("", "", fmt.Sprintf("Removed %s from %s. Open sessions stop it immediately.", plain(name), plain(d.config.Path)))
	if _, secrets := s.References(); len(secrets) > 0 {
		for _, secret := range secrets {
			p.wrapped("  ", "", "Its secret stays stored; to delete it: mcpproxy-stdio secret rm "+plain(config.ShellWord(secret)))
		}
	}
	return nil
}

func (a *app) disable(name string) error {
	d, err := a.desk()
	if err != nil {
		return err
	}
	s, err := d.own(name)
	if err != nil {
		return err
	}
	person := a.person() == nil
	if s.Enabled || person { // what a person disables, only a person enables
		_, err = d.book.Update(d.config.Path, name, func(r *quarantine.Record) error {
			if r.Disabled == !person {
				return quarantine.ErrUnchanged
			}
			r.Disabled = !person
			return nil
		})
	}
	if err == nil {
		err = d.change(func(doc *config.Document) error { return doc.Set(name, "enabled", false) })
	}
	if err != nil {
		return err
	}
	text := fmt.Sprintf("Disabled %s. Open sessions stop it immediately. Enable it again: mcpproxy-stdio enable %s",
		plain(name), plain(config.ShellWord(name)))
	if !s.Enabled {
		text = plain(name) + " is already disabled."
	}
	newPrinter(a.out).wrapped("", "", text)
	return nil
}

func (a *app) enable(ctx context.Context, name string) error {
	d, err := a.desk()
	if err != nil {
		return err
	}
	s, err := d.own(name)
	if err != nil {
		return err
	}
	r, err := d.book.Read(d.config.Path, name)
	if err != nil {
		return err
	}
	off := r != nil && r.Enables(s)
	nobody := a.person()
	switch {
	case s.Enabled && !off:
		newPrinter(a.out).line(plain(name), " is already enabled.")
		return nil
	case nobody == nil:
		if err := a.sure(ctx, name, "enable it"); err != nil {
			return err
		}
	case off || r == nil || !r.Disabled:
		return fmt.Errorf("server %q was not disabled by an agent or a script, so only a person can enable it: %w", plain(name), nobody)
	}
	if err := d.change(func(doc *config.Document) error { return doc.Set(name, "enabled", true) }); err != nil {
		return err
	}
	if nobody == nil && r != nil {
		_, err = d.book.Update(d.config.Path, name, func(r *quarantine.Record) error {
			r.Enable(a.means())
			return nil
		})
		if err != nil {
			return err
		}
	}
	return a.tellEnabled(name)
}

// tellEnabled says what comes next for a server that was enabled.
func (a *app) tellEnabled(name string) error {
	p := newPrinter(a.out)
	d, err := a.desk()
	if err != nil {
		return err
	}
	e, err := d.entry(name)
	if err != nil {
		return err
	}
	if state, why := standing(e.Server); state != stateEnabled {
		p.wrapped("", "", fmt.Sprintf("Enabled %s. %s", plain(name), plain(why)))
		return nil
	}
	p.line("Enabled ", plain(name), ". Open sessions have it now.")
	return nil
}
