package config

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

var (
	oauthKeys = []string{
		"login", "grant", "client_id", "client_secret", "client_name", "client_metadata_url", "auth_method", "scopes", "extra_scopes",
		"resource", "omit_resource", "strict_resource", "issuer", "redirect_port", "authorize_params", "account", "allow_private",
	}
	// Names that Claude Code, Cursor and others have for them.
	oauthAliases = map[string]string{
		"clientId": "client_id", "clientSecret": "client_secret", "CLIENT_ID": "client_id", "CLIENT_SECRET": "client_secret",
		"callbackPort": "redirect_port", "scope": "scopes",
	}
	// What a login without a person has no use for.
	oauthOfPeople = []string{"login", "client_name", "client_metadata_url", "redirect_port", "authorize_params"}
)

// flowParams are what the login itself puts into the authorization request, with
// what to write instead.
var flowParams = map[string]string{
	"client_id":             "use client_id of oauth",
	"code_challenge":        "remove it",
	"code_challenge_method": "remove it",
	"redirect_uri":          "use redirect_port of oauth",
	"request":               "remove it",
	"request_uri":           "remove it",
	"resource":              "use resource or omit_resource of oauth",
	"response_mode":         "remove it",
	"response_type":         "remove it",
	"scope":                 "use scopes or extra_scopes of oauth",
	"state":                 "remove it",
}

func (e *entry) oauth(v hujson.Value) {
	if _, object := v.Value.(*hujson.Object); e.key == "auth" && !object {
		e.drop(v, "an option of other clients, ignored here", "use oauth, or headers.Authorization with ${keyring:NAME}")
		return
	}
	members, ok := e.group(v, oauthKeys, nil, oauthAliases)
	if !ok {
		return
	}
	o := &OAuth{}
	e.server.OAuth = o
	failures := e.failures
	for _, t := range o.texts() {
		if at, ok := members[t.option]; ok {
			*t.text, ok = e.text(at, "oauth."+t.option, kindName(at))
			if ok && *t.text == "" {
				e.fail(at, `""`, "oauth."+t.option+" is empty", "remove it, or write what belongs there")
			}
		}
	}
	e.oauthScopes(members, "scopes", &o.Scopes)
	e.oauthScopes(members, "extra_scopes", &o.ExtraScopes)
	if len(o.ExtraScopes) == 0 { // none more is none
		o.ExtraScopes = nil
	}
	e.oauthSwitch(members, "omit_resource", &o.OmitResource)
	e.oauthSwitch(members, "strict_resource", &o.StrictResource)
	e.oauthSwitch(members, "allow_private", &o.AllowPrivate)
	if at, ok := members["redirect_port"]; ok {
		o.RedirectPort = e.oauthPort(at)
	}
	if at, ok := members["authorize_params"]; ok {
		e.key = "oauth.authorize_params"
		o.AuthorizeParams = e.vars(at, "oauth.authorize_params", func(name, _ string) (string, string) {
			switch remedy := flowParams[name]; {
			case remedy != "":
				return "is a parameter that the login sets itself", remedy
			case name == "" || !printable(name):
				return "is not the name of a parameter", "names have printable characters"
			}
			return "", ""
		})
	}
	e.checkOAuthValues(members, o, e.failures == failures)
}

// checkOAuthValues checks what was decoded; whole tells that nothing of it failed.
func (e *entry) checkOAuthValues(members map[string]hujson.Value, o *OAuth, whole bool) {
	o.Login, o.Grant = cmp.Or(o.Login, LoginAsk), cmp.Or(o.Grant, GrantCode)
	faults := o.faults(func(text string) bool { return !strings.Contains(text, "${") })
	if whole && len(faults) == 0 {
		faults = o.contradictions() // which a wrong value would only seem to be
	}
	for _, f := range faults {
		e.fail(f.place(members), f.text, f.message, f.remedy)
	}
	for _, option := range oauthOfPeople {
		if at, ok := members[option]; ok && o.Grant == GrantClient {
			e.warn(at, "", "oauth."+option+" means nothing with grant "+GrantClient, "remove it")
		}
	}
}

// place is the value that f is about.
func (f oauthFault) place(members map[string]hujson.Value) hujson.Value {
	at := members[f.option]
	if list, ok := at.Value.(*hujson.Array); ok {
		return list.Elements[f.index]
	}
	return at
}

// oauthScopes reads an array of scopes, or one string as OAuth itself writes them
// (RFC 6749, section 3.3). A string with references is split when they are known.
func (e *entry) oauthScopes(members map[string]hujson.Value, option string, to *[]string) {
	at, ok := members[option]
	if !ok {
		return
	}
	what := "oauth." + option
	*to = []string{} // not nil: an empty list asks for nothing
	if at.Value.Kind() == '"' {
		switch text, ok := e.text(at, what, "a string"); {
		case ok && strings.Contains(text, "${"):
			*to = append(*to, text)
		case ok:
			*to = append(*to, strings.Fields(text)...)
		}
		return
	}
	list, ok := at.Value.(*hujson.Array)
	if !ok {
		e.fail(at, kindName(at), what+" must be an array of strings", `write ["…", "…"]`)
		return
	}
	for _, element := range list.Elements {
		text, ok := e.text(element, what, kindName(element))
		if !ok {
			return
		}
		*to = append(*to, text)
	}
}

func (e *entry) oauthSwitch(members map[string]hujson.Value, option string, to *bool) {
	if at, ok := members[option]; ok {
		e.key = "oauth." + option
		*to = e.boolean(at, false)
	}
}

func (e *entry) oauthPort(at hujson.Value) int {
	n, ok := integerOf(at)
	switch {
	case !ok || n < 1 || n > 65535:
		e.fail(at, shown(at), "oauth.redirect_port must be a whole number from 1 to 65535", "write the port that is registered, or remove it to take any")
		return 0
	case n < 1024:
		e.warn(at, shown(at), "oauth.redirect_port is below 1024, where only administrators may listen on many systems", "register a higher one")
	}
	return int(n)
}

// checkOAuth checks what does not go with a login in the rest of the entry.
func (e *entry) checkOAuth() {
	if e.server.OAuth == nil {
		return
	}
	if e.server.Protocol == ProtocolStdio {
		e.fail(e.seen["oauth"], "", "only servers with a url can be logged in to", "remove oauth")
		return
	}
	if headers, ok := e.seen["headers"].Value.(*hujson.Object); ok {
		isAuthorization := func(m hujson.ObjectMember) bool { return strings.EqualFold(keyOf(m), "Authorization") }
		if i := slices.IndexFunc(headers.Members, isAuthorization); i >= 0 {
			e.fail(headers.Members[i].Name, excerpt(keyOf(headers.Members[i])), "headers has an Authorization, and oauth brings one: the two contradict each other", "remove one of the two")
		}
	}
}
