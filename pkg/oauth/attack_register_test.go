package oauth

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// occupied is a port of 127.0.0.1 that is in use.
func occupied(t *testing.T, wanted int) (port int, free func()) {
	t.Helper()
	l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", wanted))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port, func() { l.Close() }
}

// redirects are the redirect URIs that a person was sent out with, and as which client.
func (b *bed) redirects() (all []string) {
	for _, r := range b.Seen("GET", "/auth") {
		all = append(all, r.Param("client_id")+" "+r.Param("redirect_uri"))
	}
	return all
}

// TestAttack18FixedPort: a redirect_port that is in use is an error that says so; nobody is registered for another one.
func TestAttack18FixedPort(t *testing.T) {
	b := newBed(t, nil)
	port, free := occupied(t, 0)
	for _, o := range []*config.OAuth{{RedirectPort: port}, {RedirectPort: port, ClientID: "static-native"}} {
		b.sub("client "+o.ClientID, o, `{}`, func(b *bed) {
			b.refuses("waiting for the browser", "port "+strconv.Itoa(port), "redirect_port", "in use by another program", "End that program")
		})
	}
	free()
	b.sub("free", &config.OAuth{RedirectPort: port}, `{"as":{"strictRedirect":true}}`, func(b *bed) {
		b.logIn(b.login)
		if r := b.redirects(); len(r) != 1 || !strings.HasSuffix(r[0], fmt.Sprintf(" http://127.0.0.1:%d/callback", port)) {
			b.t.Errorf("%v", r)
		}
	})
}

// TestAttack18ExactPort: a server that compares the port is served by the same one at each login, and by a new registration when that is in use.
func TestAttack18ExactPort(t *testing.T) {
	b := newBed(t, nil)
	b.switches(`{"as":{"strictRedirect":true}}`)
	b.logIn(b.login)
	l := b.again()
	f := b.start(l, How{Again: true})
	b.deliver(f, func(url.Values) {})
	if err := b.wait(f); err != nil {
		t.Fatal(err)
	}
	r := b.redirects()
	if len(r) != 2 || r[0] != r[1] || b.count("/reg") != 1 {
		t.Fatalf("%v, %d registrations", r, b.count("/reg"))
	}
	port := b.stored(l).Client.Port
	_, free := occupied(t, port)
	l = b.again()
	f = b.start(l, How{Again: true})
	b.deliver(f, func(url.Values) {})
	if err := b.wait(f); err != nil {
		t.Fatal(err)
	}
	r = b.redirects()
	before, _, _ := strings.Cut(r[0], " ")
	if len(r) != 3 || r[2] == r[0] || strings.HasPrefix(r[2], before) || b.count("/reg") != 2 || b.stored(l).Client.Port == port {
		t.Errorf("%v, %d registrations", r, b.count("/reg"))
	}
	free()
	b.expire(l)
	b.works(l, "whoami") // as the new client
}

// TestAttack18ForgottenBefore: a server that has forgotten the client shows the person an error page, and we hear nothing. The next login registers anew.
func TestAttack18ForgottenBefore(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	first := b.stored(b.login).Client.ID
	b.Forget("Client")
	f := b.start(b.login, How{Again: true})
	if status, body, at := new(mcptest.Browser).Visit(t, f.Shown().URL); status != 400 || !strings.Contains(body, "invalid_client") || strings.Contains(at.Path, "callback") {
		t.Fatalf("%d %s at %s", status, body, at)
	}
	f.Decline()
	if err := b.wait(f); err == nil {
		t.Fatal("logged in")
	}
	l := b.again()
	f = b.start(l, How{Again: true})
	if status, _ := b.deliver(f, func(url.Values) {}); status != 200 {
		t.Fatal(status)
	}
	if err := b.wait(f); err != nil {
		t.Fatal(err)
	}
	if second := b.stored(l).Client.ID; second == first || b.count("/reg") != 2 {
		t.Errorf("%d registrations", b.count("/reg"))
	}
	b.works(l, "whoami")
}

// TestAttack18ForgottenAfter: a renewal as a client that the server has forgotten ends the login, once, and the next one registers anew.
func TestAttack18ForgottenAfter(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	first := b.stored(b.login).Client.ID
	b.Forget("Client")
	b.expire(b.login)
	b.ClearLog()
	for range 3 {
		b.needs(b.login, "no longer knows this client")
	}
	if n := b.count("/token"); n != 1 {
		t.Errorf("%d renewals", n)
	}
	b.logIn(b.login)
	if second := b.stored(b.login).Client.ID; second == first || b.count("/reg") != 1 {
		t.Errorf("%d registrations", b.count("/reg"))
	}
	b.works(b.again(), "whoami")

	// Between the answer and the code.
	f := b.start(b.login, How{Again: true})
	b.deliver(f, func(url.Values) { b.Forget("Client") })
	says(t, b.wait(f), "exchanging the code", "invalid_client", "client_id")
	f = b.start(b.login, How{Again: true})
	b.deliver(f, func(url.Values) {})
	if err := b.wait(f); err != nil {
		t.Error(err)
	}
	// A client of the entry's is nobody's to forget: the login stays until the entry is put right.
	b.sub("configured", &config.OAuth{ClientID: "static-native"}, `{}`, func(b *bed) {
		b.logIn(b.login)
		b.switches(`{"as":{"token":{"mode":"error","status":401,"body":{"error":"invalid_client"},"times":1}}}`)
		b.expire(b.login)
		_, _, err := b.call(b.login, "whoami")
		says(b.t, err, "renewing its login", "invalid_client", "client_id")
		b.patience(b.login)
		b.works(b.login, "whoami")
	})
}

// TestAttack18Refused: a registration that is refused leads to the remedy, and the answer's words are not shown unless they are OAuth's.
func TestAttack18Refused(t *testing.T) {
	b := newBed(t, nil)
	for name, c := range map[string]struct {
		register string
		words    []string
	}{
		"403 text, as Figma's": {`{"status":403,"type":"text/plain","body":"planted Forbidden"}`, []string{"HTTP 403", "registers only known clients", `"client_id"`, "http://127.0.0.1/callback"}},
		"401 page":             {`{"status":401,"type":"text/html","body":"<p>planted"}`, []string{"HTTP 401", `"client_id"`}},
		"404":                  {`{"status":404,"type":"text/html","body":"<p>planted"}`, []string{"HTTP 404", `"client_id"`}},
		"400 with a reason":    {`{"status":400,"body":{"error":"invalid_client_metadata","error_description":"only https"}}`, []string{`"invalid_client_metadata": "only https"`}},
		"400 for the URI":      {`{"status":400,"body":{"error":"invalid_redirect_uri"}}`, []string{"invalid_redirect_uri", `"client_id"`}},
		"500":                  {`{"status":500,"type":"text/html","body":"planted"}`, []string{"HTTP 500", "try again in a moment"}},
		"429":                  {`{"status":429,"type":"text/plain","body":"planted"}`, []string{"HTTP 429", "try again in a moment"}},
		"no client_id":         {`{"status":201,"body":{"client_name":"planted"}}`, []string{"names no client_id"}},
		"no JSON":              {`{"status":201,"type":"text/html","body":"<p>planted"}`, []string{"names no client_id"}},
		"a strange method":     {`{"status":201,"body":{"client_id":"x","client_secret":"planted-secret","token_endpoint_auth_method":"private_key_jwt"}}`, []string{`"private_key_jwt"`, "not supported"}},
	} {
		b.sub(name, nil, `{"as":{"register":`+c.register+`}}`, func(b *bed) {
			_, err := b.login.Start(b.t.Context(), How{Open: true})
			says(b.t, err, append(c.words, "registering the client")...)
			if strings.Contains(err.Error(), "planted") || len(b.opened) > 0 {
				b.t.Errorf("%v", err)
			}
		})
	}
}

// TestAttack18Secret: the client authenticates as the answer to its registration says, whatever was asked for.
func TestAttack18Secret(t *testing.T) {
	b := newBed(t, nil)
	for name, body := range map[string]string{
		"a secret and no method": `{"client_id":"static-basic","client_secret":"basic secret/1"}`,
		"basic":                  `{"client_id":"static-basic","client_secret":"basic secret/1","token_endpoint_auth_method":"client_secret_basic"}`,
		"post":                   `{"client_id":"static-post","client_secret":"post secret/2","token_endpoint_auth_method":"client_secret_post"}`,
		"none":                   `{"client_id":"static-native","token_endpoint_auth_method":"none"}`,
		"no method":              `{"client_id":"static-native"}`,
		"a method and no secret": `{"client_id":"static-native","token_endpoint_auth_method":"client_secret_basic"}`,
	} {
		b.sub(name, nil, `{"as":{"register":{"status":201,"body":`+body+`}}}`, func(b *bed) {
			b.logIn(b.login)
			b.expire(b.login)
			b.works(b.login, "whoami")
			b.authenticates(strings.Contains(body, "post"))
			if had, revoked, err := b.login.Logout(b.t.Context()); !had || !revoked || err != nil {
				b.t.Errorf("logout: %v %v %v", had, revoked, err)
			}
		})
	}
	b.sub("expired", nil, `{"as":{"register":{"status":201,"body":{"client_id":"static-post","client_secret":"post secret/2","token_endpoint_auth_method":"client_secret_post","client_secret_expires_at":1}}}}`, func(b *bed) {
		b.logIn(b.login)
		b.start(b.again(), How{Again: true}).Decline()
		if n := b.count("/reg"); n != 2 {
			b.t.Errorf("%d registrations with a secret that has expired", n)
		}
	})
}

// authenticates wants all requests of the login to have the secret among their parameters, or not. The testbed takes a secret either way.
func (b *bed) authenticates(post bool) {
	b.t.Helper()
	for _, path := range []string{"/token", "/token/revocation"} {
		for _, r := range b.Seen("POST", path) {
			if (r.Param("client_secret") != "") != post {
				b.t.Errorf("%s: %v", path, r.Params)
			}
		}
	}
}

// TestAttack18SecretForNone: a secret that comes with the method none is not sent: the answer's method counts.
func TestAttack18SecretForNone(t *testing.T) {
	b := newBed(t, nil)
	b.switches(`{"as":{"register":{"status":201,"body":{"client_id":"static-native","client_secret":"planted-secret","token_endpoint_auth_method":"none"}}}}`)
	f := b.start(b.login, How{})
	b.deliver(f, func(url.Values) {})
	if err := b.wait(f); err != nil {
		t.Error(err)
	}
	if r := b.Seen("POST", "/token"); len(r) != 1 || r[0].Param("client_secret") != "" {
		t.Errorf("%v", r)
	}
}

// TestAttack18ForgottenAnswer: a registration that the server refuses in its answers is not used for ever, as the error's remedy says.
func TestAttack18ForgottenAnswer(t *testing.T) {
	b := newBed(t, nil)
	for name, switches := range map[string]string{
		"of the login": `{"as":{"callback":{"error":"unauthorized_client"}}}`,
		"of the code":  `{"as":{"token":{"mode":"error","status":400,"body":{"error":"unauthorized_client"}}}}`,
	} {
		b.sub(name, nil, switches, func(b *bed) {
			f := b.start(b.login, How{})
			b.deliver(f, func(url.Values) {})
			says(b.t, b.wait(f), "unauthorized_client", "log in again to register a new one")
			b.start(b.login, How{}).Decline()
			if n := b.count("/reg"); n != 2 {
				b.t.Errorf("%d registrations", n)
			}
		})
	}
}
