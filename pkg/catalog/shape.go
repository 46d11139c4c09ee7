package catalog

import (
	"bytes"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// Clients check a whole list against the schema of MCP: one item that does not fit takes the list of all servers from
// them. So each item is checked here. An item that does not fit is left out. What says nothing is mended: a member that
// is null is taken out, and so is a hint that does not fit; a schema without a type gets the only one that is allowed, a
// resource without a name its URI.

// shape is what the schema of MCP (2025-11-25) says of a value, as far as the SDKs check it.
type shape struct {
	first   string // bytes that a value may begin with
	what    string // the same in words
	enum    []string
	members map[string]member
	wanted  []string // those of them that are required, or put where they are missing
	of      *shape   // of all elements of an array, or of all members of an object
	schemas bool     // the values are JSON Schemas, which may be true or false
	check   func(value []byte) bool
}

type member struct {
	shape
	required bool
	instead  string                  // what is put where it is missing
	like     string                  // the member whose value is put where it is missing
	hint     bool                    // it is taken out where it does not fit
	useful   func(value []byte) bool // it is taken out where this is false
}

var (
	str     = shape{first: `"`, what: "a string"}
	boolean = shape{first: "tf", what: "true or false"}
	size    = shape{first: "0123456789", what: "a whole number", check: whole} // the Python SDK reads no other
	strs    = shape{first: "[", what: "an array", of: &str}
	free    = shape{first: "{", what: "an object"}
	schemas = shape{first: "{", what: "an object", of: &free, schemas: true}
	schema  = object(map[string]member{
		"type":       {shape: oneOf("object"), instead: `"object"`},
		"properties": {shape: schemas}, "required": {shape: strs},
	})
	icons = shape{first: "[", what: "an array", of: new(object(map[string]member{
		"src": {shape: str, required: true}, "mimeType": {shape: str}, "sizes": {shape: strs}, "theme": {shape: oneOf("light", "dark")},
	}))}
	annotations = object(map[string]member{
		"audience":     {hint: true, shape: shape{first: "[", what: "an array", of: new(oneOf("user", "assistant"))}},
		"priority":     {hint: true, shape: shape{first: "0123456789", what: "a number from 0 to 1", check: atMostOne}},
		"lastModified": {hint: true, shape: shape{first: `"`, what: "a time", check: isTime}},
	})
	shapes = [Kinds]shape{
		Tools: item(map[string]member{
			"name": {shape: str, required: true}, "inputSchema": {shape: schema, instead: `{"type":"object"}`},
			"outputSchema": {shape: schema, useful: compiles},
			"annotations": {shape: object(map[string]member{"title": {shape: str}, "readOnlyHint": {shape: boolean},
				"destructiveHint": {shape: boolean}, "idempotentHint": {shape: boolean}, "openWorldHint": {shape: boolean}})},
			"execution": {shape: object(map[string]member{"taskSupport": {shape: oneOf("required", "optional", "forbidden")}})},
		}),
		Prompts: item(map[string]member{
			"name": {shape: str, required: true},
			"arguments": {shape: shape{first: "[", what: "an array", of: new(object(map[string]member{
				"name": {shape: str, required: true}, "title": {shape: str}, "description": {shape: str}, "required": {shape: boolean},
			}))}},
		}),
		Templates: item(map[string]member{
			"uriTemplate": {shape: str, required: true}, "name": {shape: str, like: "uriTemplate"}, "mimeType": {shape: str},
			"annotations": {shape: annotations},
		}),
		Resources: item(map[string]member{
			"uri": {shape: str, required: true}, "name": {shape: str, like: "uri"}, "mimeType": {shape: str}, "size": {shape: size, hint: true},
			"annotations": {shape: annotations},
		}),
	}
)

func object(members map[string]member) shape {
	s := shape{first: "{", what: "an object", members: members}
	for name, m := range members {
		if m.required || m.instead != "" || m.like != "" {
			s.wanted = append(s.wanted, name)
		}
	}
	slices.Sort(s.wanted)
	return s
}

func oneOf(values ...string) shape {
	return shape{first: `"`, what: "one of " + strings.Join(values, ", "), enum: values}
}

// item adds what items of all kinds may have.
func item(members map[string]member) shape {
	for name, s := range map[string]shape{"title": str, "description": str, "icons": icons, "_meta": free} {
		members[name] = member{shape: s}
	}
	return object(members)
}

// fit returns an item as clients take it, or says what in it does not fit.
func (k Kind) fit(raw []byte) ([]byte, error) {
	var f fitting
	f.raw = raw
	if err := f.value(&shapes[k], jsonrpc.Span{Start: 0, End: len(raw)}); err != nil {
		return nil, err
	}
	if len(f.edits) == 0 {
		return raw, nil
	}
	return jsonrpc.Splice(raw, f.edits...), nil
}

// Shown tells how clients are shown a raw item of a server. leftOut says what in it does not fit, so that it is left out of lists; "" is for
// one that is listed. mended tells that it is listed with an edit.
func (k Kind) Shown(raw []byte) (leftOut string, mended bool) {
	fitted, err := k.fit(raw)
	if err != nil {
		return err.Error(), false
	}
	return "", !bytes.Equal(fitted, raw)
}

type fitting struct {
	raw   []byte
	edits []jsonrpc.Edit
}

// A misfit is what in an item does not fit. Its path grows on the way out.
type misfit struct{ path, what string }

func (e *misfit) Error() string { return e.path + " " + e.what }

// below puts the name of what an error is in before its path.
func below(name string, err error) error {
	var e *misfit
	if errors.As(err, &e) {
		if e.path != "" {
			name += "."
		}
		e.path = name + e.path
	}
	return err
}

func (f *fitting) value(s *shape, at jsonrpc.Span) error {
	c := f.raw[at.Start]
	wrong := strings.IndexByte(s.first, c) < 0
	if !wrong && s.enum != nil {
		wrong = !slices.Contains(s.enum, mcp.String(f.raw, at))
	}
	wrong = wrong || s.check != nil && !s.check(at.In(f.raw))
	switch {
	case wrong:
		return &misfit{"", "must be " + s.what}
	case c == '{' && (s.members != nil || s.of != nil):
		return f.object(s, at)
	case c == '[' && s.of != nil:
		return jsonrpc.Elements(f.raw, at, func(one jsonrpc.Span) error { return below("[]", f.value(s.of, one)) })
	}
	return nil
}

// object goes through the members of an object that are known, and mends what says nothing.
func (f *fitting) object(s *shape, at jsonrpc.Span) error {
	start := at.Start + 1
	kept, last, lead := 0, start, 0 // last: where the member before ends; lead: where those taken out before any other end
	var room [4]jsonrpc.Span        // of what is wanted
	found := room[:len(s.wanted)]
	err := jsonrpc.Members(f.raw, at, func(key []byte, value jsonrpc.Span) error {
		known, named := s.members[string(key)]
		out := named && (f.raw[value.Start] == 'n' && !known.required || known.hint && !f.fits(&known.shape, value) ||
			known.useful != nil && f.fits(&known.shape, value) && !known.useful(value.In(f.raw)))
		switch {
		case out && kept == 0:
			lead = value.End
		case out:
			f.edits = append(f.edits, jsonrpc.Edit{At: jsonrpc.Span{Start: last, End: value.End}})
		default:
			kept++
		}
		if last = value.End; out {
			return nil
		}
		for i, name := range s.wanted {
			if string(key) == name {
				found[i] = value
			}
		}
		return f.member(s, known, named, string(key), value)
	})
	if err != nil {
		return err
	}
	front := ""
	for i, name := range s.wanted {
		known := s.members[name]
		switch {
		case found[i].End != 0:
			continue
		case known.required:
			return &misfit{name, "is missing"}
		case known.like != "":
			known.instead = string(found[slices.Index(s.wanted, known.like)].In(f.raw))
		}
		if front += `"` + name + `":` + known.instead; kept > 0 {
			front += ","
		}
	}
	if lead > 0 && kept > 0 { // the comma goes, too
		for lead++; f.raw[lead-1] != ','; lead++ {
		}
	}
	if lead = max(lead, start); lead > start || front != "" {
		f.edits = append(f.edits, jsonrpc.Edit{At: jsonrpc.Span{Start: start, End: lead}, With: []byte(front)})
	}
	return nil
}

// member checks the value of a member that stays.
func (f *fitting) member(s *shape, known member, named bool, key string, value jsonrpc.Span) error {
	switch {
	case named:
		if err := f.value(&known.shape, value); err != nil {
			return below(key, err)
		}
	case s.schemas && f.raw[value.Start] == 't':
		f.edits = append(f.edits, jsonrpc.Edit{At: value, With: []byte("{}")})
	case s.schemas && f.raw[value.Start] == 'f':
		f.edits = append(f.edits, jsonrpc.Edit{At: value, With: []byte(`{"not":{}}`)})
	case s.of != nil:
		return below("*", f.value(s.of, value))
	}
	return nil
}

// fits tells whether a value fits as it is.
func (f *fitting) fits(s *shape, at jsonrpc.Span) bool {
	trial := fitting{raw: f.raw}
	return trial.value(s, at) == nil
}

func atMostOne(value []byte) bool {
	n, err := strconv.ParseFloat(string(value), 64)
	return err == nil && n <= 1
}

func whole(value []byte) bool {
	_, err := strconv.ParseInt(string(value), 10, 64)
	return err == nil
}

func isTime(value []byte) bool {
	_, err := time.Parse(time.RFC3339Nano, string(jsonrpc.Unquote(value)))
	return err == nil
}

// hosted are the schemes whose URIs are none without a host.
var hosted = []string{"http", "https", "ws", "wss", "ftp"}

// absolute tells whether clients that parse URIs can parse this one.
func absolute(uri string) bool {
	scheme, _ := splitScheme(uri)
	if !slices.Contains(hosted, strings.ToLower(scheme)) {
		return scheme != ""
	}
	u, err := url.Parse(uri)
	return err == nil && u.Host != ""
}
