package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

func TestQuarantineNames(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	one := func() json.RawMessage { return calm(mcptest.Server{Name: "x", Mark: mark}) }
	h := newHome(t).set(entries{"github": one(), "mailer": one(), "db1": one(), "db2": one()}, nil)
	c := h.initialized("")
	c.List("tools/list")
	answers(t, c, "db1")
	answers(t, c, "db2")
	before := string(must(os.ReadFile(h.config)))
	launch, trace := witness(t, "x", mcptest.Server{Name: "x", Mark: mark})
	for _, name := range []string{
		"g\u0456thub", "GitHub", "g1thub", "githubb", "githb", "gihtub", "gith\u200bub", "\uff47ithub", "gıthub", "rnailer", "ma1ler", "mai\u217cer",
		"upstream_servers", "upstream_server", "Upstream_Servers", "quarantine_review", "quarantine_reviev", "quarantine_approve", "quarant\u0456ne_approve", "quarantine_reject",
		"mcpproxy-stdio", "mcpproxy-stdi0", "mcpproxy_stdio",
	} {
		launch["name"] = name
		tells(t, servers(c, "add", launch), "name")
		if r := h.record("", name); r != nil && r.Tool && name != "github" {
			t.Errorf("%s left a record", name)
		}
	}
	if after := string(must(os.ReadFile(h.config))); after != before {
		t.Errorf("the file was changed:\n%s", after)
	}
	if starts(t, trace) != 0 {
		t.Error("it was started")
	}
	for _, name := range []string{"db3", "gitlab", "mail"} {
		launch["name"] = name
		if r := servers(c, "add", launch); r.IsError() {
			t.Errorf("%s: %s", name, r.Text())
		}
	}
}

// Nothing that a model can send starts a server that is held.
func TestQuarantineNothingStartsIt(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"first": calm(mcptest.Server{Name: "first", Mark: mark})}, nil)
	c := h.initialized(forms)
	c.List("tools/list")
	c.Handle("elicitation/create", func(params json.RawMessage) (any, error) { return accept(readForm(params).text()), nil })
	launch, trace := witness(t, "new", mcptest.Server{Name: "new", Mark: mark, URIBase: "new://"})
	launch["start"] = "eager"
	servers(c, "add", launch)
	quiet := func(what string) {
		t.Helper()
		if starts(t, trace) != 0 {
			t.Fatalf("it was started by %s", what)
		}
	}
	for _, operation := range []string{"list", "logs", "restart", "disable", "enable", "restart", "update", "logs"} {
		servers(c, operation, map[string]any{"name": "new", "start_timeout": nil})
		servers(c, operation, map[string]any{"name": "new"})
		quiet(operation)
	}
	servers(c, "update", map[string]any{"name": "new", "start": "eager"})
	servers(c, "update", map[string]any{"name": "new", "start_wait": "1s"})
	servers(c, "add", launch)
	for _, args := range []map[string]any{{"operation": "list"}, {"operation": "inspect", "name": "new"}} {
		c.Tool("quarantine_review", args)
	}
	for range 3 {
		approve(t, c, "new", nil)
		approve(t, c, "new", map[string]any{"code": "12345678"})
	}
	quiet("the own tools")
	for _, name := range []string{"new__echo", "new__pid", "new__", "new", "echo", "new__new__echo"} {
		c.Tool(name, map[string]any{"message": "x"})
		c.Call("tools/call", map[string]any{"name": name, "task": map[string]any{"ttl": 1000}})
		c.Call("prompts/get", map[string]any{"name": name})
	}
	quiet("a call")
	for _, method := range []string{"tools/list", "prompts/list", "resources/list", "resources/templates/list", "tasks/list", "x/unknown", "server/discover", "ping"} {
		c.Call(method, nil)
	}
	quiet("a list")
	for _, uri := range []string{"new://static/1", "new://item/7", "mcpproxy://new/new://static/1", "new:///static/1"} {
		for _, method := range []string{"resources/read", "resources/subscribe", "resources/unsubscribe"} {
			c.Call(method, map[string]any{"uri": uri})
		}
		c.Call("completion/complete", map[string]any{"ref": map[string]any{"type": "ref/resource", "uri": uri}, "argument": map[string]any{"name": "id", "value": "1"}})
	}
	for _, name := range []string{"new__greet", "greet"} {
		c.Call("completion/complete", map[string]any{"ref": map[string]any{"type": "ref/prompt", "name": name}, "argument": map[string]any{"name": "name", "value": "1"}})
	}
	c.Call("logging/setLevel", map[string]any{"level": "debug"})
	c.Notify("notifications/roots/list_changed", nil)
	for _, method := range []string{"tasks/get", "tasks/result", "tasks/cancel"} {
		c.Call(method, map[string]any{"taskId": "new-task-1"})
	}
	c.Tool("quarantine_reject", map[string]any{"name": "new"})
	c.Tool("quarantine_reject", map[string]any{"name": "new", "tool": "echo"})
	servers(c, "restart", map[string]any{"name": "first"})
	servers(c, "disable", map[string]any{"name": "first"})
	for _, method := range []string{"x/unknown", "resources/read"} { // with it as the only one
		c.Call(method, map[string]any{"uri": "new://static/1"})
	}
	servers(c, "enable", map[string]any{"name": "first"})
	servers(c, "remove", map[string]any{"name": "new"})
	servers(c, "add", launch)
	time.Sleep(200 * time.Millisecond)
	quiet("all of it")
	answers(t, c, "first")
	c.Close()
	c = h.initialized("")
	c.List("tools/list")
	held(t, c, "new", "held_launch")
	time.Sleep(200 * time.Millisecond)
	quiet("a start of the proxy")
}

// A person who approves an inspection approves one start. One that fails is not tried again for anything that a model can do.
func TestQuarantineFailedInspection(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"first": calm(mcptest.Server{Name: "first", Mark: mark})}, nil)
	c := h.initialized("")
	c.List("tools/list")
	launch, trace := witness(t, "new", mcptest.Server{Name: "new", Mark: mark, Faults: []mcptest.Fault{mcptest.FaultExitAtStart}, ExitCode: 1})
	servers(c, "add", launch)
	out := approve(t, c, "new", map[string]any{"code": h.code("", "new")})
	if out.Status != "inspected" || out.Digest != "" || out.Why == "" || out.Next == "" {
		t.Errorf("a server that does not start: %+v", out)
	}
	for _, operation := range []string{"restart", "logs", "disable", "enable", "update"} {
		servers(c, operation, map[string]any{"name": "new"})
		servers(c, operation, map[string]any{"name": "first"})
	}
	other := launchOf("other", mcptest.Server{Name: "other", Mark: mark})
	servers(c, "add", other)
	h.allowAll("", "other")
	soon(t, 5*time.Second, "the other one is listed", func() bool { return strings.Contains(toolNames(c), " other__echo ") })
	approve(t, c, "new", nil)
	c.Tool("quarantine_reject", map[string]any{"name": "new", "tool": "x"})
	c.Tool("quarantine_reject", map[string]any{"name": "other"})
	servers(c, "remove", map[string]any{"name": "other"})
	time.Sleep(1200 * time.Millisecond) // the first retry of a server that fails would be due
	if n := starts(t, trace); n != 1 {
		t.Errorf("it was started %d times", n)
	}
	held(t, c, "new", "held_definitions")
}

// What a tool does to a server that was approved.
func TestQuarantineToolInterface(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark}), "mine": entryOf(mcptest.Server{Name: "mine", Mark: mark}, map[string]any{"enabled": false})}, nil)
	c := h.initialized("")
	c.List("tools/list")
	answers(t, c, "a")

	// What a person disabled; and what a tool did.
	tells(t, servers(c, "enable", map[string]any{"name": "mine"}), "the user disabled")
	servers(c, "disable", map[string]any{"name": "mine"})
	tells(t, servers(c, "enable", map[string]any{"name": "mine"}), "the user disabled")
	for range 2 {
		servers(c, "disable", map[string]any{"name": "a"})
		tells(t, c.Tool("a__echo", nil), "disabled")
		if r := servers(c, "enable", map[string]any{"name": "a"}); r.IsError() {
			t.Errorf("enable: %s", r.Text())
		}
		answers(t, c, "a")
	}
	// A tool disabled it, a person enabled it, and disabled it later: that is the person's.
	servers(c, "disable", map[string]any{"name": "a"})
	write := func(enabled bool) {
		h.set(entries{"a": entryOf(mcptest.Server{Name: "a", Mark: mark}, map[string]any{"enabled": enabled})}, nil)
	}
	file := func(enabled bool) {
		write(enabled)
		soon(t, 5*time.Second, fmt.Sprint("enabled is ", enabled), func() bool { return (stateOf(t, c, "a") != "disabled") == enabled })
	}
	file(true)
	answers(t, c, "a")
	file(false)
	tells(t, servers(c, "enable", map[string]any{"name": "a"}), "the user disabled")
	// An agent can edit the file as well: that it is enabled again is to confirm.
	write(true)
	soon(t, 5*time.Second, "it waits", func() bool { return inspect(t, c, "a").Policy != "" })
	if in := inspect(t, c, "a"); in.State != "approved" || !strings.Contains(in.Policy, "disabled") || stateOf(t, c, "a") != "disabled" || strings.Contains(toolNames(c), "a__") {
		t.Errorf("enabled by an edit: %+v, %s, %s", in, stateOf(t, c, "a"), toolNames(c))
	}
	tells(t, c.Tool("a__echo", map[string]any{"message": "x"}), "confirm")
	h.allow("", "a")
	soon(t, 5*time.Second, "a is listed", func() bool { return strings.Contains(toolNames(c), " a__echo ") })

	// A launch that is changed through a tool is held, also when it is changed back: the person is asked.
	answers(t, c, "a")
	for _, change := range []map[string]any{{"command": "sh"}, {"args": []string{"x"}}, {"env": map[string]string{"X": "y"}}, {"working_dir": "/"}} {
		pid := pidOf(t, c, "a")
		args := map[string]any{"name": "a"}
		for k, v := range change {
			args[k] = v
		}
		if r := servers(c, "update", args); r.IsError() || !strings.Contains(r.Text(), "quarantine") {
			t.Errorf("update %v: %s", change, r.Text())
		}
		soon(t, 3*time.Second, "it has ended", func() bool { return !mcptest.Alive(pid) })
		tells(t, c.Tool("a__echo", map[string]any{"message": "x"}), `server "a"`)
		h.set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}, nil)
		soon(t, 3*time.Second, "it is as it was", func() bool { return !strings.Contains(string(must(os.ReadFile(h.config))), "quarantined") })
		time.Sleep(100 * time.Millisecond)
		held(t, c, "a", "held_launch")
		h.allowAll("", "a")
		soon(t, 5*time.Second, "a is listed", func() bool { return strings.Contains(toolNames(c), " a__echo ") })
		answers(t, c, "a")
	}

	// One that can't be made leaves all as it was.
	if r := servers(c, "update", map[string]any{"name": "a", "args": 7}); !r.IsError() {
		t.Errorf("update: %s", r.Text())
	}
	answers(t, c, "a")

	// Removed and added again.
	servers(c, "remove", map[string]any{"name": "a"})
	launch := launchOf("a", mcptest.Server{Name: "a", Mark: mark})
	if r := servers(c, "add", launch); r.IsError() {
		t.Errorf("add: %s", r.Text())
	}
	held(t, c, "a", "held_launch")
	if names := toolNames(c); strings.Contains(names, "a__") {
		t.Errorf("listed: %s", names)
	}
}

// Trust can be taken away at any time, and is at once.
func TestQuarantineReject(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark}), "b": calm(mcptest.Server{Name: "b", Mark: mark})}, nil)
	c := h.initialized("")
	c.List("tools/list")
	answers(t, c, "a")
	pid := pidOf(t, c, "a")

	// A single tool.
	if r := c.Tool("quarantine_reject", map[string]any{"name": "a", "tool": "pid"}); r.IsError() {
		t.Errorf("block: %s", r.Text())
	}
	if names := toolNames(c); strings.Contains(names, " a__pid ") || !strings.Contains(names, " b__pid ") || !strings.Contains(names, " a__echo ") {
		t.Errorf("listed: %s", names)
	}
	tells(t, c.Tool("a__pid", nil), `server "a"`, "blocked")
	answers(t, c, "a")
	if !mcptest.Alive(pid) {
		t.Error("it was restarted for a blocked tool")
	}
	// All of it, in the middle of a call; from another process too.
	for _, how := range []string{"tool", "terminal"} {
		open := make(chan mcptest.Response, 1)
		go func() { open <- c.Tool("a__never", nil) }()
		soon(t, 5*time.Second, "the call is open", func() bool { return stateOf(t, c, "a") == "running" })
		time.Sleep(100 * time.Millisecond)
		if how == "tool" {
			if r := c.Tool("quarantine_reject", map[string]any{"name": "a"}); r.IsError() {
				t.Errorf("reject: %s", r.Text())
			}
		} else {
			h.revoke("a")
		}
		select {
		case r := <-open:
			tells(t, r, `server "a"`)
		case <-time.After(5 * time.Second):
			t.Errorf("%s: the open call goes on", how)
		}
		if pids := mcptest.ProcessesWithEnv(mark); len(pids) > 1 {
			soon(t, 5*time.Second, "it has ended", func() bool { return len(mcptest.ProcessesWithEnv(mark)) <= 1 })
		}
		held(t, c, "a", "held_launch")
		if names := toolNames(c); strings.Contains(names, "a__") {
			t.Errorf("listed: %s", names)
		}
		answers(t, c, "b")
		if in := inspect(t, c, "a"); in.Digest == "" {
			t.Errorf("%s: it can't be approved again: %+v", how, in)
		}
		h.allowAll("", "a")
		soon(t, 5*time.Second, "it is listed", func() bool { return strings.Contains(toolNames(c), " a__echo ") })
		answers(t, c, "a")
		if strings.Contains(toolNames(c), " a__pid ") {
			t.Error("the blocked tool came back with it")
		}
	}
	if log := h.decisions("a"); !strings.Contains(log, "block:tool") || !strings.Contains(log, "revoke:tool") || !strings.Contains(log, "revoke:terminal") {
		t.Errorf("logged: %s", log)
	}
}
