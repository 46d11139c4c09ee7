package catalog

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Clients with the TypeScript SDK compile the output schemas of a whole list, with Ajv. One that can't be compiled takes
// the list from them, though the schema of MCP allows it. So it is taken out of its tool. Only what Ajv refuses for
// certain is named here; every other schema stays as the server wrote it.

// keywords are those of a schema that Ajv knows, with the types that their values have.
var keywords = map[string]string{
	"$ref": "s", "type": "sa", "nullable": "b", "pattern": "s", "required": "a", "enum": "a", "uniqueItems": "b", "format": "sn",
	"maximum": "n", "minimum": "n", "exclusiveMaximum": "n", "exclusiveMinimum": "n", "multipleOf": "n", "maxLength": "n", "minLength": "n",
	"maxItems": "n", "minItems": "n", "maxProperties": "n", "minProperties": "n", "properties": "o", "patternProperties": "o",
	"additionalProperties": "bo", "propertyNames": "bo", "items": "boa", "not": "bo", "allOf": "a", "anyOf": "a", "oneOf": "a",
}

var types = map[string]bool{
	"string": true, "number": true, "integer": true, "boolean": true, "array": true, "object": true, "null": true,
}

// compiling is one look at a schema.
type compiling struct {
	root any
	ids  bool // something in it has an address of its own, so that references are not judged
	seen map[string]bool
}

// compiles tells whether clients can compile a schema; true in doubt. Members of the schema itself that are null are taken out elsewhere.
func compiles(raw []byte) bool {
	var root map[string]any
	if json.Unmarshal(raw, &root) != nil {
		return true
	}
	for _, name := range []string{"type", "properties", "required"} {
		if v, is := root[name]; is && v == nil {
			delete(root, name)
		}
	}
	c := compiling{root: root, seen: map[string]bool{}}
	for _, name := range []string{`"$id"`, `"id"`, `"$anchor"`, `"$dynamicAnchor"`, `"$recursiveAnchor"`, `\u`} {
		c.ids = c.ids || strings.Contains(string(raw), name)
	}
	return c.schema(root)
}

func (c *compiling) schema(v any) bool {
	s, is := v.(map[string]any)
	if !is {
		return v != nil
	}
	for name, value := range s {
		if kinds, known := keywords[name]; known && !strings.Contains(kinds, kindOf(value)) {
			return false
		}
	}
	return c.typed(s) && c.refers(s) && c.within(s)
}

// kindOf is the first letter of a value's type; "?" is null.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "s"
	case bool:
		return "b"
	case float64:
		return "n"
	case []any:
		return "a"
	case map[string]any:
		return "o"
	}
	return "?"
}

// typed checks the keywords that have no schemas in them.
func (c *compiling) typed(s map[string]any) bool {
	names, several := s["type"].([]any)
	if one, is := s["type"]; is && !several {
		names = []any{one}
	}
	for _, name := range names {
		if text, is := name.(string); !is || !types[text] {
			return false
		}
	}
	if _, is := s["nullable"]; is && len(names) == 0 {
		return false
	}
	if text, is := s["pattern"].(string); is && !isPattern(text) {
		return false
	}
	enum, is := s["enum"].([]any)
	return !is || len(enum) > 0
}

// isPattern tells whether a pattern can be one of JavaScript with the flag "u"; true in doubt. Those of Python are often none.
func isPattern(pattern string) bool {
	class, groups := false, 0
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i+1:]
		switch c := pattern[i]; {
		case c == '\\':
			if rest == "" || !isEscape(rest[0], class) {
				return false
			}
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			if strings.HasPrefix(rest, "?P") || strings.HasPrefix(rest, "?#") || strings.HasPrefix(rest, "?>") ||
				len(rest) > 2 && rest[0] == '?' && strings.ContainsRune("aimsux", rune(rest[1])) && rest[2] == ')' {
				return false
			}
			groups++
		case c == ')':
			if groups--; groups < 0 {
				return false
			}
		}
	}
	return !class && groups == 0
}

// isEscape tells whether c may stand after a backslash.
func isEscape(c byte, class bool) bool {
	if c >= utf8.RuneSelf {
		return false
	}
	return strings.IndexByte("dDwWsSbfnrtvcxupP0123456789k^$\\.*+?()[]{}|/", c) >= 0 || c == '-' && class || c == 'B' && !class
}

// refers checks what a reference leads to.
func (c *compiling) refers(s map[string]any) bool {
	ref, is := s["$ref"].(string)
	if !is || c.ids || c.seen[ref] || strings.Contains(ref, "json-schema.org/") {
		return true
	}
	c.seen[ref] = true
	path, local := strings.CutPrefix(ref, "#")
	path, err := url.PathUnescape(path)
	if err != nil || !local || path != "" && path[0] != '/' {
		return err != nil
	}
	at := c.root
	for _, part := range strings.Split(path, "/")[1:] {
		in, is := at.(map[string]any)
		if !is {
			return true // an element of an array, which is not judged
		}
		if at, is = in[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]; !is {
			return false
		}
	}
	return kindOf(at) != "o" || c.schema(at)
}

// within checks the schemas in a schema.
func (c *compiling) within(s map[string]any) bool {
	for _, name := range []string{"properties", "patternProperties"} {
		members, _ := s[name].(map[string]any)
		for key, one := range members {
			if !c.schema(one) || name == "patternProperties" && !isPattern(key) {
				return false
			}
		}
	}
	for _, name := range []string{"additionalProperties", "propertyNames", "items", "not"} {
		if one, is := s[name].(map[string]any); is && !c.schema(one) {
			return false
		}
	}
	for _, name := range []string{"allOf", "anyOf", "oneOf"} {
		alternatives, _ := s[name].([]any)
		if name == "anyOf" && !judged(alternatives) {
			continue
		}
		for _, one := range alternatives {
			if !c.schema(one) {
				return false
			}
		}
	}
	return true
}

// judged tells whether all alternatives demand something: Ajv passes over those beside one that takes everything.
func judged(alternatives []any) bool {
	for _, one := range alternatives {
		s, is := one.(map[string]any)
		demands := !is && one != true
		for name := range s {
			_, known := keywords[name]
			demands = demands || known
		}
		if !demands {
			return false
		}
	}
	return true
}
