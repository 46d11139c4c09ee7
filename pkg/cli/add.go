package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// addFlags are what add is told of an entry.
type addFlags struct {
	url, dir, start string
	env, headers    []string
	look            func() bool // whether it is looked at now
}

func (a *app) addCommand() *cobra.Command {
	var f addFlags
	c := &cobra.Command{
		Use: "add NAME (--url URL | -- COMMAND [ARGUMENT…])", Short: "Add a server to your configuration",
		Long: `Add writes a server into your config file; comments and everything else in it stay. A server that you add
on a terminal is trusted. One that an agent or a script adds is held: mcpproxy-stdio approve NAME

On a terminal the server is started once, so that your first session has its tools (--look=false: don't;
--look: also elsewhere). A held server is not started.

Put references in single quotes for the shell: '${env:NAME}', '${keyring:NAME}', '${workspaceFolder}'.`,
		Example: `  mcpproxy-stdio add files -- npx -y @modelcontextprotocol/server-filesystem '${workspaceFolder}'
  mcpproxy-stdio add github --url https://api.githubcopilot.com/mcp/ --header 'Authorization=Bearer ${keyring:github}'`,
		Args: func(c *cobra.Command, args []string) error {
			dash := c.ArgsLenAtDash()
			switch {
			case len(args) == 0 || dash == 0:
				return errors.New("add: which server? Write: mcpproxy-stdio add NAME -- COMMAND, or add NAME --url URL")
			case dash < 0 && len(args) > 1 || dash > 1:
				return errors.New("add: write -- before the command: mcpproxy-stdio add NAME -- COMMAND [ARGUMENT…]")
			case f.url == "" && len(args) == 1:
				return errors.New("add: what is it? Write: mcpproxy-stdio add NAME -- COMMAND, or add NAME --url URL")
			case f.url != "" && len(args) > 1:
				return errors.New("add: a server has a command or a URL, not both")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return a.add(c.Context(), args[0], args[1:], f) },
	}
	f.look = a.lookFlag(c)
	fl := c.Flags()
	fl.StringVar(&f.url, "url", "", "URL of a remote server")
	fl.StringArrayVar(&f.env, "env", nil, "NAME=VALUE to pass to the command; may be repeated")
	fl.StringArrayVar(&f.headers, "header", nil, "NAME=VALUE to send with each request; may be repeated")
	fl.StringVar(&f.dir, "workdir", "", "directory the command runs in (default: the workspace)")
	fl.StringVar(&f.start, "start", "", "lazy (when first needed, the default) or eager (at once)")
	return c
}

func (a *app) add(ctx context.Context, name string, command []string, f addFlags) error {
	options, vars, err := f.options(command)
	if err != nil {
		return &exitError{ExitUsage, err}
	}
	d, err := a.deciding()
	if err != nil {
		return failed(err)
	}
	if d.view.Config.Server(name) != nil {
		return failed(fmt.Errorf("server %q already exists; change it in %s", plain(name), plain(d.view.Config.Path)))
	}
	if len(command) > 0 && startsUs(command[0], command[1:]) {
		return failed(errors.New("that command is mcpproxy-stdio itself, which would start itself endlessly"))
	}
	if other := admin.Lookalike(d.view, name); other != "" && d.by.Script != nil {
		return failed(fmt.Errorf("the name %q looks like %q; choose another", plain(name), plain(other)))
	} else if other != "" {
		fmt.Fprintf(a.err, "Warning: %q looks like %q.\n", plain(name), plain(other))
	}
	if d.by.Script == nil {
		d.by.Script = a.sure(ctx, name, ownOrReview)
	}
	own := d.by.Script == nil
	added := []admin.Addition{{Name: name, Options: options}}
	if err := d.Write(d.by, added, "add"); err != nil {
		return failed(err)
	}
	for _, v := range vars {
		if looksSecret(v.Name, v.Value) {
			fmt.Fprintf(a.err, "The value of %s looks like a secret, and %s contains it now. To keep it in the system's keyring instead: mcpproxy-stdio secret set %s, then write ${keyring:%s} in the file.\n",
				plain(v.Name), plain(d.view.Config.Path), secretFor(name, v.Name), secretFor(name, v.Name))
		}
	}
	a.tellAdded(d, added, own)
	if own && f.look() {
		a.firstLook(ctx, d, firstLooks(added))
	}
	return nil
}

// tellAdded says what was written and what comes next.
func (a *app) tellAdded(d *console, all []admin.Addition, own bool) {
	var added, held []string
	for _, e := range all {
		if own && !e.Quarantined() {
			added = append(added, config.ShellWord(e.Name))
		} else {
			held = append(held, config.ShellWord(e.Name))
		}
	}
	p := newPrinter(a.err)
	if len(added) > 0 {
		p.wrapped("", "", fmt.Sprintf("Added to %s: %s. Open sessions have %s now.", plain(d.view.Config.Path), strings.Join(added, ", "), itOrThem(added)))
	}
	if len(held) > 0 {
		why := "no person typed it"
		if own {
			why = "its entry says so (quarantined)"
		}
		next := "approve it on a terminal: mcpproxy-stdio approve " + held[0]
		if len(held) > 1 {
			next = "review them on a terminal: mcpproxy-stdio review; to approve each of " + strings.Join(held, ", ") + ": mcpproxy-stdio approve NAME"
		}
		p.wrapped("", "", fmt.Sprintf("Added to %s and held, because %s. To %s", plain(d.view.Config.Path), why, next))
	}
	for _, step := range d.nextSteps(all) {
		p.wrapped("  ", "", plain(step))
	}
}

func itOrThem(names []string) string {
	if len(names) == 1 {
		return "it"
	}
	return "them"
}

// nextSteps are what a person still has to do for servers that were added.
func (d *console) nextSteps(all []admin.Addition) (steps []string) {
	c, err := config.Load(d.view.Config.Path)
	if err != nil {
		return nil
	}
	remote := false
	for _, e := range all {
		s := c.Server(e.Name)
		if s == nil {
			continue
		}
		env, secrets := s.References()
		for _, name := range secrets {
			step := fmt.Sprintf("Store the secret that %s needs: mcpproxy-stdio secret set %s", config.ShellWord(e.Name), name)
			if in, ok := c.Input(name); ok && in.Description != "" {
				step += " (“" + confusables.Cut(in.Description, 80) + "”)"
			}
			if !slices.Contains(steps, step) {
				steps = append(steps, step)
			}
		}
		for _, name := range env {
			if _, set := os.LookupEnv(name); !set {
				steps = append(steps, fmt.Sprintf("%s needs the variable %s, which is not set here: set it where your client starts, or write ${keyring:%s} and store the value: mcpproxy-stdio secret set %s",
					config.ShellWord(e.Name), name, name, name))
			}
		}
		remote = remote || s.Protocol != config.ProtocolStdio
	}
	if remote {
		steps = append(steps, "If a server asks for a login: mcpproxy-stdio login NAME")
	}
	return append(steps, "To check whether it can start: mcpproxy-stdio check")
}

// secretFor is a name for a secret that package secret accepts.
func secretFor(server, variable string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-", r) {
			return r
		}
		return -1
	}, server+"."+variable), ".")
}

// options are an entry's options; vars are its variables and headers.
func (f addFlags) options(command []string) (options []config.Option, vars []config.Var, err error) {
	set := func(key string, value any) { options = append(options, config.Option{Key: key, Value: value}) }
	env, err := pairs("--env", f.env)
	if err != nil {
		return nil, nil, err
	}
	headers, err := pairs("--header", f.headers)
	if err != nil {
		return nil, nil, err
	}
	if f.url != "" {
		set("protocol", config.InferProtocol("", f.url))
		set("url", f.url)
		if env != nil || f.dir != "" {
			return nil, nil, errors.New("add: --env and --workdir are for commands; a URL takes --header")
		}
	} else {
		set("protocol", config.ProtocolStdio)
		set("command", command[0])
		if len(command) > 1 {
			set("args", command[1:])
		}
		if headers != nil {
			return nil, nil, errors.New("add: --header is for URLs; a command takes --env")
		}
	}
	if env != nil {
		set("env", env)
	}
	if headers != nil {
		set("headers", headers)
	}
	if f.dir != "" {
		set("working_dir", f.dir)
	}
	switch f.start {
	case "":
	case config.StartLazy, config.StartEager:
		set("start", f.start)
	default:
		return nil, nil, fmt.Errorf("add: --start: %q is not valid (lazy, eager)", f.start)
	}
	return options, append(env, headers...), nil
}

// pairs splits NAME=VALUE. An error does not show the value.
func pairs(flag string, texts []string) (vars []config.Var, err error) {
	for _, text := range texts {
		name, value, found := strings.Cut(text, "=")
		if !found || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("add: %s needs NAME=VALUE", flag)
		}
		vars = append(vars, config.Var{Name: strings.TrimSpace(name), Value: value})
	}
	return vars, nil
}
