package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// console is the administration as a command has it: on the configuration as a client started from here would have it, and on the records.
type console struct {
	*admin.Service
	by    *admin.Actor
	files *admin.Files
	view  *hub.View // when the command began
}

// errReads is why a command that only reads decides nothing.
var errReads = errors.New("this command decides nothing")

// console is for commands that read. The caller closes it.
func (a *app) console() (*console, error) {
	c, err := a.opened()
	if err == nil {
		err = c.look()
	}
	return c, err
}

// opened is a console that has not looked yet.
func (a *app) opened() (*console, error) {
	path, err := config.DefaultPath(a.config)
	if err != nil {
		return nil, err
	}
	st := store.Open(store.DefaultDir())
	st.Repaired = func(dir string) {
		fmt.Fprintf(a.err, "Others could use %s; its mode is 0700 now.\n", plain(dir))
	}
	workspace := a.workspaceFolder()
	files := &admin.Files{Path: path, Workspace: workspace, Store: st, Book: quarantine.NewBook(st), Log: zerolog.Nop(), Doubt: a.typedDoubt,
		Resolve: func(s *config.Server) (config.Launch, error) {
			plan := planHere(s, workspace)
			if plan.Refusal != nil {
				return plan.Launch, errors.New(strings.Join(refusalWords(plan.Refusal), "; "))
			}
			return plan.Launch, nil
		}}
	return &console{Service: admin.New(zerolog.Nop()), by: &admin.Actor{Kind: admin.Terminal, Script: errReads, Host: files}, files: files}, nil
}

// look reads what is known now.
func (c *console) look() (err error) {
	c.view, err = c.files.View()
	return err
}

// deciding is a console for who gives the command.
func (a *app) deciding() (*console, error) {
	c, err := a.console()
	if err != nil {
		return nil, err
	}
	a.decides(c)
	a.onDesktop = c.view.Desktop || c.view.Config.ApprovalConfirm == config.ConfirmDesktop
	return c, nil
}

// decides tells the console who gives the command.
func (a *app) decides(c *console) {
	c.by.Means, c.by.Script, c.by.Ask = a.means(), a.person(), a.answer
}

// logins makes the console look logins up, until close.
func (c *console) logins(log zerolog.Logger, opens func(string) error) (end func()) {
	c.files.Logins = oauth.New(oauth.Options{Store: c.files.Store, Log: log, Open: opens})
	return func() { c.files.Logins.Close() }
}

// entry returns the server of that name.
func (c *console) entry(name string) (*admin.Entry, error) { return admin.Find(c.view, name) }

// worded words an error of the administration for a terminal.
func worded(err error) error {
	switch e := err.(type) {
	case *admin.UnknownError:
		if len(e.Others) == 0 {
			return fmt.Errorf("no server %q is configured; %s has none", plain(e.Name), plain(e.Config))
		}
		names := make([]string, len(e.Others))
		for i, name := range e.Others {
			names[i] = plain(name)
		}
		return fmt.Errorf("no server %q is configured; there are: %s", plain(e.Name), strings.Join(names, ", "))
	case *admin.FailedError:
		return fmt.Errorf("server %q: its approvals can't be read, so it is not run: %w", plain(e.Name), e.Cause)
	case *admin.ClosedError:
		return closedWords(e)
	case *admin.OnlyPersonError:
		return fmt.Errorf("server %q was not disabled by an agent or a script, so only a person can enable it: %w", plain(e.Written.Name), e.Script)
	case *admin.PinError:
		return pinWords(e)
	}
	return err
}

// closedWords say why nothing of a server can be approved.
func closedWords(e *admin.ClosedError) error {
	name := plain(e.Written.Name)
	switch {
	case e.State == admin.Refused:
		return fmt.Errorf("server %q can't be approved: %s", name, plain(e.Effective.Refused))
	case e.State == admin.Failed:
		return worded(&admin.FailedError{Name: e.Written.Name, Cause: e.Entry.Failed})
	case e.Written.Workspace:
		return fmt.Errorf(`server %q is disabled; set "enabled": true in %s first`, name, plain(e.Written.Path))
	}
	return fmt.Errorf("server %q is disabled; enable it first: mcpproxy-stdio enable %s", name, plain(config.ShellWord(e.Written.Name)))
}

// serverNames completes the name of a configured server.
func (a *app) serverNames(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, err := a.console()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, s := range c.view.Servers {
		names = append(names, s.Written.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// oneServer wants the name of one server.
func oneServer(c *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return fmt.Errorf("%s: which server? Write: %s NAME", c.Name(), c.CommandPath())
	case 1:
		return nil
	}
	return fmt.Errorf("%s: one server at a time", c.Name())
}

// atMostOne wants no server, or the name of one.
func atMostOne(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return errors.New(c.Name() + ": one server at a time")
	}
	return nil
}

// workingDir is where a server runs that names no directory and has no workspace.
func workingDir() string {
	dir, _ := os.Getwd()
	return dir
}
