package oauth

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// bed is a real authorization server with a protected server, and the logins of one process of ours.
type bed struct {
	*mcptest.Testbed
	t       *testing.T
	store   *store.Store
	logins  *Logins
	login   *Login
	opened  chan string // what would be opened in a browser
	keyring *fakeKeyring
	said    *lockedBuffer // the log of all processes, at its finest
	options *config.OAuth
}

// newBed starts all of it for a server whose entry has these options; nil: none.
func newBed(t *testing.T, o *config.OAuth, args ...string) *bed {
	t.Helper()
	return bedOn(t, mcptest.NewTestbed(t, args...), o)
}

// bedOn is a bed with nothing stored on a testbed that runs.
func bedOn(t *testing.T, on *mcptest.Testbed, o *config.OAuth) *bed {
	t.Helper()
	b := &bed{Testbed: on, t: t, store: store.Open(t.TempDir()), opened: make(chan string, 100), keyring: &fakeKeyring{}, said: &lockedBuffer{}, options: o}
	b.logins, b.login = b.process(o)
	return b
}

// process is one more process with the same store.
func (b *bed) process(o *config.OAuth) (*Logins, *Login) {
	b.t.Helper()
	logins := New(Options{Store: b.store, Log: zerolog.New(b.said).Level(zerolog.TraceLevel), Open: func(u string) error { b.opened <- u; return nil }})
	logins.vault.keyring = b.keyring.key
	b.t.Cleanup(logins.Close)
	if o != nil && o.Login == "" {
		o.Login = config.LoginAsk
	}
	if o != nil && o.Grant == "" {
		o.Grant = config.GrantCode
	}
	login, err := logins.For(Target{Name: "bed", URL: b.MCP, Options: o})
	if err != nil {
		b.t.Fatal(err)
	}
	return logins, login
}

// again is the login as a new process sees it.
func (b *bed) again() *Login {
	_, l := b.process(b.options)
	return l
}

// call calls a tool of the protected server through a login.
func (b *bed) call(l *Login, tool string) (int, string, error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool + `","arguments":{"text":"x"}}}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.MCP, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	resp, err := l.RoundTripper(&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), nil
}

// works wants a call to be served.
func (b *bed) works(l *Login, tool string) {
	b.t.Helper()
	if status, text, err := b.call(l, tool); err != nil || status != 200 || !strings.Contains(text, `"result"`) {
		b.t.Fatalf("%s: %d %s %v", tool, status, text, err)
	}
}

// start begins a login and returns the flow.
func (b *bed) start(l *Login, how How) *Flow {
	b.t.Helper()
	f, err := l.Start(b.t.Context(), how)
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

// logIn logs in with a browser, and fails the test if that does not work.
func (b *bed) logIn(l *Login) {
	b.t.Helper()
	f := b.start(l, How{})
	var browser mcptest.Browser
	status, body, at := browser.Visit(b.t, f.Shown().URL)
	if status != 200 || !strings.Contains(body, "Logged in") {
		f.Decline() // or what nobody comes back to would be waited for
	}
	if err := b.wait(f); err != nil || status != 200 {
		b.t.Fatalf("login: %v; the browser is at %s: %d %s", err, at, status, body)
	}
}

func (b *bed) wait(f *Flow) error {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	return f.Wait(ctx)
}

// count tells how many requests of a path there were.
func (b *bed) count(path string) int {
	n := 0
	for _, r := range b.Log() {
		if r.Path == path {
			n++
		}
	}
	return n
}
