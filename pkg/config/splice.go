package config

import (
	"bytes"
	"slices"

	"github.com/tailscale/hujson"
)

// Edits of the text itself: the tree only tells where things are, so that
// whatever an edit does not touch stays as it was, byte for byte.

// at returns the value at a path of keys (string) and indexes (int, also into the
// members of an object).
func (d *Document) at(path []any) (*hujson.Value, bool) {
	v := &d.src.root
	for _, step := range path {
		next := -1
		switch list := v.Value.(type) {
		case *hujson.Object:
			switch step := step.(type) {
			case string:
				next = memberIndex(list, step)
			case int:
				next = step
			}
			if next < 0 || next >= len(list.Members) {
				return nil, false
			}
			v = &list.Members[next].Value
		case *hujson.Array:
			next, ok := step.(int)
			if !ok || next >= len(list.Elements) {
				return nil, false
			}
			v = &list.Elements[next]
		default:
			return nil, false
		}
	}
	return v, true
}

func memberIndex(obj *hujson.Object, key string) int {
	return slices.IndexFunc(obj.Members, func(m hujson.ObjectMember) bool { return keyOf(m) == key })
}

// span is a piece of the text, from start up to end.
type span struct{ start, end int }

// children are the spans of a container's members or elements.
func children(v *hujson.Value) []span {
	var spans []span
	switch list := v.Value.(type) {
	case *hujson.Object:
		for _, m := range list.Members {
			spans = append(spans, span{m.Name.StartOffset, m.Value.EndOffset})
		}
	case *hujson.Array:
		for _, e := range list.Elements {
			spans = append(spans, span{e.StartOffset, e.EndOffset})
		}
	}
	return spans
}

func (d *Document) splice(start, end int, text string) error {
	return d.replace(slices.Concat(d.src.data[:start], []byte(text), d.src.data[end:]))
}

// insert writes an item behind the last one of the container at path. item gives
// its text for the indentation it stands at; wide asks for one member a line.
func (d *Document) insert(path []any, item func(indent string, wide bool) string) error {
	v, ok := d.at(path)
	if !ok {
		return ErrNotFound
	}
	items := children(v)
	if len(items) == 0 {
		return d.insertFirst(v, item)
	}
	data, last := d.src.data, items[len(items)-1]
	indent, ownLine := d.indentation(last.start)
	wide := ownLine || bytes.ContainsRune(data[last.start:last.end], '\n')
	comma, trailing := d.commaAfter(last.end)
	text := item(indent, wide)
	if trailing {
		text += ","
	}
	if !ownLine {
		if trailing {
			return d.splice(comma+1, comma+1, " "+text)
		}
		return d.splice(last.end, last.end, ", "+text)
	}
	text = d.form.newline + indent + text
	if trailing {
		at := d.endOfLine(comma + 1)
		return d.splice(at, at, text)
	}
	at := d.endOfLine(last.end)
	return d.splice(last.end, at, ","+string(data[last.end:at])+text)
}

// insertFirst writes the first item of an empty container, below the comments
// that may stand in it.
func (d *Document) insertFirst(v *hujson.Value, item func(string, bool) string) error {
	data, open, end := d.src.data, v.StartOffset+1, v.EndOffset-1
	indent, _ := d.indentation(v.StartOffset)
	inner := indent + d.form.indent
	kept := open + len(bytes.TrimRight(data[open:end], " \t\r\n"))
	return d.splice(kept, end, d.form.newline+inner+item(inner, true)+d.form.newline+indent)
}

// remove takes the item of that index out of the container at path, and the one
// comma that is then too many.
func (d *Document) remove(path []any, index int) error {
	v, ok := d.at(path)
	if !ok {
		return ErrNotFound
	}
	items := children(v)
	cut := items[index]
	cuts := []span{}
	if comma, has := d.commaAfter(cut.end); has {
		if bytes.ContainsRune(d.src.data[cut.end:comma], '\n') {
			cuts = append(cuts, span{comma, comma + 1}) // comments in between stay
		} else {
			cut.end = comma + 1
		}
	} else if index > 0 {
		// Only JSON with comments may end in a comma; plain JSON must stay plain.
		comma, _ := d.commaAfter(items[index-1].end)
		cuts = append(cuts, span{comma, comma + 1})
	}
	before := v.StartOffset + 1
	if index > 0 {
		before = items[index-1].end
		if comma, has := d.commaAfter(before); has {
			before = comma + 1
		}
	}
	// A remark that ends its line needs the line break behind it.
	end := d.endOfRemark(before)
	if remark := bytes.ReplaceAll(d.src.data[before:end], []byte("*//*"), nil); !bytes.Contains(remark, []byte("//")) {
		before = end
	}
	cuts = append(cuts, d.withSpace(cut, before, index == len(items)-1))
	slices.SortFunc(cuts, func(a, b span) int { return b.start - a.start })
	text := slices.Clone(d.src.data)
	for _, c := range cuts {
		text = slices.Delete(text, c.start, c.end)
	}
	if err := d.replace(text); err != nil {
		return err
	}
	return d.collapse(path)
}

// withSpace widens a span to its whole line if nothing but a remark shares the
// line, else by the space that separated it from its neighbour: the one in front,
// which ends at before, if it is the last.
func (d *Document) withSpace(cut span, before int, last bool) span {
	data := d.src.data
	lineStart := bytes.LastIndexByte(data[:cut.start], '\n') + 1
	if _, ownLine := d.indentation(cut.start); ownLine {
		end := skipBlanks(data, d.endOfRemark(cut.end))
		if bytes.HasPrefix(data[end:], []byte("\r\n")) {
			return span{lineStart, end + 2}
		}
		if end < len(data) && data[end] == '\n' {
			return span{lineStart, end + 1}
		}
		rest := bytes.TrimLeft(data[cut.end:], " \t\r")
		if (rest[0] == ']' || rest[0] == '}') && len(bytes.TrimSpace(data[before:cut.start])) == 0 {
			return span{before, cut.end}
		}
		return span{cut.start, skipBlanks(data, cut.end)}
	}
	if next := skipBlanks(data, cut.end); !last && next < len(data) && data[next] != '}' && data[next] != ']' && data[next] != '\r' && data[next] != '\n' {
		return span{cut.start, next}
	}
	return span{lineStart + len(bytes.TrimRight(data[lineStart:cut.start], " \t")), cut.end}
}

// collapse makes {} of a container in which only whitespace is left.
func (d *Document) collapse(path []any) error {
	v, ok := d.at(path)
	if !ok || len(children(v)) > 0 {
		return nil
	}
	inner := d.src.data[v.StartOffset+1 : v.EndOffset-1]
	if len(bytes.TrimSpace(inner)) > 0 {
		return nil
	}
	return d.splice(v.StartOffset+1, v.EndOffset-1, "")
}

// commaAfter finds the comma that follows an item ending at offset.
func (d *Document) commaAfter(offset int) (int, bool) {
	data := d.src.data
	for offset < len(data) {
		switch rest := data[offset:]; {
		case bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0:
			offset++
		case bytes.HasPrefix(rest, []byte("//")):
			end := bytes.IndexByte(rest, '\n')
			if end < 0 {
				return 0, false
			}
			offset += end
		case bytes.HasPrefix(rest, []byte("/*")):
			offset += 4 + bytes.Index(rest[2:], []byte("*/"))
		default:
			return offset, rest[0] == ','
		}
	}
	return 0, false
}

// endOfRemark returns the end of the comments that follow offset on its line, or
// offset if there are none.
func (d *Document) endOfRemark(offset int) int {
	data, end := d.src.data, offset
	for {
		switch at := skipBlanks(data, end); {
		case bytes.HasPrefix(data[at:], []byte("//")):
			eol := bytes.IndexByte(data[at:], '\n')
			if eol < 0 {
				return len(data)
			}
			return at + len(bytes.TrimRight(data[at:at+eol], " \t\r"))
		case bytes.HasPrefix(data[at:], []byte("/*")):
			closing := at + 4 + bytes.Index(data[at+2:], []byte("*/"))
			if bytes.ContainsRune(data[at:closing], '\n') {
				return end
			}
			end = closing
		default:
			return end
		}
	}
}

// endOfLine is the end of the line of offset, if only comments follow there, else that of the comments.
func (d *Document) endOfLine(offset int) int {
	end := d.endOfRemark(offset)
	if rest := d.src.data[skipBlanks(d.src.data, end):]; bytes.HasPrefix(rest, []byte("\n")) || bytes.HasPrefix(rest, []byte("\r\n")) {
		return len(d.src.data) - len(rest)
	}
	return end
}

// indentation is the whitespace that begins the line of offset, and whether
// nothing else stands in front of it.
func (d *Document) indentation(offset int) (string, bool) {
	lineStart := bytes.LastIndexByte(d.src.data[:offset], '\n') + 1
	end := skipBlanks(d.src.data, lineStart)
	return string(d.src.data[lineStart:min(end, offset)]), end >= offset
}

func skipBlanks(data []byte, offset int) int {
	for offset < len(data) && (data[offset] == ' ' || data[offset] == '\t') {
		offset++
	}
	return offset
}
