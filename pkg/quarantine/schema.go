package quarantine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// document is one JSON Schema, of any draft from 4 to 2020-12.
type document struct {
	root    any
	old     bool                       // a draft up to 7, in which $ref stands alone
	renamed bool                       // something below the root has an $id, which changes what a $ref means
	shapes  map[string]shape           // of its schemas, by their place
	values  map[string]map[string]bool // of those that name their values
}

// node is a schema within a document: an object, or a boolean.
type node struct {
	doc   *document
	at    string // its place there; also its identity
	value any
}

func newDocument(raw []byte) *document {
	d := &document{shapes: map[string]shape{}, values: map[string]map[string]bool{}}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber()
	if decoder.Decode(&d.root) != nil {
		d.root = nil
	}
	draft, _ := d.schema().member("$schema").(string)
	for _, old := range []string{"draft-03", "draft-04", "draft-06", "draft-07"} {
		d.old = d.old || strings.Contains(draft, old)
	}
	d.schema().shape()
	return d
}

func (d *document) schema() node { return node{d, "", d.root} }

// member is the value of a keyword, nil if it is not there.
func (n node) member(keyword string) any {
	m, _ := n.value.(map[string]any)
	return m[keyword]
}

func (n node) has(keyword string) bool {
	m, _ := n.value.(map[string]any)
	_, ok := m[keyword]
	return ok
}

// under is the schema that a keyword has; ok is false if it is none.
func (n node) under(keyword string) (sub node, ok bool) {
	return n.sub(keyword, n.member(keyword))
}

func (n node) sub(name string, value any) (node, bool) {
	switch value.(type) {
	case map[string]any, bool:
		return node{n.doc, pointer(n.at, name), value}, true
	}
	return node{}, false
}

// list are the schemas that a keyword lists, nil if it lists none.
func (n node) list(keyword string) (all []node, ok bool) {
	values, ok := n.member(keyword).([]any)
	if !ok {
		return nil, false
	}
	for i, value := range values {
		sub, ok := node{n.doc, pointer(n.at, keyword), nil}.sub(strconv.Itoa(i), value)
		if !ok {
			return nil, false
		}
		all = append(all, sub)
	}
	return all, true
}

// named are the schemas that a keyword has by name.
func (n node) named(keyword string) (all map[string]node, ok bool) {
	if !n.has(keyword) {
		return nil, true
	}
	values, ok := n.member(keyword).(map[string]any)
	all = make(map[string]node, len(values))
	for name, value := range values {
		sub, ok := node{n.doc, pointer(n.at, keyword), nil}.sub(name, value)
		if !ok {
			return nil, false
		}
		all[name] = sub
	}
	return all, ok
}

// texts is a keyword's list of strings.
func (n node) texts(keyword string) (all []string, ok bool) {
	if !n.has(keyword) {
		return nil, true
	}
	values, ok := n.member(keyword).([]any)
	for _, value := range values {
		text, is := value.(string)
		ok = ok && is
		all = append(all, text)
	}
	return all, ok
}

// trivial tells whether everything fits a schema, false whether nothing does. What is no schema is neither.
func (n node) trivial() bool {
	if m, ok := n.value.(map[string]any); ok {
		for keyword := range m {
			if !annotation(keyword) {
				return false
			}
		}
		return true
	}
	return n.value == true
}

// readable tells whether it is a schema.
func (n node) readable() bool {
	_, boolean := n.value.(bool)
	_, object := n.value.(map[string]any)
	return boolean || object
}

func (n node) nothing() bool { return n.value == false }

// resolve follows a $ref within the document.
func (n node) resolve() (node, bool) {
	ref, ok := n.member("$ref").(string)
	path, local := strings.CutPrefix(ref, "#")
	if !ok || !local || n.doc.renamed {
		return node{}, false
	}
	target := n.doc.schema()
	if path == "" {
		return target, true
	}
	parts := strings.Split(path, "/")
	if parts[0] != "" { // an anchor
		return node{}, false
	}
	for _, part := range parts[1:] {
		name, err := url.PathUnescape(part)
		if err != nil {
			return node{}, false
		}
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		switch v := target.value.(type) {
		case map[string]any:
			target.value = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(v) || strconv.Itoa(i) != name {
				return node{}, false
			}
			target.value = v[i]
		default:
			return node{}, false
		}
		target.at = pointer(target.at, name)
	}
	switch target.value.(type) {
	case map[string]any, bool:
		return target, true
	}
	return node{}, false
}

// flat are the schemas that together say what a list of schemas says, without $ref and allOf. ok is false if that can't be told.
func flat(schemas []node) (all []node, ok bool) {
	seen, ok := map[string]bool{}, true
	var add func(n node, within map[string]bool)
	add = func(n node, within map[string]bool) {
		if within[n.at] {
			ok = false // a schema that is itself
			return
		}
		if seen[n.at] || !ok {
			return
		}
		seen[n.at], within[n.at] = true, true
		defer delete(within, n.at)
		if n.has("$ref") {
			target, found := n.resolve()
			if !found {
				ok = false
				return
			}
			add(target, within)
			if n.doc.old {
				return
			}
		}
		if n.has("allOf") {
			parts, listed := n.list("allOf")
			ok = ok && listed
			for _, part := range parts {
				add(part, within)
			}
		}
		all = append(all, n)
	}
	for _, n := range schemas {
		add(n, map[string]bool{})
	}
	return all, ok
}

// unions are the keywords of which one alternative has to fit.
var unions = []string{"anyOf", "oneOf"}

// annotation tells whether a keyword says nothing of what fits. One that no draft knows says nothing either.
func annotation(keyword string) bool {
	_, known := keywords[keyword]
	return !known
}

// How a keyword's value is built.
type form int

const (
	asValue   form = iota
	asSet          // a list whose order says nothing
	asSchema       // a schema, or a list of schemas
	byName         // schemas by name
	asLibrary      // where schemas stand that $ref names
)

// keywords are those that say what fits. "nullable" is of OpenAPI; some validators know it.
var keywords = map[string]form{
	"type": asSet, "enum": asSet, "const": asValue, "required": asSet, "nullable": asValue, "format": asValue,
	"minimum": asValue, "maximum": asValue, "exclusiveMinimum": asValue, "exclusiveMaximum": asValue, "multipleOf": asValue, "divisibleBy": asValue,
	"minLength": asValue, "maxLength": asValue, "pattern": asValue,
	"contentEncoding": asValue, "contentMediaType": asValue, "contentSchema": asSchema,
	"minItems": asValue, "maxItems": asValue, "uniqueItems": asValue, "items": asSchema, "additionalItems": asSchema, "prefixItems": asSchema,
	"contains": asSchema, "minContains": asValue, "maxContains": asValue, "unevaluatedItems": asSchema,
	"minProperties": asValue, "maxProperties": asValue, "properties": byName, "patternProperties": byName, "additionalProperties": asSchema,
	"propertyNames": asSchema, "unevaluatedProperties": asSchema, "dependencies": byName, "dependentRequired": asValue, "dependentSchemas": byName,
	"allOf": asSchema, "anyOf": asSchema, "oneOf": asSchema, "not": asSchema, "if": asSchema, "then": asSchema, "else": asSchema, "disallow": asSchema, "extends": asSchema,
	"$ref": asValue, "$dynamicRef": asValue, "$recursiveRef": asValue, "$dynamicAnchor": asValue, "$recursiveAnchor": asValue, "$anchor": asValue,
	"$defs": asLibrary, "definitions": asLibrary,
}

// shape is what a schema says, without its annotations, as a digest.
type shape struct {
	sum  string
	refs bool // something in it has a $ref
}

// shape is computed once for each schema, and finds names that change what a $ref means.
func (n node) shape() shape {
	if known, ok := n.doc.shapes[n.at]; ok {
		return known
	}
	m, ok := n.value.(map[string]any)
	if !ok {
		return n.keep(shape{sum: digestOf(n.value)})
	}
	var refs bool
	parts := map[string]any{}
	for keyword, value := range m {
		kind, known := keywords[keyword]
		if keyword == "$id" || keyword == "id" {
			if _, text := value.(string); text && strings.HasPrefix(n.at, "/") {
				n.doc.renamed = true
			}
		}
		if !known {
			continue
		}
		refs = refs || strings.HasSuffix(keyword, "Ref") || keyword == "$ref"
		part := n.part(kind, keyword, value, &refs)
		if kind != asLibrary {
			parts[keyword] = part
		}
	}
	return n.keep(shape{digestOf(parts), refs})
}

func (n node) keep(s shape) shape {
	n.doc.shapes[n.at] = s
	return s
}

// part is the shape of a keyword's value.
func (n node) part(kind form, name string, value any, refs *bool) any {
	below := node{n.doc, pointer(n.at, name), value}
	switch kind {
	case asSet:
		if list, ok := value.([]any); ok {
			sums := make([]string, len(list))
			for i, v := range list {
				sums[i] = digestOf(v)
			}
			slices.Sort(sums)
			return slices.Compact(sums)
		}
	case asSchema:
		switch v := value.(type) {
		case map[string]any, bool:
			s := below.shape()
			*refs = *refs || s.refs
			return s.sum
		case []any:
			parts := make([]any, len(v))
			for i := range v {
				parts[i] = below.part(asSchema, strconv.Itoa(i), v[i], refs)
			}
			return parts
		}
	case byName, asLibrary:
		if v, ok := value.(map[string]any); ok {
			parts := map[string]any{}
			for key := range v {
				parts[key] = below.part(asSchema, key, v[key], refs)
			}
			return parts
		}
	}
	return digestOf(value)
}

// definitions is the shape of what $ref may name.
func (d *document) definitions() string {
	var parts []any
	for _, keyword := range []string{"$defs", "definitions"} {
		if n := d.schema(); n.has(keyword) {
			parts = append(parts, n.part(byName, keyword, n.member(keyword), new(bool)))
		}
	}
	return digestOf(parts)
}

// digestOf is the digest of a decoded value: members have one order, numbers are as they were written.
func digestOf(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err) // it was decoded from JSON
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
