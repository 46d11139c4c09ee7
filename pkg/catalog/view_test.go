package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func items(raws ...string) [][]byte {
	var all [][]byte
	for _, raw := range raws {
		all = append(all, []byte(raw))
	}
	return all
}

func source(server string, k Kind, raws ...string) Source {
	s := &Snapshot{}
	s.Items[k] = items(raws...)
	return Source{Server: server, Snapshot: s}
}

// Only the name's bytes change; what stands around it, however it is written, stays.
func TestViewKeepsBytes(t *testing.T) {
	v := NewView([]Source{
		source("", Tools, `{"name":"own"}`),
		source("s", Tools, `{ "z":1.0,  "name" : "e\u0063ho", "inputSchema":{"type":"object","properties":{"name":{"const":9007199254740993}},"x":"<&>"},"_meta":{"name":"echo"}}`),
		{Server: "asleep"},
	}, 48, nil)
	got, err := v.Page(Tools, "", nil)
	if want := `{"tools":[{"name":"own"},{ "z":1.0,  "name" : "s__echo", "inputSchema":{"type":"object","properties":{"name":{"const":9007199254740993}},"x":"<&>"},"_meta":{"name":"echo"}}]}`; err != nil || string(got) != want {
		t.Errorf("%v\nwant %s\n got %s", err, want, got)
	}
	if it, ok := v.Lookup(Tools, "s__echo"); !ok || it.Server != "s" || it.Original != "echo" {
		t.Errorf("%+v", it)
	}
	if v.Exposed(Tools, "s", "echo") != "s__echo" || v.Exposed(Tools, "s", "other") != "other" {
		t.Error("Exposed")
	}
	for _, unknown := range []string{"echo", "s__Echo", "s__e\\u0063ho", ""} {
		if it, ok := v.Lookup(Tools, unknown); ok {
			t.Errorf("%q is %+v", unknown, it)
		}
	}
}

// What has no name, two names, or the name of an item before it, is left out; the rest is not touched by it.
func TestViewLeavesOut(t *testing.T) {
	src := source("s", Tools, `{"description":"none"}`, `{"name":""}`, `{"name":7}`, `{"name":"a","name":"b"}`, `{"name":"a","Name":"b"}`, `[]`, `{"name":"ok","inputSchema":{"type":"object"}}`, `{"name":"ok","second":1}`, `{"name":"no"}`)
	src.Allowed = func(tool string) bool { return tool != "no" }
	got, _ := NewView([]Source{src}, 48, nil).Page(Tools, "", nil)
	if want := `{"tools":[{"name":"s__ok","inputSchema":{"type":"object"}}]}`; string(got) != want {
		t.Errorf("got %s", got)
	}
}

func TestPages(t *testing.T) {
	const n = 20
	var raws []string
	for i := range n {
		raws = append(raws, fmt.Sprintf(`{"name":"t%02d","description":"%s"}`, i, strings.Repeat("x", 1<<20)))
	}
	v := NewView([]Source{source("s", Tools, raws...)}, 48, nil)
	var names []string
	var cursors []string
	hide := func(it Item) bool { return it.Original == "t03" || it.Original == "t19" }
	for cursor, pages := "", 0; ; pages++ {
		page, err := v.Page(Tools, cursor, hide)
		if err != nil || len(page) > pageBytes+2<<20 {
			t.Fatalf("%d bytes: %v", len(page), err)
		}
		var p struct {
			Tools      []struct{ Name string }
			NextCursor *string
		}
		if err := json.Unmarshal(page, &p); err != nil {
			t.Fatal(err)
		}
		for _, tool := range p.Tools {
			names = append(names, tool.Name)
		}
		if p.NextCursor == nil {
			if pages < n*(1<<20)/pageBytes-1 {
				t.Errorf("%d pages", pages+1)
			}
			break
		}
		cursor = *p.NextCursor
		cursors = append(cursors, cursor)
	}
	if len(names) != n-2 || !slices.IsSorted(names) || slices.Contains(names, "s__t03") {
		t.Errorf("%q", names)
	}
	// A cursor of a list that has become shorter is not an error: there is nothing more.
	short := NewView([]Source{source("s", Tools, raws[0])}, 48, nil)
	if page, err := short.Page(Tools, cursors[len(cursors)-1], nil); err != nil || string(page) != `{"tools":[]}` {
		t.Errorf("stale cursor: %s %v", page, err)
	}
	for _, bad := range []string{"x", "dG9vbHM6", "dG9vbHM6LTE", "dG9vbHM6MS41", "dG9vbHM6OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk", cursors[0] + "=", " "} {
		if _, err := v.Page(Tools, bad, nil); !errors.Is(err, ErrCursor) {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
	if _, err := v.Page(Prompts, cursors[0], nil); !errors.Is(err, ErrCursor) {
		t.Error("a cursor of another list is taken")
	}
	if page, err := v.Page(Prompts, "", nil); err != nil || string(page) != `{"prompts":[]}` {
		t.Errorf("empty list: %s %v", page, err)
	}
}

func TestURIs(t *testing.T) {
	for _, server := range []string{"a", "with space", "a/b", "ü%2F", "a?b#c"} {
		for _, uri := range []string{"file:///x", "test://a/b?c=d#e", "mcpproxy://other/x:y", "urn:x", "ä ö", ""} {
			if s, o, ok := UnwrapURI(wrapURI(server, uri)); !ok || s != server || o != uri {
				t.Errorf("%q %q came back as %q %q %v", server, uri, s, o, ok)
			}
		}
	}
	for _, plain := range []string{"file:///x", "mcpproxy:", "mcpproxy://", "mcpproxy://host", "mcpproxy://%zz/x", "mcpproxy:///x", "ui://mcpproxy", "ui://page/x", ""} {
		if _, o, ok := UnwrapURI(plain); ok || o != plain {
			t.Errorf("%q was taken apart", plain)
		}
	}
	if s, o, ok := UnwrapURI("MCPProxy://a%20b/X:1"); !ok || s != "a b" || o != "X:1" {
		t.Errorf("another case: %q %q %v", s, o, ok)
	}
}

func TestMatchTemplate(t *testing.T) {
	for _, one := range []struct {
		template, uri string
		want          bool
	}{
		{"test://item/{id}", "test://item/5", true}, {"test://item/{id}", "test://other/5", false}, {"test://item/{id}", "xtest://item/5", false},
		{"test://{a}/mid/{b}", "test://1/mid/2", true}, {"test://{a}/mid/{b}", "test://1/2", false}, {"test://{a}/end", "test://x/end", true},
		{"test://{a}/end", "test://x/end/more", false}, {"{+path}", "anything:at/all", true}, {"plain:x", "plain:x", true}, {"plain:x", "plain:xy", false},
		{"a{?q,r}", "a?q=1", true}, {"a{b}{c}d", "ad", true}, {"a{unclosed", "ab", false}, {"", "", true}, {"", "x", false},
	} {
		if got := matchTemplate(one.template, one.uri); got != one.want {
			t.Errorf("%q takes %q: %v", one.template, one.uri, got)
		}
	}
}

func TestInstructions(t *testing.T) {
	text := func(server, s string) Source { return Source{Server: server, Snapshot: &Snapshot{Instructions: s}} }
	if got := NewView([]Source{{Server: "x"}, text("y", "")}, 48, nil).Instructions(""); got != "" {
		t.Errorf("%q", got)
	}
	got := NewView([]Source{text("a b", "Be <kind>."), text("c", "Be quick.")}, 48, nil).Instructions("")
	if want := "[a_b] says of itself:\nBe <kind>.\n[c] says of itself:\nBe quick."; got != want {
		t.Errorf("%q", got)
	}
	if got := NewView(nil, 48, nil).Instructions("Ours."); got != "Ours." {
		t.Errorf("%q", got)
	}
	if got := NewView([]Source{text("c", "Be quick.")}, 48, nil).Instructions("Ours."); got != "Ours.\n[c] says of itself:\nBe quick." {
		t.Errorf("%q", got)
	}
	var many []Source
	for i := range 8 {
		many = append(many, text(fmt.Sprint("server", i), strings.Repeat("ü", 1000)))
	}
	if got := NewView(many, 48, nil).Instructions(strings.Repeat("o", 1000)); len(got) > instructionsLimit || !strings.HasPrefix(got, "oooo") || !strings.Contains(got, "[server7] says of itself:\nü") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	got = NewView(many, 48, nil).Instructions("")
	if len(got) > instructionsLimit || !json.Valid([]byte(`"`+strings.ReplaceAll(got, "\n", " ")+`"`)) || strings.ContainsRune(got, '\ufffd') {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	for i := range 8 {
		if !strings.Contains(got, fmt.Sprintf("[server%d] says of itself:\nü", i)) {
			t.Errorf("nothing of server%d", i)
		}
	}
}

func TestSameDefinitions(t *testing.T) {
	s := &Snapshot{Launch: "key", Taken: time.Date(2026, 11, 5, 1, 2, 3, 4, time.UTC), Capabilities: []byte(`{"tools":{}}`), Instructions: "text"}
	s.Items[Tools] = items(`{"name":"a", "x":1.0}`, `{"name":"end"}`)
	s.Items[Resources] = items(`{"uri":"a:"}`)
	other := *s
	other.Items[Resources], other.Taken = nil, time.Time{}
	if !s.SameDefinitions(&other) || s.SameDefinitions(nil) || !(*Snapshot)(nil).SameDefinitions(nil) {
		t.Error("data or the time counts")
	}
	other.Items[Tools] = items(`{"name":"a", "x":1.00}`, `{"name":"end"}`)
	if s.SameDefinitions(&other) {
		t.Error("a changed definition does not count")
	}
}

func TestDigest(t *testing.T) {
	if a, b := Digest([]byte(`{"a":1,"b":[2]}`)), Digest([]byte(`{ "b" : [2],"a":1}`)); a != b || len(a) != 64 {
		t.Errorf("%s %s", a, b)
	}
	if Digest([]byte(`{"a":1}`)) == Digest([]byte(`{"a":1.0}`)) {
		t.Error("another number has the same digest")
	}
	if got := Digest([]byte(`{"a":1,"a":2}`)); got != "" {
		t.Error(got)
	}
}
