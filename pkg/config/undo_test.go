package config

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/tailscale/hujson"
)

// FuzzUndo checks that an edit touches nothing but what it edits: what was added and is removed again, or changed and changed
// back, leaves the bytes of the file.
func FuzzUndo(f *testing.F) {
	for _, seed := range []string{
		"{\n  \"mcpServers\": [\n    { \"name\": \"a\", \"enabled\": true } // first\n    // { \"name\": \"off\" }\n  ], /* end */\n}\n",
		"{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": {\"command\": \"y\"}, // why\r\n\t},\r\n}\r\n",
		`{"servers": {"a": {"command": "y", "args": [ "x" /* y */ ], "enabled" : /* on */ true , "x": 1}}}`,
		"{\n  \"mcpServers\": [{\n    \"name\": \"a\"\n  }]\n}", "\xef\xbb\xbf{\"mcpServers\": {\"a\": {}}} // end",
		"{\"mcpServers\": {\n  \"a\": {}\n  // about b\n  , \"b\": {\"command\": \"x\" /* c */ , }\n}}",
		"{\"mcpServers\": [\n    { \"name\": \"a\" }]} ", "{\"mcpServers\": [\n    { \"name\": \"a\" } \n]}", "{\"mcpServers\":{\n\"a\":{}\r }}",
		"{\"mcpServers\":[{\"name\":\"a\"}//\n]}", "{\"mcpServers\":[{\"name\":\"a\"},//\n]}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("c.json", data)
		if err != nil || len(c.Servers) == 0 || irregular(data) {
			return
		}
		d, err := parseDocument("c.json", data)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, err error) {
			if after := d.Bytes(); err != nil || string(after) != string(data) {
				t.Fatalf("%s: %v\n%q\n%q", what, err, data, after)
			}
		}
		const added = "added by the test"
		if list := d.list(); list != "" && !d.Has(added) {
			if v, _ := d.at([]any{list}); len(children(v)) > 0 {
				if err := d.Add(added, npx); err != nil {
					t.Fatal(err)
				}
				check("add and remove", d.Remove(added))
			}
		}
		for _, s := range c.Servers {
			l, _ := d.find(s.Name)
			obj, ok := l.value.Value.(*hujson.Object)
			if !ok || len(obj.Members) == 0 {
				continue
			}
			if key, inverse := writtenKey(obj, "enabled"); memberIndex(obj, key) < 0 {
				if err := d.Set(s.Name, "enabled", false); err != nil {
					t.Fatal(err)
				}
				check("set and unset "+key, d.Set(s.Name, "enabled", nil))
			} else if old := obj.Members[memberIndex(obj, key)].Value.Value.Kind(); old == 't' || old == 'f' {
				was := (old == 't') != inverse
				if err := d.Set(s.Name, "enabled", !was); err != nil {
					t.Fatal(err)
				}
				check("change and change back "+key, d.Set(s.Name, "enabled", was))
			}
		}
	})
}

// irregular tells whether a file has several kinds of line ends, or a comment that begins behind a value and goes on in the
// next line: neither is told apart from what an edit writes.
func irregular(data []byte) bool {
	breaks, crlf, cr := bytes.Count(data, []byte("\n")), bytes.Count(data, []byte("\r\n")), bytes.Count(data, []byte("\r"))
	return cr != crlf || crlf != 0 && crlf != breaks || longComment.Match(data)
}

var longComment = regexp.MustCompile(`(?s)/\*[^*]*\n.*\*/`)
