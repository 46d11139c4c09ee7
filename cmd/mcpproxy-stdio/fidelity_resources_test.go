package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// last is the last message of a method that a scripted server received.
func last(c *mcptest.Client, server, method string) string {
	return said(c.Tool(server+"__last", map[string]any{"method": method}))
}

// readText is the text of a resource, or its error.
func readText(c *mcptest.Client, uri string) string {
	r := c.Call("resources/read", map[string]any{"uri": uri})
	var result struct {
		Contents []struct{ URI, Text string }
	}
	if json.Unmarshal(r.Result, &result) != nil || len(result.Contents) != 1 {
		return string(r.Raw)
	}
	return result.Contents[0].Text
}

// updates waits for resources/updated and gives the URIs told of.
func updates(c *mcptest.Client, n int) []string {
	var uris []string
	for _, m := range c.WaitNotifications("notifications/resources/updated", n, 10*time.Second) {
		var p struct{ URI string }
		json.Unmarshal(m.Params, &p)
		uris = append(uris, p.URI)
	}
	return uris
}

// TestSameURI: two servers list the same URIs. The first keeps its own; the other's are told apart, and reading,
// subscribing and updates work under the names that the client knows.
func TestSameURI(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"a": quickly(mcptest.Server{}), "b": quickly(mcptest.Server{ResourceURIs: []string{"test://only/b?x=%20&y=ä"}})}).initialized("")
	const plain, wrapped = "test://static/1", "mcpproxy://b/test://static/1"
	listed := strings.Join(c.Names("resources/list"), " ")
	for _, uri := range []string{plain + " ", wrapped, "test://only/b?x=%20&y=ä"} {
		if !strings.Contains(listed+" ", uri) {
			t.Errorf("%s is not listed in %s", uri, listed)
		}
	}
	read := func(uri, server, arrives string) {
		t.Helper()
		if got := readText(c, uri); got != "Content of "+arrives {
			t.Errorf("%s: %s", uri, got)
		}
		if got := last(c, server, "resources/read"); !strings.Contains(got, `"uri":"`+arrives+`"`) {
			t.Errorf("%s reached %s as %s", uri, server, got)
		}
	}
	read(plain, "a", plain)
	read(wrapped, "b", plain)
	read("test://only/b?x=%20&y=ä", "b", "test://only/b?x=%20&y=ä")
	read("test://item/5", "a", "test://item/5")
	read("mcpproxy://b/test://item/5", "b", "test://item/5")

	for _, uri := range []string{wrapped, "mcpproxy://b/test://item/7", "test://item/7"} {
		if r := c.Call("resources/subscribe", map[string]any{"uri": uri}); string(r.Result) != "{}" {
			t.Errorf("subscribe to %s: %s", uri, r.Raw)
		}
	}
	for i, touch := range []struct{ server, uri, told string }{
		{"b", plain, wrapped}, {"b", "test://item/7", "mcpproxy://b/test://item/7"}, {"a", "test://item/7", "test://item/7"},
	} {
		if got := said(c.Tool(touch.server+"__touch", map[string]any{"uri": touch.uri})); got != "told 1" {
			t.Errorf("%s at %s: %s", touch.uri, touch.server, got)
		}
		if got := updates(c, i+1); len(got) != i+1 || got[i] != touch.told {
			t.Errorf("%s at %s came as %q", touch.uri, touch.server, got)
		}
	}
	if got := said(c.Tool("a__touch", map[string]any{"uri": plain})); got != "told 0" {
		t.Errorf("a was subscribed to: %s", got)
	}
	c.Call("resources/unsubscribe", map[string]any{"uri": wrapped})
	if got := said(c.Tool("b__subscriptions", nil)); got != `["test://item/7"]` {
		t.Errorf("left after unsubscribe: %s", got)
	}
}

// TestUnlistedURI goes to the owner of a matching template. What nobody showed is asked of nobody.
func TestUnlistedURI(t *testing.T) {
	t.Parallel()
	h := behind(t, map[string]mcptest.Server{
		"a": quickly(mcptest.Server{URIBase: "aaa://"}),
		"b": quickly(mcptest.Server{URIBase: "bbb://"}),
		"c": quickly(mcptest.Server{URIBase: "ccc://"}),
	})
	c := h.initialized("")
	c.List("resources/list")
	if got := readText(c, "ccc://item/9"); got != "Content of ccc://item/9" { // c was not running
		t.Error(got)
	}
	if got := said(c.Tool("a__count", nil)); strings.Contains(got, "resources/read") {
		t.Errorf("a was asked for what c has: %s", got)
	}
	for _, method := range []string{"resources/read", "resources/subscribe", "resources/unsubscribe"} {
		e := c.Call(method, map[string]any{"uri": "nobody://x"}).RPCError()
		if e == nil || e.Code != -32002 || string(e.Data) != `{"uri":"nobody://x"}` || !strings.Contains(e.Message, "mcpproxy://SERVER/nobody://x") {
			t.Errorf("%s: %+v", method, e)
		}
	}
	if got := readText(c, "mcpproxy://c/nobody://x"); !strings.Contains(got, "-32002") { // c says so itself
		t.Error(got)
	}
	for _, server := range []string{"a", "b"} {
		if got := said(c.Tool(server+"__count", nil)); strings.Contains(got, "resources/") && strings.Contains(got, "read") {
			t.Errorf("%s was asked: %s", server, got)
		}
	}
	c.Close()

	c = h.initialized("") // nothing runs: the proxy knows of nobody
	if e := c.Call("resources/read", map[string]any{"uri": "nobody://x"}).RPCError(); e == nil || e.Code != -32002 || string(e.Data) != `{"uri":"nobody://x"}` {
		t.Errorf("%+v", e)
	}
	if e := c.Call("resources/read", nil).RPCError(); e == nil || e.Code != -32602 {
		t.Errorf("no uri: %+v", e)
	}
	if kids := mcptest.Descendants(c.Pid()); len(kids) != 0 {
		t.Errorf("%d processes were started for nothing", len(kids))
	}
}

// TestResourcesOfARunningServer are read anew: the list is data, not a definition.
func TestResourcesChanged(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"s": {}}).initialized("")
	c.List("resources/list")
	c.Tool("s__echo", map[string]any{"message": "start"})
	c.Tool("s__notify", map[string]any{"method": "notifications/resources/list_changed", "count": 200})
	c.WaitNotifications("notifications/resources/list_changed", 1, 10*time.Second)
	c.Tool("s__sleep", map[string]any{"ms": 300})
	if n := len(c.Notifications("notifications/resources/list_changed")); n > 2 {
		t.Errorf("%d announcements for one storm", n)
	}
}
