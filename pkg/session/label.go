package session

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// ownName is how the proxy names itself to clients. What it asks itself never begins with a bracket, and what a
// server asks always does.
const ownName = "mcpproxy-stdio"

// label is a server's name as it stands in front of what the server says. A name that could pass for more than a name
// is quoted: it has no bracket, no slash, nothing that does not show, and is not the proxy's.
func label(name string) string {
	plain := !strings.ContainsFunc(name, func(r rune) bool {
		word := unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || strings.ContainsRune(" ._-@+", r)
		return !word || confusables.Hidden(r)
	})
	ours := confusables.Skeleton(name) == confusables.Skeleton(ownName)
	if plain && !ours && name != "" {
		return name
	}
	quoted := strconv.QuoteToGraphic(name)
	if ours {
		quoted = strconv.QuoteToASCII(name)
	}
	return strings.NewReplacer("[", `\x5b`, "]", `\x5d`, "/", `\x2f`).Replace(quoted)
}

// prefix stands in front of what a person is asked.
func prefix(name string) string { return "[" + label(name) + "] " }
