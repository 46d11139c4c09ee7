package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// testReport is what test prints.
type testReport struct {
	Server    string   `json:"server"`
	OK        bool     `json:"ok"`
	State     string   `json:"state"` // as servers has it
	Why       string   `json:"why,omitempty"`
	Tools     []string `json:"tools"`
	Prompts   int      `json:"prompts"`
	Resources int      `json:"resources"`
	Review    int      `json:"review,omitempty"` // new or changed, and waiting for a person
	Millis    int64    `json:"took_ms"`
}

func (a *app) testCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "test NAME", Short: "Start a server once and show what it offers, or why it fails",
		Long: `Test starts an approved server as a client in this folder would, lists its tools and stops it. A held
server is not started. New or changed tools need your review as always.

The exit code is 1 if the server can't be used.`,
		Args: oneServer, ValidArgsFunction: a.serverNames,
		RunE: func(c *cobra.Command, args []string) error { return a.test(c.Context(), args[0], asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) test(ctx context.Context, name string, asJSON bool) error {
	d, err := a.console()
	if err != nil {
		return failed(err)
	}
	e, err := d.entry(name)
	if err == nil {
		err = d.files.Begin()
	}
	if err != nil {
		return failed(err)
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	r := testReport{Server: name, Tools: []string{}}
	end := d.logins(zerolog.Nop(), nil)
	st := d.Status(d.by, e)
	end()
	if r.State, r.Why = screenState(st.State), why(st); st.Usable() {
		r.State, r.Why = stateEnabled, ""
		if err := a.startOnce(ctx, d, &r); err != nil {
			return failed(err)
		}
	}
	switch {
	case asJSON:
		err = printJSON(a.out, r)
	case r.OK:
		newPrinter(a.out).tested(r)
	default:
		err = failed(errors.New(startingWith(name, r.Why)))
	}
	if err == nil && !r.OK {
		err = &exitError{code: ExitFailed}
	}
	return err
}

// startingWith is a text about a server that begins with its name.
func startingWith(name, text string) string {
	if text = plainLines(text); strings.HasPrefix(text, "server ") {
		return text
	}
	return fmt.Sprintf("server %q: %s", plain(name), text)
}

// startOnce starts the server. The error is of a person who does not want to wait.
func (a *app) startOnce(ctx context.Context, d *console, r *testReport) error {
	p := newPrinter(a.err)
	p.passing(fmt.Sprintf("Starting %s …", plain(r.Server)))
	begun := time.Now()
	opts := hub.Options{ConfigPath: d.files.Path, Store: d.files.Store, Version: Version(), Log: zerolog.Nop()}
	client := session.Options{Workspace: d.files.Workspace, Dir: workingDir(), Environ: os.Environ(), Version: Version(), Log: zerolog.Nop()}
	live, err := hub.Try(ctx, opts, client, r.Server)
	p.passing("")
	if ctx.Err() != nil {
		return fmt.Errorf("server %q was stopped before it answered", plain(r.Server))
	}
	r.Millis = time.Since(begun).Milliseconds()
	if err != nil {
		login := "mcpproxy-stdio login " + config.ShellWord(r.Server) // the tool's name is for models
		r.State, r.Why = stateFailed, strings.ReplaceAll(err.Error(), "oauth_login", login)
		return nil
	}
	r.OK = true
	for _, raw := range live.Items[catalog.Tools] {
		r.Tools = append(r.Tools, catalog.Tools.ID(raw))
	}
	r.Prompts, r.Resources = len(live.Items[catalog.Prompts]), len(live.Items[catalog.Resources])
	if e, err := d.Entry(d.by, r.Server); err == nil {
		r.Review = e.Record.Pending(e.Written)
	}
	return nil
}

// tested shows what a server that can be used offers.
func (p *printer) tested(r testReport) {
	offers := []string{plural(len(r.Tools), "tool", "tools")}
	if r.Prompts > 0 {
		offers = append(offers, plural(r.Prompts, "prompt", "prompts"))
	}
	if r.Resources > 0 {
		offers = append(offers, plural(r.Resources, "resource", "resources"))
	}
	p.line(p.paint(green, "✓"), " ", plain(r.Server), " works: ", strings.Join(offers, ", "))
	names := make([]string, len(r.Tools))
	for i, name := range r.Tools {
		names[i] = confusables.ASCII(name)
	}
	if len(names) > 0 {
		p.wrapped("  ", "", strings.Join(names, ", "))
	}
	if r.Review > 0 {
		p.wrapped("  ", yellow, fmt.Sprintf("%d to review: mcpproxy-stdio review %s", r.Review, plain(config.ShellWord(r.Server))))
	}
}
