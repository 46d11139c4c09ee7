package oauth

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

func TestMain(m *testing.M) {
	mcptest.Main()
	os.Exit(m.Run())
}

// TestLogin: a call says that it needs a login, a person logs in, the same call works, also in another process, and after its token has
// expired; more is asked for only when the server wants it; after the logout nothing is left.
func TestLogin(t *testing.T) {
	b := newBed(t, nil)
	_, _, err := b.call(b.login, "whoami")
	var needed *RequiredError
	if !errors.As(err, &needed) || !strings.Contains(err.Error(), "oauth_login") {
		t.Fatalf("without a login: %v", err)
	}
	b.logIn(b.login)
	b.works(b.login, "whoami")
	b.works(b.again(), "whoami")

	_, _, err = b.call(b.login, "write_note")
	if !errors.As(err, &needed) || !needed.StepUp || !strings.Contains(err.Error(), "mcp:write") {
		t.Fatalf("without the scope: %v", err)
	}
	b.works(b.login, "whoami") // meanwhile
	b.logIn(b.login)
	b.works(b.login, "write_note")
	b.works(b.login, "whoami")

	had, revoked, err := b.login.Logout(t.Context())
	if !had || !revoked || err != nil {
		t.Errorf("logout: %v %v %v", had, revoked, err)
	}
	for _, l := range []*Login{b.login, b.again()} {
		if _, _, err := b.call(l, "whoami"); !errors.As(err, &needed) || !strings.Contains(err.Error(), "logged out") {
			t.Errorf("after the logout: %v", err)
		}
	}
}

// TestRefresh: an expired token is renewed before it is used, once for many calls, and the new refresh token is stored.
func TestRefresh(t *testing.T) {
	b := newBed(t, nil)
	b.Faults(map[string]any{"as": map[string]any{"accessTokenTTL": 1}})
	b.logIn(b.login)
	b.Faults(map[string]any{"as": map[string]any{"accessTokenTTL": 300}})
	b.ClearLog()
	done := make(chan error, 20)
	for range 20 {
		go func() { _, _, err := b.call(b.login, "whoami"); done <- err }()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := b.count("/token"); n > 1 {
		t.Errorf("%d token requests", n)
	}
	for _, r := range b.Seen("POST", "/token") {
		if r.Param("resource") != b.MCP {
			t.Errorf("resource %q", r.Param("resource"))
		}
	}
	b.works(b.again(), "whoami")
}

// TestBrowserLogin: an entry that wants it so logs in when it is first needed, and the call goes on.
func TestBrowserLogin(t *testing.T) {
	b := newBed(t, &config.OAuth{Login: config.LoginBrowser})
	go func() {
		var browser mcptest.Browser
		browser.Open(t.Context(), <-b.opened)
	}()
	b.works(b.login, "whoami")
	go func() {
		var browser mcptest.Browser
		browser.Open(t.Context(), <-b.opened)
	}()
	b.works(b.login, "write_note")
	if len(b.opened) > 0 {
		t.Error("the browser was opened once more")
	}
}

func TestMachineLogin(t *testing.T) {
	b := newBed(t, &config.OAuth{Grant: config.GrantClient, ClientID: "machine", ClientSecret: "machine-secret"})
	b.works(b.login, "whoami")
	b.works(b.again(), "whoami")
	b.Faults(map[string]any{"rs": map[string]any{"reject": 1}})
	b.works(b.login, "whoami")
}

func TestDeviceLogin(t *testing.T) {
	b := newBed(t, &config.OAuth{ClientID: "device"})
	f := b.start(b.login, How{Device: true})
	show := f.Shown()
	if show.UserCode == "" || show.Direct == "" {
		t.Fatalf("%+v", show)
	}
	browser := mcptest.Browser{Fields: map[string][]string{}}
	browser.Visit(t, show.Direct)
	if err := b.wait(f); err != nil {
		t.Fatal(err)
	}
	b.works(b.login, "whoami")
}

func TestPaste(t *testing.T) {
	b := newBed(t, nil)
	f := b.start(b.login, How{})
	browser := mcptest.Browser{HoldCallback: true}
	_, _, at := browser.Visit(t, f.Shown().Direct)
	for _, wrong := range []string{"", "nonsense", "http://127.0.0.1/", "http://127.0.0.1:1/callback?code=x&state=y"} {
		if err := f.Paste(t.Context(), wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
	if err := f.Paste(t.Context(), at.String()); err != nil {
		t.Fatal(err)
	}
	b.works(b.login, "whoami")
}

// TestPasteElsewhere: what another process waits for can be pasted here, and both are logged in.
func TestPasteElsewhere(t *testing.T) {
	b := newBed(t, nil)
	b.start(b.login, How{})
	other := b.again()
	f := b.start(other, How{})
	show := f.Shown()
	if !show.Elsewhere {
		t.Fatal("the other process began a login of its own")
	}
	browser := mcptest.Browser{HoldCallback: true}
	_, _, at := browser.Visit(t, show.Direct)
	if err := f.Paste(t.Context(), at.String()); err != nil {
		t.Fatal(err)
	}
	if err := b.wait(f); err != nil {
		t.Fatal(err)
	}
	b.works(other, "whoami")
	b.works(b.login, "whoami")
	if n := b.count("/reg"); n != 1 {
		t.Errorf("%d registrations", n)
	}
}
