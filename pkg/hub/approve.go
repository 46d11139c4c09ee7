package hub

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/builtin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// Statuses of a request for approval.
const (
	statusApproved  = "approved"
	statusInspected = "inspected"
	statusRequired  = "approval_required"
)

// Approve implements builtin.Admin: it asks a person whether what has this digest is approved. Nothing in the arguments approves but a code
// that a person read on their terminal.
func (a *admin) Approve(ctx context.Context, name, digest, code string) (builtin.Outcome, error) {
	st, err := a.standing(name)
	if err != nil {
		return builtin.Outcome{}, err
	}
	if st.effective.Refused != "" || st.failed != nil {
		return builtin.Outcome{}, fmt.Errorf("server %s can't be approved: %s", strconv.Quote(name), st.effective.Refused+st.effective.Held)
	}
	if !st.written.Enabled {
		return builtin.Outcome{}, fmt.Errorf(`server %s is disabled; operation "enable" of upstream_servers enables it if a tool disabled it, else the user sets "enabled": true in its entry`, strconv.Quote(name))
	}
	p := st.record.Proposal(st.written)
	switch {
	case p == nil:
		return builtin.Outcome{}, fmt.Errorf("server %s: %w", strconv.Quote(name), quarantine.ErrNothing)
	case p.Digest == "":
		return builtin.Outcome{}, fmt.Errorf("server %s: %w; %s", strconv.Quote(name), quarantine.ErrInspecting, todo(st, p))
	case !strings.EqualFold(p.Digest, digest):
		return builtin.Outcome{}, fmt.Errorf("server %s: %w; its digest is %s now. Inspect it again: quarantine_review", strconv.Quote(name), quarantine.ErrDigest, p.Digest)
	}
	before := a.h.State().begun[st.key]
	decision, why, err := a.decide(ctx, st, p, code)
	if err != nil {
		return builtin.Outcome{}, err
	}
	if decision == "" {
		return a.required(st, p, why), nil
	}
	a.h.log.Info().Str("server", name).Str("decision", decision).Msg("approved")
	if before != (occasion{}) { // else what the store's watcher began, if it saw the approval first, is the one start that it is
		a.h.note(again{st.key: before})
	}
	a.h.recallOne(st.key)
	a.h.unflag(st.key)
	if decision != "inspect" {
		a.s.Refresh(ctx)
		return builtin.Outcome{Status: statusApproved, Server: name, State: string(quarantine.Approved), Next: a.nowListed("its tools can be called now")}, nil
	}
	return a.inspected(ctx, st), nil
}

// decide lets a person decide, by the first way that there is. No decision means that it takes another way; why says which was tried.
func (a *admin) decide(ctx context.Context, st standing, p *quarantine.Proposal, code string) (decision, why string, err error) {
	h := a.h
	policy := h.State().Approval.Policy()
	judge := h.judge(st.key, nil)
	by := a.s.Client()
	switch blocking := p.Blocking(judge); {
	case policy == config.ApprovalOOB:
		return "", "the approval policy is oob: the user approves on a terminal or in the editor's extension", nil
	case len(blocking) > 0:
		return "", fmt.Sprintf("%d definitions look malicious: the user has to confirm each by its name on a terminal; or block the tools with quarantine_reject, and approve the rest", len(blocking)), nil
	case code != "":
		decision, err = h.book.Redeem(st.written, st.key.path, p.Digest, code, by, judge)
		if errors.Is(err, quarantine.ErrNoCode) || errors.Is(err, quarantine.ErrWrongCode) {
			h.log.Warn().Str("server", st.key.name).Msg("a code was refused")
			return "", err.Error(), nil
		}
		return decision, "", err
	case policy == config.ApprovalHost || policy == config.ApprovalOff:
		decision, err = h.approve(st, p.Digest, quarantine.Means{How: policy, By: by})
		return decision, "", err
	case st.record.Cooling(time.Now()):
		return "", fmt.Sprintf("the user declined; ask again after %s", st.record.Refused.Add(quarantine.CoolDown).Local().Format("15:04")), nil
	case !a.s.CanAskForm():
		return "", "", nil
	}
	answer := a.ask(ctx, st, p)
	switch {
	case answer == nil:
		decision, err = h.approve(st, p.Digest, quarantine.Means{How: "elicitation", By: by})
		return decision, "", err
	case errors.Is(answer, quarantine.ErrDeclined):
		_, err = h.book.Update(st.key.path, st.key.name, func(r *quarantine.Record) error { r.Refuse(time.Now()); return nil })
		h.recallOne(st.key) // whoever asks again at once is told
	}
	h.log.Warn().Str("server", st.key.name).Err(answer).Msg("not approved by the client's form")
	return "", answer.Error(), err
}

// approve takes down an approval, of the entry as it is configured now.
func (h *Hub) approve(st standing, digest string, by quarantine.Means) (decision string, err error) {
	current, _ := h.entry(st.key)
	if current == nil {
		return "", fmt.Errorf("server %s is not configured any more", strconv.Quote(st.key.name))
	}
	_, err = h.book.Update(st.key.path, st.key.name, func(r *quarantine.Record) error {
		decision, err = r.Approve(current, digest, by, h.judge(st.key, nil))
		return err
	})
	return decision, err
}

// errAsked is why a person is not asked a second time at once.
var errAsked = errors.New("the user is being asked about this server already")

// mostQuestion is how many characters a form shows that a person reads whole. A longer question is asked on a terminal, page by page.
const mostQuestion = 4000

// ask puts the challenge to the person through the client's form. nil means that a person said yes.
func (a *admin) ask(ctx context.Context, st standing, p *quarantine.Proposal) error {
	h := a.h
	if _, busy := h.asking.LoadOrStore(st.key, true); busy {
		return errAsked
	}
	defer h.asking.Delete(st.key)
	c := quarantine.NewChallenge(st.key.name, p.Digest)
	ctx, cancel := context.WithTimeout(ctx, quarantine.ChallengeLife)
	defer cancel()
	question := question(st, p, h.findings(st.key, p))
	if n := utf8.RuneCountInString(question); n > mostQuestion {
		return fmt.Errorf("%w: the user was not asked, because the question has %d characters and forms cut it", quarantine.ErrNotPerson, n)
	}
	m, err := a.s.Ask(ctx, mcp.Elicit, c.Params(question))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", quarantine.ErrNotPerson, err)
	case m.Kind == jsonrpc.Failure:
		return fmt.Errorf("%w: the client answered with an error", quarantine.ErrNotPerson)
	}
	return c.Check(m.Bytes(m.Result), time.Now())
}

// required tells the ways that are left.
func (a *admin) required(st standing, p *quarantine.Proposal, why string) builtin.Outcome {
	ways := []string{"on a terminal: " + command("approve", st.written)}
	policy := a.h.State().Approval.Policy()
	if policy != config.ApprovalOOB && len(p.Blocking(a.h.judge(st.key, nil))) == 0 {
		ways = append(ways, "with a code: the user runs "+command("review", st.written)+
			" on a terminal and types the eight digits at its end into the chat; then call quarantine_approve with them as code")
	}
	return builtin.Outcome{Status: statusRequired, Server: st.key.name, State: string(p.State), Why: why, Digest: p.Digest, Ways: ways,
		Next: "tell the user; do not try to approve it by other means"}
}

// inspectMost is how long a call waits for an inspection; the inspection goes on.
const inspectMost = 45 * time.Second

// inspected waits for the inspection that was approved, and tells what waits next.
func (a *admin) inspected(ctx context.Context, st standing) builtin.Outcome {
	name := st.key.name
	out := builtin.Outcome{Status: statusInspected, Server: name, State: string(quarantine.HeldDefinitions)}
	a.h.inspectNew(a.s)
	if _, f := a.h.inspected(a.s, name); f != nil {
		select {
		case <-f.done:
		case <-ctx.Done():
		case <-time.After(inspectMost):
		}
	}
	in, err := a.Inspect(name)
	switch {
	case err != nil:
		out.Why = err.Error()
	case in.Digest == "":
		out.Why = "the inspection has not ended, or the server did not start"
		out.Next = "the user can see why on a terminal: " + command("approve", st.written)
	default:
		out.State, out.Digest = in.State, in.Digest
		out.Next = "it was started once and its definitions are held: quarantine_review with operation inspect counts them, quarantine_approve with this digest asks the user to approve them"
	}
	return out
}

// Reject implements builtin.Admin. Trust can always be taken away.
func (a *admin) Reject(name, tool string) error {
	st, err := a.standing(name)
	if err != nil {
		return err
	}
	by := quarantine.Means{How: "tool", By: a.s.Client(), Model: true}
	_, err = a.h.book.Update(st.key.path, st.key.name, func(r *quarantine.Record) error {
		if tool != "" {
			r.Block(tool, by)
		} else {
			r.Reject(by)
		}
		return nil
	})
	if err == nil {
		a.h.recallOne(st.key)
	}
	return err
}

// unflag takes "quarantined": true out of an entry that was approved although it says so. That it was is on record already.
func (h *Hub) unflag(k key) {
	s, _ := h.entry(k)
	e := h.State().recorded[k]
	if s == nil || !s.Quarantined || s.Workspace || e == nil || e.Record.State(s) != quarantine.Approved {
		return
	}
	if err := h.edit(func(d *config.Document) error { return d.Set(k.name, "quarantined", nil) }); err != nil {
		h.log.Warn().Str("server", k.name).Err(err).Msg("approved, but the entry still says quarantined")
	}
}
