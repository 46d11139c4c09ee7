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
		return fmt.Errorf("tool %q of server %q is not blocked", plain(tool), plain(e.Written.Name))
	}
	id := e.Record.Blocked[i]
	p.wrapped("", "", fmt.Sprintf("Tool %s of %s is blocked. Unblocking makes its approved version available again; a version that you never approved needs a review first.",
		inWords(id), plain(e.Written.Name)))
	if err := a.confirm(ctx, p, inWords(id), "unblock it"); err != nil {
		return err
	}
	if err := e.update(func(r *quarantine.Record) error { r.Unblock(id, a.means()); return nil }); err != nil {
		return err
	}
	p.line(p.paint(green, "Unblocked."), " Open sessions have it now.")
	return nil
}

// policyMeanings say what each policy of approval means.
var policyMeanings = map[string]string{
	config.ApprovalHuman: "you approve: in your editor, with a code from a terminal, or on a terminal",
	config.ApprovalOOB:   "you approve on a terminal or in the editor's extension; nothing in a chat approves",
	config.ApprovalHost:  "whatever the client lets the model call approves; if the client does not ask you, nothing does",
	config.ApprovalOff:   "you are not asked: every server in your file runs, and every definition is accepted as it comes",
}

// approvePolicy confirms the policy of approval that the file says.
func (a *app) approvePolicy(ctx context.Context, d *desk) error {
	p := newPrinter(a.out)
	written := d.config.Approval
	loosens := d.desktop && d.config.ApprovalConfirm == config.ConfirmTerminal
	if d.policy() == written && !loosens {
		p.line("The approval policy is ", written, ", as ", plain(d.config.Path), " says. Nothing to confirm.")
		return nil
	}
	p.line(p.paint(bold, "Approval policy"), " – who may approve a server")
	p.line()
	p.fact("Written", yellow, written+": "+policyMeanings[written])
	p.fact("In force", "", d.policy()+": "+policyMeanings[d.policy()])
	if loosens {
		p.fact("Digits", yellow, "on the terminal; until now in a desktop notification")
	}
	p.fact("From", "", plain(d.config.Path))
	p.line()
	if err := a.confirm(ctx, p, written, "approve it anyway"); err != nil {
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
	p.line(p.paint(green, "Confirmed."), " Open sessions have it now.")
	return nil
}
