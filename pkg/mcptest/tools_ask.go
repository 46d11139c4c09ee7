package mcptest

import (
	"bytes"
	"slices"
	"strconv"
)

// askTools turn to the client in the course of a call.
func askTools() []builtin {
	return []builtin{
		{name: "sample", text: "Asks for sampling/createMessage and gives the raw answer", props: "params:object?", needs: "sampling", slow: true,
			run: func(c *call, a *arguments) {
				c.askAndTell("sampling/createMessage", orDefault(a.Params, `{"messages":[{"role":"user","content":{"type":"text","text":"Say hello"}}],"maxTokens":100}`))
			}},
		{name: "elicit", text: "Asks for elicitation/create (mode form or url) and gives the raw answer; complete tells of the end of a url elicitation",
			props: "mode:string? params:object? complete:boolean?", needs: "elicitation", slow: true, run: (*call).elicit},
		{name: "roots", text: "Asks for roots/list and gives the raw answer", needs: "roots", slow: true, run: func(c *call, _ *arguments) {
			c.askAndTell("roots/list", nil)
		}},
		{name: "ask", text: "Sends any request to the client and gives the raw answer", props: "method:string params:object?", slow: true,
			run: func(c *call, a *arguments) { c.askAndTell(a.Method, a.Params) }},
		{name: "ask-slow", text: "Sends a request to the client, cancels it after ms milliseconds and waits as long for a late answer",
			props: "ms:integer? method:string? params:object?", slow: true, run: (*call).askSlow},
		{name: "notify", text: "Sends a notification count times, with a running seq as params if there are none", props: "method:string params:object? count:integer?",
			slow: true, run: func(c *call, a *arguments) {
				for i := range max(a.Count, 1) {
					c.to.send(notification(a.Method, orDefault(a.Params, `{"seq":`+strconv.Itoa(i)+`}`)))
				}
				c.text("sent")
			}},
		{name: "log", text: "Sends notifications/message, if the level set by the client lets it", props: "level:string? text:string? count:integer?",
			slow: true, run: (*call).log},
	}
}

func orDefault(params []byte, def string) []byte {
	if len(params) == 0 {
		return []byte(def)
	}
	return bytes.Clone(params)
}

// askAndTell answers a tool call with the client's raw answer to a request.
func (c *call) askAndTell(method string, params []byte) {
	raw, err := c.s.ask(c.ctx, c.to.send, method, params)
	if err != nil {
		c.deliver(nil)
		return
	}
	c.text(string(raw))
}

func (c *call) elicit(a *arguments) {
	eid := c.s.opts.Name + "-eid-" + string(bytes.Trim(c.id, `"`))
	params := `{"mode":"form","message":"What is your name?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}}`
	if a.Mode == "url" {
		params = `{"mode":"url","message":"Please log in","elicitationId":"` + eid + `","url":"https://example.com/authorize"}`
	}
	raw, err := c.s.ask(c.ctx, c.to.send, "elicitation/create", orDefault(a.Params, params))
	if err != nil {
		c.deliver(nil)
		return
	}
	if a.Complete {
		c.to.send(notification("notifications/elicitation/complete", []byte(`{"elicitationId":"`+eid+`"}`)))
	}
	c.text(string(raw))
}

func (c *call) askSlow(a *arguments) {
	if a.Method == "" {
		a.Method = "elicitation/create"
		a.Params = []byte(`{"mode":"form","message":"Never mind","requestedSchema":{"type":"object","properties":{}}}`)
	}
	id, answer := c.s.startAsk(c.to.send, a.Method, orDefault(a.Params, `{}`))
	c.wait(ms(a.MS))
	select {
	case raw := <-answer:
		c.text("answered before the cancellation: " + string(raw))
		return
	default:
	}
	c.to.send(notification("notifications/cancelled", []byte(`{"requestId":`+string(id)+`,"reason":"no longer needed"}`)))
	c.wait(ms(a.MS))
	select {
	case raw := <-answer:
		c.text("answered after the cancellation: " + string(raw))
	default:
		c.text("cancelled")
	}
}

func (c *call) log(a *arguments) {
	if a.Level == "" {
		a.Level = "info"
	}
	c.s.mu.Lock()
	least := c.s.logLevel
	c.s.mu.Unlock()
	if slices.Index(logLevels, a.Level) < slices.Index(logLevels, least) { // none set: -1
		c.text("below " + least)
		return
	}
	for i := range max(a.Count, 1) {
		b := append([]byte(`{"level":`), quote(a.Level)...)
		b = append(append(b, `,"logger":`...), quote(c.s.opts.Name)...)
		b = append(append(b, `,"data":{"text":`...), quote(a.Text)...)
		b = strconv.AppendInt(append(b, `,"seq":`...), int64(i), 10)
		c.to.send(notification("notifications/message", append(b, `}}`...)))
	}
	c.text("logged")
}
