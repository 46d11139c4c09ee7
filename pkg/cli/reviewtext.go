package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// showing is how much of a server is shown.
type showing struct {
	all   bool   // the definitions that have not changed, too
	agent string // who reads it, if it is no person: then nothing of it is the server's own text
	piped bool   // nor then: stdout is no terminal, and what is written there may be read by a model
}

// withheld says why the server's own text is not shown, "" if it is.
func (s showing) withheld() string {
	switch {
	case s.agent != "":
		return "this command is run by " + s.agent + ", and text of a held server must not reach a model"
	case s.piped:
		return "stdout is not a terminal, so a model may read it; if none does, add --texts"
	}
	return ""
}

// piped tells whether what is written to stdout goes elsewhere than to a terminal, and nobody has said that no model reads it there.
func (a *app) piped(texts bool) bool { return !texts && !a.out.terminal() }

// review writes all that a person has to know of a server before an approval. What it proposes may be another thing than what is stored.
func (p *printer) review(e *admin.Entry, show showing) {
	state, proposal := e.Record.State(e.Written), e.Proposal
	if proposal != nil {
		state = proposal.State
	}
	status := entryStatus(e, string(state))
	p.line(p.paint(bold, plain(e.Written.Name)), " – ", p.paint(paintState(status), status))
	p.wrapped("", "", standsFor(state, proposal))
	p.line()
	p.launch(e, show)
	if proposal == nil {
		p.offers(e, quarantine.Proposal{Items: e.Items()}, nil, show)
		p.unchanged(e, show)
		return
	}
	found := e.Found(proposal)
	if state != quarantine.HeldLaunch && proposal.Digest != "" {
		p.offers(e, *proposal, found, show)
		if why := show.withheld(); why != "" {
			p.line()
			p.wrapped("", yellow, "The definitions are not shown: "+why+".")
		} else {
			p.changes(found)
			p.unchanged(e, show)
		}
	}
	if proposal.Digest != "" {
		p.line()
		p.line("Digest  ", proposal.Digest)
	}
}

// standsFor says what a state means.
func standsFor(state quarantine.State, p *quarantine.Proposal) string {
	switch {
	case p == nil:
		return "Nothing to review."
	case p.Digest == "":
		return "The start that you approved is still running, or it failed."
	case state == quarantine.HeldLaunch && p.Was != nil:
		return "What it runs changed since you approved it, so it was not started."
	case state == quarantine.HeldLaunch:
		return "New server. It will not run until you approve it. Approving starts it once to list its tools."
	case state == quarantine.HeldDefinitions:
		return "Started once. Its tools stay hidden until you approve them."
	}
	if p.OnlyUpdates() {
		return "It was updated; what you approved still works."
	}
	return "The versions you approved stay active."
}

// fact writes one labelled line, broken where the terminal ends.
func (p *printer) fact(label, sgr, text string) {
	if text == "" {
		return
	}
	const indent = 14
	for i, line := range p.wrap(text, indent) {
		if i > 0 {
			label = ""
		}
		p.line("  ", p.paint(dim, fmt.Sprintf("%-*s", indent-2, label)), p.paint(sgr, line))
	}
}

// launch writes what is run, where from, and with what.
func (p *printer) launch(e *admin.Entry, show showing) {
	proposal := e.Proposal
	whole := show.withheld() == ""
	text := quarantine.ReadLaunch(e.Written.LaunchShown(), whole)
	label := "Runs"
	if e.Written.URL != "" {
		label = "Reaches"
	}
	if proposal != nil && proposal.Was != nil {
		was, now := quarantine.ReadLaunch(proposal.Was, whole), quarantine.ReadLaunch(proposal.Launch, whole) // without values, both
		lines := differences(was, now)
		for _, name := range quarantine.ChangedValues(proposal.Was, proposal.Launch) {
			lines = append(lines, "+ changed value: "+name)
		}
		if len(lines) == 0 {
			lines = []string{"+ its entry changed, but not what it runs"}
		}
		for _, line := range lines {
			sgr := green
			if line[0] == '-' {
				sgr = red
			}
			p.fact(label, sgr, line)
			label = ""
		}
		if now.Line == was.Line || text.Line != now.Line { // the difference is elsewhere, or only named
			p.fact(label, "", text.Line)
		}
	} else {
		p.fact(label, "", text.Line)
	}
	p.fact("Package", "", packageWords(e.Record.Installed))
	if text.Dir == "" && e.Written.URL == "" {
		p.fact("Directory", "", "the workspace")
	}
	for _, fact := range text.Facts() {
		sgr := ""
		if fact.Label == "Note" {
			sgr = yellow
		}
		p.fact(fact.Label, sgr, fact.Text)
	}
	p.fact("From", "", fmt.Sprintf("%s:%d", plain(e.Written.Path), e.Written.Line))
	if text.File != "" {
		p.fact("Note", yellow, "the workspace proposes it: anyone who can write to that folder chose what it runs")
	}
	if len(e.Record.Blocked) > 0 && whole {
		p.fact("Blocked", "", confusables.ASCII(strings.Join(e.Record.Blocked, ", ")))
	}
	if proposal != nil && proposal.Policy != nil {
		p.fact("Policy", yellow, "looser than you confirmed: "+policyWords(*proposal.Policy))
		if e.Record.Launch != nil {
			p.fact("Confirmed", "", policyWords(e.Record.Policy))
		}
	}
	p.fact("Reason", yellow, e.Record.Doubt)
	if base := e.View.Doubt; base != "" && e.Record.OfWholeFile(e.Written) {
		p.fact("Reason", yellow, base+"; to approve the whole file in one step: mcpproxy-stdio approve --all")
	}
	if e.Record.Rejected() {
		p.fact("Rejected", "", rejectedBy(e.Record)+", "+ago(time.Since(e.Record.Refused)))
	}
}

// rejectedBy says whose word a rejection was.
func rejectedBy(r *quarantine.Record) string {
	if r.Unasked {
		return "by the model, not by you"
	}
	return "by you"
}

// differences are the parts of a launch that are others now, the old one and the new one.
func differences(was, now quarantine.LaunchText) (lines []string) {
	if was.Line != now.Line {
		lines = append(lines, "- "+was.Line, "+ "+now.Line)
	}
	facts := func(t quarantine.LaunchText) (labels []string, texts map[string]string) {
		t.Notes, texts = nil, map[string]string{} // they follow from the rest
		for _, fact := range t.Facts() {
			labels, texts[fact.Label] = append(labels, fact.Label), fact.Text
		}
		return labels, texts
	}
	labels, before := facts(was)
	more, after := facts(now)
	for _, label := range slices.Compact(slices.Sorted(slices.Values(append(labels, more...)))) {
		if a, b := before[label], after[label]; a != b {
			label = strings.ToLower(label)
			lines = append(lines, "- "+label+": "+a, "+ "+label+": "+b)
		}
	}
	return lines
}

func policyWords(pol quarantine.Policy) string {
	words := []string{"tool_changes " + confusables.ASCII(pol.ToolChanges)}
	if pol.Off {
		words = []string{"disabled", words[0]}
	}
	list := func(name string, patterns []string) string {
		return name + " " + confusables.ASCII(strings.Join(patterns, ", "))
	}
	if pol.Enabled != nil {
		words = append(words, list("enabled_tools", pol.Enabled))
	} else {
		words = append(words, "all tools enabled")
	}
	if len(pol.Disabled) > 0 {
		words = append(words, list("disabled_tools", pol.Disabled))
	}
	return strings.Join(words, "; ")
}

// offers writes how much there is, and what the scanner says of it.
func (p *printer) offers(e *admin.Entry, proposal quarantine.Proposal, all []admin.Found, show showing) {
	p.line()
	items := e.Record.Offered(proposal.Items)
	p.fact("Offers", "", countItems(items))
	p.shown(items, show.withheld() == "")
	p.fact("To review", "", countOf(&proposal, "new", "changed"))
	if updated := countOf(&proposal, "updated"); updated != "" {
		p.fact("Updated", "", strings.TrimSuffix(updated, " updated")+", calls go on; agents see the versions that you approved")
	}
	if left := countOf(&proposal, "unreadable"); left != "" {
		p.fact("Unreadable", "", strings.TrimSuffix(left, " unreadable")+", left out")
	}
	if len(all) > 0 {
		counts := admin.Count(all)
		p.fact("Findings", findingsColor(counts), orNothing(counts.Rules()))
	}
}

// mostShown is how many items are named that clients are not shown as the server sent them.
const mostShown = 8

// shown says which items clients are not shown, and which with an edit; their names only if they may be.
func (p *printer) shown(items []quarantine.Item, named bool) {
	var left, mended []string
	for _, it := range items {
		switch why, edited := it.Shown(); {
		case why != "":
			left = append(left, itemWords(it)+" ("+confusables.Reveal(why)+")")
		case edited:
			mended = append(mended, itemWords(it))
		}
	}
	list := func(all []string) string {
		if !named {
			return ""
		}
		text := ": " + strings.Join(all[:min(len(all), mostShown)], ", ")
		if more := len(all) - mostShown; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		return text
	}
	if n := len(left); n > 0 {
		p.fact("Left out", yellow, plural(n, "item", "items")+", because clients would reject the whole list"+list(left))
	}
	if n := len(mended); n > 0 {
		p.fact("Edited", "", plural(n, "item", "items")+", without a member that clients would reject"+list(mended))
	}
}

func orNothing(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// changes writes each item that differs, with what was found in it.
func (p *printer) changes(all []admin.Found) {
	all = slices.Clone(all) // what is held comes first
	slices.SortStableFunc(all, func(a, b admin.Found) int { return cmp.Compare(rank(a.Change), rank(b.Change)) })
	p.summary(all)
	for _, f := range all {
		p.line()
		p.line(p.paint(bold, itemWords(f.Change.Item)), " – ", changeWords(f.Change))
		for _, finding := range f.Findings {
			if finding.Severity < scan.Low {
				continue
			}
			sgr := yellow
			if finding.Severity == scan.Block {
				sgr = red
			}
			p.wrapped("  ", sgr, fmt.Sprintf("%s: %s at %s: %s – %s", finding.Severity, finding.Rule, orWhole(confusables.Reveal(finding.Place)), confusables.Reveal(finding.Excerpt), confusables.Reveal(finding.Message)))
		}
		if f.Change.Old != nil && f.Change.Digest != "" {
			p.difference(f.Change.Old, f.Change.Raw)
			continue
		}
		for _, line := range definitionLines(f.Change.Raw) {
			p.line("  ", line)
		}
	}
}

// rank orders changes: what is held, what is new, what goes on.
func rank(c quarantine.Change) int {
	return slices.Index([]string{"changed", "unreadable", "new", "updated"}, c.What())
}

// summary lists what changed, a line each, where an update changed several approved items.
func (p *printer) summary(all []admin.Found) {
	changed := slices.DeleteFunc(slices.Clone(all), func(f admin.Found) bool { return f.Change.Old == nil })
	if len(changed) < 2 {
		return
	}
	p.line()
	p.line("What changed since you approved it:")
	for _, f := range changed {
		words := changeWords(f.Change)
		if f.Change.Fits {
			words = "updated: " + differenceWords(f.Change.Differences)
		}
		p.wrapped("  ", "", itemWords(f.Change.Item)+" – "+words)
	}
}

func orWhole(place string) string {
	if place == "" {
		return "the whole definition"
	}
	return place
}

func changeWords(c quarantine.Change) string {
	switch c.What() {
	case "unreadable":
		return "unreadable: its JSON is broken or ambiguous, so it is left out and can't be approved"
	case "updated":
		return "updated: " + differenceWords(c.Differences) + ". Calls still work; agents see the version that you approved"
	case "changed":
		switch c.Kind {
		case quarantine.Image, quarantine.Engine, quarantine.Local:
			return "changed; not used until you approve it"
		}
		if !slices.ContainsFunc(c.Differences, quarantine.Difference.Holds) {
			return "held: it looks malicious; changed: " + differenceWords(c.Differences)
		}
		return "held: " + differenceWords(c.Differences)
	}
	return c.What()
}

// whatWords say what a difference is. Those of a parameter are followed by its name.
var whatWords = map[quarantine.What]string{
	quarantine.Required: "new required parameter", quarantine.Removed: "removed parameter", quarantine.Retyped: "changed type of parameter",
	quarantine.Narrowed: "fewer values for parameter", quarantine.Tightened: "tighter limits for parameter", quarantine.Closed: "no additional properties any more in parameter",
	quarantine.Unclear: "approved calls may no longer fit", quarantine.Gone: "the server no longer lists it",
	quarantine.Text: "wording", quarantine.Optional: "new optional parameter", quarantine.Looser: "input schema", quarantine.Annotations: "annotations",
	quarantine.Output: "output schema", quarantine.Other: "other fields",
}

// mostDifferences is how many are named on one line.
const mostDifferences = 6

// differenceWords name what differs, what holds a definition first.
func differenceWords(all []quarantine.Difference) string {
	var held, others []string
	for _, d := range all {
		text := whatWords[d.What]
		if d.At != "" {
			text += " " + confusables.ASCII(strings.TrimPrefix(d.At, "/"))
		}
		if d.Holds() {
			held = append(held, text)
		} else {
			others = append(others, text)
		}
	}
	parts := slices.Concat(held, others)
	if n := len(parts) - mostDifferences; n > 0 {
		parts = append(parts[:mostDifferences], fmt.Sprintf("%d more", n))
	}
	return strings.Join(parts, ", ")
}

func (p *printer) difference(old, changed []byte) {
	for _, line := range differenceLines(old, changed) {
		sgr := ""
		switch line[:min(1, len(line))] {
		case "-":
			sgr = red
		case "+":
			sgr = green
		case "@":
			sgr = dim
		}
		p.line("  ", p.paint(sgr, line))
	}
}

// unchanged names what else an approval covers, or shows it. What is blocked is approved for nobody.
func (p *printer) unchanged(e *admin.Entry, show showing) {
	items := e.Unchanged()
	if len(items) == 0 || show.withheld() != "" {
		return
	}
	p.line()
	if !show.all {
		var names []string
		for _, it := range e.Record.Offered(items) {
			names = append(names, itemWords(it))
		}
		if names != nil {
			p.wrapped("", "", "Already approved (--all shows them): "+strings.Join(names, ", "))
		}
		return
	}
	for i, it := range items {
		if i > 0 {
			p.line()
		}
		state := "approved"
		if e.Record.Blocks(it) {
			state = "blocked"
		}
		p.line(p.paint(bold, itemWords(it)), " – ", state)
		for _, line := range definitionLines(it.Raw) {
			p.line("  ", line)
		}
	}
}
