package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// badText can't stand in a JSON string; badValue is no value. Each is one fault of one server.
var (
	badText  = []string{"a\tb", "\x00", "\x1b[31m", "a\rb", `\q`, `\u12`, `\u12g4`, `\x41`, `\'`, "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "é\xa9"}
	badValue = []string{"01", "+1", ".5", "5.", "-", "NaN", "Infinity", "-Infinity", "True", "undefined", "'x'", "[1,]", `{"a":1,}`, `{a:1}`, "\ufeff1", "1\x00", strings.Repeat("1", 5000),
		strings.Repeat("[", 200) + strings.Repeat("]", 200), strings.Repeat(`{"a":`, 12_000) + "1" + strings.Repeat("}", 12_000)}
	// notListed are legal, but take a list from clients that can't decode it or write it again.
	notListed = []string{`"\ud800"`, `"\udc00 x"`, `"\ud83d\ud83d"`, "1e999", "-1e400", `{"k":1,"k":2}`, `{"a":[{"k":1,"\u006b":2}]}`}
)

// brokenItems are items of a list, each with one fault in another place, and sound ones between them.
func brokenItems(id string) (list string, sound []string) {
	var items []string
	add := func(member string) {
		items = append(items, fmt.Sprintf(`{%q:"x:b%d",%s,"inputSchema":{"type":"object"}}`, id, len(items), member))
	}
	for i := range 3 {
		sound = append(sound, fmt.Sprintf("x:sound%d", i))
	}
	items = append(items, fmt.Sprintf(`{%q:"x:sound0","inputSchema":{"type":"object"}}`, id))
	for _, text := range badText {
		add(`"description":"` + text + `"`)
		add(`"` + text + `":1`)
	}
	items = append(items, fmt.Sprintf("{%q:\"x:sound1\",\r\"inputSchema\":{\"type\":\"object\"}}", id))
	for _, value := range append(badValue, notListed...) {
		if id == "uri" && strings.Contains(value, `"k"`) {
			continue // twice a key: every parser takes it, and a list of resources is data
		}
		add(`"annotations":{"x":` + value + `}`)
	}
	items = append(items, `{"`+id+`":"x:nam`+"\t"+`e","inputSchema":{"type":"object"}}`, "7", `"x"`, "null", "{}", fmt.Sprintf(`{%q:"x:sound2","inputSchema":{"type":"object"}}`, id))
	return strings.Join(items, ","), sound
}

// TestBrokenDefinitions: a definition that is no JSON costs that definition, and people are told of it. All else of the server, and all
// of the others, stays.
func TestBrokenDefinitions(t *testing.T) {
	t.Parallel()
	w := newWild(t)
	names, sound := brokenItems("name")
	templates, _ := brokenItems("uriTemplate")
	resources, _ := brokenItems("uri")
	w.says("tools/list", answerOf(`{"tools":[`+names+`]}`)).says("prompts/list", answerOf(`{"prompts":[`+names+`],"_meta":{"x":"`+"\t"+`"}}`))
	w.says("resources/templates/list", answerOf(`{"resourceTemplates":[`+templates+`]}`)).says("resources/list", answerOf(`{"resources":[`+resources+`]}`))
	w.says("tasks/list", answerOf(`{"tasks":[{"taskId":"t1","x":"`+"\x01"+`"},{"taskId":"t2"}]}`))
	h := newHome(t).configure(map[string]json.RawMessage{"bad": w.entry(), "good": server(quickly(mcptest.Server{Name: "good"}))})
	for round := range 2 { // from the look, and then from the record
		c := h.initialized("")
		tools, all := strings.Join(listed4(c), " "), strings.Join(sound, " ")
		if want := all + " | " + all + " | " + all + " | " + all; tools != want {
			t.Errorf("round %d: got %s, want %s", round, tools, want)
		}
		for method, item := range map[string]string{"tools/list": "good__echo", "prompts/list": "good__", "resources/list": "test://", "resources/templates/list": "test://"} {
			if got := string(c.Call(method, nil).Raw); !strings.Contains(got, item) {
				t.Errorf("round %d: %s lost the other server: %.300s", round, method, got)
			}
		}
		if got := said(c.Tool("good__echo", map[string]any{"message": "alive"})); got != "Echo: alive" {
			t.Error(got)
		}
		if r := c.Tool("bad__x_sound0", nil); r.IsError() || r.Error != nil {
			t.Errorf("%s", r.Raw)
		}
		if got := string(c.Call("tasks/list", nil).Raw); !strings.Contains(got, `"t2"`) || strings.Contains(got, "t1") {
			t.Errorf("tasks: %s", got)
		}
		in := inspect(t, c, "bad")
		if broken := 2*len(badText) + len(badValue) + len(notListed) + 1; in.Changes["unreadable"] != 3*broken {
			t.Errorf("round %d: people are told of %v, not of %d in each of three lists", round, in.Changes, broken)
		}
		strictly(t, c)
		c.Close()
	}
}

// listed4 are the sound things of the wild server in the four lists.
func listed4(c *mcptest.Client) (all []string) {
	for i, method := range []string{"tools/list", "prompts/list", "resources/templates/list", "resources/list"} {
		if i > 0 {
			all = append(all, "|")
		}
		for _, raw := range c.List(method) {
			var item struct{ Name, URI, URITemplate string }
			json.Unmarshal(raw, &item)
			name := strings.Replace(item.Name, "bad__x_", "x:", 1)
			if uri := item.URI + item.URITemplate; uri != "" {
				name = uri
			}
			if strings.HasPrefix(name, "x:") {
				all = append(all, name)
			}
		}
	}
	return all
}

// TestBrokenInitialize: what a server says of itself is divided likewise.
func TestBrokenInitialize(t *testing.T) {
	t.Parallel()
	for _, member := range []string{`"capabilities":{"tools":{},"experimental":{"x":"a` + "\t" + `b"}}`, `"capabilities":{"tools":{},"extensions":{"x":` + "NaN" + `}}`, `"capabilities":{"tools":{},"experimental":{"\ud800":{}}}`,
		`"capabilities":{"tools":{}},"instructions":"a` + "\x00" + `b"`, `"capabilities":{"tools":{}},"instructions":"a \udfff b"`, `"capabilities":{"tools":{}},"instructions":"` + "\xff" + `"`,
		`"capabilities":{"tools":{}},"x":"\q"`, `"capabilities":{"tools":{},"experimental":{"deep":` + strings.Repeat("[", 150) + strings.Repeat("]", 150) + `}}`} {
		w := newWild(t).says("initialize", answerOf(`{"protocolVersion":"2025-11-25","serverInfo":{"name":"`+"\x02"+`","version":"1"},`+member+`}`))
		h := newHome(t).configure(map[string]json.RawMessage{"bad": w.entry(), "good": server(quickly(mcptest.Server{Name: "good"}))})
		for range 2 {
			c := h.initialized("")
			if r := c.Tool("bad__go", nil); r.IsError() || r.Error != nil {
				t.Errorf("%q: %s", member, r.Raw)
			}
			if in := inspect(t, c, "bad"); in.Changes["unreadable"] != 1 != strings.Contains(member, `"x":"\q"`) {
				t.Errorf("%q: people are told of %v", member, in.Changes)
			}
			if got := toolNames(c); !strings.Contains(got, " good__echo ") {
				t.Errorf("%q: %s", member, got)
			}
			strictly(t, c)
			c.Close()
		}
	}
}

// TestBrokenMessages: a result, an error, a notification, a request that is no JSON costs itself: the call is told at once, by which server
// and why.
func TestBrokenMessages(t *testing.T) {
	t.Parallel()
	w := newWild(t)
	c := newHome(t).configure(map[string]json.RawMessage{"bad": w.entry(), "good": server(quickly(mcptest.Server{Name: "good"}))}).initialized(able)
	c.List("tools/list")
	var lines []string
	for _, text := range badText {
		lines = append(lines, answerOf(`{"content":[{"type":"text","text":"`+text+`"}]}`), `{"jsonrpc":"2.0","id":@ID@,"error":{"code":1,"message":"`+text+`"}}`,
			`{"result":{"content":[],"`+text+`":1},"jsonrpc":"2.0","id":@ID@}`)
	}
	for _, value := range badValue {
		lines = append(lines, answerOf(`{"content":[],"structuredContent":{"x":`+value+`}}`), `{"error":{"code":`+value+`,"message":"x"},"jsonrpc":"2.0","id":@ID@}`)
	}
	lines = append(lines, answerOf(`{"content":[]}`)+"x", answerOf(`{"content":[]`), `{"jsonrpc":"2.0","id":@ID@,"result":`, `{"jsonrpc":"2.0","id":@ID@,"result":{"content":[{"type":"text","text":"cut`+"\n"+`off"}]}}`,
		`{"result":{"content":[{"type":"text","text":"cut`+"\n"+`off"}]},"jsonrpc":"2.0","id":@ID@}`)
	for _, line := range lines {
		begin := time.Now()
		r := c.Tool("bad__go", w.call(line))
		if !utf8.ValidString(line) {
			if !strings.Contains(string(r.Raw), "\ufffd") || !utf8.Valid(r.Raw) { // in another encoding: the answer goes through
				t.Errorf("%.200q: %.300s", line, r.Raw)
			}
			continue
		}
		if text := r.Text(); !r.IsError() || !strings.Contains(text, `server "bad"`) || !strings.Contains(text, "broken answer") {
			t.Errorf("%.200q: %.300s", line, r.Raw)
		}
		if took := time.Since(begin); mcptest.TooLong(took, 20*time.Second) {
			t.Fatalf("%.200q: told after %v", line, took)
		}
	}
	for _, text := range badText {
		for _, note := range []string{`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"X"}}`, `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"x:X"}}`,
			`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1,"message":"X"}}`, `{"jsonrpc":"2.0","method":"notifications/X"}`,
			`{"jsonrpc":"2.0","id":"X","method":"ping"}`, `{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{"message":"X","requestedSchema":{"type":"object","properties":{}}}}`,
			`{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1,"systemPrompt":"X"}}`} {
			before := len(c.Received())
			r := c.Tool("bad__go", w.call(strings.Replace(note, "X", text, 1)+"\n"+answerOf(`{"content":[]}`)))
			if r.IsError() || r.Error != nil || len(c.Received()) != before+1 {
				t.Errorf("%s with %q: %.300s", note, text, r.Raw)
			}
		}
	}
	if got := said(c.Tool("good__echo", map[string]any{"message": "alive"})); got != "Echo: alive" {
		t.Error(got)
	}
	strictly(t, c)
}

// call sets what the next tools/call is answered with.
func (w *wilderness) call(line string) map[string]any {
	w.t.Helper()
	w.says("tools/call", line)
	return nil
}

// TestBrokenAnswerOfTheClient: the server that asked is told, and does not wait for ever.
func TestBrokenAnswerOfTheClient(t *testing.T) {
	t.Parallel()
	c := proxied(t, able, mcptest.Server{})
	over := make(chan struct{})
	defer close(over)
	c.Handle("elicitation/create", func(json.RawMessage) (any, error) { <-over; return nil, nil }) // answered by hand
	id := ""
	for _, text := range badText[:5] {
		c.Send(rawCall(`"ask"`, "s__elicit", `{}`))
		if m, ok := c.Wait(10*time.Second, func(m mcptest.Message) bool { return m.Method == "elicitation/create" && m.ID != id }); ok {
			id = m.ID
			c.Send(`{"jsonrpc":"2.0","id":` + m.ID + `,"result":{"action":"accept","content":{"name":"` + text + `"}}}`)
		}
		m, _ := c.Wait(10*time.Second, answerTo(`"ask"`))
		if !strings.Contains(string(m.Raw), "broken answer") {
			t.Errorf("%q: %s", text, m.Raw)
		}
	}
	strictly(t, c)
}
