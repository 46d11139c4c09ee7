package quarantine

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
)

// members is what the left side says of an object's members.
type members struct {
	names     map[string][]node // schemas by name
	required  map[string]bool
	extra     []node // schemas of members with names of the caller's choice; nil: there are none
	patterned bool   // names by pattern
}

// membersOf gathers what schemas say of an object. One that names its members has no others, unless it says what those are; one that names
// none takes any, but for the arguments of a tool, which has none then.
func membersOf(was []node, at string) (m members, ok bool) {
	m, ok = members{names: map[string][]node{}, required: map[string]bool{}}, true
	closed, open, naming := false, false, false
	for _, n := range was {
		named, is := n.named("properties")
		ok, naming = ok && is, naming || named != nil
		for name, sub := range named {
			m.names[name] = append(m.names[name], sub)
		}
		required, _ := n.texts("required")
		for _, name := range required {
			m.required[name] = true
		}
		m.patterned = m.patterned || n.has("patternProperties")
		switch extra, is := n.under("additionalProperties"); {
		case !is:
		case extra.nothing():
			closed = true
		case extra.trivial():
			open = true
		default:
			m.extra = append(m.extra, extra)
		}
	}
	switch {
	case closed:
		m.extra = nil
	case m.extra == nil && len(m.names) == 0 && (at != "" || open && !naming):
		m.extra = []node{{was[0].doc, "\x00any", true}}
	}
	return m, ok
}

// objects compares what schemas say of objects.
func (c *comparer) objects(was, now []node, at string, known map[string]bool) (all []Difference) {
	left, ok := membersOf(was, at)
	if !ok {
		return unclear(at)
	}
	right := map[string][]node{}
	for _, n := range now {
		required, listed := n.texts("required")
		named, is := n.named("properties")
		if !is || !listed && !said(was, n, "required") {
			return unclear(at)
		}
		for _, name := range required {
			if listed && !left.required[name] {
				all = append(all, Difference{Required, pointer(at, name)})
			}
		}
		for name, sub := range named {
			right[name] = append(right[name], sub)
		}
		all = append(all, c.others(was, now, n, left, at)...)
	}
	own := c.names(now) // what unevaluatedProperties sees; the names of other alternatives it does not
	names := maps.Clone(own)
	maps.Copy(names, known)
	for name, subs := range left.names {
		if slices.ContainsFunc(subs, node.nothing) {
			continue // it can't be sent
		}
		schemas, closed := right[name], false
		for _, n := range now {
			if named, _ := n.member("properties").(map[string]any); named[name] != nil {
				continue
			}
			if extra, is := n.under("additionalProperties"); is && !extra.trivial() {
				schemas, closed = append(slices.Clone(schemas), extra), closed || extra.nothing()
			}
			closed = closed || n.member("unevaluatedProperties") == false && !own[name]
		}
		if closed || !names[name] && len(schemas) == 0 && (at == "" || len(names) > 0) {
			all = append(all, Difference{Removed, pointer(at, name)})
			continue
		}
		all = append(all, c.within(subs, schemas, pointer(at, name), nil)...)
	}
	for name, schemas := range right {
		if _, old := left.names[name]; !old && left.extra != nil {
			all = append(all, c.within(left.extra, schemas, pointer(at, name), nil)...)
		}
	}
	return all
}

// others compares what one schema on the right says of members beside those that it names, of their names and of how many there are.
func (c *comparer) others(was, now []node, n node, left members, at string) (all []Difference) {
	patterns := !n.has("patternProperties") || slices.ContainsFunc(was, func(l node) bool {
		return l.has("patternProperties") && c.equal(l.only("patternProperties"), n.only("patternProperties"))
	})
	if !patterns {
		return unclear(at)
	}
	free := left.extra != nil || left.patterned && !n.has("patternProperties")
	switch extra, is := n.under("additionalProperties"); {
	case !is && n.has("additionalProperties"):
		all = append(all, Difference{Unclear, at})
	case !is || extra.trivial():
	case extra.nothing():
		if free {
			all = append(all, Difference{Closed, at})
		}
	case left.extra != nil:
		all = append(all, c.within(left.extra, []node{extra}, pointer(at, "*"), nil)...)
	case free:
		all = append(all, Difference{Unclear, at})
	}
	if rest, is := n.under("unevaluatedProperties"); n.has("unevaluatedProperties") && !(is && rest.trivial()) {
		conditional := func(n node) bool {
			return slices.ContainsFunc([]string{"anyOf", "oneOf", "if", "dependentSchemas", "patternProperties", "not"}, n.has)
		}
		if free || !rest.nothing() || slices.ContainsFunc(now, conditional) {
			all = append(all, Difference{Unclear, at})
		}
	}
	if key, is := n.under("propertyNames"); is && !key.trivial() {
		text := []node{{n.doc, "\x00text", map[string]any{"type": "string"}}}
		for _, l := range was {
			if own, is := l.under("propertyNames"); is {
				text = append(text, own)
			}
		}
		if free && c.within(text, []node{key}, pointer(at, "*"), nil) != nil {
			all = append(all, Difference{Tightened, at})
		}
		for name := range left.names {
			if c.takes(name, []node{key}) != "" {
				all = append(all, Difference{Tightened, at})
				break
			}
		}
	}
	most := math.Inf(1)
	if !free {
		most = float64(len(left.names))
	}
	if !sized(was, n, "minProperties", "maxProperties", float64(len(left.required)), most) {
		all = append(all, Difference{Tightened, at})
	}
	return all
}

// names are all names that schemas give to members of one object, in any of their alternatives.
func (c *comparer) names(schemas []node) map[string]bool {
	names, seen := map[string]bool{}, map[string]bool{}
	var look func([]node)
	look = func(schemas []node) {
		all, _ := flat(schemas)
		for _, n := range all {
			if c.fuel--; seen[n.at] || c.fuel <= 0 {
				continue
			}
			seen[n.at] = true
			own, _ := n.named("properties")
			for name := range own {
				names[name] = true
			}
			for _, keyword := range unions {
				branches, _ := n.list(keyword)
				look(branches)
			}
			for _, keyword := range []string{"then", "else"} {
				if branch, ok := n.under(keyword); ok {
					look([]node{branch})
				}
			}
			dependent, _ := n.named("dependentSchemas")
			for _, branch := range dependent {
				look([]node{branch})
			}
		}
	}
	look(schemas)
	return names
}

// apart tells whether nothing that fits the left side fits any of the alternatives.
func (c *comparer) apart(was, others []node) bool {
	left, kinds := members{}, kindsOf(was, every)
	if kinds.loose == objectKind {
		left, _ = membersOf(was, "/")
	}
	return !slices.ContainsFunc(others, func(other node) bool {
		now, ok := flat([]node{other})
		if !ok {
			return true
		}
		if kinds.loose&kindsOf(now, every).loose == 0 {
			return false
		}
		for _, n := range now {
			required, _ := n.texts("required")
			if left.names != nil && left.extra == nil && !left.patterned &&
				slices.ContainsFunc(required, func(name string) bool { return left.names[name] == nil }) {
				return false // it asks for a member that is never there
			}
			own, _ := n.named("properties")
			for name := range left.required {
				if sub, has := own[name]; has && c.never(left.names[name], sub) {
					return false
				}
			}
		}
		return true
	})
}

// never tells whether no value that fits the left side fits a schema; the left side names its values.
func (c *comparer) never(was []node, schema node) bool {
	all, ok := flat(was)
	if !ok || len(was) == 0 {
		return false
	}
	values, finite := c.values(all, kindsOf(all, every))
	return finite && !slices.ContainsFunc(values, func(v any) bool { return c.takes(v, []node{schema}) != Narrowed })
}

// items is what a schema says of an array's elements: of the first ones each, and of the rest.
type items struct {
	first []node
	rest  node
}

func itemsOf(n node) (it items, ok bool) {
	it.rest, ok = node{n.doc, n.at + "\x00rest", true}, true
	switch {
	case n.has("prefixItems"):
		it.first, ok = n.list("prefixItems")
		if n.has("items") && ok {
			it.rest, ok = n.under("items")
		}
	case n.has("items"):
		if it.first, ok = n.list("items"); !ok {
			it.rest, ok = n.under("items")
		} else if n.has("additionalItems") {
			it.rest, ok = n.under("additionalItems")
		}
	}
	return it, ok
}

// at is what is said of one element.
func (it items) at(i int) node {
	if i < len(it.first) {
		return it.first[i]
	}
	return it.rest
}

// arrays compares what schemas say of arrays.
func (c *comparer) arrays(was, now []node, at string) (all []Difference) {
	var left []items
	longest := 0
	for _, n := range was {
		it, ok := itemsOf(n)
		if !ok {
			return unclear(at)
		}
		left, longest = append(left, it), max(longest, len(it.first))
	}
	unique := func(n node) bool { return n.member("uniqueItems") == true }
	var right []items
	for _, n := range now {
		it, ok := itemsOf(n)
		if !ok {
			return unclear(at)
		}
		right, longest = append(right, it), max(longest, len(it.first))
		if !sized(was, n, "minItems", "maxItems", 0, math.Inf(1)) || unique(n) && !slices.ContainsFunc(was, unique) {
			all = append(all, Difference{Tightened, at})
		}
	}
	if longest > maxTuple {
		return unclear(at)
	}
	for i := range longest + 1 { // the last one stands for all the rest
		var elements, schemas []node
		for _, it := range left {
			elements = append(elements, it.at(i))
		}
		for _, it := range right {
			schemas = append(schemas, it.at(i))
		}
		if !reached(was, i) {
			break
		}
		all = append(all, c.within(elements, schemas, pointer(at, "*"), nil)...)
	}
	return all
}

// maxTuple bounds the elements that have a schema each.
const maxTuple = 100

// reached tells whether an array that fits the left side can have an element with this index.
func reached(was []node, i int) bool {
	most := node{nil, "", map[string]any{"maxItems": json.Number(strconv.Itoa(i))}}
	return !sized(was, most, "minItems", "maxItems", 0, math.Inf(1))
}
