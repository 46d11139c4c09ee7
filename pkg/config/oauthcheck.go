package config

import (
	"errors"
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
	for _, option := range oauthOptions {
		if text, is := option.text(o); is && text != "" && known(text) {
			add(option.name, 0, option.textFault(text))
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
func (o *option[T]) textFault(text string) *fault {
	switch {
	case o.values != nil && !slices.Contains(o.values, text):
		known := o.values
		return &fault{text: strconv.Quote(excerpt(text)), message: "must be one of " + strings.Join(known, ", "), remedy: suggest(text, known)}
	case o.fault != nil:
		return o.fault(text)
	case !printable(text):
		return &fault{message: "has a character that cannot be printed", remedy: "remove it"}
	}
	return nil
}

// CheckAccount tells what is wrong with the name of a login, as oauth.account has it; nil: nothing.
func CheckAccount(name string) error {
	if f := accountFault(name); f != nil {
		return errors.New(sentence("account "+f.message, f.text, f.remedy))
	}
	return nil
}

func accountFault(name string) *fault {
	if utf8.RuneCountInString(name) <= maxAccount && printable(name) && !strings.ContainsAny(name, `/\`) {
		return nil
	}
	return &fault{
		text: strconv.Quote(excerpt(name)), message: "cannot be the name of a login",
		remedy: "names have 1 to 64 printable characters without slashes",
	}
}

// The URLs of a login, each of which has rules of its own.
func metadataFault(raw string) *fault { return oauthURLFault("client_metadata_url", raw) }
func resourceFault(raw string) *fault { return oauthURLFault("resource", raw) }
func issuerFault(raw string) *fault   { return oauthURLFault("issuer", raw) }

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
	case u.Scheme != "https" && !(u.Scheme == "http" && IsLoopback(u.Hostname())):
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

// IsScope tells whether a text is one scope (RFC 6749, section 3.3).
func IsScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
