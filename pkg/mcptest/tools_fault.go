package mcptest

import (
	"fmt"
	"strings"
)

// faultTools misbehave when they are called.
func faultTools() []builtin {
	return []builtin{
		{name: "crash", text: "Ends the process in the call", props: "code:integer? text:string?", run: func(c *call, a *arguments) {
			code := 1
			if a.Code != nil {
				code = *a.Code
			}
			fmt.Fprintln(c.s.stderr, "mcptest: crash "+a.Text)
			c.s.exit(code)
			c.deliver(nil) // where exit comes back
		}},
		{name: "kill9", text: "Kills the process in the call", run: func(c *call, _ *arguments) {
			c.s.kill()
			c.deliver(nil)
		}},
		{name: "half", text: "Half an answer, then nothing (hang), the end (exit) or the other half (resume)", props: "then:string? ms:integer?", slow: true,
			run: func(c *call, a *arguments) {
				if c.s.rawOut == nil {
					c.toolError("half needs stdio")
					return
				}
				frame := response(c.s.opts.IDLast, c.id, textResult(quote("half a line"), false))
				c.s.rawOut(frame[:len(frame)/2], a.Then != "resume")
				c.wait(ms(a.MS))
				switch a.Then {
				case "exit":
					c.s.exit(1)
				case "resume":
					c.s.rawOut(append(frame[len(frame)/2:], '\n'), false)
				}
			}},
		{name: "frame", text: "Sends a line of its own, filled up with pad bytes, then answers; with noNewline nothing comes after the line",
			props: "line:string? pad:integer? count:integer? noNewline:boolean?", slow: true, run: func(c *call, a *arguments) {
				for range max(a.Count, 1) {
					line := appendText([]byte(a.Line), a.Pad)
					if a.NoNewline && c.s.rawOut != nil {
						c.s.rawOut(line, true)
						return
					}
					c.to.send(line)
				}
				c.text("sent")
			}},
		{name: "stderr", text: "Writes to stderr", props: "text:string count:integer?", run: func(c *call, a *arguments) {
			fmt.Fprint(c.s.stderr, strings.Repeat(a.Text+"\n", max(a.Count, 1)))
			c.text("written")
		}},
		{name: "never", text: "Never answers", slow: true, run: func(c *call, _ *arguments) {
			<-c.ctx.Done()
			c.deliver(nil)
		}},
		{name: "urlelicit", text: "Fails with -32042", props: "url:string?", run: func(c *call, _ *arguments) {
			c.fail(-32042, "This request requires more information.", []byte(
				`{"elicitations":[{"mode":"url","elicitationId":"`+c.s.opts.Name+`-eid-1","url":"https://example.com/authorize","message":"Please log in","x-extra":9007199254740993}]}`))
		}},
	}
}
