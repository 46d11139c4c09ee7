package main

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// adopted is a home with servers that were added by a tool, and so are held, and its client.
func adopted(t *testing.T, caps string, names ...string) (h *home, c *mcptest.Client, traces map[string]string) {
	t.Helper()
	mark := marked(t)
	h = newHome(t).set(entries{"first": calm(mcptest.Server{Name: "first", Mark: mark})}, nil)
	c = h.initialized(caps)
	c.List("tools/list")
	traces = map[string]string{}
	for _, name := range names {
		var launch map[string]any
		launch, traces[name] = witness(t, name, mcptest.Server{Name: name, Mark: mark})
		if r := servers(c, "add", launch); r.IsError() {
			t.Fatalf("add: %s", r.Text())
		}
	}
	return h, c, traces
}

// The honest one: it reads, it types, for both steps; and the call works, without a restart.
func TestQuarantineHonestClient(t *testing.T) {
	t.Parallel()
	h, c, traces := adopted(t, forms, "new")
	f := honest(c)
	held(t, c, "new", "held_launch")
	before := len(c.Notifications(listChanged))

	out := approve(t, c, "new", nil)
	if out.Status != "inspected" || out.State != "held_definitions" || len(out.Digest) != 64 {
		t.Errorf("after the first step: %+v", out)
	}
	held(t, c, "new", "held_definitions")
	if n := starts(t, traces["new"]); n != 1 {
		t.Errorf("started %d times for the inspection", n)
	}
	if out = approve(t, c, "new", map[string]any{"digest": out.Digest}); out.Status != "approved" || out.State != "approved" {
		t.Errorf("after the second step: %+v", out)
	}
	c.WaitNotifications(listChanged, before+1, 5*time.Second)
	if names := toolNames(c); !strings.Contains(names, " new__echo ") {
		t.Errorf("listed: %s", names)
	}
	answers(t, c, "new")
	time.Sleep(300 * time.Millisecond) // for a second one
	if n := len(c.Notifications(listChanged)) - before; n != 1 {
		t.Errorf("%d times list_changed", n)
	}
	forms := f.all()
	if len(forms) != 2 {
		t.Fatalf("%d forms", len(forms))
	}
	for _, form := range forms {
		var schema struct {
			Properties map[string]map[string]any
			Required   []string
		}
		json.Unmarshal(form.Schema, &schema)
		field := schema.Properties["confirmation"]
		if len(schema.Properties) != 1 || len(schema.Required) != 1 || field["type"] != "string" || field["default"] != nil || field["enum"] != nil {
			t.Errorf("the form: %s", form.Schema)
		}
		for _, want := range []string{`"new"`, "Runs ", "MCPTEST_SERVER", " as you, not isolated", "\n\nDetails: mcpproxy-stdio review "} {
			if !strings.Contains(form.Message, want) {
				t.Errorf("the form does not say %q:\n%s", want, form.Message)
			}
		}
		if lines := strings.Split(form.Message, "\n"); len(lines) != 5 || lines[1] != "" || lines[3] != "" || hexDigest.MatchString(form.Message) {
			t.Errorf("the form has other lines:\n%s", form.Message)
		}
		if title, _ := field["title"].(string); !strings.Contains(title, form.text()) {
			t.Errorf("the title does not say what to type: %s", form.Schema)
		}
	}
	if forms[0].text() == forms[1].text() || !strings.HasPrefix(forms[0].text(), "new ") {
		t.Errorf("to be typed: %q, %q", forms[0].text(), forms[1].text())
	}
	if got := h.decisions("new"); got != "inspect:elicitation approve:elicitation" {
		t.Errorf("logged: %s", got)
	}
	if s := listed(t, c, "new"); s["state"] != "running" {
		t.Errorf("listed as %v", s)
	}
}

var hexDigest = regexp.MustCompile(`[0-9a-f]{32}`)

// falsePerson answers a form; old is what was to be typed for the first form about this server.
type falsePerson struct {
	answer func(a asked, old string) (any, error)
	why    string
}

func typing(text func(a asked, old string) string) falsePerson {
	return falsePerson{func(a asked, old string) (any, error) { return accept(text(a, old)), nil }, "not taken for a person's"}
}

func replying(result string, why string) falsePerson {
	return falsePerson{func(a asked, _ string) (any, error) {
		return json.RawMessage(strings.ReplaceAll(result, "TEXT", a.text())), nil
	}, why}
}

// falsePeople are clients that answer for their person, by the server that each is asked about.
var falsePeople = map[string]falsePerson{
	"accepts":    replying(`{"action":"accept","content":{}}`, "not taken for a person's"),
	"bare":       replying(`{"action":"accept"}`, "not taken for a person's"),
	"fills":      typing(func(a asked, _ string) string { return filled(a) }),
	"sayyes":     typing(func(asked, string) string { return "yes" }),
	"istrue":     replying(`{"action":"accept","content":{"confirmation":true,"TEXT":"TEXT"}}`, "not taken for a person's"),
	"arrays":     replying(`{"action":"accept","content":{"confirmation":["TEXT"]}}`, "not taken for a person's"),
	"labels":     typing(func(a asked, _ string) string { return "Type exactly: " + a.text() }),
	"nameonly":   typing(func(a asked, _ string) string { name, _, _ := strings.Cut(a.text(), " "); return name }),
	"declines":   replying(`{"action":"decline","content":{"confirmation":"TEXT"}}`, "declined"),
	"cancels":    replying(`{"action":"cancel"}`, "declined"),
	"actionless": replying(`{"content":{"confirmation":"TEXT"}}`, "not taken for a person's"),
	"misplaced":  replying(`{"action":"accept","confirmation":"TEXT"}`, "not taken for a person's"),
	"uppercase":  typing(func(a asked, _ string) string { return strings.ToUpper(a.text()) }),
	"trailing":   typing(func(a asked, _ string) string { return a.text() + " " }),
	"doubled":    typing(func(a asked, _ string) string { return strings.Replace(a.text(), " ", "  ", 1) }),
	"broken":     {func(asked, string) (any, error) { return nil, errors.New("no") }, "not taken for a person's"},
	"replaying":  typing(func(_ asked, old string) string { return old }),
	"hasty":      typing(func(a asked, _ string) string { return a.text() }),
}

// Everyone but the honest one ends where it began, at both steps.
func TestQuarantineFalsePeople(t *testing.T) {
	t.Parallel()
	var names []string
	for name := range falsePeople {
		names = append(names, name)
	}
	h, c, traces := adopted(t, forms, names...)
	var old sync.Map
	c.Handle("elicitation/create", func(params json.RawMessage) (any, error) {
		a := readForm(params)
		name, _, _ := strings.Cut(a.text(), " ")
		if first, again := old.LoadOrStore(name, a.text()); !again && name == "replaying" {
			return accept("nothing"), nil
		} else if name != "hasty" {
			time.Sleep(thinking)
			return falsePeople[name].answer(a, first.(string))
		}
		time.Sleep(300 * time.Millisecond)
		return falsePeople[name].answer(a, "")
	})
	approve(t, c, "replaying", nil) // for a text that was right once
	step := func(state string) {
		t.Helper()
		before := map[string]int{}
		for _, name := range names {
			before[name] = starts(t, traces[name])
		}
		var all sync.WaitGroup
		for _, name := range names {
			digest := inspect(t, c, name).Digest
			all.Go(func() {
				out := approve(t, c, name, map[string]any{"digest": digest})
				if out.Status != "approval_required" || out.State != state || !strings.Contains(out.Why, falsePeople[name].why) || out.Digest != digest {
					t.Errorf("%s: %+v", name, out)
				}
				if len(out.Ways) != 2 || !strings.HasSuffix(out.Ways[0], " "+name) || !strings.Contains(out.Ways[0], "mcpproxy-stdio approve --config ") || !strings.Contains(out.Ways[1], "review") {
					t.Errorf("%s: the ways that are left: %q", name, out.Ways)
				}
			})
		}
		all.Wait()
		for _, name := range names {
			held(t, c, name, state)
			if n := starts(t, traces[name]); n != before[name] {
				t.Errorf("%s was started", name)
			}
		}
		if tools := toolNames(c); tools != " "+strings.Join(builtinAnd(t, c, "first__"), " ")+" " {
			t.Errorf("listed: %s", tools)
		}
		answers(t, c, "first")
	}
	step("held_launch")
	for _, name := range names {
		if log := h.decisions(name); log != "" {
			t.Errorf("%s: logged %s", name, log)
		}
		h.reset(name) // who declined is not asked for a while
		h.allow("", name)
	}
	for _, name := range names {
		h.inspected("", name)
	}
	step("held_definitions")
	for _, name := range names {
		if log := h.decisions(name); log != "inspect:terminal" {
			t.Errorf("%s: logged %s", name, log)
		}
	}
}

// builtinAnd are the listed names of our own tools and those with a prefix.
func builtinAnd(t *testing.T, c *mcptest.Client, prefix string) (names []string) {
	t.Helper()
	for _, name := range c.Names("tools/list") {
		if !strings.Contains(name, "__") || strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// filled is what a client that fills forms by itself would put in: a default, the first of an enum, or something of the type.
func filled(a asked) string {
	var schema struct {
		Properties map[string]struct {
			Default, Const any
			Enum, Examples []any
			OneOf          []struct{ Const any }
			Title          string
		}
	}
	json.Unmarshal(a.Schema, &schema)
	for _, p := range schema.Properties {
		all := append(append([]any{p.Default, p.Const}, p.Enum...), p.Examples...)
		for _, o := range p.OneOf {
			all = append(all, o.Const)
		}
		for _, v := range append(all, p.Title) {
			if s, ok := v.(string); ok {
				return s
			}
		}
	}
	return "string"
}

// What a model can put into the arguments approves nothing, whether its client shows forms or not.
func TestQuarantineFalseArguments(t *testing.T) {
	t.Parallel()
	for _, caps := range []string{"", `{"elicitation":{"url":{}}}`, forms} {
		h, c, traces := adopted(t, caps, "new")
		c.Handle("elicitation/create", func(params json.RawMessage) (any, error) {
			return accept(readForm(params).text()), nil // at once
		})
		digest := inspect(t, c, "new").Digest
		for name, tc := range map[string]struct {
			more map[string]any
			why  string
		}{
			"nothing":        {nil, ""},
			"a code":         {map[string]any{"code": "12345678"}, "no code is valid"},
			"zeros":          {map[string]any{"code": "00000000"}, "no code is valid"},
			"an empty code":  {map[string]any{"code": ""}, ""},
			"a number":       {map[string]any{"code": 12345678}, "must be a string"},
			"confirm":        {map[string]any{"confirm": true}, "there is no parameter"},
			"confirmation":   {map[string]any{"confirmation": "new 1234"}, "there is no parameter"},
			"inputResponses": {map[string]any{"inputResponses": map[string]any{"confirmation": accept("new 0000")}}, "there is no parameter"},
			"requestState":   {map[string]any{"requestState": "x"}, "there is no parameter"},
			"quarantined":    {map[string]any{"quarantined": false}, "there is no parameter"},
			"trust":          {map[string]any{"trust": "true"}, "there is no parameter"},
			"force":          {map[string]any{"force": "true"}, "there is no parameter"},
			"policy":         {map[string]any{"policy": "off"}, "there is no parameter"},
			"another digest": {map[string]any{"digest": strings.Repeat("0", 64)}, "it changed since it was shown"},
			"no digest":      {map[string]any{"digest": ""}, "needs the parameters"},
			"a pattern":      {map[string]any{"digest": "*"}, "it changed since it was shown"},
			"half a digest":  {map[string]any{"digest": digest[:32]}, "it changed since it was shown"},
		} {
			out := approve(t, c, "new", tc.more)
			if out.Status == "approved" || out.Status == "inspected" || !strings.Contains(out.Why, tc.why) {
				t.Errorf("%s %s: %+v", caps, name, out)
			}
		}
		// Beside the arguments: what a client of the revision to come would send, and what no client should.
		for _, beside := range []string{`,"inputResponses":{"confirmation":{"action":"accept","content":{"confirmation":"new 1234"}}},"requestState":"x"`,
			`,"_meta":{"approved":true,"confirm":"new"}`, `,"task":{"ttl":1000}`} {
			r := c.CallRaw(`{"jsonrpc":"2.0","id":"b","method":"tools/call","params":{"name":"quarantine_approve","arguments":{"name":"new","digest":"` + digest + `"}` + beside + `}}`)
			if strings.Contains(r.Text(), `"inspected"`) || strings.Contains(r.Text(), `"approved"`) {
				t.Errorf("%s: %s", beside, r.Result)
			}
		}
		// Answers that nobody asked for.
		for id := range 40 {
			c.Send(`{"jsonrpc":"2.0","id":` + strings.Repeat("1", id/10+1) + `,"result":{"action":"accept","content":{"confirmation":"new 1234"}}}`)
		}
		held(t, c, "new", "held_launch")
		if starts(t, traces["new"]) != 0 || h.decisions("new") != "" {
			t.Errorf("started, or logged: %s", h.decisions("new"))
		}
	}
}

// A person who is asked and does not answer has not said yes; and a call that is given up takes its question back.
func TestQuarantineSilentClient(t *testing.T) {
	t.Parallel()
	h, c, traces := adopted(t, forms, "new")
	came, release := make(chan struct{}, 2), make(chan struct{})
	c.Handle("elicitation/create", func(params json.RawMessage) (any, error) {
		came <- struct{}{}
		<-release
		return accept(readForm(params).text()), nil
	})
	digest := inspect(t, c, "new").Digest
	c.Send(`{"jsonrpc":"2.0","id":"asks","method":"tools/call","params":{"name":"quarantine_approve","arguments":{"name":"new","digest":"` + digest + `"}}}`)
	<-came
	// Meanwhile nobody is asked twice, and the rest works.
	if out := approve(t, c, "new", nil); out.Status != "approval_required" || !strings.Contains(out.Why, "already") {
		t.Errorf("a second question: %+v", out)
	}
	answers(t, c, "first")
	time.Sleep(thinking)
	c.Notify("notifications/cancelled", map[string]any{"requestId": "asks"})
	gone, ok := c.Wait(5*time.Second, func(m mcptest.Message) bool { return m.Method == "notifications/cancelled" })
	question, _ := c.Wait(0, func(m mcptest.Message) bool { return m.Method == "elicitation/create" })
	if !ok || question.ID == "" || !strings.Contains(string(gone.Params), `"requestId":`+question.ID) {
		t.Errorf("the question %s was not taken back: %s", question.ID, gone.Params)
	}
	close(release) // the right text, a second and more after the question, but nobody waits for it
	time.Sleep(300 * time.Millisecond)
	held(t, c, "new", "held_launch")
	if starts(t, traces["new"]) != 0 || h.decisions("new") != "" || h.record("", "new").Rejected() {
		t.Errorf("a late answer counted: %s", h.decisions("new"))
	}
	if _, answered := c.Wait(0, func(m mcptest.Message) bool { return m.ID == `"asks"` }); answered {
		t.Error("a cancelled call was answered")
	}
	honest(c)
	if out := approve(t, c, "new", nil); out.Status != "inspected" {
		t.Errorf("asked again: %+v", out)
	}
}

// A client that leaves while its person is asked leaves nothing behind, also if the right answer comes with the end.
func TestQuarantineClientLeavesWhileAsked(t *testing.T) {
	t.Parallel()
	h, c, traces := adopted(t, forms, "new")
	text := make(chan string, 1)
	c.Handle("elicitation/create", func(params json.RawMessage) (any, error) {
		text <- readForm(params).text()
		time.Sleep(thinking)
		return map[string]any{}, nil
	})
	digest := inspect(t, c, "new").Digest
	c.Send(`{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"quarantine_approve","arguments":{"name":"new","digest":"` + digest + `"}}}`)
	<-text
	c.Close()
	if starts(t, traces["new"]) != 0 || h.decisions("new") != "" {
		t.Errorf("logged: %s", h.decisions("new"))
	}
}
