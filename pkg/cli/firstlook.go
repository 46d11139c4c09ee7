package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// lookFlag adds the flag that says whether servers are looked at now; the result is what it says, and without it whether a person sees what
// comes of it.
func (a *app) lookFlag(c *cobra.Command) (wanted func() bool) {
	on := c.Flags().Bool("look", false, "start it once now to list its tools (default: on a terminal)")
	return func() bool {
		if c.Flags().Changed("look") {
			return *on
		}
		return term.IsTerminal(int(a.out.Fd()))
	}
}

// firstLooks are the servers of additions that are the person's own and may be started.
func firstLooks(all []admin.Addition) (names []string) {
	for _, e := range all {
		if e.Enabled() && !e.Quarantined() {
			names = append(names, e.Name)
		}
	}
	return names
}

// firstLook starts servers once that a person has just added, so that their first session finds everything, and says of each what it offers.
// That one fails is no failure of what was asked: it is configured, and told.
func (a *app) firstLook(ctx context.Context, d *console, names []string) {
	if len(names) == 0 {
		return
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	p := newPrinter(a.err)
	left := len(names)
	tell := func() {
		if left > 0 {
			p.passing(fmt.Sprintf("Looking at %s once, to see what is offered … (Ctrl-C: at the first session)", plural(left, "server", "servers")))
		}
	}
	tell()
	opts := hub.Options{ConfigPath: d.files.Path, Store: d.files.Store, Version: Version(), Log: zerolog.Nop()}
	hub.FirstLooks(ctx, opts, session.Options{Workspace: d.files.Workspace, Dir: workingDir(), Environ: os.Environ(), Version: Version(), Log: zerolog.Nop()}, names, func(l hub.Looked) {
		left--
		p.passing("")
		if l.Err == nil {
			p.line(p.paint(green, "✓"), " ", plain(l.Server), ": ", plural(l.Tools, "tool", "tools"))
		} else {
			for i, line := range strings.Split(plainLines(l.Err.Error()), "\n") {
				if mark := "✗ "; i == 0 {
					line = mark + line
				}
				p.wrapped("", "", line)
			}
		}
		tell()
	})
	p.passing("")
	if left > 0 {
		p.line("Not looked at so far: ", plural(left, "server", "servers"), ". The first session does so.")
	}
}
