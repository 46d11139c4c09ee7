package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// scanReport is what scan found.
type scanReport struct {
	Source  string        `json:"source"` // the file, or the server
	Scanned int           `json:"scanned"`
	Flagged int           `json:"flagged"` // definitions with a finding of severity medium or more
	Blocked int           `json:"blocked"`
	Items   []scannedItem `json:"items"` // those with findings

	server bool
	held   bool // something of it waits for a review
}

// scannedItem is a definition with what was found in it.
type scannedItem struct {
	Kind     string         `json:"kind"`
	Name     string         `json:"name"`
	Severity scan.Severity  `json:"severity"` // of the gravest finding
	Findings []scan.Finding `json:"findings"`
}

func (a *app) scanCommand() *cobra.Command {
	var asJSON, asSARIF, texts bool
	c := &cobra.Command{
		Use: "scan FILE|SERVER", Short: "Scan tool definitions for prompt injection",
		Long: `Scan looks for prompt injection in the definitions of tools, prompts and resources: hidden characters,
orders to the model, requests for secrets, interference with other tools. It needs no network and no
model, and starts nothing.

FILE holds a definition, an array of them, the result of tools/list, prompts/list or another list, or
JSON lines of these; - is stdin. For a configured SERVER the recorded definitions are scanned. A name that
could be both is a file if it has a path separator or ends in .json.

A finding is a reason to look closer. No finding is no proof: a text can do harm without showing it.
The exit code is 3 if a finding stops an approval (block).`,
		Example: "  mcpproxy-stdio scan github\n  mcpproxy-stdio scan tools.json --sarif > scan.sarif",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) != 1:
				return errors.New("say what to scan: a file, - for stdin, or the name of a configured server")
			case asJSON && asSARIF:
				return errors.New("--json and --sarif exclude each other")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return a.scan(args[0], asJSON, asSARIF, texts)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&asSARIF, "sarif", false, "print SARIF 2.1.0, for code scanning")
	c.Flags().BoolVar(&texts, "texts", false, "show names and excerpts of a held server also where stdout is no terminal; never to an agent")
	return c
}

func (a *app) scan(name string, asJSON, asSARIF, texts bool) error {
	report := scanReport{Source: name, Items: []scannedItem{}}
	items, ctx, err := a.scanned(name, &report)
	if err != nil {
		return failed(err)
	}
	for _, item := range items {
		report.add(item, scan.Scan(item, ctx))
	}
	if report.held && (showing{agent: a.agent(), piped: a.piped(texts)}).withheld() != "" {
		report.withhold()
	}
	switch {
	case asSARIF:
		err = printJSON(a.out, report.sarif())
	case asJSON:
		err = printJSON(a.out, report)
	default:
		newPrinter(a.out).scan(&report)
	}
	if err == nil && report.Blocked > 0 {
		return &exitError{code: ExitProblems}
	}
	return err
}

// scanned returns what the name stands for.
func (a *app) scanned(name string, report *scanReport) ([]scan.Item, scan.Context, error) {
	if name != "-" && !strings.ContainsAny(name, `/\`) && !strings.HasSuffix(strings.ToLower(name), ".json") {
		items, ctx, held, err := a.storedItems(name)
		report.held = held
		if report.server = err == nil; report.server || !errors.Is(err, errNoServer) {
			return items, ctx, err
		}
		if _, statErr := os.Stat(name); statErr != nil { // neither: the name of a server was meant
			return nil, ctx, err
		}
	}
	var data []byte
	var err error
	if name == "-" {
		data, err = io.ReadAll(a.in)
		name = "stdin"
	} else {
		data, err = os.ReadFile(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, scan.Context{}, fmt.Errorf("%s: there is no such file", plain(name))
	}
	if err != nil {
		return nil, scan.Context{}, err
	}
	items, err := definitions(data)
	if err != nil {
		return nil, scan.Context{}, fmt.Errorf("%s: %w; give a definition, an array of them, or the result of tools/list", plain(name), err)
	}
	var ctx scan.Context
	for _, item := range items {
		if item.Kind == "tool" {
			ctx.Own = append(ctx.Own, item.Name)
		}
	}
	return items, ctx, nil
}

// errNoServer is wrapped by storedItems when no server of that name is configured.
var errNoServer = errors.New("no such server is configured")

func (r *scanReport) add(item scan.Item, findings []scan.Finding) {
	r.Scanned++
	if len(findings) == 0 {
		return
	}
	worst := findings[0].Severity
	if worst >= scan.Medium {
		r.Flagged++
	}
	if worst >= scan.Block {
		r.Blocked++
	}
	r.Items = append(r.Items, scannedItem{Kind: item.Kind, Name: item.Name, Severity: worst, Findings: findings})
}

// withhold leaves out all that is the server's own text: names, places and excerpts.
func (r *scanReport) withhold() {
	for i := range r.Items {
		item := &r.Items[i]
		item.Name = fmt.Sprintf("(%s %d, not shown)", item.Kind, i+1)
		item.Findings = slices.Clone(item.Findings)
		for j := range item.Findings {
			f := &item.Findings[j]
			f.Place, f.Excerpt, f.Message = "", "", "not shown"
			if n := slices.IndexFunc(scan.Rules, func(rule scan.Rule) bool { return rule.ID == f.Rule }); n >= 0 {
				f.Message = scan.Rules[n].Meaning
			}
		}
	}
}

// scan lists what was found, the definitions in their order, of each the gravest first.
func (p *printer) scan(r *scanReport) {
	remarks := 0
	for _, item := range r.Items {
		shown := false
		for _, f := range item.Findings {
			if f.Severity < scan.Medium {
				remarks++
				continue
			}
			if !shown {
				p.line(p.paint(bold, item.title()))
				shown = true
			}
			label := fmt.Sprintf("%-6s", f.Severity)
			p.line("  ", p.paint(paintSeverity(f.Severity), label), "  ", f.Rule, "  ", p.paint(dim, plain(f.Place)))
			p.wrapped("          ", "", plain(f.Message))
			if f.Excerpt != "" {
				p.wrapped("          ", dim, plain(f.Excerpt))
			}
		}
		if shown {
			p.line()
		}
	}
	summary := fmt.Sprintf("%s scanned, %d flagged, %d to be blocked.", plural(r.Scanned, "definition", "definitions"), r.Flagged, r.Blocked)
	if remarks > 0 {
		summary += fmt.Sprintf(" %s of no weight alone: --json shows them.", plural(remarks, "remark", "remarks"))
	}
	p.wrapped("", "", summary)
}

func (i *scannedItem) title() string {
	if i.Name == "" {
		return i.Kind
	}
	return i.Kind + " " + plain(i.Name)
}

func paintSeverity(s scan.Severity) string {
	switch {
	case s >= scan.High:
		return red
	case s == scan.Medium:
		return yellow
	}
	return dim
}
