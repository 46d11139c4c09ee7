package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

func (a *app) reviewCommand() *cobra.Command {
	var asJSON, noPager, texts bool
	var show showing
	c := &cobra.Command{
		Use: "review [NAME]", Short: "Show what needs your approval (starts nothing)",
		Long: `Review lists the servers that need your approval. With a name it shows what you would approve: the command,
the tools or how they changed, what the scanner found, and the digest. Characters that could mislead
you are shown as \u escapes. In a pipe or a file the server's own texts are left out, unless you add --texts.

On a terminal it ends with a code of eight digits, valid for ten minutes: type it in the chat if your client
can't ask you. An agent gets no code. If a script may be operating the terminal, you are asked first.
Looking starts and approves nothing.`,
		Example: "  mcpproxy-stdio review\n  mcpproxy-stdio review github",
		Args:    atMostOne, ValidArgsFunction: a.serverNames,
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.console()
			if err != nil {
				return failed(err)
			}
			if len(args) == 0 {
				return a.inbox(d, show.all, asJSON)
			}
			return a.review(c.Context(), d, args[0], show, asJSON, noPager, texts)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&show.all, "all", false, "show all servers; with a name, approved definitions too")
	c.Flags().BoolVar(&texts, "texts", false, "show definitions also where stdout is no terminal; never to an agent")
	c.Flags().BoolVar(&noPager, "no-pager", false, "don't use a pager")
	return c
}

// review shows one server.
func (a *app) review(ctx context.Context, d *console, name string, show showing, asJSON, noPager, texts bool) error {
	e, err := d.entry(name)
	if err != nil {
		return failed(err)
	}
	show.agent, show.piped = a.agent(), a.piped(texts)
	if asJSON {
		return a.printASCII(describeReview(e, show))
	}
	if err := a.paged(noPager, func(p *printer) { p.review(e, show) }); err != nil {
		return err
	}
	p := newPrinter(a.out)
	if e.Proposal == nil {
		return nil
	}
	p.line()
	if closed := e.Closed(); closed != nil {
		p.wrapped("", "", closedWords(closed).Error())
		return nil
	}
	code, until, err := a.code(ctx, d, e)
	if err != nil && !errors.Is(err, errRefused) {
		fmt.Fprintf(a.err, "Can't make a one-time code: %v\n", err)
	}
	p.ways(e, code, until)
	return nil
}

// code makes a one-time code where a person reads it, and nobody else: on a terminal, not under an agent, never through another program.
// Where a script may read the terminal the person has to ask for it first. It is "" where no code may approve.
func (a *app) code(ctx context.Context, c *console, e *admin.Entry) (code string, until time.Time, err error) {
	if !e.Codeable() || a.person() != nil {
		return "", time.Time{}, nil
	}
	if a.onDesktop = c.view.Desktop || c.view.Config.ApprovalConfirm == config.ConfirmDesktop; a.onDesktop || a.operator().Doubt != "" {
		ctx, stop := interruptible(ctx)
		defer stop()
		if err := a.confirm(ctx, newPrinter(a.out), e.Written.Name, "see a one-time code for the chat (or Enter, for none)"); err != nil {
			return "", time.Time{}, err
		}
	}
	until = time.Now().Add(quarantine.CodeLife)
	code, err = c.Code(c.by, e)
	return code, until, err
}

// ways tells how to approve what was shown.
func (p *printer) ways(e *admin.Entry, code string, until time.Time) {
	name := config.ShellWord(e.Written.Name)
	p.line("To approve it:   ", p.paint(bold, "mcpproxy-stdio approve "+name))
	switch blocking := e.Blocking(e.Proposal); {
	case code != "":
		p.line("or type this code in the chat, once, before ", until.Format("15:04"), ":  ", p.paint(bold, code[:4]+" "+code[4:]))
	case len(blocking) > 0:
		p.wrapped("", "", looksMalicious(blocking)+" Approve it only in a terminal, by typing its name.")
	case e.View.Policy() == config.ApprovalOOB:
		p.wrapped("", "", "The approval policy is oob: there is no other way.")
	}
	if e.Proposal.State == quarantine.Approved { // reject would take away what is in force
		p.line("To block a tool: mcpproxy-stdio reject ", name, " --tool TOOL")
		return
	}
	p.line("To reject it:    mcpproxy-stdio reject ", name)
}

// looksMalicious says how many definitions have a finding that stops an approval.
func looksMalicious(blocking []quarantine.Change) string {
	if len(blocking) == 1 {
		return "1 definition looks malicious."
	}
	return fmt.Sprintf("%d definitions look malicious.", len(blocking))
}

// inbox lists what waits.
func (a *app) inbox(d *console, all, asJSON bool) error {
	reviews, v, err := d.Reviews(d.by, all)
	if err != nil {
		return failed(err)
	}
	report := inboxReport{Config: v.Config.Path, Approval: policyReport{v.Config.Approval, v.Confirmed, v.Policy()}, Servers: []waiting{}}
	for _, r := range reviews {
		report.Servers = append(report.Servers, describeWaiting(r))
	}
	if asJSON {
		return a.printASCII(report)
	}
	p := newPrinter(a.out)
	if len(report.Servers) > 0 {
		p.inbox(report.Servers)
		p.line()
		p.line("To review one: mcpproxy-stdio review NAME")
		if v.Doubt != "" {
			p.wrapped("", yellow, "All servers in the file need your approval, because "+v.Doubt+". To approve them in one step: mcpproxy-stdio approve --all")
		}
	} else {
		fmt.Fprintln(a.err, "Nothing to review.")
	}
	if policy := report.Approval; policy.InForce != policy.Written {
		fmt.Fprintf(a.err, "Your config file sets approval to %s; %s stays in force until you confirm it: mcpproxy-stdio approve --policy\n", policy.Written, policy.InForce)
	}
	if n := len(v.Config.Problems); n > 0 {
		fmt.Fprintf(a.err, "%s in the config file: mcpproxy-stdio check\n", plural(n, "problem", "problems"))
	}
	return nil
}

func (p *printer) inbox(servers []waiting) {
	var rows [][]string
	for _, w := range servers {
		rows = append(rows, []string{plain(w.Name), w.status, orDash(w.Waits), orDash(w.Findings.Severities()), plain(w.From)})
	}
	p.table([]column{{title: "NAME", cut: true}, {title: "STATE", paint: paintState}, {title: "PENDING", cut: true},
		{title: "FINDINGS", paint: func(cell string) string {
			if strings.Contains(cell, scan.Block.String()) {
				return red
			}
			return ""
		}}, {title: "FROM", cut: true}}, rows)
}

// waits says in a few words what waits of a proposal.
func waits(p *quarantine.Proposal) string {
	switch {
	case p == nil:
		return ""
	case p.Digest == "":
		return "a start that has not ended"
	case p.State == quarantine.HeldLaunch && p.Was != nil:
		return "a changed launch"
	case p.State == quarantine.HeldLaunch:
		return "its first start"
	}
	text := countChanges(p)
	if p.Policy != nil {
		text = strings.TrimPrefix(text+", looser policy", ", ")
	}
	if text == "" {
		text = "what it offers"
	}
	return text
}

// countChanges says how many items are new or changed, and how.
func countChanges(p *quarantine.Proposal) string {
	text := countOf(p, "new", "changed")
	for _, more := range []string{strings.Replace(countOf(p, "updated"), "updated", "updated (still in use)", 1), countOf(p, "unreadable")} {
		text = strings.Trim(text+", "+more, ", ")
	}
	return text
}

// countOf counts the changes of these kinds, "" if there are none.
func countOf(p *quarantine.Proposal, kinds ...string) string {
	var parts []string
	for _, kind := range kinds {
		n := 0
		for _, c := range p.Changes {
			if c.What() == kind {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	return strings.Join(parts, ", ")
}
