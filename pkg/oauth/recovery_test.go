package oauth

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// TestMachineStaysAtItsIssuer: a server that names another authorization server does not get the machine's secret sent there; nor is one asked
// again and again, and a logout holds.
func TestMachineStaysAtItsIssuer(t *testing.T) {
	o := &config.OAuth{Grant: config.GrantClient, ClientID: "machine", ClientSecret: "machine-secret"}
	b, other := newBed(t, o), newBed(t, nil)
	b.works(b.login, "whoami")
	b.Faults(map[string]any{"rs": map[string]any{"prm": map[string]any{"authorization_servers": []string{other.Issuer}}, "reject": 1000}})
	b.ClearLog()
	for range 3 {
		b.call(b.login, "whoami")
	}
	if n := other.count("/token"); n > 0 {
		t.Errorf("the other authorization server was sent %d requests", n)
	}
	if n := b.count("/token"); n > 4 {
		t.Errorf("%d token requests for 3 calls", n)
	}
	b.switches(`{"rs":{"reject":0,"prm":{"authorization_servers":null}}}`)
	if _, _, err := b.login.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.needs(b.login, "the user logged out")
}

// TestNothingBeforeTheSecrets: as long as a flow has no state nothing is its answer.
func TestNothingBeforeTheSecrets(t *testing.T) {
	b := newBed(t, nil)
	f := &Flow{login: b.login, outcome: make(chan outcome, 1)}
	if _, problem := f.receive(url.Values{"state": {""}, "error": {"x"}}); !errors.Is(problem, errNotOurs) {
		t.Errorf("taken: %v", problem)
	}
}

// TestRefusedToken: while a server refuses a login it counts as none, so that a person can do something; it is used again once it is taken.
func TestRefusedToken(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	b.switches(`{"rs":{"reject":1000}}`)
	b.needs(b.login, "rejects")
	if st := b.login.Status(); st.State != StateNeeded {
		t.Errorf("%+v", st)
	}
	b.switches(`{"rs":{"reject":0}}`)
	b.works(b.login, "whoami")
	if st := b.login.Status(); st.State != StateIn {
		t.Errorf("%+v", st)
	}
	// Without a refresh token one refusal is no end either.
	b.change(b.login, func(g *grant) { g.Refresh = "" })
	b.switches(`{"rs":{"reject":1}}`)
	b.needs(b.login, "can't be renewed")
	b.works(b.login, "whoami")
}

// TestStepUpAnywhere: what a server asks for can be granted in another process, and is over then in all.
func TestStepUpAnywhere(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	if _, _, err := b.call(b.login, "write_note"); !strings.Contains(err.Error(), "mcp:write") {
		t.Fatal(err)
	}
	terminal := b.again()
	if st := terminal.Status(); st.State != StateStepUp || !slices.Contains(st.Wanted, "mcp:write") {
		t.Errorf("%+v", st)
	}
	b.logIn(terminal)
	b.login.recheck()
	if st := b.login.Status(); st.State != StateIn {
		t.Errorf("%+v", st)
	}
	b.works(b.login, "write_note")
}

// TestChangedEntry: a secret or a resource that the entry has now is what is sent, also for the login that is there.
func TestChangedEntry(t *testing.T) {
	b := newBed(t, &config.OAuth{ClientID: "static-post", ClientSecret: "post secret/2"})
	b.logIn(b.login)
	b.expire(b.login)
	_, wrong := b.process(&config.OAuth{ClientID: "static-post", ClientSecret: "rotated"})
	if _, _, err := b.call(wrong, "whoami"); code(err) != "invalid_client" {
		t.Errorf("with another secret: %v", err)
	}
	b.ClearLog()
	_, omits := b.process(&config.OAuth{ClientID: "static-post", ClientSecret: "post secret/2", OmitResource: true})
	b.works(omits, "whoami")
	for _, r := range b.Seen("POST", "/token") {
		if r.Param("resource") != "" {
			t.Errorf("%v", r.Params)
		}
	}
	if strings.Contains(stringsOf(b.stored(omits)), "post secret") {
		t.Error("the entry's secret is stored")
	}
}

func stringsOf(g *grant) string { return g.Client.Secret + g.Access + g.Refresh }

// TestLoginAsSomebodyElse: who did not see the logout does not go on as the person before.
func TestLoginAsSomebodyElse(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	asleep := b.again()
	b.works(asleep, "whoami")
	if _, _, err := b.login.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Forget("Session")
	b.switches(`{"as":{"user":"bob"}}`)
	b.logIn(b.login)
	asleep.recheck()
	if _, text, _ := b.call(asleep, "whoami"); !strings.Contains(text, "bob") {
		t.Errorf("still %s", text)
	}
}

// TestDeadAddress: a window that waits shows the address of the login that is under way, not of one before.
func TestDeadAddress(t *testing.T) {
	b := newBed(t, nil)
	stale := Shown{URL: "http://127.0.0.1:1/start/gone"}
	if err := b.login.vault().write((&Flow{login: b.login}).sharedRecord(), &stale); err != nil {
		t.Fatal(err)
	}
	first := b.start(b.login, How{})
	second := b.start(b.again(), How{})
	if second.Shown().URL != first.Shown().URL {
		t.Errorf("%+v", second.Shown())
	}
}

// TestTroubleIsNotRepeated: what other processes write does not make this one ask a failing server again at once; and what is closed asks nothing.
func TestTroubleIsNotRepeated(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	b.expire(b.login)
	b.switches(`{"as":{"token":{"mode":"error","status":503,"body":{}}}}`)
	b.ClearLog()
	for range 5 {
		b.call(b.login, "whoami")
		b.login.recheck()
	}
	if n := b.count("/token"); n != 1 {
		t.Errorf("%d token requests", n)
	}
	b.switches(`{"as":{"token":null}}`)
	logins, closed := b.process(nil)
	logins.Close()
	if _, _, err := b.call(closed, "whoami"); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	b.works(b.again(), "whoami")
}

// TestNews: the login that was there is no news, one that comes or grows is, and a renewal is another token.
func TestNews(t *testing.T) {
	b := newBed(t, nil)
	b.logIn(b.login)
	var told []bool
	logins := New(Options{Store: b.store, LoggedIn: func(_ *Login, news bool) { told = append(told, news) }})
	t.Cleanup(logins.Close)
	logins.vault.keyring = b.keyring.key
	l, err := logins.For(b.login.target)
	if err != nil {
		t.Fatal(err)
	}
	l.recheck()
	b.change(b.login, func(g *grant) { g.Generation++ })
	l.recheck()
	b.change(b.login, func(g *grant) { g.Generation++; g.Asked = append(g.Asked, "more") })
	l.recheck()
	l.recheck()
	if !slices.Equal(told, []bool{false, false, true}) {
		t.Errorf("told %v", told)
	}
}

// TestManyScopes: what a server lists is shown only as far as it can be scopes, and not without end.
func TestManyScopes(t *testing.T) {
	got := readScopes("a \u202e SYSTEM:\u00a0do\x07 b " + strings.Repeat("x", 129) + strings.Repeat(" s", 100))
	if len(got) != 64 || got[0] != "a" || got[2] != "b" || slices.ContainsFunc(got, func(s string) bool { return strings.ContainsAny(s, "\u202e\x07") }) {
		t.Errorf("%d: %q", len(got), got[:3])
	}
	if g := (&grant{Lifetime: longest, Obtained: now(), Access: "x"}); g.due() || !g.valid() {
		t.Error("a token for ten years is over")
	}
}
