package jsonrpc

import (
	"testing"
	"unicode/utf8"
)

// TestMend: text in another encoding becomes U+FFFD, and all else stays as it is.
func TestMend(t *testing.T) {
	const head, tail = `{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":`, `}],"n":1.0}}`
	for text, want := range map[string]string{
		"\"Stra\xdfe\"":                        `"Stra�e"`,                  // Latin-1
		"\"\x93quoted\x94 \x80 5\"":            `"�quoted� � 5"`,            // Windows-1252
		"\"\xc4\xe3\xba\xc3\"":                 `"����"`,                    // GBK
		"\"a\xd5\\\"":                          `"a�"`,                      // GBK, with a backslash as its second byte, at the end
		"\"a\xd5\\\xd5\\b\"":                   `"a��b"`,                    // and within
		"\"\xe9\\n\xe9\\\"\xe9\"":              `"�\n�\"�"`,                 // escapes beside
		"\"\xff\"":                             `"�"`,                       //
		"\"\xe2\x82\"":                         `"��"`,                      // cut off
		"\"\xed\xa0\x80\"":                     `"���"`,                     // half a surrogate pair
		"\"\xc0\xaf\"":                         `"��"`,                      // an overlong slash stays none
		"\"mixed 每 é \xe9\"":                   `"mixed 每 é �"`,             //
		"\"x\",\"a\" : { \"text\" : \"\xe9\"}": `"x","a" : { "text" : "�"}`, // deeper
		"\"x\xe9\",\"text\":\"\xe9\"":          `"x�","text":"�"`,           //
		"\"x\",\"stra\xdfe\":\"x:\xdf\"":       `"x","stra�e":"x:�"`,        // elsewhere: a name, an address
	} {
		raw := []byte(head + text + tail)
		m, err := Parse(raw)
		if err == nil {
			t.Fatalf("%q is no fault", text)
		}
		m, ok := Mend(raw, err)
		if want = head + want + tail; !ok || string(m.Raw) != want || !utf8.Valid(m.Raw) {
			t.Errorf("%q:\nwant %s\n got %s", text, want, m.Raw)
		}
	}
	for _, raw := range []string{
		head + `"a` + "\t\xdf" + `"` + tail,
		head + `"\q` + "\xdf" + `"` + tail,
		head + `"` + "\xdf",
		`{"jsonrpc":"2.0","id":7,"method":"m","params":{"text":"` + "\xdf" + `"}}`,
	} {
		_, err := Parse([]byte(raw))
		if m, ok := Mend([]byte(raw), err); err == nil || ok {
			t.Errorf("%q became %s", raw, m.Raw)
		}
	}
	failure := []byte(`{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"stra` + "\xdf" + `e"}}`)
	_, err := Parse(failure)
	if m, ok := Mend(failure, err); !ok || m.Kind != Failure || !utf8.Valid(m.Raw) {
		t.Errorf("an error became %q", m.Raw)
	}
	if _, ok := Mend([]byte(`{"jsonrpc":"2.0","id":7,"result":{}}`), nil); ok {
		t.Error("what is sound needs no mending")
	}
}

func FuzzMend(f *testing.F) {
	f.Add([]byte("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"text\":\"\xd5\\\"}}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, err := Parse(raw)
		if m, ok := Mend(raw, err); ok && (!utf8.Valid(m.Raw) || m.Kind != Result && m.Kind != Failure) {
			t.Fatalf("%q became %q", raw, m.Raw)
		}
	})
}
