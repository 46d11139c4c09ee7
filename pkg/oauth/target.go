package oauth

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// Target is the server that a login is for.
type Target struct {
	Name    string        // as configured
	URL     string        // resolved
	Options *config.OAuth // resolved; nil: the entry has none
	// Credential is the name of a header of the entry that is a credential of its own: then there is no login, and a refusal
	// of it is an error.
	Credential string
}

// TargetOf is the target of a resolved entry. ok is false for one that no login is for: a local one.
func TargetOf(server *config.Server, launch config.Launch) (t Target, ok bool) {
	if launch.URL == "" {
		return Target{}, false
	}
	t = Target{Name: server.Name, URL: launch.URL, Options: launch.OAuth}
	for _, h := range launch.Headers {
		if http.CanonicalHeaderKey(h.Name) == "Authorization" || launch.OAuth == nil && isCredential(h.Name) {
			t.Credential = h.Name
		}
	}
	return t, true
}

// isCredential recognises headers that stand for a login, such as X-Api-Key and Private-Token.
func isCredential(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '_' })
	for i, w := range words {
		switch w {
		case "auth", "authorization", "authentication", "apikey", "token", "secret", "cookie", "password", "credential", "credentials", "pat":
			return true
		case "key":
			if i == 0 || slices.Contains([]string{"api", "access", "auth", "subscription", "app", "account", "private"}, words[i-1]) {
				return true
			}
		}
	}
	return false
}

// options are those of the entry, or the defaults.
func (t Target) options() config.OAuth {
	if t.Options == nil {
		return config.OAuth{Login: config.LoginAsk, Grant: config.GrantCode}
	}
	return *t.Options
}

// hash names a record after what it is for.
func hash(kind string, parts ...string) string {
	h := sha256.New()
	for _, p := range append([]string{kind}, parts...) {
		sum := sha256.Sum256([]byte(p))
		h.Write(sum[:])
	}
	return kind + "-" + hex.EncodeToString(h.Sum(nil)[:16])
}

// place is where the server is asked for and under which account: it names the record that says where its login is.
func (t Target) place() string { return hash("place", t.URL, t.options().Account) }

// SameOrigin tells whether two URLs have the same scheme, host and port: RFC 6454, section 5.
func SameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	}
	return "80"
}
