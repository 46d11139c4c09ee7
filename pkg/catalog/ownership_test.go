package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func uriItem(uri string) string { return `{"uri":"` + uri + `","name":"n"}` }

func templateItem(uri string) string { return `{"uriTemplate":"` + uri + `","name":"n"}` }

// with is a server with resources and templates.
func with(server string, resources, templates []string) Source {
	s := &Snapshot{}
	for _, uri := range resources {
		s.Items[Resources] = append(s.Items[Resources], []byte(uriItem(uri)))
	}
	for _, uri := range templates {
		s.Items[Templates] = append(s.Items[Templates], []byte(templateItem(uri)))
	}
	return Source{Server: server, Snapshot: s}
}

func names(v *View, k Kind) (all []string) {
	for _, it := range v.Items(k) {
		all = append(all, it.Name)
	}
	return all
}

// TestNormalURI: the spellings of a line are one URI; different lines are different ones.
func TestNormalURI(t *testing.T) {
	seen := map[string]int{}
	for i, spellings := range [][]string{
		{"test://item/1", "TEST://item/1", "test://ITEM/1", "test://item/%31", "test://item/./1", "test://item/x/../1", "test://item/x/%2e%2E/1", "test://item./1", "test://it%65m/1",
			"test://item:/1", "test://item/1?", "test://item/1#"},
		{"test://item/1/", "test://item/1/.", "test://item/1/x/.."},
		{"test://item", "test://item/", "test://item/..", "Test://Item..", "test://%69tem"},
		{"test://item/A"}, {"test://item/a"},
		{"test://item/a%2Fb", "test://item/a%2fb"}, {"test://item/a/b"},
		{"test://item/ä", "test://item/%C3%A4", "test://item/%c3%a4"},
		{"test://item/a b", "test://item/a%20b"}, {"test://item/100%", "test://item/100%25"},
		{"test://item/1?q=%41", "test://item/1?q=A"}, {"test://item/1?q=a"}, {"test://item/1?q=../A"},
		{"https://example.com/x", "https://EXAMPLE.com:443/x", "HTTPS://example.com:0443/x", "https://example.com.:443/x"}, {"https://example.com:80/x"},
		{"https://u@example.com/x"}, {"https://U@example.com/x"}, {"http://[::1]:8080/"}, {"http://[::1]/"},
		{"file:///x/y", "file://localhost/x/y", "file:///x/./y", "FILE:///x//../y"}, {"file:///x//y"},
		{"urn:a:b", "URN:a:b"}, {"urn:A:b"}, {"demo:x/../y", "demo:y"}, {"plain", "pl%61in"}, {""},
	} {
		for _, uri := range spellings {
			normal := NormalURI(uri)
			if normal != NormalURI(spellings[0]) {
				t.Errorf("%q is %q, and %q is %q", uri, normal, spellings[0], NormalURI(spellings[0]))
			}
			if line, twice := seen[normal]; twice && line != i {
				t.Errorf("%q of line %d is taken for one of line %d", uri, i, line)
			}
			seen[normal] = i
			if again := NormalURI(normal); again != normal {
				t.Errorf("%q becomes %q and then %q", uri, normal, again)
			}
		}
	}
}

func FuzzNormalURI(f *testing.F) {
	for _, uri := range []string{"test://Item/%2e/x?y#z", "a:b", "//h/../x", "%", "http://h:00/", "x://@:/..", "file://localhost/%zz", "A://::", "a://[::1]:080/", "a://b:0:/"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		once := NormalURI(uri)
		if scheme, _ := splitScheme(uri); scheme != "" && NormalURI(once) != once {
			t.Errorf("%q becomes %q and then %q", uri, once, NormalURI(once))
		}
	})
}

// TestFirstOwner: who showed a URI first keeps it, whatever its place in the file, also when both list it in several spellings.
func TestFirstOwner(t *testing.T) {
	owners := NewOwners()
	alice, bob := with("alice", nil, nil), with("bob", []string{"x:1", "test://Doc/1"}, nil)
	v := NewView([]Source{alice, bob}, 48, owners)
	for _, it := range v.Items(Resources) {
		v.Shows(it.Server, it.Original)
	}
	alice = with("alice", []string{"x:1", "X:1", "test://doc/%31", "x:2"}, nil)
	v = NewView([]Source{alice, bob}, 48, owners)
	if got, want := names(v, Resources), []string{"mcpproxy://alice/x:1", "mcpproxy://alice/X:1", "mcpproxy://alice/test://doc/%31", "x:2", "x:1", "test://Doc/1"}; !slices.Equal(got, want) {
		t.Errorf("listed %q", got)
	}
	for uri, want := range map[string]string{"x:1": "bob", "X:1": "bob", "test://DOC/1": "bob", "test://doc/a/../1": "bob", "x:2": "alice", "x:3": ""} {
		if got := v.ResourceOwner(uri); got != want {
			t.Errorf("%s is %q's", uri, got)
		}
	}
	v = NewView([]Source{alice, with("bob", nil, nil)}, 48, owners) // bob lists nothing for a moment
	if got := v.ResourceOwner("x:1"); got != "bob" {
		t.Errorf("x:1 became %q's", got)
	}
	// Before anything was shown the order of the file counts.
	v = NewView([]Source{alice, bob}, 48, nil)
	if got := v.ResourceOwner("x:1"); got != "alice" {
		t.Errorf("x:1 is %q's", got)
	}
}

// TestReservedScheme: no server lists or owns what names a server.
func TestReservedScheme(t *testing.T) {
	owners := NewOwners()
	hostile := []string{"mcpproxy://bob/x:1", "MCPPROXY://bob/x:1", "mcpproxy:x", "mcpprox%79://bob/x:1", "ui://mcpproxy/bob/ui://app", "UI://mcpproxy/bob/x", " mcpproxy://bob/x:1", "mcpproxy://alice/x:1"}
	v := NewView([]Source{with("alice", append(hostile, "x:1"), []string{"mcpproxy://bob/{id}", "McpProxy:{+any}", "ui://mcpproxy/{id}"}), with("bob", []string{"x:2"}, nil)}, 48, owners)
	if got := append(names(v, Resources), names(v, Templates)...); !slices.Equal(got, []string{"x:1", "x:2"}) {
		t.Errorf("listed %q", got)
	}
	if got := len(v.LeftOut()); got != len(hostile)+3 {
		t.Errorf("%d are told: %+v", got, v.LeftOut())
	}
	for _, uri := range hostile {
		if got := v.Shows("alice", uri); got != "" {
			t.Errorf("%s became %q's", uri, got)
		}
		if got := v.URIFor("alice", uri); got != "" {
			t.Errorf("%s is told as %q", uri, got)
		}
	}
}

// TestTemplatesOwn what they describe if their scheme is literal, and more than that if they say more.
func TestTemplatesOwn(t *testing.T) {
	v := NewView([]Source{
		with("alice", []string{"test://item/5", "wide://x"}, []string{"{+any}", "{scheme}://x", "{a}:b", "wide:{+any}", "file:///{+path}", "test://{x}/y"}),
		with("bob", nil, []string{"TEST://Item/{id}", "dup://{id}/x"}),
		with("carol", []string{"test://item/6", "dup://a/x"}, []string{"test://item/{id}", "dup://{id}/x"}),
	}, 48, nil)
	if got, want := names(v, Templates), []string{"mcpproxy://alice/{+any}", "mcpproxy://alice/{scheme}://x", "mcpproxy://alice/{a}:b", "wide:{+any}", "file:///{+path}", "test://{x}/y",
		"TEST://Item/{id}", "dup://{id}/x", "mcpproxy://carol/test://item/{id}", "mcpproxy://carol/dup://{id}/x"}; !slices.Equal(got, want) {
		t.Errorf("listed %q\n want %q", got, want)
	}
	for uri, want := range map[string]string{
		"other://x": "", "any": "", "wide:y": "alice", "file:///etc": "alice", "file://host/x": "", "test://other/y": "alice",
		"test://item/5": "bob", "TEST://item/%35": "bob", "test://item/7": "bob", // alice lists what bob's template describes
		"test://item/6": "carol", "dup://b/x": "bob", "dup://a/x": "carol", // she has the template too
	} {
		if got := v.ResourceOwner(uri); got != want {
			t.Errorf("%s is %q's, not %q's", uri, got, want)
		}
	}
	for _, one := range []struct{ server, uri, want string }{
		{"bob", "file:///shown", "bob"}, {"bob", "wide:y", "alice"}, {"bob", "WIDE:z", "alice"}, {"alice", "file:///shown", "bob"}, {"alice", "test://item/8", "bob"}, {"carol", "test://item/9", "carol"}, {"bob", "test://item/9", "carol"},
		{"bob", "new://x", "bob"}, {"alice", "NEW://x/", "bob"},
	} {
		if got := v.Shows(one.server, one.uri); got != one.want {
			t.Errorf("%s shows %s: %q's", one.server, one.uri, got)
		}
	}
	if a, b := v.URIFor("alice", "new://x"), v.URIFor("bob", "new://x"); a != "mcpproxy://alice/new://x" || b != "new://x" {
		t.Errorf("%s %s", a, b)
	}
}

// TestTemplateKept: a template that was shown stays its server's when another, earlier in the file, comes with the same.
func TestTemplateKept(t *testing.T) {
	owners := NewOwners()
	bob := with("bob", nil, []string{"test://item/{id}"})
	NewView([]Source{with("alice", nil, nil), bob}, 48, owners).ShowsTemplate("bob", "test://item/{id}")
	v := NewView([]Source{with("alice", nil, []string{"test://ITEM/{id}"}), bob}, 48, owners)
	if got := names(v, Templates); !slices.Equal(got, []string{"mcpproxy://alice/test://ITEM/{id}", "test://item/{id}"}) {
		t.Errorf("listed %q", got)
	}
	if got := v.ResourceOwner("test://item/1"); got != "bob" {
		t.Errorf("%q", got)
	}
}

// TestOwnersBound: what is remembered of a server is bounded; what was forgotten is nobody's, and others' URIs stay.
func TestOwnersBound(t *testing.T) {
	o := NewOwners()
	o.Claim("bob", "x:kept")
	for i := range 3 * maxShown {
		o.Claim("alice", fmt.Sprint("x:", i))
		if i%1000 == 0 && o.Owner("x:0") != "alice" {
			t.Fatal("what is used is forgotten")
		}
	}
	if len(o.by) > maxShown+1 {
		t.Errorf("%d URIs are kept", len(o.by))
	}
	for uri, want := range map[string]string{"x:1": "", "x:kept": "bob", "x:0": "alice", fmt.Sprint("x:", 3*maxShown-1): "alice"} {
		if got := o.Owner(uri); got != want {
			t.Errorf("%s is %q's", uri, got)
		}
	}
}

// TestAppPages: an App's page is its tool's server's. Where two servers name the same one, the second's keeps the scheme that hosts
// look for and names its server, in the tool and in the list.
func TestAppPages(t *testing.T) {
	tool := func(meta string) string { return `{"inputSchema":{"type":"object"},"name":"t","_meta":` + meta + `}` }
	app := func(server, tool string, resources ...string) Source {
		s := with(server, resources, nil)
		s.Snapshot.Items[Tools] = items(tool)
		return s
	}
	owners := NewOwners()
	v := NewView([]Source{
		app("lister", tool(`{}`), "ui://app/page"),
		app("a", tool(`{"ui":{"resourceUri":"ui://app/page"}}`), "ui://app/page"),
		app("b", tool(`{"x":1.0,"ui":{"resourceUr\u0069":"ui:\/\/APP/page"},"ui/resourceUri":"ui://app/page"}`), "ui://APP/page"),
		app("c", tool(`{"ui":{"resourceUri":"ui://mcpproxy/a/ui://app/page"}}`)),
		app("d", tool(`{"ui":{"resourceUri":"https://example.com"}}`)),
	}, 48, owners)
	if got := v.ResourceOwner("ui://app/page"); got != "a" {
		t.Errorf("the page is %q's", got)
	}
	want := []string{`lister__t","_meta":{}}`, `a__t","_meta":{"ui":{"resourceUri":"ui://app/page"}}}`,
		`b__t","_meta":{"x":1.0,"ui":{"resourceUr\u0069":"ui://mcpproxy/b/ui://APP/page"},"ui/resourceUri":"ui://mcpproxy/b/ui://app/page"}}`,
		`c__t","_meta":{"ui":{"resourceUri":"ui://mcpproxy/c/ui://mcpproxy/a/ui://app/page"}}}`, `d__t","_meta":{"ui":{"resourceUri":"https://example.com"}}}`}
	for i, it := range v.Items(Tools) {
		if string(it.Raw) != `{"inputSchema":{"type":"object"},"name":"`+want[i] {
			t.Errorf("%s", it.Raw)
		}
	}
	if got := names(v, Resources); !slices.Equal(got, []string{"ui://mcpproxy/lister/ui://app/page", "ui://app/page", "ui://mcpproxy/b/ui://APP/page"}) {
		t.Errorf("listed %q", got)
	}
	if server, original, ok := UnwrapURI("ui://mcpproxy/b/ui://APP/page"); !ok || server != "b" || original != "ui://APP/page" {
		t.Errorf("%q %q", server, original)
	}
}

func BenchmarkView(b *testing.B) {
	var uris []string
	for i := range 10_000 {
		uris = append(uris, fmt.Sprintf("file:///home/user/project/%s/%05d.txt", strings.Repeat("dir/", 5), i))
	}
	src := []Source{with("s", uris, []string{"file:///{+path}"})}
	for b.Loop() {
		NewView(src, 48, NewOwners())
	}
}
