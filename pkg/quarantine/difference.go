package quarantine

import (
	"bytes"
	"slices"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// What is a kind of difference between an approved definition and the live one.
type What string

// Differences after which a call that the approved definition allows may be refused or mean something else: the live definition is held.
const (
	Required  What = "required"  // a parameter must be given that need not be given by the approved definition
	Removed   What = "removed"   // a parameter is not there any more
	Retyped   What = "retyped"   // a parameter has another type
	Narrowed  What = "narrowed"  // a parameter has fewer values
	Tightened What = "tightened" // a parameter has tighter bounds, another pattern or another format
	Closed    What = "closed"    // names of the caller's own choice are not taken any more
	Unclear   What = "unclear"   // whether calls still fit can't be told
	Gone      What = "gone"      // the server lists it no more
)

// Differences after which every call that the approved definition allows still fits.
const (
	Text        What = "text"        // titles and descriptions, anywhere
	Optional    What = "optional"    // a new parameter that need not be given
	Looser      What = "looser"      // the input schema takes the same or more
	Annotations What = "annotations" // also what it says of its execution
	Output      What = "output"      // the output schema
	Other       What = "other"       // icons, _meta and whatever else
)

// Difference is one difference between an approved definition and the live one.
type Difference struct {
	What What
	At   string // of a parameter: its names from the outside in, as a JSON pointer; "*" are the elements of an array. "" is the whole.
}

// Holds tells whether approved calls may no longer fit.
func (d Difference) Holds() bool {
	switch d.What {
	case Text, Optional, Looser, Annotations, Output, Other:
		return false
	}
	return true
}

// fits tells whether every use that the approved definition allows still fits the live one.
func fits(kind Kind, approved, live []byte) bool {
	return !slices.ContainsFunc(Differences(kind, approved, live), Difference.Holds)
}

// Differences lists how a live definition differs from the approved one, each difference once. The approved bytes are what clients are
// shown, so the question is only whether what they send because of them still fits. Where that can't be told it is [Unclear].
func Differences(kind Kind, approved, live []byte) []Difference {
	was, err := jsonrpc.Canonical(approved)
	now, err2 := jsonrpc.Canonical(live)
	switch {
	case err != nil || err2 != nil:
		return []Difference{{Unclear, ""}}
	case bytes.Equal(was, now):
		return nil
	}
	var all []Difference
	switch kind {
	case Tool:
		all = toolDifferences(was, now)
	case Prompt:
		all = promptDifferences(was, now)
	case Template, Instructions: // the template itself is its name
		all = []Difference{{Text, ""}}
	case Capabilities:
		if all = []Difference{{Other, ""}}; !declares(now, was) {
			all = []Difference{{Removed, ""}}
		}
	default: // an image, an engine, a program: what they are is all there is
		all = []Difference{{Unclear, ""}}
	}
	return distinct(all)
}

func distinct(all []Difference) []Difference {
	seen := make(map[Difference]bool, len(all))
	return slices.DeleteFunc(all, func(d Difference) bool {
		again := seen[d]
		seen[d] = true
		return again
	})
}

// toolDifferences compares canonical definitions of a tool.
func toolDifferences(was, now []byte) (all []Difference) {
	var schemas [2][]byte
	for i, raw := range [][]byte{was, now} {
		if schemas[i] = mcp.Field(raw, "inputSchema"); schemas[i] == nil || string(schemas[i]) == "null" {
			schemas[i] = []byte(`{"type":"object"}`)
		}
	}
	if !bytes.Equal(schemas[0], schemas[1]) {
		all = inputDifferences(schemas[0], schemas[1])
	}
	for _, name := range differingMembers(was, now) {
		switch name {
		case "inputSchema":
		case "title", "description":
			all = append(all, Difference{Text, ""})
		case "annotations", "execution":
			all = append(all, Difference{Annotations, ""})
		case "outputSchema":
			all = append(all, Difference{Output, ""})
		default:
			all = append(all, Difference{Other, ""})
		}
	}
	if len(all) == 0 { // one has no input schema, the other an empty one
		all = append(all, Difference{Looser, ""})
	}
	return all
}

// differingMembers are the names of the members in which two canonical objects differ.
func differingMembers(was, now []byte) (names []string) {
	members := func(raw []byte) map[string]string {
		m := map[string]string{}
		if jsonrpc.Members(raw, jsonrpc.Span{Start: 0, End: len(raw)}, func(key []byte, value jsonrpc.Span) error {
			m[string(key)] = string(value.In(raw))
			return nil
		}) != nil {
			m[""] = string(raw) // no object
		}
		return m
	}
	a, b := members(was), members(now)
	for name, value := range a {
		if b[name] != value {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// promptDifferences compares canonical definitions of a prompt, whose arguments are strings.
func promptDifferences(was, now []byte) (all []Difference) {
	old, okOld := promptArguments(was)
	live, okNew := promptArguments(now)
	if !okOld || !okNew {
		return []Difference{{Unclear, ""}}
	}
	for name, required := range live {
		switch needed, known := old[name]; {
		case required && !needed:
			all = append(all, Difference{Required, pointer("", name)})
		case !known:
			all = append(all, Difference{Optional, pointer("", name)})
		case needed != required:
			all = append(all, Difference{Looser, ""})
		}
	}
	for name := range old {
		if _, ok := live[name]; !ok {
			all = append(all, Difference{Removed, pointer("", name)})
		}
	}
	slices.SortFunc(all, func(a, b Difference) int { return strings.Compare(a.At, b.At) })
	return append(all, Difference{Text, ""})
}

// promptArguments tells which arguments a prompt has, and whether each must be given.
func promptArguments(raw []byte) (arguments map[string]bool, ok bool) {
	arguments = map[string]bool{}
	list := mcp.Field(raw, "arguments")
	if list == nil || string(list) == "null" {
		return arguments, true
	}
	err := jsonrpc.Elements(list, jsonrpc.Span{Start: 0, End: len(list)}, func(at jsonrpc.Span) error {
		arg := at.In(list)
		if arg[0] == '{' {
			arguments[string(jsonrpc.Unquote(mcp.Field(arg, "name")))] = string(mcp.Field(arg, "required")) == "true"
		}
		return nil
	})
	return arguments, err == nil
}

// declares tells whether a canonical value has all that another one has: every member of an object, and every other value as it is.
func declares(now, was []byte) bool {
	if bytes.Equal(now, was) {
		return true
	}
	if was[0] != '{' || now[0] != '{' {
		return false
	}
	return jsonrpc.Members(was, jsonrpc.Span{Start: 0, End: len(was)}, func(key []byte, value jsonrpc.Span) error {
		if has := mcp.Field(now, string(key)); has == nil || !declares(has, value.In(was)) {
			return ErrNothing
		}
		return nil
	}) == nil
}

// pointer is a place below another one.
func pointer(at, name string) string {
	return at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
