package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// unblock gives a tool back that was blocked, when the person types its name.
func (a *app) unblock(ctx context.Context, e *entry, tool string) error {
	p := newPrinter(a.out)
	i := slices.IndexFunc(e.Record.Blocked, func(id string) bool { return id == tool || inWords(id) == tool })
	if i < 0 {
		return fmt.Errorf("the tool %q of server %q is not blocked", plain(tool), plain(e.Written.Name))
	}
	id := e.Record.Blocked[i]
	p.wrapped("", "", fmt.Sprintf("The tool %s of server %s was blocked. Given back, its approved version is offered again; one that was not approved waits for a review as ever.",
		inWords(id), plain(e.Written.Name)))
	if err := a.confirm(ctx, p, inWords(id), "unblock it"); err != nil {
		return err
	}
	if err := e.update(func(r *quarantine.Record) error { r.Unblock(id, a.means()); return nil }); err != nil {
		return err
	}
	p.line(p.paint(green, "Given back."), " A proxy that runs takes it over at once.")
	return nil
}

// policyMeanings say what each policy of approval means.
var policyMeanings = map[string]string{
	config.ApprovalHuman: "a person approves: asked by the editor, with a code from a terminal, or on a terminal",
	config.ApprovalOOB:   "a person approves on a terminal or in the editor's extension only; nothing in a chat approves",
	config.ApprovalHost:  "whatever the client lets the model call approves: if it asks nobody, nobody is asked",
	config.ApprovalOff:   "nobody is asked: every server of your file is run, and every definition is taken as it comes",
}

// approvePolicy confirms the policy of approval that the file says.
func (a *app) approvePolicy(ctx context.Context, d *desk) error {
	p := newPrinter(a.out)
	written := d.config.Approval
	loosens := d.desktop && d.config.ApprovalConfirm == config.ConfirmTerminal
	if d.policy() == written && !loosens {
		p.line("The policy of approval is ", written, ", as ", plain(d.config.Path), " says. Nothing waits.")
		return nil
	}
	p.line(p.paint(bold, "The policy of approval"), " – who may approve a server")
	p.line()
	p.fact("Written", yellow, written+": "+policyMeanings[written])
	p.fact("In force", "", d.policy()+": "+policyMeanings[d.policy()])
	if loosens {
		p.fact("Digits", yellow, "on the terminal; so far they were shown as a desktop notification")
	}
	p.fact("From", "", plain(d.config.Path))
	p.line()
	if err := a.confirm(ctx, p, written, "confirm the written one"); err != nil {
		return err
	}
	if err := d.book.ConfirmApproval(d.config.Path, written); err != nil {
		return err
	}
	if loosens {
		if err := d.book.ConfirmDesktop(d.config.Path, false); err != nil {
			return err
		}
	}
	p.line(p.paint(green, "Confirmed."), " A proxy that runs takes it over at once.")
	return nil
}
