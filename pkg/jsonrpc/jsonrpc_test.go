package jsonrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		kind Kind
		id   string
		err  error
	}{
		{`{"jsonrpc":"2.0","id":1,"method":"ping"}`, Request, "1", nil},
		{` { "id" : "a\"b" , "jsonrpc" : "2.0" , "method" : "x" , "params" : { } } `, Request, `"a\"b"`, nil},
		{`{"jsonrpc":"2.0","id":9007199254740993,"result":null}`, Result, "9007199254740993", nil},
		{`{"jsonrpc":"2.0","result":{"a":[1,{"b":"}"}]},"id":-1.5e3}`, Result, "-1.5e3", nil},
		{`{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}`, Failure, "null", nil},
		{`{"jsonrpc":"2.0","id":3,"result":null,"error":{"code":-32000,"message":"x","data":null}}`, Failure, "3", nil},
		{`{"jsonrpc":"2.0","id":3,"result":{},"error":{"code":1,"message":"x"}}`, Invalid, "3", ErrInvalid},
		{`{"jsonrpc":"2.0","id":3,"error":null}`, Invalid, "3", ErrInvalid},
		{`{"jsonrpc":"2.0","id":3,"error":"no"}`, Invalid, "3", ErrInvalid},
		{`{"jsonrpc":"2.0","id":3,"error":["no"]}`, Invalid, "3", ErrInvalid},
		{`{"jsonrpc":"2.0","id":3,"error":{"message":"x"}}`, Invalid, "3", ErrInvalid},
		{`{"jsonrpc":"2.0","id":3,"error":{"code":1}}`, Invalid, "3", ErrInvalid},
		{`{"jsonrpc":"2.0","id":3,"error":{"code":null,"message":"x"}}`, Invalid, "3", ErrInvalid},
		{`{"jsonrpc":"2.0","id":3,"error":{"code":"E1","message":"x"}}`, Invalid, "3", ErrInvalid},
		{`{"jsonrpc":"2.0","id":3,"error":{"code":1.5,"message":"x"}}`, Invalid, "3", ErrInvalid},
		{`{"jsonrpc":"2.0","id":3,"error":{"code":9007199254740993,"message":"x"}}`, Invalid, "3", ErrInvalid},
		{`{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":{}}}`, Invalid, "3", ErrInvalid},
		{`{"jsonrpc":"2.0","id":3,"error":{"code":1,"code":2,"message":""}}`, Invalid, "3", ErrAmbiguous},
		{`{"jsonrpc":2.0,"id":3,"result":{}}`, Invalid, "3", ErrInvalid},
		{`{"jsonrpc":"2.0","id":3,"error":null,"result":{}}`, Result, "3", nil},
		{`{"jsonrpc":"2.0","m\u0065thod":"n"}`, Notification, "", nil},
		{`{"jsonrpc":"2.0","id":1}`, Invalid, "1", ErrInvalid},
		{`{"id":1,"method":"x"}`, Invalid, "1", ErrInvalid},
		{`{"jsonrpc":"2.0","id":null,"method":"x"}`, Invalid, "null", ErrInvalid},
		{`{"jsonrpc":"2.0","id":{},"method":"x"}`, Invalid, "{}", ErrInvalid},
		{`{"jsonrpc":"2.0","id":1,"method":"x","id":2}`, Invalid, "1", ErrAmbiguous},
		{`{"jsonrpc":"2.0","id":1,"Id":2,"result":{}}`, Invalid, "1", ErrAmbiguous},
		{`{"jsonrpc":"2.0","method":"x","RESULT":{}}`, Invalid, "", ErrAmbiguous},
		{`{"jsonrpc":"2.0","id":1,"method":"x"} trailing`, Invalid, "1", ErrSyntax},
		{`{"jsonrpc":"2.0","id":1,"result":{bad}}`, Invalid, "1", ErrSyntax},
		{`{"jsonrpc":"2.0","id":1,"result":[}]}`, Invalid, "1", ErrSyntax},
		{`noise`, Invalid, "", ErrSyntax},
		{``, Invalid, "", ErrSyntax},
		{` [{"jsonrpc":"2.0"}]`, Invalid, "", ErrBatch},
	} {
		m, err := Parse([]byte(c.in))
		if m.Kind != c.kind || string(m.Bytes(m.ID)) != c.id || !errors.Is(err, c.err) {
			t.Errorf("Parse(%s) = kind %d, id %s, %v; want %d, %s, %v", c.in, m.Kind, m.Bytes(m.ID), err, c.kind, c.id, c.err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":[1.5e-3,true,null,"\\\""]}}`, `{"jsonrpc":"2.0","id":1,"result":{"a":"\q"}}`, `[]`, `{"id":1,"a":`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Parse(b); err == nil && m.Kind != Invalid {
			if !json.Valid(b) || !utf8.Valid(b) {
				t.Fatalf("took invalid JSON %q", b)
			}
			if m.ID.End != 0 {
				j := m.WithID([]byte(`"other"`)).Join()
				o, err := Parse(j)
				if err != nil || string(o.Bytes(o.ID)) != `"other"` || !bytes.Equal(o.Bytes(o.Params), m.Bytes(m.Params)) {
					t.Fatalf("splicing broke %q: %q %v", b, j, err)
				}
			}
		}
	})
}

func readAll(r *Reader) (out []string) {
	for {
		b, err := r.Read()
		var large *TooLargeError
		var header *HeaderError
		switch {
		case errors.As(err, &large):
			id, request := large.ID()
			out = append(out, fmt.Sprintf("large:%s %v", id, request))
		case errors.As(err, &header):
			out = append(out, "header:"+header.Line)
		case err != nil:
			return append(out, err.Error())
		default:
			out = append(out, string(b))
		}
	}
}

func TestReader(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, c := range map[string]struct{ in, want string }{
		"newline":            {"{1}\n{2}\r\n\n  \n{3}", "{1}|{2}|{3}|EOF"},
		"bom":                {"\ufeff{1}\n", "{1}|EOF"},
		"content-length":     {"Content-Length: 3\r\n\r\n{1}content-length:3\nX-Y: z\n\n{2}", "{1}|{2}|EOF"},
		"body with newlines": {"Content-Length: 6\r\n\r\n{\r\n1\n}", "{\r\n1\n}|EOF"},
		"bad header":         {"Content-Length: x\r\n\r\nContent-Length: 3\r\n\r\n{1}", "header:Content-Length: x|{1}|EOF"},
		"negative, zero":     {"Content-Length: -1\r\n\r\nContent-Length: 0\r\n\r\nContent-Length: 3\r\n\r\n{1}", "header:Content-Length: -1|{1}|EOF"},
		"short body":         {"Content-Length: 30\r\n\r\n{1}", "unexpected EOF"},
		"too long, id first": {`{"id":7,"x":"` + long + "\"}\n{1}\n", "large:7 false|{1}|EOF"},
		"too long, id last":  {`{"x":"` + strings.Repeat("y", 9000) + "\",\"id\":\"a\"}\n{1}\n", `large:"a" false|{1}|EOF`},
		"too long request":   {`{"method":"m","id":7,"x":"` + long + "\"}\n{1}\n", "large:7 true|{1}|EOF"},
		"request, id last":   {`{"x":"` + strings.Repeat("y", 9000) + `","method":"m" , "id": 7 }` + "\n{1}\n", "large:7 true|{1}|EOF"},
		"too long body":      {"Content-Length: 300\r\n\r\n" + long + "Content-Length: 3\r\n\r\n{1}", "large: false|{1}|EOF"},
		"endless":            {long + long, "large: false|EOF"},
	} {
		for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader} {
			r := NewReader(wrap(strings.NewReader(c.in)), Detect, 200)
			if got := strings.Join(readAll(r), "|"); got != c.want {
				t.Errorf("%s: got %q, want %q", name, got, c.want)
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("Content-Length: 3\r\n\r\n{1}"), true)
	f.Add([]byte("{\"id\":1}\n\n{}"), false)
	f.Fuzz(func(t *testing.T, b []byte, oneByte bool) {
		var src io.Reader = bytes.NewReader(b)
		if oneByte {
			src = iotest.OneByteReader(src)
		}
		a := readAll(NewReader(bytes.NewReader(b), Detect, 100))
		if o := readAll(NewReader(src, Detect, 100)); strings.Join(a, "|") != strings.Join(o, "|") {
			t.Fatalf("the size of reads matters: %q, %q", a, o)
		}
	})
}

func TestLargeFramesSurviveAndKeepOrder(t *testing.T) {
	for _, framing := range []Framing{Newline, ContentLength} {
		var stream bytes.Buffer
		w := NewOutlet(&stream, func() Framing { return framing }, 0)
		sizes := []int{10, 70_000, 1, 1 << 20, 300, 5 << 20, 65536, 65535, 2}
		for _, n := range sizes {
			for _, f := range []Frame{{[]byte(`"`), bytes.Repeat([]byte("a"), n), []byte(`"`)}, Whole([]byte(`"small"`))} {
				if err := w.Send(f); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.Drain(time.Minute)
		r := NewReader(&stream, Detect, 0)
		for _, n := range sizes {
			b, err := r.Read()
			small, err2 := r.Read()
			if err != nil || err2 != nil || len(b) != n+2 || string(small) != `"small"` {
				t.Fatalf("framing %d size %d: got %d bytes, %q, %v %v", framing, n, len(b), small, err, err2)
			}
		}
	}
}

func TestSplice(t *testing.T) {
	raw := []byte(`{"name":"a","id":1,"t":"x"}`)
	got := Splice(raw, Edit{Span{23, 26}, []byte("42")}, Edit{Span{8, 11}, []byte(`"up__a"`)}, Edit{Span{1, 1}, []byte(`"new":0,`)})
	if want := `{"new":0,"name":"up__a","id":1,"t":42}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFindRefusesTwoReadings(t *testing.T) {
	for _, in := range []string{`{"name":1,"name":2}`, `{"name":1,"Name":2}`, `{"n\u0061me":1,"name":2}`} {
		if _, err := Find([]byte(in), Span{0, len(in)}, "name"); !errors.Is(err, ErrAmbiguous) {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestOneLineAndQuote(t *testing.T) {
	for raw, want := range map[string]string{"{\r\n \"a\":\n1\n}": "{   \"a\": 1 }", "{\"a\\\"\nb\":\r1}": "{\"a\\\"\nb\": 1}", "[\r\"": "[ \"", "\r": " "} {
		if got := OneLine([]byte(raw)); string(got) != want {
			t.Errorf("got %q", got)
		}
	}
	m, err := Parse([]byte("{\"jsonrpc\":\"2.0\",\r\"id\"\n:1,\"result\":{\n\"a\":[\r1\r],\"b\\r\":{\r}}\r}"))
	if want := `{"jsonrpc":"2.0", "id" :1,"result":{ "a":[ 1 ],"b\r":{ }} }`; err != nil || string(m.Raw) != want {
		t.Errorf("%q, %v", m.Raw, err)
	}
	for _, s := range []string{"plain", "a\"b\\", "<&>", "\n\x00", "é\u2028", "\xff"} {
		var back string
		if err := json.Unmarshal(Quote(s), &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") {
			t.Errorf("%q became %s: %q %v", s, Quote(s), back, err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	tools := strings.Repeat(`{"name":"read_file","description":"Reads a file.","inputSchema":{"type":"object","properties":{"path":{"type":"string"},"n":{"type":"integer","minimum":0}},"required":["path"]}},`, 3000)
	for _, c := range []struct{ name, result string }{
		{"200B", `{"content":[{"type":"text","text":"` + strings.Repeat("a", 150) + `"}]}`},
		{"10MiB-base64", `{"content":[{"type":"text","text":"` + strings.Repeat("abcdEFGH0123+/xy", 10<<20/16) + `"}]}`},
		{"10MiB-lines", `{"content":[{"type":"text","text":"` + strings.Repeat(strings.Repeat("a word ", 9)+`\n`, 10<<20/65) + `"}]}`},
		{"10MiB-quotes", `{"content":[{"type":"text","text":"` + strings.Repeat(`{\"key\":\"value\"},`, 10<<20/23) + `"}]}`},
		{"10MiB-cyrillic", `{"content":[{"type":"text","text":"` + strings.Repeat("слово за словом ", 10<<20/28) + `"}]}`},
		{"10MiB-chinese", `{"content":[{"type":"text","text":"` + strings.Repeat("每个字三个字节。", 10<<20/24) + `"}]}`},
		{"10MiB-numbers", `{"structuredContent":[` + strings.Repeat("0.12345678,", 10<<20/11) + `1]}`},
		{"600KB-tools", `{"tools":[` + tools + `{}]}`},
	} {
		raw := []byte(`{"result":` + c.result + `,"jsonrpc":"2.0","id":12}`)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
