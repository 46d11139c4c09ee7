package mcp

import (
	"errors"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

func parse(t testing.TB, raw string) *jsonrpc.Message {
	t.Helper()
	m, err := jsonrpc.Parse([]byte(raw))
	if err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return &m
}

func TestReadParams(t *testing.T) {
	m := parse(t, `{"jsonrpc":"2.0","id":1,"method":"x","params":{ "name" : "n", "uri":"u","cursor":"c","taskId":"t","task":{"ttl":1},"level":"l","requestId":-1.5,`+
		`"progressToken":"outer","ref":{"type":"x","name":"rn","uri":"ru"},"arguments":{"name":"inner","name":"again","progressToken":1},"_meta":{"a":{"progressToken":"deep"},"progressToken": 9007199254740993 }}}`)
	p, err := ReadParams(m)
	if err != nil {
		t.Fatal(err)
	}
	for want, at := range map[string]jsonrpc.Span{
		`"n"`: p.Name, `"u"`: p.URI, `"c"`: p.Cursor, `"t"`: p.TaskID, `{"ttl":1}`: p.Task, `"l"`: p.Level, `-1.5`: p.ID,
		`"outer"`: p.Progress, `"rn"`: p.RefName, `"ru"`: p.RefURI, `9007199254740993`: p.Token,
	} {
		if got := string(m.Bytes(at)); got != want {
			t.Errorf("got %s, not %s", got, want)
		}
	}
	if got := String(m.Raw, p.Name) + String(m.Raw, p.ID) + String(m.Raw, jsonrpc.Span{}); got != "n" {
		t.Errorf("%q", got)
	}
	// Keys count as what they mean, not as they are written.
	m = parse(t, `{"jsonrpc":"2.0","id":1,"method":"x","params":{"n\u0061me":"a\u0062c","\u005fmeta":{"progress\u0054oken":"t"}}}`)
	if p, err := ReadParams(m); err != nil || String(m.Raw, p.Name) != "abc" || String(m.Raw, p.Token) != "t" {
		t.Errorf("%+v %v", p, err)
	}
}

// Nothing to find is no error, whatever params are.
func TestReadParamsWithout(t *testing.T) {
	for _, params := range []string{``, `,"params":null`, `,"params":[]`, `,"params":[{"name":"x"}]`, `,"params":"x"`, `,"params":{}`, `,"params":{"_meta":null,"ref":[]}`, `,"params":{"_meta":"progressToken","ref":1}`} {
		if p, err := ReadParams(parse(t, `{"jsonrpc":"2.0","id":1,"method":"x"`+params+`}`)); err != nil || p != (Params{}) && params[len(params)-1] != '}' {
			t.Errorf("%s: %+v %v", params, p, err)
		} else if p.Name.End+p.Token.End+p.RefName.End+p.RefURI.End+p.URI.End != 0 {
			t.Errorf("%s: %+v", params, p)
		}
	}
}

// What two readers could take differently is refused: the proxy must not route by another name than the server sees.
func TestReadParamsTwoReadings(t *testing.T) {
	for _, params := range []string{
		`{"name":"a","name":"a"}`, `{"name":"a","Name":"b"}`, `{"NAME":"b"}`, `{"name":"a","n\u0061me":"b"}`, `{"uri":"a","uri":"b"}`,
		`{"_meta":{},"_meta":{}}`, `{"_meta":{"progressToken":1,"progressToken":2}}`, `{"_meta":{"ProgressToken":1}}`, `{"ref":{"name":"a","name":"b"}}`,
		`{"ref":{"uri":"a"},"REF":{"uri":"b"}}`, `{"taskId":"a","taskid":"b"}`, `{"requestId":1,"requestId":2}`,
	} {
		if p, err := ReadParams(parse(t, `{"jsonrpc":"2.0","id":1,"method":"x","params":`+params+`}`)); !errors.Is(err, jsonrpc.ErrAmbiguous) {
			t.Errorf("%s: %+v %v", params, p, err)
		}
	}
}

func TestField(t *testing.T) {
	const raw = `{"a":{"b":{"c":1.0}},"n":null,"s":"x","twice":1,"twice":2}`
	for _, one := range []struct {
		path []string
		want string
	}{
		{nil, raw}, {[]string{"a", "b", "c"}, "1.0"}, {[]string{"a"}, `{"b":{"c":1.0}}`}, {[]string{"n"}, "null"}, {[]string{"s"}, `"x"`},
		{[]string{"x"}, ""}, {[]string{"s", "b"}, ""}, {[]string{"n", "b"}, ""}, {[]string{"a", "x", "c"}, ""}, {[]string{"twice"}, ""},
	} {
		if got := string(Field([]byte(raw), one.path...)); got != one.want {
			t.Errorf("%q: %q", one.path, got)
		}
	}
	for _, none := range []string{"", "null", "[]", `"a"`, "{", `{"a"`} {
		if got := Field([]byte(none), "a"); got != nil {
			t.Errorf("%q: %q", none, got)
		}
	}
}

func TestItems(t *testing.T) {
	for _, one := range []struct{ result, items, next string }{
		{`{"tools":[]}`, "", ""}, {`{"tools":[{"a":1.0},  2 ,"x"],"nextCursor":"c"}`, `{"a":1.0}|2|"x"|`, `"c"`},
		{`{"nextCursor":"","tools":[1]}`, "1|", `""`}, {`{"tools":[1],"nextCursor":null}`, "1|", ""},
	} {
		items, next, err := Items([]byte(one.result), "tools", 100)
		got := ""
		for _, it := range items {
			got += string(it) + "|"
		}
		if err != nil || got != one.items || string(next) != one.next {
			t.Errorf("%s: %s %s %v", one.result, got, next, err)
		}
	}
	for _, bad := range []string{``, `null`, `{}`, `{"tools":{}}`, `{"tools":[1}`, `{"tools":null}`, `{"tools":[],"tools":[1]}`} {
		if items, _, err := Items([]byte(bad), "tools", 100); err == nil {
			t.Errorf("%s: %s", bad, items)
		}
	}
}

func TestToolError(t *testing.T) {
	if got := string(ToolError("it <failed>:\n\"x\" \u2028")); got != `{"content":[{"type":"text","text":"it <failed>:\n\"x\" \\u2028"}],"isError":true}` {
		t.Error(got)
	}
}

func TestNegotiate(t *testing.T) {
	for asked, want := range map[string]string{"2024-11-05": "2024-11-05", "2025-03-26": "2025-03-26", "2025-06-18": "2025-06-18", "2025-11-25": "2025-11-25",
		"2026-07-28": "2025-11-25", "": "2025-11-25", "2099-01-01": "2025-11-25", " 2024-11-05": "2025-11-25"} {
		if got := Negotiate(asked); got != want {
			t.Errorf("%q: %s", asked, got)
		}
	}
}

func FuzzReadParams(f *testing.F) {
	f.Add([]byte(`{"name":"a","_meta":{"progressToken":1},"ref":{"uri":"x"}}`))
	f.Add([]byte(`{"_meta":{"progressToken":1,"progressToken":2}}`))
	f.Fuzz(func(t *testing.T, params []byte) {
		m, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":1,"method":"x","params":` + string(params) + `}`))
		if err != nil {
			return
		}
		p, err := ReadParams(&m)
		if err != nil {
			return
		}
		// A name spliced in is the one that is read again, and all else is as before.
		if p.Name.End != 0 && m.Params.End != 0 {
			again, err := jsonrpc.Parse(jsonrpc.Splice(m.Raw, jsonrpc.Edit{At: p.Name, With: []byte(`"other"`)}))
			if err != nil {
				t.Fatalf("%v after splicing %q", err, m.Raw)
			}
			q, err := ReadParams(&again)
			if err != nil || String(again.Raw, q.Name) != "other" || String(again.Raw, q.Token) != String(m.Raw, p.Token) {
				t.Fatalf("%v: %q became %q", err, m.Raw, again.Raw)
			}
		}
	})
}
