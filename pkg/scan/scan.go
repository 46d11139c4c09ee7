// Package scan tells what looks hostile in the definitions that an MCP server gives: text that a model obeys and a person
// overlooks.
//
// It reads every string of a definition, keys too, wherever it stands. First the characters themselves: what is invisible, turned
// round or not text at all. Then what is said, however it is spelled or encoded: words are reduced to what they are about, in
// several languages, and patterns of these (an order, a secret, an address, "do not tell the user") are weighed together
// where they stand close to one another. So a finding can be explained: a rule, a place, an excerpt.
//
// It is deterministic, works offline and starts nothing. It does not decide: a definition that it finds nothing in can still be
// hostile, because harm needs no hostile words, and one that it flags can be honest. Results of calls are not its concern.
package scan

import (
	"sort"
	"strings"
	"sync"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// Item is one definition as its server gave it.
type Item struct {
	Kind string // "tool", "prompt", "template", "resource", "instructions"
	Name string // what identifies it: the name, uriTemplate or uri; "" for instructions
	Raw  []byte // the JSON value whole: an object; for instructions a JSON string
}

// Context is what else is known when an item is judged.
type Context struct {
	Server string   // the item's server
	Own    []string // names of the same server's tools
	Others []Peer   // the other servers
}

// Peer is another server.
type Peer struct {
	Server string
	Tools  []string
}

// Severity of a finding, from an aside to what stops an approval.
type Severity int

const (
	Info   Severity = iota // nothing
	Low                    // a remark: worth nothing by itself, and never counted
	Medium                 // flagged: a person should look
	High                   // flagged: a person should look twice
	Block                  // flagged, and not to be approved unless confirmed by name
)

var severityNames = [...]string{"info", "low", "medium", "high", "block"}

func (s Severity) String() string { return severityNames[s] }

// MarshalText writes the severity as its name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is one thing found.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Place    string   `json:"place"`   // JSON pointer (RFC 6901)
	Excerpt  string   `json:"excerpt"` // short, printable ASCII
	Message  string   `json:"message"`
}

// Scanner judges the definitions of one server. It is safe for concurrent use.
type Scanner struct {
	context Context
	tools   tools
	near    func() string // the first other server whose name looks like that of the item's, "" if there is none
}

// tools are names in lower case.
type tools struct {
	own          map[string]bool
	foreign      map[string]bool // of other servers
	foreignPlain map[string]bool // those of them that are words (search, fetch), which count in quotes only
	server       map[string]bool // words of the server's own name
	subject      map[string]bool // things that the server's own names speak of, which are no tools of another's: plugin, function
}

// New makes a scanner for a server among others.
func New(ctx Context) *Scanner {
	t := tools{make(map[string]bool, len(ctx.Own)), map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for word := range strings.FieldsFuncSeq(strings.ToLower(ctx.Server), func(r rune) bool { return strings.ContainsRune("-_./ @", r) }) {
		t.server[word] = len(word) > 2 && lexicon().words[word] == 0
	}
	for _, name := range ctx.Own {
		lower := strings.ToLower(name)
		t.own[lower] = true
		for _, thing := range []string{"plugin", "function"} {
			if strings.Contains(lower, thing) {
				t.subject[thing] = true
			}
		}
	}
	for _, peer := range ctx.Others {
		for _, name := range peer.Tools {
			switch lower := strings.ToLower(name); {
			case t.own[lower]:
			case strings.ContainsAny(name, "_-"):
				t.foreign[lower] = true
			default:
				t.foreignPlain[lower] = true
			}
		}
	}
	return &Scanner{ctx, t, sync.OnceValue(func() string {
		for _, peer := range ctx.Others {
			if peer.Server != ctx.Server && confusables.Near(peer.Server, ctx.Server) {
				return peer.Server
			}
		}
		return ""
	})}
}

// Scan is [Scanner.Scan] for one item.
func Scan(item Item, ctx Context) []Finding { return New(ctx).Scan(item) }

// Scan returns what was found, the gravest first; of each rule the gravest place. It never fails: bytes that are no JSON are a
// finding, and what could be read of them is judged. The time it takes grows with the size of the item.
func (s *Scanner) Scan(item Item) []Finding {
	j := &judge{doc: walk(item.Raw), context: s.context, near: s.near}
	if j.doc.err != nil {
		j.find("malformed", max(0, len(j.doc.nodes)-1), "", "not JSON: "+j.doc.err.Error())
	}
	if j.doc.tooDeep > 0 {
		j.find("too-deep", j.doc.tooDeep, "", "nested deeper than any schema needs")
	}
	j.stream.tools, j.stream.parameters = s.tools, map[string]bool{}
	for i := range j.doc.texts {
		if t := &j.doc.texts[i]; t.key {
			j.stream.parameters[bare(strings.ToLower(t.s))] = true
		}
	}
	j.purpose(item)
	j.names(item)
	j.texts()
	j.conclude()
	sort.SliceStable(j.found, func(a, b int) bool { return j.found[a].Severity > j.found[b].Severity })
	return j.found
}
