package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// What appears in the user's own file after the first run is to be confirmed: an agent can edit files too.
func TestQuarantineEditedFile(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	a, b := calm(mcptest.Server{Name: "a", Mark: mark}), calm(mcptest.Server{Name: "b", Mark: mark})
	h := newHome(t).set(entries{"a": a, "b": b}, nil)
	c := h.initialized("")
	c.List("tools/list")
	answers(t, c, "a")
	answers(t, c, "b")
	pid := pidOf(t, c, "a")
	added, addedTrace := traced(t, mcptest.Server{Name: "c", Mark: mark}, map[string]any{"start": "eager"})
	argued, arguedTrace := traced(t, mcptest.Server{Name: "b", Mark: mark}, map[string]any{"args": []string{"-test.run=^$", "-test.v"}})
	h.set(entries{"a": a, "b": argued, "added": added}, nil)
	soon(t, 5*time.Second, "the new one is held", func() bool { return stateOf(t, c, "added") == "held_launch" })
	held(t, c, "added", "held_launch")
	held(t, c, "b", "held_launch")
	if names := toolNames(c); strings.Contains(names, "b__") || strings.Contains(names, "added__") {
		t.Errorf("listed: %s", names)
	}
	if in := inspect(t, c, "b"); !strings.Contains(in.Launch, "-test.v") || in.Was == "" || strings.Contains(in.Was, "-test.v") {
		t.Errorf("inspect: %+v", in)
	}
	if pidOf(t, c, "a") != pid {
		t.Error("the one that was not touched was restarted")
	}
	c.Close()
	// The question says what a yes means: here, all that the changed one offers.
	c = h.initialized(forms)
	f := &forum{}
	c.Handle("elicitation/create", func(params json.RawMessage) (any, error) {
		f.note(params)
		return map[string]any{"action": "accept"}, nil
	})
	approve(t, c, "b", nil)
	approve(t, c, "added", nil)
	if all := f.all(); len(all) != 2 || !strings.Contains(all[0].Message, "and the tools it then lists") || !strings.Contains(all[0].Message, "Approved before: ") ||
		!strings.Contains(all[1].Message, `Start "added" once`) {
		t.Errorf("asked: %+v", all)
	}
	c.Close()
	c = h.initialized("") // also after a restart
	held(t, c, "added", "held_launch")
	held(t, c, "b", "held_launch")
	if starts(t, addedTrace)+starts(t, arguedTrace) != 0 {
		t.Error("it was started")
	}
	// A launch that the person of the entry confirms is their new baseline: one step.
	if decision := h.allow("", "b"); decision != "launch" {
		t.Errorf("decided: %s", decision)
	}
	soon(t, 5*time.Second, "b is listed", func() bool { return strings.Contains(toolNames(c), " b__echo ") })
	answers(t, c, "b")
	h.allowAll("", "added")
	soon(t, 5*time.Second, "it is listed", func() bool { return strings.Contains(toolNames(c), " added__echo ") })
	answers(t, c, "added")
}

const firstToken = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"

// Which edits of an entry hold it.
func TestQuarantineWhichEditsHold(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	opts := mcptest.Server{Name: "a", Mark: mark}
	base := func(more map[string]any) json.RawMessage {
		return withOptions(entryOf(opts, map[string]any{"env": map[string]string{"TOKEN": firstToken, "MODE": "one", "NODE_OPTIONS": "--no-warnings"}}), more)
	}
	h := newHome(t).set(entries{"a": base(nil)}, nil)
	c := h.initialized("")
	c.List("tools/list")
	env := func(vars map[string]string) map[string]any { return map[string]any{"env": vars} }
	for name, tc := range map[string]struct {
		more map[string]any
		held bool
	}{
		"another token":      {env(map[string]string{"TOKEN": "ghp_abcdefghijklmnopqrstuvwxyz0123456789"}), false},
		"no token":           {env(map[string]string{"TOKEN": "two"}), true},
		"a value":            {env(map[string]string{"MODE": "two"}), true},
		"a proxy":            {env(map[string]string{"HTTPS_PROXY": "http://127.0.0.1:1"}), true},
		"a waiting time":     {map[string]any{"start_wait": "30s"}, false},
		"eager":              {map[string]any{"start": "eager"}, false},
		"NODE_OPTIONS":       {env(map[string]string{"NODE_OPTIONS": "--require ./evil.js"}), true},
		"LD_PRELOAD":         {env(map[string]string{"LD_PRELOAD": "/tmp/evil.so"}), true},
		"another variable":   {env(map[string]string{"EXTRA": "x"}), true},
		"a reference":        {env(map[string]string{"TOKEN": "${env:OTHER_SECRET}"}), true},
		"an argument":        {map[string]any{"args": []string{"-test.run=^$", "x"}}, true},
		"the command":        {map[string]any{"command": "/bin/true"}, true},
		"the directory":      {map[string]any{"working_dir": "/"}, true},
		"another protocol":   {map[string]any{"command": nil, "args": nil, "env": nil, "url": "https://example.com/mcp", "type": "http"}, true},
		"quarantined":        {map[string]any{"quarantined": true}, true},
		"only as it was":     {nil, false},
		"disabled, a policy": {map[string]any{"disabled_tools": []string{"pid"}}, false},
	} {
		h.set(entries{"a": base(tc.more)}, nil)
		ok := func() bool {
			s := listed(t, c, "a")
			return s != nil && strings.HasPrefix(s["state"].(string), "held_") == tc.held
		}
		soon(t, 3*time.Second, name+" is taken in", ok)
		time.Sleep(150 * time.Millisecond) // no later change of mind
		if !ok() {
			t.Errorf("%s: %v", name, listed(t, c, "a"))
		}
		if tc.held {
			tells(t, c.Tool("a__echo", map[string]any{"message": "x"}), `server "a"`, "quarantine")
		} else {
			answers(t, c, "a")
		}
		h.set(entries{"a": base(nil)}, nil)
		if name == "quarantined" { // taking the line out approves nothing
			time.Sleep(300 * time.Millisecond)
			held(t, c, "a", "held_definitions")
			h.allow("", "a")
		}
		soon(t, 3*time.Second, "it is as approved again", func() bool { return !strings.HasPrefix(stateOf(t, c, "a"), "held_") })
	}
}

// A looser policy waits; a stricter one counts at once, and so does going back from it wait.
func TestQuarantinePolicies(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	opts := mcptest.Server{Name: "a", Mark: mark}
	with := func(more map[string]any) entries { return entries{"a": entryOf(opts, more)} }
	strict := map[string]any{"disabled_tools": []string{"pid"}, "enabled_tools": []string{"echo", "pid", "add_tool"}}
	h := newHome(t).set(with(strict), nil)
	c := h.initialized("")
	want := func(what string, yes []string, no []string) {
		t.Helper()
		names := toolNames(c)
		for _, n := range yes {
			if !strings.Contains(names, " a__"+n+" ") {
				t.Errorf("%s: %s is not listed: %s", what, n, names)
			}
		}
		for _, n := range no {
			if strings.Contains(names, " a__"+n+" ") {
				t.Errorf("%s: %s is listed", what, n)
			}
			if r := c.Tool("a__"+n, nil); !r.IsError() && r.Error == nil {
				t.Errorf("%s: %s was called", what, n)
			}
		}
		answers(t, c, "a")
	}
	want("as it was", []string{"echo", "add_tool"}, []string{"pid", "env"})
	waits := func(what string) {
		t.Helper()
		soon(t, 5*time.Second, what+" waits", func() bool { s := listed(t, c, "a"); return s["review"] != nil })
		in := inspect(t, c, "a")
		if in.State != "approved" || in.Policy == "" || in.Digest == "" {
			t.Errorf("%s: %+v", what, in)
		}
	}
	for what, loose := range map[string]map[string]any{
		"a tool less disabled": {"enabled_tools": []string{"echo", "pid", "add_tool"}},
		"a tool more enabled":  {"disabled_tools": []string{"pid"}, "enabled_tools": []string{"echo", "pid", "add_tool", "env"}},
		"all enabled":          {"disabled_tools": []string{"pid"}},
		"a pattern":            {"disabled_tools": []string{"pid"}, "enabled_tools": []string{"*"}},
		"auto":                 {"disabled_tools": []string{"pid"}, "enabled_tools": []string{"echo", "pid", "add_tool"}, "tool_changes": "auto"},
	} {
		h.set(with(loose), nil)
		waits(what)
		want(what, []string{"echo"}, []string{"pid", "env"})
	}
	// auto is not in force: a new tool waits. (It is not enabled either; the record tells.)
	h.set(with(map[string]any{"disabled_tools": []string{"pid"}, "enabled_tools": []string{"echo", "pid", "add_tool"}, "tool_changes": "auto"}), nil)
	waits("auto")
	c.Tool("a__add_tool", map[string]any{"name": "late"})
	soon(t, 5*time.Second, "the new tool waits", func() bool { return len(h.record("", "a").Waiting) == 1 })
	// Confirmed, it is.
	h.allow("", "a")
	soon(t, 5*time.Second, "nothing waits", func() bool { return listed(t, c, "a")["review"] == nil })
	h.set(with(map[string]any{"tool_changes": "auto"}), nil)
	waits("all")
	h.allow("", "a")
	soon(t, 5*time.Second, "all is listed", func() bool { return strings.Contains(toolNames(c), " a__env ") })
	// Stricter: at once, and then the way back waits.
	h.set(with(map[string]any{"disabled_tools": []string{"env"}}), nil)
	soon(t, 5*time.Second, "env is gone", func() bool { return !strings.Contains(toolNames(c), " a__env ") })
	if s := listed(t, c, "a"); s["review"] != nil {
		t.Errorf("a stricter policy waits: %v", s)
	}
	h.set(with(nil), nil)
	waits("the way back")
	want("the way back", []string{"echo", "pid"}, []string{"env"})
}

// The policy of approval is the person's: written by whomever, it is not in force before they confirm it, and it says so.
func TestQuarantineApprovalPolicy(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	a := entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}
	for _, policy := range []string{"off", "host"} {
		h := newHome(t).set(a, map[string]any{"approval": policy}) // already on the first run
		said := func(c *mcptest.Client, want string) {
			t.Helper()
			soon(t, 5*time.Second, policy+": "+want, func() bool {
				return strings.Contains(c.Tool("upstream_servers", map[string]any{"operation": "list"}).Text(), want)
			})
		}
		c := h.initialized("")
		c.List("tools/list")
		launch, trace := witness(t, "new", mcptest.Server{Name: "new", Mark: mark})
		servers(c, "add", launch)
		said(c, "sets approval to "+policy+", which the user has to confirm")
		if out := approve(t, c, "new", nil); out.Status != "approval_required" {
			t.Errorf("%s: %+v", policy, out)
		}
		held(t, c, "new", "held_launch")
		if starts(t, trace) != 0 {
			t.Errorf("%s: started", policy)
		}
		c.Close()
		if !strings.Contains(c.Stderr(), "waits for a person") {
			t.Errorf("%s: nothing said at the start: %s", policy, c.Stderr())
		}
		// Confirmed.
		if err := h.book().ConfirmApproval(h.config, policy); err != nil {
			t.Fatal(err)
		}
		c = h.initialized("")
		said(c, "approval is "+policy+": servers are approved without asking the user")
		if out := approve(t, c, "new", nil); out.Status == "approval_required" || out.Status == "error" {
			t.Errorf("%s, confirmed: %+v", policy, out)
		}
		c.Close()
		if !strings.Contains(c.Stderr(), "servers are approved without a person") {
			t.Errorf("%s: not said at the start", policy)
		}
		// Back to human at once; then off again waits.
		h.set(a, map[string]any{"approval": "human"})
		h.initialized("").Close()
		h.set(a, map[string]any{"approval": policy})
		c = h.initialized("")
		said(c, "which the user has to confirm")
	}
	// oob: neither forms nor codes.
	h := newHome(t).set(a, map[string]any{"approval": "oob"})
	c := h.initialized(forms)
	c.List("tools/list")
	honest(c)
	launch, trace := witness(t, "new", mcptest.Server{Name: "new", Mark: mark})
	servers(c, "add", launch)
	code := h.code("", "new")
	for _, more := range []map[string]any{nil, {"code": code}} {
		if out := approve(t, c, "new", more); out.Status != "approval_required" || !strings.Contains(out.Why, "oob") || len(out.Ways) != 1 {
			t.Errorf("oob %v: %+v", more, out)
		}
	}
	if starts(t, trace) != 0 {
		t.Error("oob: started")
	}
}

// What the first run is, and that it is one.
func TestQuarantineFirstRun(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	a, b := calm(mcptest.Server{Name: "a", Mark: mark}), calm(mcptest.Server{Name: "b", Mark: mark})
	h := newHome(t).set(entries{"a": a, "flagged": entryOf(mcptest.Server{Name: "f", Mark: mark}, map[string]any{"quarantined": true})}, nil)
	c := h.initialized("")
	c.List("tools/list")
	answers(t, c, "a")
	held(t, c, "flagged", "held_launch")
	if log := h.decisions("a"); !strings.HasPrefix(log, "baseline:first run") {
		t.Errorf("logged: %s", log)
	}
	c.Close()
	// Without its baseline the state is no empty one: nothing new is trusted.
	if err := os.RemoveAll(filepath.Join(h.state(), "baselines")); err != nil {
		t.Fatal(err)
	}
	h.set(entries{"a": a, "b": b}, map[string]any{"approval": "off"})
	c = h.initialized("")
	held(t, c, "b", "held_launch")
	answers(t, c, "a")
	c.Close()
	// Nor if all that was known is out of the file as well.
	os.RemoveAll(filepath.Join(h.state(), "baselines"))
	h.set(entries{"b": b}, nil)
	c = h.initialized("")
	held(t, c, "b", "held_launch")
	c.Close()
	h.set(entries{"a": a, "b": b}, map[string]any{"approval": "off"})
	// A baseline that can't be read does not make a policy either.
	files, _ := filepath.Glob(filepath.Join(h.state(), "baselines", "*"))
	for _, text := range []string{"", "{}", "nonsense", `{"approval":"anything"}`} {
		for _, f := range files {
			os.WriteFile(f, []byte(text), 0o600)
		}
		c = h.initialized("")
		digest := h.record("", "b").Proposal(h.entry("", "b")).Digest
		if out := approve(t, c, "b", map[string]any{"digest": digest}); out.Status == "approved" || out.Status == "inspected" {
			t.Errorf("with the baseline %q: %+v", text, out)
		}
		tells(t, c.Tool("b__echo", map[string]any{"message": "x"}), `server "b" is not available`)
		answers(t, c, "a")
		c.Close()
	}

	// With no file at first: what a tool adds is held, and so is what appears in the file later.
	h = newHome(t)
	c = h.initialized("")
	launch, trace := witness(t, "new", mcptest.Server{Name: "new", Mark: mark})
	servers(c, "add", launch)
	held(t, c, "new", "held_launch")
	text := string(must(os.ReadFile(h.config)))
	later := withOptions(b, map[string]any{"name": "later", "protocol": "stdio"})
	text = strings.Replace(text, `"mcpServers": [`, `"mcpServers": [`+string(later)+`,`, 1)
	h.write(strings.Replace(text, `"quarantined": true`, `"enabled": true`, 1))
	soon(t, 5*time.Second, "it is held", func() bool { return stateOf(t, c, "later") == "held_launch" })
	held(t, c, "later", "held_launch")
	held(t, c, "new", "held_launch") // an agent that takes the word out of the file has not approved it
	if starts(t, trace) != 0 {
		t.Error("started")
	}
	// A file that is written while the proxy runs without one can be an agent's: one question covers all of it.
	h = newHome(t)
	c = h.initialized("")
	h.set(entries{"a": a, "b": b}, nil)
	soon(t, 5*time.Second, "they are held", func() bool { return stateOf(t, c, "a") == "held_launch" && stateOf(t, c, "b") == "held_launch" })
	tells(t, c.Tool("a__echo", map[string]any{"message": "x"}), quarantine.MissingFile, "mcpproxy-stdio approve --all")
	h.allowFile()
	soon(t, 5*time.Second, "it is listed", func() bool { return strings.Contains(toolNames(c), " a__echo ") })
	answers(t, c, "a")
}

// "quarantined": true holds what was approved, also when it is written again.
func TestQuarantineFlag(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	opts := mcptest.Server{Name: "a", Mark: mark}
	plain, flagged := entries{"a": calm(opts)}, entries{"a": entryOf(opts, map[string]any{"quarantined": true})}
	h := newHome(t).set(plain, nil)
	c := h.initialized(forms)
	c.List("tools/list")
	honest(c)
	answers(t, c, "a")
	pid := pidOf(t, c, "a")
	h.set(flagged, nil)
	if !mcptest.WaitGone(pid, 5*time.Second) {
		t.Error("it runs on")
	}
	held(t, c, "a", "held_definitions")
	if out := approve(t, c, "a", nil); out.Status != "approved" {
		t.Errorf("%+v", out)
	}
	answers(t, c, "a")
	if data := string(must(os.ReadFile(h.config))); strings.Contains(data, "quarantined") {
		t.Errorf("the flag stands: %s", data)
	}
	h.set(flagged, nil)
	soon(t, 5*time.Second, "it is held again", func() bool { return stateOf(t, c, "a") == "held_definitions" })
	h.set(plain, nil) // whoever took the line out: nobody has approved it
	time.Sleep(400 * time.Millisecond)
	held(t, c, "a", "held_definitions")
	if out := approve(t, c, "a", nil); out.Status != "approved" {
		t.Errorf("%+v", out)
	}
	soon(t, 5*time.Second, "it is free", func() bool { return strings.Contains(toolNames(c), " a__echo ") })
	answers(t, c, "a")
}
