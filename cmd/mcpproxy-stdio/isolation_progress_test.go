package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// pulling is the news of a pull that takes so many steps of 0.1 s.
func pulling(steps int, hang bool) http.HandlerFunc {
	lines := []string{`{"status":"Pulling from library/made-up","id":"1"}`}
	for i := range steps {
		lines = append(lines, fmt.Sprintf(`{"status":"Downloading","id":"1a2b3c","progressDetail":{"current":%d,"total":80000000},"progress":"[=> ]"}`, (i+1)*80_000_000/steps))
	}
	return mcptest.FakeStream(100*time.Millisecond, hang, lines...)
}

// knownThenAt is a client of a home that knows what its server offers, at another engine.
func knownThenAt(t *testing.T, f *mcptest.FakeEngine) *mcptest.Client {
	t.Helper()
	b := sharedBoxes(t)
	h := newHome(t).set(entries{"asks": boxed(mcptest.Server{}, b.isolation(options{"docker_host": nil}), options{"start_timeout": "8s", "start_wait": "60s"})}, nil)
	c := h.run("", "", []string{"DOCKER_HOST=" + b.Host})
	c.List("tools/list")
	c.Close()
	other := []string{"DOCKER_HOST=" + f.Host}
	c = h.run("", "", other)
	tells(t, c.Tool("asks__echo", nil), "engine")
	c.Close()
	s := h.entry("", "asks")
	if _, err := h.book().Update(s.Path, s.Name, func(r *quarantine.Record) error {
		_, err := r.Approve(s, r.Proposal(s).Digest, quarantine.Means{How: "test"}, func(quarantine.Item) scan.Severity { return scan.Info })
		return err
	}); err != nil {
		t.Fatal(err)
	}
	c = h.run("", "", other)
	c.Timeout = time.Minute
	return c
}

// A call that waits for an image hears how far its pull is; the pull outlives start_timeout as long as it moves.
func TestIsolatedPullProgress(t *testing.T) {
	t.Parallel()
	f := mcptest.NewFakeEngine(t, map[string]http.HandlerFunc{"POST /images/create": pulling(130, false)})
	var made atomic.Bool
	f.On("GET /images/{name...}", func(w http.ResponseWriter, r *http.Request) {
		if !made.Load() {
			mcptest.FakeStatus(404, "No such image")(w, r)
			return
		}
		imageJSON(w, r)
	})
	c := knownThenAt(t, f)
	time.AfterFunc(10*time.Second, func() { made.Store(true) })
	r := c.Call("tools/call", map[string]any{"name": "asks__echo", "arguments": map[string]any{"message": "x"}, "_meta": map[string]any{"progressToken": "pull"}})
	tells(t, r, `server "asks"`) // the engine can do no more than pull
	var amounts []string
	last := -1.0
	for _, n := range c.Notifications("notifications/progress") {
		var p struct {
			ProgressToken string
			Progress      float64
			Message       string
		}
		if err := json.Unmarshal(n.Params, &p); err != nil || p.ProgressToken != "pull" || p.Progress <= last {
			t.Errorf("%s after %v: %v", n.Raw, last, err)
		}
		last = p.Progress
		if _, amount, ok := strings.Cut(p.Message, "pulling the image "+mcptest.ServerImage+", "); ok && strings.HasSuffix(amount, "MB of 80MB") {
			amounts = append(amounts, amount)
		}
	}
	if len(amounts) < 2 || amounts[0] == amounts[len(amounts)-1] {
		t.Errorf("the call heard %v; in all %d notifications", amounts, len(c.Notifications("notifications/progress")))
		for _, n := range c.Notifications("notifications/progress") {
			t.Logf("%s", n.Params)
		}
	}
	t.Logf("%v", amounts)
}

// A pull in which nothing moves ends by start_timeout, and its error says what hung.
func TestIsolatedPullHangs(t *testing.T) {
	t.Parallel()
	for name, on := range map[string]http.HandlerFunc{"after some news": pulling(10, true), "from the start": mcptest.FakeHang} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := mcptest.NewFakeEngine(t, map[string]http.HandlerFunc{"POST /images/create": on})
			c := knownThenAt(t, f)
			begun := time.Now()
			tells(t, c.Tool("asks__echo", nil), `server "asks" did not start`, "it made no progress for start_timeout", "pulling the image "+mcptest.ServerImage)
			if took := time.Since(begun); mcptest.TooLong(took, 20*time.Second) {
				t.Errorf("it took %v", took)
			}
			c.Close()
		})
	}
}
