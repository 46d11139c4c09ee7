package quarantine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

var (
	toolA     = tool("a", "one", schemaA)
	toolText  = tool("a", "two", schemaA)
	toolText2 = tool("a", "three", schemaA)
	toolOdd   = tool("a", "ODD", schemaA)
	toolEvil  = tool("a", "EVIL", schemaA)
	toolB     = tool("a", "one", schemaB)
	toolC     = tool("a", "one", schemaC) // calls of the others do not fit
	toolHint  = strings.Replace(toolA, `"name"`, `"annotations":{"readOnlyHint":true},"name"`, 1)
	toolTwice = strings.Replace(toolA, `"name"`, `"x":1,"x":2,"name"`, 1)
	toolNew   = tool("n", "new", schemaA)
)

// updates are what was logged: decisions, and for updates what became of each item.
func updates(entries []Entry) string {
	var out []string
	for _, e := range entries {
		if e.Decision != "update" {
			out = append(out, e.Decision)
			continue
		}
		for _, it := range e.Items {
			word := "updated"
			if it.Held {
				word = "held"
			}
			out = append(out, fmt.Sprintf("%s %s: %v", it.ID, word, it.Changes))
			if it.Raw != nil {
				out = append(out, "with bytes that nobody approved")
			}
		}
	}
	return strings.NewReplacer("[", "", "]", "").Replace(strings.Join(out, ", "))
}

// What an approved server lists later, by rule.
func TestLearn(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	for name, c := range map[string]struct {
		list   []string
		extent Extent
		auto   bool
		shown  string // descriptions in order
		waits  string
		logged string
		used   []string // live definitions that calls may use
		not    []string
	}{
		"the same":           {[]string{toolA}, Whole, false, toolA, "", "", []string{toolA}, []string{toolText}},
		"another text":       {[]string{toolText}, Whole, false, toolA, "tool a fits", "a updated: text", []string{toolA, toolText}, []string{toolText2}},
		"text, part":         {[]string{toolText}, Part, false, toolA, "tool a fits", "a updated: text", []string{toolA, toolText}, nil},
		"text with findings": {[]string{toolOdd}, Whole, false, toolA, "tool a fits", "a updated: text", []string{toolA, toolOdd}, nil},
		"hostile text":       {[]string{toolEvil}, Whole, false, "", "tool a withheld", "a held: text", nil, []string{toolEvil}},
		"a parameter":        {[]string{toolB}, Part, false, toolA, "tool a fits", "a updated: optional", []string{toolB}, nil},
		"one more required":  {[]string{toolC}, Part, false, "", "tool a withheld", "a held: required", []string{toolA}, []string{toolC}},
		"annotation":         {[]string{toolHint}, Part, false, toolA, "tool a fits", "a updated: annotations", []string{toolHint}, nil},
		"unreadable":         {[]string{toolTwice}, Part, false, "", "tool a withheld", "", nil, []string{toolTwice}},
		"new":                {[]string{toolA, toolNew}, Part, false, toolA, "tool n withheld", "", []string{toolA}, []string{toolNew}},
		"gone, whole":        {[]string{toolNew}, Whole, false, "", "tool n withheld", "a held: gone", []string{toolA}, nil},
		"nothing, whole":     {nil, Whole, false, toolA, "", "", []string{toolA}, nil},
		"gone, late":         {nil, Late, false, toolA, "", "", []string{toolA}, nil},
		"gone, part":         {nil, Part, false, toolA, "", "", []string{toolA}, nil},
		"twice":              {[]string{toolA, toolEvil}, Whole, false, toolA, "", "", []string{toolA}, []string{toolEvil}},
		"auto schema":        {[]string{toolC}, Part, true, toolC, "", "auto", []string{toolA, toolC}, nil},
		"auto text":          {[]string{toolText}, Whole, true, toolText, "", "auto", []string{toolA, toolText}, nil},
		"auto new":           {[]string{toolA, toolNew}, Part, true, toolA + "\n" + toolNew, "", "auto", []string{toolNew}, nil},
		"auto odd":           {[]string{toolOdd}, Part, true, toolOdd, "", "auto", []string{toolOdd}, nil},
		"auto hostile":       {[]string{toolEvil}, Part, true, "", "tool a withheld", "a held: text", nil, []string{toolEvil}},
		"auto unreadable":    {[]string{toolTwice}, Part, true, "", "tool a withheld", "", nil, []string{toolTwice}},
	} {
		r := approved(t, s, toolA)
		r.Learn(s, live(c.list...), c.extent, c.auto, suspicious)
		if got := shown(r); got != c.shown {
			t.Errorf("%s: shown %s, want %s", name, got, c.shown)
		}
		if got := waits(r); got != c.waits {
			t.Errorf("%s: waits %q, want %q", name, got, c.waits)
		}
		for _, raw := range c.used {
			if !admits(r, raw) {
				t.Errorf("%s: %s can't be used", name, raw)
			}
		}
		for _, raw := range c.not {
			if admits(r, raw) {
				t.Errorf("%s: %s can be used", name, raw)
			}
		}
		if r.Learn(s, live(c.list...), c.extent, c.auto, suspicious) {
			t.Errorf("%s: learned twice", name)
		}
		if got := updates(r.Outbox); got != c.logged {
			t.Errorf("%s: logged %q, want %q", name, got, c.logged)
		}
	}
}

// The first look under a launch of the baseline is the baseline, but for what looks hostile; what comes after it is new.
func TestLearnTheBaseline(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	r := &Record{}
	r.Baseline(s, "first run")
	if r.Snapshot() != nil {
		t.Error("something is shown before the first look")
	}
	if r.Learn(s, live(toolA), Part, false, suspicious) {
		t.Error("an instance of a session made the baseline")
	}
	if !r.Learn(s, live(toolA, toolOdd, tool("evil", "EVIL", schemaA), toolTwice), Whole, false, suspicious) {
		t.Error("nothing learned")
	}
	if got := shown(r) + "|" + waits(r); got != toolA+"|tool evil withheld" {
		t.Error(got)
	}
	if got := decisions(r.Outbox); got != "baseline baseline" || len(r.Outbox[1].Items) != 1 || string(r.Outbox[1].Items[0].Raw) != toolA {
		t.Errorf("logged %s, %+v", got, r.Outbox)
	}
	r.Learn(s, live(toolA, toolNew), Part, false, suspicious)
	if got := shown(r); got != toolA {
		t.Errorf("what came later is shown: %s", got)
	}

	// A look that had its time counts too; what it could not read is reviewed.
	r = &Record{}
	r.Baseline(s, "first run")
	r.Learn(s, live(toolA), Late, false, suspicious)
	if got := shown(r); got != toolA || r.First {
		t.Errorf("late: %s", got)
	}
}

// A server that offers nothing has no baseline: what it first offers is, whoever sees it first. Nothing after that.
func TestFirstOffer(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	instructed := live()
	instructed.Instructions = "Set API_KEY first."
	prompted := live()
	prompted.Items[catalog.Prompts] = [][]byte{[]byte(`{"name":"p"}`)}
	resourced := live()
	resourced.Items[catalog.Resources] = [][]byte{[]byte(`{"uri":"a://b","name":"r"}`)}
	type step struct {
		live   *catalog.Snapshot
		extent Extent
	}
	for name, c := range map[string]struct {
		steps []step
		shown string
		waits string
		first bool // still
	}{
		"nothing":                       {[]step{{live(), Whole}}, "", "", true},
		"nothing in time":               {[]step{{live(), Late}, {live(), Part}}, "", "", true},
		"instructions alone":            {[]step{{instructed, Whole}}, "", "", true},
		"then a look":                   {[]step{{live(), Whole}, {live(toolA), Whole}}, toolA, "", false},
		"then an instance, as restart":  {[]step{{live(), Whole}, {live(toolA), Part}}, toolA, "", false},
		"then nothing, then tools":      {[]step{{live(), Whole}, {live(), Whole}, {live(), Part}, {live(toolA), Late}}, toolA, "", false},
		"what comes after that is new":  {[]step{{live(), Whole}, {live(toolA), Part}, {live(toolA, toolNew), Whole}}, toolA, "tool n withheld", false},
		"what looks hostile waits":      {[]step{{live(), Whole}, {live(toolEvil), Whole}}, "", "tool a withheld", false},
		"an instance before any look":   {[]step{{live(toolA), Part}}, "", "", true},
		"prompts are an offer":          {[]step{{prompted, Whole}, {live(toolNew), Whole}}, "", "tool n withheld", false},
		"resources are an offer":        {[]step{{resourced, Whole}, {live(toolNew), Part}}, "", "tool n withheld", false},
		"nothing after something stays": {[]step{{live(toolA), Whole}, {live(), Whole}, {live(toolA, toolNew), Part}}, toolA, "tool n withheld", false},
	} {
		r := &Record{Config: "/c", Server: "s"}
		r.Baseline(s, "first run")
		for _, step := range c.steps {
			r.Learn(s, step.live, step.extent, false, suspicious)
			var err error
			if r, err = Decode(r.Encode()); err != nil {
				t.Fatal(err)
			}
		}
		snapshot := ""
		if r.Snapshot() != nil {
			snapshot = shown(r)
		}
		if snapshot != c.shown || waits(r) != c.waits || r.First != c.first {
			t.Errorf("%s: shown %q, waits %q, first %v; want %q, %q, %v", name, snapshot, waits(r), r.First, c.shown, c.waits, c.first)
		}
		if r.First && r.Snapshot() != nil {
			t.Errorf("%s: it is not looked at again", name)
		}
	}
}

// A list that the first look could not read has its own baseline, when it is first read; the lists that were read have theirs.
func TestListReadLater(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	prompts := func(raw ...string) *catalog.Snapshot {
		l := live(toolA)
		l.Capabilities = []byte(`{"tools":{},"prompts":{},"resources":{}}`)
		l.Items[catalog.Prompts] = nil
		for _, p := range raw {
			l.Items[catalog.Prompts] = append(l.Items[catalog.Prompts], []byte(p))
		}
		return l
	}
	r := &Record{Config: "/c", Server: "s"}
	r.Baseline(s, "first run")
	r.Learn(s, prompts(), Late, false, suspicious)
	if len(r.Unread) != 1 || r.Unread[0] != Prompt || r.First {
		t.Fatalf("unread: %v, first: %v", r.Unread, r.First)
	}
	r, err := Decode(r.Encode())
	if err != nil {
		t.Fatal(err)
	}
	later := prompts(`{"name":"p"}`, `{"name":"evil","description":"EVIL"}`)
	later.Items[catalog.Tools] = append(later.Items[catalog.Tools], []byte(toolNew))
	r.Learn(s, later, Part, false, suspicious)
	if got := waits(r); !strings.Contains(got, "tool n") || !strings.Contains(got, "prompt evil") || strings.Contains(got, "prompt p ") {
		t.Errorf("waits: %s", got)
	}
	if items := r.Snapshot().Items[catalog.Prompts]; len(items) != 1 || len(r.Unread) != 0 {
		t.Errorf("prompts: %q, unread %v", items, r.Unread)
	}
	r.Learn(s, prompts(`{"name":"p"}`, `{"name":"p2"}`), Part, false, suspicious)
	if got := waits(r); !strings.Contains(got, "prompt p2") {
		t.Errorf("what came after that is not held: %s", got)
	}
}

// A server that toggles between two versions is reviewed once for each, and what is served follows it.
func TestLearnVariants(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	r := approved(t, s, toolA)
	r.Learn(s, live(toolC), Part, false, suspicious)
	if _, err := r.Approve(s, r.Proposal(s).Digest, Means{}, suspicious); err != nil {
		t.Fatal(err)
	}
	for i, now := range []string{toolC, toolA, toolC, toolA} {
		if changed := r.Learn(s, live(now), Part, false, suspicious); changed != (i > 0) || waits(r) != "" || shown(r) != now {
			t.Errorf("%d: changed %t, waits %q, shown %s", i, changed, waits(r), shown(r))
		}
	}
	if !admits(r, toolA) || !admits(r, toolC) {
		t.Error("one of the two can't be used")
	}
	// A version that waits goes when the server is back at an approved one.
	r.Learn(s, live(toolEvil), Part, false, suspicious)
	r.Learn(s, live(toolA), Part, false, suspicious)
	if waits(r) != "" || shown(r) != toolA || admits(r, toolEvil) {
		t.Errorf("waits %q, shown %s", waits(r), shown(r))
	}
	// With auto there may be many; the last ones are kept, and at most one is served.
	for i := range 3 * maxVersions {
		r.Learn(s, live(tool("a", fmt.Sprint("text ", i), schemaA)), Part, true, suspicious)
	}
	served := 0
	for _, it := range r.Items {
		if it.Served {
			served++
		}
	}
	if len(r.Items) != maxVersions || served != 1 || shown(r) != tool("a", fmt.Sprint("text ", 3*maxVersions-1), schemaA) {
		t.Errorf("%d versions, %d served: %s", len(r.Items), served, shown(r))
	}
}

// Two sessions' instances have a text each, as when it names the workspace: the one that lists later does not stop the other.
func TestTextsOfTwoSessions(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	r := approved(t, s, toolA)
	for range 2 {
		for _, raw := range []string{toolText, toolText2, toolA, toolText} {
			r.Learn(s, live(raw), Part, false, suspicious)
		}
		for _, raw := range []string{toolA, toolText, toolText2} {
			if !admits(r, raw) {
				t.Errorf("%s can't be used", raw)
			}
		}
		if len(r.Fitting) != 2 || shown(r) != toolA {
			t.Errorf("%d texts, shown %s", len(r.Fitting), shown(r))
		}
		r = must(Decode(r.Encode()))(t)
	}
	for i := range 3 * maxVersions {
		r.Learn(s, live(tool("a", fmt.Sprint("text ", i), schemaA)), Part, false, suspicious)
	}
	if len(r.Fitting) != maxVersions {
		t.Errorf("%d texts are kept", len(r.Fitting))
	}
	r.Block("a", Means{})
	if admits(r, toolA) || admits(r, tool("a", fmt.Sprint("text ", 3*maxVersions-1), schemaA)) {
		t.Error("a blocked tool can be used")
	}
}

// What a fitting version fits is what is served: with another one approved, it is compared anew.
func TestFittingIsOfWhatIsServed(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	r := approved(t, s, toolA)
	closed := tool("a", "closed", `{"type":"object","additionalProperties":false}`)
	r.Learn(s, live(closed), Part, false, suspicious)
	r.Learn(s, live(toolText), Part, false, suspicious)
	r.Learn(s, live(toolB), Part, false, suspicious)
	if !admits(r, closed) || !admits(r, toolText) || !admits(r, toolB) || shown(r) != toolA {
		t.Fatalf("waits %s, shown %s", waits(r), shown(r))
	}
	if _, err := r.Approve(s, r.Proposal(s).Digest, Means{}, suspicious); err != nil {
		t.Fatal(err)
	}
	if shown(r) != toolB || admits(r, closed) || admits(r, toolText) || !admits(r, toolB) || !admits(r, toolA) {
		t.Errorf("shown %s, fitting %d", shown(r), len(r.Fitting))
	}
	if r = must(Decode(r.Encode()))(t); admits(r, closed) {
		t.Error("a version that calls do not fit can be used after a restart")
	}
}

// What was held by an earlier version, which held more, is used as soon as it is listed again; what it let through goes on.
func TestLearnWhatAnEarlierVersionHeld(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	for _, mark := range []string{"-", "+"} {
		r := approved(t, s, toolA)
		it := ItemsOf(live(toolHint))[0]
		text := strings.Replace(string(r.Encode()), "end\n", "waiting tool "+it.Digest+" "+mark+" "+toolHint+"\ntext tool "+it.Digest+" \"a\"\nend\n", 1)
		r = must(Decode([]byte(text)))(t)
		if !r.Learn(s, live(toolHint), Part, false, suspicious) || shown(r) != toolA || waits(r) != "tool a fits" || !admits(r, toolHint) {
			t.Errorf("%s: shown %s, waits %s", mark, shown(r), waits(r))
		}
	}
}

// A server that says something else at every start does not fill the log; another version of its package is always told.
func TestUpdatesAreBounded(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	r := approved(t, s, toolA)
	for i := range 3 * maxUpdates {
		r.Learn(s, live(tool("a", fmt.Sprint("text ", i), schemaA)), Part, false, suspicious)
	}
	if n := len(r.Outbox); n != maxUpdates || r.Updates != n {
		t.Errorf("%d entries, counted %d", n, r.Updates)
	}
	r = must(Decode(r.Encode()))(t)
	l := live(tool("a", "after a new version", schemaA))
	l.Installed = &launch.Resolution{Tool: "npx", Packages: []launch.Version{{Name: "p", Version: "2"}}}
	if r.Learn(s, l, Part, false, suspicious); !strings.HasSuffix(updates(r.Outbox), "version, a updated: text") {
		t.Errorf("logged %s", updates(r.Outbox))
	}
	if _, err := r.Approve(s, r.Proposal(s).Digest, Means{}, suspicious); err != nil || r.Updates != 0 {
		t.Errorf("%v, counted %d", err, r.Updates)
	}
	// Two instances that take turns are told of once each.
	r = approved(t, s, toolA)
	for range 3 {
		r.Learn(s, live(toolText), Part, false, suspicious)
		r.Learn(s, live(toolText2), Part, false, suspicious)
	}
	if got := updates(r.Outbox); got != "a updated: text, a updated: text" {
		t.Errorf("logged %s", got)
	}
}

// What a whole look has not seen comes back without a review, as long as it is one of the approved versions.
func TestLearnWhatComesBack(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	r := approved(t, s, toolA, toolNew)
	r.Learn(s, live(toolNew), Whole, false, suspicious)
	if shown(r) != toolNew {
		t.Errorf("shown %s", shown(r))
	}
	r.Learn(s, live(toolC, toolNew), Part, false, suspicious) // in a form that calls do not fit
	if shown(r) != toolNew || waits(r) != "tool a withheld" {
		t.Errorf("shown %s, waits %s", shown(r), waits(r))
	}
	r.Learn(s, live(toolText, toolNew), Part, false, suspicious) // in one that they do fit
	if shown(r) != toolA+"\n"+toolNew || waits(r) != "tool a fits" || !admits(r, toolText) {
		t.Errorf("shown %s, waits %s", shown(r), waits(r))
	}
	r.Learn(s, live(toolA, toolNew), Part, false, suspicious)
	if shown(r) != toolA+"\n"+toolNew || waits(r) != "" {
		t.Errorf("shown %s, waits %s", shown(r), waits(r))
	}
	r.Learn(s, live(toolC, toolNew), Part, false, suspicious)
	r.Learn(s, live(toolNew), Whole, false, suspicious) // what is not there any more need not be reviewed
	if waits(r) != "" {
		t.Errorf("waits %s", waits(r))
	}
}

func TestLearnTheOtherKinds(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	l := live()
	l.Instructions, l.Capabilities = "be kind", []byte(`{"experimental":{"x":{}}}`)
	l.Items[catalog.Prompts] = [][]byte{[]byte(`{"name":"p","arguments":[{"name":"q"}]}`)}
	l.Items[catalog.Templates] = [][]byte{[]byte(`{"uriTemplate":"x:{y}","name":"t"}`)}
	l.Items[catalog.Resources] = [][]byte{[]byte(`{"uri":"x:1"}`)}
	r := &Record{}
	r.Baseline(s, "test")
	r.Learn(s, l, Whole, false, suspicious)

	next := *l
	next.Instructions, next.Capabilities = "be EVIL", []byte(`{"experimental":{"x":{},"z":{}}}`)
	next.Items[catalog.Prompts] = [][]byte{[]byte(`{"name":"p","arguments":[{"name":"q","required":true}]}`), []byte(`{"name":"new"}`)}
	next.Items[catalog.Templates] = [][]byte{[]byte(`{"uriTemplate":"x:{y}","name":"t","description":"now with one"}`)}
	next.Items[catalog.Resources] = [][]byte{[]byte(`{"uri":"x:2"}`)}
	r.Learn(s, &next, Part, false, suspicious)
	if got, want := waits(r), "prompt p withheld, prompt new withheld, template x:{y} fits, instructions withheld, capabilities fits"; got != want {
		t.Errorf("waits %s, want %s", got, want)
	}
	got := r.Snapshot()
	if len(got.Items[catalog.Prompts]) != 0 || got.Instructions != "" || string(got.Capabilities) != `{"experimental":{"x":{}}}` {
		t.Errorf("shown: %+v", got)
	}
	if string(got.Items[catalog.Templates][0]) != `{"uriTemplate":"x:{y}","name":"t"}` || string(got.Items[catalog.Resources][0]) != `{"uri":"x:2"}` {
		t.Error("the template's text is new, or the list of resources, which is data, is old")
	}
	// A list that was not read says nothing.
	next.Items[catalog.Resources] = nil
	r.Learn(s, &next, Part, false, suspicious)
	if len(r.Resources) != 1 {
		t.Error("a list of resources that was not read emptied the known one")
	}
}

func TestLearnNothingWhereHeld(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	flagged := entryOf(t, "s", `{"command":"x","quarantined":true}`)
	changed := entryOf(t, "s", `{"command":"y"}`)
	held := approved(t, s, toolA)
	held.Hold()
	for name, learn := range map[string]func() bool{
		"never approved": func() bool { return (&Record{}).Learn(s, live(toolA), Whole, true, suspicious) },
		"flagged":        func() bool { return approved(t, s, toolA).Learn(flagged, live(toolB), Whole, true, suspicious) },
		"other launch":   func() bool { return approved(t, s, toolA).Learn(changed, live(toolB), Whole, true, suspicious) },
		"by a tool":      func() bool { return held.Learn(s, live(toolB), Whole, true, suspicious) },
	} {
		if learn() {
			t.Errorf("%s: learned", name)
		}
	}
	// An inspection's finds are kept apart; only a whole look replaces them.
	r := &Record{Inspect: s.LaunchKey()}
	if !r.Learn(s, live(toolA), Late, false, suspicious) || r.Learn(s, live(toolB), Part, false, suspicious) || !r.Learn(s, live(toolB), Whole, false, suspicious) {
		t.Error("finds were not kept as they should")
	}
	if len(r.Found) != 1 || string(r.Found[0].Raw) != toolB || r.Snapshot() == nil || shown(r) != "" || admits(r, toolB) {
		t.Errorf("found %+v, shown %s", r.Found, shown(r))
	}
}

func BenchmarkLearnAgain(b *testing.B) {
	s := entryOf(b, "s", plainEntry)
	var tools []string
	for i := range 2000 {
		tools = append(tools, tool(fmt.Sprint("tool_", i), strings.Repeat("some words of text ", 50), schemaB))
	}
	r, l := approved(b, s, tools...), live(tools...)
	for b.Loop() {
		r.Clone().Learn(s, l, Part, false, func(Item) scan.Severity { return scan.Info })
	}
}
