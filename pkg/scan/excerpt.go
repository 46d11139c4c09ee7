package scan

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// around is how many bytes an excerpt shows on either side, maxExcerpt how long it may be.
const (
	around     = 24
	maxExcerpt = 120
)

// excerpt shows s[from:to] with a little of what stands around it, on one line of printable ASCII.
func excerpt(s string, from, to int) string {
	from, to = max(0, min(from, len(s))), max(0, min(to, len(s)))
	start, end := max(0, from-around), min(len(s), to+around)
	for start > 0 && !utf8.RuneStart(s[start]) {
		start--
	}
	for end < len(s) && !utf8.RuneStart(s[end]) {
		end++
	}
	out := escape(s[start:end])
	if start > 0 {
		out = "..." + out
	}
	if end < len(s) && !strings.HasSuffix(out, "...") {
		out += "..."
	}
	return out
}

// escape writes s in printable ASCII, as Go would quote it, cut where it gets long.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() > maxExcerpt-16 {
			b.WriteString("...")
			break
		}
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			b.WriteByte(' ')
		case r >= 0x20 && r < 0x7f:
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}
