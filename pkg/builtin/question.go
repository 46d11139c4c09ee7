package builtin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// mostQuestion is how many characters a form shows that a person reads whole. A longer question is asked on a terminal, page by page.
const mostQuestion = 4000

// form puts a question to the person through the client. nil means that a person said yes.
func (o *own) form(ctx context.Context, q admin.Question) error {
	if !o.client.CanAskForm() {
		return admin.ErrCannotAsk
	}
	c, question := challenge(q)
	ctx, cancel := context.WithTimeout(ctx, quarantine.ChallengeLife)
	defer cancel()
	if n := utf8.RuneCountInString(question); n > mostQuestion {
		return fmt.Errorf("%w: the user was not asked, because the question has %d characters and forms cut it", quarantine.ErrNotPerson, n)
	}
	m, err := o.client.Ask(ctx, mcp.Elicit, c.Params(question))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", quarantine.ErrNotPerson, err)
	case m.Kind == jsonrpc.Failure:
		return fmt.Errorf("%w: the client answered with an error", quarantine.ErrNotPerson)
	}
	return c.Check(m.Bytes(m.Result), time.Now())
}

// challenge is what the person has to type, and what they read before.
func challenge(q admin.Question) (*quarantine.Challenge, string) {
	if q.Kind == admin.ToApproveFile {
		return quarantine.NewChallenge("all", q.File.Digest()), fileQuestion(q.File)
	}
	return quarantine.NewChallenge(q.Entry.Written.Name, q.Proposal.Digest), question(q.Entry, q.Proposal, q.Findings)
}

// fileQuestion is question for all servers that wait of a file: why they do, and all of each launch.
func fileQuestion(w *admin.WholeFile) string {
	servers := "1 server"
	if n := len(w.Waiting); n != 1 {
		servers = strconv.Itoa(n) + " servers"
	}
	what := "Approve all of " + asciiPath(w.Config.Path) + " in one step, " + servers + ": what they run, and the tools they list first."
	parts := []string{what + " They wait because " + w.Doubt + "."}
	for _, e := range w.Waiting {
		parts = append(parts, strconv.Quote(e.Written.Name)+": "+launchWords(e, e.Proposal))
	}
	return strings.Join(append(parts, "Details: mcpproxy-stdio review"), "\n\n")
}

// question is what the person reads in the client's form, in three paragraphs of one line: what is asked, what runs, and where all of it
// is shown. Clients show little more than three lines, and some join them. Of the server's own texts it has names alone.
func question(e *admin.Entry, p *quarantine.Proposal, found quarantine.RuleCounts) string {
	return strings.Join([]string{asked(e, p, found), launchWords(e, p), "Details: " + hub.Command("review", e.Written)}, "\n\n")
}

// asked says what an approval approves, and why it is asked for again.
func asked(e *admin.Entry, p *quarantine.Proposal, found quarantine.RuleCounts) string {
	name, scanned := strconv.Quote(e.Written.Name), " Scanner: nothing found."
	if len(found) > 0 {
		scanned = " Scanner: " + found.Severities() + "."
	}
	var text string
	switch {
	case e.Record.OwnLaunch(e.Written):
		text = "Approve the changed launch of " + name + " and the tools it then lists."
	case p.State == quarantine.HeldLaunch:
		text = "Start " + name + " once, to list its tools."
		if how := hub.HowInspected(e.Written); how != "" {
			text += " It runs " + how + "."
		}
	case p.State == quarantine.HeldDefinitions:
		text = "Approve " + name + ": " + offered(e.Record.Offered(p.Items)) + "." + scanned
	default:
		text = "Approve changes to " + name + changes(p) + "." + scanned
	}
	if p.Policy != nil {
		text += " Its policy is " + looser(e, p) + "."
	}
	if e.Record.Doubt != "" {
		text += " Earlier approvals do not count: " + e.Record.Doubt + "."
	}
	return text
}

// offered counts definitions by kind, and of tools those that say themselves that they are destructive.
func offered(items []quarantine.Item) string {
	var parts []string
	for _, kind := range []struct {
		kind      quarantine.Kind
		one, many string
	}{{quarantine.Tool, "tool", "tools"}, {quarantine.Prompt, "prompt", "prompts"}, {quarantine.Template, "resource template", "resource templates"}} {
		n, destructive := 0, 0
		for _, it := range items {
			if it.Kind == kind.kind {
				n++
				destructive += destroys(it)
			}
		}
		part := strconv.Itoa(n) + " " + kind.many
		if n == 1 {
			part = "1 " + kind.one
		}
		if destructive > 0 {
			part += fmt.Sprintf(" (%d destructive)", destructive)
		}
		if n > 0 || kind.kind == quarantine.Tool {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}

func destroys(it quarantine.Item) int {
	var tool struct {
		Annotations struct{ DestructiveHint, ReadOnlyHint bool }
	}
	if it.Kind == quarantine.Tool && json.Unmarshal(it.Raw, &tool) == nil && tool.Annotations.DestructiveHint && !tool.Annotations.ReadOnlyHint {
		return 1
	}
	return 0
}

// Bounds of the names in a question: the first of each kind of change, each cut.
const (
	mostNames   = 8
	longestName = 40
)

// changes names what changed, by the kind of the change.
func changes(p *quarantine.Proposal) string {
	var parts []string
	for _, what := range []struct{ what, words string }{{"new", "new"}, {"changed", "changed"}, {"updated", "updated"}, {"unreadable", "unreadable"}} {
		var names []string
		for _, c := range p.Changes {
			if c.What() == what.what {
				names = append(names, itemName(c.Item))
			}
		}
		if len(names) == 0 {
			continue
		}
		slices.Sort(names)
		more := ""
		if n := len(names) - mostNames; n > 0 {
			names, more = names[:mostNames], fmt.Sprintf(" and %d more", n)
		}
		parts = append(parts, what.words+" "+strings.Join(names, ", ")+more)
	}
	if parts == nil {
		return ""
	}
	return ": " + strings.Join(parts, "; ")
}

// itemName is the name of an item, or its kind for one of which a server has only one.
func itemName(it quarantine.Item) string {
	name := it.ID
	if name == "" {
		return string(it.Kind)
	}
	if runes := []rune(name); len(runes) > longestName {
		name = string(runes[:longestName]) + "…"
	}
	if name = quarantine.Word(name); it.Kind != quarantine.Tool {
		name = string(it.Kind) + " " + name
	}
	return name
}

// launchWords says all of the launch that is approved, and what was approved before.
func launchWords(e *admin.Entry, p *quarantine.Proposal) string {
	text := quarantine.ReadLaunch(p.Shown, false)
	first := "Runs " + text.Line
	switch {
	case e.Written.URL != "":
		first = "Connects to " + text.Line
	case text.Isolation == quarantine.NotIsolated:
		first += " as you, not isolated"
	default:
		first += ", isolated: " + text.Isolation
	}
	parts := []string{first}
	for _, fact := range text.Facts() {
		if fact.Label != "Isolation" {
			parts = append(parts, fact.Label+": "+fact.Text)
		}
	}
	if e.Written.Workspace {
		parts = append(parts, "The workspace's file proposes it: "+asciiPath(text.File))
	}
	if p.Was != nil {
		if was := quarantine.ReadLaunch(p.Was, false).Line; was != text.Line {
			parts = append(parts, "Approved before: "+was)
		}
		if values := quarantine.ChangedValues(p.Was, p.Launch); len(values) > 0 {
			parts = append(parts, "Changed values: "+strings.Join(values, ", "))
		}
	}
	return strings.Join(parts, ". ") + "."
}

// looser says what of an entry's policy waits.
func looser(e *admin.Entry, p *quarantine.Proposal) string {
	text := fmt.Sprintf("looser than confirmed: tool_changes %s, %d enabled_tools, %d disabled_tools", p.Policy.ToolChanges, len(p.Policy.Enabled), len(p.Policy.Disabled))
	if e.Record.Enables(e.Written) {
		text += "; it was disabled, and its file enables it"
	}
	return text
}

// asciiPath shows a path that somebody else may have chosen, so that nothing in it passes for a line of ours.
func asciiPath(path string) string {
	if path == "" {
		return ""
	}
	return strconv.QuoteToASCII(path)
}
