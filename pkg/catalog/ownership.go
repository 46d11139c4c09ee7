package catalog

import (
	"bytes"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// This file says whose a URI is. A server is asked for what it showed, and never for another's.

// ownTemplate is a template that owns its expansions.
type ownTemplate struct {
	template
	server string
	second bool // another server showed the same one first
}

// exposedURIs gives each resource its URI for clients: its own to the owner's, the others' name their server, and so
// does what is no URI.
func (v *View) exposedURIs(items []origin) []string {
	out := make([]string, len(items))
	for i, it := range items {
		if out[i] = it.name; it.server != "" && (v.listed(it.server, it.name) != it.server || !absolute(it.name)) {
			out[i] = wrapURI(it.server, it.name)
		}
	}
	return out
}

// exposedTemplates gives each template its text for clients. One that another server showed first, or that has no
// scheme of its own and so owns nothing, names its server, and so do its expansions.
func (v *View) exposedTemplates(items []origin) []string {
	out := make([]string, len(items))
	taken := make(map[string]bool, len(items))
	for i, it := range items {
		out[i] = it.name
		t, owns := readTemplate(it.name)
		if !owns {
			out[i] = wrapURI(it.server, it.name)
			continue
		}
		first := v.owners.Owner(it.name)
		second := first != it.server && (first != "" || taken[t.text])
		if second {
			out[i] = wrapURI(it.server, it.name)
		} else {
			taken[t.text] = true
		}
		v.templates = append(v.templates, ownTemplate{t, it.server, second})
	}
	return out
}

// listed is whose a URI is that a server lists, and notes it for this view: its first owner's; a server's whose
// approved template describes it, unless the one that lists it has such a template too; else that of the first source
// in order.
func (v *View) listed(server, uri string) string {
	normal := NormalURI(uri)
	key := v.owners.key(normal)
	first := v.owners.owner(key)
	if first == "" {
		first = v.uris[key]
	}
	if first == "" {
		first = v.described(server, normal)
	}
	if first == "" {
		first = server
	}
	if v.uris[key] == "" {
		v.uris[key] = first
	}
	return first
}

// described is the other server whose template keeps a URI from being the given server's, "" if there is none. A
// template that says no more than a common scheme keeps nothing from a server that shows a URI.
func (v *View) described(server, normal string) string {
	other := ""
	for _, t := range v.templates {
		switch {
		case !t.narrow || !matchTemplate(t.text, normal):
		case t.server == server:
			return ""
		case other == "" || !t.second:
			other = t.server
		}
	}
	return other
}

// ResourceOwner says which server a URI belongs to, "" for nobody: its first owner; the server that lists it; the one
// whose template describes it, and of several the one whose template says most. It is not for a URI that names its
// server.
func (v *View) ResourceOwner(uri string) string {
	normal := NormalURI(uri)
	key := v.owners.key(normal)
	if owner := v.owners.owner(key); owner != "" {
		return owner
	}
	if owner := v.uris[key]; owner != "" {
		return owner
	}
	best := -1
	for i, t := range v.templates {
		if !t.second && matchTemplate(t.text, normal) && (best < 0 || t.prefix > v.templates[best].prefix) {
			best = i
		}
	}
	if best < 0 {
		return ""
	}
	return v.templates[best].server
}

// Shows notes that a server showed a URI to the client, and returns whose it is: another may have shown it first. A
// reserved URI is nobody's.
func (v *View) Shows(server, uri string) string {
	if reservedURI(uri) {
		return ""
	}
	normal := NormalURI(uri)
	key := v.owners.key(normal)
	if owner := v.owners.owner(key); owner != "" {
		return owner
	}
	if owner := v.uris[key]; owner != "" {
		return v.owners.claim(owner, key)
	}
	if owner := v.described(server, normal); owner != "" {
		return owner
	}
	return v.owners.claim(server, key)
}

// ShowsTemplate notes that a server showed a template of its own.
func (v *View) ShowsTemplate(server, template string) { v.owners.Claim(server, template) }

// URIFor is a server's URI as the client is told of it: its own where the server owns it, else one that names the
// server. It is "" for a reserved one, which no server has.
func (v *View) URIFor(server, uri string) string {
	switch v.Shows(server, uri) {
	case "":
		return ""
	case server:
		return uri
	}
	return wrapURI(server, uri)
}

// definition is an item's raw definition under its name for clients.
func (v *View) definition(k Kind, raw []byte, o origin, name string) []byte {
	var room [3]jsonrpc.Edit
	edits := room[:0]
	if o.name != name {
		if at, err := jsonrpc.Find(raw, jsonrpc.Span{Start: 0, End: len(raw)}, k.id()); err == nil && at[0].End != 0 {
			edits = append(edits, jsonrpc.Edit{At: at[0], With: jsonrpc.Quote(name)})
		}
	}
	if k == Tools && o.server != "" {
		for _, at := range pages(raw) {
			if uri := mcp.String(raw, at); reservedURI(uri) || v.uris[v.owners.key(NormalURI(uri))] != o.server {
				edits = append(edits, jsonrpc.Edit{At: at, With: jsonrpc.Quote(wrapURI(o.server, uri))})
			}
		}
	}
	if len(edits) == 0 {
		return raw
	}
	return jsonrpc.Splice(raw, edits...)
}

// addPages notes whose the pages of MCP Apps are: a host reads what a tool names in _meta.ui.resourceUri before any
// call.
func (v *View) addPages() {
	for _, src := range v.sources {
		if src.Snapshot == nil || src.Server == "" {
			continue
		}
		for _, raw := range src.Snapshot.Items[Tools] {
			for _, at := range pages(raw) {
				if uri := mcp.String(raw, at); !reservedURI(uri) && (src.Allowed == nil || src.Allowed(Tools.ID(raw))) {
					v.listed(src.Server, uri)
				}
			}
		}
	}
}

// pages are where a tool's definition names its page, a ui:// URI: in _meta.ui.resourceUri or, as it was called
// before, in _meta["ui/resourceUri"], and as the Apps SDK of OpenAI calls it, in _meta["openai/outputTemplate"].
func pages(raw []byte) (at []jsonrpc.Span) {
	if !bytes.Contains(raw, []byte("_meta")) && !bytes.Contains(raw, []byte(`\u`)) {
		return nil
	}
	meta := find(raw, jsonrpc.Span{Start: 0, End: len(raw)}, "_meta")
	named := [...]jsonrpc.Span{find(raw, find(raw, meta, "ui"), "resourceUri"), find(raw, meta, "ui/resourceUri"), find(raw, meta, "openai/outputTemplate")}
	for _, span := range named {
		if uri := mcp.String(raw, span); len(uri) > len("ui://") && strings.EqualFold(uri[:len("ui://")], "ui://") {
			at = append(at, span)
		}
	}
	return at
}

// find is one member's span, the zero span where it is not there or can be read in two ways.
func find(raw []byte, in jsonrpc.Span, name string) jsonrpc.Span {
	if in.End == 0 || raw[in.Start] != '{' {
		return jsonrpc.Span{}
	}
	var found [1]jsonrpc.Span
	if err := jsonrpc.FindInto(found[:], raw, in, name); err != nil {
		return jsonrpc.Span{}
	}
	return found[0]
}
