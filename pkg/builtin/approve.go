package builtin

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// Statuses of a request for approval.
const (
	statusApproved  = "approved"
	statusInspected = "inspected"
	statusRequired  = "approval_required"
)

// Outcome is what became of a request for approval.
type Outcome struct {
	Status string   `json:"status"` // approved, inspected, approval_required
	Server string   `json:"server"`
	State  string   `json:"state"`
	Why    string   `json:"why,omitempty"`
	Digest string   `json:"digest,omitempty"` // of what waits now
	Ways   []string `json:"ways,omitempty"`
	Next   string   `json:"next,omitempty"`
}

// approve asks the user whether what has this digest is approved.
func (o *own) approve(ctx context.Context, name, digest, code string) (Outcome, error) {
	out, err := o.admin.Request(ctx, o.by, name, digest, code)
	if err != nil {
		return Outcome{}, refusal(name, out, err)
	}
	switch e := out.Entry; out.Decision {
	case "":
		return required(out), nil
	case admin.DecidedInspect:
		return inspected(out), nil
	default:
		return Outcome{Status: statusApproved, Server: e.Written.Name, State: string(quarantine.Approved), Next: o.nowListed("its tools can be called now")}, nil
	}
}

// approveFile asks the user whether all servers that wait together are approved.
func (o *own) approveFile(ctx context.Context, digest string) (Outcome, error) {
	w, approved, denied, err := o.admin.RequestFile(ctx, o.by, digest)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Status: statusApproved, Server: admin.AllServers, State: string(quarantine.Approved)}
	if approved {
		out.Next = o.nowListed(fmt.Sprintf("the %d servers are started now; their tools can be called once they run", len(w.Waiting)))
		return out, nil
	}
	out.Status, out.State, out.Digest = statusRequired, string(quarantine.HeldLaunch), w.Digest()
	if denied != nil {
		out.Why = denied.Error()
	}
	out.Ways, out.Next = []string{"on a terminal: mcpproxy-stdio approve --all"}, "tell the user; do not try to approve them by other means"
	return out, nil
}

// refusal words why nothing of a server can be approved.
func refusal(name string, out *admin.Outcome, err error) error {
	closed := (*admin.ClosedError)(nil)
	switch quoted := strconv.Quote(name); {
	case errors.As(err, &closed) && closed.State == admin.Disabled:
		return fmt.Errorf(`server %s is disabled; operation "enable" of upstream_servers enables it if a tool disabled it, else the user sets "enabled": true in its entry`, quoted)
	case errors.As(err, &closed):
		return fmt.Errorf("server %s can't be approved: %s", quoted, closed.Effective.Refused+closed.Effective.Held)
	case errors.Is(err, quarantine.ErrInspecting):
		return fmt.Errorf("server %s: %w; %s", quoted, err, toReview(out.Entry))
	case errors.Is(err, quarantine.ErrNothing), errors.Is(err, quarantine.ErrDigest):
		return fmt.Errorf("server %s: %w", quoted, err)
	}
	return err
}

// required tells the ways that are left.
func required(out *admin.Outcome) Outcome {
	e, why := out.Entry, ""
	if out.Denied != nil {
		why = out.Denied.Error()
	}
	ways := []string{"on a terminal: " + hub.Command("approve", e.Written)}
	if out.Coded {
		ways = append(ways, "with a code: the user runs "+hub.Command("review", e.Written)+
			" on a terminal and types the eight digits at its end into the chat; then call quarantine_approve with them as code")
	}
	return Outcome{Status: statusRequired, Server: e.Written.Name, State: string(e.Proposal.State), Why: why, Digest: e.Proposal.Digest, Ways: ways,
		Next: "tell the user; do not try to approve it by other means"}
}

// inspected tells what waits after an inspection.
func inspected(out *admin.Outcome) Outcome {
	e := out.After
	text := Outcome{Status: statusInspected, Server: out.Written.Name, State: string(quarantine.HeldDefinitions)}
	switch {
	case out.AfterErr != nil:
		text.Why = out.AfterErr.Error()
	case e == nil || e.Proposal == nil || e.Proposal.Digest == "" || e.Effective.Refused != "":
		text.Why = "the inspection has not ended, or the server did not start"
		text.Next = "the user can see why on a terminal: " + hub.Command("approve", out.Written)
	default:
		text.State, text.Digest = string(e.Record.State(e.Written)), e.Proposal.Digest
		text.Next = "it was started once and its definitions are held: quarantine_review with operation inspect counts them, quarantine_approve with this digest asks the user to approve them"
	}
	return text
}

func runApprove(ctx context.Context, o *own, args map[string]any) (string, error) {
	p, err := stringsOf(args, "name", "digest", "code")
	switch {
	case err != nil:
		return "", err
	case p["name"] == "" || p["digest"] == "":
		return "", errors.New("quarantine_approve needs the parameters name and digest; quarantine_review with operation inspect tells the digest")
	}
	approve := func() (Outcome, error) { return o.approve(ctx, p["name"], p["digest"], p["code"]) }
	if p["name"] == admin.AllServers {
		approve = func() (Outcome, error) { return o.approveFile(ctx, p["digest"]) }
	}
	out, err := approve()
	if err != nil {
		return "", err
	}
	return asText(out), nil
}

func runReject(_ context.Context, o *own, args map[string]any) (string, error) {
	p, err := stringsOf(args, "name", "tool")
	switch {
	case err != nil:
		return "", err
	case p["name"] == "":
		return "", errors.New("quarantine_reject needs the parameter name")
	}
	if _, err := o.admin.Reject(o.by, p["name"], p["tool"]); err != nil {
		return "", err
	}
	if p["tool"] != "" {
		return "Tool " + strconv.QuoteToASCII(p["tool"]) + " of server " + strconv.Quote(p["name"]) + " is blocked. Only the user can unblock it.", nil
	}
	return "Server " + strconv.Quote(p["name"]) + " is rejected and held in quarantine. Only the user can approve it again: quarantine_approve asks them.", nil
}
