package jsonrpc

import (
	"errors"
	"strings"
	"testing"
	"unicode"
)

func TestFolds(t *testing.T) {
	for name, keys := range map[string][]string{
		"message": {"message", "Message", "MESSAGE", "me\u017f\u017fage", "meßage", "MEẞAGE", "message\x00x", "me\u017fSage"},
		"title":   {"title", "tıtle", "TİTLE", "ti\u0307tle", "Title\x00"},
		"task":    {"tas\u212a", "taſk", "TASK"},
		"office":  {"oﬃce", "oﬀice", "ofﬁce"},
		"status":  {"\ufb06atus", "ﬅatuſ"},
	} {
		for _, key := range keys {
			if !Folds([]byte(key), name) {
				t.Errorf("%q is not taken for %q", key, name)
			}
		}
	}
	for _, key := range []string{"", "messages", "messag", "mess\u200bage", "мessage", "\x00message", strings.Repeat("ſ", 50), "m\xffssage"} {
		if Folds([]byte(key), "message") {
			t.Errorf("%q is taken for message", key)
		}
	}
	// The table has every character that folds to ASCII.
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		for _, s := range []string{strings.ToLower(string(r)), strings.ToUpper(string(r)), string(unicode.SimpleFold(r))} {
			if len(s) == 1 && s[0] < 0x80 && foldsInto[r] == "" {
				t.Errorf("%U becomes %s", r, s)
			}
		}
	}
}

// TestFindFolded: a member that a reader who ignores case takes for the named one makes the object ambiguous.
func TestFindFolded(t *testing.T) {
	for _, raw := range []string{`{"message":"a","me\u017f\u017fage":"b"}`, `{"MESSAGE":"b"}`, `{"mess\u0061ge":"a","message":"b"}`, `{"meßage":"b"}`, `{"message\u0000":"b"}`} {
		if _, err := Find([]byte(raw), Span{0, len(raw)}, "message"); !errors.Is(err, ErrAmbiguous) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	for _, raw := range []string{`{"jsonrpc":"2.0","method":"x","params":{},"param\u017f":{}}`, `{"jsonrpc":"2.0","id":1,"re\u017fult":{}}`, `{"jsonrpc":"2.0","method":"x","ıd":1}`} {
		if _, err := Parse([]byte(raw)); !errors.Is(err, ErrAmbiguous) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}
