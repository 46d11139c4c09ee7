package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

func TestFirstListIsWhole(t *testing.T) {
	mcptest.CheckProcesses(t, "")
	h := newHome(t).configure(map[string]json.RawMessage{
		"a": server(mcptest.Server{Name: "a"}), "b": server(mcptest.Server{Name: "b"})})
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
