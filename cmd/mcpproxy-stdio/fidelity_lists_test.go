package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// TestPages: lists of several servers that page one by one come together whole, in config order, each item's bytes but for
// its name as its server wrote them.
func TestPages(t *testing.T) {
	t.Parallel()
	servers := map[string]mcptest.Server{
		"a": quickly(mcptest.Server{PageSize: 1, Tools: 7}), "b": quickly(mcptest.Server{PageSize: 3}), "c": quickly(mcptest.Server{}),
	}
	c := behind(t, servers).initialized("")
	for method, id := range map[string]string{"tools/list": "name", "prompts/list": "name", "resources/list": "uri", "resources/templates/list": "uriTemplate"} {
		var want, got []string
		for _, name := range []string{"a", "b", "c"} {
			opts := servers[name]
			opts.Name = name
			direct := mcptest.Pipe(t, opts)
			direct.Initialize("", "")
			for _, item := range direct.List(method) {
				item := string(item)
				switch {
				case id == "name":
					item = strings.Replace(item, `"name":"`, `"name":"`+name+`__`, 1)
				case name != "a": // all three list the same URIs
					item = strings.Replace(item, `test://`, `mcpproxy://`+name+`/test://`, 1)
				}
				want = append(want, item)
			}
		}
		for _, item := range c.List(method) {
			if !ownTool(string(item)) {
				got = append(got, string(item))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\nwant %q\n got %q", method, want, got)
		}
	}
}

// ownTool tells whether a definition is one of the proxy's own tools.
func ownTool(definition string) bool {
	return slices.ContainsFunc(catalog.OwnTools, func(name string) bool { return strings.Contains(definition, `"name":"`+name+`"`) })
}

// TestFirstListAtOnce: the first list is whole, and the first call finds its tool, even if they come in one piece with the
// handshake. Several clients never read a list again.
func TestFirstListAtOnce(t *testing.T) {
	t.Parallel()
	const initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	for range 5 {
		h := behind(t, map[string]mcptest.Server{"s": quickly(mcptest.Server{})})
		list := h.rawUntil(rawInitialize("2025-11-25")+"\n"+initialized+"\n"+`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`+"\n", 2)
		if len(list) != 2 || !strings.Contains(list[1], `"name":"s__echo"`) {
			t.Errorf("%.300q", list)
		}
		h = behind(t, map[string]mcptest.Server{"s": quickly(mcptest.Server{})})
		call := h.rawUntil(rawInitialize("2025-11-25")+"\n"+initialized+"\n"+echoLine("1", "first")+"\n", 2)
		if len(call) != 2 || call[1] != `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"Echo: first"}]}}` {
			t.Errorf("%.300q", call)
		}
	}
}

// TestCursors that are not the proxy's are refused; the empty one is the start.
func TestCursors(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{})
	for _, method := range []string{"tools/list", "prompts/list", "resources/list", "resources/templates/list"} {
		for _, cursor := range []string{"garbage", "e0:1:1", "dG9vbHM6LTE", "dG9vbHM6eA", "cHJvbXB0cw", "!!", " "} {
			if e := c.Call(method, map[string]any{"cursor": cursor}).RPCError(); e == nil || e.Code != -32602 {
				t.Errorf("%s with cursor %q: %v", method, cursor, e)
			}
		}
		if r, start := c.Call(method, map[string]any{"cursor": ""}), c.Call(method, nil); string(r.Result) != string(start.Result) || r.Error != nil {
			t.Errorf("%s with an empty cursor: %s", method, r.Raw)
		}
	}
}

// TestManyTools: ten thousand tools arrive, and a list too large for one message comes in pages.
func TestManyTools(t *testing.T) {
	t.Parallel()
	sizes := []int{10_000, 30_000}
	if endSlack > 0 { // the race detector takes a minute for the second, and finds nothing there that it does not find in the first
		sizes = sizes[:1]
	}
	for _, n := range sizes {
		many := quickly(mcptest.Server{Name: "s", Tools: n, Builtins: []string{"echo"}, PageSize: 5000})
		c := newHome(t).set(entries{"s": server(many)}, map[string]any{"first_list_wait": "120s"}).initialized("")
		c.Timeout = 2 * time.Minute
		names := c.Names("tools/list")
		own := len(catalog.OwnTools) + 1 // and echo
		if len(names) != n+own || names[own] != "s__tool_00001" || names[n+own-1] != fmt.Sprintf("s__tool_%05d", n) {
			t.Errorf("%d tools, the last one %s", len(names), names[len(names)-1])
		}
		slices.Sort(names)
		if unique := len(slices.Compact(names)); unique != n+own {
			t.Errorf("%d of %d names are unique", unique, n+own)
		}
		if got := said(c.Tool(fmt.Sprintf("s__tool_%05d", n), map[string]any{"query": "q"})); !strings.HasPrefix(got, fmt.Sprintf("tool_%05d ", n)) {
			t.Error(got)
		}
		c.Close()
	}
}

// TestNames: what clients and models do not take in a name is replaced, what collides or is too long gets a hash, and the
// names are the same after a restart: these here are golden.
func TestNames(t *testing.T) {
	t.Parallel()
	tool := func(name string) json.RawMessage { return mcptest.Tool(name, "for "+name) }
	long := strings.Repeat("long_name_", 12)
	h := behind(t, map[string]mcptest.Server{
		"a":           quickly(mcptest.Server{Builtins: []string{}, ExtraTools: []json.RawMessage{tool("b__c"), tool("x__y"), tool("größe"), tool("a.b"), tool("a:b"), tool("plain")}}),
		"a__b":        quickly(mcptest.Server{Builtins: []string{}, ExtraTools: []json.RawMessage{tool("c"), tool("日本語"), tool("Case"), tool("case")}}),
		"long-server": quickly(mcptest.Server{Builtins: []string{}, ExtraTools: []json.RawMessage{tool(long + "1"), tool(long + "2"), tool(strings.Repeat("x", 35)), tool(strings.Repeat("x", 36))}}),
	})
	want := map[string]string{ // by what stands in the description
		"b__c": "a__b__c_01b8a75b", "x__y": "a__x__y", "größe": "a__gr__e", "a.b": "a__a_b_78d25457", "a:b": "a__a_b_f951cb5a", "plain": "a__plain",
		"c": "a__b__c_a92700ce", "日本語": "a__b_____", "Case": "a__b__Case", "case": "a__b__case",
		long + "1": "long-server__long_name_long_name_long_n_8d9ea77e", long + "2": "long-server__long_name_long_name_long_n_55463079",
		strings.Repeat("x", 35): "long-server__" + strings.Repeat("x", 35), strings.Repeat("x", 36): "long-server__" + strings.Repeat("x", 26) + "_359f3df0",
	}
	fits := regexp.MustCompile(`^[A-Za-z0-9_-]{1,48}$`)
	for start := range 2 {
		c := h.initialized("")
		seen := map[string]bool{"upstream_servers": true}
		for _, item := range c.List("tools/list") {
			var def struct{ Name, Description string }
			if err := json.Unmarshal(item, &def); err != nil {
				t.Fatal(err)
			}
			original, ours := strings.CutPrefix(def.Description, "for ")
			if !ours {
				continue
			}
			if !fits.MatchString(def.Name) || seen[def.Name] {
				t.Errorf("%s is called %s", original, def.Name)
			}
			seen[def.Name] = true
			if want[original] != def.Name {
				t.Errorf("start %d: %s is called %s, not %s", start, original, def.Name, want[original])
			}
			if got := said(c.Tool(def.Name, map[string]any{"k": 1})); got != original+` {"k":1}` {
				t.Errorf("%s reaches %s", def.Name, got)
			}
		}
		if len(seen) != len(want)+1 {
			t.Errorf("%d names", len(seen))
		}
		c.Close()
	}
}

// TestListChanged: a tool that comes or goes is announced and in the list; a storm is one or two announcements, and none
// if nothing is different.
func TestListChanged(t *testing.T) {
	t.Parallel()
	const changed = "notifications/tools/list_changed"
	storm := server(mcptest.Server{Name: "s", Faults: []mcptest.Fault{mcptest.FaultListStorm}, StormCount: 1000})
	h := newHome(t).configure(entries{"s": withOptions(storm, map[string]any{"tool_changes": "auto"})})
	c := h.initialized("")
	c.List("tools/list")
	c.Tool("s__echo", map[string]any{"message": "start"}) // the storm
	c.Tool("s__notify", map[string]any{"method": changed, "count": 500})
	c.Tool("s__sleep", map[string]any{"ms": 500})
	if n := len(c.Notifications(changed)); n != 0 {
		t.Errorf("%d announcements of nothing", n)
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { c.Tool("s__add_tool", map[string]any{"name": fmt.Sprint("new_", i)}) })
	}
	all.Wait()
	c.WaitNotifications(changed, 1, 10*time.Second)
	comesTrue(t, "all new tools are listed", func() bool {
		return strings.Count(strings.Join(c.Names("tools/list"), " "), "s__new_") == 20
	})
	c.Tool("s__sleep", map[string]any{"ms": 500})
	n := len(c.Notifications(changed))
	if n > 3 { // the twenty calls may fall into two readings of the list
		t.Errorf("%d announcements", n)
	}
	if got := said(c.Tool("s__new_7", map[string]any{"k": 1})); got != `new_7 {"k":1}` {
		t.Error(got)
	}
	c.Tool("s__drop_tool", map[string]any{"name": "new_7"})
	c.WaitNotifications(changed, n+1, 10*time.Second)
	if slices.Contains(c.Names("tools/list"), "s__new_7") {
		t.Error("a dropped tool is still listed")
	}
}

// comesTrue fails the test if a condition does not come true within ten seconds.
func comesTrue(t *testing.T, what string, f func() bool) {
	t.Helper()
	if soon(t, 10*time.Second, what, f); t.Failed() {
		t.FailNow()
	}
}
