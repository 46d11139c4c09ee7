package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// oauthText is a string of o and the option it stands in.
type oauthText struct {
	option string
	text   *string
}

// texts are the options that are one string, in the order of the documentation.
func (o *OAuth) texts() []oauthText {
	return []oauthText{
		{"login", &o.Login}, {"grant", &o.Grant},
		{"client_id", &o.ClientID}, {"client_secret", (*string)(&o.ClientSecret)},
		{"client_name", &o.ClientName}, {"client_metadata_url", &o.ClientMetadataURL}, {"auth_method", &o.AuthMethod},
		{"resource", &o.Resource}, {"issuer", &o.Issuer}, {"account", &o.Account},
	}
}

// mapped is a copy of o in which each string that may hold references went
// through change; option is its full name.
func (o *OAuth) mapped(change func(option, text string) string) *OAuth {
	c := *o
	for _, t := range c.texts() {
		*t.text = change("oauth."+t.option, *t.text)
	}
	list := func(option string, texts []string) []string {
		texts = slices.Clone(texts)
		for i := range texts {
			texts[i] = change(fmt.Sprintf("oauth.%s[%d]", option, i), texts[i])
		}
		return texts
	}
	c.Scopes, c.ExtraScopes = list("scopes", o.Scopes), list("extra_scopes", o.ExtraScopes)
	c.AuthorizeParams = slices.Clone(o.AuthorizeParams)
	for i, v := range c.AuthorizeParams {
		c.AuthorizeParams[i].Value = change("oauth.authorize_params."+v.Name, v.Value)
	}
	return &c
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
	before := written.texts()
	for i, t := range o.texts() {
		if *t.text == "" && *before[i].text != "" {
			return fmt.Errorf("oauth.%s is empty after its references are replaced – set what it refers to", t.option)
		}
	}
	for _, f := range append(o.faults(func(string) bool { return true }), o.contradictions()...) {
		return errors.New(sentence(f.message, "", f.remedy)) // its text may be a secret
	}
	return nil
}

// oauthJSON is the object in the order of the documentation.
type oauthJSON struct {
	Login             string   `json:"login,omitempty"`
	Grant             string   `json:"grant,omitempty"`
	ClientID          string   `json:"client_id,omitempty"`
	ClientSecret      any      `json:"client_secret,omitempty"`
	ClientName        string   `json:"client_name,omitempty"`
	ClientMetadataURL string   `json:"client_metadata_url,omitempty"`
	AuthMethod        string   `json:"auth_method,omitempty"`
	Scopes            []string `json:"scopes,omitzero"`
	ExtraScopes       []string `json:"extra_scopes,omitempty"`
	Resource          string   `json:"resource,omitempty"`
	OmitResource      bool     `json:"omit_resource,omitempty"`
	StrictResource    bool     `json:"strict_resource,omitempty"`
	Issuer            string   `json:"issuer,omitempty"`
	RedirectPort      int      `json:"redirect_port,omitempty"`
	AuthorizeParams   any      `json:"authorize_params,omitempty"` // plainVars in a file
	Account           string   `json:"account,omitempty"`
	AllowPrivate      bool     `json:"allow_private,omitempty"`
}

// plainVars is encoded as an object of strings, values and all.
type plainVars []Var

func (v plainVars) MarshalJSON() ([]byte, error) { return encodeJSON([]Var(v)) }

func (o *OAuth) json(secret any) oauthJSON {
	return oauthJSON{
		Login: o.Login, Grant: o.Grant, ClientID: o.ClientID, ClientSecret: secret, ClientName: o.ClientName,
		ClientMetadataURL: o.ClientMetadataURL, AuthMethod: o.AuthMethod, Scopes: o.Scopes, ExtraScopes: o.ExtraScopes,
		Resource: o.Resource, OmitResource: o.OmitResource, StrictResource: o.StrictResource, Issuer: o.Issuer,
		RedirectPort: o.RedirectPort, Account: o.Account, AllowPrivate: o.AllowPrivate,
	}
}

// Written is the object as a file has it, for whoever copies an entry; rewrite
// changes the strings that may hold references. A literal secret stands in it.
func (o *OAuth) Written(rewrite func(string) string) json.RawMessage {
	c := o.mapped(func(_, text string) string { return rewrite(text) })
	if c.Login == LoginAsk {
		c.Login = ""
	}
	if c.Grant == GrantCode {
		c.Grant = ""
	}
	var secret any
	if c.ClientSecret != "" {
		secret = c.ClientSecret.Reveal()
	}
	object := c.json(secret)
	if len(c.AuthorizeParams) > 0 {
		object.AuthorizeParams = plainVars(c.AuthorizeParams)
	}
	text, err := encodeJSON(object)
	if err != nil {
		panic(err) // strings, numbers and booleans
	}
	return text
}
