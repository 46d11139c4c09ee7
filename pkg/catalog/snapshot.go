// Package catalog is what clients are shown: the definitions of all servers as they were recorded, merged under names
// that clients and models accept, in a stable order.
//
// A Snapshot is one server's definitions as the bytes it sent. A View merges the snapshots of the configured
// servers; it answers the lists, and says which server and which original name stands behind a name. Nothing here starts
// a server or decides whether it is trusted.
package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/protocol"
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

var kindNames = [Kinds]string{"tool", "prompt", "template", "resource"}

// List is the method that lists the kind, Key the member of its result that holds the items.
func (k Kind) List() string {
	return [Kinds]string{protocol.ToolsList, protocol.PromptsList, protocol.TemplatesList, protocol.ResourcesList}[k]
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
	Items        [Kinds][][]byte // raw items in the server's order
}

// ID returns what identifies a raw item: its name, URI template or URI.
func (k Kind) ID(item []byte) string {
	return string(jsonrpc.Unquote(protocol.Field(item, k.id())))
}

const format = "mcpproxy-stdio snapshot 1"

// Encode writes the snapshot as lines: a header, then each item after its kind, bytes as they came.
func (s *Snapshot) Encode() []byte {
	var b bytes.Buffer
	b.WriteString(format + "\n")
	fmt.Fprintf(&b, "launch %s\ntaken %s\n", s.Launch, s.Taken.UTC().Format(time.RFC3339Nano))
	if s.Capabilities != nil {
		fmt.Fprintf(&b, "capabilities %s\n", s.Capabilities)
	}
	if s.Instructions != "" {
		fmt.Fprintf(&b, "instructions %s\n", jsonrpc.Quote(s.Instructions))
	}
	for k, items := range s.Items {
		for _, item := range items {
			fmt.Fprintf(&b, "%s %s\n", kindNames[k], item)
		}
	}
	b.WriteString("end\n")
	return b.Bytes()
}

// ErrFormat is returned by Decode for a file that is damaged or of another version.
var ErrFormat = errors.New("not a snapshot")

// Decode reads what Encode wrote. The items share data's memory.
func Decode(data []byte) (*Snapshot, error) {
	rest, ok := bytes.CutPrefix(data, []byte(format+"\n"))
	if !ok || !bytes.HasSuffix(rest, []byte("\nend\n")) {
		return nil, ErrFormat
	}
	s := &Snapshot{}
	for line := range bytes.Lines(rest) {
		key, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		switch string(key) {
		case "launch":
			s.Launch = string(value)
		case "taken":
			t, err := time.Parse(time.RFC3339Nano, string(value))
			if err != nil {
				return nil, fmt.Errorf("%w: %v", ErrFormat, err)
			}
			s.Taken = t
		case "capabilities":
			s.Capabilities = value
		case "instructions":
			s.Instructions = string(jsonrpc.Unquote(value))
		case "end":
			return s, nil
		default:
			for k, name := range kindNames {
				if string(key) == name {
					s.Items[k] = append(s.Items[k], value)
				}
			}
		}
	}
	return nil, ErrFormat
}

// Equal tells whether two snapshots hold the same bytes, whenever they were taken.
func (s *Snapshot) Equal(o *Snapshot) bool {
	return s.SameDefinitions(o) && (s == nil || sameItems(s.Items[Resources], o.Items[Resources]))
}

// SameDefinitions is Equal without the list of resources, which is data.
func (s *Snapshot) SameDefinitions(o *Snapshot) bool {
	if s == nil || o == nil {
		return s == o
	}
	return s.Launch == o.Launch && s.Instructions == o.Instructions && bytes.Equal(s.Capabilities, o.Capabilities) &&
		sameItems(s.Items[Tools], o.Items[Tools]) && sameItems(s.Items[Prompts], o.Items[Prompts]) && sameItems(s.Items[Templates], o.Items[Templates])
}

func sameItems(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

// Merge returns s with what another, perhaps narrower, instance of the server lists: its items replace those of the same id and
// new ones are added, but none is taken away, because an instance whose client can do less may offer less. It is as old
// as s: only a whole look is as new as it is.
func (s *Snapshot) Merge(live *Snapshot) *Snapshot {
	out := *s
	for k := range Kinds {
		byID := make(map[string][]byte, len(live.Items[k]))
		for _, item := range live.Items[k] {
			byID[k.ID(item)] = item
		}
		merged := make([][]byte, 0, len(s.Items[k]))
		for _, item := range s.Items[k] {
			id := k.ID(item)
			if newer, ok := byID[id]; ok {
				item = newer
				delete(byID, id)
			}
			merged = append(merged, item)
		}
		for _, item := range live.Items[k] {
			id := k.ID(item)
			if newer, ok := byID[id]; ok {
				merged = append(merged, newer)
				delete(byID, id)
			}
		}
		out.Items[k] = merged
	}
	if live.Items[Resources] != nil { // data, not definitions: the last list is the list
		out.Items[Resources] = live.Items[Resources]
	}
	if live.Instructions != "" {
		out.Instructions = live.Instructions
	}
	return &out
}
