package oauth

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// challenge is what a server says when it refuses a request (RFC 6750, section 3; RFC 9728, section 5.1).
type challenge struct {
	Bearer   bool   // it asks for a bearer token
	Metadata string // resource_metadata: where its metadata is, "" if it does not say
	Scope    string
	Error    string // insufficient_scope, invalid_token
}

// emptyParam is an auth-param without a value, which the grammar allows and the parser does not.
var emptyParam = regexp.MustCompile(`,?\s*[A-Za-z_]+=""`)

// readChallenge reads the WWW-Authenticate headers: several, each with several challenges. One that can't be read does not hide the others.
func readChallenge(h http.Header) challenge {
	var c challenge
	for _, value := range h.Values("WWW-Authenticate") {
		all, err := oauthex.ParseWWWAuthenticate([]string{value})
		if err != nil {
			all, err = oauthex.ParseWWWAuthenticate([]string{emptyParam.ReplaceAllString(value, "")})
		}
		if err != nil {
			c.Bearer = c.Bearer || strings.Contains(strings.ToLower(value), "bearer")
			continue
		}
		for _, one := range all {
			switch {
			case one.Scheme != "bearer":
			case !c.Bearer || c.Metadata == "" && one.Params["resource_metadata"] != "":
				c = challenge{Bearer: true, Metadata: one.Params["resource_metadata"], Scope: one.Params["scope"], Error: one.Params["error"]}
			}
		}
	}
	return c
}
