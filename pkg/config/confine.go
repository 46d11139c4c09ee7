package config

import (
	"net/netip"
	"net/url"
	"strings"
)

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
	case u.Scheme == "http" && !allowHTTP && !IsLoopback(u.Hostname()):
		return &fault{text: shown, message: "plain http to another machine can be read and changed on the way", remedy: `use https, or write "allow_http": true to allow it`}
	}
	return nil
}

// IsLoopback tells whether a host, as a URL names it, is this machine: localhost, or an address in 127.0.0.0/8 or ::1. Other names may
// resolve to anything, so they are not.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
