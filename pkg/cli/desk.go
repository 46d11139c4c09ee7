package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// desk is what reviews and decisions are made with: the configuration as a client started from here would have it, and the records.
type desk struct {
	config    *config.Config
	store     *store.Store
	book      *quarantine.Book
	workspace string
	known     []hub.Server
	confirmed string // policy of approval
	desktop   bool   // digits were shown as a desktop notification so far
	doubted   string // why the whole file waits
	doubt     func(*config.Config) string
}

func (a *app) desk() (*desk, error) {
	path, err := config.DefaultPath(a.config)
	if err != nil {
		return nil, err
	}
	c, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	st := store.Open(store.DefaultDir())
	st.Repaired = func(dir string) {
		fmt.Fprintf(a.err, "Others could use %s; its mode is 0700 now.\n", plain(dir))
	}
	book := quarantine.NewBook(st)
	key, err := book.Key()
	if err != nil {
		return nil, fmt.Errorf("the state directory: %w – mcpproxy-stdio trusts nothing before it can read it", err)
	}
	c = c.Keyed(key)
	d := &desk{config: c, store: st, book: book, workspace: a.workspaceFolder(), confirmed: config.ApprovalHuman, doubt: a.typedDoubt}
	base, err := d.book.ReadBaseline(c.Path)
	if err != nil {
		return nil, fmt.Errorf("the state directory: %w – mcpproxy-stdio trusts nothing before it can read it", err)
	}
	if base != nil {
		d.confirmed, d.desktop, d.doubted = base.Approval, base.Desktop, base.Doubt
	} else if c.Exists {
		d.confirmed = quarantine.Stricter(config.ApprovalHuman, c.Approval)
	}
	a.onDesktop = d.desktop || c.ApprovalConfirm == config.ConfirmDesktop
	d.known = hub.Servers(c, d.workspace, st, zerolog.Nop())
	return d, nil
}

// policy is the policy of approval in force.
func (d *desk) policy() string { return quarantine.Stricter(d.config.Approval, d.confirmed) }

// begin takes the baseline of a configuration that was never run, as its first run would: a record that is written before would make the
// rest of the file look like added later.
func (d *desk) begin() error {
	base, err := d.book.TakeBaseline(d.config, d.doubt(d.config))
	if err == nil {
		err = d.book.Remember(d.config.Path, base)
	}
	return err
}

// entry is one configured server on the desk. Its record is never nil.
type entry struct {
	hub.Server
	desk     *desk
	proposal *quarantine.Proposal // nil: nothing waits
}

// entry returns the server of that name.
func (d *desk) entry(name string) (*entry, error) {
	for _, k := range d.known {
		if k.Written.Name != name {
			continue
		}
		if k.Failed != nil {
			return nil, fmt.Errorf("server %q: its approvals can't be read, so it is not run: %w", plain(name), k.Failed)
		}
		return d.open(k), nil
	}
	names := make([]string, len(d.known))
	for i, k := range d.known {
		names[i] = plain(k.Written.Name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no server %q is configured; %s has none", plain(name), plain(d.config.Path))
	}
	return nil, fmt.Errorf("no server %q is configured; there are: %s", plain(name), strings.Join(names, ", "))
}

func (d *desk) open(k hub.Server) *entry {
	if k.Record == nil {
		k.Record = &quarantine.Record{Config: k.Written.Path, Server: k.Written.Name}
	}
	return &entry{Server: k, desk: d, proposal: k.Record.Proposal(k.Written)}
}

// blocked tells why nothing of the entry can be approved, nil if it can.
func (e *entry) blocked() error {
	switch {
	case e.Effective.Refused != "":
		return fmt.Errorf("server %q can't be approved: %s", plain(e.Written.Name), plain(e.Effective.Refused))
	case !e.Written.Enabled:
		if e.Written.Workspace {
			return fmt.Errorf(`server %q is disabled; set "enabled": true in %s first`, plain(e.Written.Name), plain(e.Written.Path))
		}
		return fmt.Errorf("server %q is disabled; enable it first: mcpproxy-stdio enable %s", plain(e.Written.Name), plain(config.ShellWord(e.Written.Name)))
	}
	return nil
}

// update changes the entry's record.
func (e *entry) update(change func(*quarantine.Record) error) error {
	_, err := e.desk.book.Update(e.Written.Path, e.Written.Name, change)
	return err
}

// scanner looks at definitions of the entry beside its own tools, those that wait included, and what the others offer.
func (e *entry) scanner(p *quarantine.Proposal) *quarantine.Scanner {
	return quarantine.NewScanner(e.scanContext(p.Items))
}

func (e *entry) scanContext(waiting []quarantine.Item) scan.Context {
	var others []catalog.Source
	for _, k := range e.desk.known {
		if k.Written != e.Written {
			others = append(others, catalog.Source{Server: k.Written.Name, Snapshot: k.Snapshot})
		}
	}
	return quarantine.ContextOf(e.Written.Name, e.Snapshot, waiting, others)
}

// found is what was found in one change.
type found struct {
	change   quarantine.Change
	findings []scan.Finding
}

// findings are those of a proposal's changes, in their order.
func (e *entry) findings(p *quarantine.Proposal) []found {
	if p == nil {
		return nil
	}
	scanner := e.scanner(p)
	all := make([]found, len(p.Changes))
	for i, c := range p.Changes {
		all[i] = found{c, scanner.Scan(c.Item)}
	}
	return all
}

// judge judges as findings does.
func (e *entry) judge(p *quarantine.Proposal) quarantine.Judge {
	scanner := e.scanner(p)
	return func(it quarantine.Item) scan.Severity { return quarantine.Worst(scanner.Scan(it)) }
}

// serverNames completes the name of a configured server.
func (a *app) serverNames(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	d, err := a.desk()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, k := range d.known {
		names = append(names, k.Written.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// oneServer wants the name of one server.
func oneServer(c *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return fmt.Errorf("%s: which server? Write: %s NAME", c.Name(), c.CommandPath())
	case 1:
		return nil
	}
	return fmt.Errorf("%s: one server at a time", c.Name())
}

// atMostOne wants no server, or the name of one.
func atMostOne(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return errors.New(c.Name() + ": one server at a time")
	}
	return nil
}

// workingDir is where a server runs that names no directory and has no workspace.
func workingDir() string {
	dir, _ := os.Getwd()
	return dir
}
