package oauth

import (
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// challenge is what a server says when it refuses a request (RFC 6750, section 3; RFC 9728, section 5.1).
type challenge struct {
	Bearer   bool   // it asks for a bearer token
	Metadata string // resource_metadata: where its metadata is, "" if it does not say
	Scope    string
	Error    string // insufficient_scope, invalid_token
}

// What the grammar allows (RFC 9110, section 11.2) and the parser does not: an auth-param without a value, and a token68().
var (
	emptyParam = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`=""(\s*(?:,|$))`) })
	token68    = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(^|,)(\s*[A-Za-z0-9-]+) +[A-Za-z0-9._~+/-]+=*(\s*(?:,|$))`)
	})
)

// readChallenge reads the WWW-Authenticate headers: several, each with several challenges. One that can't be read does not hide the others.
func readChallenge(h http.Header) challenge {
	var c challenge
	for _, value := range h.Values("WWW-Authenticate") {
		all, err := oauthex.ParseWWWAuthenticate([]string{value})
		if err != nil {
			value = token68().ReplaceAllString(emptyParam().ReplaceAllString(value, `=" "$1`), "$1$2$3")
			all, err = oauthex.ParseWWWAuthenticate([]string{value})
		}
		if err != nil {
			c.Bearer = c.Bearer || strings.Contains(strings.ToLower(value), "bearer")
			continue
		}
		for _, one := range all {
			switch {
			case one.Scheme != "bearer":
			case !c.Bearer || c.Metadata == "" && one.Params["resource_metadata"] != "":
				c = challenge{Bearer: true, Metadata: one.Params["resource_metadata"], Scope: strings.TrimSpace(one.Params["scope"]), Error: strings.TrimSpace(one.Params["error"])}
			}
		}
	}
	return c
}
