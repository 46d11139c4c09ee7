package jsonrpc

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		` { "b" : 1 , "a" : [ 1 , 2.50 , { } ] } `:                    `{"a":[1,2.50,{}],"b":1}`,
		`12345678901234567890.10`:                                     `12345678901234567890.10`,
		`"\u0041\/\u00e9\n\u001f\u007f"`:                              `"A/é\n\u001f` + "\x7f" + `"`,
		`"\ud83d\ude00"`:                                              `"😀"`,
		`{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"ö":6}`: `{"\r":2,"1":4,"ö":6,"€":1,"😀":5,"` + "\ufb33" + `":3}`, // RFC 8785, 3.2.3
	} {
		got, err := Canonical([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s:\n got %s, %v\nwant %s", in, got, err, want)
		}
	}
	for in, want := range map[string]error{
		`{"a":1,"\u0061":2}`:           ErrDuplicate,
		`[{"x":{"k":1,"k":1}}]`:        ErrDuplicate,
		`{"a":}`:                       ErrSyntax,
		`"\x"`:                         ErrSyntax,
		`"\u12"`:                       ErrSyntax,
		`{"\ud800":1}`:                 ErrText,
		"\"\xed\xa5\xa6\xed\xba\xa5\"": ErrText,
		`1 2`:                          ErrSyntax,
		``:                             ErrSyntax,
		strings.Repeat("[", 1000) + "1" + strings.Repeat("]", 1000): ErrDepth,
	} {
		if got, err := Canonical([]byte(in)); !errors.Is(err, want) {
			t.Errorf("%.40s: got %s, %v; want %v", in, got, err, want)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`{"a":[1,"x\ud800"],"b":{}}`, `"\ud83d\ude00"`, `[[],{"k":-1.0e5}]`, "\"\xed\xa0\x80\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		once, err := Canonical(in)
		if err != nil {
			return
		}
		twice, err := Canonical(once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%q: %q, then %q, %v", in, once, twice, err)
		}
	})
}
