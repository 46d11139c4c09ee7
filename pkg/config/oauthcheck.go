package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAccount bounds the name of a login, in characters.
const maxAccount = 64

// oauthFault is one thing wrong with an [OAuth]; its text is for the place where
// the option is written, never for what a reference gave.
type oauthFault struct {
	option string
	index  int // of the scope it is about
	fault
}

// faults are the values that are wrong by themselves. known tells whether a string
// is what it will be: references are checked when they are replaced.
func (o *OAuth) faults(known func(text string) bool) []oauthFault {
	var all []oauthFault
	add := func(option string, index int, f *fault) {
		if f != nil {
			f.message = "oauth." + option + " " + f.message
			all = append(all, oauthFault{option, index, *f})
		}
	}
	for _, t := range o.texts() {
		if *t.text != "" && known(*t.text) {
			add(t.option, 0, textFault(t.option, *t.text))
		}
	}
	scopes := func(option string, texts []string) {
		for i, s := range texts {
			if known(s) && !IsScope(s) {
				add(option, i, &fault{text: strconv.Quote(excerpt(s)), message: "has something that is not a scope",
					remedy: "a scope has letters, digits and signs other than quotes and backslashes, and no spaces"})
			}
		}
	}
	scopes("scopes", o.Scopes)
	scopes("extra_scopes", o.ExtraScopes)
	return all
}

// textFault says what is wrong with the value of an option that is one string.
func textFault(option, text string) *fault {
	switch option {
	case "login":
		return choiceFault(text, LoginAsk, LoginBrowser)
	case "grant":
		return choiceFault(text, GrantCode, GrantClient)
	case "auth_method":
		return choiceFault(text, AuthMethodNone, AuthMethodBasic, AuthMethodPost)
	case "client_metadata_url", "resource", "issuer":
		return oauthURLFault(option, text)
	case "account":
		if utf8.RuneCountInString(text) > maxAccount || !printable(text) || strings.ContainsAny(text, `/\`) {
			return &fault{text: strconv.Quote(excerpt(text)), message: "cannot be the name of a login", remedy: "names have 1 to 64 printable characters without slashes"}
		}
	}
	if !printable(text) {
		return &fault{message: "has a character that cannot be printed", remedy: "remove it"}
	}
	return nil
}

func choiceFault(text string, known ...string) *fault {
	if slices.Contains(known, text) {
		return nil
	}
	return &fault{text: strconv.Quote(excerpt(text)), message: "must be one of " + strings.Join(known, ", "), remedy: suggest(text, known)}
}

// oauthURLFault checks the URL of a client's metadata (https only, with a path), a
// resource (RFC 8707, section 2) or an issuer (RFC 8414, section 2). Like
// [urlFault] it shows scheme and host at most.
func oauthURLFault(option, raw string) *fault {
	u, err := url.Parse(raw)
	if err != nil || !printable(raw) || strings.Contains(raw, " ") {
		return &fault{message: "cannot be read", remedy: `write "https://host/path"`}
	}
	shown := excerpt(u.Scheme + "://" + u.Host)
	metadata := option == "client_metadata_url"
	switch {
	case metadata && u.Scheme != "https":
		return &fault{text: excerpt(u.Scheme), message: "is not https", remedy: `write "https://host/path"`}
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())):
		return &fault{text: excerpt(u.Scheme), message: "is neither https nor http on this machine", remedy: `write "https://host/path"`}
	case u.User != nil:
		return &fault{text: shown, message: "carries a user name or password", remedy: "remove it"}
	case u.Hostname() == "":
		return &fault{text: excerpt(u.Scheme + ":"), message: "has no host", remedy: `write "https://host/path"`}
	case strings.Contains(raw, "#"):
		return &fault{text: shown, message: "has a fragment", remedy: "remove # and what follows"}
	case option == "issuer" && strings.Contains(raw, "?"):
		return &fault{text: shown, message: "has a query, which no issuer has", remedy: "remove ? and what follows"}
	case metadata && strings.Trim(u.Path, "/") == "":
		return &fault{text: shown, message: "has no path", remedy: "write the address of the document itself"}
	}
	return nil
}

// contradictions are options that are right by themselves and not together.
func (o *OAuth) contradictions() []oauthFault {
	var all []oauthFault
	add := func(option, message, remedy string) {
		all = append(all, oauthFault{option, 0, fault{message: message, remedy: remedy}})
	}
	if o.OmitResource && o.Resource != "" {
		add("omit_resource", "oauth.resource and oauth.omit_resource contradict each other", "remove one of the two")
	}
	secret := o.ClientSecret != ""
	switch {
	case o.Grant == GrantClient && o.ClientID == "":
		add("grant", "oauth.grant "+GrantClient+" needs client_id and client_secret", "add those of the client that is registered for it")
	case o.Grant == GrantClient && !secret:
		add("grant", "oauth.grant "+GrantClient+" needs client_secret", `add "client_secret": "${keyring:NAME}"`)
	case secret && o.ClientID == "":
		add("client_secret", "oauth.client_secret has no client_id that it belongs to", "add client_id, or remove client_secret to have a client registered")
	case secret && o.AuthMethod == AuthMethodNone:
		add("auth_method", "oauth.auth_method none and oauth.client_secret contradict each other", "remove one of the two")
	case !secret && o.ClientID != "" && (o.AuthMethod == AuthMethodBasic || o.AuthMethod == AuthMethodPost):
		add("auth_method", "oauth.auth_method "+o.AuthMethod+" needs client_secret", `add "client_secret": "${keyring:NAME}"`)
	}
	return all
}

// isScope checks a scope-token (RFC 6749, section 3.3).
// IsScope tells whether a text is one scope (RFC 6749, section 3.3).
func IsScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
