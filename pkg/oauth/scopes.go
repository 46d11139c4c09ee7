package oauth

import (
	"slices"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// offline is the scope that asks for a refresh token (OpenID Connect Core 1.0, section 11).
const offline = "offline_access"

// scopes decides what to ask for: what the entry says, else what the challenge asks for, else all that the server's metadata lists, else
// nothing (MCP, scope selection); with what was granted before where a step-up adds to it.
func (l *Login) scopes(res *resource, meta *metadata, c challenge, before []string) (scopes []string, consent bool) {
	o := l.target.options()
	switch {
	case o.Scopes != nil:
		scopes = slices.Clone(o.Scopes)
	case c.Scope != "":
		scopes = readScopes(c.Scope)
	default:
		scopes = readScopes(strings.Join(res.Scopes, " "))
	}
	scopes = union(before, scopes, o.ExtraScopes)
	// Without a refresh token people log in again every hour. It is asked for only where the server knows the scope, and never alone:
	// no scope at all means the server's defaults.
	if len(scopes) > 0 && o.Scopes == nil && slices.Contains(meta.ScopesSupported, offline) {
		scopes = union(scopes, []string{offline})
	}
	// An OpenID provider drops it silently without a consent (OpenID Connect Core 1.0, section 11).
	return scopes, slices.Contains(scopes, offline)
}

// readScopes are the scopes in a text of somebody else, as far as they are some (RFC 6749, section 3.3) and not too many: people and models
// see them.
func readScopes(text string) []string {
	const many, long = 64, 128
	scopes := slices.DeleteFunc(strings.Fields(text), func(s string) bool { return len(s) > long || !config.IsScope(s) })
	return scopes[:min(len(scopes), many)]
}

// union keeps the order, and each scope once.
func union(lists ...[]string) []string {
	var all []string
	for _, list := range lists {
		for _, s := range list {
			if s != "" && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// covers tells whether all of want are in have.
func covers(have, want []string) bool {
	return !slices.ContainsFunc(want, func(s string) bool { return !slices.Contains(have, s) })
}
