package quarantine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// object is an input schema with these properties, and whatever more says.
func object(properties, more string) string {
	return `{"type":"object","properties":{` + properties + `}` + more + `}`
}

// inputSchemas are pairs of input schemas with what tells them apart, the differences that hold the live one first; "" is none.
var inputSchemas = []struct{ name, old, live, want string }{
	// As real servers change them.
	{"closed", object(`"p":{"type":"string"}`, ""), object(`"p":{"type":"string"}`, `,"additionalProperties":false`), "looser"},
	{"opened", object(`"p":{"type":"string"}`, `,"additionalProperties":false`), object(`"p":{"type":"string"}`, ``), "looser"},
	{"no parameters, closed", `{"type":"object"}`, `{"type":"object","properties":{},"additionalProperties":false}`, "looser"},
	{"no parameters, opened and closed", `{"type":"object","properties":{},"additionalProperties":{}}`, `{"type":"object","properties":{},"additionalProperties":false}`, "looser"},
	{"a description", object(`"n":{"type":"number","description":"seconds"}`, ""), object(`"n":{"type":"number","description":"s, at most 30"}`, ""), "text"},
	{"a draft", `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}`, `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"}`, "text"},
	{"examples, a default, a mark of somebody's", object(`"n":{"type":"number"}`, ""), object(`"n":{"type":"number","default":3,"examples":[1],"x-order":2,"deprecated":true}`, ""), "text"},
	{"the order", object(`"a":{"type":"string"},"b":{"type":"null"}`, `,"required":["a","b"]`), object(`"b":{"type":"null"},"a":{"type":"string"}`, `,"required":["b","a"]`), "text"},
	{"an optional parameter", object(`"a":{"type":"string"}`, `,"required":["a"]`), object(`"a":{"type":"string"},"b":{"type":"integer"}`, `,"required":["a"]`), "optional /b"},
	{"an optional one in one", object(`"a":{"type":"object","properties":{"x":{}}}`, ""), object(`"a":{"type":"object","properties":{"x":{},"y":{}}}`, ""), "looser"},
	{"not required any more", object(`"a":{"type":"string"}`, `,"required":["a"]`), object(`"a":{"type":"string"}`, ""), "looser"},
	{"required", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string"}`, `,"required":["a"]`), "required /a"},
	{"new and required", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string"},"b":{}`, `,"required":["b"]`), "required /b"},
	{"new and required, with a default", object(``, ""), object(`"b":{"default":1}`, `,"required":["b"]`), "required /b"},
	{"required in one", object(`"a":{"type":"object","properties":{"x":{}}}`, ""), object(`"a":{"type":"object","properties":{"x":{}},"required":["x"]}`, ""), "required /a/x"},
	{"removed", object(`"a":{"type":"string"},"b":{}`, ""), object(`"a":{"type":"string"}`, ""), "removed /b"},
	{"removed and closed", object(`"a":{"type":"string"},"b":{}`, ""), object(`"a":{"type":"string"}`, `,"additionalProperties":false`), "removed /b"},
	{"all removed", object(`"a":{"type":"string"}`, ""), `{"type":"object"}`, "removed /a"},
	{"all removed, no schema", object(`"a":{"type":"string"}`, ""), `{}`, "removed /a"},
	{"removed in one", object(`"a":{"type":"object","properties":{"x":{},"y":{}}}`, ""), object(`"a":{"type":"object","properties":{"x":{}}}`, ""), "removed /a/y"},
	{"renamed", object(`"a":{}`, ""), object(`"b":{}`, ""), "removed /a, optional /b"},
	{"one that could not be sent", object(`"a":false,"b":{}`, ""), object(`"b":{}`, ""), "looser"},
	{"an odd name", object(`"a~b/c":{"type":"string"}`, ""), object(``, ""), "removed /a~0b~1c"},

	// Types.
	{"retyped", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"number"}`, ""), "retyped /a"},
	{"integer to number", object(`"a":{"type":"integer"}`, ""), object(`"a":{"type":"number"}`, ""), "looser"},
	{"number to integer", object(`"a":{"type":"number"}`, ""), object(`"a":{"type":"integer"}`, ""), "retyped /a"},
	{"typed", object(`"a":{}`, ""), object(`"a":{"type":"string"}`, ""), "retyped /a"},
	{"typed, for what it is", object(`"a":{"enum":["x",null]}`, ""), object(`"a":{"type":["string","null"]}`, ""), "looser"},
	{"untyped", object(`"a":{"type":"string"}`, ""), object(`"a":{}`, ""), "looser"},
	{"true for {}", object(`"a":{}`, ""), object(`"a":true`, ""), "looser"},
	{"nothing at all", object(`"a":{"type":"string"}`, ""), object(`"a":false`, ""), "retyped /a"},
	{"null too", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":["string","null"]}`, ""), "looser"},
	{"null no more", object(`"a":{"type":["string","null"]}`, ""), object(`"a":{"type":"string"}`, ""), "retyped /a"},
	{"null in another form", object(`"a":{"type":["string","null"]}`, ""), object(`"a":{"anyOf":[{"type":"string"},{"type":"null"}]}`, ""), "looser"},
	{"null in one form", object(`"a":{"anyOf":[{"type":"string"},{"type":"null"}]}`, ""), object(`"a":{"type":["null","string"]}`, ""), "looser"},
	{"nullable too", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string","nullable":true}`, ""), "looser"},
	{"nullable no more", object(`"a":{"type":"string","nullable":true}`, ""), object(`"a":{"type":"string","minLength":0}`, ""), "retyped /a"},
	{"null for nullable", object(`"a":{"type":"string","nullable":true}`, ""), object(`"a":{"type":["string","null"]}`, ""), "looser"},
	{"nullable for null", object(`"a":{"type":["string","null"]}`, ""), object(`"a":{"type":"string","nullable":true}`, ""), "retyped /a"},
	{"an unknown type", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"file"}`, ""), "retyped /a"},
	{"an unknown type, as before", object(`"a":{"type":"file"}`, ""), object(`"a":{"type":"file","title":"x"},"b":{}`, ""), "optional /b"},

	// Values.
	{"more values", object(`"a":{"enum":["x","y"]}`, ""), object(`"a":{"enum":["z","y","x"]}`, ""), "looser"},
	{"fewer values", object(`"a":{"enum":["x","y"]}`, ""), object(`"a":{"enum":["x"]}`, ""), "narrowed /a"},
	{"values for any", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string","enum":["x"]}`, ""), "narrowed /a"},
	{"any for values", object(`"a":{"type":"string","enum":["x"]}`, ""), object(`"a":{"type":"string"}`, ""), "looser"},
	{"one value", object(`"a":{"const":"x"}`, ""), object(`"a":{"enum":["x","y"]}`, ""), "looser"},
	{"another value", object(`"a":{"const":"x"}`, ""), object(`"a":{"const":"y"}`, ""), "narrowed /a"},
	{"alternatives for values", object(`"a":{"enum":["x","y"]}`, ""), object(`"a":{"anyOf":[{"const":"x"},{"const":"y"},{"const":"z"}]}`, ""), "looser"},
	{"values for alternatives", object(`"a":{"anyOf":[{"const":"x"},{"const":"y"}]}`, ""), object(`"a":{"enum":["x","y"]}`, ""), "looser"},
	{"values within bounds", object(`"a":{"enum":[1,2.0]}`, ""), object(`"a":{"type":"integer","minimum":1,"maximum":2}`, ""), "looser"},
	{"values out of bounds", object(`"a":{"enum":[1,3]}`, ""), object(`"a":{"type":"integer","maximum":2}`, ""), "narrowed /a"},
	{"values too long", object(`"a":{"enum":["x","yyy"]}`, ""), object(`"a":{"type":"string","maxLength":2}`, ""), "narrowed /a"},
	{"values with a pattern", object(`"a":{"enum":["x"]}`, ""), object(`"a":{"type":"string","pattern":"^x$"}`, ""), "unclear /a"},
	{"all booleans", object(`"a":{"type":"boolean"}`, ""), object(`"a":{"enum":[true,false]}`, ""), "looser"},
	{"one boolean", object(`"a":{"type":"boolean"}`, ""), object(`"a":{"enum":[true]}`, ""), "narrowed /a"},

	// Bounds.
	{"bounds gone", object(`"a":{"type":"integer","minimum":1,"exclusiveMaximum":9}`, ""), object(`"a":{"type":"integer"}`, ""), "looser"},
	{"bounds looser", object(`"a":{"type":"number","minimum":1,"maximum":5}`, ""), object(`"a":{"type":"number","minimum":0.5,"maximum":5.0}`, ""), "looser"},
	{"bounds tighter", object(`"a":{"type":"number","minimum":1}`, ""), object(`"a":{"type":"number","minimum":2}`, ""), "tightened /a"},
	{"new bounds", object(`"a":{"type":"number"}`, ""), object(`"a":{"type":"number","maximum":2}`, ""), "tightened /a"},
	{"exclusive", object(`"a":{"type":"number","minimum":1}`, ""), object(`"a":{"type":"number","exclusiveMinimum":1}`, ""), "tightened /a"},
	{"inclusive", object(`"a":{"type":"number","exclusiveMinimum":1}`, ""), object(`"a":{"type":"number","minimum":1}`, ""), "looser"},
	{"exclusive, draft 4", object(`"a":{"type":"number","minimum":1}`, ""), object(`"a":{"type":"number","minimum":1,"exclusiveMinimum":true}`, ""), "tightened /a"},
	{"exclusive, both drafts", object(`"a":{"type":"number","minimum":1,"exclusiveMinimum":true}`, ""), object(`"a":{"type":"number","exclusiveMinimum":1}`, ""), "looser"},
	{"positive integers", object(`"a":{"type":"integer","exclusiveMinimum":0}`, ""), object(`"a":{"type":"integer","minimum":1}`, ""), "looser"},
	{"integers of zod 4", object(`"a":{"type":"integer"}`, ""), object(`"a":{"type":"integer","minimum":-9007199254740991,"maximum":9007199254740991}`, ""), "looser"},
	{"large integers", object(`"a":{"type":"integer"}`, ""), object(`"a":{"type":"integer","maximum":9007199254740990}`, ""), "tightened /a"},
	{"numbers of zod 4", object(`"a":{"type":"number"}`, ""), object(`"a":{"type":"number","minimum":-9007199254740991}`, ""), "tightened /a"},
	{"numbers too close", object(`"a":{"type":"number","minimum":1.00000000000000001}`, ""), object(`"a":{"type":"number","minimum":1.00000000000000002}`, ""), "tightened /a"},
	{"a bound that is none", object(`"a":{"type":"number"}`, ""), object(`"a":{"type":"number","minimum":"1"}`, ""), "tightened /a"},
	{"steps", object(`"a":{"type":"integer","multipleOf":6}`, ""), object(`"a":{"type":"integer","multipleOf":3}`, ""), "looser"},
	{"other steps", object(`"a":{"type":"integer","multipleOf":6}`, ""), object(`"a":{"type":"integer","multipleOf":4}`, ""), "tightened /a"},
	{"shorter", object(`"a":{"type":"string","maxLength":9}`, ""), object(`"a":{"type":"string","maxLength":8}`, ""), "tightened /a"},
	{"longer", object(`"a":{"type":"string","minLength":2}`, ""), object(`"a":{"type":"string","minLength":1}`, ""), "looser"},
	{"not empty", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string","minLength":1}`, ""), "tightened /a"},
	{"bounds of another type", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string","minimum":5,"minItems":3,"required":["x"]}`, ""), "looser"},
	{"a pattern", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string","pattern":"x"}`, ""), "tightened /a"},
	{"the pattern gone", object(`"a":{"type":"string","pattern":"x"}`, ""), object(`"a":{"type":"string"}`, ""), "looser"},
	{"another pattern", object(`"a":{"type":"string","pattern":"x"}`, ""), object(`"a":{"type":"string","pattern":"y"}`, ""), "tightened /a"},
	{"a format", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string","format":"uri"}`, ""), "tightened /a"},
	{"a format that is a note", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string","format":"markdown"}`, ""), "looser"},
	{"another such", object(`"a":{"type":"string","format":"sql"}`, ""), object(`"a":{"type":"string","format":"textarea"}`, ""), "looser"},
	{"one that is checked for such", object(`"a":{"type":"string","format":"sql"}`, ""), object(`"a":{"type":"string","format":"UUID"}`, ""), "tightened /a"},
	{"a format that is no text", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string","format":{}}`, ""), "tightened /a"},
	{"with a value", object(`"a":{"enum":["x"]}`, ""), object(`"a":{"enum":["x"],"format":"markdown"}`, ""), "looser"},
	{"the format gone", object(`"a":{"type":"string","format":"uri"}`, ""), object(`"a":{"type":"string"}`, ""), "looser"},

	// Arrays.
	{"elements", object(`"a":{"type":"array","items":{"type":"string"}}`, ""), object(`"a":{"type":"array","items":{"type":"number"}}`, ""), "retyped /a/*"},
	{"elements of any type", object(`"a":{"type":"array","items":{"type":"string"}}`, ""), object(`"a":{"type":"array"}`, ""), "looser"},
	{"members of elements", object(`"a":{"type":"array","items":{"type":"object","properties":{"x":{}}}}`, ""), object(`"a":{"type":"array","items":{"type":"object","properties":{"x":{},"y":{}},"required":["y"]}}`, ""), "required /a/*/y"},
	{"fewer elements", object(`"a":{"type":"array"}`, ""), object(`"a":{"type":"array","maxItems":5}`, ""), "tightened /a"},
	{"an element at least", object(`"a":{"type":"array"}`, ""), object(`"a":{"type":"array","minItems":1}`, ""), "tightened /a"},
	{"more elements", object(`"a":{"type":"array","maxItems":5,"minItems":1}`, ""), object(`"a":{"type":"array","maxItems":6}`, ""), "looser"},
	{"no element twice", object(`"a":{"type":"array"}`, ""), object(`"a":{"type":"array","uniqueItems":true}`, ""), "tightened /a"},
	{"a pair, both drafts", object(`"a":{"type":"array","items":[{"type":"string"},{"type":"number"}]}`, ""), object(`"a":{"type":"array","prefixItems":[{"type":"string"},{"type":"number"}]}`, ""), "looser"},
	{"a pair and no more", object(`"a":{"type":"array","items":[{},{}]}`, ""), object(`"a":{"type":"array","items":[{},{}],"additionalItems":false}`, ""), "retyped /a/*"},
	{"a pair that was no more", object(`"a":{"type":"array","items":[{},{}],"maxItems":2}`, ""), object(`"a":{"type":"array","items":[{},{}],"additionalItems":false}`, ""), "looser"},
	{"another pair", object(`"a":{"type":"array","prefixItems":[{"type":"string"}]}`, ""), object(`"a":{"type":"array","prefixItems":[{"type":"number"}]}`, ""), "retyped /a/*"},
	{"contains", object(`"a":{"type":"array"}`, ""), object(`"a":{"type":"array","contains":{"const":1}}`, ""), "unclear /a"},

	// Objects of names of the caller's choice.
	{"a map", object(`"a":{"type":"object","additionalProperties":{"type":"string"}}`, ""), object(`"a":{"type":"object","additionalProperties":{"type":["string","number"]}}`, ""), "looser"},
	{"a map of another type", object(`"a":{"type":"object","additionalProperties":{"type":"string"}}`, ""), object(`"a":{"type":"object","additionalProperties":{"type":"number"}}`, ""), "retyped /a/*"},
	{"a map closed", object(`"a":{"type":"object","additionalProperties":{"type":"string"}}`, ""), object(`"a":{"type":"object","additionalProperties":false}`, ""), "closed /a"},
	{"a map with a name", object(`"a":{"type":"object","additionalProperties":{"type":"string"}}`, ""), object(`"a":{"type":"object","properties":{"x":{"type":"number"}},"additionalProperties":{"type":"string"}}`, ""), "retyped /a/x"},
	{"any object", object(`"a":{"type":"object"}`, ""), object(`"a":{"type":"object","additionalProperties":true}`, ""), "looser"},
	{"any object closed", object(`"a":{"type":"object"}`, ""), object(`"a":{"type":"object","additionalProperties":false}`, ""), "closed /a"},
	{"any object, named", object(`"a":{"type":"object"}`, ""), object(`"a":{"type":"object","properties":{"x":{"type":"number"}}}`, ""), "retyped /a/x"},
	{"any arguments closed", `{"type":"object","additionalProperties":true}`, `{"type":"object","additionalProperties":false}`, "closed"},
	{"names of records of zod 4", object(`"a":{"type":"object","additionalProperties":{}}`, ""), object(`"a":{"type":"object","propertyNames":{"type":"string"},"additionalProperties":{}}`, ""), "looser"},
	{"short names", object(`"a":{"type":"object","additionalProperties":{}}`, ""), object(`"a":{"type":"object","propertyNames":{"maxLength":3},"additionalProperties":{}}`, ""), "tightened /a"},
	{"names by pattern", object(`"abc":{"type":"string"}`, ""), object(`"abc":{"type":"string"}`, `,"patternProperties":{"^a":{"maxLength":3}}`), "unclear"},
	{"names by the same pattern", object(`"abc":{"type":"string"}`, `,"patternProperties":{"^x":{"maxLength":3}}`), object(`"abc":{},"b":{}`, `,"patternProperties":{"^x":{"maxLength":3,"title":"t"}}`), "optional /b"},
	{"a member at least", object(`"a":{"type":"object","properties":{"x":{}}}`, ""), object(`"a":{"type":"object","properties":{"x":{}},"minProperties":1}`, ""), "tightened /a"},
	{"a member at least, which was required", object(`"a":{"type":"object","properties":{"x":{}},"required":["x"]}`, ""), object(`"a":{"type":"object","properties":{"x":{}},"minProperties":1}`, ""), "looser"},
	{"unevaluated", object(`"a":{}`, ""), object(`"a":{}`, `,"unevaluatedProperties":false`), "looser"},
	{"unevaluated in one alternative", object(`"a":{"type":"string"}`, ""), `{"anyOf":[{"type":"object","unevaluatedProperties":false},{"type":"object","properties":{"a":{"type":"null"}}}]}`, "removed /a"},
	{"one depends on another", object(`"a":{},"b":{}`, ""), object(`"a":{},"b":{}`, `,"dependentRequired":{"a":["b"]}`), "unclear"},
	{"one depended on another", object(`"a":{},"b":{}`, `,"dependencies":{"a":["b"]}`), object(`"a":{},"b":{}`, ``), "looser"},

	// Schemas of schemas.
	{"an alternative more", object(`"a":{"anyOf":[{"type":"string"},{"type":"number"}]}`, ""), object(`"a":{"anyOf":[{"type":"number"},{"type":"null"},{"type":"string","title":"t"}]}`, ""), "looser"},
	{"an alternative less", object(`"a":{"anyOf":[{"type":"string"},{"type":"number"}]}`, ""), object(`"a":{"anyOf":[{"type":"string"}]}`, ""), "retyped /a"},
	{"alternatives", object(`"a":{"type":"string"}`, ""), object(`"a":{"oneOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]}`, ""), "looser"},
	{"alternatives that overlap", object(`"a":{"type":"string"}`, ""), object(`"a":{"oneOf":[{"type":"string"},{"minLength":3}]}`, ""), "unclear /a"},
	{"alternatives told apart", object(`"a":{"oneOf":[{"type":"object","properties":{"k":{"const":"x"},"n":{"type":"integer"}},"required":["k"]},{"type":"object","properties":{"k":{"const":"y"}},"required":["k"]}]}`, ""),
		object(`"a":{"oneOf":[{"type":"object","properties":{"k":{"const":"x"},"n":{"type":"number"}},"required":["k"]},{"type":"object","properties":{"k":{"const":"y"},"o":{}},"required":["k"]},{"type":"object","properties":{"k":{"const":"z"}},"required":["k"]}]}`, ""), "looser"},
	{"one of the alternatives", object(`"a":{"anyOf":[{"type":"object","properties":{"k":{"const":"x"}},"required":["k"]},{"type":"object","properties":{"k":{"const":"y"}},"required":["k"]}]}`, ""),
		object(`"a":{"anyOf":[{"type":"object","properties":{"k":{"const":"x"},"m":{}},"required":["k","m"]},{"type":"object","properties":{"k":{"const":"y"}},"required":["k"]}]}`, ""), "required /a/m"},
	{"parts", object(`"a":{"allOf":[{"type":"string"},{"maxLength":3}]}`, ""), object(`"a":{"type":"string","maxLength":4}`, ""), "looser"},
	{"in parts", object(`"a":{"type":"string","maxLength":3}`, ""), object(`"a":{"allOf":[{"type":"string"},{"maxLength":3}]}`, ""), "looser"},
	{"in parts, closed", object(`"x":{},"y":{}`, ""), `{"allOf":[{"type":"object","properties":{"x":{}},"additionalProperties":false},{"properties":{"y":{}}}]}`, "removed /y"},
	{"in parts, open", object(`"x":{},"y":{}`, ""), `{"allOf":[{"type":"object","properties":{"x":{}}},{"properties":{"y":{}}}],"unevaluatedProperties":false}`, "looser"},
	{"one of two is required", object(`"x":{},"y":{}`, `,"required":["x"]`), object(`"x":{},"y":{}`, `,"anyOf":[{"required":["x"]},{"required":["y"]}]`), "looser"},
	{"one of two must be given", object(`"x":{},"y":{}`, ``), object(`"x":{},"y":{}`, `,"anyOf":[{"required":["x"]},{"required":["y"]}]`), "required /x"},
	{"a definition", object(`"a":{"type":"string"}`, ""), object(`"a":{"$ref":"#/$defs/t"}`, `,"$defs":{"t":{"type":"string"}}`), "looser"},
	{"a definition by another name", object(`"a":{"$ref":"#/definitions/u"}`, `,"definitions":{"u":{"type":"string"}}`), object(`"a":{"$ref":"#/$defs/t"}`, `,"$defs":{"t":{"type":"string"}}`), "looser"},
	{"another definition", object(`"a":{"$ref":"#/$defs/t"}`, `,"$defs":{"t":{"type":"string"}}`), object(`"a":{"$ref":"#/$defs/t"}`, `,"$defs":{"t":{"type":"number"}}`), "retyped /a"},
	{"a definition that is not there", object(`"a":{"type":"string"}`, ""), object(`"a":{"$ref":"#/$defs/t"}`, ""), "unclear /a"},
	{"a definition elsewhere", object(`"a":{"type":"string"}`, ""), object(`"a":{"$ref":"https://x/y"}`, ""), "unclear /a"},
	{"a definition beside a bound", object(`"a":{"type":"string"}`, ""), object(`"a":{"$ref":"#/$defs/t","maxLength":3}`, `,"$defs":{"t":{"type":"string"}}`), "tightened /a"},
	{"a definition beside a bound that draft 7 does not see", object(`"a":{"type":"string"}`, ""), object(`"a":{"$ref":"#/definitions/t","maxLength":3}`, `,"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"t":{"type":"string"}}`), "looser"},
	{"a definition in a renamed part", object(`"a":{"type":"string"}`, ""), object(`"a":{"$id":"x","$ref":"#/$defs/t"}`, `,"$defs":{"t":{"type":"string"}}`), "unclear /a"},
	{"a tree", object(`"a":{"$ref":"#/$defs/t"}`, `,"$defs":{"t":{"type":"object","properties":{"v":{"type":"integer"},"next":{"$ref":"#/$defs/t"}}}}`),
		object(`"a":{"$ref":"#/$defs/u"}`, `,"$defs":{"u":{"type":"object","properties":{"v":{"type":"number"},"next":{"$ref":"#/$defs/u"},"w":{}}}}`), "looser"},
	{"a tree that differs below", object(`"a":{"$ref":"#/$defs/t"}`, `,"$defs":{"t":{"type":"object","properties":{"v":{"type":"number"},"next":{"$ref":"#/$defs/t"}}}}`),
		object(`"a":{"$ref":"#/$defs/u"}`, `,"$defs":{"u":{"type":"object","properties":{"v":{"type":"integer"},"next":{"$ref":"#/$defs/u"}}}}`), "retyped /a/next/v, retyped /a/v"},
	{"itself", object(`"a":{"type":"string"}`, ""), object(`"a":{"$ref":"#/properties/a"}`, ""), "unclear /a"},
	{"itself among others", object(`"a":{"type":"string"}`, ""), object(`"a":{"anyOf":[{"$ref":"#/properties/a"}]}`, ""), "unclear /a"},
	{"not", object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string","not":{"const":"x"}}`, ""), "unclear /a"},
	{"not, as before", object(`"a":{"type":"string","not":{"const":"x"},"maxLength":3}`, ""), object(`"a":{"type":"string","not":{"const":"x","title":"t"}}`, ""), "looser"},
	{"if", object(`"a":{}`, ""), object(`"a":{}`, `,"if":{"required":["a"]},"then":{"required":["b"]}`), "unclear"},
	{"dynamic", object(`"a":{}`, ""), object(`"a":{"$dynamicRef":"#x"}`, ""), "unclear /a"},
	{"no schema", object(`"a":{}`, ""), `7`, "unclear"},
	{"properties that are none", object(`"a":{}`, ""), `{"type":"object","properties":7}`, "unclear"},
	{"required that is none", object(`"a":{}`, ""), object(`"a":{}`, `,"required":"a"`), "unclear"},
	{"required as in draft 3", object(`"a":{"type":"object","properties":{"x":{"type":"string","required":true}}}`, ""), object(`"a":{"type":"object","properties":{"x":{"type":"string","required":true}}},"b":{}`, ""), "optional /b"},
}

func words(all []Difference) string {
	var held, rest []string
	for _, d := range all {
		text := strings.TrimSpace(string(d.What) + " " + d.At)
		if d.Holds() {
			held = append(held, text)
		} else {
			rest = append(rest, text)
		}
	}
	return strings.Join(slices.Concat(held, rest), ", ")
}

func TestInputDifferences(t *testing.T) {
	for _, c := range inputSchemas {
		if got := words(inputDifferences([]byte(c.old), []byte(c.live))); got != c.want {
			t.Errorf("%s: %q, want %q\n%s\n%s", c.name, got, c.want, c.old, c.live)
		}
		for _, same := range []string{c.old, c.live} {
			if got := words(inputDifferences([]byte(same), []byte(strings.Replace(same, `{`, `{"description":"other",`, 1)))); got != "text" && strings.HasPrefix(same, `{"`) {
				t.Errorf("%s: with another text: %q\n%s", c.name, got, same)
			}
		}
	}
}

func TestDifferences(t *testing.T) {
	const def = `{"name":"a","title":"t","description":"d","inputSchema":{"type":"object","properties":{"p":{"type":"string"}}},"annotations":{"readOnlyHint":true}}`
	for name, c := range map[string]struct {
		kind            Kind
		old, live, want string
	}{
		"the same, in another order":    {Tool, `{"name":"a","inputSchema":{"type":"object"}}`, `{"inputSchema":{"type": "object"},"name":"a"}`, ""},
		"texts":                         {Tool, def, strings.ReplaceAll(def, `"d"`, `"other"`), "text"},
		"more cautious":                 {Tool, def, strings.ReplaceAll(def, `true`, `false`), "annotations"},
		"less cautious":                 {Tool, strings.ReplaceAll(def, `true`, `false`), def, "annotations"},
		"no annotations":                {Tool, def, strings.ReplaceAll(def, `"annotations"`, `"x"`), "annotations, other"},
		"execution":                     {Tool, def, strings.Replace(def, `{`, `{"execution":{"taskSupport":"forbidden"},`, 1), "annotations"},
		"output":                        {Tool, def, strings.Replace(def, `{`, `{"outputSchema":{"type":"object"},`, 1), "output"},
		"icons and _meta":               {Tool, def, strings.Replace(def, `{`, `{"icons":[],"_meta":{},`, 1), "other"},
		"no schema for an empty one":    {Tool, `{"name":"a"}`, `{"name":"a","inputSchema":{"type":"object"}}`, "looser"},
		"a parameter":                   {Tool, def, strings.Replace(def, `"p"`, `"q"`, 1), "removed /p, optional /q"},
		"unreadable":                    {Tool, def, `{"name":"a","name":"a"}`, "unclear"},
		"a prompt's texts":              {Prompt, `{"name":"a","arguments":[{"name":"x","description":"d"}]}`, `{"name":"a","arguments":[{"name":"x","title":"t"}]}`, "text"},
		"a prompt's argument":           {Prompt, `{"name":"a"}`, `{"name":"a","arguments":[{"name":"x"}]}`, "optional /x, text"},
		"a prompt's required argument":  {Prompt, `{"name":"a"}`, `{"name":"a","arguments":[{"name":"x","required":true}]}`, "required /x, text"},
		"required now":                  {Prompt, `{"name":"a","arguments":[{"name":"x"}]}`, `{"name":"a","arguments":[{"name":"x","required":true}]}`, "required /x, text"},
		"required no more":              {Prompt, `{"name":"a","arguments":[{"name":"x","required":true}]}`, `{"name":"a","arguments":[{"name":"x"}]}`, "looser, text"},
		"a prompt without its argument": {Prompt, `{"name":"a","arguments":[{"name":"x"}]}`, `{"name":"a","arguments":null}`, "removed /x, text"},
		"arguments that are none":       {Prompt, `{"name":"a"}`, `{"name":"a","arguments":7}`, "unclear"},
		"a template":                    {Template, `{"uriTemplate":"x:{y}","name":"t"}`, `{"uriTemplate":"x:{y}","name":"u","mimeType":"text/plain"}`, "text"},
		"instructions":                  {Instructions, `"a"`, `"b"`, "text"},
		"more declared":                 {Capabilities, `{"experimental":{"x":{}}}`, `{"experimental":{"x":{"v":1},"y":{}}}`, "other"},
		"less declared":                 {Capabilities, `{"experimental":{"x":{"v":1}}}`, `{"experimental":{"x":{}}}`, "removed"},
		"otherwise declared":            {Capabilities, `{"experimental":{"x":1}}`, `{"experimental":{"x":2}}`, "removed"},
		"an image":                      {Image, `"sha256:1"`, `"sha256:2"`, "unclear"},
		"an engine":                     {Engine, `{"a":1}`, `{"a":2}`, "unclear"},
		"a program":                     {Local, `{"path":"x","sha256":"1"}`, `{"path":"x","sha256":"2"}`, "unclear"},
	} {
		if got := words(Differences(c.kind, []byte(c.old), []byte(c.live))); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Schemas that are built to cost much end as what can't be told, within a number of steps.
func TestHostileSchemas(t *testing.T) {
	union := func(n int, of string) string {
		return `{"anyOf":[` + strings.Repeat(of+",", n-1) + of + `]}`
	}
	nested := func(n int, open, inner, end string) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	defs := func(n int, each func(i int) string) string {
		var parts []string
		for i := range n {
			parts = append(parts, fmt.Sprintf(`"d%d":%s`, i, each(i)))
		}
		return `{"type":"object","properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":{` + strings.Join(parts, ",") + `}}`
	}
	doubled := defs(40, func(i int) string {
		if i == 39 {
			return `{"type":"string"}`
		}
		return fmt.Sprintf(`{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]}`, i+1, i+1)
	})
	alternatives := func(last string) string {
		return defs(30, func(i int) string {
			if i == 29 {
				return last
			}
			return fmt.Sprintf(`{"anyOf":[{"type":"object","properties":{"x":{"$ref":"#/$defs/d%d"}}},{"type":"object","properties":{"x":{"$ref":"#/$defs/d%d"}},"title":"t"}]}`, i+1, i+1)
		})
	}
	products := func(last string) string {
		return object(`"a":{"allOf":[`+strings.TrimSuffix(strings.Repeat(union(10, `{"type":["string","number"]}`)+",", 12), ",")+`]}`, last)
	}
	many := make([]string, 30_000)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	values := strings.Join(many, ",")
	for name, c := range map[string]struct{ old, live string }{
		"doubling":      {doubled, strings.Replace(doubled, `"string"`, `"number"`, 1)},
		"alternatives":  {alternatives(`{"type":"string"}`), alternatives(`{"type":"number"}`)},
		"products":      {products(""), products(`,"minProperties":1`)},
		"deep":          {object(`"a":`+nested(50, `{"items":`, `{"type":"string"}`, `}`), ""), object(`"a":`+nested(50, `{"items":`, `{"type":"number"}`, `}`), "")},
		"deep parts":    {object(`"a":`+nested(50, `{"allOf":[`, `{"type":"string"}`, `]}`), ""), object(`"a":`+nested(50, `{"allOf":[`, `{"type":"number"}`, `]}`), "")},
		"a wide union":  {object(`"a":`+union(3000, `{"type":"string","maxLength":5}`), ""), object(`"a":`+union(3000, `{"type":"string","maxLength":4}`), "")},
		"many values":   {object(`"a":{"enum":[`+values+`]}`, ""), object(`"a":{"enum":[`+values+`,"x"]}`, `,"minProperties":1`)},
		"many elements": {object(`"a":{"prefixItems":[`+strings.Repeat("{},", 5000)+`{}]}`, ""), object(`"a":{"prefixItems":[`+strings.Repeat(`{"type":"null"},`, 5000)+`{}]}`, "")},
		"large numbers": {object(`"a":{"minimum":1e400}`, ""), object(`"a":{"minimum":1e401,"multipleOf":1e-400}`, "")},
		"a union of itself": {defs(1, func(int) string { return `{"anyOf":[{"$ref":"#/$defs/d0"},{"type":"string"}],"minLength":1}` }),
			object(`"a":{"type":"string","minLength":2}`, "")},
		"two unions of themselves": {defs(2, func(i int) string {
			return fmt.Sprintf(`{"anyOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]}`, 1-i, i)
		}),
			object(`"a":{"type":"string","minLength":2}`, "")},
		"self reference": {`{"$ref":"#"}`, `{"$ref":"#","title":"x","type":"object"}`},
		"mutual":         {defs(2, func(i int) string { return fmt.Sprintf(`{"$ref":"#/$defs/d%d"}`, 1-i) }), object(`"a":{"type":"string"}`, "")},
		"mutual, live":   {object(`"a":{"type":"string"}`, ""), defs(2, func(i int) string { return fmt.Sprintf(`{"anyOf":[{"$ref":"#/$defs/d%d"}]}`, 1-i) })},
	} {
		all := inputDifferences([]byte(c.old), []byte(c.live))
		if !slices.ContainsFunc(all, Difference.Holds) {
			t.Errorf("%s: %s", name, words(all))
		}
		if !json.Valid([]byte(c.old)) || !json.Valid([]byte(c.live)) {
			t.Errorf("%s: not JSON", name)
		}
	}
}

// Whatever an update changes, clients are shown the approved bytes or nothing of the item until a person has approved the new ones, and calls
// are admitted only where they fit.
func TestNoNewByteIsShown(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	for _, c := range inputSchemas {
		was, now := tool("a", "old", c.old), tool("a", "NEW-9e1c", c.live)
		r := approved(t, s, was)
		for range 2 {
			r.Learn(s, live(now), Whole, false, suspicious)
			held := slices.ContainsFunc(inputDifferences([]byte(c.old), []byte(c.live)), Difference.Holds)
			if got := shown(r); held && got != "" || !held && got != was {
				t.Errorf("%s: shown %s", c.name, got)
			}
			if admits(r, now) == held {
				t.Errorf("%s: held %t, and calls are admitted: %t", c.name, held, !held)
			}
			if held != (r.Pending(s) == 1) || held == (r.Updated() == 1) {
				t.Errorf("%s: %d to review, %d updated", c.name, r.Pending(s), r.Updated())
			}
			log, _ := json.Marshal(r.Outbox)
			if strings.Contains(string(log), "NEW-9e1c") || len(r.Outbox) != 1 {
				t.Errorf("%s: logged %s", c.name, log)
			}
			r = must(Decode(r.Encode()))(t) // after a restart, too
		}
		if _, err := r.Approve(s, r.Proposal(s).Digest, Means{}, suspicious); err != nil || shown(r) != now || r.Pending(s)+r.Updated() != 0 {
			t.Errorf("%s: approved: %v, shown %s", c.name, err, shown(r))
		}
	}
}
