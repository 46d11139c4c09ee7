package config

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// group reads an object of options, warning of unknown ones; hidden ones are known and not suggested. The object form has
// other names for some.
func (e *entry) group(v hujson.Value, known, hidden []string, others map[string]string) (map[string]hujson.Value, bool) {
	obj, ok := v.Value.(*hujson.Object)
	if !ok {
		e.fail(v, kindName(v), e.key+" must be an object", "write {…}, or remove it")
		return nil, false
	}
	members := map[string]hujson.Value{}
	for _, m := range obj.Members {
		key, remedy := keyOf(m), ""
		switch canonical := others[key]; {
		case canonical != "" && e.server.objectForm:
			key = canonical
		case canonical != "":
			remedy = "did you mean " + canonical + "?"
		}
		if _, twice := members[key]; twice {
			e.fail(m.Name, excerpt(keyOf(m)), e.key+" has this option twice, and only one could count", "remove one of the two")
			continue
		}
		members[key] = m.Value
		if !slices.Contains(known, key) && !slices.Contains(hidden, key) {
			remedy = cmp.Or(remedy, suggest(key, known))
			if e.key == keyIsolation { // it may well have asked for less
				e.fail(m.Name, excerpt(key), "isolation has no such option, and what it asks for could not be given", remedy)
			} else {
				e.dropAs(m.Name, key, e.key+"."+key, "unknown option of "+e.key+", ignored", remedy)
			}
		}
	}
	for key, value := range members {
		if value.Value.Kind() == 'n' {
			delete(members, key)
		}
	}
	return members, true
}

// urlFault says what is wrong with a server's URL. Its text is scheme and host
// only: paths and queries of such URLs often are the secret.
func urlFault(raw string, allowHTTP bool) *fault {
	u, err := url.Parse(raw)
	if err != nil {
		return &fault{message: "url cannot be read", remedy: `write "https://host/path"`}
	}
	shown := excerpt(u.Scheme + "://" + u.Host)
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return &fault{text: excerpt(u.Scheme), message: "url is neither https nor http", remedy: `write "https://host/path"`}
	case u.User != nil:
		return &fault{text: shown, message: "url carries a user name or password, which ends up in logs", remedy: "send it as a header: headers.Authorization with ${keyring:NAME}"}
	case u.Hostname() == "":
		return &fault{text: excerpt(u.Scheme + "://"), message: "url has no host", remedy: `write "https://host/path"`}
	case u.Scheme == "http" && !allowHTTP && !isLoopback(u.Hostname()):
		return &fault{text: shown, message: "plain http to another machine can be read and changed on the way", remedy: `use https, or write "allow_http": true to allow it`}
	}
	return nil
}

// isLoopback accepts localhost and addresses of 127.0.0.0/8 and ::1. Other names
// may resolve to anything, so they are not asked.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
