package admin

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// Unblock gives a tool back that was blocked.
func (s *Service) Unblock(ctx context.Context, by *Actor, name, tool string) error {
	if needs(Settings, by, "") == Person {
		return by.Script
	}
	e, err := s.Entry(by, name)
	if err == nil {
		err = by.Host.Begin()
	}
	if err != nil {
		return err
	}
	i := slices.IndexFunc(e.Record.Blocked, func(id string) bool { return id == tool || typed(id) == tool })
	if i < 0 {
		return fmt.Errorf("tool %s of server %s is not blocked", strconv.QuoteToASCII(tool), strconv.QuoteToASCII(name))
	}
	id := e.Record.Blocked[i]
	if err := by.Ask(ctx, Question{Kind: ToUnblock, Entry: e, Item: quarantine.Item{Kind: quarantine.Tool, ID: id}}); err != nil {
		return err
	}
	return e.update(by, func(r *quarantine.Record) error { r.Unblock(id, by.Means); return nil })
}

// Policy is the policy of approval as the file says, and as it was confirmed.
type Policy struct {
	*hub.View
	Loosens bool // digits would be on the terminal, and were on the desktop so far
}

// PolicyToConfirm is the policy that a person has to confirm, nil if none.
func PolicyToConfirm(v *hub.View) *Policy {
	p := &Policy{v, v.Desktop && v.Config.ApprovalConfirm == config.ConfirmTerminal}
	if v.Policy() == v.Config.Approval && !p.Loosens {
		return nil
	}
	return p
}

// Confirm records that a person has confirmed the written policy.
func (p *Policy) Confirm() error {
	if err := p.Book.ConfirmApproval(p.Config.Path, p.Config.Approval); err != nil || !p.Loosens {
		return err
	}
	return p.Book.ConfirmDesktop(p.Config.Path, false)
}

// Code makes a one-time code that approves what was shown of an entry, "" where no code may.
func (s *Service) Code(by *Actor, e *Entry) (string, error) {
	if err := by.Host.Begin(); err != nil {
		return "", err
	}
	return e.View.Book.NewCode(e.Written.Path, e.Written.Name, e.Proposal.Digest)
}

// Codeable tells whether a code can approve what waits.
func (e *Entry) Codeable() bool {
	return e.Proposal.Digest != "" && e.View.Policy() == config.ApprovalHuman && len(e.Blocking(e.Proposal)) == 0
}

// PinError says why a server can't be pinned, or its pin not be removed.
type PinError struct {
	*Entry
	Reason PinReason
}

// PinReason is one.
type PinReason int

// Reasons.
const (
	NotPinned    PinReason = iota
	NotInstalled           // nothing is known of an installed package of it
	NotApproved
	OtherVersion // it was started from another version a moment ago
)

// Error implements error.
func (e *PinError) Error() string { return "it can't be pinned" }

// Pin has a server started only from the package that it last ran from. The entry is as it was before.
func (s *Service) Pin(by *Actor, st *launch.Installer, name string) (*Entry, error) {
	e, err := s.Entry(by, name)
	switch {
	case err != nil:
		return nil, err
	case e.Record.Installed == nil:
		return nil, &PinError{e, NotInstalled}
	case e.Record.State(e.Written) != quarantine.Approved:
		return nil, &PinError{e, NotApproved}
	}
	pin, err := st.Pin(e.owner(), e.Record.Installed.Resolution)
	if err != nil {
		return nil, err
	}
	return e, e.update(by, func(r *quarantine.Record) error {
		if r.Installed == nil || r.Installed.Install != pin.Install {
			return &PinError{e, OtherVersion}
		}
		r.PinTo(pin, by.Means)
		return nil
	})
}

// Unpin has a server started from the newest version again.
func (s *Service) Unpin(by *Actor, st *launch.Installer, name string) error {
	e, err := s.Entry(by, name)
	if err != nil {
		return err
	}
	was := e.Record.Pin()
	if was == nil {
		return &PinError{e, NotPinned}
	}
	if err := e.update(by, func(r *quarantine.Record) error { r.PinTo(nil, by.Means); return nil }); err != nil {
		return err
	}
	return st.Unpin(e.owner(), was)
}

// owner names the entry to who keeps its package.
func (e *Entry) owner() string { return e.Written.Path + "\x00" + e.Written.Name }
