package cli

import (
	"context"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// unblock gives a tool back that was blocked, when the person types its name.
func (a *app) unblock(ctx context.Context, c *console, name, tool string) error {
	err := c.Unblock(ctx, c.by, name, tool)
	if err == nil {
		p := newPrinter(a.out)
		p.line(p.paint(green, "Unblocked."), " Open sessions have it now.")
	}
	return err
}

// policyMeanings say what each policy of approval means.
var policyMeanings = map[string]string{
	config.ApprovalHuman: "you approve: in your editor, with a code from a terminal, or on a terminal",
	config.ApprovalOOB:   "you approve on a terminal or in the editor's extension; nothing in a chat approves",
	config.ApprovalHost:  "whatever the client lets the model call approves; if the client does not ask you, nothing does",
	config.ApprovalOff:   "you are not asked: every server in your file runs, and every definition is accepted as it comes",
}

// approvePolicy confirms the policy of approval that the file says.
func (a *app) approvePolicy(ctx context.Context, c *console) error {
	if err := c.by.Host.Begin(); err != nil {
		return err
	}
	p, v := newPrinter(a.out), c.view
	written, path := v.Config.Approval, plain(v.Config.Path)
	waits := admin.PolicyToConfirm(v)
	if waits == nil {
		p.line("The approval policy is ", written, ", as ", path, " says. Nothing to confirm.")
		return nil
	}
	p.line(p.paint(bold, "Approval policy"), " – who may approve a server")
	p.line()
	p.fact("Written", yellow, written+": "+policyMeanings[written])
	p.fact("In force", "", v.Policy()+": "+policyMeanings[v.Policy()])
	if waits.Loosens {
		p.fact("Digits", yellow, "on the terminal; until now in a desktop notification")
	}
	p.fact("From", "", path)
	p.line()
	if err := a.confirm(ctx, p, written, "confirm it"); err != nil {
		return err
	}
	if err := waits.Confirm(); err != nil {
		return err
	}
	p.line(p.paint(green, "Confirmed."), " Open sessions have it now.")
	return nil
}
