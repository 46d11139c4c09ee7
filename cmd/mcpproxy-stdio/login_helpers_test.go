package main

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// newBed is a home with one server, bed, that wants a login at a real authorization server. oauth is the entry's object, "" for none.
func newBed(t testing.TB, oauth string) (*home, *mcptest.Testbed) {
	t.Helper()
	b := mcptest.NewTestbed(t)
	h := newHome(t)
	entry := `{"type":"http","url":"` + b.MCP + `"`
	if oauth != "" {
		entry += `,"oauth":` + oauth
	}
	return h.set(entries{"bed": json.RawMessage(entry + "}")}, nil), b
}

// loginResult is what the tool oauth_login says.
type loginResult struct {
	Server, Status, URL, Note, Next string
	Remote                          string `json:"on_another_machine"`
	Err                             string
}

func login(t testing.TB, c *mcptest.Client, more map[string]any) (out loginResult) {
	t.Helper()
	args := map[string]any{"server": "bed"}
	for k, v := range more {
		args[k] = v
	}
	r := c.Tool("oauth_login", args)
	if r.IsError() {
		return loginResult{Err: r.Text()}
	}
	if err := json.Unmarshal([]byte(r.Text()), &out); err != nil {
		t.Fatalf("oauth_login: %s %s", r.Result, r.Error)
	}
	return out
}

// visits has a person open an address and log in.
func visits(t testing.TB, url string) {
	t.Helper()
	var browser mcptest.Browser
	if status, body, at := browser.Visit(t, url); status != 200 {
		t.Errorf("the browser is at %s: %d %s", at, status, body)
	}
}

// visitsLater is visits on a goroutine, when the test has gone on.
func visitsLater(url string, after time.Duration) {
	go func() {
		time.Sleep(after)
		var browser mcptest.Browser
		browser.Open(context.Background(), url)
	}()
}

// served checks that a tool of the bed is served.
func served(t testing.TB, c *mcptest.Client, tool string) {
	t.Helper()
	if r := c.Tool("bed__"+tool, map[string]any{"text": "x"}); r.IsError() {
		t.Errorf("%s: %s %s", tool, r.Result, r.Error)
	}
}

// needsLogin checks that a tool says that a login is needed, and how.
func needsLogin(t testing.TB, c *mcptest.Client, tool string) {
	t.Helper()
	tells(t, c.Tool("bed__"+tool, map[string]any{"text": "x"}), `"bed" needs a login`, "oauth_login", "mcpproxy-stdio login bed")
}

// elicitsURLs has the client's person be shown addresses; answer gives the action, and what happens besides.
func elicitsURLs(c *mcptest.Client, answer func(url string) string) *[]string {
	var seen []string
	c.Handle("elicitation/create", func(params json.RawMessage) (any, error) {
		var p struct{ Mode, URL string }
		json.Unmarshal(params, &p)
		seen = append(seen, p.Mode+" "+p.URL)
		return map[string]any{"action": answer(p.URL)}, nil
	})
	return &seen
}

const urlCapable = `{"elicitation":{"form":{},"url":{}}}`
