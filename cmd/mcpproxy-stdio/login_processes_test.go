package main

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

const processes = 6

// together calls a tool of the bed from all clients at once and wants each call to be served.
func together(t testing.TB, clients []*mcptest.Client, tool string) {
	t.Helper()
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() { served(t, c, tool) })
	}
	all.Wait()
}

// TestAttack16OneBrowserForManyProcesses: six windows that need the login at once open one browser, and all are served. What the browser prints does not
// get among the messages (group 24).
func TestAttack16OneBrowserForManyProcesses(t *testing.T) {
	t.Parallel()
	h, b := newBed(t, `{"login":"browser"}`)
	browser := mcptest.NewBrowserProgram(t)
	clients := make([]*mcptest.Client, processes)
	for i := range clients {
		cmd := h.command()
		cmd.Env = append(cmd.Env, browser.Env()...)
		clients[i] = mcptest.Start(t, cmd)
	}
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() {
			c.Initialize("", "")
			if names := toolNames(c); !strings.Contains(names, " bed__whoami ") { // the snapshot waits for the login
				t.Errorf("listed %s", names)
			}
		})
	}
	all.Wait()
	together(t, clients, "whoami")
	together(t, clients, "write_note") // a step-up is one question too
	if opened := browser.Opened(); len(opened) != 2 {
		t.Errorf("%d browsers were opened, for a login and a step-up: %v", len(opened), opened)
	}
	if n := len(b.Seen("POST", "/reg")); n != 1 {
		t.Errorf("%d registrations", n)
	}
}

// TestAttack15ManyProcessesOneExpiredToken: one of six windows renews, the others take over what it got, and the login stays alive.
func TestAttack15ManyProcessesOneExpiredToken(t *testing.T) {
	t.Parallel()
	h, b := newBed(t, "")
	life := 6 * time.Second // of an access token, which is renewed after half of it
	rounds := 6
	if testing.Short() || endSlack > 0 { // the race detector's run comes on top of the other
		rounds = 3
	}
	lives := func() {
		b.Faults(map[string]any{"as": map[string]any{"accessTokenTTL": life.Seconds(), "token": map[string]any{"mode": "delay", "grant": "refresh_token", "ms": 200}}})
	}
	lives()
	first := h.initialized("")
	visits(t, login(t, first, nil).URL)
	soon(t, 5*time.Second, "logged in", func() bool { return login(t, first, nil).Status == "logged in" })
	clients := []*mcptest.Client{first}
	for range processes - 1 {
		clients = append(clients, h.initialized(""))
	}
	b.ClearLog()
	for good := -1; good < rounds; { // the first round only makes the token as old as it is said to be
		before := len(b.Seen("POST", "/token"))
		begun := time.Now()
		together(t, clients, "whoami")
		renewed := time.Now()
		switch n := len(b.Seen("POST", "/token")) - before; {
		case renewed.Sub(begun) > life/2: // on a busy machine a second renewal can be due already
			life *= 2
			lives()
			good = -1
		case good >= 0 && n != 1:
			t.Fatalf("round %d: %d token requests", good, n)
		default:
			good++
		}
		time.Sleep(time.Until(renewed.Add(life/2 + 100*time.Millisecond)))
	}
	for _, r := range b.Seen("POST", "/token") {
		if r.Status != 200 {
			t.Errorf("a token request was answered %d", r.Status)
		}
	}
}

// TestAttack15CrashWithTheLock: a process that is killed while it renews, or while a person is asked, holds up nobody.
func TestAttack15CrashWithTheLock(t *testing.T) {
	t.Parallel()
	h, b := newBed(t, "")
	asker := h.initialized("")
	abandoned := login(t, asker, nil).URL
	asker.Kill()

	b.Faults(map[string]any{"as": map[string]any{"accessTokenTTL": 2}})
	c := h.initialized("")
	begun := time.Now()
	url := login(t, c, nil).URL
	if url == abandoned || mcptest.TooLong(time.Since(begun), 5*time.Second) {
		t.Errorf("after %s: %s", time.Since(begun), url)
	}
	visits(t, url)
	soon(t, 5*time.Second, "logged in", func() bool { return login(t, c, nil).Status == "logged in" })

	b.Faults(map[string]any{"as": map[string]any{"accessTokenTTL": 300, "token": map[string]any{"mode": "delay", "grant": "refresh_token", "ms": 10_000, "times": 1}}})
	time.Sleep(1100 * time.Millisecond)
	begin := make(chan struct{})
	go func() { close(begin); c.Do(t.Context(), "tools/call", map[string]any{"name": "bed__whoami"}) }()
	<-begin
	time.Sleep(300 * time.Millisecond)
	c.Kill()

	d := h.initialized("")
	begun = time.Now()
	served(t, d, "whoami")
	if took := time.Since(begun); mcptest.TooLong(took, 5*time.Second) {
		t.Errorf("waited %s for a dead process", took)
	}
}
