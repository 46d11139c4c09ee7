package quarantine

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// ContextOf is what the definitions of a server are judged by: the names of its own tools, of those that it shows and those that wait,
// and of the tools of the others.
func ContextOf(server string, own *catalog.Snapshot, waiting []Item, others []catalog.Source) scan.Context {
	ctx := scan.Context{Server: server, Own: own.IDs(catalog.Tools)}
	for _, it := range waiting {
		if it.Kind == Tool {
			ctx.Own = append(ctx.Own, it.ID)
		}
	}
	for _, o := range others {
		if o.Snapshot != nil {
			ctx.Others = append(ctx.Others, scan.Peer{Server: o.Server, Tools: o.Snapshot.IDs(catalog.Tools)})
		}
	}
	return ctx
}

// Scanner looks at the definitions of one server.
type Scanner struct {
	scanner *scan.Scanner
	like    map[string][]string // names of the server's tools by their skeletons
}

// NewScanner makes a scanner for a server among others.
func NewScanner(ctx scan.Context) *Scanner {
	s := &Scanner{scan.New(ctx), make(map[string][]string, len(ctx.Own))}
	for _, name := range ctx.Own {
		skeleton := confusables.Skeleton(name)
		s.like[skeleton] = append(s.like[skeleton], name)
	}
	return s
}

// Scan returns what looks hostile in a definition, the gravest first.
func (s *Scanner) Scan(it Item) []scan.Finding {
	if it.Kind == Image || it.local() {
		return nil // no text of the server's
	}
	found := s.scanner.Scan(scan.Item{Kind: string(it.Kind), Name: it.ID, Raw: it.Raw})
	if it.Kind != Tool {
		return found
	}
	for _, other := range s.like[confusables.Skeleton(it.ID)] {
		if other == it.ID {
			continue
		}
		severity := scan.Low // "Case" beside "case"
		if strings.ContainsFunc(it.ID, func(r rune) bool { return r >= utf8.RuneSelf }) {
			severity = scan.Block
		}
		found = append([]scan.Finding{{Rule: "name-lookalike", Severity: severity, Place: "/name", Excerpt: strconv.QuoteToASCII(it.ID),
			Message: fmt.Sprintf("the name can be taken for that of another tool, %s", strconv.QuoteToASCII(other))}}, found...)
		break
	}
	return found
}

// Worst is the gravest severity among findings, scan.Info if there is none.
func Worst(found []scan.Finding) scan.Severity {
	worst := scan.Info
	for _, f := range found {
		worst = max(worst, f.Severity)
	}
	return worst
}
