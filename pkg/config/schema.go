package config

import (
	"encoding/json"
	"strings"
	"time"
)

// Schema is the JSON Schema (draft 2020-12) of a configuration file, for editors. It knows our own options; other clients' names for them, of
// which an entry may have some, are let pass. What takes more than a look at one value to find is found by Parse alone.
func Schema() []byte {
	server := map[string]any{"type": "object", "properties": serverOptions.schema(true)}
	named := map[string]any{"$ref": "#/$defs/server", "required": []string{"name"}}
	named["properties"] = map[string]any{"name": map[string]any{"type": "string"}}
	servers := map[string]any{
		"type":  []string{"array", "object", "null"},
		"items": named, "additionalProperties": map[string]any{"$ref": "#/$defs/server"},
	}
	top := fileOptions.schema(false)
	for _, key := range []string{keyServers, keyServersVSCode} {
		servers["description"] = fileOptions.named(key).sentence()
		top[key] = clone(servers)
	}
	top[keyIsolation] = schemaRef(keyIsolation, fileOptions.named(keyIsolation).sentence())
	text, err := json.MarshalIndent(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "configuration of mcpproxy-stdio",
		"type":    "object", "properties": top,
		"$defs": map[string]any{
			"server": server,
			"oauth":  map[string]any{"type": []string{"object", "null"}, "properties": oauthOptions.schema(true)},
			"isolation": map[string]any{
				"type": []string{"object", "string", "null"}, "properties": isolationOptions.schema(true),
				"additionalProperties": false,
				"if":                   map[string]any{"type": "string"},
				"then":                 map[string]any{"enum": isolationOptions.named("type").values},
			},
		},
	}, "", "  ")
	if err != nil {
		panic(err) // strings, numbers and booleans
	}
	return append(text, '\n')
}

func clone(m map[string]any) map[string]any {
	c := map[string]any{}
	for key, value := range m {
		c[key] = value
	}
	return c
}

func schemaRef(name, description string) map[string]any {
	return map[string]any{"$ref": "#/$defs/" + name, "description": description}
}

// schema are the properties of an object; null tells whether null stands for what is not written.
func (all options[T]) schema(null bool) map[string]any {
	properties := map[string]any{}
	for i := range all {
		properties[all[i].name] = all[i].schema(null)
	}
	return properties
}

func (o *option[T]) schema(null bool) map[string]any {
	s := map[string]any{"description": o.sentence()}
	if o.name == "name" { // in the object form the key in front is the name, and this one is ignored
		return s
	}
	types := []string{}
	for kind := range strings.SplitSeq(o.typeName()+" or "+o.takes, " or ") {
		switch kind {
		case "":
		case "duration":
			types = append(types, "number", "string")
		default:
			types = append(types, kind)
		}
	}
	if null {
		types = append(types, "null")
	}
	if o.field != nil {
		switch o.field(new(T)).(type) {
		case **OAuth:
			return schemaRef("oauth", o.sentence())
		case **Isolation:
			return schemaRef(keyIsolation, o.sentence())
		case *[]string, *[]Mount:
			s["items"] = map[string]any{"type": "string"}
		case *[]Var:
			s["additionalProperties"] = map[string]any{"type": []string{"string", "number", "boolean", "null"}}
		case *int:
			types[0] = "integer"
		}
	}
	s["type"] = types
	if o.takes == "array" {
		s["items"] = map[string]any{"type": "string"}
	}
	if o.most > 0 {
		s["minimum"], s["maximum"] = o.least, o.most
	}
	if d, is := o.standard.(time.Duration); is {
		s["default"] = d.String()
	} else if o.standard != nil {
		s["default"] = o.standard
	}
	if o.values == nil {
		return s
	}
	values := []any{}
	for _, value := range o.values {
		values = append(values, value)
	}
	if null {
		values = append(values, nil)
	}
	switch {
	case o.loose: // editors propose these, and other clients have more words
		s["anyOf"] = []any{map[string]any{"enum": values}, map[string]any{"type": "string"}}
	case o.refs:
		s["anyOf"] = []any{map[string]any{"enum": values}, map[string]any{"pattern": `\$\{`, "type": "string"}}
	default:
		s["enum"] = values
	}
	return s
}

// sentence is what the option is for, without Markdown.
func (o *option[T]) sentence() string {
	text, note, _ := strings.Cut(plain(o.meaning), " ¹")
	more, _, _ := strings.Cut(o.more, ": [") // a place in the README
	return text + note + plain(more)
}
