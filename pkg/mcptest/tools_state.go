package mcptest

import (
	"strconv"
	"strings"
)

// stateTools change what the upstream offers, or tell what it has seen.
func stateTools() []builtin {
	return []builtin{
		{name: "add_tool", text: "Adds a tool and sends list_changed", props: "name:string description:string?", run: func(c *call, a *arguments) {
			if a.Description == "" {
				a.Description = "Added at run time"
			}
			c.s.changeTools(func() {
				delete(c.s.dropped, a.Name)
				if _, ok := c.s.builtins[a.Name]; !ok {
					c.s.added = append(c.s.added, item{name: a.Name, raw: Tool(a.Name, a.Description)})
				}
			})
			c.text("added " + a.Name)
		}},
		{name: "drop_tool", text: "Takes a tool away and sends list_changed", props: "name:string", run: func(c *call, a *arguments) {
			c.s.changeTools(func() { c.s.dropped[a.Name] = true })
			c.text("dropped " + a.Name)
		}},
		{name: "touch", text: "Sends resources/updated to whoever subscribed to a URI", props: "uri:string count:integer?", run: func(c *call, a *arguments) {
			told := 0
			for _, s := range c.s.allSessions() {
				s.mu.Lock()
				subscribed := s.subs[a.URI]
				s.mu.Unlock()
				if subscribed {
					told++
					for range max(a.Count, 1) {
						s.send(notification("notifications/resources/updated", append(append([]byte(`{"uri":`), quote(a.URI)...), '}')))
					}
				}
			}
			c.text("told " + strconv.Itoa(told))
		}},
		{name: "subscriptions", text: "The URIs subscribed to in this session as a JSON array", run: func(c *call, _ *arguments) {
			uris := []string{}
			c.s.mu.Lock()
			for uri := range c.s.subs {
				uris = append(uris, uri)
			}
			c.s.mu.Unlock()
			c.json(uris)
		}},
		{name: "incr", text: "Counts its calls in this session", run: func(c *call, _ *arguments) {
			c.text(strconv.FormatInt(c.s.counter.Add(1), 10))
		}},
		{name: "count", text: "How many messages came, by method, as a JSON object", run: func(c *call, _ *arguments) { c.json(c.s.countsCopy()) }},
		{name: "last", text: "The last raw line of a method, for tools/call of a certain tool too", props: "method:string tool:string?", run: func(c *call, a *arguments) {
			line, ok := c.s.lastLine(a.Method, a.Tool)
			if !ok {
				c.toolError("never received " + a.Method + " " + a.Tool)
				return
			}
			c.result(textResult(quote(string(line)), false))
		}},
		{name: "cancelled", text: "The cancellations received as a JSON array", run: func(c *call, _ *arguments) {
			c.s.core.mu.Lock()
			list := "[" + strings.Join(c.s.core.cancelled, ",") + "]"
			c.s.core.mu.Unlock()
			c.text(list)
		}},
	}
}
