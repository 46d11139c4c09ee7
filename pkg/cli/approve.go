package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

func (a *app) approveCommand() *cobra.Command {
	var policy, all, noPager bool
	var unblock string
	c := &cobra.Command{
		Use: "approve NAME | approve --all | approve --policy", Short: "Approve a server or its pending changes",
		Long: `Approve shows what is pending, as review does, and asks you to type the server's name and the four digits
on the screen. A new server is started once first, if you agree, to list its tools. An isolated server is
started for that without files and secrets, and without network unless its package has to be fetched; you
are asked once, at the end. To approve a tool that looks malicious, you type the tool's name too.

It works only on a terminal, and never for commands that an agent runs. If a script may be operating the
terminal, you are asked twice. Open sessions pick up the approval immediately.
To revoke it: mcpproxy-stdio reject NAME`,
		Example: "  mcpproxy-stdio approve github\n  mcpproxy-stdio approve github --unblock delete_repository\n  mcpproxy-stdio approve --policy",
		Args: func(c *cobra.Command, args []string) error {
			switch alone := len(args) == 0 && unblock == ""; {
			case policy && all, policy && !alone:
				return errors.New("approve: --policy stands alone")
			case all && !alone:
				return errors.New("approve: --all stands alone")
			case policy || all:
				return nil
			}
			return oneServer(c, args)
		},
		ValidArgsFunction: a.serverNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.person(); err != nil {
				return failed(err)
			}
			c, err := a.deciding()
			if err != nil {
				return failed(err)
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			switch {
			case policy:
				return failed(a.approvePolicy(ctx, c))
			case all:
				return failed(a.approveFile(ctx, c, noPager))
			case unblock != "":
				return failed(a.unblock(ctx, c, args[0], unblock))
			}
			walk, err := c.Begin(c.by, args[0])
			if err != nil {
				return failed(err)
			}
			w := &approving{app: a, Approval: walk, console: c, p: newPrinter(a.out), noPager: noPager}
			return failed(w.run(ctx))
		},
	}
	c.Flags().BoolVar(&all, "all", false, "approve all servers in your file that have not run yet, in one step")
	c.Flags().BoolVar(&policy, "policy", false, "confirm the approval policy in your config file")
	c.Flags().StringVar(&unblock, "unblock", "", "unblock a tool")
	c.Flags().BoolVar(&noPager, "no-pager", false, "don't use a pager")
	return c
}

// approving shows what waits of a server, and has the person decide.
type approving struct {
	*app
	*admin.Approval
	console *console
	p       *printer
	noPager bool

	containers *docker.Owner // of the inspection
}

func (w *approving) run(ctx context.Context) error {
	if w.Proposal == nil {
		w.p.line("Nothing to approve for ", plain(w.Written.Name), ".")
		return nil
	}
	if closed := w.Closed(); closed != nil {
		return closed
	}
	if err := w.show(); err != nil {
		return err
	}
	if w.Unseen() {
		if err := w.start(ctx); err != nil {
			return err
		}
	}
	if err := w.Confirm(ctx); err != nil {
		return w.refuse(err)
	}
	_, err := w.Commit(w.console.by.Means)
	if errors.Is(err, quarantine.ErrDigest) || errors.Is(err, quarantine.ErrNothing) {
		return fmt.Errorf("the pending changes of %q changed while you read them; nothing was approved – run the command again", plain(w.Written.Name))
	}
	if err != nil {
		return err
	}
	w.p.line(w.p.paint(green, "Approved"), " ", approvedWords(w.Entry), ". Open sessions have it now.")
	if err := w.Unflag(); err != nil {
		return fmt.Errorf(`approved, but "quarantined": true could not be removed from its entry, where it has no effect any more: %w`, err)
	}
	return nil
}

func (w *approving) show() error {
	if err := w.paged(w.noPager, func(p *printer) { p.review(w.Entry, showing{}) }); err != nil {
		return err
	}
	w.p.line()
	return nil
}

// start starts the server once, when the person agrees, and makes what it offers the proposal. Nothing is recorded. About one that can reach
// nothing the person, who wants to see it, is asked once, at the end.
func (w *approving) start(ctx context.Context) error {
	if how := hub.HowInspected(w.Written); how != "" {
		w.p.wrapped("", "", "It starts once to list its tools: "+how+".")
	}
	if hub.AskBeforeInspection(w.Written) {
		if err := w.answer(ctx, admin.Question{Kind: admin.ToStart, Entry: w.Entry}); err != nil {
			return w.refuse(err)
		}
	}
	live, err := w.inspect(ctx)
	if ctx.Err() != nil {
		return w.refuse(errRefused)
	}
	if err != nil {
		return fmt.Errorf("%s\nNothing was changed", plainLines(err.Error()))
	}
	if err := w.Inspected(live); err != nil {
		return err
	}
	w.p.line()
	return w.show()
}

// inspect runs the server, after a login if it wants one.
func (w *approving) inspect(ctx context.Context) (*catalog.Snapshot, error) {
	warnings := &warnings{}
	defer w.console.logins(warnings.logger(), oauth.OpenBrowser)()
	w.containers = docker.NewOwner(w.console.files.Store, warnings.logger())
	defer w.containers.Close(2 * time.Second)
	live, err := w.runOnce(ctx)
	if err == nil || w.Written.Protocol == config.ProtocolStdio {
		return live, err
	}
	login, failed := w.console.files.Login(w.Written) // the person has just agreed that it is contacted
	if failed != nil || login.Status().State != oauth.StateNeeded && login.Status().State != oauth.StateLoggedOut {
		return nil, err
	}
	w.p.line("It needs a login before it lists its tools.")
	w.p.line()
	if err := (&loggingIn{app: w.app}).follow(ctx, login); err != nil {
		return nil, err
	}
	warnings.print(w.p)
	return w.runOnce(ctx)
}

// runOnce runs the server, and says on the terminal how long it takes.
func (w *approving) runOnce(ctx context.Context) (live *catalog.Snapshot, err error) {
	done := make(chan struct{})
	var stage atomic.Value
	stage.Store("")
	go func() {
		defer close(done)
		live, err = hub.Inspect(ctx, w.Written, hub.InspectOptions{
			Workspace: w.console.files.Workspace, Dir: workingDir(), Environ: os.Environ(), Version: Version(), Logins: w.console.files.Logins,
			Containers: w.containers, State: w.console.files.Store.Dir(), Progress: func(now string) { stage.Store(now) }, Log: zerolog.Nop(),
		})
	}()
	begun := time.Now()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			w.p.passing("")
			return live, err
		case <-tick.C:
			doing := "Starting"
			if now := stage.Load().(string); now != "" {
				doing = now
			}
			w.p.passing(fmt.Sprintf("%s … %d s", doing, int(time.Since(begun).Seconds())))
		}
	}
}

// answer puts a question of the administration to the person at the terminal.
func (a *app) answer(ctx context.Context, q admin.Question) error {
	p, name := newPrinter(a.out), q.Entry.Written.Name
	switch q.Kind {
	case admin.ToStart:
		return a.confirm(ctx, p, name, "start it once")
	case admin.ToTrust:
		return a.sure(ctx, name, "enable it")
	case admin.ToUnblock:
		p.wrapped("", "", fmt.Sprintf("Tool %s of %s is blocked. Unblocking makes its approved version available again; a version that you never approved needs a review first.",
			confusables.ASCII(q.Item.ID), plain(name)))
		return a.confirm(ctx, p, confusables.ASCII(q.Item.ID), "unblock it")
	case admin.ToConfirm:
		p.wrapped("", red, itemWords(q.Item)+" looks malicious (see the findings above). To leave a tool out, press Enter and block it: mcpproxy-stdio reject "+
			config.ShellWord(name)+" --tool NAME")
		item := confusables.ASCII(q.Item.ID)
		if q.Item.ID == "" {
			item = string(q.Item.Kind)
		}
		return a.confirm(ctx, p, item, "approve it anyway")
	}
	return a.confirm(ctx, p, name, "approve "+what(q.Proposal))
}

// what names what is approved.
func what(p *quarantine.Proposal) string {
	switch p.State {
	case quarantine.HeldLaunch:
		return "this command and the tools it lists"
	case quarantine.HeldDefinitions:
		return "everything it offers"
	}
	return "these changes"
}

// approvedWords name the server that was approved, and how many tools it has if that is known.
func approvedWords(e *admin.Entry) string {
	name, tools := plain(e.Written.Name), 0
	for _, it := range e.Record.Offered(e.Proposal.Items) {
		if it.Kind == quarantine.Tool {
			tools++
		}
	}
	if e.Proposal.State == quarantine.HeldLaunch && tools == 0 { // a changed launch, which is not started here
		return name
	}
	return name + " (" + plural(tools, "tool", "tools") + ")"
}

// refuse records that the person said no, if it was a person, and what an inspection they approved has found.
func (w *approving) refuse(reason error) error {
	return errors.Join(reason, w.Refuse(errors.Is(reason, errRefused)))
}
