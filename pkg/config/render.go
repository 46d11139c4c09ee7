package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tailscale/hujson"
)

// maxLineWidth is how long an array of simple values may get on one line.
const maxLineWidth = 100

// style is how a file is laid out, so that what is written looks like the rest.
type style struct{ indent, newline string }

// styleOf looks at the first indented line and the first line's end.
func styleOf(data []byte) style {
	s := style{"  ", "\n"}
	if i := bytes.IndexByte(data, '\n'); i > 0 && data[i-1] == '\r' {
		s.newline = "\r\n"
	}
	for line := range bytes.Lines(data) {
		blanks := line[:skipBlanks(line, 0)]
		// A line of a block comment begins with one blank and a star.
		if len(blanks) > 0 && len(blanks) < len(line) && (line[len(blanks)] == '"' || line[len(blanks)] == '{' || line[len(blanks)] == '/') {
			s.indent = string(blanks)
			break
		}
	}
	return s
}

// member is one encoded member of an object to write.
type member struct {
	key   string
	value hujson.Value
}

func literalOf(s string) hujson.Value { return hujson.Value{Value: hujson.String(s)} }

// encodeOptions encodes an entry's options, in their order.
func encodeOptions(options []Option) ([]member, error) {
	var members []member
	for _, o := range options {
		if err := checkOptionKey(o.Key); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(members, func(m member) bool { return m.key == o.Key }) {
			return nil, fmt.Errorf("config: option %s is given twice – give it once", o.Key)
		}
		if o.Value == nil {
			continue
		}
		v, err := encodeValue(o.Key, o.Value)
		if err != nil {
			return nil, err
		}
		members = append(members, member{o.Key, v})
	}
	return members, nil
}

// encodeValue encodes a value as JSON and refuses one that holds the placeholder
// of a secret: it was read from something that hides them.
func encodeValue(key string, value any) (hujson.Value, error) {
	text, err := encodeJSON(value)
	if err != nil {
		return hujson.Value{}, fmt.Errorf("config: option %s: %w", key, err)
	}
	if bytes.Contains(text, []byte(Redacted)) {
		return hujson.Value{}, fmt.Errorf("config: option %s holds %s in place of a value – give the value itself, or ${keyring:NAME}", key, Redacted)
	}
	src, err := parseSource("", text) // which also bounds the depth
	if err != nil || src.blank {
		return hujson.Value{}, fmt.Errorf("config: option %s is not JSON – check its value", key)
	}
	src.root.Minimize()
	return src.root, nil
}

func encodeJSON(value any) ([]byte, error) {
	switch v := value.(type) {
	case json.RawMessage:
		return v, nil
	case time.Duration:
		return json.Marshal(v.String())
	case []Var:
		obj := &hujson.Object{}
		for _, one := range v {
			obj.Members = append(obj.Members, hujson.ObjectMember{Name: literalOf(one.Name), Value: literalOf(one.Value)})
		}
		return hujson.Value{Value: obj}.Pack(), nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(value)
	return b.Bytes(), err
}

// value renders v for a line that begins with indent; wide puts the members of
// objects, and arrays that are long or hold more than simple values, on lines of
// their own.
func (s style) value(v hujson.Value, indent string, wide bool) string {
	inner := indent + s.indent
	switch list := v.Value.(type) {
	case *hujson.Object:
		var members []member
		for _, m := range list.Members {
			members = append(members, member{keyOf(m), m.Value})
		}
		return s.object(members, indent, wide)
	case *hujson.Array:
		simple, texts := true, []string{}
		for _, e := range list.Elements {
			_, literal := e.Value.(hujson.Literal)
			simple = simple && literal
			texts = append(texts, s.value(e, inner, wide))
		}
		if line := "[" + strings.Join(texts, ", ") + "]"; !wide || simple && len(indent)+len(line) <= maxLineWidth {
			return line
		}
		return s.block("[", texts, "]", indent)
	}
	return string(v.Pack())
}

func (s style) object(members []member, indent string, wide bool) string {
	var texts []string
	for _, m := range members {
		texts = append(texts, literalOf(m.key).String()+": "+s.value(m.value, indent+s.indent, wide))
	}
	if !wide || len(texts) == 0 {
		return "{" + strings.Join(texts, ", ") + "}"
	}
	return s.block("{", texts, "}", indent)
}

func (s style) block(open string, items []string, end, indent string) string {
	sep := s.newline + indent + s.indent
	return open + sep + strings.Join(items, ","+sep) + s.newline + indent + end
}

// setMember writes one member of the object at path. An object in the place of
// an object changes member by member, so that comments in it stay; an equal value
// changes nothing.
func (d *Document) setMember(path []any, key string, value hujson.Value) error {
	v, ok := d.at(path)
	if !ok {
		return ErrNotFound
	}
	obj, ok := v.Value.(*hujson.Object)
	if !ok {
		return fmt.Errorf("config: %v is not an object – mend the file first", path)
	}
	index := memberIndex(obj, key)
	if index < 0 {
		return d.insert(path, func(indent string, wide bool) string {
			return literalOf(key).String() + ": " + d.form.value(value, indent, wide)
		})
	}
	old := obj.Members[index].Value
	if sameValue(old, value) {
		return nil
	}
	before, isObject := old.Value.(*hujson.Object)
	after, becomesObject := value.Value.(*hujson.Object)
	if isObject && becomesObject {
		return d.mergeObject(append(slices.Clone(path), key), before, after)
	}
	indent, ownLine := d.indentation(obj.Members[index].Name.StartOffset)
	return d.splice(old.StartOffset, old.EndOffset, d.form.value(value, indent, ownLine))
}

func (d *Document) mergeObject(path []any, before, after *hujson.Object) error {
	for _, m := range before.Members {
		if key := keyOf(m); memberIndex(after, key) < 0 {
			if err := d.removeMember(path, key); err != nil {
				return err
			}
		}
	}
	for _, m := range after.Members {
		if err := d.setMember(path, keyOf(m), m.Value); err != nil {
			return err
		}
	}
	return nil
}

// removeMember takes a member out of the object at path; one that is not there
// is no error.
func (d *Document) removeMember(path []any, key string) error {
	v, ok := d.at(path)
	if !ok {
		return ErrNotFound
	}
	obj, ok := v.Value.(*hujson.Object)
	if !ok {
		return nil
	}
	if index := memberIndex(obj, key); index >= 0 {
		return d.remove(path, index)
	}
	return nil
}

func sameValue(a, b hujson.Value) bool {
	a, b = a.Clone(), b.Clone()
	a.Minimize()
	b.Minimize()
	return bytes.Equal(a.Pack(), b.Pack())
}
