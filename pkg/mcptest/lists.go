package mcptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// list answers one page of one of the four lists.
func (c *call) list() {
	var key, capability string
	var items []item
	switch c.method {
	case "tools/list":
		key, capability, items = "tools", "tools", c.s.visibleTools()
	case "prompts/list":
		key, capability, items = "prompts", "prompts", c.s.promptItems()
	case "resources/list":
		key, capability, items = "resources", "resources", c.s.resourceItems()
	default:
		key, capability, items = "resourceTemplates", "resources", c.s.templateItems()
	}
	c.capable(capability, func() {
		if c.s.opts.ListDelay <= 0 {
			c.page(key, items)
			return
		}
		c.async(func() {
			if c.wait(c.s.opts.ListDelay) {
				c.page(key, items)
			}
		})
	})
}

// visibleTools leaves out what the client's capabilities do not reach.
func (s *session) visibleTools() []item {
	all := s.toolItems()
	if !s.opts.CapabilityTools {
		return all
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []item
	for _, it := range all {
		if it.needs == "" || s.initialized && s.clientCaps[it.needs] {
			list = append(list, it)
		}
	}
	return list
}

func (c *call) page(key string, items []item) {
	opts := &c.s.opts
	c.s.core.mu.Lock()
	edition := c.s.edition
	c.s.core.mu.Unlock()

	from, page := 0, 0
	if cursor := unquote(member(c.params, "cursor")); cursor != "" {
		var of int
		if _, err := fmt.Sscanf(cursor, "e%d:%d:%d", &of, &from, &page); err != nil || of != edition || from < 0 {
			c.fail(-32602, "Invalid cursor", nil)
			return
		}
	}
	switch {
	case opts.has(FaultPagesForever) && page > 0:
		items = c.endless(key, page)
		from = 0
	case opts.has(FaultPagesLoop):
		from = 0
	}
	from = min(from, len(items))
	to := len(items)
	if opts.PageSize > 0 && from+opts.PageSize < to {
		to = from + opts.PageSize
	}

	size := 64
	for _, it := range items[from:to] {
		size += len(it.raw) + 1
	}
	b := append(make([]byte, 0, size), `{"`+key+`":[`...)
	for i, it := range items[from:to] {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, it.raw...)
	}
	b = append(b, ']')
	next := page + 1
	if opts.has(FaultPagesLoop) {
		next = 1
	}
	if to < len(items) || opts.has(FaultPagesForever) || opts.has(FaultPagesLoop) {
		b = fmt.Appendf(b, `,"nextCursor":"e%d:%d:%d"`, edition, to, next)
	}
	c.result(append(b, '}'))
}

// endless makes a page that never was before.
func (c *call) endless(key string, page int) []item {
	name := "page_" + strconv.Itoa(page)
	switch key {
	case "tools":
		return []item{{name: name, raw: toolJSON(name, "Page "+strconv.Itoa(page), `{"type":"object"}`, "")}}
	case "prompts":
		return []item{{name: name, raw: promptJSON(name, "Page", "value")}}
	case "resources":
		return []item{c.s.resource(c.s.opts.URIBase + name)}
	}
	return []item{c.s.template(c.s.opts.URIBase + name + "/{id}")}
}

func (c *core) promptItems() []item {
	list := []item{
		{name: "greet", raw: promptJSON("greet", versioned("Greets somebody", c.opts.TextVersion), "name")},
		{name: "summary", raw: promptJSON("summary", versioned("Asks for a summary", c.opts.TextVersion), "topic")},
	}
	for _, raw := range c.opts.ExtraPrompts {
		list = append(list, item{name: unquote(member(raw, "name")), raw: raw})
	}
	if c.rugPulled() {
		list = laid(list, c.opts.Rug.Prompts)
	}
	return list
}

func (c *core) resourceItems() []item {
	var list []item
	for i := 1; i <= c.opts.Resources; i++ {
		list = append(list, c.resource(c.opts.URIBase+"static/"+strconv.Itoa(i)))
	}
	for _, uri := range c.opts.ResourceURIs {
		list = append(list, c.resource(uri))
	}
	if c.rugPulled() {
		for _, uri := range c.opts.Rug.Resources {
			list = append(list, c.resource(uri))
		}
	}
	return list
}

func (c *core) resource(uri string) item {
	b := append([]byte(`{"uri":`), quote(uri)...)
	b = append(append(b, `,"name":`...), quote(uri[strings.LastIndexByte(uri, '/')+1:])...)
	b = append(append(b, `,"description":`...), quote(versioned("A resource of "+c.opts.Name, c.opts.TextVersion))...)
	return item{name: uri, raw: append(b, `,"mimeType":"text/plain"}`...)}
}

func (c *core) templateItems() []item { return []item{c.template(c.opts.URIBase + "item/{id}")} }

func (c *core) template(uri string) item {
	b := append([]byte(`{"uriTemplate":`), quote(uri)...)
	b = append(append(b, `,"name":"item","description":`...), quote(versioned("An item of "+c.opts.Name, c.opts.TextVersion))...)
	return item{name: uri, raw: append(b, `,"mimeType":"text/plain"}`...)}
}

func generatedName(i int) string { return fmt.Sprintf("tool_%05d", i) }

func versioned(text string, version int) string {
	if version == 0 {
		return text
	}
	return text + " (text " + strconv.Itoa(version) + ")"
}

// versionedSchema adds a property to an object schema that has some.
func versionedSchema(schema string, version int) string {
	if version == 0 {
		return schema
	}
	return strings.Replace(schema, `"properties":{`, fmt.Sprintf(`"properties":{"v%d":{"type":"string"},`, version), 1)
}

func generatedSchema(version int) string {
	return versionedSchema(`{"type":"object","properties":{"query":{"type":"string","description":"What to look for"},"limit":{"type":"integer","minimum":1,"maximum":9007199254740993}},"required":["query"]}`, version)
}

// toolJSON writes a tool definition; extra is put behind it, comma included.
func toolJSON(name, description, schema, extra string) json.RawMessage {
	var b bytes.Buffer
	b.WriteString(`{"name":`)
	b.Write(quote(name))
	b.WriteString(`,"description":`)
	b.Write(quote(description))
	b.WriteString(`,"inputSchema":` + schema + extra + `}`)
	return b.Bytes()
}

func promptJSON(name, description, argument string) []byte {
	b := append([]byte(`{"name":`), quote(name)...)
	b = append(append(b, `,"description":`...), quote(description)...)
	b = append(append(b, `,"arguments":[{"name":`...), quote(argument)...)
	return append(b, `,"required":true}]}`...)
}
