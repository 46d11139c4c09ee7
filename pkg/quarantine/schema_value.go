package quarantine

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Types of values; a number is an integer or a fraction.
const (
	nullKind uint8 = 1 << iota
	booleanKind
	objectKind
	arrayKind
	textKind
	integerKind
	fractionKind

	numbers = integerKind | fractionKind
	every   = 1<<iota - 1
)

var kindNames = map[string]uint8{"null": nullKind, "boolean": booleanKind, "object": objectKind, "array": arrayKind, "string": textKind,
	"integer": integerKind, "number": numbers}

// kinds are the types that fit. OpenAPI's "nullable" makes the difference: loose is as validators read that know it.
type kinds struct{ strict, loose uint8 }

func (k kinds) has(kind uint8) bool { return k.loose&kind != 0 }

// each are the names of the types, a type each.
func (k kinds) each() (names []string) {
	for _, name := range []string{"null", "boolean", "object", "array", "string"} {
		if k.has(kindNames[name]) {
			names = append(names, name)
		}
	}
	switch {
	case k.has(fractionKind):
		names = append(names, "number")
	case k.has(integerKind):
		names = append(names, "integer")
	}
	return names
}

func (k kinds) several() bool { return len(k.each()) > 1 }

// kindsOf are the types that fit all schemas. What is no type of JSON Schema counts as any on the left, and as none on the right.
func kindsOf(schemas []node, otherwise uint8) kinds {
	k := kinds{every, every}
	for _, n := range schemas {
		if n.nothing() {
			return kinds{}
		}
		own := uint8(every)
		if n.has("type") {
			own = typesOf(n.member("type"), otherwise)
		}
		k.strict &= own
		if n.member("nullable") == true {
			own |= nullKind
		}
		k.loose &= own
	}
	return k
}

func typesOf(value any, otherwise uint8) (all uint8) {
	names, ok := value.([]any)
	if !ok {
		names = []any{value}
	}
	for _, name := range names {
		text, _ := name.(string)
		kind, known := kindNames[text]
		if !known {
			return otherwise
		}
		all |= kind
	}
	return all
}

func kindOf(value any) uint8 {
	switch v := value.(type) {
	case nil:
		return nullKind
	case bool:
		return booleanKind
	case string:
		return textKind
	case []any:
		return arrayKind
	case json.Number:
		if f, err := v.Float64(); err == nil && f == math.Trunc(f) {
			return integerKind
		}
		return fractionKind
	}
	return objectKind
}

// values are all values that fit the left side, if it names them.
func (c *comparer) values(was []node, left kinds) (all []any, finite bool) {
	for _, n := range was {
		list, ok := n.enumerated()
		if !ok {
			continue
		}
		if !finite {
			all, finite = slices.Clone(list), true
			continue
		}
		among := n.among()
		all = slices.DeleteFunc(all, func(v any) bool { return !among[valueKey(v)] })
	}
	if !finite && left.strict == left.loose && left.loose&^(nullKind|booleanKind) == 0 {
		all, finite = []any{true, false, nil}, true
	}
	return slices.DeleteFunc(all, func(v any) bool { return !left.has(kindOf(v)) }), finite
}

// enumerated are the values that a schema names.
func (n node) enumerated() (list []any, ok bool) {
	if n.has("const") {
		return []any{n.member("const")}, true
	}
	list, ok = n.member("enum").([]any)
	return list, ok
}

// among are the keys of the values that a schema names.
func (n node) among() map[string]bool {
	set, known := n.doc.values[n.at]
	if !known {
		list, _ := n.enumerated()
		set = make(map[string]bool, len(list))
		for _, v := range list {
			set[valueKey(v)] = true
		}
		n.doc.values[n.at] = set
	}
	return set
}

// valueKey is the same for the same values, whatever way their numbers are written in.
func valueKey(value any) string {
	if n, ok := value.(json.Number); ok {
		if f, err := n.Float64(); err == nil && len(n) <= exactDigits {
			return "number " + strconv.FormatFloat(f, 'g', -1, 64)
		}
	}
	return digestOf(value)
}

func (c *comparer) eachValue(values []any, now []node, at string) []Difference {
	for _, v := range values {
		if what := c.takes(v, now); what != "" {
			return []Difference{{what, at}}
		}
	}
	return nil
}

// takes tells whether a value fits schemas: "" if it does, Narrowed if not, Unclear if that can't be told.
func (c *comparer) takes(value any, schemas []node) What {
	all, ok := flat(schemas)
	if c.fuel -= 1 + len(all); !ok || c.fuel <= 0 {
		return Unclear
	}
	verdict, kind := What(""), kindOf(value)
	for _, n := range all {
		what := n.takesAlone(value, kind)
		if what == "" {
			what = c.takesUnions(value, n)
		}
		if what == Narrowed {
			return Narrowed
		} else if what != "" {
			verdict = what
		}
	}
	return verdict
}

// takesAlone is takes for one schema, without its unions.
func (n node) takesAlone(value any, kind uint8) What {
	if n.nothing() || kindsOf([]node{n}, 0).strict&kind == 0 {
		return Narrowed
	}
	if (n.has("enum") || n.has("const")) && !n.among()[valueKey(value)] {
		return Narrowed
	}
	exact := []node{{n.doc, "", map[string]any{}}} // a schema that this value alone fits, as far as bounds go
	var found []Difference
	switch v := value.(type) {
	case json.Number:
		exact[0].value = map[string]any{"minimum": v, "maximum": v, "multipleOf": v}
		found = numberBounds(exact, n, kinds{kind, kind}, "")
	case string:
		length := json.Number(strconv.Itoa(utf8.RuneCountInString(v)))
		exact[0].value = map[string]any{"minLength": length, "maxLength": length}
		found = stringBounds(exact, n, "")
		if n.has("pattern") || n.has("format") && n.asserts() {
			return Unclear
		}
	case map[string]any, []any:
		for keyword := range n.value.(map[string]any) {
			if kind, known := keywords[keyword]; known && kind != asLibrary && keyword != "type" && keyword != "enum" && keyword != "const" {
				return Unclear
			}
		}
	}
	if len(found) > 0 {
		return Narrowed
	}
	for _, keyword := range []string{"not", "if", "$dynamicRef", "$recursiveRef", "disallow", "extends", "contentEncoding", "contentMediaType"} {
		if n.has(keyword) {
			return Unclear
		}
	}
	return ""
}

// takesUnions is takes for the unions of a schema.
func (c *comparer) takesUnions(value any, n node) What {
	for _, keyword := range unions {
		if !n.has(keyword) {
			continue
		}
		branches, ok := n.list(keyword)
		if !ok {
			return Unclear
		}
		fit, unsure := 0, 0
		for _, branch := range branches {
			switch c.takes(value, []node{branch}) {
			case "":
				fit++
			case Unclear:
				unsure++
			}
		}
		switch {
		case keyword == "anyOf" && fit > 0, keyword == "oneOf" && fit == 1 && unsure == 0:
		case fit > 1 || fit+unsure == 0:
			return Narrowed
		default:
			return Unclear
		}
	}
	return ""
}
