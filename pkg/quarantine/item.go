package quarantine

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// Kind is a kind of definition that is pinned. The list of resources is data, and is not.
type Kind string

const (
	Tool         Kind = "tool"
	Prompt       Kind = "prompt"
	Template     Kind = "template"
	Instructions Kind = "instructions" // one a server; its ID is ""
	Capabilities Kind = "capabilities" // what it declares as experimental and extensions; its ID is ""
	Image        Kind = "image"        // what its container is made of, by content; its ID is ""
	Engine       Kind = "engine"       // that makes its containers, by where it is and what vouches for it; its ID is ""
	Local        Kind = "program"      // a file of a workspace that decides what is run there, by content; its ID is path and workspace
	Package      Kind = "package"      // what a runner installed, in the log alone; its ID is its name
)

var listed = map[Kind]catalog.Kind{Tool: catalog.Tools, Prompt: catalog.Prompts, Template: catalog.Templates}

// KindOf is the kind of a list's items.
func KindOf(k catalog.Kind) Kind { return []Kind{Tool, Prompt, Template, ""}[k] }

// Item is one definition as the bytes its server sent.
type Item struct {
	Kind   Kind
	ID     string // its name or URI template, or what programID makes
	Digest string // hex SHA-256 of its canonical form; "" if it has none, and then it can't be approved
	Raw    []byte

	Served bool // of an approved one: it is the version that clients are shown
	Fits   bool // of a waiting one: calls still fit it, so the approved version goes on being served
}

// Name is how people are shown the item, not escaped.
func (it Item) Name() string {
	if it.ID == "" {
		return string(it.Kind)
	}
	return string(it.Kind) + " " + it.ID
}

// Shown is how clients are shown the item; see [catalog.Kind.Shown].
func (it Item) Shown() (leftOut string, mended bool) {
	k, is := listed[it.Kind]
	if !is || it.Digest == "" {
		return "", false
	}
	return k.Shown(it.Raw)
}

// key is what the versions of an item have in common; version tells them apart.
func (it Item) key() string     { return string(it.Kind) + "\x00" + it.ID }
func (it Item) version() string { return it.key() + "\x00" + it.Digest }

func (it Item) same(o Item) bool { return it.Kind == o.Kind && it.ID == o.ID }

// newItem makes an item of raw bytes.
func newItem(kind Kind, id string, raw []byte) Item {
	raw = oneLine(raw)
	return Item{Kind: kind, ID: id, Digest: catalog.Digest(raw), Raw: raw}
}

// oneLine puts spaces for line breaks between tokens. One in a string, which makes it unreadable, becomes another control character, so
// that it stays so.
func oneLine(raw []byte) []byte {
	if !bytes.ContainsAny(raw, "\r\n") {
		return raw
	}
	raw = jsonrpc.OneLine(bytes.Clone(raw))
	for i, c := range raw {
		if c == '\n' || c == '\r' {
			raw[i] = '\v'
		}
	}
	return raw
}

// ItemsOf are the definitions of a snapshot that are pinned. Of several items of one ID the first counts, as it does for clients.
func ItemsOf(s *catalog.Snapshot) []Item {
	var items []Item
	for _, kind := range []Kind{Tool, Prompt, Template} {
		k, seen := listed[kind], map[string]bool{}
		for _, raw := range s.Items[k] {
			raw = oneLine(raw) // before its name is read: what is read back from the record has the same
			if id := k.ID(raw); id != "" && !seen[id] {
				seen[id] = true
				items = append(items, newItem(kind, id, raw))
			}
		}
	}
	if s.Instructions != "" {
		items = append(items, newItem(Instructions, "", jsonrpc.Quote(s.Instructions)))
	} else if s.Unreadable != nil {
		items = append(items, newItem(Instructions, "", s.Unreadable))
	}
	if raw := declared(s.Capabilities); raw != nil {
		items = append(items, newItem(Capabilities, "", raw))
	}
	if s.Image != "" {
		items = append(items, ImageItem(s.Image))
	}
	if s.Engine != nil {
		items = append(items, EngineItem(s.Engine))
	}
	for _, raw := range s.Programs {
		items = append(items, ProgramItem(raw))
	}
	return items
}

// ImageItem pins an image by its content-addressed id.
func ImageItem(id string) Item { return newItem(Image, "", jsonrpc.Quote(id)) }

// EngineItem pins an engine; raw is its docker.Identity as JSON.
func EngineItem(raw []byte) Item { return newItem(Engine, "", raw) }

// ProgramItem pins a file of a workspace; raw is its launch.Program as JSON.
func ProgramItem(raw []byte) Item { return newItem(Local, programID(raw), raw) }

// programID is what all versions of a program of a workspace have in common.
func programID(raw []byte) string {
	return fmt.Sprintf("%s in workspace %s", jsonrpc.Unquote(mcp.Field(raw, "path")), jsonrpc.Unquote(mcp.Field(raw, "workspace")))
}

// local are the kinds that no server lists: a look at one says nothing of them.
func (it Item) local() bool { return it.Kind == Local || it.Kind == Engine }

// maxPrograms bounds how many programs of workspaces are kept of one server: those that were approved first are asked about again.
const maxPrograms = 48

// declared is what of a server's capabilities is passed on to clients, nil if that is nothing.
func declared(capabilities []byte) []byte {
	var raw []byte
	for _, member := range []string{"experimental", "extensions"} {
		if value := mcp.Field(capabilities, member); value != nil {
			raw = append(append(append(append(raw, ",\""...), member...), "\":"...), value...)
		}
	}
	if raw == nil {
		return nil
	}
	raw[0] = '{'
	return append(raw, '}')
}

// snapshotOf is what clients are shown of items.
func snapshotOf(items []Item) *catalog.Snapshot {
	s := &catalog.Snapshot{}
	for _, it := range items {
		switch it.Kind {
		case Instructions:
			s.Instructions = string(jsonrpc.Unquote(it.Raw))
		case Capabilities:
			s.Capabilities = it.Raw
		case Image, Engine, Local: // clients do not see them
		default:
			s.Items[listed[it.Kind]] = append(s.Items[listed[it.Kind]], it.Raw)
		}
	}
	return s
}

// sorted orders items by kind and ID.
func sorted(items []Item) []Item {
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b Item) int {
		if a.Kind != b.Kind {
			return bytes.Compare([]byte(a.Kind), []byte(b.Kind))
		}
		return bytes.Compare([]byte(a.ID), []byte(b.ID))
	})
	return items
}
