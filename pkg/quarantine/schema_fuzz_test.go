package quarantine

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// validator is an independent reader of a JSON Schema, nil for what is none.
func validator(raw string) (s *jsonschema.Schema) {
	defer func() {
		if recover() != nil { // it gives up on some schemas so
			s = nil
		}
	}()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(raw))
	if err != nil {
		return nil
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.AssertContent()
	if c.AddResource("mem:///s.json", doc) != nil {
		return nil
	}
	if s, err = c.Compile("mem:///s.json"); err != nil {
		return nil
	}
	return s
}

// arguments makes values by what a schema says, and by what stands in both; most of them fit.
type arguments struct {
	rand     *rand.Rand
	doc      *document
	literals []any
	left     int
}

func newArguments(r *rand.Rand, approved, live string) *arguments {
	a := &arguments{rand: r, doc: newDocument([]byte(approved))}
	for _, raw := range []any{a.doc.root, newDocument([]byte(live)).root} {
		a.collect(raw)
	}
	return a
}

// collect takes the values and bounds of a schema, and what lies beside them.
func (a *arguments) collect(value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, one := range v {
			a.collect(one)
		}
	case []any:
		for _, one := range v {
			a.collect(one)
		}
	case json.Number:
		if f, err := v.Float64(); err == nil && f > -largestExact && f < largestExact {
			a.literals = append(a.literals, v)
			for _, by := range []float64{-1, -0.5, 0.5, 1} {
				a.literals = append(a.literals, json.Number(fmt.Sprint(f+by)))
			}
		}
	default:
		a.literals = append(a.literals, v)
	}
}

func (a *arguments) any() any {
	switch n := a.rand.IntN(10); {
	case n < 5 && len(a.literals) > 0:
		return a.literals[a.rand.IntN(len(a.literals))]
	case n == 5:
		return []any{}
	case n == 6:
		return map[string]any{}
	case n == 7:
		return json.Number(fmt.Sprint(a.rand.IntN(7) - 2))
	}
	return []any{nil, true, false, "", "x", "y", "xyz", json.Number("1.5")}[a.rand.IntN(8)]
}

// value is one that may fit a schema. Of objects that name their members it has those alone, unless the schema says what others are.
func (a *arguments) value(n node, top bool) any {
	if a.left--; a.left < 0 {
		return nil
	}
	if n.has("$ref") {
		if target, ok := n.resolve(); ok {
			n = target
		}
	}
	if list, ok := n.enumerated(); ok && len(list) > 0 {
		return list[a.rand.IntN(len(list))]
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		if branches, ok := n.list(keyword); ok && len(branches) > 0 && !n.has("properties") {
			return a.value(branches[a.rand.IntN(len(branches))], top)
		}
	}
	kinds := kindsOf([]node{n}, every)
	names := kinds.each()
	if n.has("properties") || n.has("allOf") {
		names = []string{"object"}
	}
	if len(names) == 0 || !top && a.rand.IntN(8) == 0 {
		return a.any()
	}
	switch names[a.rand.IntN(len(names))] {
	case "null":
		return nil
	case "boolean":
		return a.rand.IntN(2) == 0
	case "string":
		for range 20 {
			if text, ok := a.any().(string); ok {
				return text
			}
		}
	case "object":
		return a.object(n, top)
	case "array":
		it, ok := itemsOf(n)
		list := []any{}
		for i := range a.rand.IntN(4) {
			if ok {
				list = append(list, a.value(it.at(i), false))
			}
		}
		return list
	}
	return a.any()
}

func (a *arguments) object(n node, top bool) any {
	at := "/x"
	if top {
		at = ""
	}
	value := map[string]any{}
	all, _ := flat([]node{n})
	for _, part := range slices.Clone(all) { // the members that alternatives name as well
		for _, keyword := range unions {
			if branches, ok := part.list(keyword); ok && len(branches) > 0 {
				more, _ := flat(branches[a.rand.IntN(len(branches)):][:1])
				all = append(all, more...)
			}
		}
	}
	m, ok := membersOf(all, at)
	if !ok || len(all) == 0 {
		return value
	}
	for name, subs := range m.names {
		if m.required[name] || a.rand.IntN(2) == 0 {
			value[name] = a.value(subs[a.rand.IntN(len(subs))], false)
		}
	}
	if m.extra != nil {
		for range a.rand.IntN(3) {
			if name := []string{"p", "q", "r", "zz"}[a.rand.IntN(4)]; m.names[name] == nil {
				value[name] = a.value(m.extra[0], false)
			}
		}
	}
	return value
}

// checkFits compares the verdict on two schemas with what a validator says of arguments. The result tells how many arguments were tried.
func checkFits(t *testing.T, r *rand.Rand, approved, live string, tries int) (tried int, held bool) {
	t.Helper()
	found := inputDifferences([]byte(approved), []byte(live))
	if slices.ContainsFunc(found, Difference.Holds) {
		return 0, true
	}
	was, now := validator(approved), validator(live)
	if was == nil || now == nil {
		return 0, false
	}
	a := newArguments(r, approved, live)
	for range tries {
		a.left = 200
		value := a.value(a.doc.schema(), true)
		if was.Validate(value) != nil {
			continue
		}
		tried++
		if err := now.Validate(value); err != nil {
			raw, _ := json.Marshal(value)
			t.Fatalf("it is said to fit: %s\napproved %s\nlive     %s\narguments %s\n%v", words(found), approved, live, raw, err)
		}
	}
	return tried, false
}

// What is said to fit is taken by a validator, for every pair of the table in both directions.
func TestWhatFitsIsTaken(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tried := 0
	for _, c := range inputSchemas {
		for _, pair := range [][2]string{{c.old, c.live}, {c.live, c.old}} {
			n, held := checkFits(t, r, pair[0], pair[1], 100)
			tried += n
			if !held && n == 0 && validator(pair[0]) != nil && validator(pair[1]) != nil && c.name != "self reference" {
				t.Errorf("%s: no arguments were tried: %s", c.name, pair[0])
			}
		}
	}
	if tried < 5000 {
		t.Errorf("%d arguments were tried", tried)
	}
}

// schemas makes pairs of schemas: an approved one, and what an update may make of it.
type schemas struct{ *rand.Rand }

func (s schemas) one(of ...string) string { return of[s.IntN(len(of))] }

func (s schemas) schema(depth int) string {
	if depth <= 0 {
		return s.one(`{}`, `true`, `{"type":"string"}`, `{"type":"integer"}`, `{"type":"number"}`, `{"type":"boolean"}`, `{"type":"null"}`, `{"type":["string","null"]}`,
			`{"const":"x"}`, `{"enum":["x","y",1]}`, `{"enum":[1,2.0,null]}`, `{"type":"string","maxLength":2}`, `{"type":"string","minLength":1}`, `{"type":"number","minimum":1}`,
			`{"type":"integer","exclusiveMinimum":0}`, `{"type":"integer","maximum":3,"multipleOf":2}`, `{"type":"string","pattern":"^x"}`, `{"$ref":"#/$defs/d"}`, `false`, `{"type":"string","nullable":true}`)
	}
	sub := func() string { return s.schema(depth - 1 - s.IntN(2)) }
	switch s.IntN(12) {
	case 0:
		return `{"type":"array","items":` + sub() + s.one(``, `,"minItems":1`, `,"maxItems":2`, `,"uniqueItems":true`) + `}`
	case 1:
		return `{"type":"array","prefixItems":[` + sub() + `,` + sub() + `]` + s.one(``, `,"items":`+sub()) + `}`
	case 2:
		return `{"anyOf":[` + sub() + `,` + sub() + `]}`
	case 3:
		return `{"oneOf":[` + sub() + `,` + sub() + `]}`
	case 4:
		return `{"allOf":[` + sub() + `,` + sub() + `]}`
	case 5:
		return `{"type":"object","additionalProperties":` + sub() + s.one(``, `,"minProperties":1`, `,"propertyNames":{"maxLength":1}`) + `}`
	case 6:
		return `{"oneOf":[{"type":"object","properties":{"k":{"const":"x"},"v":` + sub() + `},"required":["k"]},{"type":"object","properties":{"k":{"const":"y"},"v":` + sub() + `},"required":["k"]}]}`
	case 7:
		return `{"type":["string","object"],"properties":{"p":` + sub() + `}}`
	case 8:
		return `{"not":` + sub() + `}`
	case 9:
		return s.schema(0)
	}
	return s.object(depth)
}

func (s schemas) object(depth int) string {
	var parts, required []string
	for _, name := range []string{"p", "q", "r"}[:s.IntN(4)] {
		parts = append(parts, `"`+name+`":`+s.schema(depth-1))
		if s.IntN(3) == 0 {
			required = append(required, `"`+name+`"`)
		}
	}
	more := ""
	if required != nil {
		more = `,"required":[` + strings.Join(required, ",") + `]`
	}
	return `{"type":"object","properties":{` + strings.Join(parts, ",") + `}` + more + s.one(``, ``, `,"additionalProperties":false`, `,"additionalProperties":true`,
		`,"additionalProperties":`+s.schema(depth-1), `,"minProperties":1`, `,"maxProperties":2`, `,"unevaluatedProperties":false`,
		`,"anyOf":[{"required":["p"]},{"required":["q"]}]`, `,"patternProperties":{"^q":{"type":"string"}}`,
		`,"dependentRequired":{"p":["q"]}`, `,"if":{"required":["p"]},"then":{"required":["q"]}`) + `}`
}

// changed is a schema as an update leaves it: one of its parts, or more, is another one.
func (s schemas) changed(value any) any {
	switch v := value.(type) {
	case map[string]any:
		next := map[string]any{}
		for key, one := range v {
			if s.IntN(12) == 0 {
				continue
			}
			next[key] = s.changed(one)
		}
		switch s.IntN(14) {
		case 0:
			next["title"] = "t"
		case 1:
			next["additionalProperties"] = s.IntN(2) == 0
		case 2:
			next["maxLength"] = json.Number(fmt.Sprint(s.IntN(4)))
		case 3:
			var more any
			json.Unmarshal([]byte(s.schema(1)), &more)
			return map[string]any{"anyOf": []any{next, more}}
		case 4:
			return map[string]any{"allOf": []any{next}}
		}
		return next
	case []any:
		next := []any{}
		for _, one := range v {
			if s.IntN(8) > 0 {
				next = append(next, s.changed(one))
			}
		}
		s.Shuffle(len(next), func(i, j int) { next[i], next[j] = next[j], next[i] })
		return next
	case json.Number:
		return json.Number(fmt.Sprint(s.IntN(5) - 1))
	case string:
		if v == "integer" && s.IntN(2) == 0 {
			return "number"
		}
	}
	return value
}

// pair is an approved schema and a live one.
func (s schemas) pair() (approved, live string) {
	top := s.object(2)
	approved = top[:len(top)-1] + `,"$defs":{"d":` + s.schema(1) + `}}`
	doc := newDocument([]byte(approved))
	raw, err := json.Marshal(s.changed(doc.root))
	if err != nil {
		panic(err)
	}
	return approved, string(raw)
}

func FuzzWhatFitsIsTaken(f *testing.F) {
	for i := range 40 {
		f.Add([]byte(fmt.Sprint("seed ", i)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var a, b uint64
		for i, c := range data {
			if a = a*31 + uint64(c); i%2 == 0 {
				b = b*131 + uint64(c)
			}
		}
		s := schemas{rand.New(rand.NewPCG(a, b))}
		for range 20 {
			approved, live := s.pair()
			checkFits(t, s.Rand, approved, live, 30)
		}
	})
}

// Any bytes end without a panic, and what is no JSON is never said to fit.
func FuzzDifferences(f *testing.F) {
	for _, c := range inputSchemas {
		f.Add([]byte(c.old), []byte(c.live))
	}
	f.Fuzz(func(t *testing.T, old, live []byte) {
		for _, kind := range []Kind{Tool, Prompt, Template, Instructions, Capabilities, Image} {
			if fits(kind, old, live) && (!json.Valid(old) || !json.Valid(live)) {
				t.Errorf("%s: fits %q", kind, live)
			}
		}
		if json.Valid(old) && json.Valid(live) {
			checkFits(t, rand.New(rand.NewPCG(3, 4)), string(old), string(live), 20)
		}
	})
}
