package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// TestCollidingNames: the shortened names of two servers' tools are the same. A call by that name reaches neither, and each has a name of
// its own.
func TestCollidingNames(t *testing.T) {
	t.Parallel()
	const short = "a_b__long_name_long_name_long_name_long_c1a39716"
	tool := func(end string) mcptest.Server { // found by trying some 100,000 names
		return quickly(mcptest.Server{Builtins: []string{"count"}, ExtraTools: []json.RawMessage{mcptest.Tool(strings.Repeat("long_name_", 8)+end, "Gives its arguments back")}})
	}
	h := behind(t, map[string]mcptest.Server{"a b": tool("11330")})
	c := h.initialized("")
	if names := strings.Join(c.Names("tools/list"), " ") + " "; !strings.Contains(names, short+" ") {
		t.Fatalf("alone it is called %s", names)
	}
	c.Close()
	c = behind(t, map[string]mcptest.Server{"a b": tool("11330"), "a_b": tool("19979")}).initialized("")
	reached := map[string]bool{}
	for _, name := range c.Names("tools/list") {
		if strings.HasPrefix(name, "a_b__long_name") {
			got := said(c.Tool(name, map[string]any{}))
			reached[got[:strings.IndexByte(got+" ", ' ')]] = true
			if name == short || len(name) > 48 {
				t.Errorf("listed %s", name)
			}
		}
	}
	if len(reached) != 2 {
		t.Errorf("the two names reach %v", reached)
	}
	if e := c.Tool(short, map[string]any{}).RPCError(); e == nil || e.Code != -32602 {
		t.Errorf("%s: %v", short, e)
	}
}
