package oauth

import (
	"net/url"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// moves has the server name another authorization server from now on.
func (b *bed) moves(to *mcptest.Testbed) {
	b.t.Helper()
	b.switches(`{"rs":{"prm":{"authorization_servers":["` + to.Issuer + `"]}}}`)
	b.ClearLog()
	to.ClearLog()
}

// got tells whether any request to a testbed had this value among its parameters.
func got(on *mcptest.Testbed, value string) bool {
	for _, r := range on.Log() {
		for _, v := range r.Params {
			if v == value {
				return true
			}
		}
	}
	return false
}

// TestAttack10NewIssuer: a server that names another authorization server than the one of the login gets nothing of that login there.
func TestAttack10NewIssuer(t *testing.T) {
	b, other := newBed(t, nil), newBed(t, nil)
	b.logIn(b.login)
	first := *b.stored(b.login)
	b.moves(other.Testbed)

	b.expire(b.login)
	b.works(b.login, "whoami") // renewed where it is from
	if r := b.Seen("POST", "/token"); len(r) != 1 || r[0].Param("refresh_token") != first.Refresh {
		t.Errorf("%v", r)
	}
	renewed := *b.stored(b.login)

	f := b.start(b.login, How{Again: true})
	defer f.Decline()
	show := f.Shown()
	if u, _ := url.Parse(show.Direct); show.Issuer != other.Issuer || u.Query().Get("client_id") == first.Client.ID {
		t.Errorf("%+v", show)
	}
	new(mcptest.Browser).Visit(t, show.Direct)
	if other.count("/reg") != 1 {
		t.Error("nobody was registered at the new authorization server")
	}
	for _, secret := range []string{first.Client.ID, first.Refresh, first.Access, renewed.Refresh, renewed.Access} {
		if got(other.Testbed, secret) {
			t.Errorf("the new authorization server got %.6s…", secret)
		}
	}
}

// TestAttack10SameClient: a client ID and secret that were used with one authorization server are not sent to another one that the server
// names later; a person has to say that it is meant.
func TestAttack10SameClient(t *testing.T) {
	b := newBed(t, &config.OAuth{ClientID: "static-basic", ClientSecret: "basic secret/1"})
	other := newBed(t, nil)
	b.logIn(b.login)
	b.moves(other.Testbed)
	f, err := b.login.Start(t.Context(), How{Again: true})
	if err == nil {
		new(mcptest.Browser).Visit(t, f.Shown().Direct)
		f.Decline()
		t.Error("the login begins at the new authorization server")
	} else {
		says(t, err, "client_id", "issuer", other.Issuer)
	}
	if got(other.Testbed, "static-basic") {
		t.Error("the new authorization server got the client ID")
	}
	b.works(b.login, "whoami") // meanwhile
}

// TestAttack10Leftover: when the login is at another authorization server, the one before is not kept for ever; the logout leaves no token.
func TestAttack10Leftover(t *testing.T) {
	o := &config.OAuth{OmitResource: true}
	b, other := newBed(t, o), newBed(t, nil)
	b.logInAgain(b.login)
	first := *b.stored(b.login)
	b.moves(other.Testbed)
	b.logInAgain(b.login)
	if g := b.stored(b.login); g.Issuer != other.Issuer {
		t.Fatalf("logged in at %s", g.Issuer)
	}
	if _, _, err := b.login.Logout(t.Context()); err != nil {
		t.Error(err)
	}
	names, err := b.store.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		var g grant
		if strings.Contains(name, "/token-") && b.login.vault().read(strings.TrimPrefix(name, dir+"/"), &g) == nil && g.Refresh == first.Refresh {
			t.Errorf("the login at %s is still stored", g.Issuer)
		}
	}
}

// TestAttack10Entry: an entry that is changed to another issuer or client does not take the old one's login along.
func TestAttack10Entry(t *testing.T) {
	b, other := newBed(t, nil), newBed(t, nil)
	b.logIn(b.login)
	b.expire(b.login)
	b.ClearLog()
	other.ClearLog()
	for _, o := range []*config.OAuth{{Issuer: other.Issuer}, {ClientID: "static-native"}} {
		_, l := b.process(o)
		b.needs(l, "different")
	}
	if n := b.count("/token") + len(other.Log()); n > 0 {
		t.Errorf("%d requests", n)
	}
	b.works(b.again(), "whoami") // nothing was lost
	// An issuer that the server does not name is not asked.
	_, l := b.process(&config.OAuth{Issuer: other.Issuer})
	_, err := l.Start(t.Context(), How{Again: true})
	says(t, err, "but the server does not", `"issuer"`)
	if n := len(other.Log()); n > 0 {
		t.Errorf("%d requests", n)
	}
}

// TestAttack11NoMetadata: a renewal asks the stored endpoint, whether or not there is metadata, and guesses none.
func TestAttack11NoMetadata(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	b.switches(`{"rs":{"prmPaths":[],"challenge":""},"as":{"hideDiscovery":["oauth","oidc-insert","oidc-append"]}}`)
	b.expire(b.login)
	b.ClearLog()
	b.works(b.login, "whoami")
	var asked []string
	for _, r := range b.Log() {
		if r.Path != "/jwks" { // the protected server's
			asked = append(asked, r.Method+" "+r.Path)
		}
	}
	if want := "POST /token, POST /mcp"; strings.Join(asked, ", ") != want {
		t.Errorf("%s instead of %s", asked, want)
	}
	if r := b.Seen("POST", "/token"); r[0].Param("resource") != b.MCP {
		t.Errorf("resource %q", r[0].Param("resource"))
	}
	// A refused token, too.
	b.switches(`{"rs":{"reject":1}}`)
	b.ClearLog()
	b.works(b.login, "whoami")
	if n := len(b.Log()); n != 3 {
		t.Errorf("%d requests: %v", n, b.Log())
	}
	// And a stored endpoint that must not be asked is not.
	b.change(b.login, func(g *grant) {
		g.Obtained, g.Lifetime, g.TokenURL = g.Obtained.AddDate(0, 0, -1), 1, "http://169.254.169.254/token"
	})
	_, _, err := b.call(b.login, "whoami")
	says(t, err, "token_endpoint can't be used", "169.254.169.254")
	if g := b.stored(b.login); g.Ended != "" || g.Refresh == "" {
		t.Error("the login was ended")
	}
}

// TestAttack11Legacy: without any metadata a first login looks at the server's own origin (MCP 2025-03-26), for metadata, and guesses nothing either.
func TestAttack11Legacy(t *testing.T) {
	b := newBed(t, nil)
	b.switches(`{"rs":{"prmPaths":[],"challenge":""}}`)
	b.refuses("it publishes no metadata for logins")
	for _, r := range b.Log() {
		if !strings.HasPrefix(r.Path, "/.well-known/") && r.Path != "/mcp" {
			t.Errorf("asked: %s %s", r.Method, r.Path)
		}
	}
	if n := len(b.Log()); n > 5 {
		t.Errorf("%d requests", n)
	}
}
