package config

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"
)

// What an entry asks for besides its launch: a confinement, and a URL that keeps
// its secrets.

var (
	isolationKeys  = []string{"type", "image", "memory_limit", "cpu_limit", "enabled"}
	isolationLater = []string{
		"cache", "docker_host", "extra_hosts", "mounts", "network", "pids_limit", "platform", "pull", "read_only", "tmpfs",
	}
	isolationTypes = []string{"docker", "sandbox", "auto", "none"}
)

// isMemoryLimit accepts a number and a unit, as Docker's --memory has it: 512m,
// 1.5 GiB.
func isMemoryLimit(s string) bool {
	digits := strings.TrimLeft(s, "0123456789.")
	n, err := strconv.ParseFloat(s[:len(s)-len(digits)], 64)
	unit := strings.TrimSuffix(strings.TrimLeft(strings.ToLower(digits), " "), "b")
	return err == nil && n > 0 && (unit == "" || strings.Contains("kmgtp", unit[:1]) && (unit[1:] == "" || unit[1:] == "i"))
}

func (e *entry) isolation(v hujson.Value) {
	members, ok := e.group(v, isolationKeys, isolationLater, nil)
	if !ok {
		return
	}
	iso := &Isolation{}
	e.server.Isolation = iso
	if at, ok := members["type"]; ok {
		e.key = "isolation.type"
		iso.Type = e.choice(at, "", isolationTypes)
	}
	if at, ok := members["image"]; ok {
		iso.Image, _ = e.text(at, "isolation.image", shown(at))
	}
	if at, ok := members["memory_limit"]; ok {
		if iso.MemoryLimit, ok = e.text(at, "isolation.memory_limit", shown(at)); ok && !isMemoryLimit(iso.MemoryLimit) {
			e.fail(at, shown(at), "isolation.memory_limit is not an amount of memory", `write a number and a unit: "512m", "2g"`)
		}
	}
	if at, ok := members["cpu_limit"]; ok {
		iso.CPULimit = strings.Trim(shown(at), `"`)
		n, err := strconv.ParseFloat(iso.CPULimit, 64)
		if kind := at.Value.Kind(); err != nil || !(n > 0 && n <= 4096) || kind != '0' && kind != '"' {
			e.fail(at, shown(at), "isolation.cpu_limit is not a number of processors", `write "0.5" or "2"`)
		}
	}
	if !e.isolationWanted(v, members, iso) {
		return
	}
	e.unavailable(v, "isolation is not available in this version: the server is not started without it",
		"remove isolation to run it directly")
}

// isolationWanted tells whether the entry asks to be confined. Imported
// configurations say "enabled" and may leave out the type.
func (e *entry) isolationWanted(v hujson.Value, members map[string]hujson.Value, iso *Isolation) bool {
	enabled := true
	if at, ok := members["enabled"]; ok {
		e.key = "isolation.enabled"
		enabled = e.boolean(at, true)
		if enabled && iso.Type == "none" {
			e.fail(v, "none", "isolation.enabled and isolation.type contradict each other", "remove one of the two")
		}
	}
	switch {
	case !enabled:
		iso.Type = "none"
	case iso.Type == "":
		iso.Type = "auto"
		if iso.Image != "" {
			iso.Type = "docker"
		}
	}
	return iso.Type != "none"
}

// group reads an object of options, warning of unknown ones. The object form has
// other names for some.
func (e *entry) group(v hujson.Value, known, later []string, others map[string]string) (map[string]hujson.Value, bool) {
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
		if !slices.Contains(known, key) && !slices.Contains(later, key) {
			e.warn(m.Name, excerpt(key), "unknown option of "+e.key+", ignored", cmp.Or(remedy, suggest(key, known)))
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
