package quarantine

import (
	"fmt"
	"strconv"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// Scan returns what looks hostile in a definition, the gravest first.
func Scan(it Item, ctx scan.Context) []scan.Finding {
	found := scan.Scan(scan.Item{Kind: string(it.Kind), Name: it.ID, Raw: it.Raw}, ctx)
	for _, other := range ctx.Own {
		if it.Kind == Tool && other != it.ID && confusables.Skeleton(other) == confusables.Skeleton(it.ID) {
			found = append([]scan.Finding{{Rule: "name-lookalike", Severity: scan.Block, Place: "/name", Excerpt: strconv.QuoteToASCII(it.ID),
				Message: fmt.Sprintf("the name can be taken for that of another tool, %s", strconv.QuoteToASCII(other))}}, found...)
		}
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
