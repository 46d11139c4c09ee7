package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Values of OAuth.Login.
const (
	LoginAsk     = "ask"     // a person is told, and starts the login
	LoginBrowser = "browser" // whatever first needs the server opens the browser and waits
)

// Values of OAuth.Grant (RFC 6749, sections 4.1 and 4.4).
const (
	GrantCode   = "authorization_code"
	GrantClient = "client_credentials"
)

// Values of OAuth.AuthMethod (RFC 7591, section 2).
const (
	AuthMethodNone  = "none"
	AuthMethodBasic = "client_secret_basic"
	AuthMethodPost  = "client_secret_post"
)

// OAuth is how a server wants to be logged in to. In a [Server] its strings are
// as written; [Launch] has a copy with the references replaced.
type OAuth struct {
	Login string // LoginAsk or LoginBrowser
	Grant string // GrantCode or GrantClient

	ClientID          string
	ClientSecret      Secret
	ClientName        string // what a registration shows to people; "": our own
	ClientMetadataURL string // of a client ID metadata document
	AuthMethod        string // at the token endpoint; "": what the authorization server takes

	Scopes      []string // in place of what the server asks for; nil: what it asks for, empty: none
	ExtraScopes []string // on top of either

	Resource       string // RFC 8707; "": what the server's metadata says
	OmitResource   bool   // do not send it at all
	StrictResource bool   // refuse metadata whose resource is wider than the URL

	Issuer          string // the authorization server, where the server names several or none
	RedirectPort    int    // of the callback on 127.0.0.1; 0: any
	AuthorizeParams []Var  // extra parameters of the authorization request, in the order written
	Account         string // tells several logins to one server apart; "": the only one
	AllowPrivate    bool   // the authorization server may be at a private address
}

// mapped is a copy of o in which each string that may hold references went
// through change; option is its full name.
func (o *OAuth) mapped(change func(option, text string) string) *OAuth {
	c := *o
	return oauthOptions.mapped(&c, "oauth.", change)
}

// resolved is o with its references replaced by expand.
func (o *OAuth) resolved(expand func(option, text string) string) *OAuth {
	c := o.mapped(func(option, text string) string {
		// A file made with echo ends in a line break, which is no part of any of these.
		return strings.TrimRight(expand(option, text), "\r\n")
	})
	// A reference may give several scopes, as one string of the file may.
	split := func(scopes []string) []string {
		if scopes == nil {
			return nil
		}
		return append([]string{}, strings.Fields(strings.Join(scopes, " "))...)
	}
	c.Scopes, c.ExtraScopes = split(c.Scopes), split(c.ExtraScopes)
	return c
}

// checkResolved checks what could not be checked while it was a reference.
func (o *OAuth) checkResolved(written *OAuth) error {
	for _, option := range oauthOptions {
		if _, is := option.text(o); is && option.value(o, true) == nil && option.value(written, true) != nil {
			return fmt.Errorf("oauth.%s is empty after its references are replaced – set what it refers to", option.name)
		}
	}
	for _, f := range append(o.faults(func(string) bool { return true }), o.contradictions()...) {
		return errors.New(sentence(f.message, "", f.remedy)) // its text may be a secret
	}
	return nil
}

// Written is the object as a file has it, for whoever copies an entry. A literal secret stands in it.
func (o *OAuth) Written() json.RawMessage { return object(oauthOptions.written(o)) }
