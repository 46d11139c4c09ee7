package session

import (
	"net/url"
	"path"
	"strings"
)

// rootPath is the directory that a root names: a file URI (RFC 8089), or a plain path, which some clients send. It is ""
// for what is on no disk of this machine. Clients do not escape as they should, so a URI is read by hand: a "#" and a "?"
// are part of the path, and so is a "%" that begins no escape.
func rootPath(uri string, windows bool) string {
	uri = strings.TrimSpace(uri)
	if strings.ContainsRune(uri, 0) {
		return ""
	}
	const scheme = "file:"
	if len(uri) < len(scheme) || !strings.EqualFold(uri[:len(scheme)], scheme) {
		return plainPath(uri, windows)
	}
	rest := unescape(uri[len(scheme):])
	if strings.ContainsRune(rest, 0) {
		return ""
	}
	if windows {
		rest = strings.ReplaceAll(rest, `\`, "/")
	}
	after, authority := strings.CutPrefix(rest, "//")
	if !authority {
		return plainPath(fromURI(rest, windows), windows)
	}
	host, dir := after, ""
	if i := strings.IndexByte(after, '/'); i >= 0 {
		host, dir = after[:i], after[i:]
	}
	switch {
	case host == "" || strings.EqualFold(host, "localhost"):
		return plainPath(fromURI(dir, windows), windows)
	case windows && isDrive(host): // file://C:/dir, which has a slash too few
		return plainPath(host+dir, windows)
	case windows:
		return plainPath("//"+host+dir, windows) // \\host\share\dir
	}
	return ""
}

// fromURI is the path of a URI without its first slash where a drive letter follows. Four slashes begin a UNC path.
func fromURI(p string, windows bool) string {
	if windows && len(p) >= 3 && p[0] == '/' && (isDrive(p[1:3]) || p[2] == '|' && isDrive(p[1:2]+":")) {
		return p[1:2] + ":" + p[3:]
	}
	return p
}

// plainPath is an absolute path in the system's own form, "" for anything else.
func plainPath(p string, windows bool) string {
	if !windows {
		if !strings.HasPrefix(p, "/") {
			return ""
		}
		return path.Clean(p)
	}
	p = fromURI(strings.ReplaceAll(p, `\`, "/"), windows)
	switch {
	case len(p) >= 3 && isDrive(p[:2]) && p[2] == '/':
		return strings.ReplaceAll(p[:2]+path.Clean(p[2:]), "/", `\`)
	case len(p) == 2 && isDrive(p):
		return p + `\`
	case strings.HasPrefix(p, "//") && strings.Count(strings.Trim(p, "/"), "/") > 0: // a host and a share
		return `\\` + strings.ReplaceAll(strings.TrimPrefix(path.Clean(p), "/"), "/", `\`)
	}
	return ""
}

func isDrive(s string) bool {
	return len(s) == 2 && s[1] == ':' && (s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z')
}

// unescape decodes each proper percent escape and leaves the others as they are.
func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if plain, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(plain)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
