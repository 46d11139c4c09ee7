package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// TestLoginByTool is the whole way of a person whose client shows text alone: a call says what to do, the tool gives an address, a browser logs
// in, and the same call works, with no restart; also when the login was lost on the way, and for more than was granted at first.
func TestLoginByTool(t *testing.T) {
	t.Parallel()
	h, b := newBed(t, "")
	c := h.initialized("")
	needsLogin(t, c, "whoami")
	if got := listed(t, c, "bed"); got["state"] != "needs_login" || !strings.Contains(got["do"].(string), "oauth_login") {
		t.Errorf("%v", got)
	}
	if seen := b.Seen("GET", "/auth"); len(seen) > 0 {
		t.Error("somebody was sent to log in before anybody asked")
	}
	out := login(t, c, nil)
	if out.Status != "waiting" || !strings.HasPrefix(out.URL, "http://127.0.0.1:") || out.Remote != "" || !strings.Contains(out.Next, "wait true") {
		t.Fatalf("%+v", out)
	}
	if again := login(t, c, nil); again.URL != out.URL {
		t.Errorf("a second call began a second login: %+v", again)
	}
	before := len(c.Notifications("notifications/tools/list_changed"))
	visitsLater(out.URL, 300*time.Millisecond)
	if done := login(t, c, map[string]any{"wait": true}); done.Status != "logged in" {
		t.Fatalf("%+v", done)
	}
	c.WaitNotifications("notifications/tools/list_changed", before+1, 5*time.Second)
	soon(t, 5*time.Second, "the server's tools are listed", func() bool { return strings.Contains(toolNames(c), " bed__whoami ") })
	served(t, c, "whoami")

	needsLogin(t, c, "write_note")
	served(t, c, "whoami") // the login that is there goes on
	visits(t, login(t, c, nil).URL)
	soon(t, 5*time.Second, "more is granted", func() bool { return login(t, c, nil).Status == "logged in" })
	served(t, c, "write_note")

	for _, kind := range []string{"AccessToken", "RefreshToken", "Grant", "Session"} {
		b.Forget(kind)
	}
	b.Faults(map[string]any{"rs": map[string]any{"reject": 1}})
	needsLogin(t, c, "whoami")
	visits(t, login(t, c, nil).URL)
	soon(t, 5*time.Second, "logged in anew", func() bool { return login(t, c, nil).Status == "logged in" })
	served(t, c, "whoami")
	if n := len(b.Seen("POST", "/reg")); n != 1 {
		t.Errorf("registered %d times", n)
	}

	// Another window, with nothing in memory.
	other := h.initialized("")
	served(t, other, "whoami")
	if text := other.Tool("oauth_status", nil).Text(); !strings.Contains(text, "logged in") || strings.Contains(text, "eyJ") {
		t.Errorf("oauth_status: %s", text)
	}
	if text := other.Tool("oauth_logout", map[string]any{"server": "bed"}).Text(); !strings.Contains(text, "revoked") {
		t.Errorf("oauth_logout: %s", text)
	}
	soon(t, 5*time.Second, "the other window is logged out too", func() bool { return c.Tool("bed__whoami", nil).IsError() })
	tells(t, other.Tool("bed__whoami", nil), "the user logged out", "oauth_login")
}

// TestLoginTakesConfiguredNames: nothing else can be logged in to.
func TestLoginTakesConfiguredNames(t *testing.T) {
	t.Parallel()
	h, b := newBed(t, "")
	c := h.initialized("")
	for _, name := range []string{"other", b.MCP, "", "bed "} {
		if r := c.Tool("oauth_login", map[string]any{"server": name}); !r.IsError() {
			t.Errorf("%q: %s", name, r.Result)
		}
	}
}

// TestLoginByURLElicitation: a client that can show addresses does so; what its person answers counts.
func TestLoginByURLElicitation(t *testing.T) {
	t.Parallel()
	h, b := newBed(t, "")
	c := h.initialized(urlCapable)
	action := "accept"
	seen := elicitsURLs(c, func(url string) string {
		time.Sleep(thinking)
		if action == "accept" {
			visitsLater(url, 200*time.Millisecond)
		}
		return action
	})
	if out := login(t, c, nil); out.Status != "logged in" || len(*seen) != 1 || !strings.HasPrefix((*seen)[0], "url http://127.0.0.1:") {
		t.Fatalf("%+v, %v", out, *seen)
	}
	if n := c.WaitNotifications("notifications/elicitation/complete", 1, 2*time.Second); len(n) != 1 {
		t.Error("the client was not told that it is done")
	}
	served(t, c, "whoami")

	c.Tool("oauth_logout", map[string]any{"server": "bed"})
	action = "decline"
	if out := login(t, c, nil); !strings.Contains(out.Err, "declined") {
		t.Errorf("%+v", out)
	}
	if out := login(t, c, nil); !strings.Contains(out.Err, "declined to log in to") || len(*seen) != 2 {
		t.Errorf("asked again at once: %+v, %v", out, *seen)
	}
	// A client that answers by itself speaks for no person: the address is given at once, and there is no cool-down.
	d := h.initialized(urlCapable)
	var out loginResult
	for _, instant := range []string{"cancel", "decline", "accept", "", "no"} {
		elicitsURLs(d, func(string) string { return instant })
		if out = login(t, d, nil); out.Status != "waiting" || out.URL == "" || out.Err != "" {
			t.Fatalf("%q at once: %+v", instant, out)
		}
	}
	visits(t, out.URL)
	if done := login(t, d, map[string]any{"wait": true}); done.Status != "logged in" {
		t.Errorf("%+v", done)
	}
	if seen := b.Seen("POST", "/reg"); len(seen) > 2 {
		t.Errorf("registered %d times", len(seen))
	}
}

// TestLoginRequiredError: a client that can show addresses gets the one of the login with the first call that needs it (-32042), once.
func TestLoginRequiredError(t *testing.T) {
	t.Parallel()
	h, b := newBed(t, "")
	c := h.initialized(urlCapable)
	r := c.Tool("bed__whoami", nil)
	var e struct {
		Code int
		Data struct {
			Elicitations []struct{ Mode, ElicitationID, URL, Message string }
		}
	}
	if err := json.Unmarshal(r.Error, &e); err != nil || e.Code != -32042 || len(e.Data.Elicitations) != 1 {
		t.Fatalf("%s %s", r.Result, r.Error)
	}
	question := e.Data.Elicitations[0]
	if question.Mode != "url" || question.ElicitationID == "" || !strings.Contains(question.Message, "bed") {
		t.Errorf("%+v", question)
	}
	visits(t, question.URL)
	done := c.WaitNotifications("notifications/elicitation/complete", 1, 5*time.Second)
	if len(done) != 1 || !strings.Contains(string(done[0].Raw), question.ElicitationID) {
		t.Errorf("told %v", done)
	}
	served(t, c, "whoami")
	b.Forget("RefreshToken")
	b.Forget("Grant")
	b.Faults(map[string]any{"rs": map[string]any{"reject": 1}})
	needsLogin(t, c, "whoami") // the second time it is told in words
}

// TestAttack25NoElicitationUndeclared: a client that did not say that it shows addresses is never asked to, nor given -32042.
func TestAttack25NoElicitationUndeclared(t *testing.T) {
	t.Parallel()
	for _, caps := range []string{"", `{"elicitation":{}}`, `{"elicitation":{"form":{}}}`} {
		h, _ := newBed(t, "")
		c := h.initialized(caps)
		asked := elicitsURLs(c, func(string) string { return "accept" })
		needsLogin(t, c, "whoami")
		if out := login(t, c, nil); out.Status != "waiting" {
			t.Errorf("%s: %+v", caps, out)
		}
		if len(*asked) > 0 {
			t.Errorf("%s: asked %v", caps, *asked)
		}
	}
}

// TestWaitingCallsGoOn: calls that come while a person logs in are served when that is done.
func TestWaitingCallsGoOn(t *testing.T) {
	t.Parallel()
	h, _ := newBed(t, "")
	c := h.initialized("")
	needsLogin(t, c, "whoami")
	url := login(t, c, nil).URL
	done := make(chan mcptest.Response, 5)
	for range 5 {
		go func() { done <- c.Tool("bed__whoami", nil) }()
	}
	time.Sleep(300 * time.Millisecond)
	select {
	case r := <-done:
		t.Fatalf("answered before: %s %s", r.Result, r.Error)
	default:
	}
	visits(t, url)
	for range 5 {
		if r := <-done; r.IsError() {
			t.Errorf("%s %s", r.Result, r.Error)
		}
	}
}

// TestLoginToolTells: it waits only where there is something to wait for, says why a login failed, and takes no invented accounts.
func TestLoginToolTells(t *testing.T) {
	t.Parallel()
	h, b := newBed(t, "")
	c := h.initialized("")
	begun := time.Now()
	out := login(t, c, map[string]any{"wait": true})
	if out.URL == "" || mcptest.TooLong(time.Since(begun), 10*time.Second) {
		t.Errorf("after %s: %+v", time.Since(begun), out)
	}
	b.Faults(map[string]any{"as": map[string]any{"callback": map[string]any{"error": "server_error", "error_description": "AADSTS9010010: no"}}})
	var browser mcptest.Browser
	browser.Open(t.Context(), out.URL)
	if out := login(t, c, map[string]any{"wait": true}); !strings.Contains(out.Err, "AADSTS9010010") || !strings.Contains(out.Err, "omit_resource") {
		t.Errorf("%+v", out)
	}
	tells(t, c.Tool("bed__whoami", nil), "login failed", "AADSTS9010010", "oauth_login")
	if text := c.Tool("oauth_status", nil).Text(); !strings.Contains(text, "AADSTS9010010") {
		t.Errorf("oauth_status: %s", text)
	}
	b.Faults(map[string]any{"as": map[string]any{"callback": nil}})
	visits(t, login(t, c, nil).URL)
	soon(t, 5*time.Second, "logged in", func() bool { return login(t, c, nil).Status == "logged in" })
	b.ClearLog()
	for _, account := range []string{"z", "y", "x"} {
		if out := login(t, c, map[string]any{"account": account}); !strings.Contains(out.Err, "no entry with its URL has the account") {
			t.Errorf("%+v", out)
		}
	}
	ownKeys := func(r mcptest.Request) bool { return r.Path == "/jwks" } // the testbed's server reads them when it likes
	if log := slices.DeleteFunc(b.Log(), ownKeys); len(log) > 0 {
		t.Errorf("invented accounts led to requests: %v", log)
	}
}

// TestQuarantinedServerIsNotLoggedInTo: a server that a person has put into quarantine is not contacted by a login.
func TestQuarantinedServerIsNotLoggedInTo(t *testing.T) {
	t.Parallel()
	h, b := newBed(t, "")
	c := h.initialized("")
	visits(t, login(t, c, nil).URL)
	soon(t, 5*time.Second, "served", func() bool { return !c.Tool("bed__whoami", nil).IsError() })
	c.Tool("oauth_logout", map[string]any{"server": "bed"})
	h.set(entries{"bed": json.RawMessage(`{"type":"http","url":"` + b.MCP + `","quarantined":true}`)}, nil)
	soon(t, 5*time.Second, "it is held", func() bool { return strings.HasPrefix(stateOf(t, c, "bed"), "held") })
	b.ClearLog()
	if out := login(t, c, nil); out.Err == "" {
		t.Errorf("%+v", out)
	}
	if log := b.Log(); len(log) > 0 {
		t.Errorf("it was contacted: %v", log)
	}
}

// A client is told first which servers its user has to log in to, from what is recorded: nothing is asked of a server.
func TestInstructionsNameLogins(t *testing.T) {
	t.Parallel()
	h, _ := newBed(t, "")
	told := func() string {
		c := h.start()
		defer c.Close()
		var hello struct{ Instructions string }
		if err := json.Unmarshal(c.Initialize("{}", "").Result, &hello); err != nil {
			t.Fatal(err)
		}
		c.List("tools/list")
		return hello.Instructions
	}
	if text := told(); !strings.Contains(text, "Still starting, for the first time: bed.") {
		t.Errorf("at first: %s", text)
	}
	const want = "The user must log in, unless they have since: bed. oauth_login starts the login"
	soon(t, 10*time.Second, "the need of a login is told", func() bool { return strings.Contains(told(), want) })
}
