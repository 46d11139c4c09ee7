package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

func (a *app) approvalsCommand() *cobra.Command {
	var asJSON, noPager, verify bool
	c := &cobra.Command{
		Use: "approvals [NAME]", Short: "Show the log of approvals and rejections",
		Long: `Approvals shows what was approved, rejected or blocked, when, how and by whom, the newest last. Entries
are only ever added. To see the versions of a definition and how they differ: mcpproxy-stdio history

Each entry has the hash of the one before it and an HMAC. With --verify all entries and records are
checked; the exit code is 3 if something was changed.`,
		Args: atMostOne, ValidArgsFunction: a.serverNames,
		RunE: func(_ *cobra.Command, args []string) error {
			if verify && len(args) > 0 {
				return errors.New("approvals: --verify checks all servers; give no name")
			} else if verify {
				return a.verify(asJSON)
			}
			log, err := decisions()
			if err != nil {
				return failed(err)
			}
			if len(args) > 0 {
				log = slices.DeleteFunc(log, func(e quarantine.Entry) bool { return e.Server != args[0] })
			}
			if asJSON {
				return a.printASCII(describeDecisions(log))
			}
			if len(log) == 0 {
				fmt.Fprintln(a.err, "No approvals yet.")
				return nil
			}
			return a.paged(noPager, func(p *printer) { p.decisions(log) })
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&noPager, "no-pager", false, "don't use a pager")
	c.Flags().BoolVar(&verify, "verify", false, "check that the log and the records are as they were written")
	return c
}

// verify checks what is stored of approvals.
func (a *app) verify(asJSON bool) error {
	found, err := quarantine.NewBook(store.Open(store.DefaultDir())).Verify()
	if err != nil {
		return failed(fmt.Errorf("the approvals can't be checked: %w", err))
	}
	if asJSON {
		if err := a.printASCII(found); err != nil {
			return err
		}
	}
	changed := false
	p := newPrinter(a.out)
	for _, f := range found.Faults {
		changed = changed || !f.Harmless
		if !asJSON {
			p.line(plain(f.Where), ": ", plain(f.What))
		}
	}
	switch {
	case changed:
		if !asJSON {
			fmt.Fprintln(a.err, "A server whose record was changed is held: mcpproxy-stdio review")
		}
		return &exitError{code: ExitProblems}
	case !asJSON:
		p.line(plural(found.Entries, "entry", "entries"), " of the log and ", plural(found.Records, "record", "records"), " are unchanged.")
	}
	return nil
}

// decisions is the log in the order of time.
func decisions() ([]quarantine.Entry, error) {
	log, err := quarantine.NewBook(store.Open(store.DefaultDir())).Log()
	if err != nil {
		return nil, fmt.Errorf("the log of approvals can't be read: %w", err)
	}
	slices.SortStableFunc(log, func(a, b quarantine.Entry) int { return a.Time.Compare(b.Time) })
	return log, nil
}

// decision is one line of the log for programs; history has the definitions.
type decision struct {
	Time     time.Time    `json:"time"`
	Config   string       `json:"config"`
	Server   string       `json:"server"`
	Decision string       `json:"decision"`
	How      string       `json:"how,omitempty"`
	By       string       `json:"by,omitempty"`
	Digest   string       `json:"digest,omitempty"`
	Items    []itemReport `json:"items,omitempty"`
}

func describeDecisions(log []quarantine.Entry) []decision {
	all := make([]decision, len(log))
	for i, e := range log {
		all[i] = decision{e.Time, e.Config, e.Server, e.Decision, e.How, e.By, e.Digest, nil}
		for _, it := range e.Items {
			all[i].Items = append(all[i].Items, itemReport{Kind: it.Kind, Name: it.ID, Digest: it.Digest})
		}
	}
	return all
}

func (p *printer) decisions(log []quarantine.Entry) {
	var rows [][]string
	for _, e := range log {
		rows = append(rows, []string{localTime(e.Time), plain(e.Server), confusables.ASCII(e.Decision), orDash(howWords(e.How)), orDash(plain(e.By)), orDash(loggedWords(e.Items)), orDash(shortDigest(e.Digest))})
	}
	p.table([]column{{title: "WHEN"}, {title: "SERVER", cut: true}, {title: "DECISION", paint: paintDecision}, {title: "HOW"}, {title: "BY", cut: true}, {title: "ITEMS", cut: true}, {title: "DIGEST"}}, rows)
}

// howWords says how a decision was taken. What the model did by its own tool is no word of the person's.
func howWords(how string) string {
	if how == quarantine.ByTool {
		return "the model"
	}
	return confusables.ASCII(how)
}

func paintDecision(decision string) string {
	switch decision {
	case "reject", "revoke", "block":
		return red
	case "auto":
		return yellow
	}
	return ""
}

func localTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// loggedWords says what was decided on: one item by its name, several by their number.
func loggedWords(items []quarantine.LoggedItem) string {
	if len(items) == 1 {
		return itemWords(quarantine.Item{Kind: items[0].Kind, ID: items[0].ID})
	}
	counts := map[quarantine.Kind]int{}
	var kinds []quarantine.Kind
	for _, it := range items {
		if counts[it.Kind]++; counts[it.Kind] == 1 {
			kinds = append(kinds, it.Kind)
		}
	}
	var parts []string
	for _, kind := range kinds {
		switch kind {
		case quarantine.Instructions, quarantine.Capabilities, quarantine.Image, quarantine.Engine, quarantine.Local:
			parts = append(parts, string(kind))
		default:
			parts = append(parts, plural(counts[kind], confusables.ASCII(string(kind)), confusables.ASCII(string(kind))+"s"))
		}
	}
	return strings.Join(parts, ", ")
}

// shortDigest is enough of a digest to tell it from others by eye.
func shortDigest(digest string) string { return confusables.ASCII(digest[:min(12, len(digest))]) }
