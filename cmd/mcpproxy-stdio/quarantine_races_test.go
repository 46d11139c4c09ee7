package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// The definitions change between the question and the answer: the yes was for others.
func TestQuarantineChangedWhileAsked(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}, nil)
	c := h.initialized(forms)
	c.List("tools/list")
	c.Tool("a__add_tool", map[string]any{"name": "one"})
	waiting := func(n int) {
		t.Helper()
		soon(t, 5*time.Second, "they wait", func() bool { r := h.record("", "a"); return r != nil && len(r.Waiting) == n })
	}
	waiting(1)
	digest := ""
	soon(t, 5*time.Second, "it can be approved", func() bool { digest = inspect(t, c, "a").Digest; return digest != "" })
	c.Handle("elicitation/create", func(params json.RawMessage) (any, error) {
		a := readForm(params)
		c.Tool("a__add_tool", map[string]any{"name": "two", "description": "Another one"})
		waiting(2)
		time.Sleep(thinking)
		return accept(a.text()), nil
	})
	if out := approve(t, c, "a", map[string]any{"digest": digest}); out.Status == "approved" || !strings.Contains(out.Why, "it changed since it was shown") {
		t.Errorf("%+v", out)
	}
	if names := toolNames(c); strings.Contains(names, "a__one") || strings.Contains(names, "a__two") {
		t.Errorf("listed: %s", names)
	}
	if r := h.record("", "a"); len(r.Waiting) != 2 || h.decisions("a") != "baseline:first run baseline" && strings.Contains(h.decisions("a"), "approve") {
		t.Errorf("logged: %s", h.decisions("a"))
	}
	honest(c)
	if out := approve(t, c, "a", nil); out.Status != "approved" {
		t.Errorf("%+v", out)
	}
	soon(t, 5*time.Second, "both are listed", func() bool { n := toolNames(c); return strings.Contains(n, "a__one") && strings.Contains(n, "a__two") })
}

// An agent edits the file while the person is asked, and after the person said yes.
func TestQuarantinePatchedAroundTheApproval(t *testing.T) {
	t.Parallel()
	h, c, traces := adopted(t, forms, "new")
	text := string(must(os.ReadFile(h.config)))
	evil := strings.Replace(text, `"args": ["-test.run=^$"]`, `"args": ["-test.run=^$", "evil"]`, 1)
	if evil == text {
		t.Fatalf("nothing to patch: %s", text)
	}
	c.Handle("elicitation/create", func(params json.RawMessage) (any, error) {
		a := readForm(params)
		h.write(evil)
		time.Sleep(thinking)
		return accept(a.text()), nil
	})
	if out := approve(t, c, "new", nil); out.Status == "inspected" || out.Status == "approved" {
		t.Errorf("%+v", out)
	}
	held(t, c, "new", "held_launch")
	if starts(t, traces["new"]) != 0 {
		t.Error("it was started")
	}
	h.write(text)
	soon(t, 5*time.Second, "as it was", func() bool { return !strings.Contains(inspect(t, c, "new").Launch, "evil") })
	honest(c)
	approve(t, c, "new", nil)
	approve(t, c, "new", nil)
	answers(t, c, "new")
	pid := pidOf(t, c, "new")
	n := starts(t, traces["new"])
	h.write(strings.Replace(string(must(os.ReadFile(h.config))), `"args": ["-test.run=^$"]`, `"args": ["-test.run=^$", "evil"]`, 1))
	if !mcptest.WaitGone(pid, 5*time.Second) {
		t.Error("it runs on")
	}
	held(t, c, "new", "held_launch")
	if starts(t, traces["new"]) != n {
		t.Error("the patched one was started")
	}
}

// Two proxies: one decision is enough, and both serve what was approved.
func TestQuarantineTwoProxies(t *testing.T) {
	t.Parallel()
	h, one, _ := adopted(t, forms, "new")
	two := h.initialized(forms)
	two.List("tools/list")
	held(t, two, "new", "held_launch")
	honest(one)
	honest(two)
	for _, state := range []string{"held_definitions", "approved"} {
		digest := ""
		soon(t, 5*time.Second, "both see the same", func() bool {
			digest = inspect(t, one, "new").Digest
			return digest != "" && digest == inspect(t, two, "new").Digest
		})
		var all sync.WaitGroup
		yes := make(chan string, 2)
		for _, c := range []*mcptest.Client{one, two} {
			all.Go(func() {
				out := approve(t, c, "new", map[string]any{"digest": digest})
				switch {
				case out.State == state:
					yes <- out.Status
				case out.Status != "error" || !strings.Contains(out.Why, "it changed since it was shown") && !strings.Contains(out.Why, "nothing to approve") && !strings.Contains(out.Why, "has not ended"):
					t.Errorf("%s: %+v", state, out)
				}
			})
		}
		all.Wait()
		if len(yes) == 0 {
			t.Errorf("%s: nobody's yes counted", state)
		}
		h.settled(t, "new")
	}
	for _, c := range []*mcptest.Client{one, two} {
		soon(t, 5*time.Second, "it is listed", func() bool { return strings.Contains(toolNames(c), " new__echo ") })
		soon(t, 5*time.Second, "it answers", func() bool { return !c.Tool("new__echo", map[string]any{"message": "x"}).IsError() }) // the other's decision may restart it
	}
	// Two people may both have said yes, if the second proxy had not seen the first one's edit of the file.
	if log := h.decisions("new"); log != "inspect:elicitation approve:elicitation" && log != "inspect:elicitation approve:elicitation approve:elicitation" {
		t.Errorf("logged: %s", log)
	}
	// One approves while the other rejects: both have the same, whichever came last.
	for range 6 {
		h.reset("new")
		soon(t, 5*time.Second, "it is held", func() bool { return stateOf(t, one, "new") == "held_launch" && stateOf(t, two, "new") == "held_launch" })
		code, digest := h.code("", "new"), inspect(t, one, "new").Digest
		if digest == "" {
			t.Error("nothing to approve")
		}
		var all sync.WaitGroup
		all.Go(func() { approve(t, one, "new", map[string]any{"digest": digest, "code": code}) })
		all.Go(func() {
			time.Sleep(time.Duration(rand.IntN(12)) * time.Millisecond)
			two.Tool("quarantine_reject", map[string]any{"name": "new"})
		})
		all.Wait()
		h.settled(t, "new")
		want := string(h.record("", "new").State(h.entry("", "new")))
		last := h.decisions("new")
		last = last[strings.LastIndex(last, " ")+1:]
		if rejected := strings.HasSuffix(last, ":tool"); rejected != (want == "held_launch") {
			t.Errorf("the last decision is %s, and it is %s", last, want)
		}
		for _, c := range []*mcptest.Client{one, two} {
			soon(t, 5*time.Second, "it is "+want+" for both", func() bool { return stateOf(t, c, "new") == want })
			held(t, c, "new", want)
		}
	}
}

// settled waits until an inspection that was approved, if one was, has ended.
func (h *home) settled(t testing.TB, name string) {
	t.Helper()
	soon(t, 10*time.Second, "no inspection is under way", func() bool {
		r := h.record("", name)
		return r != nil && (r.Inspect == "" || r.Seen)
	})
}

// The proxy is killed around the moment in which an approval is written: it is there or it is not, and who was told that it is has it.
func TestQuarantineKilledWhileApproving(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"first": calm(mcptest.Server{Name: "first", Mark: mark})}, nil).learned()
	launch, trace := witness(t, "new", mcptest.Server{Name: "new", Mark: mark})
	c := h.initialized("")
	servers(c, "add", launch)
	rounds, told := 16, 0
	if testing.Short() {
		rounds = 5
	}
	for range rounds {
		n, before := starts(t, trace), h.decisions("new")
		code, digest := h.code("", "new"), inspect(t, c, "new").Digest
		c.Send(`{"jsonrpc":"2.0","id":"k","method":"tools/call","params":{"name":"quarantine_approve","arguments":{"name":"new","digest":"` + digest + `","code":"` + code + `"}}}`)
		time.Sleep(time.Duration(rand.IntN(12_000)) * time.Microsecond)
		signal(c.Pid(), syscall.SIGKILL)
		c.WaitExit(5 * time.Second)
		r := h.record("", "new")
		state := r.State(h.entry("", "new"))
		log := h.decisions("new")
		approved := strings.TrimSpace(log) == strings.TrimSpace(before+" inspect:code")
		if !approved && log != before {
			t.Errorf("logged %q, and before it %q", log, before)
		}
		if approved != (state == quarantine.HeldDefinitions) {
			t.Errorf("logged %q, and it is %s", log, state)
		}
		if m, came := c.Wait(0, func(m mcptest.Message) bool { return m.ID == `"k"` }); came && strings.Contains(string(m.Raw), "inspected") {
			if told++; !approved {
				t.Errorf("told that it was approved, and it is not: %s", m.Raw)
			}
		}
		if !approved && starts(t, trace) != n {
			t.Error("started without an approval on disk")
		}
		c = h.initialized("")
		if approved { // what was cut short is done now
			h.inspected("", "new")
		}
		held(t, c, "new", string(state))
		answers(t, c, "first")
		h.reset("new")
		soon(t, 5*time.Second, "it is held", func() bool { return stateOf(t, c, "new") == "held_launch" })
	}
}

// After a person has said no, nobody is asked for a while; a code still counts.
func TestQuarantineCoolDown(t *testing.T) {
	t.Parallel()
	h, c, _ := adopted(t, forms, "new")
	f := &forum{}
	c.Handle("elicitation/create", func(params json.RawMessage) (any, error) {
		f.note(params)
		time.Sleep(thinking)
		return map[string]any{"action": "decline"}, nil
	})
	if out := approve(t, c, "new", nil); out.Status != "approval_required" || !strings.Contains(out.Why, "declined") {
		t.Errorf("%+v", out)
	}
	honest(c) // would say yes now
	for range 3 {
		if out := approve(t, c, "new", nil); out.Status != "approval_required" || !strings.Contains(out.Why, "the user declined; ask again after ") {
			t.Errorf("%+v", out)
		}
	}
	two := h.initialized(forms)
	honest(two)
	if out := approve(t, two, "new", nil); out.Status != "approval_required" || !strings.Contains(out.Why, "the user declined; ask again after ") {
		t.Errorf("in another session: %+v", out)
	}
	if n := len(f.all()); n != 1 {
		t.Errorf("%d questions", n)
	}
	if out := approve(t, c, "new", map[string]any{"code": h.code("", "new")}); out.Status != "inspected" {
		t.Errorf("a code: %+v", out)
	}
	// Long ago.
	h.reset("new")
	soon(t, 5*time.Second, "it is held", func() bool { return stateOf(t, c, "new") == "held_launch" })
	h.changed("new", func(r *quarantine.Record) { r.Refused = time.Now().Add(-quarantine.CoolDown - time.Second) })
	soon(t, 5*time.Second, "it is known", func() bool { return approve(t, c, "new", nil).Status == "inspected" })
}

// What a client answers by itself in an instant is no word of the user's, whatever it says: the other ways are told at once, and the user can be asked again. A
// rejection by the model is none either; the server stays rejected.
func TestQuarantineInstantAnswers(t *testing.T) {
	t.Parallel()
	instant := []string{"decline", "cancel", "accept", "", "no"}
	h, c, _ := adopted(t, forms, "new")
	for _, action := range instant {
		c.Handle("elicitation/create", func(params json.RawMessage) (any, error) {
			return map[string]any{"action": action, "content": map[string]any{"confirmation": readForm(params).text()}}, nil
		})
		for range 2 { // the second is asked as the first was
			out := approve(t, c, "new", nil)
			if out.Status != "approval_required" || !strings.Contains(out.Why, "not taken for a person's") || !strings.Contains(out.Why, "within a second") || strings.Contains(out.Why, "declined") || len(out.Ways) != 2 {
				t.Errorf("%q: %+v", action, out)
			}
		}
		if r := h.record("", "new"); r.Rejected() || r.Cooling(time.Now()) {
			t.Errorf("%q: taken for a refusal: %+v", action, r)
		}
	}
	if r := c.Tool("quarantine_reject", map[string]any{"name": "new"}); r.IsError() {
		t.Fatal(r.Text())
	}
	held(t, c, "new", "held_launch")
	if r := h.record("", "new"); !r.Rejected() || r.Cooling(time.Now()) {
		t.Errorf("rejected by the model: %+v", r)
	}
	honest(c)
	if out := approve(t, c, "new", nil); out.Status != "inspected" {
		t.Errorf("asked after that: %+v", out)
	}
	// A user's own refusal outlasts a model's.
	c.Handle("elicitation/create", func(json.RawMessage) (any, error) {
		time.Sleep(thinking)
		return map[string]any{"action": "cancel"}, nil
	})
	if out := approve(t, c, "new", nil); !strings.Contains(out.Why, "declined") {
		t.Errorf("refused by the user: %+v", out)
	}
	c.Tool("quarantine_reject", map[string]any{"name": "new"})
	honest(c)
	if out := approve(t, c, "new", nil); out.Status != "approval_required" || !strings.Contains(out.Why, "the user declined") || !strings.Contains(out.Why, "ask again after ") {
		t.Errorf("asked again: %+v", out)
	}
}

// changed is what only a test can do.
func (h *home) changed(name string, change func(*quarantine.Record)) {
	h.t.Helper()
	if _, err := h.book().Update(h.config, name, func(r *quarantine.Record) error { change(r); return nil }); err != nil {
		h.t.Fatal(err)
	}
}

// One-time codes, with a client that shows no forms.
func TestQuarantineCodes(t *testing.T) {
	t.Parallel()
	h, c, traces := adopted(t, "", "new", "other")
	with := func(name, code string) outcome {
		t.Helper()
		return approve(t, c, name, map[string]any{"code": code})
	}
	refused := func(what string, out outcome, why string) {
		t.Helper()
		if out.Status != "approval_required" || !strings.Contains(out.Why, why) {
			t.Errorf("%s: %+v", what, out)
		}
	}
	wrong := func(code string) string { return string('0'+('9'-code[0])) + code[1:] }

	code := h.code("", "new")
	if len(code) != 8 || strings.Trim(code, "0123456789") != "" {
		t.Errorf("the code is %q", code)
	}
	for try := range 5 {
		refused("a wrong one", with("new", wrong(code)), []string{"4 tries", "3 tries", "2 tries", "1 tr", "void"}[try])
	}
	refused("the right one after five", with("new", code), "no code is valid")
	// A try in another process counts too.
	code = h.code("", "new")
	two := h.initialized("")
	for range 3 {
		approve(t, two, "new", map[string]any{"code": wrong(code)})
	}
	refused("the fourth", with("new", wrong(code)), "1 tr")
	refused("the fifth", with("new", wrong(code)), "void")
	refused("the right one", with("new", code), "no code is valid")
	// A new one voids the old one.
	old := h.code("", "new")
	code = h.code("", "new")
	if old != code {
		refused("the old one", with("new", old), "not the one")
	}
	// Of another server, with spaces, as a number.
	refused("another server's", with("other", code), "no code is valid")
	refused("letters", with("new", "x"+code), "not the one")
	// Too old.
	h.changed("new", func(r *quarantine.Record) { r.Code.Expires = time.Now().Add(-time.Second) })
	refused("too old", with("new", code), "no code is valid")
	if starts(t, traces["new"])+starts(t, traces["other"]) != 0 || h.decisions("new")+h.decisions("other") != "" {
		t.Errorf("logged: %s", h.decisions("new"))
	}
	// Bound to what was shown: the launch changes.
	code = h.code("", "new")
	servers(c, "update", map[string]any{"name": "new", "args": []string{"-test.run=^$", "evil"}})
	refused("of another launch", with("new", code), "no code is valid")
	servers(c, "update", map[string]any{"name": "new", "args": []string{"-test.run=^$"}})
	// Single use; and not for the second step.
	code = h.code("", "new")
	if out := with("new", code); out.Status != "inspected" {
		t.Fatalf("the right one: %+v", out)
	}
	refused("again", with("new", code), "no code is valid")
	if out := with("new", h.code("", "new")); out.Status != "approved" {
		t.Errorf("the second step: %+v", out)
	}
	answers(t, c, "new")
	if log := h.decisions("new"); log != "inspect:code approve:code" {
		t.Errorf("logged: %s", log)
	}
	// The store does not tell a code, nor does anything that was said.
	code = h.code("", "other")
	all := h.whole()
	c.Close()
	for path, text := range all {
		lacks(t, path, text, code)
	}
	lacks(t, "the client", received(c), code)
}

// whole are all files of the state and of the log, by path.
func (h *home) whole() map[string]string { return filesIn(h.state()) }
