package catalog

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// Source is one server as the view shows it. A server without a snapshot shows nothing.
type Source struct {
	Server   string // "" for the proxy's own tools, which get no prefix
	Snapshot *Snapshot
	Allowed  func(tool string) bool // nil: all
}

// Item is one entry of a merged list.
type Item struct {
	Server   string
	Name     string // for clients
	Original string // as the server calls it
	Raw      []byte // the definition, under the name for clients
}

// View is the merged catalog. It is not changed after it was made.
type View struct {
	items     [Kinds][]Item
	byName    [Kinds]map[string]int // by the name for clients
	byOrig    [Kinds]map[origin]int
	sources   []Source
	owners    *Owners
	uris      map[uint64]string // a listed URI, or an App's page → its server
	templates []ownTemplate
	leftOut   []LeftOut
}

// LeftOut is an item that clients are not shown.
type LeftOut struct {
	Kind       Kind
	Server, ID string
	Reason     string
}

// NewView merges the sources in their order. Names have at most maxName characters. A URI is its owner's; where owners has
// none, the first source's in order. owners may be nil.
func NewView(sources []Source, maxName int, owners *Owners) *View {
	if owners == nil {
		owners = NewOwners()
	}
	v := &View{sources: sources, owners: owners, uris: map[uint64]string{}}
	v.addPages()
	for k := range Kinds {
		v.add(k, maxName)
	}
	return v
}

// LeftOut are the items that the sources list and clients are not shown.
func (v *View) LeftOut() []LeftOut { return v.leftOut }

func (v *View) add(k Kind, maxName int) {
	var origins []origin
	var raws [][]byte
	seen := map[origin]bool{}
	for _, src := range v.sources {
		if src.Snapshot == nil {
			continue
		}
		for _, raw := range src.Snapshot.Items[k] {
			o := origin{src.Server, k.readable(raw)}
			if o.name == "" || seen[o] || k == Tools && src.Allowed != nil && !src.Allowed(o.name) {
				continue
			}
			seen[o] = true
			if (k == Resources || k == Templates) && reservedURI(o.name) {
				v.leftOut = append(v.leftOut, LeftOut{k, o.server, o.name, "its URI is under a scheme that is reserved for the proxy"})
				continue
			}
			fitted, err := raw, error(nil)
			if o.server != "" {
				fitted, err = k.fit(raw)
			}
			if err != nil {
				v.leftOut = append(v.leftOut, LeftOut{k, o.server, o.name, "clients would refuse the whole list for it: " + err.Error()})
				continue
			}
			origins, raws = append(origins, o), append(raws, fitted)
		}
	}
	var names []string
	switch k {
	case Tools, Prompts:
		names = exposedNames(origins, maxName)
	case Templates:
		names = v.exposedTemplates(origins)
	default:
		names = v.exposedURIs(origins)
	}
	v.byName[k] = make(map[string]int, len(names))
	v.byOrig[k] = make(map[origin]int, len(names))
	for i, o := range origins {
		if names[i] == "" {
			v.leftOut = append(v.leftOut, LeftOut{k, o.server, o.name, "another item comes to the same name"})
			continue
		}
		v.byName[k][names[i]], v.byOrig[k][o] = len(v.items[k]), len(v.items[k])
		v.items[k] = append(v.items[k], Item{o.server, names[i], o.name, v.definition(k, raws[i], o, names[i])})
	}
}

// Lookup finds what stands behind a name for clients.
func (v *View) Lookup(k Kind, name string) (Item, bool) {
	i, ok := v.byName[k][name]
	if !ok {
		return Item{}, false
	}
	return v.items[k][i], true
}

// Exposed returns the name for clients of a server's item; its own name if it is not listed.
func (v *View) Exposed(k Kind, server, original string) string {
	if i, ok := v.byOrig[k][origin{server, original}]; ok {
		return v.items[k][i].Name
	}
	return original
}

// Items returns a merged list; it must not be changed.
func (v *View) Items(k Kind) []Item { return v.items[k] }

// pageBytes bounds one page of a merged list, well below any message limit.
const pageBytes = 8 << 20

// ErrCursor is returned for a cursor that this view did not make.
var ErrCursor = errors.New("unknown cursor")

// Page renders one page of a merged list as a result: the items that hide does not name, from the cursor on ("" for
// the start). A cursor stays usable while the list changes; it may then skip or repeat items.
func (v *View) Page(k Kind, cursor string, hide func(Item) bool) ([]byte, error) {
	items, start := v.items[k], 0
	if cursor != "" {
		text, _ := base64.RawURLEncoding.DecodeString(cursor)
		number, ours := strings.CutPrefix(string(text), k.Key()+":")
		n, err := strconv.Atoi(number)
		if err != nil || !ours || n < 0 {
			return nil, ErrCursor
		}
		start = n
	}
	size := 0
	for _, it := range items[min(start, len(items)):] {
		size += len(it.Raw) + 1
	}
	b := make([]byte, 0, min(size, pageBytes)+128)
	b = append(append(append(b, `{"`...), k.Key()...), `":[`...)
	empty := true
	for i := start; i < len(items); i++ {
		if hide != nil && hide(items[i]) {
			continue
		}
		if !empty && len(b)+len(items[i].Raw) > pageBytes {
			next := base64.RawURLEncoding.EncodeToString([]byte(k.Key() + ":" + strconv.Itoa(i)))
			return append(append(append(b, `],"nextCursor":"`...), next...), `"}`...), nil
		}
		if !empty {
			b = append(b, ',')
		}
		b, empty = append(b, items[i].Raw...), false
	}
	return append(b, `]}`...), nil
}

// instructionsLimit bounds the merged instructions in bytes: clients cut there.
const instructionsLimit = 2 << 10

const saysOfItself = "] says of itself:"

// Instructions are the proxy's own words, if there are any, and then each server's instructions, quoted under its name; in all at most 2
// KiB. A text that had to be shortened says so.
func (v *View) Instructions(own string) string {
	var texts []Source
	for _, s := range v.sources {
		if s.Snapshot != nil && s.Snapshot.Instructions != "" {
			texts = append(texts, s)
		}
	}
	var b strings.Builder
	if own != "" {
		b.WriteString(own + "\n")
	}
	left := instructionsLimit - b.Len()
	for i, s := range texts {
		head := "[" + clean(s.Server) + saysOfItself + "\n"
		share := left/(len(texts)-i) - len(head) - 1
		if share < 0 {
			break
		}
		text := s.Snapshot.Instructions
		long := len(text) > instructionsLimit
		text = text[:min(len(text), instructionsLimit)] // before it is gone through again and again
		for strings.Contains(text, saysOfItself) {      // nobody speaks for another
			text = strings.ReplaceAll(text, saysOfItself, "] says")
		}
		if long || len(text) > share {
			const cut = " […]"
			text = strings.ToValidUTF8(text[:max(0, min(len(text), share-len(cut)))], "") + cut
		}
		part := head + text + "\n"
		left -= len(part)
		b.WriteString(part)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
