package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// servers calls the own tool with flat parameters.
func servers(c *mcptest.Client, operation string, params map[string]any) mcptest.Response {
	all := map[string]any{"operation": operation}
	for k, v := range params {
		all[k] = v
	}
	return c.Tool("upstream_servers", all)
}

// launchOf is how a scripted server is given to the own tool.
func launchOf(name string, opts mcptest.Server) map[string]any {
	opts.Capabilities = settled
	command, args, env := mcptest.Command(opts)
	return map[string]any{"name": name, "protocol": "stdio", "command": command, "args": args, "env": env}
}

func TestOwnToolAddHoldsBack(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t)
	first := string(calm(mcptest.Server{Name: "first", Mark: mark}))
	text := "// my servers\n{\n  \"mcpServers\": {\n    // the first\n    \"first\":   " + first + ", // odd   spacing\n  },\n  \"unknown\": [1,  2],\n}\n"
	h.write(text)
	c := h.initialized("")
	c.List("tools/list")
	added := launchOf("added", mcptest.Server{Name: "added", Mark: mark + "held"})
	delete(added, "protocol") // which is inferred
	r := servers(c, "add", added)
	if r.IsError() || !strings.Contains(r.Text(), "quarantine") {
		t.Fatalf("add: %s %s", r.Result, r.Error)
	}
	data, _ := os.ReadFile(h.config)
	after := string(data)
	for _, kept := range []string{"// my servers", "// the first", `"first":   ` + first, "// odd   spacing", `"unknown": [1,  2]`, `"quarantined": true`} {
		if !strings.Contains(after, kept) {
			t.Errorf("%s is not in the file any more:\n%s", kept, after)
		}
	}
	tells(t, c.Tool("added__echo", nil), `server "added"`, "quarantine", "was not started")
	if s := listed(t, c, "added"); s["state"] != "held_launch" || s["why"] == nil {
		t.Errorf("listed as %v", s)
	}
	for _, operation := range []string{"restart"} {
		tells(t, servers(c, operation, map[string]any{"name": "added"}), `"added"`, "quarantine")
	}
	servers(c, "disable", map[string]any{"name": "added"})
	servers(c, "enable", map[string]any{"name": "added"})
	servers(c, "update", map[string]any{"name": "added", "start": "eager"})
	if state := stateOf(t, c, "added"); state != "held_launch" {
		t.Errorf("it can be talked out of quarantine: %s", state)
	}
	time.Sleep(300 * time.Millisecond)
	if pids := mcptest.ProcessesWithEnv(mark + "held"); pids != nil {
		t.Errorf("it runs: %v", pids)
	}
	answers(t, c, "first")

	// Taking the line out approves nothing: an agent can edit files too.
	h.write(strings.Replace(after, `"quarantined": true`, `"quarantined": false`, 1))
	time.Sleep(500 * time.Millisecond)
	if state := stateOf(t, c, "added"); state != "held_launch" {
		t.Errorf("an edit of the file approved it: %s", state)
	}
	if pids := mcptest.ProcessesWithEnv(mark + "held"); pids != nil {
		t.Errorf("it runs: %v", pids)
	}
}

func TestOwnToolOperations(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark}), "b": calm(mcptest.Server{Name: "b", Mark: mark})}, nil)
	c := h.initialized("")
	c.List("tools/list")
	answers(t, c, "a")
	if s := listed(t, c, "a"); s["state"] != "running" || s["protocol"] != "stdio" || s["tools"].(float64) < 10 || s["since"] == nil {
		t.Errorf("listed as %v", s)
	}

	if names := toolNames(c); !strings.Contains(names, " upstream_servers ") || !strings.Contains(names, " a__echo ") {
		t.Errorf("after a call of an own tool the list is %s", names)
	}

	// What does not concern what is run, reached or offered does not hold it.
	if r := servers(c, "update", map[string]any{"name": "a", "start_wait": "40s"}); r.IsError() || strings.Contains(r.Text(), "quarantine") {
		t.Errorf("update: %s", r.Text())
	}
	pid := pidOf(t, c, "a")

	servers(c, "disable", map[string]any{"name": "a"})
	tells(t, c.Tool("a__echo", nil), `server "a"`, "is disabled")
	if !mcptest.WaitGone(pid, 3*time.Second) {
		t.Error("it runs although it is disabled")
	}
	servers(c, "enable", map[string]any{"name": "a"})
	answers(t, c, "a")

	pid = pidOf(t, c, "a")
	if r := servers(c, "restart", map[string]any{"name": "a"}); r.IsError() {
		t.Errorf("restart: %s", r.Text())
	}
	if next := pidOf(t, c, "a"); next == pid {
		t.Error("it was not restarted")
	}
	c.Tool("a__stderr", map[string]any{"text": "something to read"})
	soon(t, 3*time.Second, "its stderr is in the logs", func() bool {
		return strings.Contains(servers(c, "logs", map[string]any{"name": "a"}).Text(), "something to read")
	})

	// Each option that decides what is run holds.
	for option, value := range map[string]any{"command": "sh", "args": []string{"x"}, "env": map[string]string{"A": "b"}, "working_dir": "/"} {
		both := entries{"a": calm(mcptest.Server{Name: "a", Mark: mark}), "b": calm(mcptest.Server{Name: "b", Mark: mark})}
		h.own(both, nil)
		soon(t, 20*time.Second, "b is free", func() bool {
			held := strings.HasPrefix(stateOf(t, c, "b"), "held")
			if held { // the proxy may see the record while the file still says "quarantined", and record that
				h.own(both, nil)
			}
			return !held
		})
		if r := servers(c, "update", map[string]any{"name": "b", option: value}); r.IsError() || !strings.Contains(r.Text(), "quarantine") {
			t.Errorf("update of %s: %s", option, r.Text())
		}
		if state := stateOf(t, c, "b"); state != "held_launch" {
			t.Errorf("after an update of %s it is %s", option, state)
		}
		tells(t, c.Tool("b__echo", nil), `server "b"`, "quarantine")
	}

	if r := servers(c, "remove", map[string]any{"name": "b"}); r.IsError() || listed(t, c, "b") != nil {
		t.Errorf("remove: %s", r.Text())
	}
	answers(t, c, "a")
}

func TestOwnToolErrors(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}, nil)
	c := h.initialized("")
	c.List("tools/list")
	before, _ := os.ReadFile(h.config)
	for name, tc := range map[string]struct {
		operation string
		params    map[string]any
		want      string
	}{
		"no operation":         {"", nil, "operation"},
		"unknown operation":    {"approve", map[string]any{"name": "a"}, "approve"},
		"no name":              {"add", map[string]any{"command": "x"}, "name"},
		"unknown server":       {"update", map[string]any{"name": "zz", "start": "eager"}, `"zz"`},
		"remove unknown":       {"remove", map[string]any{"name": "zz"}, `"zz"`},
		"logs of unknown":      {"logs", map[string]any{"name": "zz"}, `"zz"`},
		"restart unknown":      {"restart", map[string]any{"name": "zz"}, `"zz"`},
		"enable unknown":       {"enable", map[string]any{"name": "zz"}, `"zz"`},
		"name taken":           {"add", map[string]any{"name": "a", "protocol": "stdio", "command": "x"}, "a"},
		"bad value":            {"update", map[string]any{"name": "a", "start": "sometimes"}, "start"},
		"bad duration":         {"update", map[string]any{"name": "a", "call_timeout": "soon"}, "call_timeout"},
		"bad url":              {"add", map[string]any{"name": "n", "protocol": "http", "url": "http://192.0.2.1/"}, "plain http"},
		"unknown option":       {"add", map[string]any{"name": "n", "protocol": "stdio", "command": "x", "comand": "y"}, "comand"},
		"quarantined":          {"update", map[string]any{"name": "a", "quarantined": false}, "quarantined"},
		"quarantined in add":   {"add", map[string]any{"name": "n", "protocol": "stdio", "command": "x", "quarantined": false}, "quarantined"},
		"trust":                {"update", map[string]any{"name": "a", "trust": true}, "trust"},
		"tool_changes":         {"update", map[string]any{"name": "a", "tool_changes": "auto"}, "tool_changes"},
		"enabled as an option": {"update", map[string]any{"name": "a", "enabled": false}, "enabled"},
	} {
		t.Run(name, func(t *testing.T) { tells(t, servers(c, tc.operation, tc.params), tc.want) })
	}
	if after, _ := os.ReadFile(h.config); string(after) != string(before) {
		t.Errorf("a refused operation changed the file:\n%s", after)
	}
	answers(t, c, "a")
}

// Nothing that the proxy says holds the value of a variable, a header, or a secret argument.
func TestNoSecretIsTold(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	secrets := []string{"hunter2-in-env", "hunter2-in-header", "hunter2-resolved", "hunter2-in-url", "hunter2-added"}
	log := filepath.Join(t.TempDir(), "log")
	srv := mcptest.NewHTTP(t, mcptest.HTTPOptions{Server: mcptest.Server{Name: "web"}, Token: "another"})
	h := newHome(t).set(entries{
		"a": entryOf(mcptest.Server{Name: "a", Mark: mark}, map[string]any{"env": map[string]string{"TOKEN": secrets[0], "RESOLVED": "${env:PLANTED}"}}),
		"dies": entryOf(mcptest.Server{Name: "dies", Mark: mark, Faults: []mcptest.Fault{mcptest.FaultExitAtStart}, ExitCode: 1},
			map[string]any{"env": map[string]string{"TOKEN": secrets[0], "RESOLVED": "${env:PLANTED}"}}),
		"web":   withOptions(remote(srv.URL+"?key="+secrets[3]), map[string]any{"headers": map[string]string{"Authorization": "Bearer " + secrets[1]}}),
		"lacks": entryOf(mcptest.Server{Name: "lacks", Mark: mark}, map[string]any{"env": map[string]string{"TOKEN": secrets[0] + "${env:NOT_SET}"}}),
		"none":  withOptions(calm(mcptest.Server{Name: "none", Mark: mark}), map[string]any{"command": "no-such-thing", "env": map[string]string{"TOKEN": secrets[0]}}),
	}, nil)
	c := h.run("", "", []string{"PLANTED=" + secrets[2]}, "--log-level", "trace", "--log-file", log)
	c.List("tools/list")
	answers(t, c, "a")
	for _, name := range []string{"dies", "web", "lacks", "none"} {
		tells(t, c.Tool(name+"__echo", nil), `server "`+name+`"`)
		servers(c, "logs", map[string]any{"name": name})
		servers(c, "restart", map[string]any{"name": name})
	}
	added := launchOf("added", mcptest.Server{Name: "added", Mark: mark})
	added["env"].(map[string]string)["TOKEN"] = secrets[4]
	servers(c, "add", added)
	servers(c, "update", map[string]any{"name": "added", "env": map[string]string{"TOKEN": secrets[4]}})
	servers(c, "update", map[string]any{"name": "added", "headers": map[string]string{"X": secrets[4] + "\n"}})
	good, _ := os.ReadFile(h.config)
	h.write(string(good[:len(good)-3]))
	c.WaitNotifications("notifications/message", 1, 5*time.Second)
	servers(c, "list", nil)
	c.Close()
	said := map[string]string{"stderr": c.Stderr()}
	for _, m := range c.Received() {
		said["the client"] += string(m.Raw) + "\n"
	}
	data, err := os.ReadFile(log)
	if err != nil || len(data) == 0 {
		t.Fatalf("no log: %v", err)
	}
	said["the log"] = string(data)
	filepath.WalkDir(h.state(), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			data, _ := os.ReadFile(path)
			said["the state"] += string(data)
		}
		return nil
	})
	for where, text := range said {
		for _, secret := range secrets {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s holds %s: …%s…", where, secret, text[max(0, i-200):min(len(text), i+60)])
			}
		}
	}
}

func TestOwnToolIsSmall(t *testing.T) {
	t.Parallel()
	marked(t)
	c := newHome(t).initialized("")
	size := 0
	for _, raw := range c.List("tools/list") {
		size += len(raw)
		if !json.Valid(raw) {
			t.Errorf("no JSON: %s", raw)
		}
	}
	if size == 0 || size > 6<<10 {
		t.Errorf("the own tools take %d bytes", size)
	}
}
