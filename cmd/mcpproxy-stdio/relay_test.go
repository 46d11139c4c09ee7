package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

func TestFirstListIsWhole(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).configure(map[string]json.RawMessage{
		"a": server(mcptest.Server{Name: "a", Mark: mark}), "b": server(mcptest.Server{Name: "b", Mark: mark})})
	c := h.initialized("")
	names := strings.Join(c.Names("tools/list"), " ")
	for _, want := range []string{"upstream_servers", "a__echo", "b__echo"} {
		if !strings.Contains(names, want) {
			t.Errorf("%s is not in the first list: %s", want, names)
		}
	}
	r := c.Tool("a__echo", map[string]any{"message": "hello"})
	if !strings.Contains(string(r.Result), "Echo: hello") {
		t.Errorf("got %s %s", r.Result, r.Error)
	}
	c.Close()

	// A second start answers from what was recorded, with no server running.
	c = h.initialized("")
	if again := strings.Join(c.Names("tools/list"), " "); again != names {
		t.Errorf("the second list differs:\n%s\n%s", names, again)
	}
	if kids := mcptest.Descendants(c.Pid()); len(kids) > 0 {
		t.Errorf("%d processes run although nothing was called", len(kids))
	}
}

func TestOldDefinitionsAreReadAgain(t *testing.T) {
	t.Parallel()
	h := newHome(t).configure(map[string]json.RawMessage{"a": server(mcptest.Server{TextVersion: 11})})
	c := h.initialized("")
	if list := c.Call("tools/list", nil); !strings.Contains(string(list.Result), "(text 11)") {
		t.Fatalf("the first list: %.300s", list.Result)
	}
	c.Close()
	h.configure(map[string]json.RawMessage{"a": server(mcptest.Server{TextVersion: 22})})

	// Recorded lately: nothing is started for a list.
	c = h.initialized("")
	if list := c.Call("tools/list", nil); !strings.Contains(string(list.Result), "(text 11)") {
		t.Errorf("a recorded list was not used: %.300s", list.Result)
	}
	c.Close()

	s := h.entry("", "a")
	if _, err := h.book().Update(s.Path, s.Name, func(r *quarantine.Record) error {
		r.Taken = time.Now().Add(-8 * 24 * time.Hour)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c = h.initialized("")
	if list := c.Call("tools/list", nil); !strings.Contains(string(list.Result), "(text 11)") {
		t.Errorf("the list waited for a server that is known: %.300s", list.Result)
	}
	soon(t, 10*time.Second, "it is read again after a week", func() bool { return len(h.record("", "a").Waiting) != 0 })
	if list := c.Call("tools/list", nil); !strings.Contains(string(list.Result), "(text 11)") {
		t.Errorf("a changed text was taken over by itself: %.300s", list.Result)
	}
}

func TestACallHearsThatItsServerStarts(t *testing.T) {
	t.Parallel()
	h := newHome(t).configure(map[string]json.RawMessage{"a": server(mcptest.Server{})})
	h.initialized("").List("tools/list")
	h.configure(map[string]json.RawMessage{"a": server(mcptest.Server{InitDelay: 3 * time.Second})})
	c := h.initialized("")
	r := c.Call("tools/call", map[string]any{"name": "a__progress", "arguments": map[string]any{"steps": 2}, "_meta": map[string]any{"progressToken": "t"}})
	if r.IsError() {
		t.Fatalf("%s %s", r.Result, r.Error)
	}
	last := -1.0
	for i, n := range c.WaitNotifications("notifications/progress", 3, 5*time.Second) {
		var p struct {
			Token    string  `json:"progressToken"`
			Progress float64 `json:"progress"`
			Message  string  `json:"message"`
		}
		if err := json.Unmarshal(n.Params, &p); err != nil || p.Token != "t" || p.Progress <= last {
			t.Errorf("progress %d: %s after %g, %v", i, n.Params, last, err)
		}
		if i == 0 && !strings.Contains(p.Message, `"a" is starting`) {
			t.Errorf("the first word: %s", n.Params)
		}
		last = p.Progress
	}
}
