package oauth

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// TestAttack03MetadataIssuer: metadata of another issuer than the one it was looked up for is not used (RFC 8414, section 3.3).
func TestAttack03MetadataIssuer(t *testing.T) {
	b := newBed(t, nil)
	for name, issuer := range map[string]string{
		"another":      `"https://victim.example"`,
		"a slash more": `"` + b.Issuer + `/"`,
		"capitals":     `"` + strings.ToUpper(b.Issuer[:4]) + b.Issuer[4:] + `"`,
		"localhost":    `"` + strings.Replace(b.Issuer, "127.0.0.1", "localhost", 1) + `"`,
		"empty":        `""`,
		"missing":      `null`,
		"escapes":      `"\u001b[31mhttps://victim.example"`,
	} {
		b.sub(name, nil, `{"as":{"metadata":{"issuer":`+issuer+`}}}`, func(b *bed) {
			b.refuses("reading the authorization server's metadata", "not used", strconv.Quote(b.Issuer))
		})
	}
}

// TestAttack05PKCE: without PKCE by S256 there is no login (MCP, authorization code protection).
func TestAttack05PKCE(t *testing.T) {
	b := newBed(t, nil)
	for name, methods := range map[string]string{"none": `null`, "plain": `["plain"]`, "empty": `[]`, "lower case": `["s256"]`} {
		b.sub(name, nil, `{"as":{"metadata":{"code_challenge_methods_supported":`+methods+`}}}`, func(b *bed) {
			b.refuses("PKCE", "S256")
		})
	}
	b.sub("sent", nil, `{}`, func(b *bed) {
		b.logIn(b.login)
		for _, r := range b.Seen("GET", "/auth") {
			if r.Param("code_challenge_method") != "S256" || len(r.Param("code_challenge")) != 43 {
				b.t.Errorf("%v", r.Params)
			}
		}
		if r := b.Seen("POST", "/token"); len(r) != 1 || len(r[0].Param("code_verifier")) < 43 {
			b.t.Errorf("%v", r)
		}
	})
}

// TestAttack06Endpoints: metadata can't have anything opened or asked but https URLs, or http of this machine.
func TestAttack06Endpoints(t *testing.T) {
	b := newBed(t, nil)
	for what, at := range map[string]string{
		"javascript": `javascript:alert(1)`, "file": `file:///etc/passwd`, "data": `data:text/html,x`, "http": `http://as.example/x`,
		"a shell": "https://as.example/`touch planted`", "a pipe": `https://as.example/|id`, "quotes": `https://as.example/\"x`, "a line": `https://as.example/\nx`,
		"a user": `https://user:planted@as.example/`, "relative": `/auth`, "nothing before it": `//as.example/auth`, "an option": `-oProxyCommand=x`,
		"an option as host": `https://-oProxyCommand=x/`, "a custom scheme": `ms-settings:x`, "javascript with a host": `javascript://as.example/%0aalert(1)`, "ftp": `ftp://as.example/x`, "long": `https://as.example/` + strings.Repeat("x", 3000), "a fragment": `https://as.example/#x`,
	} {
		for _, name := range []string{"authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "device_authorization_endpoint"} {
			if name != "authorization_endpoint" && what != "javascript" && what != "http" {
				continue // one function judges them all
			}
			b.sub(what+" as "+name, nil, `{"as":{"metadata":{"`+name+`":"`+at+`"}}}`, func(b *bed) {
				b.refuses(name, "can't be used")
			})
		}
	}
	b.sub("missing", nil, `{"as":{"metadata":{"authorization_endpoint":null}}}`, func(b *bed) { b.refuses("authorization_endpoint") })
	b.sub("the issuer", nil, `{"rs":{"prm":{"authorization_servers":["javascript:alert(1)"]}}}`, func(b *bed) { b.refuses("the issuer can't be used") })
	// What is legal in a URL and something to a shell is not opened either: the browser gets our own start page.
	b.sub("legal", nil, `{"as":{"metadata":{"authorization_endpoint":"https://as.example/$(id);x&'y'"}}}`, func(b *bed) {
		f := b.start(b.login, How{Open: true})
		defer f.Decline()
		if opened := <-b.opened; opened != f.Shown().URL || !strings.HasPrefix(opened, "http://127.0.0.1:") || strings.ContainsAny(opened, "$();&'") {
			b.t.Errorf("opened %s", opened)
		}
	})
}

// TestAttack07Resource: metadata is for this server or for one that it is part of (RFC 9728, section 3.3).
func TestAttack07Resource(t *testing.T) {
	b := newBed(t, nil, "--mcp-path", "/team/mcp")
	origin := strings.TrimSuffix(b.MCP, "/team/mcp")
	_, port, _ := strings.Cut(strings.TrimPrefix(origin, "http://"), ":")
	for _, resource := range []string{
		"https://victim.example/team/mcp", origin + "/team/mcp-evil", origin + "/team/mc", origin + "/tea", origin + "/team/mcp/deeper", origin + "/TEAM/mcp",
		origin + "/team/../victim", origin + "//team/mcp", "http://127.0.0.1:1/team/mcp", "http://127.0.0.1/team/mcp", strings.Replace(origin, "http:", "https:", 1) + "/team/mcp",
		"http://localhost:" + port + "/team/mcp", "http://user@127.0.0.1:" + port + "/team/mcp", origin + "/team/mcp?tenant=victim", origin + "/team/mcp#x",
	} {
		b.sub(strings.ReplaceAll(strings.TrimPrefix(resource, origin), "/", "_"), nil, `{"rs":{"prm":{"resource":"`+resource+`"}}}`, func(b *bed) {
			b.refuses("reading its metadata", "resource")
		})
	}
	for _, none := range []string{`null`, `""`, `"\u001b[2Jplanted"`, `"team/mcp"`} {
		b.sub("no resource "+none[:2], nil, `{"rs":{"prm":{"resource":`+none+`}}}`, func(b *bed) { b.refuses("names no resource") })
	}
	// What is accepted is sent as it is written, in both requests.
	for name, resource := range map[string]string{"itself": b.MCP, "a slash": b.MCP + "/", "part": origin + "/team", "origin": origin, "origin and slash": origin + "/"} {
		b.sub(name, nil, `{"rs":{"prm":{"resource":"`+resource+`"}}}`, func(b *bed) {
			f := b.start(b.login, How{})
			defer f.Decline()
			show := f.Shown()
			u, _ := url.Parse(show.Direct)
			if got := u.Query()["resource"]; len(got) != 1 || got[0] != resource || show.Resource != resource {
				b.t.Errorf("sent %q, shown %q", got, show.Resource)
			}
			if wider := strings.TrimSuffix(resource, "/") != b.MCP; show.Wider != wider {
				b.t.Errorf("a token for more than this server: %v", show.Wider)
			}
		})
		b.sub("strict, "+name, &config.OAuth{StrictResource: true}, `{"rs":{"prm":{"resource":"`+resource+`"}}}`, func(b *bed) {
			if strings.TrimSuffix(resource, "/") != b.MCP {
				b.refuses("strict_resource", strconv.Quote(resource))
				return
			}
			f := b.start(b.login, How{})
			f.Decline()
		})
	}
}

// TestAttack09ForeignMetadata: where a challenge says that the metadata is counts only on the server's own origin; nothing else is asked.
func TestAttack09ForeignMetadata(t *testing.T) {
	b := newBed(t, nil)
	foreign, asked := elsewhere(t, nil)
	victim := newBed(t, nil)
	for name, at := range map[string]string{
		"another port":  foreign + "/.well-known/oauth-protected-resource",
		"another name":  strings.Replace(b.MCP, "127.0.0.1", "localhost", 1),
		"a victim's":    strings.TrimSuffix(victim.MCP, "/mcp") + "/.well-known/oauth-protected-resource/mcp",
		"an inner one":  "http://169.254.169.254/latest/meta-data/",
		"with a user":   strings.Replace(b.MCP, "http://", "http://x@", 1),
		"no URL at all": "javascript:alert(1)",
	} {
		challenge := `{"rs":{"challenge":"Bearer resource_metadata=\"` + at + `\""`
		b.sub(name+", and its own", nil, challenge+`}}`, func(b *bed) {
			b.logIn(b.login)
			b.works(b.login, "whoami")
			if got := b.stored(b.login); got.Issuer != b.Issuer || got.Resource != b.MCP {
				b.t.Errorf("logged in at %s for %s", got.Issuer, got.Resource)
			}
		})
		b.sub(name+" alone", nil, challenge+`,"prmPaths":[]}}`, func(b *bed) {
			b.refuses("reading its metadata", "resource_metadata")
		})
	}
	if n := len(asked()) + len(victim.Log()); n > 0 {
		t.Errorf("%d requests elsewhere", n)
	}
}
