// Package builtin is the proxy's own tools: one more server, in process, without a prefix, written with mcp-go's types, so
// that there is one way for every tool. What they do is package admin's; here is how a model says it and what it is told.
//
// Nothing that can be said to these tools approves or runs what a person has not seen.
package builtin

import (
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// Tools are the own tools for a hub, which act through service.
func Tools(service *admin.Service, version string) hub.OwnTools {
	return hub.OwnTools{Definitions: Definitions, Connect: func(c *hub.Client) upstream.Conn {
		by := &admin.Actor{Kind: admin.Model, Means: quarantine.Means{How: "tool", By: c.Client(), Model: true}, Host: c}
		o := &own{service, by, c}
		by.Ask = o.form
		return connect(o, version)
	}}
}

// own are the tools for one client.
type own struct {
	admin  *admin.Service
	by     *admin.Actor
	client *hub.Client // nil in tests
}

// nowListed says what follows when the client's lists have changed: usual, unless the client does not read them again.
func (o *own) nowListed(usual string) string {
	if o.client != nil && o.client.ReadsListsOnce() {
		return session.NewSession
	}
	return usual
}
