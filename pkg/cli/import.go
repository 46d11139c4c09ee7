package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
)

func (a *app) importCommand() *cobra.Command {
	var dry, asJSON bool
	var look func() bool
	c := &cobra.Command{
		Use: "import FILE [NAME…]", Short: "Copy servers from another client's configuration into yours",
		Long: `Import copies servers from the config file of Claude, Cursor, VS Code or another client into yours: all that
yours does not have, or the ones that you name. FILE is not changed. Servers that you import on a terminal
are trusted; those that an agent or a script imports are held for your review.

It reports what was imported and what was dropped. A setting that restricts a server (its tools, whether it
is enabled, its quarantine) is imported, or the server is skipped and the exit code is 3. It is 3 too if
the file has no server that can be read.

On a terminal each server is started once, so that your first session has its tools (--look=false: don't;
--look: also elsewhere). Held servers are not started.`,
		Example: "  mcpproxy-stdio import ~/.cursor/mcp.json --dry-run\n  mcpproxy-stdio import ~/.claude.json github",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("import: which file? Write: %s FILE", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			err := a.importFrom(c.Context(), args[0], args[1:], dry, asJSON, look())
			if coded := (*exitError)(nil); errors.As(err, &coded) {
				return coded
			}
			return failed(err)
		},
	}
	look = a.lookFlag(c)
	c.Flags().BoolVar(&dry, "dry-run", false, "show what would be imported, and change nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// imported is what became of one entry.
type imported struct {
	Name    string    `json:"name"`
	Result  string    `json:"result"`
	Why     string    `json:"why,omitempty"`
	Options []string  `json:"options,omitempty"` // what came over, as it is called here
	Dropped []dropped `json:"dropped,omitempty"`
	Warns   []warned  `json:"warnings,omitempty"` // about what came over
	Line    int       `json:"line"`               // of the entry, or of what it is skipped for
	Column  int       `json:"column"`

	problems []config.Problem // it was wanted, and can't be kept as it was meant
}

// dropped is an option that did not come over.
type dropped struct {
	Option string `json:"option"`
	Why    string `json:"why"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// warned is a warning about an option that came over as it is.
type warned struct {
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
}

func (a *app) importFrom(ctx context.Context, file string, names []string, dry, asJSON, look bool) error {
	from, err := config.Load(file)
	var syntax *config.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return &exitError{ExitProblems, err}
	case err != nil:
		return err
	case !from.Exists:
		return fmt.Errorf("%s does not exist", plain(file))
	}
	lost := a.tellUnread(from)
	if len(from.Servers) == 0 {
		return &exitError{ExitProblems, fmt.Errorf(`%s has no servers in "mcpServers" or "servers"`, plain(file))}
	}
	for _, name := range names {
		if from.Server(name) == nil {
			return fmt.Errorf("%s has no server %q", plain(file), plain(name))
		}
	}
	d, err := a.deciding()
	if err != nil {
		return err
	}
	if from.Path == d.view.Config.Path {
		return fmt.Errorf("%s is your own configuration", plain(file))
	}
	if d.by.Script == nil && !dry {
		d.by.Script = a.sure(ctx, "import", ownOrReview)
	}
	own := d.by.Script == nil
	var results []imported
	var additions []admin.Addition
	for _, s := range from.Servers {
		if len(names) > 0 && !slices.Contains(names, s.Name) {
			continue
		}
		r, e := d.importOne(from, s, own, dry)
		if results = append(results, r); e != nil {
			additions = append(additions, *e)
		}
		lost = lost || r.problems != nil
	}
	if len(additions) > 0 && !dry {
		if err := d.Write(d.by, additions, "import"); err != nil {
			return err
		}
	}
	if asJSON {
		err = a.printASCII(results)
	} else {
		a.tellImported(d, results, additions, own, dry)
	}
	if own && look && !dry && err == nil {
		a.firstLook(ctx, d, firstLooks(additions))
	}
	if err == nil && lost {
		err = &exitError{code: ExitProblems}
	}
	return err
}

// tellUnread reports servers of the file that are not read, and tells whether one was left out for an error.
func (a *app) tellUnread(from *config.Config) (lost bool) {
	p := newPrinter(a.err)
	for _, one := range from.Problems {
		if one.Server == "" && (one.Severity == config.SeverityError || one.Unread) {
			p.problem(problemOf(one))
			lost = lost || one.Severity == config.SeverityError
		}
	}
	return lost
}

// importOne is what becomes of one entry, and the addition that it is; nil if it is skipped.
func (d *console) importOne(from *config.Config, s *config.Server, own, dry bool) (imported, *admin.Addition) {
	r := imported{Name: s.Name, Result: "imported", Line: s.Line, Column: s.Column}
	if why := d.unfit(s, own); why != "" {
		r.Result, r.Why = "skipped", why
		for _, p := range from.Problems {
			if p.Server == s.Name && p.Severity == config.SeverityError && s.Refused == why {
				r.problems = append(r.problems, p)
			}
		}
		if r.problems != nil {
			r.Line, r.Column = r.problems[0].Line, r.problems[0].Column
		}
		return r, nil
	}
	e := &admin.Addition{Name: s.Name, Options: s.Written()}
	for _, o := range e.Options {
		r.Options = append(r.Options, nameThere(s, o.Key))
	}
	_, secrets := s.References()
	for _, name := range secrets {
		if in, ok := from.Input(name); ok {
			e.Inputs = append(e.Inputs, in)
		}
	}
	for _, p := range from.Problems {
		switch {
		case p.Server != s.Name || p.Severity != config.SeverityWarning:
		case p.Dropped != "":
			r.Dropped = append(r.Dropped, dropped{p.Dropped, p.Remedy, p.Line, p.Column})
		default:
			r.Warns = append(r.Warns, warned{p.Message, p.Remedy, p.Line, p.Column})
		}
	}
	if other := admin.Lookalike(d.view, s.Name); other != "" {
		r.Why = fmt.Sprintf("its name can be taken for %q", other)
	}
	if dry {
		r.Result = "would be imported"
	}
	if !own || s.Quarantined {
		r.Result += ", held"
	}
	return r, e
}

// nameThere is an option with the name that it has in the file it comes from, if that is another one.
func nameThere(s *config.Server, option string) string {
	for _, spelt := range s.Spelt {
		if spelt.Option == option {
			return option + " (" + spelt.As + ")"
		}
	}
	return option
}

func (a *app) tellImported(d *console, results []imported, additions []admin.Addition, own, dry bool) {
	var rows [][]string
	for _, r := range results {
		why := orDash(plain(r.Why))
		if r.problems != nil {
			why = "it can't be kept as it is meant, see below"
		}
		rows = append(rows, []string{plain(r.Name), r.Result, why})
	}
	p := newPrinter(a.out)
	p.table([]column{{title: "NAME", cut: true}, {title: "RESULT", paint: func(cell string) string {
		if strings.HasPrefix(cell, "skipped") {
			return yellow
		}
		return green
	}}, {title: "WHY"}}, rows)
	if slices.ContainsFunc(results, func(r imported) bool { return r.Options != nil || r.problems != nil }) {
		p.line()
	}
	for _, r := range results {
		if r.Options != nil {
			p.wrapped("  ", "", plain(r.Name)+": came over: "+strings.Join(r.Options, ", "))
		}
		for _, one := range r.problems {
			p.problem(problemOf(one))
		}
		for _, o := range r.Dropped {
			p.wrapped("    ", "", fmt.Sprintf("dropped: %s (line %d, column %d): %s", plain(o.Option), o.Line, o.Column, plain(o.Why)))
		}
		for _, w := range r.Warns {
			p.wrapped("    ", yellow, fmt.Sprintf("warning (line %d, column %d): %s – %s", w.Line, w.Column, plain(w.Message), plain(w.Remedy)))
		}
	}
	if len(additions) > 0 && !dry {
		a.tellAdded(d, additions, own)
	}
}

// unfit tells why an entry is not imported, "" if it is.
func (d *console) unfit(s *config.Server, own bool) string {
	if d.view.Config.Server(s.Name) != nil {
		return "a server of this name is configured"
	}
	for _, other := range d.view.Config.Servers {
		if other.LaunchKey() == s.LaunchKey() {
			return fmt.Sprintf("configured as %q", other.Name)
		}
	}
	other := admin.Lookalike(d.view, s.Name)
	switch {
	case startsUs(s.Command, s.Args):
		return "it is mcpproxy-stdio itself"
	case s.Refused != "":
		return s.Refused
	case other != "" && !own:
		return fmt.Sprintf("its name can be taken for %q", other)
	}
	return ""
}

// startsUs tells whether an entry starts this program, behind which it would start itself again and again.
func startsUs(command string, args []string) bool {
	base := func(word string) string {
		return strings.TrimSuffix(strings.ToLower(filepath.Base(strings.ReplaceAll(word, `\`, "/"))), ".exe")
	}
	self, err := os.Executable()
	if base(command) == program || err == nil && command == self {
		return !slices.Contains(args, demoServer)
	}
	return launch.Interpreter(command) && slices.ContainsFunc(args, func(arg string) bool {
		name, _, _ := strings.Cut(base(arg), "@") // npx mcpproxy-stdio@1
		return name == program
	})
}

const program = "mcpproxy-stdio"
