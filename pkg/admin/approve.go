package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// Decisions of an approval, besides none.
const (
	DecidedInspect = "inspect" // the server may be started once, to list what it offers
	DecidedLaunch  = "launch"  // a changed launch, and what it lists next
	DecidedApprove = "approve"
)

// Approval is one walk from what waits of a server to a decision. Nothing is recorded before Commit or Refuse.
type Approval struct {
	*Entry
	by *Actor

	launch    string            // digest of the launch whose inspection was approved on this walk
	live      *catalog.Snapshot // what that inspection found
	confirmed []string          // items that look hostile, and were confirmed
}

// Outcome is what became of a request for approval.
type Outcome struct {
	*Entry
	Decision string // "": not approved
	Denied   error  // why not; nil: there is no way to ask a person
	Coded    bool   // a code from a terminal would approve it
	After    *Entry // after an inspection: what waits next
	AfterErr error
}

// Denials: why a request was not approved.
var (
	ErrOnlyTerminal = errors.New("the approval policy is oob: the user approves on a terminal or in the editor's extension")
	ErrAsked        = errors.New("the user is being asked about this server already")
)

// GraveError says that definitions look malicious.
type GraveError struct{ Count int }

// Error implements error.
func (e *GraveError) Error() string {
	return fmt.Sprintf("%d definitions look malicious: the user has to confirm each by its name on a terminal; or block the tools with quarantine_reject, and approve the rest", e.Count)
}

// CoolingError says that the person declined a while ago.
type CoolingError struct{ Until time.Time }

// Error implements error.
func (e *CoolingError) Error() string {
	return "the user declined; ask again after " + e.Until.Local().Format("15:04")
}

// Begin begins a walk to the approval of what waits of a server. An actor that no person stands behind is refused with the reason.
func (s *Service) Begin(by *Actor, name string) (*Approval, error) {
	if needs(Approve, by, "") == Person {
		return nil, by.Script
	}
	e, err := s.Entry(by, name)
	if err == nil {
		err = by.Host.Begin()
	}
	if err != nil {
		return nil, err
	}
	return &Approval{Entry: e, by: by}, nil
}

// Unseen tells whether the server has to be started to know what would be approved: not for a changed launch of a server that the person
// knows, whose next lists are the baseline.
func (a *Approval) Unseen() bool {
	if a.Proposal.Digest == "" {
		return true
	}
	decision, _ := a.Record.Clone().Approve(a.Written, a.Proposal.Digest, a.by.Means, a.Judge(a.Proposal))
	return decision == DecidedInspect
}

// ErrNotTaken is returned where what an inspection found does not make a proposal.
var ErrNotTaken = errors.New("its tools could not be recorded; run the command again")

// Inspected makes what an inspection found the proposal.
func (a *Approval) Inspected(live *catalog.Snapshot) error {
	a.launch, a.live = a.Proposal.Digest, live
	after := a.Record.Clone()
	if err := a.replay(after, a.Written); err != nil {
		return err
	}
	if a.Proposal = after.Proposal(a.Written); a.Proposal == nil || a.Proposal.Digest == "" {
		return ErrNotTaken
	}
	return nil
}

// replay brings a record to what the person was shown.
func (a *Approval) replay(r *quarantine.Record, s *config.Server) error {
	judge := a.Judge(a.Proposal)
	if a.launch != "" {
		if _, err := r.Approve(s, a.launch, a.by.Means, judge); err != nil {
			return err
		}
	}
	if a.live != nil {
		r.Learn(s, a.live, quarantine.Whole, false, judge)
	}
	return nil
}

// Confirm has the person confirm each item that looks hostile, then the whole.
func (a *Approval) Confirm(ctx context.Context) error {
	for _, c := range a.Blocking(a.Proposal) {
		if err := a.by.Ask(ctx, Question{Kind: ToConfirm, Entry: a.Entry, Proposal: a.Proposal, Item: c.Item}); err != nil {
			return err
		}
		a.confirmed = append(a.confirmed, c.Name())
	}
	return a.by.Ask(ctx, Question{Kind: ToApprove, Entry: a.Entry, Proposal: a.Proposal})
}

// Commit records the decision in one step with all that led to it, for the entry as it is configured now.
func (a *Approval) Commit(by quarantine.Means) (decision string, err error) {
	now, err := a.current()
	if err != nil {
		return "", err
	}
	by.Confirmed = a.confirmed
	_, err = a.View.Book.Update(a.Written.Path, a.Written.Name, func(r *quarantine.Record) error {
		if err := a.replay(r, now); err != nil {
			return err
		}
		decision, err = r.Approve(now, a.Proposal.Digest, by, a.Judge(a.Proposal))
		return err
	})
	return decision, err
}

// current is the entry as it is configured now: a person takes a while to read.
func (a *Approval) current() (*config.Server, error) {
	v, err := a.by.Host.View()
	if err != nil {
		return nil, err
	}
	e, err := find(v, a.Written.Name)
	if err != nil || e.Written.Path != a.Written.Path {
		return nil, fmt.Errorf("server %s is not configured any more", strconv.QuoteToASCII(a.Written.Name))
	}
	return e.Written, nil
}

// Refuse records that a person said no, if it was a person, and what an inspection that they approved has found.
func (a *Approval) Refuse(person bool) error {
	return a.update(a.by, func(r *quarantine.Record) error {
		if a.live != nil {
			if err := a.replay(r, a.Written); err != nil && !errors.Is(err, quarantine.ErrDigest) {
				return err
			}
		}
		if person {
			r.Refuse(time.Now())
		}
		return nil
	})
}

// Unflag takes "quarantined": true out of an entry that was approved although it says so. That it was approved is on record already.
func (a *Approval) Unflag() error {
	s := a.Written
	if !s.Quarantined || s.Workspace {
		return nil
	}
	r, err := a.View.Book.Read(s.Path, s.Name)
	if err != nil || r.State(s) != quarantine.Approved {
		return err
	}
	return a.by.Host.Edit(func(d *config.Document) error { return d.Set(s.Name, "quarantined", nil) })
}

// Request asks a person whether what has this digest is approved. Nothing in the arguments approves but a code that a person read on their
// terminal. With an error the outcome has the entry, if there is one.
func (s *Service) Request(ctx context.Context, by *Actor, name, digest, code string) (*Outcome, error) {
	v, err := by.Host.View()
	if err != nil {
		return nil, err
	}
	e, err := find(v, name)
	if err != nil {
		return nil, err
	}
	if closed := e.Closed(); closed != nil {
		return &Outcome{Entry: e}, closed
	}
	p := e.Proposal
	switch {
	case p == nil:
		return &Outcome{Entry: e}, quarantine.ErrNothing
	case p.Digest == "":
		return &Outcome{Entry: e}, quarantine.ErrInspecting
	case !strings.EqualFold(p.Digest, digest):
		return &Outcome{Entry: e}, fmt.Errorf("%w; its digest is %s now. Inspect it again: quarantine_review", quarantine.ErrDigest, p.Digest)
	}
	a := &Approval{Entry: e, by: by}
	grave := len(e.Blocking(p))
	out := &Outcome{Entry: e, Coded: v.Policy() != config.ApprovalOOB && grave == 0}
	client := by.client()
	decide := func() (approved bool) {
		out.Decision, out.Denied, err = s.decide(ctx, a, code, grave)
		if approved = err == nil && out.Decision != ""; approved {
			s.log.Info().Str("server", name).Str("decision", out.Decision).Msg("approved")
		}
		return approved
	}
	if client == nil {
		decide()
	} else {
		client.Decide(e.Written.Path, name, decide)
	}
	if err != nil || out.Decision == "" {
		return out, err
	}
	if err := a.Unflag(); err != nil {
		s.log.Warn().Str("server", name).Err(err).Msg("approved, but the entry still says quarantined")
	}
	if client == nil {
		return out, nil
	}
	if out.Decision != DecidedInspect {
		client.Refresh(ctx)
		return out, nil
	}
	client.Inspect(ctx, name)
	out.After, out.AfterErr = s.Entry(by, name)
	return out, nil
}

// decide lets a person decide, by the first way that there is. No decision means that it takes another way; denied says which was tried.
func (s *Service) decide(ctx context.Context, a *Approval, code string, grave int) (decision string, denied, err error) {
	policy := a.View.Policy()
	need := needs(Approve, a.by, policy)
	switch {
	case need == Person:
		return "", ErrOnlyTerminal, nil
	case grave > 0 && needs(Grave, a.by, policy) == Person:
		return "", &GraveError{grave}, nil
	case code != "":
		decision, err = a.View.Book.Redeem(a.Written, a.Written.Path, a.Proposal.Digest, code, a.by.Means.By, a.Judge(a.Proposal))
		if errors.Is(err, quarantine.ErrNoCode) || errors.Is(err, quarantine.ErrWrongCode) {
			s.log.Warn().Str("server", a.Written.Name).Msg("a code was refused")
			return "", err, nil
		}
		return decision, nil, err
	case need == Free:
		decision, err = a.Commit(quarantine.Means{How: policy, By: a.by.Means.By})
		return decision, nil, err
	case a.Record.Cooling(time.Now()):
		return "", &CoolingError{a.Record.Refused.Add(quarantine.CoolDown)}, nil
	}
	switch denied = s.ask(ctx, a); {
	case denied == nil:
		decision, err = a.Commit(quarantine.Means{How: "elicitation", By: a.by.Means.By})
		return decision, nil, err
	case errors.Is(denied, ErrCannotAsk):
		return "", nil, nil
	case errors.Is(denied, quarantine.ErrDeclined):
		err = a.Refuse(true) // who asks again at once is told
	}
	s.log.Warn().Str("server", a.Written.Name).Err(denied).Msg("not approved by the client's form")
	return "", denied, err
}

// ask puts the question to the person. nil means that a person said yes.
func (s *Service) ask(ctx context.Context, a *Approval) error {
	q := Question{Kind: ToApprove, Entry: a.Entry, Proposal: a.Proposal, Findings: Count(a.Found(a.Proposal))}
	return s.askOnce(ctx, a.by, server{a.Written.Path, a.Written.Name}, q)
}

// askOnce puts a question to the person, unless they are being asked about the same already.
func (s *Service) askOnce(ctx context.Context, by *Actor, k server, q Question) error {
	if by.Ask == nil {
		return ErrCannotAsk
	}
	s.mu.Lock()
	busy := s.asking[k]
	s.asking[k] = true
	s.mu.Unlock()
	if busy {
		return ErrAsked
	}
	defer func() {
		s.mu.Lock()
		delete(s.asking, k)
		s.mu.Unlock()
	}()
	return by.Ask(ctx, q)
}

// Reject takes trust away, at any time: it refuses what waits at a server and revokes what was approved, or blocks one tool. known tells
// whether the server has such a tool; the name is blocked in any case.
func (s *Service) Reject(by *Actor, name, tool string) (known bool, err error) {
	v, err := by.Host.View()
	var e *Entry
	if err == nil {
		e, err = find(v, name)
	}
	if err == nil && e.Failed != nil {
		err = &FailedError{name, e.Failed}
	}
	if err != nil {
		return true, rejectUnconfigured(by, v, name, tool, err)
	}
	if err := by.Host.Begin(); err != nil {
		return true, err
	}
	if known = true; tool != "" {
		tool, known = e.tool(tool)
	}
	return known, e.update(by, rejection(by, tool))
}

// rejection is what is changed of a record: all of it, or one tool.
func rejection(by *Actor, tool string) func(*quarantine.Record) error {
	return func(r *quarantine.Record) error {
		switch {
		case tool == "":
			r.Reject(by.Means)
		case slices.Contains(r.Blocked, tool):
			return quarantine.ErrUnchanged
		default:
			r.Block(tool, by.Means)
		}
		return nil
	}
}

// rejectUnconfigured takes trust from what is recorded under a name, because a proxy that runs goes on with the last configuration that
// it could read, and an entry that was removed can come back. why is the error if nothing is recorded.
func rejectUnconfigured(by *Actor, v *hub.View, name, tool string, why error) error {
	if v == nil {
		return why
	}
	for _, path := range v.Paths {
		r, err := v.Book.Read(path, name)
		if r == nil || err != nil {
			continue
		}
		if _, err := v.Book.Update(path, name, rejection(by, tool)); err != nil {
			return err
		}
		by.Host.Recall(path, name)
		why = nil
	}
	return why
}

// tool is the tool that a name means, as its server wrote it or as it is shown.
func (e *Entry) tool(name string) (id string, known bool) {
	r := e.Record
	for _, exact := range []bool{true, false} {
		for _, it := range slices.Concat(r.Items, r.Waiting, r.Found) {
			if it.Kind == quarantine.Tool && (it.ID == name || !exact && typed(it.ID) == name) {
				return it.ID, true
			}
		}
	}
	return name, slices.Contains(r.Blocked, name)
}

// typed is a name of a server's as it can be read and typed: ASCII, the rest escaped.
func typed(name string) string {
	quoted := strconv.QuoteToASCII(name)
	return quoted[1 : len(quoted)-1]
}
