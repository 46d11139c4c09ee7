package catalog

import (
	"strings"
	"unicode/utf8"
)

// NormalURI is the form by which URIs are compared: two spellings of one URI have the same (RFC 3986, section 6.2.2:
// case, percent-encoding, dot segments; of 6.2.3 an empty port, query or fragment, a default port, the final dot of a
// host and an empty path). It is for comparing only: a server gets the bytes that the client wrote. Where schemes
// differ in what they hold equal, it rather takes two for one.
func NormalURI(uri string) string {
	scheme, rest := splitScheme(uri)
	scheme = strings.ToLower(scheme)
	rest, fragment := cutBefore(rest, '#')
	rest, query := cutBefore(rest, '?')
	authority := ""
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		authority, rest = cutBefore(after, '/')
		authority = "//" + normalAuthority(scheme, authority)
		if rest == "" {
			rest = "/"
		}
	}
	path := removeDots(normalEscapes(rest))
	if authority == "" && strings.HasPrefix(path, "//") { // it would read as an authority
		path = "/." + path
	}
	out := authority + path
	if scheme != "" {
		out = scheme + ":" + out
	}
	for _, part := range []string{query, fragment} {
		if len(part) > 1 {
			out += normalEscapes(part)
		}
	}
	return out
}

// splitScheme splits before the colon, which it drops; without a scheme it is "" and the rest is all.
func splitScheme(uri string) (scheme, rest string) {
	for i := 0; i < len(uri); i++ {
		switch c := uri[i] | 0x20; {
		case c >= 'a' && c <= 'z':
		case i > 0 && (uri[i] >= '0' && uri[i] <= '9' || uri[i] == '+' || uri[i] == '-' || uri[i] == '.'):
		case i > 0 && uri[i] == ':':
			return uri[:i], uri[i+1:]
		default:
			return "", uri
		}
	}
	return "", uri
}

// cutBefore splits before the first c, which the second part keeps.
func cutBefore(s string, c byte) (before, from string) {
	if i := strings.IndexByte(s, c); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

var defaultPorts = map[string]string{"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}

func normalAuthority(scheme, authority string) string {
	authority = normalEscapes(authority)
	user := ""
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, authority = authority[:i+1], authority[i+1:]
	}
	host, port := authority, ""
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.Contains(authority[i:], "]") {
		// Of more colons outside of brackets none begins a port.
		if before := authority[:i]; !strings.Contains(before, ":") || strings.HasSuffix(before, "]") {
			host, port = before, authority[i+1:]
		}
	}
	if trimmed := strings.TrimLeft(port, "0"); trimmed != "" {
		port = trimmed
	}
	host = upperEscapes(strings.ToLower(host))
	for strings.HasSuffix(host, ".") {
		host = host[:len(host)-1]
	}
	if scheme == "file" && host == "localhost" { // RFC 8089, section 2
		host = ""
	}
	if port != "" && port != defaultPorts[scheme] {
		host += ":" + port
	}
	return user + host
}

const hexDigits = "0123456789ABCDEF"

// normalEscapes writes each octet in one way: unreserved characters plainly, reserved ones as they are, all others
// percent-encoded in upper case. A percent sign that begins no escape is encoded itself.
func normalEscapes(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = unreserved(s[i]) || reserved(s[i])
	}
	if plain {
		return s
	}
	b := make([]byte, 0, len(s)+16)
	for i := 0; i < len(s); i++ {
		c := s[i]
		escaped := false
		if c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			c, escaped = fromHex(s[i+1])<<4|fromHex(s[i+2]), true
			i += 2
		}
		if unreserved(c) || !escaped && reserved(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(b)
}

// upperEscapes undoes what lowering the case of a host did to its escapes.
func upperEscapes(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	return normalEscapes(s)
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func reserved(c byte) bool {
	return c < utf8.RuneSelf && strings.IndexByte(":/?#[]@!$&'()*+,;=", c) >= 0
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func fromHex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// removeDots takes "." and ".." segments out of a path (RFC 3986, section 5.2.4).
func removeDots(path string) string {
	if !strings.HasPrefix(path, ".") && !strings.Contains(path, "/.") {
		return path
	}
	segments := strings.Split(path, "/")
	out := segments[:0:0]
	for i, s := range segments {
		last := i == len(segments)-1
		switch s {
		case ".":
		case "..":
			if n := len(out); n > 1 || n == 1 && out[0] != "" {
				out = out[:n-1]
			}
		default:
			out = append(out, s)
			continue
		}
		if last {
			out = append(out, "")
		}
	}
	return strings.Join(out, "/")
}
