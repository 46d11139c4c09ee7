package confusables

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"": "",
		"plain, größer, 日本語, é, 🙂 \\ \"": "plain, größer, 日本語, é, 🙂 \\ \"",
		"\x00\x1b[2J\r\n\t\x7f":          `\u0000\u001b[2J\u000d\u000a\u0009\u007f`,
		"\u0085\u009b\u00a0\u00ad":       `\u0085\u009b\u00a0\u00ad`,
		"\u202e\u2066\u200e\u061c":       `\u202e\u2066\u200e\u061c`,
		"\u200b\u200d\u2060\ufeff\u034f": `\u200b\u200d\u2060\ufeff\u034f`,
		"\u2028\u2029\u3164\u2800\ufe0f": `\u2028\u2029\u3164\u2800\ufe0f`,
		"\U000e0041\U000e0100\U0010fffd": `\udb40\udc41\udb40\udd00\udbff\udffd`,
		"\ue000\ufff9":                   `\ue000\ufff9`,
		"\xff\xed\xa0\x80a\ufffd":        `\ufffd\ufffd\ufffd\ufffda` + "\ufffd",
	} {
		if got := Plain(in); got != want {
			t.Errorf("Plain(%q) = %s, want %s", in, got, want)
		}
	}
	if got := PlainLines("a\tb\n\rc"); got != "a\tb\n\\u000dc" {
		t.Error(got)
	}
}

// What is escaped in JSON is the same value.
func TestWriterKeepsJSON(t *testing.T) {
	var hostile strings.Builder
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if utf8.ValidRune(r) && Deceives(r) {
			hostile.WriteRune(r)
		}
	}
	text, err := json.Marshal(map[string]string{"k" + hostile.String()[:200]: hostile.String()})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if n, err := (Writer{To: &out}).Write(text); n != len(text) || err != nil {
		t.Fatal(n, err)
	}
	if i := strings.IndexFunc(out.String(), Deceives); i >= 0 {
		t.Errorf("at %d: %q", i, out.String()[i:][:10])
	}
	var want, got map[string]string
	if json.Unmarshal(text, &want) != nil || json.Unmarshal(out.Bytes(), &got) != nil || len(got) != 1 {
		t.Fatal("no JSON any more")
	}
	for k, v := range want {
		if got[k] != v {
			t.Error("another value")
		}
	}
}

func TestWriterColors(t *testing.T) {
	const text = "\x1b[1mbold\x1b[0m \x1b[8mhidden\x1b]0;title\a\x1b[31mred\x1b[0m\x1b"
	for colors, want := range map[bool]string{
		true:  "\x1b[1mbold\x1b[0m \\u001b[8mhidden\\u001b]0;title\\u0007\x1b[31mred\x1b[0m\\u001b",
		false: `\u001b[1mbold\u001b[0m \u001b[8mhidden\u001b]0;title\u0007\u001b[31mred\u001b[0m\u001b`,
	} {
		var out bytes.Buffer
		(Writer{&out, colors}).Write([]byte(text))
		if out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
}
