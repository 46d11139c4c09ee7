package jsonrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// strict is what a string may not hold, and values that are none; each is refused wherever it stands.
var strict = []struct {
	value string
	err   error
}{
	{"\"a\tb\"", ErrText}, {"\"a\nb\"", ErrText}, {"\"a\rb\"", ErrText}, {"\"\x00\"", ErrText}, {"\"\x1f\"", ErrText}, {"\"seven b\x07\"", ErrText}, {"\"eight by\x08\"", ErrText},
	{`"\q"`, ErrText}, {`"\'"`, ErrText}, {`"\x41"`, ErrText}, {`"\0"`, ErrText}, {`"\U0041"`, ErrText}, {`"\u12"`, ErrText}, {`"\u123"`, ErrText}, {`"\u123g"`, ErrText}, {`"\u+123"`, ErrText},
	{`"\u 123"`, ErrText}, {`"\u0x1F"`, ErrText}, {`"\ud83d\q"`, ErrText}, {"\"\\\n\"", ErrText}, {"\"\\\xff\"", ErrText},
	{"\"\xff\"", ErrText}, {"\"\x80\"", ErrText}, {"\"a\xc3\"", ErrText}, {"\"\xc0\x80\"", ErrText}, {"\"\xc1\xbf\"", ErrText}, {"\"\xe0\x80\xaf\"", ErrText}, {"\"\xe0\x9f\xbf\"", ErrText},
	{"\"\xf0\x80\x80\xaf\"", ErrText}, {"\"\xf0\x8f\xbf\xbf\"", ErrText}, {"\"\xed\xa0\x80\"", ErrText}, {"\"\xed\xbf\xbf\"", ErrText}, {"\"\xed\xa0\xbd\xed\xb8\x80\"", ErrText},
	{"\"\xf4\x90\x80\x80\"", ErrText}, {"\"\xf5\x80\x80\x80\"", ErrText}, {"\"\xf8\x88\x80\x80\x80\"", ErrText}, {"\"\xe2\x82\"", ErrText}, {"\"\xf0\x9f\x98\"", ErrText}, {"\"\xfe\xff\"", ErrText},
	{"\"é\xc3x\"", ErrText}, {"\"" + strings.Repeat("a", 100) + "\x01\"", ErrText}, {"\"" + strings.Repeat("é", 100) + "\xa9\"", ErrText},
	{`01`, ErrSyntax}, {`-01`, ErrSyntax}, {`+1`, ErrSyntax}, {`.5`, ErrSyntax}, {`5.`, ErrSyntax}, {`1e`, ErrSyntax}, {`1e+`, ErrSyntax}, {`-`, ErrSyntax}, {`--1`, ErrSyntax}, {`0x10`, ErrSyntax}, {`1_000`, ErrSyntax},
	{`NaN`, ErrSyntax}, {`Infinity`, ErrSyntax}, {`-Infinity`, ErrSyntax}, {`1.5.5`, ErrSyntax}, {`00`, ErrSyntax}, {"\u0661", ErrSyntax}, {strings.Repeat("9", maxNumber+1), ErrNumber},
	{`True`, ErrSyntax}, {`nul`, ErrSyntax}, {`nullx`, ErrSyntax}, {`undefined`, ErrSyntax}, {`'a'`, ErrSyntax}, {"`a`", ErrSyntax}, {`a`, ErrSyntax}, {`// x`, ErrSyntax}, {`/* x */ 1`, ErrSyntax},
	{"\ufeff1", ErrSyntax}, {"\x0b1", ErrSyntax}, {"\x0c1", ErrSyntax}, {"\u00a01", ErrSyntax}, {"\u20281", ErrSyntax}, {"\x001", ErrSyntax}, {"1\x00", ErrSyntax},
	{`[1,]`, ErrSyntax}, {`[,1]`, ErrSyntax}, {`[1 2]`, ErrSyntax}, {`[1}`, ErrSyntax}, {`{"a":1,}`, ErrSyntax}, {`{a:1}`, ErrSyntax}, {`{"a"}`, ErrSyntax}, {`{"a":}`, ErrSyntax}, {`{"a",1}`, ErrSyntax},
	{`{1:2}`, ErrSyntax}, {`{"a":1 "b":2}`, ErrSyntax}, {`{"a":1]`, ErrSyntax}, {`{,}`, ErrSyntax}, {`"`, ErrSyntax}, {`"\`, ErrSyntax}, {`"\"`, ErrSyntax}, {`"\u00`, ErrSyntax}, {`[`, ErrSyntax}, {`{"a":`, ErrSyntax},
	{strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), ErrDepth}, {strings.Repeat(`{"a":`, 1<<17), ErrDepth}, {strings.Repeat(`[`, 1<<19), ErrDepth},
}

// legal are values that pass as they are, odd as they may be.
var legal = []string{
	`"\ud800"`, `"\udfff\ud800"`, `"\u0000"`, "\"\x7f\"", `"\u2028"`, "\"\u2028\u2029\u0085\ufeff\ufffe\uffff\"", "\"\U0010ffff\U00010000\uffff\u0800\u07ff\u0080\"", `"\"\\\/\b\f\n\r\t\u00e9\u00E9"`,
	`-0`, `-0.0`, `1E400`, `1e-400`, `0e0`, `1.0`, `123456789012345678901234567890`, strings.Repeat("9", maxNumber), `{"a":1,"a":2}`, `{"":{}}`, " [ ] ", "{\"a\"\t:\r\n1 }", `[[],{},"",0,true,false,null]`,
	strings.Repeat("[", MaxDepth-3) + strings.Repeat("]", MaxDepth-3), strings.Repeat(`{"a":`, MaxDepth-3) + "1" + strings.Repeat("}", MaxDepth-3), `"` + strings.Repeat("a", 1000) + `"`,
}

func TestStrict(t *testing.T) {
	for _, c := range strict {
		for _, around := range []string{"X", `[X]`, `{"a":X}`, `{"a":[1,{"b":X,"c":1}]}`} {
			m, err := Parse([]byte(`{"jsonrpc":"2.0","id":7,"result":` + strings.Replace(around, "X", c.value, 1) + `}`))
			if !errors.Is(err, c.err) || m.Kind != Invalid {
				t.Errorf("%.60q in %s: %v, not %v", c.value, around, err, c.err)
			}
			if string(m.Bytes(m.ID)) != "7" {
				t.Errorf("%.60q in %s: the id is %q", c.value, around, m.Bytes(m.ID))
			}
		}
		if strings.HasPrefix(c.value, `"`) && c.err == ErrText { // likewise a key, anywhere
			for _, raw := range []string{`{"jsonrpc":"2.0","id":7,"method":"x",` + c.value + `:1}`, `{"jsonrpc":"2.0","id":7,"result":{` + c.value + `:1}}`} {
				if _, err := Parse([]byte(raw)); !errors.Is(err, ErrText) {
					t.Errorf("%.200q: %v", raw, err)
				}
			}
		}
	}
	for _, value := range legal {
		for _, around := range []string{"X", `[X,1]`, `{"a":X}`} {
			raw := []byte(`{"jsonrpc":"2.0","id":7,"result":` + strings.Replace(around, "X", value, 1) + `}`)
			if _, err := Parse(raw); err != nil {
				t.Errorf("%.60q: %v", value, err)
			}
		}
	}
}

// Wherever a byte stands in a string, however long, it is seen; and nothing else is.
func TestEveryByteAtEveryPlace(t *testing.T) {
	for _, size := range []int{1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 255, 300, 530, 600} {
		for at := range size {
			for c := range 256 {
				b := []byte(`"` + strings.Repeat("a", size) + `"`)
				b[at+1] = byte(c)
				if _, err := (&scan{most: 1}).value(b, 0); (err == nil) != json.Valid(b) && c != '"' && c < 0x80 || err == nil && c >= 0x80 {
					t.Fatalf("%q: %v", b, err)
				}
			}
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range append(strict, []struct {
		value string
		err   error
	}{
		{`"\ud800"`, ErrText}, {`"\udc00"`, ErrText}, {`"\ud83d\ud83d"`, ErrText}, {`"\ud83d x"`, ErrText}, {`"\ud83d\\ude00"`, ErrText}, {`"\ude00\ud83d"`, ErrText}, {`"\uD83D\uDE00\uDE00"`, ErrText},
		{`"é\ud800"`, ErrText}, {`1e400`, ErrNumber}, {`-1E400`, ErrNumber}, {strings.Repeat("9", 400), ErrNumber},
		{strings.Repeat("[", maxItemDepth+1) + strings.Repeat("]", maxItemDepth+1), ErrDepth}, {"[" + strings.Repeat("[],", MaxNodes) + "1]", ErrSize}, {`1 2`, ErrSyntax}, {`"` + strings.Repeat("a", MaxItem) + `"`, ErrSize},
	}...) {
		for _, around := range []string{"X", `[X]`, `{"a":{"b":X}}`} {
			if around != "X" && errors.Is(c.err, ErrDepth) {
				continue
			}
			value := strings.Replace(around, "X", c.value, 1)
			if err := Check([]byte(value)); !errors.Is(err, c.err) {
				t.Errorf("%.60q: %v, not %v", value, err, c.err)
			}
			if _, err := Canonical([]byte(value)); !errors.Is(err, c.err) && !errors.Is(c.err, ErrSize) {
				t.Errorf("%.60q has a canonical form: %v", value, err)
			}
		}
	}
	for _, c := range []string{`"\ud83d\ude00"`, `"\\ud800"`, `"\\\\ud800"`, `"\uD83D\uDE00x\u0041"`, `"\ufffd"`, `1e308`, `-0`, `1e-400`, `9007199254740993`, ` {"a" : [ ] } `, `{"\ud83d\ude00":"😀"}`,
		strings.Repeat("[", maxItemDepth) + strings.Repeat("]", maxItemDepth)} {
		if err := Check([]byte(c)); err != nil {
			t.Errorf("%.60q: %v", c, err)
		}
	}
}

// What is broken in one place still tells its id, and its other parts.
func TestGuess(t *testing.T) {
	for raw, want := range map[string]string{
		`{"jsonrpc":"2.0","id":5,"result":{"a":"` + "\t" + `"}}`: "5|", `{"result":{"a":NaN},"jsonrpc":"2.0","id":"x"}`: `"x"|`, `{"result":[[[{"a":"\"}]\q"}]]],"id":5}`: "5|",
		`{"jsonrpc":"2.0","id":5,"result":{"a":"cut`: "5|", `{"jsonrpc":"2.0","id":5,"method":"m","params":{bad}}`: `5|"m"`, `{"id":5,"result":{bad},"id":6}`: "|", `{"id":{},"result":{bad}}`: "|",
		`{"id":5,"x":{"id":6,bad},"result":1}`: "5|", `{"x":}],"id":5}`: "|", `{"id":"a` + "\t" + `","result":bad}`: "|", `{`: "|", `{"`: "|", `{"id`: "|", `{"id":`: "|", `{"a":"\"`: "|", `}`: "|",
	} {
		m, err := Parse([]byte(raw))
		if got := string(m.Bytes(m.ID)) + "|" + string(m.Bytes(m.Method)); err == nil || got != want {
			t.Errorf("%q: %s, not %s, %v", raw, got, want, err)
		}
	}
	for raw, want := range map[string]string{`[]`: "true", ` [ ] `: "true", `[1,2]`: "12true", `["\q" , {"a":[}] ]`: `"\q"{"a":[}]true`, `[1`: "1false", `[1}`: "1false", `[1 2]`: "1false", `[1,]`: "1true",
		`[1]x`: "1false", `[`: "false", `{}`: "false", `[{"a":1,},{}]`: `{"a":1,}{}true`, `[:]`: "false"} {
		got := ""
		all := RoughElements([]byte(raw), Span{0, len(raw)}, func(at Span) { got += raw[at.Start:at.End] })
		if got += fmt.Sprint(all); got != want {
			t.Errorf("%s: %s, not %s", raw, got, want)
		}
	}
	var items []string
	list := `[ {"a":"` + "\t" + `}]"} , [1,2],NaN,01 , {"b":[{},{"c":]}]} ,"x"] `
	RoughElements([]byte(list), Span{0, len(list)}, func(at Span) { items = append(items, list[at.Start:at.End]) })
	if got := strings.Join(items, "|"); got != `{"a":"`+"\t"+`}]"}|[1,2]|NaN|01|{"b":[{},{"c":]}]` {
		t.Errorf("%q", got)
	}
	if got := string(RoughField([]byte(`{"a":NaN,"n\u0061me":"x","b":"`+"\x00"+`"}`), "name")); got != `"x"` {
		t.Errorf("%q", got)
	}
}

// FuzzStrict: exactly what encoding/json takes in valid UTF-8, less what is too deep or too long, and for lists less what can't be written again.
func FuzzStrict(f *testing.F) {
	for _, c := range strict {
		if len(c.value) < 1000 {
			f.Add([]byte(c.value))
		}
	}
	for _, value := range legal {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		start := skipSpace(b, 0)
		end, err := (&scan{most: MaxDepth}).value(b, start)
		if err == nil {
			err = trailing(b, end)
		}
		std := json.Valid(b) && utf8.Valid(b)
		if bounded := errors.Is(err, ErrDepth) || errors.Is(err, ErrNumber); (err == nil) != std && !(bounded && std) && !(bounded && len(b) > MaxDepth) {
			t.Fatalf("%q: %v, encoding/json: %v", b, err, std)
		}
		listed := Check(b)
		if listed == nil && err != nil {
			t.Fatalf("%q may stand in a list, and is refused: %v", b, err)
		}
		if err == nil && !errors.Is(listed, ErrDepth) && !errors.Is(listed, ErrSize) {
			var v any
			plain := json.Unmarshal(b, &v) == nil // numbers
			if plain && (listed == nil) == loneSurrogate(b) {
				t.Fatalf("%q: %v", b, listed)
			} else if !plain && !errors.Is(listed, ErrNumber) && !errors.Is(listed, ErrText) {
				t.Fatalf("%q: %v", b, listed)
			}
		}
		if canonical, err := Canonical(b); err == nil {
			if listed != nil {
				t.Fatalf("%q has a canonical form: %v", b, listed)
			}
			if again, err := Canonical(canonical); err != nil || string(again) != string(canonical) {
				t.Fatalf("%q: %q becomes %q, %v", b, canonical, again, err)
			}
		}
		var whole int
		RoughMembers(b, Span{0, len(b)}, func(_ []byte, at Span) { whole += at.End - at.Start })
		RoughElements(b, Span{0, len(b)}, func(at Span) { whole += at.End - at.Start })
		if whole > len(b) {
			t.Fatalf("%q: pieces of %d bytes", b, whole)
		}
	})
}

var pair, surrogate = regexp.MustCompile(`(?i)\\ud[89ab]..\\ud[c-f]..`), regexp.MustCompile(`(?i)\\ud[89a-f]`)

func loneSurrogate(b []byte) bool {
	return surrogate.Match(pair.ReplaceAll(bytes.ReplaceAll(b, []byte(`\\`), []byte("\x01")), nil))
}
