package confusables

import (
	"strings"
	"testing"
)

func TestQuoting(t *testing.T) {
	long := strings.Repeat("é", 300)
	for _, tt := range []struct{ what, got, want string }{
		{"Quote", Quote("it said \"no\"\n\u202e"), `"it said \"no\"\n\u202e"`},
		{"Quote, long", Quote(long), `"` + strings.Repeat(`\u00e9`, 200) + `"…`},
		{"Excerpt", Excerpt(" one\n\ttwo \x1b[2J\xff", 100), `one two \u001b[2J` + "\ufffd"},
		{"Excerpt, long", Excerpt(long, 4), "ééé…"},
		{"Cut", Cut("日本語", 3), "日本語"},
		{"Cut, long", Cut("日本語x", 3), "日本…"},
		{"Cut to nothing", Cut("abc", 0), "…"},
		{"Some", Some([]string{"a", "b"}, 2), "a, b"},
		{"Some, more", Some([]string{"a", "b", "c", "d"}, 2), "a, b and 2 more"},
		{"Some of none", Some(nil, 2), ""},
		{"ASCII", ASCII(`größe "x"`), `gr\u00f6\u00dfe \"x\"`},
		{"Word", Word("--a=b"), "--a=b"},
		{"Word of two", Word("a b"), `"a b"`},
		{"Word of none", Word(""), `""`},
		{"ShellWord", ShellWord("it's"), `'it'\''s'`},
		{"ShellWord, plain", ShellWord("/a-b_c.d"), "/a-b_c.d"},
		{"ShellWord, hidden", ShellWord("a\u200bb"), `"a\u200bb"`},
		{"Reveal", Reveal("日本 é \u043e \U0001f600 \u202e \u05d0 \u0300 \U000e0041\xff"), `日本 é \u043e ` + "\U0001f600" + ` \u202e \u05d0 \u0300 \udb40\udc41\xff`},
		{"ASCIIJSON", string(ASCIIJSON([]byte(`{"é":"` + "\U0001f600" + `"}`))), `{"\u00e9":"\ud83d\ude00"}`},
		{"Visible", Visible("a\u200bb \U0001f468\u200d\U0001f469"), `a\u200bb ` + "\U0001f468\u200d\U0001f469"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, tt.got, tt.want)
		}
	}
}
