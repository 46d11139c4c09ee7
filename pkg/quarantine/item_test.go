package quarantine

import (
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
)

func TestDigestOfAnItem(t *testing.T) {
	base := `{"name":"a","description":"d","inputSchema":{"type":"object","properties":{"n":{"maximum":1.0}}},"outputSchema":{"type":"object"},"annotations":{"readOnlyHint":true},"_meta":{"x":1}}`
	same := map[string]string{
		"order":   `{"_meta":{"x":1},"annotations":{"readOnlyHint":true},"outputSchema":{"type":"object"},"inputSchema":{"properties":{"n":{"maximum":1.0}},"type":"object"},"description":"d","name":"a"}`,
		"space":   strings.ReplaceAll(strings.ReplaceAll(base, ",", " ,\n\t"), ":", " : "),
		"escapes": strings.Replace(base, `"d"`, `"\u0064"`, 1),
	}
	for what, raw := range same {
		if newItem(Tool, "a", []byte(raw)).Digest != newItem(Tool, "a", []byte(base)).Digest {
			t.Errorf("%s makes another digest", what)
		}
	}
	seen := map[string]string{newItem(Tool, "a", []byte(base)).Digest: "base"}
	for what, change := range map[string][2]string{
		"number token":  {"1.0", "1"},
		"description":   {`"d"`, `"D"`},
		"output schema": {`"outputSchema":{"type":"object"}`, `"outputSchema":{"type":"array"}`},
		"annotation":    {`true`, `false`},
		"meta":          {`"x":1`, `"x":2`},
		"unknown key":   {`"name"`, `"x-y":1,"name"`},
		"combining":     {`"d"`, "\"d\u0301\""},
	} {
		raw := strings.Replace(base, change[0], change[1], 1)
		digest := newItem(Tool, "a", []byte(raw)).Digest
		if other, twice := seen[digest]; twice || digest == "" {
			t.Errorf("%s: digest %q is that of %q", what, digest, other)
		}
		seen[digest] = what
	}
	for _, raw := range []string{`{"name":"a","x":{"k":1,"\u006b":2}}`, `{"name":"a"`, `{"name":"a","x":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`} {
		if it := newItem(Tool, "a", []byte(raw)); it.Digest != "" {
			t.Errorf("%.40s has a digest", raw)
		}
	}
}

func TestItemsOf(t *testing.T) {
	s := &catalog.Snapshot{Instructions: "be \"good\"\n", Capabilities: []byte(`{"tools":{},"extensions":{"e":{}},"experimental":{"x":1.0}}`)}
	s.Items[catalog.Tools] = [][]byte{[]byte(`{"name":"a","v":1}`), []byte(`{"name":"a","v":2}`), []byte(`{"v":3}`), []byte(`{"name":"b","Name":"c"}`), []byte("{\"name\":\n\"d\r\"}")}
	s.Items[catalog.Prompts] = [][]byte{[]byte(`{"name":"a"}`)}
	s.Items[catalog.Templates] = [][]byte{[]byte(`{"uriTemplate":"x:{y}"}`)}
	s.Items[catalog.Resources] = [][]byte{[]byte(`{"uri":"x:y"}`)}
	items := ItemsOf(s)
	var got []string
	for _, it := range items {
		got = append(got, it.Name()+" "+string(it.Raw))
	}
	want := []string{`tool a {"name":"a","v":1}`, "tool d\v " + "{\"name\": \"d\v\"}", `prompt a {"name":"a"}`, `template x:{y} {"uriTemplate":"x:{y}"}`,
		`instructions "be \"good\"\n"`, `capabilities {"experimental":{"x":1.0},"extensions":{"e":{}}}`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// What clients are shown of them is the same again.
	back := snapshotOf(items)
	if back.Instructions != s.Instructions || !strings.Contains(string(back.Capabilities), `"e"`) || len(back.Items[catalog.Tools]) != 2 || back.Items[catalog.Resources] != nil {
		t.Errorf("shown: %+v", back)
	}
}

func TestProposalDigest(t *testing.T) {
	s := entryOf(t, "a", plainEntry)
	deep := `{"name":"deep","x":` + strings.Repeat("[", 255) + strings.Repeat("]", 255) + `}` // as deep as one may be
	for _, tools := range [][]string{{}, {tool("a", "d", schemaA)}, {tool("b", "d", schemaB), tool("a", "d", schemaA)}, {deep}} {
		r := &Record{Inspect: s.LaunchKey()}
		l := live(tools...)
		l.Instructions, l.Items[catalog.Prompts] = "hello", [][]byte{[]byte(`{"name":"p"}`)}
		r.Learn(s, l, Whole, false, harmless)
		p := r.Proposal(s)
		if len(p.Digest) != 64 || p.Digest == (&Record{}).Proposal(s).Digest {
			t.Fatalf("%d tools: digest %q", len(tools), p.Digest)
		}
		if len(tools) == 1 && tools[0] == deep {
			continue // the document is deeper than Canonical goes
		}
		var list []string
		for _, it := range sorted(r.Found) {
			if it.Kind == Tool {
				list = append(list, string(it.Raw))
			}
		}
		whole := `{"launch":` + string(s.Launch()) + `,"definitions":{"tool":[` + strings.Join(list, ",") + `],"prompt":[{"name":"p"}],"instructions":["hello"]}}`
		if len(tools) == 0 {
			whole = strings.Replace(whole, `"tool":[],`, "", 1)
		}
		if want := catalog.Digest([]byte(whole)); p.Digest != want {
			t.Errorf("%d tools: the digest is not that of the canonical document", len(tools))
		}
	}
}
