package quarantine

import "github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"

// Lookalike returns the first of the names that a person could take a new one for, "" if there is none. Names are compared by
// their skeletons (UTS #39, section 4).
func Lookalike(name string, names []string) string {
	for _, other := range names {
		if name != other && confusables.Near(name, other) {
			return other
		}
	}
	return ""
}
