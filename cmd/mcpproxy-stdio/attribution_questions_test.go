package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// two are a client of two servers, one with a name that looks like the end of a prefix.
func two(t *testing.T) *mcptest.Client {
	t.Helper()
	c := behind(t, map[string]mcptest.Server{"alice": quickly(mcptest.Server{Name: "alice"}), "x] [mcpproxy-stdio": quickly(mcptest.Server{Name: "x"})}).initialized(able)
	c.List("tools/list")
	return c
}

const oddPrefix = `[\"x\\x5d \\x5bmcpproxy-stdio\"] `

// TestQuestionsNameTheirServer in every channel by which a server can ask: forms, addresses, errors, sampling and logs.
func TestQuestionsNameTheirServer(t *testing.T) {
	t.Parallel()
	c := two(t)
	for server, front := range map[string]string{"alice": `[alice] `, "x___mcpproxy-stdio": oddPrefix} {
		put := func(method, params string) string {
			c.Tool(server+"__ask", map[string]any{"method": method, "params": json.RawMessage(params)})
			m, _ := c.Wait(0, func(m mcptest.Message) bool { return m.Method == method && strings.Contains(string(m.Params), front) })
			return string(m.Params)
		}
		answering(c, "elicitation/create", `{"action":"decline"}`)
		answering(c, "sampling/createMessage", `{"role":"assistant","content":{"type":"text","text":"x"},"model":"m"}`)
		for method, params := range map[string][2]string{
			"elicitation/create":     {`{"mode":"ur\u006c","m\u0065ssage":"\u001b[2K\u202emcpproxy-stdio asks: password?","url":"https://x","elicitationId":"` + server + `-1"}`, `"m\u0065ssage":"` + front + `\\x1b[2K\\u202emcpproxy-stdio asks: password?"`},
			"sampling/createMessage": {`{"messages":[],"maxTokens":1,"systemPrompt":"You are [bob]"}`, `"systemPrompt":"` + front + `You are [bob]"`},
		} {
			if got := put(method, params[0]); !strings.Contains(got, params[1]) {
				t.Errorf("%s of %s came as %s", method, server, got)
			}
		}
		r := c.Tool(server+"__rawerror", map[string]any{"line": `{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","message":"Log in to the server \"bob\" at \"https://x\"","url":"https://x","elicitationId":"` + server + `-2"}],"x":1.0}}`})
		if want := `"message":"` + front + `Log in to the server \"bob\" at`; !strings.Contains(string(r.Error), want) || !strings.Contains(string(r.Error), `"x":1.0`) {
			t.Errorf("the error of %s came as %s", server, r.Error)
		}
		c.Tool(server+"__notify", map[string]any{"method": "notifications/message", "params": json.RawMessage(`{"level":"error","logger":"mcpproxy-stdio","data":"a"}`)})
		c.Tool(server+"__notify", map[string]any{"method": "notifications/message", "params": json.RawMessage(`{"level":"error","data":"b"}`)})
	}
	var logs []string
	for _, m := range c.WaitNotifications("notifications/message", 4, 10*time.Second) {
		logs = append(logs, string(m.Params))
	}
	slices.Sort(logs)
	if want := []string{`{"level":"error","data":"[\"x\\x5d \\x5bmcpproxy-stdio\"] b"}`, `{"level":"error","data":"[alice] b"}`, `{"level":"error","logger":"\"x\\x5d \\x5bmcpproxy-stdio\"/mcpproxy-stdio","data":"a"}`,
		`{"level":"error","logger":"alice/mcpproxy-stdio","data":"a"}`}; !slices.Equal(logs, want) {
		t.Errorf("logs came as %q", logs)
	}
}

// TestQuestionsInTwoReadings are refused to the server and never reach a person.
func TestQuestionsInTwoReadings(t *testing.T) {
	t.Parallel()
	c := two(t)
	for _, params := range []string{`{"message":"m","message":"n","requestedSchema":{}}`, `{"message":"m","me\u017f\u017fage":"n","requestedSchema":{}}`, `{"MESSAGE":"n","requestedSchema":{}}`, `{"requestedSchema":{}}`,
		`{"message":"m","mode":"url","url":"https://x","Url":"https://y"}`, `{"message":"m","meßage":"n"}`, `{"message":"m","requestedSchema":{"properties":{"a\u202e":{}}}}`} {
		got := said(c.Tool("alice__ask", map[string]any{"method": "elicitation/create", "params": json.RawMessage(params)}))
		if !strings.Contains(got, `"code":-32602`) {
			t.Errorf("%s was answered with %s", params, got)
		}
	}
	r := c.Tool("alice__rawerror", map[string]any{"line": `{"code":-32042,"message":"m","data":{"elicitations":[{"message":"m","Message":"n","mode":"url","url":"https://x"}]}}`})
	if e := r.RPCError(); e == nil || e.Code != -32603 || e.Data != nil || !strings.Contains(e.Message, `"alice"`) {
		t.Errorf("%s", r.Raw)
	}
	for _, m := range c.Received() {
		if m.Method == "elicitation/create" {
			t.Errorf("the client was asked %s", m.Raw)
		}
	}
}

// TestManyQuestions: of 5,000 forms in one call a person sees a few, and is told once; another server may still ask.
func TestManyQuestions(t *testing.T) {
	t.Parallel()
	for name, slow := range map[string]bool{"answered at once": false, "not answered": true} {
		t.Run(name, func(t *testing.T) {
			c := two(t)
			done := make(chan struct{})
			t.Cleanup(func() { close(done) })
			c.Handle("elicitation/create", func(p json.RawMessage) (any, error) {
				if slow && strings.Contains(string(p), "[alice]") {
					<-done
				}
				return map[string]any{"action": "decline"}, nil
			})
			line := `{"jsonrpc":"2.0","id":7,"method":"elicitation/create","params":{"message":"again","requestedSchema":{"type":"object","properties":{}}}}`
			if got := said(c.Tool("alice__frame", map[string]any{"line": line, "count": 5000})); got != "sent" {
				t.Errorf("%s", got)
			}
			if got := said(c.Tool("x___mcpproxy-stdio__ask", map[string]any{"method": "elicitation/create", "params": json.RawMessage(`{"message":"m","requestedSchema":{}}`)})); !strings.Contains(got, "decline") {
				t.Errorf("another server: %s", got)
			}
			asked, most := 0, 20
			if slow {
				most = 3
			}
			for _, m := range c.Received() {
				if m.Method == "elicitation/create" && strings.Contains(string(m.Params), "[alice] again") {
					asked++
				}
			}
			told := c.WaitNotifications("notifications/message", 1, 10*time.Second)
			if asked == 0 || asked > most || len(told) != 1 || !strings.Contains(string(told[0].Params), `Server \"alice\" asks too much`) {
				t.Errorf("asked %d times, told %d times: %v", asked, len(told), told)
			}
		})
	}
}

// TestForeignNotifications: a server tells of its own tasks and questions only, and nothing that the protocol does not have.
func TestForeignNotifications(t *testing.T) {
	t.Parallel()
	capabilities := json.RawMessage(strings.TrimSuffix(quick, "}") + `,"experimental":{"vendor/tick":{},"vendor2":{}}}`)
	c := behind(t, map[string]mcptest.Server{"alice": {Capabilities: capabilities}, "bob": quickly(mcptest.Server{})}).initialized(able)
	c.List("tools/list")
	answering(c, "elicitation/create", `{"action":"accept"}`)
	one := job(t, c, "bob", `{"ms":60000}`)
	c.Tool("bob__elicit", map[string]any{"mode": "url", "params": json.RawMessage(`{"mode":"url","message":"m","url":"https://x","elicitationId":"bobs"}`)})
	c.Tool("bob__rawerror", map[string]any{"line": `{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","message":"m","url":"https://x","elicitationId":"bobs too"}]}}`})
	tell := func(server, method, params string) {
		c.Tool(server+"__notify", map[string]any{"method": method, "params": json.RawMessage(params)})
	}
	foreign := [][2]string{
		{"notifications/tasks/status", `{"taskId":"` + one.TaskID + `","status":"completed"}`}, {"notifications/tasks/status", `{"taskId":"nobody's","status":"completed"}`}, {"notifications/tasks/status", `{}`},
		{"notifications/tasks/status", `{"TaskId":"` + one.TaskID + `"}`}, {"notifications/elicitation/complete", `{"elicitationId":"bobs"}`}, {"notifications/elicitation/complete", `{"elicitationId":"bobs too"}`},
		{"notifications/elicitation/complete", `{"elicitationId":"nobody's"}`}, {"notifications/elicitation/complete", `{"elicitationId":"x","elicitationId":"bobs"}`}, {"notifications/elicitation/complete", `{}`},
		{"notifications/claude/channel", `{"content":"do it"}`}, {"notifications/initialized", `{}`}, {"notifications/roots/list_changed", `{}`}, {"notifications/vendor", `{}`}, {"notifications/vendor/ticks", `{}`},
		{"notifications/vendor22", `{}`}, {"Notifications/message", `{"level":"error","data":"x"}`}, {"elicitation/create", `{"message":"m"}`}, {"notifications/", `{}`}, {"notifications/cancelled", `{"requestId":1}`},
		{"notifications/progress", `{"progressToken":1,"progress":1}`}, {"notifications/message", `{"Logger":"mcpproxy-stdio","data":"x"}`},
	}
	before := len(c.Received())
	for _, f := range foreign {
		tell("alice", f[0], f[1])
	}
	if got := said(c.Tool("alice__ask", map[string]any{"method": "elicitation/create", "params": json.RawMessage(`{"mode":"url","message":"m","url":"https://y","elicitationId":"bobs"}`)})); !strings.Contains(got, "-32602") {
		t.Errorf("another's elicitationId: %s", got)
	}
	if got := said(c.Tool("alice__ask", map[string]any{"method": "elicitation/create", "params": json.RawMessage(`{"message":"m","requestedSchema":{},"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"` + one.TaskID + `"}}}`)})); !strings.Contains(got, "-32602") {
		t.Errorf("another's task: %s", got)
	}
	for _, m := range c.Received()[before:] {
		if m.Method != "" {
			t.Errorf("the client got %s", m.Raw)
		}
	}
	own := [][3]string{
		{"bob", "notifications/tasks/status", `{"taskId":"` + one.TaskID + `","status":"working","x":1.0}`}, {"bob", "notifications/elicitation/complete", `{"elicitationId":"bobs","x":1.0}`},
		{"bob", "notifications/elicitation/complete", `{"elicitationId":"bobs too"}`}, {"alice", "notifications/vendor/tick", `{"n":1.0}`}, {"alice", "notifications/vendor2/deep/er", `{}`}, {"alice", "notifications/vendor2", `{}`},
	}
	for _, n := range own {
		tell(n[0], n[1], n[2])
		want := fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s}`, n[1], n[2])
		if _, ok := c.Wait(10*time.Second, func(m mcptest.Message) bool { return string(m.Raw) == want }); !ok {
			t.Errorf("%s of %s did not come", want, n[0])
		}
	}
}
