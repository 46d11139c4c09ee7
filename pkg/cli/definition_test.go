package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

func TestDefinitionLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, raw, want string }{
		{"pieces of a text", `{"d":"one\ntwo\n\nthree"}`, "{\n  \"d\": \"one\\n\"\n       \"two\\n\\n\"\n       \"three\"\n}"},
		{"an escape that hides a letter", `{"d":"\u0069gnore \u0022 \\"}`, "{\n  \"d\": \"ignore \\\" \\\\\"\n}"},
		{"what looks like a member is none", `["a\n\",\"b\": 1"]`, "[\n  \"a\\n\"\n  \"\\\",\\\"b\\\": 1\"\n]"},
		{"numbers as they are", `[9007199254740993, 1.50]`, "[\n  9007199254740993,\n  1.50\n]"},
		{"characters", `"日本 é \u043e \ud83d\ude00 \u202e \u05d0 \u0300 \udb40\udc41"`, `"日本 é \u043e 😀 \u202e \u05d0 \u0300 \udb40\udc41"`},
		{"not JSON", "{\x1b", `not JSON: "{\x1b"`},
		{"not UTF-8", "\"\xff\"", `not JSON: "\"\xff\""`},
	} {
		if got := strings.Join(definitionLines([]byte(c.raw)), "\n"); got != c.want {
			t.Errorf("%s: definitionLines(%s) =\n%s\nwant\n%s", c.name, c.raw, got, c.want)
		}
	}
}

func TestDifferenceLines(t *testing.T) {
	t.Parallel()
	old, changed := `{"name":"a","description":"First.\nSecond."}`, `{"description":"First.\nThird.","name":"a"}`
	want := `@@ -1,5 +1,5 @@| {|   "description": "First.\n"|-                 "Second.",|+                 "Third.",|   "name": "a"| }`
	if got := strings.Join(differenceLines([]byte(old), []byte(changed)), "|"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := differenceLines([]byte(`{"a":1,"b":2}`), []byte(`{"b":2, "a":1}`)); got != nil {
		t.Errorf("the order of members counts: %q", got)
	}
}

// Whatever a server sends: what people are shown has nothing that acts on a terminal, and says the same.
func FuzzDefinitionLines(f *testing.F) {
	f.Add([]byte(hostileDefinition))
	f.Add([]byte(`{"a":"\ud800","b":["\\\"\n"]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		lines := definitionLines(raw)
		for _, r := range strings.Join(lines, "") {
			if !confusables.Honest(r) {
				t.Fatalf("%U in %q", r, lines)
			}
		}
		if !json.Valid(raw) || !utf8.Valid(raw) {
			return
		}
		text := strings.Join(lines, "\n")
		if strings.Contains(text, `\n"`+"\n") {
			return // a text in pieces is for people alone
		}
		var want, got any
		if json.Unmarshal(raw, &want) != nil {
			return
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got)
		if string(a) != string(b) {
			t.Fatalf("%s became %s", a, b)
		}
	})
}

const hostileDefinition = `{"name":"cl\u001b[2Jear","title":"\u202egnp.exe","description":"one\ntwo \u001b]0;owned\u0007 \u200b\u200d \udb40\udc69\udb40\udc67 \u0430dmin \u05d0\u05d1 \u0085 ` +
	"\U000E0041\u202E\u2066" + `","inputSchema":{"type":"object","properties":{"\u001b[31mred":{"type":"string","description":"\ufeff\ue000"}}}}`
