package config

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
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

func (e *entry) oauth(_ *Server, v hujson.Value) {
	if _, object := v.Value.(*hujson.Object); e.key == "auth" && !object {
		e.drop(v, "an option of other clients, ignored here", "use oauth, or headers.Authorization with ${keyring:NAME}")
		return
	}
	members, ok := members(e, v, oauthOptions)
	if !ok {
		return
	}
	o := &OAuth{}
	e.server.OAuth = o
	failures := e.failures
	readAll(e, "oauth.", members, oauthOptions, o)
	e.checkOAuthValues(members, o, e.failures == failures)
}

// authorizeParams reads further parameters of the authorization request.
func (e *entry) authorizeParams(o *OAuth, at hujson.Value) {
	o.AuthorizeParams = e.vars(at, e.key, func(name, _ string) (string, string) {
		switch remedy := flowParams[name]; {
		case remedy != "":
			return "is a parameter that the login sets itself", remedy
		case name == "" || !printable(name):
			return "is not the name of a parameter", "names have printable characters"
		}
		return "", ""
	})
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
	for _, option := range oauthOptions {
		if at, ok := members[option.name]; ok && option.people && o.Grant == GrantClient {
			e.warn(at, "", "oauth."+option.name+" means nothing with grant "+GrantClient, "remove it")
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

// scopes reads an array of scopes, or one string as OAuth itself writes them
// (RFC 6749, section 3.3). A string with references is split when they are known.
func (e *entry) scopes(at hujson.Value) []string {
	scopes := []string{} // not nil: an empty list asks for nothing
	if at.Value.Kind() == '"' {
		switch text, ok := e.text(at, e.key, "a string"); {
		case ok && strings.Contains(text, "${"):
			scopes = append(scopes, text)
		case ok:
			scopes = append(scopes, strings.Fields(text)...)
		}
		return scopes
	}
	list, ok := at.Value.(*hujson.Array)
	if !ok {
		e.fail(at, kindName(at), e.key+" must be an array of strings", `write ["…", "…"]`)
		return scopes
	}
	for _, element := range list.Elements {
		text, ok := e.text(element, e.key, kindName(element))
		if !ok {
			break
		}
		scopes = append(scopes, text)
	}
	return scopes
}

func (e *entry) redirectPort(o *OAuth, at hujson.Value) {
	n, ok := integerOf(at)
	switch {
	case !ok || n < 1 || n > 65535:
		e.fail(at, shown(at), e.key+" must be a whole number from 1 to 65535", "write the port that is registered, or remove it to take any")
		return
	case n < 1024:
		e.warn(at, shown(at), e.key+" is below 1024, where only administrators may listen on many systems", "register a higher one")
	}
	o.RedirectPort = int(n)
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
