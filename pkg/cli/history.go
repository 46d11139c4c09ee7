package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

func (a *app) historyCommand() *cobra.Command {
	var asJSON, noPager, all bool
	c := &cobra.Command{
		Use: "history SERVER [TOOL]", Short: "Show the approved versions of a server's tools and their differences",
		Long: `History shows the approved versions of a server's tools, prompts, resource templates and instructions: when
and how each was approved, how it differs from the one before, and what updates changed since. With the
name of one, or with --all, it shows the first version in full.`,
		Example: "  mcpproxy-stdio history github\n  mcpproxy-stdio history github create_issue",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return oneServer(c, args)
		},
		ValidArgsFunction: a.serverNames,
		RunE: func(_ *cobra.Command, args []string) error {
			log, err := decisions()
			if err != nil {
				return failed(err)
			}
			told := versions(log, args[0], a.servedFrom(args[0]))
			if len(args) == 2 {
				told = slices.DeleteFunc(told, func(h itemHistory) bool {
					return args[1] != h.Name && args[1] != confusables.ASCII(h.Name) && args[1] != itemWords(quarantine.Item{Kind: h.Kind, ID: h.Name})
				})
			}
			switch {
			case asJSON:
				return a.printASCII(told)
			case len(told) == 0 && len(args) == 2:
				return failed(fmt.Errorf("no version of %q of server %q was ever approved; its approved versions: mcpproxy-stdio history %s", plain(args[1]), plain(args[0]), config.ShellWord(args[0])))
			case len(told) == 0:
				return failed(fmt.Errorf("no version of a server %q was ever approved; all decisions: mcpproxy-stdio approvals", plain(args[0])))
			}
			return a.paged(noPager, func(p *printer) { p.history(told, all || len(args) == 2) })
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&all, "all", false, "show first versions in full")
	c.Flags().BoolVar(&noPager, "no-pager", false, "don't use a pager")
	return c
}

// itemHistory is what was decided of one item.
type itemHistory struct {
	Kind   quarantine.Kind `json:"kind"`
	Name   string          `json:"name,omitempty"`
	Config string          `json:"config"`
	Events []itemEvent     `json:"events"`
}

// itemEvent is a version that was approved, or what was decided of the item otherwise.
type itemEvent struct {
	Time     time.Time  `json:"time"`
	Decision string     `json:"decision"`
	How      string     `json:"how,omitempty"`
	By       string     `json:"by,omitempty"`
	Version  itemReport `json:"version,omitzero"`

	Changes []quarantine.What `json:"changes,omitempty"` // of an update that was not approved: what differs, without its text
	Held    bool              `json:"held,omitempty"`

	raw []byte // the version; nil: none
}

// servedFrom is the file that a server of this name is configured in, "" if it is in none: the log may know others of the name.
func (a *app) servedFrom(name string) string {
	c, err := a.console()
	if err != nil {
		return ""
	}
	for _, k := range c.view.Servers {
		if k.Written.Name == name {
			return k.Written.Path
		}
	}
	return ""
}

// versions gathers what the log has of one server's items, in the order in which they were first seen.
func versions(log []quarantine.Entry, server, config string) []itemHistory {
	told := []itemHistory{}
	for _, e := range log {
		if e.Server != server || config != "" && e.Config != config {
			continue
		}
		event := itemEvent{Time: e.Time, Decision: e.Decision, How: e.How, By: e.By}
		if e.Decision == "reject" || e.Decision == "revoke" { // of all that was approved
			for i := range told {
				if told[i].Config == e.Config {
					told[i].Events = append(told[i].Events, event)
				}
			}
		}
		for _, it := range e.Items {
			i := slices.IndexFunc(told, func(h itemHistory) bool { return h.Kind == it.Kind && h.Name == it.ID && h.Config == e.Config })
			if i < 0 {
				told = append(told, itemHistory{Kind: it.Kind, Name: it.ID, Config: e.Config})
				i = len(told) - 1
			}
			one := event
			one.Changes, one.Held = it.Changes, it.Held
			if it.Raw != nil {
				one.raw = it.Raw
				one.Version = describeItem(quarantine.Item{Kind: it.Kind, ID: it.ID, Digest: it.Digest, Raw: it.Raw}, true)
			}
			told[i].Events = append(told[i].Events, one)
		}
	}
	return told
}

// updateWords say what an update changed.
func updateWords(e itemEvent) string {
	var parts []string
	for _, what := range e.Changes {
		parts = append(parts, whatWords[what])
	}
	if text := ": " + strings.Join(parts, ", "); e.Held {
		return text + " – held"
	} else {
		return text + " – calls still work"
	}
}

// history writes each item's versions, each but the first as its difference from the one before.
func (p *printer) history(told []itemHistory, first bool) {
	for i, h := range told {
		if i > 0 {
			p.line()
		}
		title := p.paint(bold, itemWords(quarantine.Item{Kind: h.Kind, ID: h.Name}))
		if i == 0 || told[i-1].Config != h.Config {
			title += p.paint(dim, "  from "+plain(h.Config))
		}
		p.line(title)
		var before []byte
		for _, e := range h.Events {
			line := fmt.Sprintf("  %s  %s", localTime(e.Time), confusables.ASCII(e.Decision))
			if e.How != "" {
				line += " by " + howWords(e.How)
			}
			if e.By != "" {
				line += " (" + plain(e.By) + ")"
			}
			switch {
			case e.Changes != nil:
				p.line(line, updateWords(e))
				continue
			case e.raw == nil:
				p.line(p.paint(paintDecision(e.Decision), line))
				continue
			case before == nil:
				p.line(line, "  ", p.paint(dim, shortDigest(e.Version.Digest)))
				if first {
					for _, l := range definitionLines(e.raw) {
						p.line("  ", l)
					}
				}
			default:
				p.line(line, "  ", p.paint(dim, shortDigest(e.Version.Digest)))
				if same := differenceLines(before, e.raw); same == nil {
					p.line("  the same version as before")
				}
				p.difference(before, e.raw)
			}
			before = e.raw
		}
	}
}
