package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// wholeLogin sets every option to something else than its default. Nothing of it
// contradicts itself but that resource is omitted, which the test adds where it may.
const wholeLogin = `{"login": "browser", "grant": "client_credentials", "client_id": "i", "client_secret": "topsecret", "client_name": "us",
"client_metadata_url": "https://h/c.json", "auth_method": "client_secret_post", "scopes": ["a", "b:c/*"], "extra_scopes": "d e",
"resource": "https://h/mcp", "strict_resource": true, "issuer": "https://h/t", "redirect_port": 4000,
"authorize_params": {"prompt": "login", "nonce": "a&b"}, "account": "me@work (2)", "allow_private": true}`

func wholeOAuth() *OAuth {
	return &OAuth{
		Login: LoginBrowser, Grant: GrantClient, ClientID: "i", ClientSecret: "topsecret", ClientName: "us", ClientMetadataURL: "https://h/c.json",
		AuthMethod: AuthMethodPost, Scopes: []string{"a", "b:c/*"}, ExtraScopes: []string{"d", "e"}, Resource: "https://h/mcp", StrictResource: true,
		Issuer: "https://h/t", RedirectPort: 4000, AuthorizeParams: []Var{{"prompt", "login"}, {"nonce", "a&b"}}, Account: "me@work (2)", AllowPrivate: true,
	}
}

func TestOAuthOptions(t *testing.T) {
	with := func(change func(*OAuth)) *OAuth {
		o := &OAuth{Login: LoginAsk, Grant: GrantCode}
		change(o)
		return o
	}
	for _, tt := range []struct {
		entry string
		want  *OAuth
	}{
		{`"headers": {}`, nil},
		{`"oauth": null`, nil},
		{`"oauth": {}`, with(func(*OAuth) {})},
		{`"oauth": {"login": null, "scopes": null, "client_secret": null}`, with(func(*OAuth) {})},
		{`"oauth": ` + wholeLogin, wholeOAuth()},
		{`"oauth": {"omit_resource": true, "strict_resource": false}`, with(func(o *OAuth) { o.OmitResource = true })},
		{`"oauth": {"omit_resource": false, "resource": "http://127.0.0.1:1/?q"}`, with(func(o *OAuth) { o.Resource = "http://127.0.0.1:1/?q" })},
		{`"oauth": {"scopes": " a  b\tc "}`, with(func(o *OAuth) { o.Scopes = []string{"a", "b", "c"} })},
		{`"oauth": {"scopes": []}`, with(func(o *OAuth) { o.Scopes = []string{} })},
		{`"oauth": {"scopes": "!#[]~"}`, with(func(o *OAuth) { o.Scopes = []string{"!#[]~"} })},
		{`"oauth": {"scopes": "a ${V:-b c}"}`, with(func(o *OAuth) { o.Scopes = []string{"a ${V:-b c}"} })},
		{`"oauth": {"client_id": "i", "auth_method": "none"}`, with(func(o *OAuth) { o.ClientID, o.AuthMethod = "i", AuthMethodNone })},
		{`"oauth": {"auth_method": "client_secret_basic"}`, with(func(o *OAuth) { o.AuthMethod = AuthMethodBasic })}, // a registration may bring one
		{`"oauth": {"issuer": "http://[::1]:8"}`, with(func(o *OAuth) { o.Issuer = "http://[::1]:8" })},
		{`"oauth": {"account": "` + strings.Repeat("ä", 64) + `"}`, with(func(o *OAuth) { o.Account = strings.Repeat("ä", 64) })},
		// What other clients write.
		{`"oauth": {"clientId": "i", "callbackPort": 8080}`, with(func(o *OAuth) { o.ClientID, o.RedirectPort = "i", 8080 })},
		{`"oauth": {"clientId": "i", "clientSecret": "s", "scope": "a b"}`, with(func(o *OAuth) { o.ClientID, o.ClientSecret, o.Scopes = "i", "s", []string{"a", "b"} })},
		{`"auth": {"CLIENT_ID": "i", "CLIENT_SECRET": "s", "scopes": ["a"]}`, with(func(o *OAuth) { o.ClientID, o.ClientSecret, o.Scopes = "i", "s", []string{"a"} })},
	} {
		c := parse(t, `{"mcpServers": {"n": {"url": "https://h/mcp", `+tt.entry+`}}}`)
		s := c.Servers[0]
		if tt.want == nil != (s.OAuth == nil) || tt.want != nil && !reflect.DeepEqual(s.OAuth, tt.want) || s.Refused != "" {
			t.Errorf("%s: %#v %s", tt.entry, s.OAuth, problems(c))
		}
		if text := fmt.Sprintf("%v %+v %#v", s.OAuth, s.OAuth, s.OAuth); strings.Contains(text, "topsecret") {
			t.Errorf("a secret is shown: %s", text)
		}
	}
}

func TestOAuthResolves(t *testing.T) {
	const refs = `{"login": "${LOGIN}", "grant": "${GRANT}", "client_id": "${ID}", "client_secret": "${keyring:k}", "client_name": "${NAME}",
"client_metadata_url": "${URL}/c.json", "auth_method": "${METHOD}", "scopes": "x ${SCOPES}", "extra_scopes": ["${SCOPES}", "y"],
"resource": "${URL}/mcp", "issuer": "${URL}/t", "authorize_params": {"prompt": "${NAME}"}, "account": "${NAME}"}`
	read := func() *Server {
		return parse(t, `{"mcpServers": {"n": {"url": "https://h", "oauth": `+refs+`}}}`).Servers[0]
	}
	s := read()
	env := map[string]string{"LOGIN": "browser", "GRANT": GrantClient, "ID": "i", "NAME": "us\r\n", "URL": "https://h", "METHOD": AuthMethodPost, "SCOPES": "a  b\n"}
	r := testResolver()
	r.Env = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	l, err := s.Resolve(r)
	if err != nil {
		t.Fatal(err)
	}
	want := &OAuth{
		Login: LoginBrowser, Grant: GrantClient, ClientID: "i", ClientSecret: "topsecret", ClientName: "us", ClientMetadataURL: "https://h/c.json",
		AuthMethod: AuthMethodPost, Scopes: []string{"x", "a", "b"}, ExtraScopes: []string{"a", "b", "y"}, Resource: "https://h/mcp",
		Issuer: "https://h/t", AuthorizeParams: []Var{{"prompt", "us"}}, Account: "us",
	}
	if !reflect.DeepEqual(l.OAuth, want) {
		t.Errorf("%#v", l.OAuth)
	}
	if !reflect.DeepEqual(s.OAuth, read().OAuth) {
		t.Errorf("the entry itself was changed: %#v", s.OAuth)
	}
	encoded, err := json.Marshal(l)
	if text := fmt.Sprintf("%v %+v %#v", l, l, &l) + string(encoded); err != nil || strings.Contains(text, "topsecret") || strings.Contains(text, "us") {
		t.Errorf("a launch shows its login: %s %v", text, err)
	}
	names, secrets := s.References()
	if !slices.Equal(names, []string{"LOGIN", "GRANT", "ID", "NAME", "URL", "METHOD", "SCOPES"}) || !slices.Equal(secrets, []string{"k"}) {
		t.Errorf("it refers to %v and %v", names, secrets)
	}
	key := s.InstanceKey(l)
	env["ID"] = "another"
	if l, err = s.Resolve(r); err != nil || s.InstanceKey(l) == key {
		t.Errorf("another client is the same instance: %v", err)
	}
	if l, err := loginOf(t, `{"scopes": []}`).Resolve(r); err != nil || l.OAuth.Scopes == nil || l.OAuth.ExtraScopes != nil {
		t.Errorf("no scopes are all scopes: %#v %v", l.OAuth, err)
	}
	if l, err := loginOf(t, `null`).Resolve(r); err != nil || l.OAuth != nil {
		t.Errorf("a login out of nothing: %v %v", l.OAuth, err)
	}
}

// What a reference gives is checked as what is written is, and is not shown.
func TestOAuthFailsToResolve(t *testing.T) {
	for _, tt := range []struct{ oauth, value, want string }{
		{`{"login": "$V"}`, "topsecret", `oauth.login must be one of ask, browser – known are ask, browser`},
		{`{"grant": "$V"}`, "client_credentials", `oauth.grant client_credentials needs client_id and client_secret – add those of the client that is registered for it`},
		{`{"client_id": "i", "auth_method": "$V"}`, "client_secret_post", `oauth.auth_method client_secret_post needs client_secret – add "client_secret": "${keyring:NAME}"`},
		{`{"client_id": "$V"}`, "", `oauth.client_id is empty after its references are replaced – set what it refers to`},
		{`{"client_id": "i", "client_secret": "$V"}`, "\n", `oauth.client_secret is empty after its references are replaced – set what it refers to`},
		{`{"client_id": "i", "client_secret": "$V"}`, "top\nsecret", `oauth.client_secret has a character that cannot be printed – remove it`},
		{`{"client_id": "i", "client_secret": "$V"}`, "topsecret\x00", `oauth.client_secret: what it refers to contains a NUL character – store it without`},
		{`{"client_id": "i", "client_secret": "${keyring:none}"}`, "", `oauth.client_secret: unresolved reference ${keyring:none}: no such secret`},
		{`{"scopes": "a ${env:NONE}"}`, "", `oauth.scopes[0]: unresolved reference ${env:NONE}: the variable is not set – set it where the client is started, or store it with ` +
			"`mcpproxy-stdio secret set NONE` and write ${keyring:NONE}"},
		{`{"authorize_params": {"prompt": "${keyring:none}"}}`, "", `oauth.authorize_params.prompt: unresolved reference ${keyring:none}: no such secret`},
		{`{"extra_scopes": ["a", "$V"]}`, `b "topsecret"`, `oauth.extra_scopes has something that is not a scope – a scope has letters, digits and signs other than quotes and backslashes, and no spaces`},
		{`{"client_metadata_url": "$V"}`, "http://localhost/topsecret", `oauth.client_metadata_url is not https – write "https://host/path"`},
		{`{"resource": "$V"}`, "https://h/#topsecret", `oauth.resource has a fragment – remove # and what follows`},
		{`{"issuer": "$V"}`, "http://topsecret", `oauth.issuer is neither https nor http on this machine – write "https://host/path"`},
		{`{"issuer": "http://evil/$${"}`, "", `oauth.issuer is neither https nor http on this machine – write "https://host/path"`}, // no reference, yet looked at late
		{`{"account": "$V"}`, "../topsecret", `oauth.account cannot be the name of a login – names have 1 to 64 printable characters without slashes`},
	} {
		s := loginOf(t, strings.ReplaceAll(tt.oauth, "$V", "${env:V}"))
		r := testResolver()
		r.Env = func(name string) (string, bool) { return tt.value, name == "V" }
		l, err := s.Resolve(r)
		if err == nil || err.Error() != "n: "+tt.want || l.OAuth != nil && l.Protocol == "" {
			t.Errorf("%s\ngot  %v\nwant n: %s", tt.oauth, err, tt.want)
		}
	}
}

func loginOf(t *testing.T, oauth string) *Server {
	t.Helper()
	c := parse(t, loginTo(oauth))
	if len(c.Problems) > 0 || c.Servers[0].Refused != "" {
		t.Fatalf("%s: %s", oauth, problems(c))
	}
	return c.Servers[0]
}

// Whoever copies an entry copies its login whole.
func TestOAuthWritten(t *testing.T) {
	const params = `"authorize_params":{"z":"1","a":"2"}`
	for _, oauth := range []string{wholeLogin, `{}`, `{"scopes": [], "omit_resource": true}`, `{"client_id": "i", "client_secret": "${keyring:k}"}`, `{` + params + `}`} {
		s := parse(t, loginTo(oauth)).Servers[0]
		text := s.OAuth.Written()
		again := parse(t, loginTo(string(text))).Servers[0]
		if !reflect.DeepEqual(s.OAuth, again.OAuth) {
			t.Errorf("%s is written as %s", oauth, text)
		}
		if strings.Contains(oauth, params) && string(bytes.TrimSpace(text)) != oauth {
			t.Errorf("%s is written as %s", oauth, text)
		}
	}
	d, err := parseDocument("c.json", []byte(loginTo(`{"client_id": "i", /* mine */ "client_secret": "${keyring:k}"}`)))
	if err != nil {
		t.Fatal(err)
	}
	try(t, d.Set("n", "oauth", json.RawMessage(`{"client_id": "j", "client_secret": "${keyring:k}", "scopes": "a"}`)))
	if text := string(d.Bytes()); !strings.Contains(text, `"client_id": "j", /* mine */ "client_secret": "${keyring:k}", "scopes": "a"}`) {
		t.Errorf("it became %s", text)
	}
}

// A workspace's login may use a secret of the user's only if the user's own file does.
func TestOAuthOfAWorkspace(t *testing.T) {
	user := parse(t, `{"mcpServers": {"own": {"command": "x", "env": {"K": "${keyring:mine}"}}}}`)
	for name, refused := range map[string]bool{"mine": false, "other": true} {
		c := user.WithWorkspace("/w/c.json", []byte(loginTo(`{"client_id": "i", "client_secret": "${keyring:`+name+`}"}`)))
		if why := c.Server("n").Refused; (why != "") != refused {
			t.Errorf("%s: %q", name, why)
		}
	}
}
