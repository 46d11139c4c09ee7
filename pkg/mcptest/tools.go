package mcptest

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// builtin is a tool that every scripted upstream has.
type builtin struct {
	name, text string
	props      string // properties of the input schema, as "name:type …"; a ? marks what may be left out
	needs      string // client capability, for CapabilityTools
	extra      string // more JSON members of the definition
	slow       bool   // in its own goroutine, so that it can wait and be cancelled
	run        func(*call, *arguments)
}

// builtinTools is a function because the tools refer to the lists they are in.
func builtinTools() []builtin {
	return slices.Concat(plainTools(), faultTools(), askTools(), stateTools())
}

func (t builtin) wanted(only []string) bool { return only == nil || slices.Contains(only, t.name) }

func (t builtin) define(textVersion, schemaVersion int) []byte {
	return toolJSON(t.name, versioned(t.text, textVersion), versionedSchema(t.schema(), schemaVersion), t.extra)
}

func (t builtin) schema() string {
	var props, required []string
	for field := range strings.FieldsSeq(t.props) {
		name, kind, _ := strings.Cut(field, ":")
		kind, optional := strings.CutSuffix(kind, "?")
		props = append(props, `"`+name+`":{"type":"`+kind+`"}`)
		if !optional {
			required = append(required, `"`+name+`"`)
		}
	}
	if props == nil {
		props = []string{`"note":{"type":"string"}`}
	}
	s := `{"type":"object","properties":{` + strings.Join(props, ",") + `}`
	if required != nil {
		s += `,"required":[` + strings.Join(required, ",") + `]`
	}
	return s + `}`
}

func (c *call) callTool() {
	if c.name == "echo" { // the hot path
		if message := member(c.args, "message"); len(message) > 0 && message[0] == '"' {
			c.result(textResult(embed("Echo: ", message), false))
			return
		}
		c.toolError("echo needs a message")
		return
	}
	t, ok := c.s.builtins[c.name]
	if c.s.isDropped(c.name) {
		ok = false
	}
	switch {
	case !ok && c.s.hasTool(c.name):
		c.text(c.name + " " + string(c.args))
	case !ok:
		c.fail(-32602, "Unknown tool: "+c.name, nil)
	case c.task != nil:
		c.startTask()
	default:
		var a arguments
		if !c.parse(&a) {
			return
		}
		if !t.slow {
			t.run(c, &a)
			return
		}
		c.async(func() { t.run(c, &a) })
	}
}

func (c *core) isDropped(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped[name]
}

func (c *core) hasTool(name string) bool {
	return slices.ContainsFunc(c.toolItems(), func(it item) bool { return it.name == name })
}

// plainTools answer, wait, and tell about themselves.
func plainTools() []builtin {
	return []builtin{
		{name: "echo", text: "Gives the message back", props: "message:string"},
		{name: "bytes", text: "Answers n bytes of text", props: "n:integer", run: func(c *call, a *arguments) {
			answer := func() {
				b := append(make([]byte, 0, a.N+64), `{"content":[{"type":"text","text":"`...)
				c.result(append(appendText(b, a.N), `"}]}`...))
			}
			if a.N > 1<<20 {
				c.async(answer)
				return
			}
			answer()
		}},
		{name: "sleep", text: "Answers after ms milliseconds", props: "ms:integer", slow: true, run: func(c *call, a *arguments) {
			c.wait(ms(a.MS))
			c.text("slept " + strconv.Itoa(a.MS) + " ms")
		}},
		{name: "progress", text: "Reports progress, then answers", props: "steps:integer ms:integer?", slow: true, run: func(c *call, a *arguments) {
			for i := 1; i <= a.Steps; i++ {
				if !c.wait(ms(a.MS)) {
					break
				}
				c.progress(i, a.Steps, "step "+strconv.Itoa(i))
			}
			c.text("done " + strconv.Itoa(a.Steps))
		}},
		{name: "raw", text: "Answers with the result given as JSON text", props: "line:string", run: func(c *call, a *arguments) {
			if strings.ContainsAny(a.Line, "\r\n") {
				c.toolError("a result must be one line")
				return
			}
			c.result([]byte(a.Line))
		}},
		{name: "rawerror", text: "Answers with the error given as JSON text", props: "line:string", run: func(c *call, a *arguments) {
			c.deliver(rawFailure(c.id, []byte(a.Line)))
		}},
		{name: "env", text: "The environment as a JSON object", run: func(c *call, _ *arguments) {
			env := map[string]string{}
			for _, e := range os.Environ() {
				k, v, _ := strings.Cut(e, "=")
				env[k] = v
			}
			c.json(env)
		}},
		{name: "cwd", text: "The working directory", run: func(c *call, _ *arguments) {
			dir, err := os.Getwd()
			if err != nil {
				c.toolError(err.Error())
				return
			}
			c.text(dir)
		}},
		{name: "pid", text: "The process id", run: func(c *call, _ *arguments) { c.text(strconv.Itoa(os.Getpid())) }},
		{name: "args", text: "The command line arguments as a JSON array", run: func(c *call, _ *arguments) {
			c.json(append([]string{}, os.Args[1:]...))
		}},
		{name: "job", text: "A job that may run as a task", props: "ms:integer text:string? elicit:boolean?", slow: true,
			extra: `,"execution":{"taskSupport":"optional"}`, run: func(c *call, a *arguments) {
				c.wait(ms(a.MS))
				c.text("job done: " + a.Text)
			}},
	}
}

// json answers a tool call with a value as JSON text.
func (c *call) json(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		c.toolError(fmt.Sprint(err))
		return
	}
	c.text(string(b))
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }
