package oauth

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// What servers in the field do that is no attack: logins have to work with it, or say what to write into the entry.

func TestChallenges(t *testing.T) {
	full := challenge{Bearer: true, Metadata: "https://x.example/m", Scope: "a b"}
	for name, c := range map[string]struct {
		headers []string
		want    challenge
	}{
		"none":                       {nil, challenge{}},
		"empty":                      {[]string{""}, challenge{}},
		"bare":                       {[]string{"Bearer"}, challenge{Bearer: true}},
		"another":                    {[]string{`Basic realm="Bearer"`}, challenge{}},
		"usual":                      {[]string{`Bearer resource_metadata="https://x.example/m", scope="a b"`}, full},
		"with an error":              {[]string{`Bearer error="invalid_token", error_description="x, y", scope="a b"`}, challenge{Bearer: true, Scope: "a b", Error: "invalid_token"}},
		"capitals":                   {[]string{`BEARER Resource_Metadata="https://x.example/m",SCOPE="a b"`}, full},
		"no quotes":                  {[]string{`Bearer resource_metadata=https://x.example/m, scope="a b"`}, full},
		"quoted commas":              {[]string{`Bearer realm="a, Basic realm=b, c", resource_metadata="https://x.example/m", scope="a b"`}, full},
		"quoted quotes":              {[]string{`Bearer realm="a \"b\", Bearer scope=c", resource_metadata="https://x.example/m", scope="a b"`}, full},
		"several in one":             {[]string{`Basic realm="a, b", Bearer resource_metadata="https://x.example/m", scope="a b"`}, full},
		"several in one, first":      {[]string{`Bearer resource_metadata="https://x.example/m", scope="a b", Basic realm="a, b"`}, full},
		"several headers":            {[]string{`Basic realm="x"`, `DPoP algs="ES256"`, `Bearer resource_metadata="https://x.example/m", scope="a b"`}, full},
		"a bare one before":          {[]string{`Bearer`, `Bearer resource_metadata="https://x.example/m", scope="a b"`}, full},
		"a bare one after":           {[]string{`Bearer resource_metadata="https://x.example/m", scope="a b"`, `Bearer`}, full},
		"a broken one before":        {[]string{`Digest qop="`, `Bearer resource_metadata="https://x.example/m", scope="a b"`}, full},
		"an empty one at the end":    {[]string{`Bearer resource_metadata="https://x.example/m", scope="a b", error=""`}, full},
		"Negotiate alone":            {[]string{`Negotiate`, `Bearer resource_metadata="https://x.example/m", scope="a b"`}, full},
		"Negotiate with a token":     {[]string{`Negotiate dG9rZW4=`, `Bearer resource_metadata="https://x.example/m", scope="a b"`}, full},
		"Negotiate, Bearer, bare":    {[]string{`Negotiate, Bearer resource_metadata="https://x.example/m", scope="a b"`}, full},
		"two spaces":                 {[]string{`Bearer  resource_metadata="https://x.example/m" ,  scope="a b"`}, full},
		"a comma at the end":         {[]string{`Bearer resource_metadata="https://x.example/m", scope="a b",`}, full},
		"a scope of somebody else's": {[]string{`Basic scope="c", Bearer resource_metadata="https://x.example/m", scope="a b"`}, full},
	} {
		t.Run(name, func(t *testing.T) {
			if got := readChallenge(http.Header{"Www-Authenticate": c.headers}); got != c.want {
				t.Errorf("%q: %+v", c.headers, got)
			}
		})
	}
}

// TestChallengesHard: an empty parameter that comes first, and a token68 in the same header (RFC 9110, sections 11.2 and 11.3).
func TestChallengesHard(t *testing.T) {
	full := challenge{Bearer: true, Metadata: "https://x.example/m", Scope: "a b"}
	for name, c := range map[string]struct {
		headers []string
		want    challenge
	}{
		"an empty scope":           {[]string{`Bearer scope="", resource_metadata="https://x.example/m"`}, challenge{Bearer: true, Metadata: "https://x.example/m"}},
		"an empty realm":           {[]string{`Bearer realm="", resource_metadata="https://x.example/m", scope="a b"`}, full},
		"Negotiate in the same, =": {[]string{`Negotiate dG9rZW4=, Bearer resource_metadata="https://x.example/m", scope="a b"`}, full},
		"Negotiate in the same":    {[]string{`Negotiate dG9rZW4, Bearer resource_metadata="https://x.example/m", scope="a b"`}, full},
	} {
		t.Run(name, func(t *testing.T) {
			if got := readChallenge(http.Header{"Www-Authenticate": c.headers}); got != c.want {
				t.Errorf("%q: %+v", c.headers, got)
			}
		})
	}
}

// TestScopes: those of the challenge, else of the metadata, else none; offline_access where the authorization server knows it, and not alone.
func TestScopes(t *testing.T) {
	b := newBed(t, nil)
	for name, c := range map[string]struct {
		options  *config.OAuth
		switches string
		want     string
		consent  bool
	}{
		"of the challenge":     {nil, `{}`, "mcp:read offline_access", true},
		"of the metadata":      {nil, `{"rs":{"challengeScope":false}}`, "mcp:read mcp:write offline_access", true},
		"none":                 {nil, `{"rs":{"challengeScope":false,"prm":{"scopes_supported":null}}}`, "", false},
		"an empty list":        {nil, `{"rs":{"challengeScope":false,"prm":{"scopes_supported":[]}}}`, "", false},
		"offline not offered":  {nil, `{"as":{"metadata":{"scopes_supported":["mcp:read"]}}}`, "mcp:read", false},
		"no list of scopes":    {nil, `{"as":{"metadata":{"scopes_supported":null}}}`, "mcp:read", false},
		"of the entry":         {&config.OAuth{Scopes: []string{"mcp:write"}}, `{}`, "mcp:write", false},
		"of the entry, none":   {&config.OAuth{Scopes: []string{}}, `{}`, "", false},
		"of the entry on top":  {&config.OAuth{ExtraScopes: []string{"mcp:write", "mcp:read"}}, `{}`, "mcp:read mcp:write offline_access", true},
		"of the entry, all":    {&config.OAuth{Scopes: []string{"mcp:read"}, ExtraScopes: []string{"offline_access"}}, `{}`, "mcp:read offline_access", true},
		"an empty challenge's": {nil, `{"rs":{"challenge":"Bearer scope=\"\""}}`, "mcp:read mcp:write offline_access", true},
	} {
		b.sub(name, c.options, c.switches, func(b *bed) {
			f := b.start(b.login, How{})
			defer f.Decline()
			u, _ := url.Parse(f.Shown().Direct)
			q := u.Query()
			if q.Get("scope") != c.want || q.Has("scope") != (c.want != "") || (q.Get("prompt") == "consent") != c.consent || !slices.Equal(f.Shown().Scopes, strings.Fields(c.want)) {
				b.t.Errorf("%v, shown %q", q, f.Shown().Scopes)
			}
		})
	}
}

// TestPlaces: the metadata is found wherever it may be, and each challenge leads to a login.
func TestPlaces(t *testing.T) {
	b := newBed(t, nil)
	root := strings.TrimSuffix(b.MCP, "/mcp") + "/.well-known/oauth-protected-resource"
	for name, c := range map[string]struct{ switches, first string }{
		"usual":                 {`{}`, "/.well-known/oauth-protected-resource/mcp"},
		"at the root":           {`{"rs":{"prmPaths":["root"]}}`, "/.well-known/oauth-protected-resource"},
		"at the root, not told": {`{"rs":{"prmPaths":["root"],"challenge":"Bearer"}}`, "/.well-known/oauth-protected-resource/mcp"},
		"no challenge":          {`{"rs":{"challenge":""}}`, "/.well-known/oauth-protected-resource/mcp"},
		"another challenge":     {`{"rs":{"challenge":"Basic realm=\"x\""}}`, "/.well-known/oauth-protected-resource/mcp"},
		"told":                  {`{"rs":{"challenge":"Basic realm=\"a, b\", Bearer resource_metadata=\"` + root + `\""}}`, "/.well-known/oauth-protected-resource"},
		"told, in two headers":  {`{"rs":{"challenge":["Negotiate","Bearer resource_metadata=\"` + root + `\""]}}`, "/.well-known/oauth-protected-resource"},
		"a wrong place":         {`{"rs":{"challenge":"Bearer resource_metadata=\"` + root + `/nowhere\""}}`, "/.well-known/oauth-protected-resource/nowhere"},
	} {
		b.sub(name, nil, c.switches, func(b *bed) {
			b.needs(b.login)
			b.logIn(b.login)
			b.works(b.login, "whoami")
			var places []string
			for _, r := range b.Log() {
				if r.Side == "rs" && strings.HasPrefix(r.Path, "/.well-known/") {
					places = append(places, r.Path)
				}
			}
			if len(places) == 0 || places[0] != c.first {
				b.t.Errorf("%v", places)
			}
		})
	}
}

// TestTenants: an issuer with a path publishes its metadata in one of three places.
func TestTenants(t *testing.T) {
	b := newBed(t, nil, "--issuer-path", "/tenant1")
	for name, hidden := range map[string]string{"all": `[]`, "not oauth": `["oauth"]`, "not inserted": `["oauth","oidc-insert"]`, "not appended": `["oauth","oidc-append"]`, "only oauth": `["oidc-insert","oidc-append"]`} {
		b.sub(name, nil, `{"as":{"hideDiscovery":`+hidden+`}}`, func(b *bed) {
			b.logIn(b.login)
			b.works(b.login, "whoami")
			b.expire(b.login)
			b.works(b.login, "whoami")
		})
	}
	b.sub("none", nil, `{"as":{"hideDiscovery":["oauth","oidc-insert","oidc-append"]}}`, func(b *bed) { b.refuses("it publishes no metadata for logins", "/tenant1") })
}

// TestConfiguredClients: each way to authenticate, at the exchange, the renewal and the logout; the secret is encoded as RFC 6749, section 2.3.1, has it.
func TestConfiguredClients(t *testing.T) {
	b := newBed(t, nil)
	for name, o := range map[string]*config.OAuth{
		"basic":         {ClientID: "static-basic", ClientSecret: "basic secret/1"},
		"basic, said":   {ClientID: "static-basic", ClientSecret: "basic secret/1", AuthMethod: config.AuthMethodBasic},
		"post, said":    {ClientID: "static-post", ClientSecret: "post secret/2", AuthMethod: config.AuthMethodPost},
		"native":        {ClientID: "static-native"},
		"native, said":  {ClientID: "static-native", AuthMethod: config.AuthMethodNone},
		"issuer":        {ClientID: "static-native", Issuer: b.Issuer},
		"another name":  {ClientName: "Somebody"},
		"authorize":     {ClientID: "static-native", AuthorizeParams: []config.Var{{Name: "login_hint", Value: "alice & bob"}}},
		"more to check": {ClientID: "static-native", StrictResource: true, AllowPrivate: true},
	} {
		b.sub(name, o, `{"as":{"requireResource":true}}`, func(b *bed) {
			b.logIn(b.login)
			b.works(b.login, "whoami")
			b.expire(b.login)
			b.works(b.login, "whoami")
			for _, r := range b.Seen("POST", "/token") {
				if r.Param("resource") != b.MCP {
					b.t.Errorf("%v", r.Params)
				}
			}
			if r := b.Seen("GET", "/auth")[0]; r.Param("resource") != b.MCP || name == "authorize" && r.Param("login_hint") != "alice & bob" {
				b.t.Errorf("%v", r.Params)
			}
			if had, revoked, err := b.login.Logout(b.t.Context()); !had || !revoked || err != nil {
				b.t.Errorf("logout: %v %v %v", had, revoked, err)
			}
			b.authenticates(o.ClientID == "static-post")
		})
	}
	b.sub("post only", &config.OAuth{ClientID: "static-post", ClientSecret: "post secret/2"}, `{"as":{"metadata":{"token_endpoint_auth_methods_supported":["client_secret_post"]}}}`, func(b *bed) { b.logIn(b.login) })
	const document = "https://client.example/mcp/client.json"
	b.CIMD(map[string]any{"client_id": document, "client_name": "published", "redirect_uris": []string{"http://127.0.0.1/callback"}, "application_type": "native",
		"token_endpoint_auth_method": "none", "grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"}})
	b.sub("metadata document", &config.OAuth{ClientMetadataURL: document}, `{}`, func(b *bed) {
		b.logIn(b.login)
		b.works(b.login, "whoami")
		b.expire(b.login)
		b.works(b.login, "whoami")
		if g := b.stored(b.login); g.Client.ID != document || b.count("/reg") > 0 {
			b.t.Errorf("as %q, %d registrations", g.Client.ID, b.count("/reg"))
		}
	})
	b.sub("metadata document, not supported", &config.OAuth{ClientMetadataURL: document}, `{"as":{"metadata":{"client_id_metadata_document_supported":null}}}`, func(b *bed) {
		if b.logIn(b.login); b.count("/reg") != 1 {
			b.t.Error("not registered")
		}
	})
	b.sub("nothing offered", nil, `{"as":{"metadata":{"registration_endpoint":null}}}`, func(b *bed) { b.refuses("registering the client", `"client_id"`, "http://127.0.0.1/callback") })
}

// TestRefreshTokens: with none a login lasts as long as its token; with those for offline_access only, it is asked for.
func TestRefreshTokens(t *testing.T) {
	b := newBed(t, nil)
	b.sub("never", nil, `{"as":{"refreshTokens":"never"}}`, func(b *bed) {
		b.logIn(b.login)
		b.works(b.login, "whoami")
		b.ClearLog()
		b.change(b.login, func(g *grant) {
			g.Obtained, g.Access = g.Obtained.AddDate(0, 0, -1), b.Mint(map[string]any{"expiresIn": -10})
		})
		b.needs(b.login, "can't be renewed")
		if n := b.count("/token"); n > 0 || b.stored(b.login).Access == "" {
			b.t.Errorf("%d requests; the refusal may be the server's fault, and the token is gone", n)
		}
		b.logIn(b.login)
		b.works(b.login, "whoami")
	})
	b.sub("offline_access", nil, `{"as":{"refreshTokens":"offline_access"}}`, func(b *bed) {
		b.logIn(b.login)
		b.expire(b.login)
		b.works(b.login, "whoami")
		if n := b.count("/token"); n != 2 {
			b.t.Errorf("%d requests", n)
		}
	})
}

// TestRemedies: refusals that people are known to meet say what to write into the entry.
func TestRemedies(t *testing.T) {
	b := newBed(t, nil)
	const entra = `"error":"invalid_target","error_description":"AADSTS9010010: The resource parameter provided in the request doesn't match with the requested scopes."`
	for name, c := range map[string]struct {
		switches string
		words    []string
	}{
		"Entra, the code":       {`{"as":{"token":{"mode":"error","body":{` + entra + `}}}}`, []string{"exchanging the code", `"omit_resource": true`, `oauth of server "bed"`}},
		"Entra, the login":      {`{"as":{"callback":{` + entra + `}}}`, []string{"logging in", `"omit_resource": true`}},
		"Entra, another":        {`{"as":{"token":{"mode":"error","body":{"error":"invalid_client","error_description":"AADSTS700016: x"}}}}`, []string{`"client_id" and "scopes"`}},
		"the resource":          {`{"as":{"callback":{"error":"invalid_target"}}}`, []string{`"resource"`, `"omit_resource": true`}},
		"a scope":               {`{"as":{"callback":{"error":"invalid_scope"}}}`, []string{`"scopes"`}},
		"a client":              {`{"as":{"token":{"mode":"error","status":401,"body":{"error":"invalid_client"}}}}`, []string{`"client_id"`}},
		"a client for another":  {`{"as":{"callback":{"error":"unauthorized_client"}}}`, []string{`"client_id"`}},
		"a person who declines": {`{"as":{"login":"deny"}}`, []string{"the login was declined", "Log in again and consent to what it asks for"}},
	} {
		b.sub(name, nil, c.switches, func(b *bed) {
			f := b.start(b.login, How{})
			b.deliver(f, func(url.Values) {})
			says(b.t, b.wait(f), c.words...)
		})
	}
	b.sub("omitted", &config.OAuth{OmitResource: true}, `{}`, func(b *bed) {
		f := b.start(b.login, How{})
		b.deliver(f, func(url.Values) {})
		if err := b.wait(f); err != nil {
			b.t.Fatal(err)
		}
		b.expire(b.login)
		_, _, _ = b.call(b.login, "whoami")
		for _, r := range b.Log() {
			if _, sent := r.Params["resource"]; sent {
				b.t.Errorf("%s %v", r.Path, r.Params)
			}
		}
		if n := b.count("/token"); n < 2 {
			b.t.Errorf("%d token requests", n)
		}
	})
	b.sub("another resource", &config.OAuth{Resource: strings.TrimSuffix(b.MCP, "mcp") + "other"}, `{}`, func(b *bed) {
		f := b.start(b.login, How{})
		b.deliver(f, func(url.Values) {})
		if err := b.wait(f); err != nil {
			b.t.Fatal(err)
		}
		var sent []string
		for _, r := range b.Log() {
			if r.Path == "/auth" || r.Path == "/token" {
				sent = append(sent, r.Param("resource"))
			}
		}
		if want := strings.TrimSuffix(b.MCP, "mcp") + "other"; !reflect.DeepEqual(sent, []string{want, want}) {
			b.t.Errorf("%q", sent)
		}
	})
}
