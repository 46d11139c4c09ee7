// Package admin is what people, models and editors do with the servers: it lists them, shows what waits for a person, and approves, rejects,
// changes and logs in to them. The proxy's own tools and the command line parse what they are given, call a method of [Service] and word
// its result; which of them asks makes no difference but by one function, needs.
//
// Results are values: states, reasons and what is left to do, without sentences. A service works on a hub, for one of its sessions, or on
// the configuration and the store alone, where no hub runs.
package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// Service does it. It is safe for concurrent use.
type Service struct {
	log zerolog.Logger

	mu     sync.Mutex
	asking map[server]bool // servers that a person is being asked about
}

// server names an entry: by the file it stands in, and its name.
type server struct{ path, name string }

// New makes a service that logs there what it has done.
func New(log zerolog.Logger) *Service { return &Service{log: log, asking: map[server]bool{}} }

// Kind says what an actor is.
type Kind int

// Kinds of actors.
const (
	Model    Kind = iota // a language model, by the proxy's own tools
	Terminal             // a command; a person's if Actor.Script is nil
	Editor               // a person in an editor
)

// Actor is who asks for an operation.
type Actor struct {
	Kind   Kind
	Means  quarantine.Means // how and by whom something is decided, for the log
	Script error            // why nothing here is taken for a person's word; nil: a person gives the command
	Host   Host
	Ask    func(context.Context, Question) error // asks a person to confirm; nil if no person can be asked

	declined declines // logins that the person did not want
}

// person tells whether a person acts, not a model or a script.
func (a *Actor) person() bool { return a.Kind != Model && a.Script == nil }

// client is the session that the actor has with a hub, nil for none.
func (a *Actor) client() *hub.Client {
	c, _ := a.Host.(*hub.Client)
	return c
}

// Host is where the servers are: a hub with one of its sessions, or [Files].
type Host interface {
	// View returns what is known of the servers now.
	View() (*hub.View, error)
	// Begin takes the baseline of a configuration that was never run, as its first run would.
	Begin() error
	// Edit changes the user's file.
	Edit(func(*config.Document) error) error
	// Recall takes over what was written to the record of an entry.
	Recall(path, name string)
	// Login is the login of a server as it is resolved there, nil for a local one.
	Login(*config.Server) (*oauth.Login, error)
}

// ErrCannotAsk is returned by [Actor.Ask] where there is no way to ask a person.
var ErrCannotAsk = errors.New("nobody can be asked")

// Question is what a person is asked to confirm.
type Question struct {
	Kind     QuestionKind
	Entry    *Entry
	Proposal *quarantine.Proposal  // that is approved
	Item     quarantine.Item       // that looks hostile, or is to be unblocked
	Findings quarantine.RuleCounts // of the proposal
	File     *WholeFile            // for ToApproveFile, which has nothing else
}

// QuestionKind says what a question is about.
type QuestionKind int

// Kinds of questions.
const (
	ToApprove     QuestionKind = iota // the proposal
	ToStart                           // a start, to see what the server offers
	ToConfirm                         // an item that looks hostile
	ToTrust                           // that the person themselves enables the entry
	ToUnblock                         // a tool
	ToApproveFile                     // all servers that wait of a file
)

// Entry is one configured server with what is recorded of it. Its record is never nil.
type Entry struct {
	hub.Server
	View     *hub.View
	Proposal *quarantine.Proposal // nil: nothing waits
}

func open(v *hub.View, of *hub.Server) *Entry {
	k := *of
	if k.Record == nil {
		k.Record = &quarantine.Record{Config: k.Written.Path, Server: k.Written.Name}
	}
	return &Entry{Server: k, View: v, Proposal: k.Record.Proposal(k.Written)}
}

// entries are those of the configuration, in its order.
func entries(v *hub.View) []*Entry {
	all := make([]*Entry, len(v.Servers))
	for i, k := range v.Servers {
		all[i] = open(v, k)
	}
	return all
}

// UnknownError is returned for a server that is not configured.
type UnknownError struct {
	Name   string
	Config string
	Others []string // that are
}

// Error implements error.
func (e *UnknownError) Error() string {
	if len(e.Others) == 0 {
		return fmt.Sprintf("no server %s is configured; %s has none", strconv.QuoteToASCII(e.Name), strconv.QuoteToASCII(e.Config))
	}
	names := make([]string, len(e.Others))
	for i, name := range e.Others {
		names[i] = strconv.QuoteToASCII(name)
	}
	return fmt.Sprintf("no server %s is configured; there are: %s", strconv.QuoteToASCII(e.Name), strings.Join(names, ", "))
}

// Find returns the entry of that name, of which the record can be used.
func Find(v *hub.View, name string) (*Entry, error) {
	e, err := find(v, name)
	if err == nil && e.Failed != nil {
		return nil, &FailedError{name, e.Failed}
	}
	return e, err
}

// find returns the entry of that name, whatever is known of it.
func find(v *hub.View, name string) (*Entry, error) {
	i := slices.IndexFunc(v.Servers, func(k *hub.Server) bool { return k.Written.Name == name })
	if i >= 0 {
		return open(v, v.Servers[i]), nil
	}
	e := &UnknownError{Name: name, Config: v.Config.Path}
	for _, k := range v.Servers {
		e.Others = append(e.Others, k.Written.Name)
	}
	return nil, e
}

// Entry returns the server of that name, of which the record can be used.
func (s *Service) Entry(by *Actor, name string) (*Entry, error) {
	v, err := by.Host.View()
	if err != nil {
		return nil, err
	}
	return Find(v, name)
}

// FailedError is returned for a server whose record can't be used.
type FailedError struct {
	Name  string
	Cause error
}

// Error implements error.
func (e *FailedError) Error() string {
	return fmt.Sprintf("server %s: its approvals can't be read, so it is not run: %v", strconv.QuoteToASCII(e.Name), e.Cause)
}

// Unwrap returns the cause.
func (e *FailedError) Unwrap() error { return e.Cause }

// Own is an entry of the user's file, the only ones that can be changed.
func (s *Service) own(by *Actor, name string) (*Entry, error) {
	v, err := by.Host.View()
	if err != nil {
		return nil, err
	}
	e, err := find(v, name)
	if err == nil && e.Written.Workspace {
		err = fmt.Errorf("server %s comes from the workspace's file %s; change it there", strconv.QuoteToASCII(name), strconv.QuoteToASCII(e.Written.Path))
	}
	if err == nil {
		err = by.Host.Begin()
	}
	return e, err
}

// update changes the entry's record, which is in force when it returns.
func (e *Entry) update(by *Actor, change func(*quarantine.Record) error) error {
	_, err := e.View.Book.Update(e.Written.Path, e.Written.Name, change)
	if err == nil {
		by.Host.Recall(e.Written.Path, e.Written.Name)
	}
	return err
}

// ScanContext is what definitions of the entry are judged by: its own tools, those that wait included, and what other servers offer.
func (e *Entry) ScanContext(waiting []quarantine.Item) scan.Context {
	others := slices.Clone(e.View.Elsewhere)
	for _, k := range e.View.Servers {
		if k.Written != e.Written {
			others = append(others, catalog.Source{Server: k.Written.Name, Snapshot: k.Snapshot})
		}
	}
	return quarantine.ContextOf(e.Written.Name, e.Snapshot, waiting, others)
}

// Found is what the scanner found in one change.
type Found struct {
	Change   quarantine.Change
	Findings []scan.Finding
}

// Found are the findings in a proposal's changes, in their order.
func (e *Entry) Found(p *quarantine.Proposal) []Found {
	if p == nil {
		return nil
	}
	scanner := quarantine.NewScanner(e.ScanContext(waiting(p)))
	all := make([]Found, len(p.Changes))
	for i, c := range p.Changes {
		all[i] = Found{c, scanner.Scan(c.Item)}
	}
	return all
}

// waiting are the definitions of a proposal, those that can't be read included.
func waiting(p *quarantine.Proposal) []quarantine.Item {
	all := slices.Clone(p.Items)
	for _, c := range p.Changes {
		if c.Digest == "" {
			all = append(all, c.Item)
		}
	}
	return all
}

// Count counts the findings by rule.
func Count(all []Found) quarantine.RuleCounts {
	var findings []scan.Finding
	for _, one := range all {
		findings = append(findings, one.Findings...)
	}
	return quarantine.CountRules(findings...)
}

// Judge tells the gravest finding of an item of the entry. The scanner is made when it is needed.
func (e *Entry) Judge(p *quarantine.Proposal) quarantine.Judge {
	scanner := sync.OnceValue(func() *quarantine.Scanner { return quarantine.NewScanner(e.ScanContext(waiting(p))) })
	return func(it quarantine.Item) scan.Severity { return quarantine.Worst(scanner().Scan(it)) }
}

// Blocking are the changes that look hostile: a person confirms each by its name, on a terminal.
func (e *Entry) Blocking(p *quarantine.Proposal) []quarantine.Change {
	if p == nil {
		return nil
	}
	return p.Blocking(e.Judge(p))
}

// Items are the approved definitions that are served.
func (e *Entry) Items() []quarantine.Item {
	return slices.DeleteFunc(slices.Clone(e.Record.Items), func(it quarantine.Item) bool { return !it.Served })
}
