package quarantine

import (
	"cmp"
	"slices"
	"strings"
)

// inputDifferences tells where a call that the approved input schema allows may not fit the live one, and how the two differ otherwise.
//
// What is asked is whether one set of values lies within another. The rules are sufficient, not complete: what they can't show is Unclear.
// One thing is decided by what a model does, not by logic: an object that names its members, and does not say what others may be, is taken to
// have no others, and so is each alternative of a union. So others may be closed off, and new ones that need not be given may be added.
func inputDifferences(approved, live []byte) (all []Difference) {
	was, now := newDocument(approved), newDocument(live)
	c := &comparer{fuel: mostSteps, open: map[string]string{}, same: was.definitions() == now.definitions()}
	if !was.schema().readable() || !now.schema().readable() {
		return unclear("")
	}
	if c.same && was.schema().shape() == now.schema().shape() && was.settled() && now.settled() {
		return []Difference{{Text, ""}} // also $schema, examples and defaults
	}
	all = c.within([]node{was.schema()}, []node{now.schema()}, "", nil)
	if c.fuel <= 0 {
		return []Difference{{Unclear, ""}}
	}
	old, _ := was.schema().named("properties")
	added, _ := now.schema().named("properties")
	for name := range added {
		if _, known := old[name]; !known && !slices.ContainsFunc(all, func(d Difference) bool { return d.At == pointer("", name) }) {
			all = append(all, Difference{Optional, pointer("", name)})
		}
	}
	slices.SortFunc(all, func(a, b Difference) int {
		return cmp.Or(strings.Compare(a.At, b.At), strings.Compare(string(a.What), string(b.What)))
	})
	if len(all) == 0 {
		all = append(all, Difference{Looser, ""})
	}
	return all
}

// mostSteps bounds the work on two schemas, which may be built to cost much. Real ones take some hundred steps.
const mostSteps = 20_000

// comparer tells whether what fits one schema fits another.
type comparer struct {
	fuel int
	open map[string]string // where pairs are being compared: schemas may contain themselves
	same bool              // what $ref may name is the same in both documents
}

func unclear(at string) []Difference { return []Difference{{Unclear, at}} }

// within tells where a value that fits all schemas on the left may not fit all on the right; nil: it always fits. known are names that other
// schemas of the same live object have.
func (c *comparer) within(left, right []node, at string, known map[string]bool) []Difference {
	if c.fuel -= len(left) + len(right); c.fuel <= 0 { // both grow while a union of itself is taken apart
		return unclear(at)
	}
	if c.alike(left, right, at) {
		return nil
	}
	key := pair(left, right, at == "")
	if above, again := c.open[key]; again && above == at {
		return unclear(at) // a schema that is itself
	} else if again {
		return nil // true as long as nothing else says otherwise, for every value ends somewhere below
	}
	c.open[key] = at
	defer delete(c.open, key)
	was, ok := flat(left)
	now, ok2 := flat(right)
	if !ok || !ok2 {
		return unclear(at)
	}
	for i, n := range was {
		for _, keyword := range unions {
			if branches, ok := n.list(keyword); ok {
				return c.eachBranch(was, i, keyword, branches, now, at, known)
			} else if n.has(keyword) {
				return unclear(at)
			}
		}
	}
	return c.plain(was, now, at, known)
}

// eachBranch compares a left side with a union, one alternative after the other: each has to fit.
func (c *comparer) eachBranch(was []node, i int, keyword string, branches, now []node, at string, known map[string]bool) (all []Difference) {
	rest := slices.Delete(slices.Clone(was), i, i+1)
	rest = append(rest, was[i].without(keyword))
	for _, branch := range branches {
		all = append(all, c.within(append(slices.Clone(rest), branch), now, at, known)...)
		if c.fuel <= 0 {
			return unclear(at)
		}
	}
	return distinct(all)
}

func (n node) alternative() bool { return n.has("anyOf") || n.has("oneOf") }

// without is a schema without one keyword, and without what flat has taken from it already.
func (n node) without(keyword string) node {
	m := map[string]any{}
	for k, v := range n.value.(map[string]any) {
		if k != keyword && k != "$ref" && k != "allOf" {
			m[k] = v
		}
	}
	return node{n.doc, n.at + "\x00" + keyword, m}
}

// alike tells whether one of the left schemas says what the right one says, as far as that is seen by looking.
func (c *comparer) alike(left, right []node, at string) bool {
	return !slices.ContainsFunc(right, func(r node) bool {
		return (at == "" || !r.trivial()) && !slices.ContainsFunc(left, func(l node) bool { return c.equal(l, r) })
	})
}

// equal tells whether two schemas say the same.
func (c *comparer) equal(l, r node) bool {
	a, b := l.shape(), r.shape()
	return a.sum == b.sum && l.doc.old == r.doc.old && (!a.refs || c.same && l.refersToDefinitions() && r.refersToDefinitions())
}

// refersToDefinitions tells whether all that is named by a $ref below a schema stands where definitions do.
func (n node) refersToDefinitions() bool {
	return !n.doc.renamed && !slices.ContainsFunc(n.references(nil), func(ref string) bool {
		return !strings.HasPrefix(ref, "#/$defs/") && !strings.HasPrefix(ref, "#/definitions/")
	})
}

// settled tells whether all that is named by a $ref in a document is a part of its shape, or elsewhere.
func (d *document) settled() bool {
	return !slices.ContainsFunc(d.schema().references(nil), func(ref string) bool {
		target, ok := node{d, "", map[string]any{"$ref": ref}}.resolve()
		_, shaped := d.shapes[target.at]
		return ok && !shaped
	})
}

// references are the values of $ref and the like below a schema.
func (n node) references(all []string) []string {
	switch v := n.value.(type) {
	case []any:
		for _, one := range v {
			all = node{n.doc, "", one}.references(all)
		}
	case map[string]any:
		for key, one := range v {
			if ref, text := one.(string); text && (key == "$ref" || key == "$dynamicRef" || key == "$recursiveRef") {
				all = append(all, ref)
			}
			all = node{n.doc, "", one}.references(all)
		}
	}
	return all
}

func pair(left, right []node, top bool) string {
	var b strings.Builder
	if top {
		b.WriteByte('^')
	}
	for i, side := range [][]node{left, right} {
		b.WriteByte("<>"[i])
		for _, n := range side {
			b.WriteString(n.at + "\x01")
		}
	}
	return b.String()
}

// plain compares a left side without unions.
func (c *comparer) plain(was, now []node, at string, known map[string]bool) []Difference {
	left := kindsOf(was, every)
	switch values, finite := c.values(was, left); {
	case left.loose == 0, slices.ContainsFunc(was, node.nothing):
		return nil // nothing fits
	case finite:
		return c.eachValue(values, now, at)
	}
	if left.several() && slices.ContainsFunc(now, node.alternative) {
		var all []Difference
		for _, one := range left.each() { // a type each, because alternatives are mostly told apart by it
			typed := node{was[0].doc, "\x00" + one, map[string]any{"type": one}}
			all = append(all, c.within(append(slices.Clone(was), typed), now, at, known)...)
		}
		return distinct(all)
	}
	if right := kindsOf(now, 0); left.loose&^right.loose != 0 || left.strict&^right.strict != 0 {
		return []Difference{{Retyped, at}}
	}
	var all []Difference
	for _, n := range now {
		if n.has("enum") || n.has("const") {
			all = append(all, Difference{Narrowed, at})
		}
		all = append(all, c.unsupported(was, n, at)...)
		if left.has(numbers) {
			all = append(all, numberBounds(was, n, left, at)...)
		}
		if left.has(textKind) {
			all = append(all, stringBounds(was, n, at)...)
		}
	}
	if left.has(arrayKind) {
		all = append(all, c.arrays(was, now, at)...)
	}
	if left.has(objectKind) {
		all = append(all, c.objects(was, now, at, known)...)
	}
	all = append(all, c.alternatives(was, now, at, known)...)
	return distinct(all)
}

// alternatives finds for each union on the right an alternative that all of the left fits.
func (c *comparer) alternatives(was, now []node, at string, known map[string]bool) (all []Difference) {
	names := c.names(now)
	for name := range known {
		names[name] = true
	}
	for _, n := range now {
		for _, keyword := range unions {
			branches, ok := n.list(keyword)
			switch {
			case !n.has(keyword):
				continue
			case !ok || len(branches) == 0:
				all = append(all, Difference{Unclear, at})
				continue
			}
			best := []Difference(nil)
			for i, branch := range branches {
				found := c.within(was, []node{branch}, at, names)
				if len(found) == 0 && keyword == "oneOf" && !c.apart(was, slices.Delete(slices.Clone(branches), i, i+1)) {
					found = unclear(at)
				}
				if i == 0 || len(found) < len(best) || len(found) == len(best) && len(found) > 0 && best[0].What == Retyped {
					best = found
				}
				if len(found) == 0 {
					break
				}
			}
			all = append(all, best...)
		}
	}
	return all
}

// unsupported are the keywords whose meaning is not compared: the left side has to say the same, or nothing can be told.
func (c *comparer) unsupported(was []node, n node, at string) []Difference {
	group := func(keywords ...string) bool {
		if !slices.ContainsFunc(keywords, n.has) {
			return true
		}
		return slices.ContainsFunc(was, func(l node) bool {
			return !slices.ContainsFunc(keywords, func(k string) bool {
				if l.has(k) != n.has(k) {
					return true
				}
				return l.has(k) && !c.equal(l.only(k), n.only(k))
			})
		})
	}
	for _, keywords := range [][]string{{"not"}, {"if", "then", "else"}, {"$dynamicRef"}, {"$recursiveRef"}, {"disallow"}, {"extends"},
		{"contentEncoding"}, {"contentMediaType"}, {"contentSchema"}, {"dependencies"}, {"dependentRequired"}, {"dependentSchemas"},
		{"contains", "minContains", "maxContains"}, {"unevaluatedItems", "items", "prefixItems", "additionalItems", "contains"}} {
		if keywords[0] != "unevaluatedItems" && !group(keywords...) || keywords[0] == "unevaluatedItems" && n.has("unevaluatedItems") && !group(keywords...) {
			return unclear(at)
		}
	}
	return nil
}

// only is a schema with one keyword alone.
func (n node) only(keyword string) node {
	return node{n.doc, n.at + "\x00only " + keyword, map[string]any{keyword: n.member(keyword)}}
}
