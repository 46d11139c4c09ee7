package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// inboxReport is what review prints without a name.
type inboxReport struct {
	Config   string       `json:"config"`
	Approval policyReport `json:"approval"`
	Servers  []waiting    `json:"servers"`
}

type policyReport struct {
	Written   string `json:"written"`
	Confirmed string `json:"confirmed"`
	InForce   string `json:"in_force"`
}

// waiting is one server in the inbox.
type waiting struct {
	Name     string                `json:"name"`
	State    string                `json:"state"`
	From     string                `json:"from"`
	Waits    string                `json:"waits,omitempty"`
	Digest   string                `json:"digest,omitempty"`
	Items    map[string]int        `json:"items,omitempty"`
	Changes  map[string]int        `json:"changes,omitempty"`
	Findings quarantine.RuleCounts `json:"findings,omitempty"`

	status string // as the screen has it
}

// serverReview is what review prints of one server.
type serverReview struct {
	waiting
	Launch    launchReport       `json:"launch"`
	Was       *launchReport      `json:"approved_launch,omitempty"`
	Values    []string           `json:"changed_values,omitempty"` // by name
	Policy    *quarantine.Policy `json:"looser_policy,omitempty"`
	Blocked   []string           `json:"blocked,omitempty"`
	Packages  []launch.Version   `json:"packages,omitempty"` // what its runner installed
	Pinned    bool               `json:"pinned,omitempty"`
	Changed   []changeReport     `json:"changed,omitempty"`
	Unchanged []itemReport       `json:"unchanged,omitempty"`
	Withheld  string             `json:"withheld,omitempty"` // why the definitions are not here
}

type launchReport struct {
	Line      string   `json:"line"`
	Dir       string   `json:"working_dir,omitempty"`
	Env       []string `json:"env,omitempty"`
	Headers   []string `json:"headers,omitempty"`
	Login     []string `json:"login,omitempty"`
	Isolation string   `json:"isolation"`
	More      []string `json:"options,omitempty"` // others, each as "name: value"
	File      string   `json:"workspace_file,omitempty"`
	Notes     []string `json:"notes,omitempty"`
}

type itemReport struct {
	Kind       quarantine.Kind `json:"kind"`
	Name       string          `json:"name,omitempty"`
	Digest     string          `json:"digest,omitempty"`
	Blocked    bool            `json:"blocked,omitempty"`  // it is not offered, whatever was approved
	LeftOut    string          `json:"left_out,omitempty"` // why clients are not shown it
	Mended     bool            `json:"mended,omitempty"`   // clients are shown it with an edit
	Definition json.RawMessage `json:"definition,omitempty"`
	Text       string          `json:"text,omitempty"` // of one that is not JSON of one meaning, as a Go string in ASCII
}

type changeReport struct {
	itemReport
	What     string          `json:"what"` // new, changed, updated (calls go on) or unreadable
	Old      json.RawMessage `json:"approved,omitempty"`
	Differs  []difference    `json:"differences,omitempty"`
	Findings []scan.Finding  `json:"findings,omitempty"`
}

// difference is one from the approved version.
type difference struct {
	What quarantine.What `json:"what"`
	At   string          `json:"parameter,omitempty"`
	Held bool            `json:"held,omitempty"`
}

func describeWaiting(r *admin.Review) waiting {
	state := string(r.Record.State(r.Written))
	w := waiting{Name: r.Written.Name, State: state, From: r.Written.Path, Waits: waits(r.Proposal), Findings: admin.Count(r.Found), status: entryStatus(r.Entry, state),
		Items: r.Items, Changes: r.Changes}
	if r.Proposal != nil {
		w.Digest = r.Proposal.Digest
	}
	return w
}

func describeReview(e *admin.Entry, show showing) serverReview {
	review := admin.ReviewOf(e)
	r := serverReview{waiting: describeWaiting(review), Launch: launchReport(quarantine.ReadLaunch(e.Written.LaunchShown(), show.withheld() == "")), Blocked: e.Record.Blocked}
	if i := e.Record.Installed; i != nil {
		r.Packages, r.Pinned = i.Packages, i.Pin != nil
	}
	if p := e.Proposal; p != nil {
		if p.Was != nil {
			was := launchReport(quarantine.ReadLaunch(p.Was, show.withheld() == ""))
			r.Was, r.Values = &was, quarantine.ChangedValues(p.Was, p.Launch)
		}
		r.Policy = p.Policy
	}
	if why := show.withheld(); why != "" {
		r.Blocked, r.Withheld = nil, why
		return r
	}
	for _, f := range review.Found {
		c := changeReport{itemReport: describeItem(f.Change.Item, true), What: f.Change.What(), Findings: f.Findings}
		if f.Change.Old != nil {
			c.Old = f.Change.Old
		}
		for _, d := range f.Change.Differences {
			c.Differs = append(c.Differs, difference{d.What, d.At, d.Holds()})
		}
		r.Changed = append(r.Changed, c)
	}
	for _, it := range e.Unchanged() {
		one := describeItem(it, show.all)
		one.Blocked = e.Record.Blocks(it)
		r.Unchanged = append(r.Unchanged, one)
	}
	return r
}

func describeItem(it quarantine.Item, whole bool) itemReport {
	r := itemReport{Kind: it.Kind, Name: it.ID, Digest: it.Digest}
	r.LeftOut, r.Mended = it.Shown()
	switch {
	case !whole:
	case it.Digest != "":
		r.Definition = it.Raw
	default:
		r.Text = strconv.QuoteToASCII(string(it.Raw))
	}
	return r
}

// findingsColor is how what was found is painted.
func findingsColor(counts quarantine.RuleCounts) string {
	switch worst := counts.Worst(); {
	case worst >= scan.Block:
		return red
	case worst >= scan.Medium:
		return yellow
	}
	return ""
}

// countItems says how many items of each kind there are.
func countItems(items []quarantine.Item) string {
	counts := map[quarantine.Kind]int{}
	for _, it := range items {
		counts[it.Kind]++
	}
	text := fmt.Sprintf("%s, %s, %s", plural(counts[quarantine.Tool], "tool", "tools"), plural(counts[quarantine.Prompt], "prompt", "prompts"),
		plural(counts[quarantine.Template], "resource template", "resource templates"))
	if counts[quarantine.Instructions] > 0 {
		text += ", instructions"
	}
	if counts[quarantine.Capabilities] > 0 {
		text += ", experimental capabilities"
	}
	if counts[quarantine.Image] > 0 {
		text += ", a container image"
	}
	if counts[quarantine.Engine] > 0 {
		text += ", a Docker engine"
	}
	if n := counts[quarantine.Local]; n > 0 {
		text += ", " + plural(n, "program of a workspace", "programs of workspaces")
	}
	return text
}

// printASCII writes JSON in which nothing can deceive a terminal or an eye.
func (a *app) printASCII(v any) error {
	var b bytes.Buffer
	if err := printJSON(&b, v); err != nil {
		return err
	}
	_, err := a.out.Write(confusables.ASCIIJSON(b.Bytes()))
	return failed(err)
}
