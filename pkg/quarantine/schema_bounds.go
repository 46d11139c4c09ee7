package quarantine

import (
	"encoding/json"
	"math"
	"strings"
)

// exactDigits is how long a number may be written for its float64 to tell it from every other one as short.
const exactDigits = 15

// largestExact is the largest integer up to which every one is its own float64: others can't be sent safely (RFC 8259, section 6), so a bound
// there, as zod 4 writes for every integer, bounds nothing.
const largestExact = 1<<53 - 1

// bound is a lower or upper bound.
type bound struct {
	value     float64
	text      json.Number
	exclusive bool
}

// boundOf is the bound that a schema sets by its keywords, of which draft 4 has the second as a boolean. ok is false for what is no bound.
func boundOf(n node, inclusive, exclusive string) (b *bound, ok bool) {
	ok = true
	read := func(value any, out bool) {
		text, number := value.(json.Number)
		f, err := text.Float64()
		if !number || err != nil {
			ok = false
			return
		}
		next := &bound{f, text, out}
		if tighter := b != nil && (inclusive == "minimum") == (f > b.value); b == nil || tighter || f == b.value {
			b = next
		}
	}
	if n.has(inclusive) {
		read(n.member(inclusive), n.member(exclusive) == true)
	}
	if _, draft4 := n.member(exclusive).(bool); n.has(exclusive) && !draft4 {
		read(n.member(exclusive), true)
	}
	return b, ok
}

// numberBounds compares what schemas say of numbers.
func numberBounds(was []node, n node, left kinds, at string) (all []Difference) {
	whole := !left.has(fractionKind)
	for _, side := range []struct {
		inclusive, exclusive string
		sign                 float64
	}{{"minimum", "exclusiveMinimum", 1}, {"maximum", "exclusiveMaximum", -1}} {
		r, ok := boundOf(n, side.inclusive, side.exclusive)
		implied := ok && r == nil || ok && whole && side.sign*r.value <= -largestExact && !(r.exclusive && side.sign*r.value == -largestExact)
		for _, n := range was {
			if l, lok := boundOf(n, side.inclusive, side.exclusive); ok && lok && l != nil && !implied {
				implied = l.implies(*r, side.sign, whole)
			}
		}
		if !implied {
			all = append(all, Difference{Tightened, at})
		}
	}
	for _, keyword := range []string{"multipleOf", "divisibleBy"} {
		if n.has(keyword) && !multiple(was, n, keyword, whole) {
			all = append(all, Difference{Tightened, at})
		}
	}
	return all
}

// implies tells whether what is within l is within r. sign is 1 for lower bounds, -1 for upper ones.
func (l bound) implies(r bound, sign float64, whole bool) bool {
	if whole && l.exclusive && l.value == math.Trunc(l.value) && math.Abs(l.value) < largestExact {
		l = bound{l.value + sign, "", false}
	}
	switch a, b := sign*l.value, sign*r.value; {
	case a != b:
		return a > b
	case l.text != r.text && max(len(l.text), len(r.text)) > exactDigits:
		return false // which of the two is larger is not told
	}
	return l.exclusive || !r.exclusive
}

// multiple tells whether all that fits the left side is a multiple of what the right side says.
func multiple(was []node, n node, keyword string, whole bool) bool {
	value := func(n node) float64 {
		text, _ := n.member(keyword).(json.Number)
		f, err := text.Float64()
		if err != nil || f != math.Trunc(f) || math.Abs(f) > largestExact {
			return 0
		}
		return f
	}
	r := value(n)
	if whole && r == 1 {
		return true
	}
	for _, l := range was {
		if l.has(keyword) && (digestOf(l.member(keyword)) == digestOf(n.member(keyword)) || r > 0 && value(l) != 0 && math.Mod(value(l), r) == 0) {
			return true
		}
	}
	return false
}

// stringBounds compares what schemas say of strings.
func stringBounds(was []node, n node, at string) (all []Difference) {
	if !sized(was, n, "minLength", "maxLength", 0, math.Inf(1)) {
		all = append(all, Difference{Tightened, at})
	}
	for _, keyword := range []string{"pattern", "format"} {
		if n.has(keyword) && (keyword != "format" || n.asserts()) && !said(was, n, keyword) {
			all = append(all, Difference{Tightened, at})
		}
	}
	return all
}

// asserted are the formats that validators check: those of JSON Schema 2020-12 (Validation, section 7.3), and what Ajv, Zod and others have beside.
// By the standard a format is an annotation, and one that nobody checks refuses no call.
var asserted = map[string]bool{
	"date-time": true, "date": true, "time": true, "duration": true, "email": true, "idn-email": true, "hostname": true, "idn-hostname": true,
	"ipv4": true, "ipv6": true, "uri": true, "uri-reference": true, "iri": true, "iri-reference": true, "uuid": true, "uri-template": true,
	"json-pointer": true, "relative-json-pointer": true, "regex": true,
	"iso-time": true, "iso-date-time": true, "url": true, "json-pointer-uri-fragment": true, "byte": true, "int32": true, "int64": true,
	"float": true, "double": true,
	"datetime": true, "base64": true, "base64url": true, "cidrv4": true, "cidrv6": true, "cuid": true, "cuid2": true, "emoji": true, "guid": true,
	"ip": true, "ip-address": true, "host-name": true, "jwt": true, "ksuid": true, "mac": true, "nanoid": true, "ulid": true, "xid": true, "e164": true, "period": true, "semver": true, "color": true,
}

// asserts tells whether a validator may refuse a value for the format of a schema.
func (n node) asserts() bool {
	name, text := n.member("format").(string)
	return !text || asserted[strings.ToLower(name)]
}

// said tells whether one of the schemas has the same value for a keyword.
func said(was []node, n node, keyword string) bool {
	for _, l := range was {
		if l.has(keyword) && digestOf(l.member(keyword)) == digestOf(n.member(keyword)) {
			return true
		}
	}
	return false
}

// sized tells whether sizes that fit the left side fit the right one; least and most are what is known of them beside.
func sized(was []node, n node, minimum, maximum string, least, most float64) bool {
	size := func(n node, keyword string, otherwise float64) (float64, bool) {
		if !n.has(keyword) {
			return otherwise, true
		}
		text, number := n.member(keyword).(json.Number)
		f, err := text.Float64()
		return f, number && err == nil
	}
	for _, l := range was {
		if f, ok := size(l, minimum, least); ok {
			least = max(least, f)
		}
		if f, ok := size(l, maximum, most); ok {
			most = min(most, f)
		}
	}
	low, ok := size(n, minimum, math.Inf(-1))
	high, ok2 := size(n, maximum, math.Inf(1))
	return ok && ok2 && least >= low && most <= high
}
