package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/tailscale/hujson"
)

// Errors of a Document's methods, wrapped with the name in question.
var (
	ErrExists   = errors.New("a server of this name exists")
	ErrNotFound = errors.New("no server of this name")
)

// Option is one option of an entry to write. Value is anything that encodes as
// JSON; a []Var is written as an object in its order, a time.Duration as text.
type Option struct {
	Key   string
	Value any
}

// Document is the text of a configuration file while it is edited. Each method
// changes as little of it as it can.
type Document struct {
	bom  bool
	src  *source
	form style
}

// parseDocument reads the text to edit; an empty one becomes an empty object
// below its comments.
func parseDocument(path string, data []byte) (*Document, error) {
	src, err := parseSource(path, data)
	if err != nil {
		return nil, err
	}
	d := &Document{bom: bytes.HasPrefix(data, utf8BOM), src: src, form: styleOf(src.data)}
	text := bytes.TrimPrefix(data, utf8BOM)
	if src.blank {
		text = bytes.TrimRight(text, " \t\r\n")
		if len(text) > 0 {
			text = append(slices.Clip(text), d.form.newline...)
		}
		text = append(append(slices.Clip(text), "{}"...), d.form.newline...)
	}
	if err := d.replace(text); err != nil {
		return nil, err
	}
	root, ok := d.src.root.Value.(*hujson.Object)
	if !ok {
		_, err := Parse(path, data) // which says so in the right words
		return nil, err
	}
	if isBare(root) { // a key of ours beside them would make them no servers
		return nil, fmt.Errorf("config: %s: the servers stand with no mcpServers around them – %s", path, bareRemedy)
	}
	return d, nil
}

// Bytes is the text as it is now.
func (d *Document) Bytes() []byte {
	if d.bom {
		return slices.Concat(utf8BOM, d.src.data)
	}
	return slices.Clone(d.src.data)
}

// replace makes text the document, unless it is not readable: then the edit
// went wrong, and the document stays as it was.
func (d *Document) replace(text []byte) error {
	src, err := parseSource(d.src.path, text)
	if err != nil {
		return fmt.Errorf("config: the edit would break the file: %w", err)
	}
	// parseSource ends the text in a newline for the parser's sake.
	src.data = src.data[:min(len(src.data), len(text))]
	d.src = src
	return nil
}

// location is the place of an entry in the tree.
type location struct {
	list   string // keyServers or keyServersVSCode
	index  int
	object bool // the list has the object form
	value  *hujson.Value
}

func (l location) path() []any { return []any{l.list, l.index} }

// find returns the first entry of that name, as Parse takes it.
func (d *Document) find(name string) (location, bool) {
	for _, m := range d.src.root.Value.(*hujson.Object).Members {
		key := keyOf(m)
		if key != keyServers && key != keyServersVSCode {
			continue
		}
		switch list := m.Value.Value.(type) {
		case *hujson.Array:
			for i := range list.Elements {
				if elementNamed(list.Elements[i], name) {
					return location{key, i, false, &list.Elements[i]}, true
				}
			}
		case *hujson.Object:
			for i := range list.Members {
				if keyOf(list.Members[i]) == name {
					return location{key, i, true, &list.Members[i].Value}, true
				}
			}
		}
	}
	return location{}, false
}

func elementNamed(v hujson.Value, name string) bool {
	obj, ok := v.Value.(*hujson.Object)
	if !ok {
		return false
	}
	for _, m := range obj.Members {
		if keyOf(m) == "name" {
			return m.Value.Value.Kind() == '"' && textOf(m.Value) == name
		}
	}
	return false
}

// Has tells whether the file has an entry of that name.
func (d *Document) Has(name string) bool {
	_, ok := d.find(name)
	return ok
}

// Add writes a new entry behind the others. In the object form the name is its
// key, and options keep the names given here.
func (d *Document) Add(name string, options []Option) error {
	if why := nameFault(name); why != "" {
		return fmt.Errorf("config: the name %q %s – choose another", excerpt(name), why)
	}
	if d.Has(name) {
		return fmt.Errorf("config: %w: %q – change it with update, or choose another name", ErrExists, name)
	}
	members, err := encodeOptions(options)
	if err != nil {
		return err
	}
	list := d.list()
	if list == "" {
		if err := d.insert(nil, func(indent string, wide bool) string {
			return `"` + keyServers + `": []`
		}); err != nil {
			return err
		}
		list = keyServers
	}
	container, _ := d.at([]any{list})
	_, object := container.Value.(*hujson.Object)
	if !object {
		members = slices.Insert(members, 0, member{"name", literalOf(name)})
	}
	return d.insert([]any{list}, func(indent string, wide bool) string {
		text := d.form.object(members, indent, wide)
		if object {
			return literalOf(name).String() + ": " + text
		}
		return text
	})
}

// list is the key that new entries go under, after making an array of a null;
// empty if there is none yet.
func (d *Document) list() string {
	for _, key := range []string{keyServers, keyServersVSCode} {
		v, ok := d.at([]any{key})
		if !ok {
			continue
		}
		if v.Value.Kind() == 'n' {
			if d.splice(v.StartOffset, v.EndOffset, "[]") != nil {
				continue
			}
		}
		return key
	}
	return ""
}

// Set writes one option of an entry, in the place where it stands or behind the
// entry's others; a nil value removes it. Where another client's name for an
// option stands (cwd, type, disabled), that one is changed. Setting an object
// changes those of its members that differ.
func (d *Document) Set(name, key string, value any) error {
	l, ok := d.find(name)
	if !ok {
		return fmt.Errorf("config: %w: %q", ErrNotFound, name)
	}
	obj, ok := l.value.Value.(*hujson.Object)
	if !ok {
		return fmt.Errorf("config: the entry %q is not an object – mend the file first", name)
	}
	if err := checkOptionKey(key); err != nil {
		return err
	}
	written, inverse := writtenKey(obj, key)
	if value == nil {
		return d.removeMember(l.path(), written)
	}
	if b, isBool := value.(bool); isBool && inverse {
		value = !b
	}
	encoded, err := encodeValue(key, value)
	if err != nil {
		return err
	}
	return d.setMember(l.path(), written, encoded)
}

// writtenKey is the name under which an option stands in an entry.
func writtenKey(obj *hujson.Object, key string) (written string, inverse bool) {
	for _, m := range obj.Members {
		switch k := keyOf(m); {
		case k == key:
			return key, false
		case canonicalOption(k) == key && k != "transport":
			written, inverse = k, plainKey(k) == "disabled"
		}
	}
	if written == "" {
		written = key
	}
	return written, inverse
}

func checkOptionKey(key string) error {
	if key == "name" {
		return errors.New("config: a name is not changed in place – add the server under its new name and remove the old one")
	}
	if serverOptions.named(key) == nil {
		return fmt.Errorf("config: unknown option %q – %s", excerpt(key), suggest(key, serverOptions.names()))
	}
	return nil
}

// Remove takes an entry out, with what stands inside it and behind it on its
// line. Comments on lines of their own stay.
func (d *Document) Remove(name string) error {
	l, ok := d.find(name)
	if !ok {
		return fmt.Errorf("config: %w: %q", ErrNotFound, name)
	}
	return d.remove([]any{l.list}, l.index)
}
