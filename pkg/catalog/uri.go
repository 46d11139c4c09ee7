package catalog

import (
	"net/url"
	"strings"
)

// Two servers may list the same URI. The first in config order keeps it; the other's is wrapped, reversibly:
// mcpproxy://SERVER/ORIGINAL.
const wrapScheme = "mcpproxy://"

func wrapURI(server, uri string) string { return wrapScheme + url.PathEscape(server) + "/" + uri }

// UnwrapURI is the inverse of the wrapping; ok is false for a URI that was not wrapped.
func UnwrapURI(uri string) (server, original string, ok bool) {
	rest, ok := strings.CutPrefix(uri, wrapScheme)
	if !ok {
		return "", uri, false
	}
	host, original, ok := strings.Cut(rest, "/")
	if !ok {
		return "", uri, false
	}
	server, err := url.PathUnescape(host)
	if err != nil || server == "" {
		return "", uri, false
	}
	return server, original, true
}

// matchTemplate tells whether uri can be an expansion of an RFC 6570 template: its literal parts occur in order, from
// the first to the last. Which expression takes which part does not matter for routing.
func matchTemplate(template, uri string) bool {
	first := true
	for {
		literal, rest, expression := strings.Cut(template, "{")
		switch {
		case !expression && first:
			return uri == template
		case !expression:
			return strings.HasSuffix(uri, literal)
		case first:
			var ok bool
			if uri, ok = strings.CutPrefix(uri, literal); !ok {
				return false
			}
		default:
			i := strings.Index(uri, literal)
			if i < 0 {
				return false
			}
			uri = uri[i+len(literal):]
		}
		first = false
		_, after, closed := strings.Cut(rest, "}")
		if !closed {
			return false
		}
		template = after
	}
}
