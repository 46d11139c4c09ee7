package jsonrpc

import "testing"

// TestAnswers: what Parse refuses may still be an answer, which ends its request, or a request; a line of a log is neither.
func TestAnswers(t *testing.T) {
	for in, want := range map[string]string{
		`{"jsonrpc":"2.0","id":1}`:                                            "answer",
		`{"id":1,"result":{}}`:                                                "answer",
		`{"jsonrpc":2,"id":1,"result":{},"trace":"x"}`:                        "answer",
		`{"jsonrpc":"2.0","id":1,"error":"text"}`:                             "answer",
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","result":{}}`:          "answer",
		`{"jsonrpc":"2.0","id":1,"result":{"a":` + "\"\xff\"" + `}}`:          "answer",
		`{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"},"error":1}`: "answer",
		`{"id":1,"method":"ping"}`:                                            "request",
		`{"jsonrpc":"1.0","id":1,"method":"ping","x":1}`:                      "request",
		`{"level":"info","msg":"up","id":1}`:                                  "",
		`{"id":1}`:                                                            "",
		`{"level":"error","error":"disk full","id":1}`:                        "",
		`{"level":"info","result":"ok","id":1,"time":"now"}`:                  "",
		`{"level":"error","error":{"code":1,"message":"x"},"id":1}`:           "",
		`{"level":"info","method":"tools/call","id":1}`:                       "",
		`{"severity":"INFO","message":"up","id":"1","result":` + "\"\xff\"}":  "",
		`{"jsonrpc":"2.0","result":{}}`:                                       "",
	} {
		m, err := Parse([]byte(in))
		got := ""
		switch {
		case err == nil:
			got = "a message"
		case m.Answers() && m.Asks():
			got = "both"
		case m.Answers():
			got = "answer"
		case m.Asks():
			got = "request"
		}
		if got != want {
			t.Errorf("%s: %q, not %q", in, got, want)
		}
	}
}

// TestBare: members that JSON-RPC does not have go, all others stay as they are written.
func TestBare(t *testing.T) {
	for in, want := range map[string]string{
		`{"trace":{"id":2},"jsonrpc":"2.0","id": 1,"result":{ "a":1.0 }}`:         `{"jsonrpc":"2.0","id":1,"result":{ "a":1.0 }}`,
		`{"jsonrpc":"2.0","id":1,"result":{},"error":null}`:                       `{"jsonrpc":"2.0","id":1,"result":{}}`,
		`{"error":{"code":1,"message":"x"},"result":null,"jsonrpc":"2.0","id":1}`: `{"error":{"code":1,"message":"x"},"jsonrpc":"2.0","id":1}`,
		`{"jsonrpc":"2.0","method":"m","time":1,"params":{"_meta":{}}}`:           `{"jsonrpc":"2.0","method":"m","params":{"_meta":{}}}`,
		`{"jsonrpc":"2.0","\u0069d":1,"resul\u0074":{},"x\"y":1}`:                 `{"jsonrpc":"2.0","id":1,"result":{}}`,
	} {
		m, err := Parse([]byte(in))
		if err != nil || !m.Foreign {
			t.Errorf("%s: %v, foreign %v", in, err, m.Foreign)
			continue
		}
		if bare := m.Bare(); string(bare.Raw) != want || bare.Kind != m.Kind || bare.Foreign {
			t.Errorf("%s:\nwant %s\n got %s", in, want, bare.Raw)
		}
	}
}

func TestNumber(t *testing.T) {
	for in, want := range map[string]int{`7`: 7, `"7"`: 7, `7.0`: 7, `7.00`: 7, `"7.0"`: 7, `7e0`: 7, `0.7E1`: 7, `0`: 0, `1e3`: 1000,
		`"x"`: -1, `7.5`: -1, `-7`: -1, `-7.0`: -1, `null`: -1, `"0x7.0p0"`: -1, `""`: -1, `" 7"`: -1, `"7 "`: -1, `"+7.0"`: -1, `1e99`: -1, `{}`: -1, `"NaN"`: -1,
		`9007199254740993.0`: -1, `18446744073709551616`: -1, ``: -1, `"1_0.0"`: -1, `"Infinity"`: -1} {
		if n, ok := Number([]byte(in)); ok != (want >= 0) || ok && n != uint64(want) {
			t.Errorf("%s: %d %v", in, n, ok)
		}
	}
	for _, one := range []struct {
		a, b string
		same bool
	}{{`7`, `"7"`, true}, {`"x"`, `"x"`, true}, {`7.0`, `7`, true}, {`"x"`, `"y"`, false}, {`-1`, `"-1"`, false}, {`1`, `2`, false}} {
		if SameID([]byte(one.a), []byte(one.b)) != one.same {
			t.Errorf("%+v", one)
		}
	}
}

func TestWithout(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":1,"x":null}`: `{"a":1}`, `{"x":null,"a":1}`: `{"a":1}`, `{"x":null}`: `{}`, `{ "a":1 , "x" : null , "b":2 }`: `{ "a":1 , "b":2 }`, `{ "x" : null , "b":2 }`: `{ "b":2 }`,
	} {
		found, err := Find([]byte(in), Span{0, len(in)}, "x")
		if err != nil {
			t.Fatal(err)
		}
		if got := string(Without([]byte(in), Span{0, len(in)}, found[0])); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

// TestNotes: what Parse tells beside the members.
func TestNotes(t *testing.T) {
	for in, want := range map[string]string{
		`{"jsonrpc":"2.0","id":1,"result":{"a":{"_meta":1},"_meta":{"k":2}}}`:            `{"k":2} false`,
		`{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":null,"a":[]}}`:           `null true`,
		`{"jsonrpc":"2.0","id":1,"method":"m","params":{"\u005fmeta":[1]}}`:              `[1] false`,
		`{"jsonrpc":"2.0","id":1,"result":{"content":[{"text":"null","_meta":null}]}}`:   ` true`,
		`{"jsonrpc":"2.0","id":1,"result":{"content":[{"text":"null","_meta":{}}]}}`:     ` false`,
		`{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","_meta":1,"data":null}}`: ` true`,
		`{"jsonrpc":"2.0","id":1,"method":"m","params":["_meta",{"_meta":1}]}`:           ` false`,
	} {
		m, err := Parse([]byte(in))
		got := string(m.Bytes(m.Meta)) + " "
		if m.Nulls {
			got += "true"
		} else {
			got += "false"
		}
		if err != nil || got != want {
			t.Errorf("%s: %q %v", in, got, err)
		}
	}
}
