package catalog

import (
	"net/url"
	"strings"
)

// A client names a server's URI by mcpproxy://SERVER/ORIGINAL. Lists use it where a second server has a URI that
// another showed first. The scheme is reserved: a server neither lists nor owns a URI under it. The page of an MCP
// App keeps the scheme that hosts look for: ui://mcpproxy/SERVER/ORIGINAL.
const (
	wrapScheme = "mcpproxy://"
	wrapPage   = "ui://mcpproxy/"
)

func wrapURI(server, uri string) string {
	wrap := wrapScheme
	if scheme, _ := splitScheme(uri); strings.EqualFold(scheme, "ui") {
		wrap = wrapPage
	}
	return wrap + url.PathEscape(server) + "/" + uri
}

// UnwrapURI is the inverse of the wrapping; ok is false for a URI that was not wrapped. The original has the client's
// bytes.
func UnwrapURI(uri string) (server, original string, ok bool) {
	rest := ""
	switch {
	case len(uri) >= len(wrapScheme) && strings.EqualFold(uri[:len(wrapScheme)], wrapScheme):
		rest = uri[len(wrapScheme):]
	case len(uri) >= len(wrapPage) && strings.EqualFold(uri[:len(wrapPage)], wrapPage):
		rest = uri[len(wrapPage):]
	default:
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

// reservedURI tells a URI, or URI template, that only the proxy makes.
func reservedURI(uri string) bool {
	uri = strings.TrimSpace(uri)
	if uri == "" || strings.IndexByte("mMuU%", uri[0]) < 0 { // most need no closer look
		return false
	}
	uri = NormalURI(uri)
	return strings.HasPrefix(uri, "mcpproxy:") || strings.HasPrefix(uri, wrapPage)
}

// template is a URI template that owns what it expands to: one with a literal scheme.
type template struct {
	text   string // its literal parts in normal form
	narrow bool   // its literal part says more than a scheme that many servers use
	prefix int    // length of the literal part
}

// common are the schemes under which any server may have something.
var common = map[string]bool{"file": true, "http": true, "https": true, "ftp": true, "data": true, "urn": true, "git": true,
	"ws": true, "wss": true}

// readTemplate reads an RFC 6570 template; ok is false for one that owns nothing.
func readTemplate(text string) (t template, ok bool) {
	literal, _, expression := strings.Cut(text, "{")
	scheme, rest := splitScheme(literal)
	if scheme == "" {
		return t, false
	}
	if !expression {
		text = NormalURI(text)
		return template{text: text, narrow: true, prefix: len(text)}, true
	}
	scheme = strings.ToLower(scheme)
	head := rest
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		authority, path := cutBefore(after, '/')
		if path != "" { // the whole authority is literal
			authority = normalAuthority(scheme, authority)
		}
		head = "//" + strings.ToLower(authority) + normalEscapes(path)
	} else {
		head = normalEscapes(head)
	}
	head = scheme + ":" + head
	t.text = head + normalLiterals(text[len(literal):])
	t.narrow = strings.Trim(rest, "/") != "" || !common[scheme]
	t.prefix = len(head)
	return t, true
}

// normalLiterals brings what stands between the expressions of a template into normal form.
func normalLiterals(s string) string {
	var b strings.Builder
	for s != "" {
		literal, from := cutBefore(s, '{')
		b.WriteString(normalEscapes(literal))
		end := strings.IndexByte(from, '}')
		if end < 0 {
			b.WriteString(from)
			break
		}
		b.WriteString(from[:end+1])
		s = from[end+1:]
	}
	return b.String()
}

// matchTemplate tells whether a URI in normal form can be an expansion: the literal parts occur in order, from the
// first to the last. Which expression takes which part does not matter for routing.
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
