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

const listChanged = "notifications/tools/list_changed"

// told waits for one more list_changed than there were.
func told(t *testing.T, c *mcptest.Client, change func()) {
	t.Helper()
	before := len(c.Notifications(listChanged))
	change()
	c.WaitNotifications(listChanged, before+1, 10*time.Second)
}

func TestConfigChangesTakeEffectAtOnce(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	a := calm(mcptest.Server{Name: "a", Mark: mark})
	b := func(more map[string]any) json.RawMessage { return entryOf(mcptest.Server{Name: "b", Mark: mark}, more) }
	h := newHome(t).set(entries{"a": a}, nil)
	c := h.initialized("")
	c.List("tools/list")
	pidA := pidOf(t, c, "a")
	same := func() {
		t.Helper()
		if pidOf(t, c, "a") != pidA {
			t.Fatal("the server that was not touched was restarted")
		}
	}

	// A new server, and one taken away again.
	told(t, c, func() { h.own(entries{"a": a, "b": b(nil)}, nil) })
	soon(t, 5*time.Second, "b is listed", func() bool { return strings.Contains(toolNames(c), " b__echo ") })
	pidB := pidOf(t, c, "b")
	same()

	// A changed one is started anew, with what was changed.
	h.own(entries{"a": a, "b": b(map[string]any{"env": map[string]string{"ADDED": "yes"}})}, nil)
	soon(t, 5*time.Second, "the old b is gone", func() bool { return !mcptest.Alive(pidB) })
	soon(t, 5*time.Second, "b is listed again", func() bool { return strings.Contains(toolNames(c), " b__echo ") })
	if env := c.Tool("b__env", nil).Text(); !strings.Contains(env, `"ADDED":"yes"`) {
		t.Errorf("the change is not in the new b: %s", env)
	}
	pidB = pidOf(t, c, "b")
	same()

	// Which tools are shown is no matter of the running server.
	tools := map[string]any{"env": map[string]string{"ADDED": "yes"}, "enabled_tools": []string{"ec*", "pid"}}
	told(t, c, func() { h.own(entries{"a": a, "b": b(tools)}, nil) })
	lists := func(what, with, without string) { // the record is taken in before the file, and both are told
		t.Helper()
		soon(t, 5*time.Second, what, func() bool {
			names := toolNames(c)
			return strings.Contains(names, with) && !strings.Contains(names, without)
		})
	}
	lists("enabled_tools", " b__echo ", " b__env ")
	if r := c.Tool("b__env", nil); r.Error == nil {
		t.Errorf("a tool that is not enabled was called: %s", r.Result)
	}
	tools["enabled_tools"], tools["disabled_tools"] = nil, []string{"echo"}
	told(t, c, func() { h.own(entries{"a": a, "b": b(tools)}, nil) })
	lists("disabled_tools", " b__env ", " b__echo ")
	if pidOf(t, c, "b") != pidB {
		t.Error("b was restarted for a change of its tools")
	}

	// Disabled, enabled, removed.
	told(t, c, func() { h.own(entries{"a": a, "b": b(map[string]any{"enabled": false})}, nil) })
	if !mcptest.WaitGone(pidB, 5*time.Second) {
		t.Error("b runs on although it is disabled")
	}
	soon(t, 5*time.Second, "its error says so", func() bool { return strings.Contains(c.Tool("b__echo", nil).Text(), "is disabled") })
	if state := stateOf(t, c, "b"); state != "disabled" {
		t.Errorf("b is listed as %s", state)
	}
	told(t, c, func() { h.own(entries{"a": a, "b": b(nil)}, nil) })
	soon(t, 5*time.Second, "b is listed", func() bool { return strings.Contains(toolNames(c), " b__echo ") })
	answers(t, c, "b")
	told(t, c, func() { h.own(entries{"a": a}, nil) })
	if names := toolNames(c); strings.Contains(names, "b__") || listed(t, c, "b") != nil {
		t.Errorf("b is there although it was removed: %s", names)
	}
	same()
}

func TestCallsInFlightSurviveAChangeElsewhere(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	a, b := calm(mcptest.Server{Name: "a", Mark: mark}), calm(mcptest.Server{Name: "b", Mark: mark})
	h := newHome(t).set(entries{"a": a, "b": b}, nil).learned()
	c := h.initialized("")
	answers(t, c, "a")
	answers(t, c, "b")
	keeps, loses := make(chan mcptest.Response, 1), make(chan mcptest.Response, 1)
	go func() { keeps <- c.Tool("a__sleep", map[string]any{"ms": 800}) }()
	go func() { loses <- c.Tool("b__never", nil) }()
	time.Sleep(100 * time.Millisecond)
	h.own(entries{"a": a}, nil)
	tells(t, <-loses, `server "b"`, "was stopped")
	if r := <-keeps; r.Text() != "slept 800 ms" {
		t.Errorf("got %s %s", r.Result, r.Error)
	}
}

func TestBrokenEdit(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	a := calm(mcptest.Server{Name: "a", Mark: mark})
	h := newHome(t).set(entries{"a": a}, nil)
	c := h.initialized("")
	c.List("tools/list")
	pid := pidOf(t, c, "a")
	good, _ := os.ReadFile(h.config)
	for _, text := range []string{`{"mcpServers": {`, "", string(good[:len(good)/2]), `[1,2]`, "\x00\x01"} {
		before := len(c.Notifications("notifications/message"))
		h.write(text)
		m := c.WaitNotifications("notifications/message", before+1, 5*time.Second)
		if len(m) > before && !strings.Contains(string(m[before].Params), "last good configuration is in force") {
			t.Errorf("%q: the client was told %s", text, m[before].Params)
		}
		if r := c.Tool("upstream_servers", map[string]any{"operation": "list"}).Text(); !strings.Contains(r, "last good configuration is in force") {
			t.Errorf("%q: upstream_servers says %s", text, r)
		}
		if pidOf(t, c, "a") != pid {
			t.Fatalf("%q: the server was restarted", text)
		}
	}
	told(t, c, func() {
		h.own(entries{"a": a, "b": calm(mcptest.Server{Name: "b", Mark: mark})}, nil)
	})
	soon(t, 5*time.Second, "b is listed", func() bool { return strings.Contains(toolNames(c), " b__echo ") })
	if pidOf(t, c, "a") != pid {
		t.Error("the server was restarted")
	}
	if r := c.Tool("upstream_servers", map[string]any{"operation": "list"}).Text(); strings.Contains(r, "can't be read") {
		t.Errorf("the problem is still told: %s", r)
	}
}

func TestConfigAppearsLater(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t)
	h.config = filepath.Join(h.dir, "not", "there", "yet", "config.json")
	c := h.initialized("")
	if names := toolNames(c); strings.Contains(names, "__") {
		t.Errorf("without a file the list is %s", names)
	}
	told(t, c, func() {
		if err := os.MkdirAll(filepath.Dir(h.config), 0o700); err != nil {
			t.Fatal(err)
		}
		h.own(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}, nil)
	})
	soon(t, 5*time.Second, "a is listed", func() bool { return strings.Contains(toolNames(c), " a__echo ") })
	answers(t, c, "a")
	told(t, c, func() { os.Remove(h.config) })
	if names := toolNames(c); strings.Contains(names, "a__") {
		t.Errorf("the file is gone and the list is %s", names)
	}
}

func TestConfigThroughALink(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t)
	link := h.config
	h.config = filepath.Join(t.TempDir(), "dotfiles.json")
	h.set(entries{}, nil)
	if err := os.Symlink(h.config, link); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	real := h.config
	h.config = link
	c := h.initialized("")
	c.List("tools/list")
	a := entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}
	text, _ := json.Marshal(map[string]any{"mcpServers": a})
	h.trust(text) // under the name by which it is known
	h.config = real
	told(t, c, func() { h.set(a, nil) })
	soon(t, 5*time.Second, "a is listed", func() bool { return strings.Contains(toolNames(c), " a__echo ") })
}

// A subscription goes on when the server's entry is changed: it is started again without being called.
func TestSubscriptionSurvivesAChange(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	a := func(more map[string]any) json.RawMessage {
		return entryOf(mcptest.Server{Name: "a", Mark: mark}, more)
	}
	h := newHome(t).set(entries{"a": a(nil)}, nil).learned()
	c := h.initialized("")
	uri := uriOf(t, c, "a")
	c.Call("resources/subscribe", map[string]any{"uri": uri})
	h.own(entries{"a": a(map[string]any{"idle_timeout": "300ms"})}, nil)
	time.Sleep(1500 * time.Millisecond)
	if state := stateOf(t, c, "a"); state != "running" {
		t.Errorf("it is %s although a subscription is held", state)
	}
	c.Tool("a__touch", map[string]any{"uri": uri})
	c.WaitNotifications("notifications/resources/updated", 1, 5*time.Second)
}
