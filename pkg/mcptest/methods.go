package mcptest

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// This file answers what is not a tool, a list or a task.

var legacyRevisions = []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}

// request answers one request or starts the goroutine that will.
func (s *session) request(c *call) {
	if c.method == "tools/call" {
		c.readToolCall()
		s.recordTool(c.name, c.raw)
		s.note(c.method, c.name)
	} else {
		s.record(c.method, c.raw)
	}
	if s.opts.has(FaultStrictInit) && c.method != "initialize" && c.method != "ping" {
		s.mu.Lock()
		ready := s.initialized
		s.mu.Unlock()
		if !ready {
			c.fail(-32600, "Invalid Request: not initialized", nil)
			return
		}
	}
	switch c.method {
	case "initialize":
		c.initialize()
	case "ping":
		c.result([]byte(`{}`))
	case "server/discover":
		c.discover()
	case "tools/list", "prompts/list", "resources/list", "resources/templates/list":
		c.list()
	case "tools/call":
		c.capable("tools", c.callTool)
		s.countForRug()
	case "prompts/get":
		c.capable("prompts", c.getPrompt)
	case "resources/read":
		c.capable("resources", c.readResource)
	case "resources/subscribe", "resources/unsubscribe":
		c.capable("resources", c.subscribe)
	case "completion/complete":
		c.capable("completions", c.complete)
	case "logging/setLevel":
		c.capable("logging", c.setLevel)
	case "tasks/get", "tasks/list", "tasks/result", "tasks/cancel":
		c.capable("tasks", c.taskMethod)
	default:
		if strings.HasPrefix(c.method, "x/") {
			if c.params == nil {
				c.params = []byte(`{}`)
			}
			c.result(c.params)
			return
		}
		c.notFound()
	}
}

// readToolCall reads what a tools/call is routed by.
func (c *call) readToolCall() {
	_ = members(c.params, func(key, val []byte) {
		switch string(key) {
		case "name":
			c.name = unquote(val)
		case "arguments":
			c.args = val
		case "task":
			c.task = val
		case "_meta":
			c.token = member(val, "progressToken")
		}
	})
}

func (c *call) notFound() { c.fail(-32601, "Method not found", nil) }

// capable runs f if the upstream declares the capability.
func (c *call) capable(name string, f func()) {
	if c.s.core.caps != nil && member(c.s.core.caps, name) == nil {
		c.notFound()
		return
	}
	f()
}

func (c *call) discover() {
	switch {
	case c.s.opts.has(FaultHangDiscover):
		c.async(func() { <-c.ctx.Done() })
	case c.s.opts.has(FaultExitOnDiscover):
		c.s.exit(c.s.opts.ExitCode)
	default:
		c.notFound()
	}
}

func (c *call) initialize() {
	s := c.s
	version := s.opts.ProtocolVersion
	if version == "" {
		if version = unquote(member(c.params, "protocolVersion")); !slices.Contains(legacyRevisions, version) {
			version = legacyRevisions[len(legacyRevisions)-1]
		}
	}
	caps := map[string]bool{}
	_ = members(member(c.params, "capabilities"), func(key, _ []byte) { caps[string(key)] = true })
	s.mu.Lock()
	s.version, s.clientCaps = version, caps
	s.mu.Unlock()

	b := append([]byte(`{"protocolVersion":`), quote(version)...)
	b = append(append(b, `,"capabilities":`...), s.capabilities(version)...)
	b = append(append(b, `,"serverInfo":{"name":`...), quote(s.opts.Name)...)
	b = append(append(b, `,"version":`...), quote(s.opts.Version)...)
	b = append(b, '}')
	instructions := s.opts.Instructions
	if s.rugPulled() && s.opts.Rug.Instructions != "" {
		instructions = s.opts.Rug.Instructions
	}
	if instructions != "" {
		b = append(append(b, `,"instructions":`...), quote(instructions)...)
	}
	b = append(b, '}')
	answer := func() {
		if s.opts.has(FaultHalfLine) && s.rawOut != nil {
			frame := response(s.opts.IDLast, c.id, b)
			s.rawOut(frame[:len(frame)/2], true)
			return
		}
		c.result(b)
		if s.opts.ExitAfterInit > 0 {
			s.exitLater(s.opts.ExitAfterInit)
		}
	}
	switch {
	case s.opts.has(FaultHangInitialize):
		c.async(func() { <-c.ctx.Done() })
	case s.opts.InitDelay > 0:
		c.async(func() {
			if c.wait(s.opts.InitDelay) {
				answer()
			}
		})
	default:
		answer()
	}
}

func (c *call) getPrompt() {
	name, args := unquote(member(c.params, "name")), member(c.params, "arguments")
	c.s.note(c.method, name)
	var text []byte
	switch name {
	case "greet":
		text = embed("Hello, ", member(args, "name"))
	case "summary":
		text = embed("Summarize: ", member(args, "topic"))
	default:
		if !slices.ContainsFunc(c.s.opts.ExtraPrompts, func(p json.RawMessage) bool { return unquote(member(p, "name")) == name }) {
			c.fail(-32602, "Unknown prompt: "+name, nil)
			return
		}
		text = quote(name + " " + string(args))
	}
	b := append([]byte(`{"description":`), quote("Prompt "+name)...)
	b = append(append(b, `,"messages":[{"role":"user","content":{"type":"text","text":`...), text...)
	c.result(append(b, `}}]}`...))
}

// embed writes the JSON string of prefix and another JSON string, the bytes of
// which are kept; anything else than a string stands for an empty one.
func embed(prefix string, quoted []byte) []byte {
	if len(quoted) < 2 || quoted[0] != '"' {
		quoted = []byte(`""`)
	}
	b := make([]byte, 0, len(prefix)+len(quoted))
	return append(append(append(b, '"'), prefix...), quoted[1:]...)
}

func (c *call) readResource() {
	uri := unquote(member(c.params, "uri"))
	c.s.note(c.method, uri)
	if !c.s.knowsURI(uri) {
		c.fail(-32002, "Resource not found", append(append([]byte(`{"uri":`), orNull(member(c.params, "uri"))...), '}'))
		return
	}
	b := append([]byte(`{"contents":[{"uri":`), member(c.params, "uri")...)
	b = append(append(b, `,"mimeType":"text/plain","text":`...), quote("Content of "+uri)...)
	c.result(append(b, `}]}`...))
}

// knowsURI tells whether a resource is listed or an instance of the template.
func (c *core) knowsURI(uri string) bool {
	if rest, ok := strings.CutPrefix(uri, c.opts.URIBase+"item/"); ok && rest != "" {
		return true
	}
	return slices.ContainsFunc(c.resourceItems(), func(it item) bool { return it.name == uri })
}

func (c *call) subscribe() {
	uri := unquote(member(c.params, "uri"))
	c.s.mu.Lock()
	if c.method == "resources/subscribe" {
		c.s.subs[uri] = true
	} else {
		delete(c.s.subs, uri)
	}
	c.s.mu.Unlock()
	c.result([]byte(`{}`))
}

// complete offers the value itself with 1, 2 and 3 behind it.
func (c *call) complete() {
	value := member(member(c.params, "argument"), "value")
	b := []byte(`{"completion":{"values":[`)
	for i := 1; i <= 3; i++ {
		if i > 1 {
			b = append(b, ',')
		}
		quoted := embed("", value)
		b = append(append(b, quoted[:len(quoted)-1]...), strconv.Itoa(i)+`"`...)
	}
	c.result(append(b, `],"total":3,"hasMore":false}}`...))
}

var logLevels = []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}

func (c *call) setLevel() {
	level := unquote(member(c.params, "level"))
	if !slices.Contains(logLevels, level) {
		c.fail(-32602, "Unknown level: "+level, nil)
		return
	}
	c.s.mu.Lock()
	c.s.logLevel = level
	c.s.mu.Unlock()
	c.result([]byte(`{}`))
}
