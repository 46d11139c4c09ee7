package transport

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"
)

// Limits of RFC 6265, section 6.1, as clients have to keep at least.
const (
	maxCookies    = 50
	maxCookieSize = 4096
)

// cookies keeps what a server, or the balancer in front of it, wants to get back: balancers find the machine that has our
// session by a cookie. A jar belongs to one connection, so that no cookie leads from one session or account to another. It
// is kept in memory only.
type cookies struct {
	own map[string]bool // names in the entry's own Cookie header, which stay as they are written

	mu    sync.Mutex
	jar   *cookiejar.Jar
	names map[string]bool
}

func newCookies(header http.Header) *cookies {
	jar, _ := cookiejar.New(nil) // it has no error to return
	c := &cookies{jar: jar, own: map[string]bool{}, names: map[string]bool{}}
	for _, own := range (&http.Request{Header: header}).Cookies() {
		c.own[own.Name] = true
	}
	return c
}

// SetCookies implements http.CookieJar. What exceeds the limits is not kept.
func (c *cookies) SetCookies(u *url.URL, list []*http.Cookie) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range list {
		if c.own[one.Name] || len(one.Name)+len(one.Value)+len(one.Path) > maxCookieSize {
			continue
		}
		if key := one.Path + " " + one.Name; !c.names[key] {
			if len(c.names) == maxCookies {
				continue
			}
			c.names[key] = true
		}
		c.jar.SetCookies(u, []*http.Cookie{one})
	}
}

// Cookies implements http.CookieJar.
func (c *cookies) Cookies(u *url.URL) []*http.Cookie { return c.jar.Cookies(u) }
