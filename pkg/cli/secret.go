package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/secret"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// maxSecret bounds what is read as a secret, in bytes. Keyrings take less.
const maxSecret = 64 << 10

func (a *app) secretCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "secret", Short: "Store secrets in the system's keyring, not in the config file",
		Long: `Secrets are stored in the system's keyring (Keychain, Credential Manager, Secret Service) under the
service ` + secret.Service + `. Any string of a server's entry can refer to one:

  "env": { "GITHUB_TOKEN": "${keyring:github}" }`,
		Args: unknownCommand, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.secretSetCommand(), a.secretRemoveCommand(), a.secretListCommand())
	return c
}

func (a *app) secretSetCommand() *cobra.Command {
	return &cobra.Command{
		Use: "set NAME", Short: "Store or replace a secret",
		Long: `Set stores or replaces a secret. On a terminal you type the value, which is not shown; otherwise it is read
from stdin, without the final line break. Refer to it as ${keyring:NAME}. VS Code's ${input:NAME} is the
same; its description in your config file is shown.`,
		Example: "  mcpproxy-stdio secret set github\n  printf %s \"$TOKEN\" | mcpproxy-stdio secret set github",
		Args:    oneName,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := secrets().Usable(args[0]); err != nil { // before a value is typed in vain
				return failed(err)
			}
			value, err := a.readSecret(args[0])
			if err != nil {
				return failed(err)
			}
			return failed(secrets().Set(args[0], value))
		},
	}
}

func (a *app) secretRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME", Aliases: []string{"remove"}, Short: "Delete a secret", Args: oneName,
		RunE: func(_ *cobra.Command, args []string) error { return failed(secrets().Remove(args[0])) },
	}
}

func (a *app) secretListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the names of your secrets, never the values", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			names, err := secrets().List()
			if err != nil {
				return failed(err)
			}
			if len(names) == 0 {
				_, err := a.err.WriteString("No secret is stored. Store one with: mcpproxy-stdio secret set NAME\n")
				return failed(err)
			}
			var rows [][]string
			for _, name := range names {
				rows = append(rows, []string{name, "${keyring:" + name + "}"})
			}
			newPrinter(a.out).table([]column{{title: "NAME"}, {title: "REFER TO IT AS"}}, rows)
			return nil
		},
	}
}

// secrets is the keyring with the index of names beside the other state.
func secrets() secret.Store {
	return secret.Store{IndexPath: store.Open(store.DefaultDir()).Path("secrets")}
}

// oneName wants exactly one name. A second argument is most likely the value, which does not belong there.
func oneName(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return fmt.Errorf("%s: which secret? Write: %s NAME", c.Name(), c.CommandPath())
	case len(args) > 1 && c.Name() == "set":
		return errors.New("set: a value is never taken from the command line, where every program can read it and the shell's history keeps it; " +
			"run the command with the name alone and type the value, or pipe it in")
	case len(args) > 1:
		return fmt.Errorf("%s: one name at a time", c.Name())
	}
	return nil
}

func (a *app) readSecret(name string) (string, error) {
	if fd := int(a.in.Fd()); term.IsTerminal(fd) {
		if asks := a.inputFor(name); asks != "" {
			fmt.Fprintf(a.err, "Your configuration says: “%s”\n", plain(asks))
		}
		fmt.Fprintf(a.err, "Value of ${keyring:%s} (not shown): ", plain(name))
		value, err := readHidden(fd)
		fmt.Fprintln(a.err)
		return value, err
	}
	data, err := io.ReadAll(io.LimitReader(a.in, maxSecret+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxSecret {
		return "", fmt.Errorf("the value is longer than %d KiB; is it the right file?", maxSecret>>10)
	}
	value, _ := strings.CutSuffix(string(data), "\n")
	value, _ = strings.CutSuffix(value, "\r")
	return value, nil
}

// inputFor is what the user's configuration says of a secret that was one of VS Code's inputs, "" for others.
func (a *app) inputFor(name string) string {
	path, err := config.DefaultPath(a.config)
	if err != nil {
		return ""
	}
	c, err := config.Load(path)
	if err != nil {
		return ""
	}
	in, _ := c.Input(name)
	return confusables.Cut(in.Description, 200)
}

// readHidden reads a line that the terminal does not show. An interrupt must not leave the terminal that way.
func readHidden(fd int) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		if _, interrupted := <-interrupts; interrupted {
			term.Restore(fd, before)
			fmt.Fprintln(os.Stderr)
			os.Exit(ExitFailed)
		}
	})
	value, err := term.ReadPassword(fd)
	signal.Stop(interrupts)
	close(interrupts)
	watcher.Wait()
	return string(value), err
}
