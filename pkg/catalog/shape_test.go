package catalog

import (
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// TestFit: the TypeScript SDK and the Python SDK refuse a whole list for one item that does not fit the schema of MCP.
func TestFit(t *testing.T) {
	for _, one := range []struct {
		k         Kind
		raw, want string // want is "" for an item that is left out
	}{
		{Tools, `{ "name":"t", "inputSchema":{"type":"object","x":1.0}}`, `{ "name":"t", "inputSchema":{"type":"object","x":1.0}}`},
		{Tools, `{"name":"t"}`, `{"inputSchema":{"type":"object"},"name":"t"}`},
		{Tools, `{"name":"t","inputSchema":{}}`, `{"name":"t","inputSchema":{"type":"object"}}`},
		{Tools, `{"inputSchema":null,"name":"t"}`, `{"inputSchema":{"type":"object"},"name":"t"}`},
		{Tools, `{"description":null , "title":null, "name":"t","inputSchema":{"type":"object","properties":null},"_meta":null}`,
			`{ "name":"t","inputSchema":{"type":"object"}}`},
		{Tools, `{"name":"t","inputSchema":{"properties":{"a":true,"b":false,"c":{"items":true}}}}`,
			`{"name":"t","inputSchema":{"type":"object","properties":{"a":{},"b":{"not":{}},"c":{"items":true}}}}`},
		{Tools, `{"name":"t","inputSchema":{"properties":null}}`, `{"name":"t","inputSchema":{"type":"object"}}`},
		{Tools, `{"name":"t","inputSchema":[]}`, ""},
		{Tools, `{"name":"t","inputSchema":{"type":"array"}}`, ""},
		{Tools, `{"name":"t","inputSchema":{"type":"object","properties":{"a":5}}}`, ""},
		{Tools, `{"name":"t","inputSchema":{"type":"object","properties":[]}}`, ""},
		{Tools, `{"name":"t","inputSchema":{"type":"object","required":"a"}}`, ""},
		{Tools, `{"name":"t","inputSchema":{"type":"object","required":[1]}}`, ""},
		{Tools, `{"name":"t","outputSchema":{"type":"string"}}`, ""},
		{Tools, `{"name":"t","description":5}`, ""},
		{Tools, `{"name":"t","title":[]}`, ""},
		{Tools, `{"name":"t","_meta":"x"}`, ""},
		{Tools, `{"name":"t","annotations":"x"}`, ""},
		{Tools, `{"name":"t","annotations":{"readOnlyHint":"yes"}}`, ""},
		{Tools, `{"name":"t","icons":[{"src":5}]}`, ""},
		{Tools, `{"name":"t","icons":[{}]}`, ""},
		{Tools, `{"name":"t","execution":{"taskSupport":"maybe"}}`, ""},
		{Prompts, `{"name":"p","arguments":[{"name":"a","description":null,"required":true}]}`, `{"name":"p","arguments":[{"name":"a","required":true}]}`},
		{Prompts, `{"name":"p","arguments":{}}`, ""},
		{Prompts, `{"name":"p","arguments":["a"]}`, ""},
		{Prompts, `{"name":"p","arguments":[{"name":"a","required":"yes"}]}`, ""},
		{Resources, `{"uri":"a://b","name":"n","annotations":{"priority":7,"audience":["user"],"lastModified":"2025-01-12"}}`,
			`{"uri":"a://b","name":"n","annotations":{"audience":["user"]}}`},
		{Resources, `{"uri":"a://b","name":"n","annotations":{"lastModified":"2025-01-12T15:00:58Z","priority":0.5}}`,
			`{"uri":"a://b","name":"n","annotations":{"lastModified":"2025-01-12T15:00:58Z","priority":0.5}}`},
		{Resources, `{"uri":"a:\/\/b"}`, `{"name":"a:\/\/b","uri":"a:\/\/b"}`},
		{Templates, `{"name":null,"uriTemplate":"a://{b}"}`, `{"name":"a://{b}","uriTemplate":"a://{b}"}`},
		{Resources, `{"uri":"a://b","name":5}`, ""},
		{Resources, `{"uri":"a://b","name":"n","size":"big"}`, `{"uri":"a://b","name":"n"}`},
		{Resources, `{"size":1.5,"uri":"a://b","name":"n"}`, `{"uri":"a://b","name":"n"}`},
		{Templates, `{"uriTemplate":"a://{b}","name":"n","mimeType":5}`, ""},
	} {
		got, err := one.k.fit([]byte(one.raw))
		if string(got) != one.want || (err == nil) != (one.want != "") {
			t.Errorf("%s:\nwant %s\n got %s %v", one.raw, one.want, got, err)
		}
		if err == nil && jsonrpc.Check(got) != nil {
			t.Errorf("%s became %s", one.raw, got)
		}
	}
}

// FuzzFit: what is mended is JSON, and needs no mending.
func FuzzFit(f *testing.F) {
	f.Add([]byte(`{"title":null, "name":"t","inputSchema":{"properties":{"a":true},"required":null},"_meta":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if jsonrpc.Check(raw) != nil || Tools.readable(raw) == "" {
			return
		}
		got, err := Tools.fit(raw)
		if err != nil {
			return
		}
		if err := jsonrpc.Check(got); err != nil {
			t.Fatalf("%q became %q: %v", raw, got, err)
		}
		if again, err := Tools.fit(got); err != nil || string(again) != string(got) {
			t.Fatalf("%q became %q, then %q %v", raw, got, again, err)
		}
	})
}

// TestLeftOutBeside: one item that does not fit costs itself alone, and the reason says what is wrong with it.
func TestLeftOutBeside(t *testing.T) {
	v := NewView([]Source{source("a", Tools, `{"name":"bad","inputSchema":{"type":"array"}}`), source("b", Tools, `{"name":"ok"}`)}, 48, nil)
	if got := strings.Join(names(v, Tools), " "); got != "b__ok" {
		t.Error(got)
	}
	if left := v.LeftOut(); len(left) != 1 || !strings.HasSuffix(left[0].Reason, "inputSchema.type must be one of object") {
		t.Errorf("%+v", left)
	}
}

// TestRelativeURI: what is no URI is listed under one that names its server, because the Python SDK parses URIs.
func TestRelativeURI(t *testing.T) {
	for uri, want := range map[string]string{"a/b.txt": "mcpproxy://s/a/b.txt", "http:///x": "mcpproxy://s/http:///x", "file:///x": "file:///x",
		"http://h/x": "http://h/x", "urn:x": "urn:x"} {
		v := NewView([]Source{source("s", Resources, `{"uri":"`+uri+`","name":"n"}`)}, 48, nil)
		items := v.Items(Resources)
		if len(items) != 1 || items[0].Name != want || items[0].Original != uri {
			t.Errorf("%s: %+v", uri, items)
		}
	}
}
