package builtin

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// Waiting is one server in the inbox of reviews.
type Waiting struct {
	Name    string `json:"name"`
	State   string `json:"state"`
	Pending int    `json:"items,omitempty"` // definitions that wait at an approved server
	Digest  string `json:"digest,omitempty"`
	Do      string `json:"do"`
}

// Inspection is all that a model may know of what waits at a server: nothing of it is the server's own text.
type Inspection struct {
	Name      string         `json:"name"`
	State     string         `json:"state"`
	From      string         `json:"from"` // the file the entry stands in
	Launch    string         `json:"launch"`
	Was       string         `json:"launch_was,omitempty"`
	Dir       string         `json:"working_dir,omitempty"`
	Env       []string       `json:"env,omitempty"`
	Headers   []string       `json:"headers,omitempty"`
	Login     []string       `json:"login,omitempty"`
	Isolation string         `json:"isolation"`
	Options   []string       `json:"options,omitempty"` // others, each as "name: value"
	Notes     []string       `json:"notes,omitempty"`
	Policy    string         `json:"policy,omitempty"`
	Items     map[string]int `json:"items,omitempty"`   // by kind
	Changes   map[string]int `json:"changes,omitempty"` // new, changed (held), updated (calls go on), unreadable
	Findings  []Found        `json:"findings,omitzero"` // not nil once there are definitions
	Blocked   int            `json:"blocked_tools,omitempty"`
	Digest    string         `json:"digest,omitempty"`
	Do        string         `json:"do"`
}

// Found counts the findings of one rule.
type Found struct {
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	Count    int    `json:"count"`
}

// inbox lists the servers with something to review. Updates whose calls go on are not counted.
func (o *own) inbox() ([]Waiting, error) {
	reviews, v, err := o.admin.Reviews(o.by, false)
	if err != nil {
		return nil, err
	}
	var all []Waiting
	if w := admin.WholeFileOf(v); w.Together() {
		all = append(all, Waiting{
			Name: admin.AllServers, State: string(quarantine.HeldLaunch), Pending: len(w.Waiting), Digest: w.Digest(),
			Do: "all servers of the user's config file wait, because " + w.Doubt + ": quarantine_approve with the name * asks the user to approve them in one step",
		})
	}
	for _, r := range reviews {
		if r.Failed != nil || r.Proposal.OnlyUpdates() {
			continue
		}
		w := Waiting{Name: r.Written.Name, State: string(r.Proposal.State), Digest: r.Proposal.Digest, Do: toReview(r.Entry)}
		if r.Proposal.State == quarantine.Approved {
			w.Pending = r.Record.Pending(r.Written)
		}
		all = append(all, w)
	}
	return all, nil
}

// toReview says what is to be done about what waits.
func toReview(e *admin.Entry) string {
	p := e.Proposal
	switch {
	case p.Digest == "":
		return "the start that the user approved is still running, or it failed; they can repeat it on a terminal: " + hub.Command("approve", e.Written)
	case e.Record.OwnLaunch(e.Written):
		return "its launch changed in the user's config file: quarantine_approve asks the user to approve it and the tools it then lists"
	case p.State == quarantine.HeldLaunch:
		return "quarantine_approve asks the user whether it may be started once, to list its tools"
	case p.State == quarantine.HeldDefinitions:
		return "quarantine_approve asks the user to approve what it offers"
	}
	if p.OnlyUpdates() {
		return "nothing: the server was updated, and what the user approved still works; quarantine_approve asks the user to accept the new definitions"
	}
	return "quarantine_approve asks the user to approve the changes; until then the approved versions stay active"
}

// inspect shows what waits at one server. Nothing in it is the server's own text.
func (o *own) inspect(name string) (Inspection, error) {
	r, err := o.admin.Review(o.by, name)
	if err != nil {
		return Inspection{}, err
	}
	e, p := r.Entry, r.Proposal
	in := Inspection{Name: name, State: string(e.Record.State(e.Written)), From: e.Written.Path, Do: "nothing to review", Blocked: len(e.Record.Blocked)}
	if e.Failed != nil {
		return in, fmt.Errorf("server %s: %s", strconv.Quote(name), e.Effective.Held)
	}
	if p == nil {
		return in, nil
	}
	text := quarantine.ReadLaunch(p.Shown, false)
	in.Launch, in.Dir, in.Env, in.Headers, in.Login, in.Isolation, in.Options, in.Notes = text.Line, asciiPath(text.Dir), text.Env, text.Headers, text.Login, text.Isolation, text.More, text.Notes
	if p.Was != nil {
		in.Was = quarantine.ReadLaunch(p.Was, false).Line
		if values := quarantine.ChangedValues(p.Was, p.Launch); len(values) > 0 {
			in.Notes = append(in.Notes, "changed: "+strings.Join(values, ", "))
		}
	}
	if p.Policy != nil {
		in.Policy = "the entry's policy is " + looser(e, p)
	}
	in.Items, in.Changes = map[string]int{}, r.Changes
	for _, it := range e.Record.Offered(p.Items) {
		in.Items[string(it.Kind)]++
	}
	if len(p.Items) > 0 {
		in.Findings = []Found{}
	}
	for _, c := range admin.Count(r.Found) {
		in.Findings = append(in.Findings, Found{Rule: c.Rule, Severity: c.Severity.String(), Count: c.Count})
	}
	if e.Effective.Refused != "" {
		in.Do = "it can't be approved: " + e.Effective.Refused
		return in, nil
	}
	in.Digest, in.Do = p.Digest, toReview(e)
	return in, nil
}

func runReview(_ context.Context, o *own, args map[string]any) (string, error) {
	p, err := stringsOf(args, "operation", "name")
	if err != nil {
		return "", err
	}
	switch {
	case p["operation"] == "list":
		waiting, err := o.inbox()
		if err != nil {
			return "", err
		}
		if len(waiting) == 0 {
			return "Nothing to review.", nil
		}
		return asText(waiting), nil
	case p["operation"] != "inspect":
		return "", fmt.Errorf("unknown operation %s; it must be list or inspect", strconv.QuoteToASCII(p["operation"]))
	case p["name"] == "":
		return "", errors.New("operation inspect needs the parameter name")
	}
	in, err := o.inspect(p["name"])
	if err != nil {
		return "", err
	}
	return asText(in), nil
}
