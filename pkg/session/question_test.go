package session

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
)

// TestLabel: a name is one name, whatever stands in it.
func TestLabel(t *testing.T) {
	for name, want := range map[string]string{
		"alice": "alice", "my server 2": "my server 2", "a.b_c-d@e+f": "a.b_c-d@e+f", "größe 日本": "größe 日本",
		"x] [mcpproxy-stdio":   `"x\x5d \x5bmcpproxy-stdio"`,
		"]":                    `"\x5d"`,
		`"x"`:                  `"\"x\""`,
		"a/b":                  `"a\x2fb"`,
		"mcpproxy-stdio":       `"mcpproxy-stdio"`,
		"MCPproxy-stdio":       `"MCPproxy-stdio"`,
		"mcpprоxy-stdio":       `"mcppr\u043exy-stdio"`, // a Cyrillic о
		"a\u202eb":             `"a\u202eb"`,
		"a\U000e0041b":         `"a\U000e0041b"`,
		"a: b":                 `"a: b"`,
		"alice] says\nnothing": `"alice\x5d says\nnothing"`,
	} {
		got := label(name)
		if got != want {
			t.Errorf("%q: %s, not %s", name, got, want)
		}
		if strings.ContainsAny(got, "[]/\n") {
			t.Errorf("%q: %s ends before its end", name, got)
		}
	}
}

// TestVisible: what is hidden is shown as an escape; what people write stays as it is.
func TestVisible(t *testing.T) {
	for _, same := range []string{"", "plain\n\ttext", "line\r\nline", "größe 日本 שלום العربية", "👩\u200d👩\u200d👧 🏳️\u200d🌈 ❤️ 1️⃣ #️⃣", "می\u200cخواهم", "क्\u200dष", "a\u00a0b\u3000c"} {
		if got := confusables.Visible(same); got != same {
			t.Errorf("%q became %q", same, got)
		}
	}
	for hidden, want := range map[string]string{
		"a\x1b[2Kb": `a\x1b[2Kb`, "a\rb": `a\rb`, "a\x7fb\u0085c": `a\x7fb\u0085c`, "\u202ecod.exe\u202c": `\u202ecod.exe\u202c`, "a\u200bb\u2060\ufeff": `a\u200bb\u2060\ufeff`, "a\u200db": `a\u200db`,
		"a\ufe0f": `a\ufe0f`, "\u200fa": `\u200fa`, "x\U000e0068\U000e0069": `x\U000e0068\U000e0069`, "a\u2028b": `a\u2028b`, "\u3164": `\u3164`, "\ue000": `\ue000`, "日\u200d\u200d\u200d本": "日\u200d\u200d" + `\u200d` + "本",
		"a\u00adb": `a\u00adb`, "\x00\a\b": `\x00\a\b`, "a\u2066b\u2069": `a\u2066b\u2069`,
	} {
		if got := confusables.Visible(hidden); got != want {
			t.Errorf("%q became %q, not %q", hidden, got, want)
		}
	}
}

func question1(params string) (string, error) {
	q, err := readQuestion([]byte(params), jsonrpc.Span{Start: 0, End: len(params)}, "alice")
	return string(jsonrpc.Splice([]byte(params), q.edits...)), err
}

// TestQuestions: the name stands in front of every question, and no reader sees another message than the one with the name.
func TestQuestions(t *testing.T) {
	for params, want := range map[string]string{
		`{"message":"m","requestedSchema":{}}`:                    `{"message":"[alice] m","requestedSchema":{}}`,
		`{"x":1.0, "mess\u0061ge" : "\u0041 \/ é","mode":"form"}`: `{"x":1.0, "mess\u0061ge" : "[alice] \u0041 \/ é","mode":"form"}`,
		`{"message":""}`:                  `{"message":"[alice] "}`,
		`{"message":"[bob] m"}`:           `{"message":"[alice] [bob] m"}`,
		`{"message":"\u001b[2K\u202em"}`:  `{"message":"[alice] \\x1b[2K\\u202em"}`,
		`{"message":"\r[bob] m"}`:         `{"message":"[alice] \\r[bob] m"}`,
		`{"message":"\b\b\b\b\b\b\b\bm"}`: `{"message":"[alice] \\b\\b\\b\\b\\b\\b\\b\\bm"}`,
		`{"mode":"url","message":"m","url":"https://x/?a=b%20","elicitationId":"e","y":{"message":"inner"}}`:                                                                                                                                      `{"mode":"url","message":"[alice] m","url":"https://x/?a=b%20","elicitationId":"e","y":{"message":"inner"}}`,
		`{"message":"m","requestedSchema":{"type":"object","title":"\u202et","properties":{"a":{"type":"string","title":"T","description":"d\u200b","enum":["v"],"enumNames":["\u0007n"]},"title":{"oneOf":[{"const":"c","title":"\u001bx"}]}}}}`: `{"message":"[alice] m","requestedSchema":{"type":"object","title":"\\u202et","properties":{"a":{"type":"string","title":"T","description":"d\\u200b","enum":["v"],"enumNames":["\\an"]},"title":{"oneOf":[{"const":"c","title":"\\x1bx"}]}}}}`,
	} {
		got, err := question1(params)
		if err != nil || got != want || !json.Valid([]byte(got)) {
			t.Errorf("%s\nbecame %s\n   not %s: %v", params, got, want, err)
		}
	}
	nested := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for _, params := range []string{
		``, `[]`, `{}`, `{"message":7}`, `{"message":null}`, `{"Message":"m"}`, `{"message":"m","message":"n"}`, `{"message":"m","Message":"n"}`,
		`{"message":"m","me\u017f\u017fage":"n"}`, `{"message":"m","meßage":"n"}`, `{"message":"m","mess\u0061ge":"n"}`, `{"message":"m","message\u0000":"n"}`,
		`{"message":"m","mode":"ur\u006c","Mode":"form"}`, `{"message":"m","mode":"URL"}`, `{"message":"m","mode":null}`, `{"message":"m","mode":"new"}`,
		`{"message":"m","mode":"url","url":7}`, `{"message":"m","mode":"url","url":"https://x/\u202e"}`, `{"message":"m","mode":"url","url":"https://x","u\u0072l":"https://y"}`, `{"message":"m","mode":"url","url":"https://x","elicitationId":"a\u0000"}`,
		`{"message":"m","requestedSchema":{"properties":{"a\u200b":{}}}}`, `{"message":"m","requestedSchema":{"properties":{"a":{"default":"\u202e"}}}}`, `{"message":"m","requestedSchema":{"properties":{"a":{"enum":["\u0000"]}}}}`,
		`{"message":"m","requestedSchema":{"properties":{"a":{"Title":"\u202ex"}}}}`, `{"message":"m","requestedSchema":` + nested + `}`,
		`{"message":"` + strings.Repeat("m", mostMessage+1) + `"}`, `{"message":"` + strings.Repeat(`\u00e9`, mostMessage+1) + `"}`, `{"message":"` + strings.Repeat("m", 80_000) + `"}`,
		`{"message":"m","requestedSchema":{"properties":{` + strings.Repeat(`"a":{},`, mostNodes) + `"b":{}}}}`, `{"message":"m","requestedSchema":{"x":"` + strings.Repeat("x", mostSchema) + `"}}`,
	} {
		if got, err := question1(params); err == nil {
			t.Errorf("%.200s passes as %.200s", params, got)
		}
	}
	// How it is written decides the mode.
	if q, err := readQuestion([]byte(`{"message":"m","mode":"ur\u006c","url":"https://x"}`), jsonrpc.Span{End: 51}, "a"); err != nil || q.mode != "url" {
		t.Errorf("%+v %v", q, err)
	}
}

// TestRequired: so it is with the questions in an error, whatever its code. Every other error passes as it came.
func TestRequired(t *testing.T) {
	for raw, want := range map[string]string{
		`{"code":-32042,"message":"x","data":{"elicitations":[{"mode":"url","message":"m","url":"https://x","elicitationId":"1","n":1.0},{"mode":"url","message":"\u202e","url":"https://y","elicitationId":"2"}]}}`: `{"code":-32042,"message":"x","data":{"elicitations":[{"mode":"url","message":"[alice] m","url":"https://x","elicitationId":"1","n":1.0},{"mode":"url","message":"[alice] \\u202e","url":"https://y","elicitationId":"2"}]}}`,
		`{"data":{"\u0065licitations":[{"message":"m"}]},"code":-3.2042e4}`:     `{"data":{"\u0065licitations":[{"message":"[alice] m"}]},"code":-3.2042e4}`,
		`{"code":-32042,"message":"<&>","data":{"n":9007199254740993,"f":1.0}}`: "",
		`{"code":-32000,"data":{"a":1,"a":2,"x":{"elicitations":[1]}}}`:         "",
		`"text"`: "", `{}`: "", `{"data":[{"elicitations":[]}],"code":1.0,"code":2}`: "", `{"code":-32042,"data":{"elicitations":[]}}`: "",
	} {
		if want == "" {
			want = raw
		}
		edits, _, err := readRequired([]byte(raw), jsonrpc.Span{Start: 0, End: len(raw)}, "alice", false)
		if got := string(jsonrpc.Splice([]byte(raw), edits...)); err != nil || got != want {
			t.Errorf("%s\nbecame %s\n   not %s: %v", raw, got, want, err)
		}
	}
	one := `{"message":"m","url":"https://x"}`
	for _, list := range []string{`"elicitations":[{"message":"m"}],"elicitations":[]`, `"Elicitations":[{"message":"m"}]`, `"elicitation\u017f":[{"message":"m"}]`, `"elicitations":{}`, `"elicitations":[7]`, `"elicitations":[{"url":"https://x"}]`,
		`"elicitations":[{"message":"m","Message":"n"}]`, `"elicitations":[` + strings.Repeat(one+",", mostAtOnce) + one + `]`} {
		for _, raw := range []string{`{"code":-32042,"data":{` + list + `}}`, `{"code":-32042,"data":{},"data":{` + list + `}}`} {
			if edits, _, err := readRequired([]byte(raw), jsonrpc.Span{Start: 0, End: len(raw)}, "alice", false); err == nil {
				t.Errorf("%.200s passes as %.200s", raw, jsonrpc.Splice([]byte(raw), edits...))
			}
		}
	}
	for _, raw := range []string{`{"data":{"elicitations":[` + one + `]},"data":{"elicitations":[` + one + `]}}`, `{"DATA":{"elicitations":[` + one + `]}}`} {
		if _, _, err := readRequired([]byte(raw), jsonrpc.Span{Start: 0, End: len(raw)}, "alice", false); err == nil {
			t.Errorf("%s passes", raw)
		}
	}
}

func TestLogs(t *testing.T) {
	for _, one := range []struct{ server, params, want string }{
		{"alice", `{"level":"info","logger":"db","data":{"a":1.0}}`, `{"level":"info","logger":"alice/db","data":{"a":1.0}}`},
		{"alice", `{"level":"info","logger":"mcpproxy-stdio","data":"x"}`, `{"level":"info","logger":"alice/mcpproxy-stdio","data":"x"}`},
		{"alice", `{"level":"info","l\u006fgger":"mcpproxy-stdio"}`, `{"level":"info","l\u006fgger":"alice/mcpproxy-stdio"}`},
		{"alice", `{"logger":"alice","data":"x"}`, `{"logger":"alice","data":"x"}`},
		{"alice", `{"logger":"alice/db","data":"x"}`, `{"logger":"alice/db","data":"x"}`},
		{"alice", `{"logger":"alicetoo"}`, `{"logger":"alice/alicetoo"}`},
		{"alice", `{"logger":"\u001b[2Kx"}`, `{"logger":"alice/\\x1b[2Kx"}`},
		{"alice", `{"logger":null,"data":"x"}`, `{"logger":"alice","data":"x"}`},
		{"alice", `{"logger":"","data":"x"}`, `{"logger":"alice","data":"x"}`},
		{"alice", `{"level":"info","data":"said \u00e9"}`, `{"level":"info","data":"[alice] said \u00e9"}`},
		{"alice", `{"level":"info","data":"\u001b[1A\u001b[2K"}`, `{"level":"info","data":"[alice] \\x1b[1A\\x1b[2K"}`},
		{"alice", `{"level":"info","data":{"x":1}}`, `{"logger":"alice","level":"info","data":{"x":1}}`},
		{"alice", `{}`, `{"logger":"alice"}`},
		{"mcpproxy-stdio", `{"logger":"mcpproxy-stdio","data":"x"}`, `{"logger":"\"mcpproxy-stdio\"/mcpproxy-stdio","data":"x"}`},
		{"mcpproxy-stdio", `{"data":{}}`, `{"logger":"\"mcpproxy-stdio\"","data":{}}`},
		{"x] [bob", `{"data":"x"}`, `{"data":"[\"x\\x5d \\x5bbob\"] x"}`},
	} {
		edit, change, err := readLog([]byte(one.params), jsonrpc.Span{Start: 0, End: len(one.params)}, one.server)
		got := one.params
		if change {
			got = string(jsonrpc.Splice([]byte(one.params), edit))
		}
		if err != nil || got != one.want {
			t.Errorf("%s of %s\nbecame %s\n   not %s: %v", one.params, one.server, got, one.want, err)
		}
	}
	for _, params := range []string{``, `[]`, `{"logger":"a","logger":"b"}`, `{"Logger":"mcpproxy-stdio"}`, `{"logger":"a","LOGGER":"mcpproxy-stdio"}`, `{"data":"a","data":"b"}`} {
		if _, _, err := readLog([]byte(params), jsonrpc.Span{Start: 0, End: len(params)}, "alice"); err == nil {
			t.Errorf("%s passes", params)
		}
	}
}

func TestSampling(t *testing.T) {
	for params, want := range map[string]string{
		`{"messages":[],"systemPrompt":"You \u00e9","x":1.0}`: `{"messages":[],"systemPrompt":"[alice] You \u00e9","x":1.0}`,
		`{"systemPrompt":null}`:                               `{"systemPrompt":"[alice] This is asked by an MCP server."}`,
		`{"messages":[]}`:                                     `{"systemPrompt":"[alice] This is asked by an MCP server.","messages":[]}`,
		`{}`:                                                  `{"systemPrompt":"[alice] This is asked by an MCP server."}`,
	} {
		edit, err := readSampling([]byte(params), jsonrpc.Span{Start: 0, End: len(params)}, "alice")
		if got := string(jsonrpc.Splice([]byte(params), edit)); err != nil || got != want {
			t.Errorf("%s\nbecame %s\n   not %s: %v", params, got, want, err)
		}
	}
	for _, params := range []string{``, `[]`, `{"systemPrompt":"a","SystemPrompt":"b"}`, `{"\u017fystemPrompt":"b"}`} {
		if _, err := readSampling([]byte(params), jsonrpc.Span{Start: 0, End: len(params)}, "alice"); err == nil {
			t.Errorf("%s passes", params)
		}
	}
}

// TestWindow: few questions of a server are open at once and few are asked in a while; another server has its own window.
func TestWindow(t *testing.T) {
	w, now := newWindow(), time.Now()
	most := budgets[mcp.Elicit]
	for i := range most.recent {
		if err := w.admit("alice", mcp.Elicit, i%most.open, now.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatalf("question %d: %v", i, err)
		}
	}
	later := now.Add(recently - time.Second)
	if err := w.admit("alice", mcp.Elicit, 0, later); err == nil {
		t.Error("one more is asked")
	}
	if err := w.admit("alice", mcp.Sampling, 0, later); err != nil {
		t.Errorf("sampling: %v", err)
	}
	if err := w.admit("bob", mcp.Elicit, 0, later); err != nil {
		t.Errorf("bob: %v", err)
	}
	if err := w.admit("bob", mcp.Elicit, most.open, later); err == nil {
		t.Error("too many are open")
	}
	if err := w.admit("alice", mcp.Elicit, 0, now.Add(recently)); err != nil {
		t.Errorf("when the first is long ago: %v", err)
	}
	if err := w.admit("alice", mcp.RootsList, 1000, now); err != nil {
		t.Errorf("roots: %v", err)
	}
	if !w.mayTell("alice", now) || w.mayTell("alice", later) || !w.mayTell("bob", later) || !w.mayTell("alice", now.Add(recently)) {
		t.Error("told too often, or not at all")
	}
}

func TestShownElicitations(t *testing.T) {
	w := newWindow()
	for range 2 {
		if !w.show("alice", "1") || w.show("bob", "1") {
			t.Error("an id is of whoever showed it first")
		}
	}
	if !w.show("bob", "2") || !w.show("bob", "") {
		t.Error("an id that nobody has shown is refused")
	}
	if !w.shows("alice", "1") || w.shows("bob", "1") || w.shows("alice", "3") || w.shows("alice", "") {
		t.Error("whose an id is")
	}
	for i := range 3 * mostShown {
		w.show("carol", fmt.Sprint("c", i))
	}
	if n := len(w.showing["carol"]); n != mostShown || len(w.shown) != mostShown+2 {
		t.Errorf("%d ids are kept of one server, %d in all", n, len(w.shown))
	}
	if !w.shows("alice", "1") || w.show("carol", "1") {
		t.Error("a server has pushed out another's id")
	}
	for i := range 3 * mostDropped {
		w.drop("carol", fmt.Sprint("m", i))
	}
	if _, n := w.drop("carol", "m0"); n != 2 || len(w.dropped) > mostDropped+1 {
		t.Errorf("%d kinds are counted, m0 %d times", len(w.dropped), n)
	}
}

// TestKeptOfServers: what a server makes the session keep is short.
func TestKeptOfServers(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	w := newWindow()
	method, _ := w.drop("alice", long+"1")
	if _, n := w.drop("alice", long+"2"); n != 2 || len(method) != mostMethod {
		t.Errorf("%d bytes are kept of a method, counted %d times", len(method), n)
	}
	params := `{"message":"m","mode":"url","url":"https://x","elicitationId":"` + long + `"}`
	if _, err := readQuestion([]byte(params), jsonrpc.Span{Start: 0, End: len(params)}, "alice"); err == nil {
		t.Error("an elicitationId of a megabyte passes")
	}
}

// TestOwnQuestions never begin as a server's do, whatever the server is called that they are about.
func TestOwnQuestions(t *testing.T) {
	for _, server := range []string{"alice", "[bob] ", "] x"} {
		if text := LoginText(server, oauth.Shown{Issuer: "[bob] ", Resource: "[bob] "}); strings.HasPrefix(text, "[") {
			t.Errorf("%s", text)
		}
	}
}

func FuzzQuestion(f *testing.F) {
	f.Add(`{"message":"m","mode":"url","url":"https://x","requestedSchema":{"title":"\u202e"}}`)
	f.Add(`{"message":"\ud800","me\u017f\u017fage":1}`)
	f.Fuzz(func(t *testing.T, params string) {
		if !json.Valid([]byte(params)) {
			return
		}
		got, err := question1(params)
		if err != nil {
			return
		}
		var q struct{ Message string }
		if err := json.Unmarshal([]byte(got), &q); err != nil || !strings.HasPrefix(q.Message, "[alice] ") || !confusables.Shows(q.Message) {
			t.Errorf("%q became %q: %v", params, got, err)
		}
	})
}

// TestRequiredAlone: the only server there is needs no name, unless its question could be taken for the proxy's own.
func TestRequiredAlone(t *testing.T) {
	for message, named := range map[string]bool{
		"Open this page to go on": false, "": false, "m [alice]": false, "mcp proxy": false,
		"mcpproxy-stdio: log in": true, "Your MCPProxy asks": true, "m\u0441ppr\u043exy": true, "[bob] log in": true, "  [mcpproxy-stdio]": true,
	} {
		raw := `{"code":-32042,"data":{"elicitations":[{"message":"` + message + `","url":"https://x"}]}}`
		edits, _, err := readRequired([]byte(raw), jsonrpc.Span{Start: 0, End: len(raw)}, "alice", true)
		got := string(jsonrpc.Splice([]byte(raw), edits...))
		if err != nil || strings.Contains(got, "[alice] ") != named || !named && got != raw {
			t.Errorf("%s: %s, %v", message, got, err)
		}
	}
}
