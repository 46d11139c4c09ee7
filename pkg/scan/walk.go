package scan

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// text is one decoded string of a definition: a value, or the key of an object's member.
type text struct {
	s       string
	node    int  // the value, or the member that it is the key of
	key     bool // not the value
	damaged bool // not Unicode: invalid UTF-8 or half a surrogate pair (RFC 8259, section 8.2)
}

// node is one value of the document; its place is made of the keys and indices above it.
type node struct {
	parent int // -1: the document
	key    string
	index  int // in an array; -1 in an object
	depth  int
}

// document is a definition taken apart.
type document struct {
	nodes   []node
	texts   []text
	err     error // why the rest could not be read
	tooDeep int   // the first node below maxDepth; 0: none
	reads   int   // the member readOnlyHint that is true; 0: none
}

// maxDepth is how many levels a definition may have before that is worth telling. Deeper ones are read all the same: nothing here
// recurses.
const maxDepth = 64

// frame is an array or object that is open.
type frame struct {
	node  int
	array bool
	next  int
}

var errEnd = errors.New("it ends too early")

// walk reads a JSON value and keeps every string of it in the order of the document. What is malformed ends it; what was
// read before is kept.
func walk(b []byte) *document {
	d := &document{texts: make([]text, 0, 32), nodes: make([]node, 0, 32)}
	w := walker{document: d, b: b}
	if w.value(node{parent: -1, index: -1}) {
		for len(w.open) > 0 && w.step() {
		}
	}
	if w.space(); d.err == nil && w.i < len(b) {
		d.err = fmt.Errorf("there is more after the value, from byte %d", w.i)
	}
	return d
}

type walker struct {
	*document
	b    []byte
	i    int
	open []frame
}

func (w *walker) fail(err error) bool {
	w.err = err
	return false
}

func (w *walker) space() {
	for w.i < len(w.b) && (w.b[w.i] == ' ' || w.b[w.i] == '\t' || w.b[w.i] == '\n' || w.b[w.i] == '\r') {
		w.i++
	}
}

// take moves over c, if that comes next.
func (w *walker) take(c byte) bool {
	if w.space(); w.i < len(w.b) && w.b[w.i] == c {
		w.i++
		return true
	}
	return false
}

// step reads the next element of what is open innermost, or closes it.
func (w *walker) step() bool {
	top := &w.open[len(w.open)-1]
	closing := byte('}')
	if top.array {
		closing = ']'
	}
	if w.take(closing) {
		w.open = w.open[:len(w.open)-1]
		return true
	}
	if top.next > 0 && !w.take(',') {
		return w.fail(fmt.Errorf("a comma is missing at byte %d", w.i))
	}
	n := node{parent: top.node, index: -1, depth: w.nodes[top.node].depth + 1}
	if top.array {
		n.index = top.next
		top.next++
		return w.value(n)
	}
	top.next++
	if w.space(); w.i >= len(w.b) || w.b[w.i] != '"' {
		return w.fail(fmt.Errorf("a key is missing at byte %d", w.i))
	}
	key, damaged, ok := w.str()
	if !ok {
		return false
	}
	if !w.take(':') {
		return w.fail(fmt.Errorf("a colon is missing at byte %d", w.i))
	}
	n.key = key
	w.texts = append(w.texts, text{s: key, node: len(w.nodes), key: true, damaged: damaged})
	return w.value(n)
}

// value reads a value, or the opening of one.
func (w *walker) value(n node) bool {
	at := len(w.nodes)
	w.nodes = append(w.nodes, n) // before anything can go wrong: its key refers to it
	if w.space(); w.i >= len(w.b) {
		return w.fail(errEnd)
	}
	if n.depth > maxDepth && w.tooDeep == 0 {
		w.tooDeep = at
	}
	switch c := w.b[w.i]; c {
	case '{', '[':
		w.i++
		w.open = append(w.open, frame{node: at, array: c == '['})
		return true
	case '"':
		s, damaged, ok := w.str()
		if ok {
			w.texts = append(w.texts, text{s: s, node: at, damaged: damaged})
		}
		return ok
	}
	start := w.i
	for w.i < len(w.b) && strings.IndexByte("+-.0123456789abcdefghijklmnopqrstuvwxyzE", w.b[w.i]) >= 0 {
		w.i++
	}
	switch word := string(w.b[start:w.i]); word {
	case "true", "false", "null":
		if word == "true" && n.key == "readOnlyHint" {
			w.reads = at
		}
		return true
	default:
		if _, err := strconv.ParseFloat(word, 64); word == "" || err != nil && !errors.Is(err, strconv.ErrRange) {
			return w.fail(fmt.Errorf("no value at byte %d", start))
		}
	}
	return true
}

// str reads the string that opens at i and decodes it.
func (w *walker) str() (_ string, damaged, ok bool) {
	start := w.i + 1
	for j := start; j < len(w.b); j++ {
		switch w.b[j] {
		case '"':
			w.i = j + 1
			s := string(w.b[start:j])
			if !utf8.ValidString(s) {
				return strings.ToValidUTF8(s, "\uFFFD"), true, true
			}
			return s, false, true
		case '\\':
			return w.escaped(start)
		}
	}
	return "", false, w.fail(errEnd)
}

// escaped is str for strings with escapes.
func (w *walker) escaped(start int) (_ string, damaged, ok bool) {
	var out strings.Builder
	for j := start; j < len(w.b); {
		c := w.b[j]
		switch {
		case c == '"':
			w.i = j + 1
			return out.String(), damaged, true
		case c == '\\' && j+1 < len(w.b):
			if w.b[j+1] != 'u' {
				i := strings.IndexByte(`"\/bfnrt`, w.b[j+1])
				if i < 0 {
					return "", false, w.fail(fmt.Errorf("no escape at byte %d", j))
				}
				out.WriteByte("\"\\/\b\f\n\r\t"[i])
				j += 2
				continue
			}
			r, n := unit(w.b[j:])
			if n == 0 {
				return "", false, w.fail(fmt.Errorf("no escape at byte %d", j))
			}
			if utf16.IsSurrogate(r) {
				low, m := unit(w.b[j+n:])
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					damaged = true
				} else {
					n += m
				}
			}
			out.WriteRune(r)
			j += n
		default:
			r, n := utf8.DecodeRune(w.b[j:])
			damaged = damaged || r == utf8.RuneError && n == 1
			out.WriteRune(r)
			j += n
		}
	}
	return "", false, w.fail(errEnd)
}

// unit reads \uXXXX and tells how long it is, 0 if it is none.
func unit(b []byte) (rune, int) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, 0
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return 0, 0
	}
	return rune(n), 6
}

// place is the JSON pointer (RFC 6901) of a node; below maxDepth it is that of the ancestor there.
func (d *document) place(at int) string {
	var parts []string
	for ; at >= 0 && at < len(d.nodes) && d.nodes[at].parent >= 0; at = d.nodes[at].parent {
		n := d.nodes[at]
		if n.depth > maxDepth {
			continue
		}
		if n.index >= 0 {
			parts = append(parts, strconv.Itoa(n.index))
		} else {
			parts = append(parts, strings.NewReplacer("~", "~0", "/", "~1").Replace(n.key))
		}
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteByte('/')
		b.WriteString(parts[i])
	}
	return b.String()
}

// under tells whether a node's parent is the member named key, as /properties is of a parameter.
func (d *document) under(at int, key string) bool {
	parent := d.nodes[at].parent
	return parent >= 0 && d.nodes[parent].key == key && d.nodes[parent].index < 0
}

// member returns the first string member of the document itself with that key.
func (d *document) member(key string) string {
	for _, t := range d.texts {
		if n := d.nodes[t.node]; !t.key && n.depth == 1 && n.index < 0 && n.key == key {
			return t.s
		}
	}
	return ""
}
