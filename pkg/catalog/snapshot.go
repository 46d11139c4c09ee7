// Package catalog is what clients are shown: the definitions of all servers as they were recorded, merged under names
// that clients and models accept, in a stable order.
//
// A Snapshot is one server's definitions as the bytes it sent. A View merges the snapshots of the configured
// servers; it answers the lists, and says which server and which original name stands behind a name. Nothing here starts
// a server or decides whether it is trusted.
package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// Kind is a kind of listed item.
type Kind int

const (
	Tools Kind = iota
	Prompts
	Templates
	Resources
	Kinds // how many there are
)

// List is the method that lists the kind, Key the member of its result that holds the items.
func (k Kind) List() string {
	return [Kinds]string{mcp.ToolsList, mcp.PromptsList, mcp.TemplatesList, mcp.ResourcesList}[k]
}

// Key is the member of the list's result that holds the items.
func (k Kind) Key() string {
	return [Kinds]string{"tools", "prompts", "resourceTemplates", "resources"}[k]
}

// id is the member that identifies an item of the kind.
func (k Kind) id() string { return [Kinds]string{"name", "name", "uriTemplate", "uri"}[k] }

// Snapshot is one server's definitions, as the bytes it sent. It is not changed after it was made.
type Snapshot struct {
	Launch       string // config.Server.LaunchKey of what was asked
	Taken        time.Time
	Capabilities []byte // raw, of the answer to initialize
	Instructions string
	Unreadable   []byte             // raw instructions that can't be read, and so are never shown to clients
	Image        string             // id of the image that its container was made of; "": it was in none
	Engine       []byte             // identity of the engine that made its container, as docker.Identity.JSON; nil: none did
	Path         string             // of the program that was started; "": none was on this machine
	Programs     [][]byte           // files of the workspace that decided what was run, as launch.Program.JSON
	Installed    *launch.Resolution // what its runner's packages came to; nil: none were installed for it
	Items        [Kinds][][]byte    // raw items in the server's order
}

// ID returns what identifies a raw item: its name, URI template or URI. An item that is no JSON may still have one, by which people are
// told of it.
func (k Kind) ID(item []byte) string {
	return string(jsonrpc.Unquote(mcp.Field(item, k.id())))
}

// Instead is what stands for an item that is too large to be kept: it can't be read, and so never reaches a client, but people are told.
func (k Kind) Instead(item []byte) []byte {
	id := k.ID(item)
	if len(id) > jsonrpc.MaxName {
		return []byte("{}")
	}
	return append(jsonrpc.AppendQuote([]byte(`{"`+k.id()+`":`), id), ", "+TooLarge(item)+"}"...)
}

// TooLarge says that a definition is too large.
func TooLarge(raw []byte) string {
	return fmt.Sprintf("%d bytes, and no more than %d are kept", len(raw), jsonrpc.MaxItem)
}

// readable is ID for items that are JSON, "" for others: one of them in a list would take the whole list from the client.
func (k Kind) readable(item []byte) string {
	var at [1]jsonrpc.Span
	if jsonrpc.FindInto(at[:], item, jsonrpc.Span{Start: 0, End: len(item)}, k.id()) != nil {
		return ""
	}
	return string(jsonrpc.Unquote(at[0].In(item)))
}

// Digest is the hex SHA-256 of a definition's canonical form, "" if it is not JSON with one meaning, or too large.
func Digest(raw []byte) string {
	if len(raw) > jsonrpc.MaxNodes && jsonrpc.Check(raw) != nil { // a shorter one can't be too large
		return ""
	}
	canonical, err := jsonrpc.Canonical(raw)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

// IDs are what identifies the items of a kind, in the server's order. The snapshot may be nil.
func (s *Snapshot) IDs(k Kind) []string {
	if s == nil {
		return nil
	}
	ids := make([]string, len(s.Items[k]))
	for i, raw := range s.Items[k] {
		ids[i] = k.ID(raw)
	}
	return ids
}

// SameDefinitions tells whether two snapshots hold the same bytes, but for the list of resources, which is data.
func (s *Snapshot) SameDefinitions(o *Snapshot) bool {
	if s == nil || o == nil {
		return s == o
	}
	return s.Launch == o.Launch && s.Instructions == o.Instructions && bytes.Equal(s.Unreadable, o.Unreadable) && bytes.Equal(s.Capabilities, o.Capabilities) &&
		sameItems(s.Items[Tools], o.Items[Tools]) && sameItems(s.Items[Prompts], o.Items[Prompts]) && sameItems(s.Items[Templates], o.Items[Templates])
}

func sameItems(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }
