package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// TestAttack22NoSecretsAnywhere: after logins, renewals, refusals and a logout no token, code, verifier or secret is in anything that a client, a log or a
// person was given, nor in any file but the records of the logins.
func TestAttack22NoSecretsAnywhere(t *testing.T) {
	t.Parallel()
	h, b := newBed(t, `{"client_id":"static-post","client_secret":"post secret/2"}`)
	b.Faults(map[string]any{"as": map[string]any{"accessTokenTTL": 2}})
	logFile := filepath.Join(h.dir, "log")
	c := h.run("", "", nil, "--log-level", "trace", "--log-file", logFile)
	secrets := map[string]bool{"post secret/2": true, "post+secret%2F2": true}
	stored := func() { // without a keyring they can be read
		for _, text := range filesIn(filepath.Join(h.state(), "oauth")) {
			var record struct {
				Plain struct {
					Access  string `json:"access_token"`
					Refresh string `json:"refresh_token"`
				}
			}
			json.Unmarshal([]byte(text), &record)
			secrets[record.Plain.Access], secrets[record.Plain.Refresh] = true, true
		}
	}
	visits(t, login(t, c, nil).URL)
	soon(t, 5*time.Second, "logged in", func() bool { return login(t, c, nil).Status == "logged in" })
	stored()
	served(t, c, "whoami")
	time.Sleep(1100 * time.Millisecond)
	served(t, c, "whoami") // renewed
	stored()
	b.Faults(map[string]any{"as": map[string]any{"token": map[string]any{"mode": "error", "status": 400, "body": map[string]any{"error": "invalid_grant", "error_description": "no more"}}}})
	time.Sleep(2100 * time.Millisecond)
	tells(t, c.Tool("bed__whoami", nil), "invalid_grant")
	b.Faults(map[string]any{"as": map[string]any{"token": nil}})
	visits(t, login(t, c, nil).URL)
	soon(t, 5*time.Second, "logged in", func() bool { return login(t, c, nil).Status == "logged in" })
	stored()
	c.Tool("oauth_status", nil)
	c.Tool("oauth_logout", map[string]any{"server": "bed"})
	for _, r := range b.Log() {
		for _, name := range []string{"code", "code_verifier", "refresh_token", "token", "client_secret", "state"} {
			if v := r.Param(name); len(v) > 8 {
				secrets[v] = true
			}
		}
	}
	frames, stderr := received(c), c.Stderr()
	c.Close()
	delete(secrets, "")
	if len(secrets) < 12 {
		t.Fatalf("only %d secrets were found to look for", len(secrets))
	}
	shown, err := os.ReadFile(logFile)
	if err != nil || len(shown) == 0 {
		t.Fatalf("no log: %v", err)
	}
	text := map[string]string{"the frames": frames, "stderr": stderr, "the log": string(shown)}
	for name, content := range filesIn(h.state()) {
		if !strings.Contains(name, "oauth") {
			text[name] = content
		}
	}
	for where, content := range text {
		for secret := range secrets {
			if strings.Contains(content, secret) {
				t.Errorf("%q is in %s", secret, where)
			}
		}
	}
	for name, content := range filesIn(filepath.Join(h.state(), "oauth")) {
		if strings.Contains(content, "access_token") || strings.Contains(content, "refresh_token") {
			t.Errorf("after the logout %s has tokens", name)
		}
	}
}

// TestHeldServerIsNotLoggedInTo: what waits for a person's approval is not contacted by a login either; once it may be looked at, it may be logged in to, and
// what it offers then is reviewed as that of any other.
func TestHeldServerIsNotLoggedInTo(t *testing.T) {
	t.Parallel()
	b := mcptest.NewTestbed(t)
	h := newHome(t).configure(entries{})
	c := h.initialized("")
	c.Tool("upstream_servers", map[string]any{"operation": "add", "name": "bed", "url": b.MCP, "protocol": "http"})
	if out := login(t, c, nil); !strings.Contains(out.Err, "quarantine") && !strings.Contains(out.Err, "held") {
		t.Errorf("%+v", out)
	}
	if log := b.Log(); len(log) > 0 {
		t.Errorf("it was contacted: %v", log)
	}
	h.allow(h.config, "bed") // to be looked at
	soon(t, 5*time.Second, "it may be logged in to", func() bool { return login(t, c, nil).Status == "waiting" })
	visits(t, login(t, c, nil).URL)
	soon(t, 10*time.Second, "its tools wait for a review", func() bool { return inspect(t, c, "bed").Items["tool"] == 2 })
	if names := toolNames(c); strings.Contains(names, "bed__") {
		t.Errorf("they are offered: %s", names)
	}
}

// TestRefusedHeaderIsAnError: an entry with a key of its own is not logged in to instead when the key is refused.
func TestRefusedHeaderIsAnError(t *testing.T) {
	t.Parallel()
	b := mcptest.NewTestbed(t)
	good := b.Mint(nil)
	for _, header := range []string{"Authorization", "X-Api-Key"} {
		h := newHome(t).configure(entries{"bed": json.RawMessage(`{"url":"` + b.MCP + `","type":"http","headers":{"` + header + `":"Bearer wrong-key-123"}}`)})
		b.ClearLog()
		c := h.initialized("")
		tells(t, c.Tool("bed__whoami", nil), "401", header, "check its value")
		if out := login(t, c, nil); out.Status != "key" && !strings.Contains(out.Err, header) {
			t.Errorf("%+v", out)
		}
		for _, r := range b.Log() {
			if r.Side == "as" || strings.Contains(r.Path, "well-known") {
				t.Errorf("%s: a login was looked for: %+v", header, r)
			}
		}
		lacks(t, "an answer", received(c), "wrong-key-123")
		c.Close()
	}
	h := newHome(t).configure(entries{"bed": json.RawMessage(`{"url":"` + b.MCP + `","type":"http","headers":{"authorization":"Bearer ` + good + `"}}`)})
	served(t, h.initialized(""), "whoami")
}
