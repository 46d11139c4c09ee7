package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// show has a server's tool answer with a result.
func show(c *mcptest.Client, server, result string) {
	c.Tool(server+"__raw", map[string]any{"line": result})
}

// wasAsked tells whether a server was asked for a resource, or about one, at any time.
func wasAsked(c *mcptest.Client, server, uri string) bool {
	for _, method := range []string{"resources/read", "resources/subscribe", "resources/unsubscribe", "completion/complete"} {
		if strings.Contains(last(c, server, method), `"uri":`+jsonText(uri)) {
			return true
		}
	}
	return false
}

// TestShownURIs: a server is asked for the URIs that it showed, in whatever way, and the first that showed one keeps it.
func TestShownURIs(t *testing.T) {
	t.Parallel()
	shown := "bob://linked bob://embedded/x bob://prompted bob://contents bob://updated bob://escaped bob://spaced"
	c := behind(t, map[string]mcptest.Server{
		"alice": quickly(mcptest.Server{URIBase: "alice://"}),
		"bob":   quickly(mcptest.Server{URIBase: "bob-base://", Rug: &mcptest.Rug{After: 1, Resources: strings.Fields(shown)}}),
	}).initialized("")
	c.List("resources/list")
	for _, server := range []string{"alice", "bob"} { // both run; what bob knows since is in no list that the client read
		c.Tool(server+"__echo", map[string]any{"message": "start"})
	}
	for _, uri := range strings.Fields(shown) {
		if e := c.Call("resources/read", map[string]any{"uri": uri}).RPCError(); uri != "bob://updated" && e != nil && e.Code != -32002 {
			t.Errorf("%s: %v", uri, e)
		}
	}
	show(c, "bob", `{"content":[{"type":"resource_link","uri":"bob://linked","name":"n"},{"type":"resource","resource":{"uri":"bob://embedded/x","text":"t"}}],"structuredContent":{"uri" : "bob://spaced"}}`)
	show(c, "bob", `{"content":[{"uri":"bob:\/\/escaped","type":"resource_link","name":"\"uri\":\"alice://static/1\""}]}`)
	show(c, "bob", `{"messages":[{"role":"user","content":{"type":"resource_link","name":"n","uri":"bob://prompted"}}],"contents":[{"uri":"bob://contents","text":"t"}]}`)
	c.Tool("bob__notify", map[string]any{"method": "notifications/resources/updated", "params": map[string]any{"uri": "bob://updated"}})
	// Alice shows all of it too, later, in her words and in other spellings.
	for _, uri := range strings.Fields(shown) {
		show(c, "alice", `{"content":[{"type":"resource_link","name":"n","uri":`+jsonText(strings.ToUpper(uri[:3])+uri[3:])+`},{"type":"resource_link","name":"n","uri":`+jsonText(uri)+`}]}`)
		for _, spelt := range []string{uri, "BOB" + uri[3:]} {
			if got := readText(c, spelt); spelt == uri && got != "Content of "+uri {
				t.Errorf("%s: %s", spelt, got)
			}
			if wasAsked(c, "alice", spelt) || !wasAsked(c, "bob", spelt) {
				t.Errorf("%s was asked of another, or in other bytes", spelt)
			}
		}
	}
	if got := readText(c, "alice://static/1"); got != "Content of alice://static/1" {
		t.Errorf("bob took it with a word in a string: %s", got)
	}
	// A link at the end of a long result is known as soon as the client has read it.
	for i := range 5 {
		uri := fmt.Sprint("bob://item", i)
		show(c, "bob", `{"content":[{"type":"text","text":"`+mcptest.Text(3<<20)+`"},{"type":"resource_link","name":"n","uri":"`+uri+`"}]}`)
		if readText(c, uri); !wasAsked(c, "bob", uri) {
			t.Errorf("bob was not asked for %s", uri)
		}
	}
	// Named, each is asked for what it may have itself.
	readText(c, "mcpproxy://alice/bob://linked")
	if !wasAsked(c, "alice", "bob://linked") {
		t.Error("alice was not asked where she was named")
	}
}

// TestLaterListing: who lists a URI later does not get what is asked of the first, though it stands earlier in the file; nor with
// what a template of another describes; nor one that names another server.
func TestLaterListing(t *testing.T) {
	t.Parallel()
	theirs := []string{"bob://static/1", "BOB://static/%31", "bob://static/x/../2", "bob://item/5", "mcpproxy://bob/bob://static/1", "MCPPROXY://bob/x"}
	c := behind(t, map[string]mcptest.Server{
		"alice": quickly(mcptest.Server{URIBase: "alice://", Rug: &mcptest.Rug{After: 1, Resources: theirs}}),
		"bob":   quickly(mcptest.Server{URIBase: "bob://"}),
	}).initialized("")
	c.List("resources/list")
	c.Tool("alice__echo", map[string]any{"message": "now"})
	var listed []string
	comesTrue(t, "alice lists more", func() bool {
		listed = c.Names("resources/list")
		return len(listed) > 6
	})
	if want := []string{"mcpproxy://alice/bob://static/1", "mcpproxy://alice/BOB://static/%31", "mcpproxy://alice/bob://static/x/../2", "mcpproxy://alice/bob://item/5"}; !slices.Equal(listed[3:7], want) {
		t.Errorf("listed %q", listed)
	}
	if slices.ContainsFunc(listed, func(uri string) bool { return strings.HasPrefix(strings.ToLower(uri), "mcpproxy://bob") }) {
		t.Errorf("listed %q", listed)
	}
	for uri, arrives := range map[string]string{"bob://static/1": "", "BOB://static/%31": "", "bob://static/2": "", "bob://item/5": "", "mcpproxy://bob/bob://static/1": "bob://static/1",
		"bob://item/x/%2e./5": "", "mcpproxy://bob/x": "x"} {
		if arrives == "" {
			arrives = uri
		}
		readText(c, uri)
		if wasAsked(c, "alice", arrives) || !wasAsked(c, "bob", arrives) {
			t.Errorf("%s did not reach bob, or in other bytes", uri)
		}
	}
	c.Call("resources/subscribe", map[string]any{"uri": "bob://static/1"})
	c.Call("completion/complete", json.RawMessage(`{"ref":{"type":"ref/resource","uri":"bob://item/9"},"argument":{"name":"id","value":"v"}}`))
	if got := said(c.Tool("alice__count", nil)); strings.Contains(got, `resources/read`) || strings.Contains(got, "subscribe") || strings.Contains(got, "complet") {
		t.Errorf("alice was asked: %s", got)
	}
}

// TestUpdatesOfAnother: what a server tells of another's URI is told as its own one of that name, and of a reserved one not at all.
func TestUpdatesOfAnother(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"alice": quickly(mcptest.Server{URIBase: "alice://"}), "bob": quickly(mcptest.Server{URIBase: "bob://"})}).initialized("")
	c.List("resources/list")
	c.Call("resources/subscribe", map[string]any{"uri": "bob://static/1"})
	tell := func(server, params string) {
		c.Tool(server+"__notify", map[string]any{"method": "notifications/resources/updated", "params": json.RawMessage(params)})
	}
	tell("alice", `{"uri":"mcpproxy://bob/bob://static/1"}`)
	tell("alice", `{"uri":"mcpproxy://alice/x"}`)
	tell("alice", `{"Uri":"bob://static/1"}`)
	tell("alice", `{"uri":"alice://static/1","uri":"bob://static/1"}`)
	tell("alice", `{}`)
	tell("alice", `{"uri":"bob://static/1"}`)
	tell("alice", `{"uri":"BOB://static/2"}`)
	tell("alice", `{"uri":"alice://static/1"}`)
	tell("bob", `{"uri":"bob://static/1","x":1.0}`)
	c.WaitNotifications("notifications/resources/updated", 4, 10*time.Second)
	var got []string
	for _, m := range c.Notifications("notifications/resources/updated") {
		got = append(got, string(m.Params))
	}
	if want := []string{`{"uri":"mcpproxy://alice/bob://static/1"}`, `{"uri":"mcpproxy://alice/BOB://static/2"}`, `{"uri":"alice://static/1"}`, `{"uri":"bob://static/1","x":1.0}`}; !slices.Equal(got, want) {
		t.Errorf("told %q", got)
	}
}

// TestHeldServersAreNotAsked: neither for what they showed before, nor by their name.
func TestHeldServersAreNotAsked(t *testing.T) {
	t.Parallel()
	log := t.TempDir() + "/calls"
	h := behind(t, map[string]mcptest.Server{"alice": quickly(mcptest.Server{URIBase: "alice://"})})
	h.initialized("").List("resources/list") // the first run
	entries := map[string]json.RawMessage{"alice": server(quickly(mcptest.Server{Name: "alice", URIBase: "alice://"})), "held": server(mcptest.Server{Name: "held", URIBase: "held://", CallLog: log})}
	c := h.configure(entries).initialized("")
	for _, uri := range []string{"mcpproxy://held/held://static/1", "held://static/1", "mcpproxy://nobody/x"} {
		if e := c.Call("resources/read", map[string]any{"uri": uri}).RPCError(); e == nil {
			t.Errorf("%s was read", uri)
		}
	}
	if wasAsked(c, "alice", "held://static/1") {
		t.Error("alice was asked for what a held server may have")
	}
}

// TestOwnersSurvive: what a server listed first is its own after a restart too, whoever stands before it in the file and lists it since,
// and also for a client that lists nothing.
func TestOwnersSurvive(t *testing.T) {
	t.Parallel()
	rug := &mcptest.Rug{After: 1, File: t.TempDir() + "/pulled", Resources: []string{"bob://static/1", "BOB://static/%32"}}
	h := behind(t, map[string]mcptest.Server{"alice": quickly(mcptest.Server{URIBase: "alice://", Rug: rug}), "bob": quickly(mcptest.Server{URIBase: "bob://"})})
	c := h.initialized("")
	c.List("resources/list")
	c.Tool("alice__echo", map[string]any{"message": "now"})
	comesTrue(t, "alice lists more", func() bool { return len(c.Names("resources/list")) == 8 })
	c.Close()
	c = h.initialized("")
	if got := strings.Join(c.Names("resources/list"), " "); strings.Count(got, "://") != 6 || strings.Contains(got, "mcpproxy:") {
		t.Errorf("recorded: %s", got)
	}
	c.Close()
	c = h.initialized("")
	c.Tool("alice__echo", map[string]any{"message": "it runs, and bob does not"})
	for _, uri := range []string{"bob://static/1", "bob://static/2"} {
		if got := readText(c, uri); got != "Content of "+uri || wasAsked(c, "alice", uri) {
			t.Errorf("%s was asked of another: %s", uri, got)
		}
	}
}
