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

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
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
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.person(); err != nil {
				return failed(err)
			}
			d, err := a.desk()
			if err == nil {
				err = d.begin()
			}
			if err != nil {
				return failed(err)
			}
			ctx, stop := interruptible(c.Context())
			defer stop()
			if policy {
				return failed(a.approvePolicy(ctx, d))
			}
			if all {
				return failed(a.approveFile(ctx, d, noPager))
			}
			e, err := d.entry(args[0])
			if err != nil {
				return failed(err)
			}
			if unblock != "" {
				return failed(a.unblock(ctx, e, unblock))
			}
			w := &approving{app: a, entry: e, p: newPrinter(a.out), noPager: noPager}
			return failed(w.run(ctx))
		},
	}
	c.Flags().BoolVar(&all, "all", false, "approve all servers in your file that have not run yet, in one step")
	c.Flags().BoolVar(&policy, "policy", false, "confirm the approval policy in your config file")
	c.Flags().StringVar(&unblock, "unblock", "", "unblock a tool")
	c.Flags().BoolVar(&noPager, "no-pager", false, "don't use a pager")
	return c
}

// approving is one walk from what waits of a server to a decision.
type approving struct {
	*app
	entry   *entry
	p       *printer
	noPager bool

	launch    string            // digest of the launch whose inspection the person approved here
	live      *catalog.Snapshot // what that inspection found
	proposal  *quarantine.Proposal
	confirmed []string

	containers *docker.Owner // of the inspection
}

func (w *approving) run(ctx context.Context) error {
	e := w.entry
	w.proposal = e.proposal
	switch {
	case w.proposal == nil:
		w.p.line("Nothing to approve for ", plain(e.Written.Name), ".")
		return nil
	case e.blocked() != nil:
		return e.blocked()
	}
	if err := w.show(); err != nil {
		return err
	}
	if w.unseen() {
		if err := w.look(ctx); err != nil {
			return err
		}
	}
	err := w.confirm(ctx)
	if err != nil {
		return w.refuse(err)
	}
	return w.record()
}

func (w *approving) show() error {
	if err := w.paged(w.noPager, func(p *printer) { p.review(w.entry, w.proposal, showing{}) }); err != nil {
		return err
	}
	w.p.line()
	return nil
}

// unseen tells whether the server has to be started to know what would be approved: not for a changed launch of a server that the person
// knows, whose next lists are the baseline.
func (w *approving) unseen() bool {
	if w.proposal.Digest == "" {
		return true
	}
	decision, _ := w.entry.Record.Clone().Approve(w.entry.Written, w.proposal.Digest, w.means(), w.entry.judge(w.proposal))
	return decision == "inspect"
}

// look starts the server once, when the person agrees, and makes what it offers the proposal. Nothing is recorded. About one that can reach
// nothing the person, who wants to see it, is asked once, at the end.
func (w *approving) look(ctx context.Context) error {
	e := w.entry
	if how := hub.HowInspected(e.Written); how != "" {
		w.p.wrapped("", "", "It starts once to list its tools: "+how+".")
	}
	if hub.AskBeforeInspection(e.Written) {
		if err := w.app.confirm(ctx, w.p, e.Written.Name, "start it once"); err != nil {
			return w.refuse(err)
		}
	}
	w.launch = w.proposal.Digest
	live, err := w.inspect(ctx)
	if ctx.Err() != nil {
		return w.refuse(errRefused)
	}
	if err != nil {
		return fmt.Errorf("%s\nNothing was changed", plainLines(err.Error()))
	}
	w.live = live
	after := e.Record.Clone()
	if err := w.replay(after); err != nil {
		return err
	}
	if w.proposal = after.Proposal(e.Written); w.proposal == nil || w.proposal.Digest == "" {
		return errors.New("its tools could not be recorded; run the command again")
	}
	w.p.line()
	return w.show()
}

// inspect runs the server, after a login if it wants one.
func (w *approving) inspect(ctx context.Context) (*catalog.Snapshot, error) {
	e := w.entry
	warnings := &warnings{}
	logins := oauth.New(oauth.Options{Store: e.desk.store, Log: warnings.logger(), Open: oauth.OpenBrowser})
	defer logins.Close()
	w.containers = docker.NewOwner(e.desk.store, warnings.logger())
	defer w.containers.Close(2 * time.Second)
	live, err := w.runOnce(ctx, logins)
	if err == nil || e.Written.Protocol == config.ProtocolStdio {
		return live, err
	}
	login, failed := loginTo(logins, e.Written, e.desk.workspace) // the person has just agreed that it is contacted
	if failed != nil || login.Status().State != oauth.StateNeeded && login.Status().State != oauth.StateLoggedOut {
		return nil, err
	}
	w.p.line("It needs a login before it lists its tools.")
	w.p.line()
	if err := (&loggingIn{app: w.app}).follow(ctx, login); err != nil {
		return nil, err
	}
	warnings.print(w.p)
	return w.runOnce(ctx, logins)
}

// runOnce runs the server, and says on the terminal how long it takes.
func (w *approving) runOnce(ctx context.Context, logins *oauth.Logins) (live *catalog.Snapshot, err error) {
	done := make(chan struct{})
	var stage atomic.Value
	stage.Store("")
	go func() {
		defer close(done)
		live, err = hub.Inspect(ctx, w.entry.Written, hub.InspectOptions{
			Workspace: w.entry.desk.workspace, Dir: workingDir(), Environ: os.Environ(), Version: Version(), Logins: logins,
			Containers: w.containers, State: w.entry.desk.store.Dir(), Progress: func(now string) { stage.Store(now) }, Log: zerolog.Nop(),
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

// replay brings a record to what the person was shown.
func (w *approving) replay(r *quarantine.Record) error {
	s, judge := w.entry.Written, w.entry.judge(w.proposal)
	if w.launch != "" {
		if _, err := r.Approve(s, w.launch, w.means(), judge); err != nil {
			return err
		}
	}
	if w.live != nil {
		r.Learn(s, w.live, quarantine.Whole, false, judge)
	}
	return nil
}

// confirm asks for each grave finding, then for the whole.
func (w *approving) confirm(ctx context.Context) error {
	e := w.entry
	for _, c := range w.proposal.Blocking(e.judge(w.proposal)) {
		w.p.wrapped("", red, itemWords(c.Item)+" looks malicious (see the findings above). To leave a tool out, press Enter and block it: mcpproxy-stdio reject "+
			config.ShellWord(e.Written.Name)+" --tool NAME")
		name := inWords(c.ID)
		if c.ID == "" {
			name = string(c.Kind)
		}
		if err := w.app.confirm(ctx, w.p, name, "approve it anyway"); err != nil {
			return err
		}
		w.confirmed = append(w.confirmed, c.Name())
	}
	return w.app.confirm(ctx, w.p, e.Written.Name, "approve "+what(w.proposal))
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

// record records the decision, in one step with everything that led to it.
func (w *approving) record() error {
	e := w.entry
	by := w.means()
	by.Confirmed = w.confirmed
	err := e.update(func(r *quarantine.Record) error {
		if err := w.replay(r); err != nil {
			return err
		}
		_, err := r.Approve(e.Written, w.proposal.Digest, by, e.judge(w.proposal))
		return err
	})
	if errors.Is(err, quarantine.ErrDigest) || errors.Is(err, quarantine.ErrNothing) {
		return fmt.Errorf("the pending changes of %q changed while you read them; nothing was approved – run the command again", plain(e.Written.Name))
	}
	if err != nil {
		return err
	}
	w.p.line(w.p.paint(green, "Approved"), " ", approvedWords(e, w.proposal), ". Open sessions have it now.")
	return e.unflag()
}

// approvedWords name the server that was approved, and how many tools it has if that is known.
func approvedWords(e *entry, p *quarantine.Proposal) string {
	name, tools := plain(e.Written.Name), 0
	for _, it := range e.Record.Offered(p.Items) {
		if it.Kind == quarantine.Tool {
			tools++
		}
	}
	if p.State == quarantine.HeldLaunch && tools == 0 { // a changed launch, which is not started here
		return name
	}
	return name + " (" + plural(tools, "tool", "tools") + ")"
}

// refuse records that the person said no, if it was a person, and what an inspection they approved has found.
func (w *approving) refuse(reason error) error {
	err := w.entry.update(func(r *quarantine.Record) error {
		if w.live != nil {
			if err := w.replay(r); err != nil && !errors.Is(err, quarantine.ErrDigest) {
				return err
			}
		}
		if errors.Is(reason, errRefused) {
			r.Refuse(time.Now())
		}
		return nil
	})
	return errors.Join(reason, err)
}

// unflag takes "quarantined": true out of an entry that was approved although it says so.
func (e *entry) unflag() error {
	if !e.Written.Quarantined || e.Written.Workspace {
		return nil
	}
	set := func(doc *config.Document) error { return doc.Set(e.Written.Name, "quarantined", nil) }
	if err := config.Edit(e.Written.Path, set, config.LockDir(e.desk.store.Locks())); err != nil {
		return fmt.Errorf(`approved, but "quarantined": true could not be removed from its entry, where it has no effect any more: %w`, err)
	}
	return nil
}
