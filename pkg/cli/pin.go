package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

func (a *app) pinCommand() *cobra.Command {
	var remove bool
	c := &cobra.Command{
		Use: "pin NAME", Short: "Pin a server that npx or uvx runs to its current version",
		Long: `Pin starts a server only from the installed package that it last ran from, byte for byte, until you remove
the pin. It does not look for newer versions. If the files of an npm package are gone, they are restored;
if that fails, the server is not started.`,
		Example: "  mcpproxy-stdio pin github\n  mcpproxy-stdio pin --remove github",
		Args:    oneServer, ValidArgsFunction: a.serverNames,
		RunE: func(_ *cobra.Command, args []string) error {
			return failed(a.pin(args[0], remove))
		},
	}
	c.Flags().BoolVar(&remove, "remove", false, "start the newest version again")
	return c
}

func (a *app) pin(name string, remove bool) error {
	c, err := a.deciding()
	if err != nil {
		return err
	}
	installer := &launch.Installer{Store: c.files.Store}
	if remove {
		if err := c.Unpin(c.by, installer, name); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "Unpinned %q: it starts from the newest version again.\n", plain(name))
		return nil
	}
	e, err := c.Pin(c.by, installer, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Pinned %q to %s.\n", plain(name), confusables.ASCII(e.Record.Installed.Short()))
	if n := e.Record.Pending(e.Written); n > 0 {
		fmt.Fprintf(a.err, "This version has changes that you have not approved (%d to review): mcpproxy-stdio review %s\n", n, config.ShellWord(name))
	}
	return nil
}

// pinWords say why a server can't be pinned, or its pin not be removed.
func pinWords(e *admin.PinError) error {
	name := e.Written.Name
	switch e.Reason {
	case admin.NotPinned:
		return fmt.Errorf("server %q is not pinned", plain(name))
	case admin.NotInstalled:
		return fmt.Errorf("server %q has no known package to pin. A server that npx, uvx or the like runs can be pinned after its first run: call one of its tools", plain(name))
	case admin.NotApproved:
		return fmt.Errorf("server %q is not approved; approve it first: mcpproxy-stdio approve %s", plain(name), config.ShellWord(name))
	}
	return fmt.Errorf("server %q has just started from another version; run this again", plain(name))
}

// packageWords say what a server was installed from.
func packageWords(i *quarantine.Installed) string {
	if i == nil {
		return ""
	}
	text := ""
	for n, p := range i.Packages {
		if n > 0 {
			text += ", "
		}
		text += confusables.ASCII(p.String())
		if p.Integrity != "" {
			text += " (" + confusables.ASCII(p.Integrity) + ")"
		}
	}
	switch {
	case i.Pin != nil:
		text += ", pinned"
	case i.Was != "":
		text += ", previously " + confusables.ASCII(i.Was)
	}
	return text
}

// versionWords are the version of a server's package in short.
func versionWords(i *quarantine.Installed) string {
	if i == nil || len(i.Packages) == 0 {
		return ""
	}
	text := confusables.ASCII(i.Packages[0].Version)
	if i.Pin != nil {
		text += ", pinned"
	}
	return text
}
