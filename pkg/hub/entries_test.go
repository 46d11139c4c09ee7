package hub

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// until waits for what other goroutines bring about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

var hex64 = regexp.MustCompile(`[0-9a-f]{64}`)

// digest is what quarantine_review names of a server.
func digest(c *mcptest.Client, name string) string {
	return hex64.FindString(text(c, "quarantine_review", map[string]any{"operation": "inspect", "name": name}))
}

// A person removes the state directory while the hub runs: nothing is approved any more, a new first run is not made of it, and what is
// decided from then on counts.
func TestStateRemovedWhileRunning(t *testing.T) {
	mcptest.CheckGoroutines(t)
	web := mcptest.NewHTTP(t, mcptest.HTTPOptions{Server: mcptest.Server{Name: "web"}})
	h := newHub(t, map[string]json.RawMessage{"web": remote(web.URL)})
	c, done := h.client(session.Options{})
	c.List("tools/list")
	echo := func(server string) string { return text(c, server+"__echo", map[string]any{"message": "x"}) }
	if got := echo("web"); got != "Echo: x" {
		t.Fatal(got)
	}
	until(t, "the state directory is removed", func() bool { return os.RemoveAll(filepath.Join(h.dir, "state")) == nil })
	held := func() bool { return strings.Contains(echo("web"), "has not approved") }
	until(t, "it is held", held)
	h.write(map[string]json.RawMessage{"web": remote(web.URL), "new": remote(web.URL)})
	h.Reload()
	if !held() || !strings.Contains(echo("new"), "has not approved") {
		t.Error("a reload trusts what the file says")
	}
	// It is approved again, and rejected again.
	waits := digest(c, "web")
	st := h.State().Scope(h.State().all()[0]).Server("web")
	approve := func(want string) {
		t.Helper()
		_, err := h.book.Update(st.Written.Path, "web", func(r *quarantine.Record) error {
			got, err := r.Approve(st.Written, waits, quarantine.Means{How: "test"}, h.judge(st.key(), nil))
			if got != want {
				t.Errorf("%s, want %s", got, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		h.recall()
	}
	approve("inspect")
	until(t, "it was inspected", func() bool { waits = digest(c, "web"); return waits != "" })
	approve("approve")
	until(t, "it can be called", func() bool { return echo("web") == "Echo: x" })
	text(c, "quarantine_reject", map[string]any{"name": "web"})
	if !held() {
		t.Error("rejected, but it can be called")
	}
	c.Close()
	<-done
	h.Close()
}

// Whoever approves an inspection is told what it found, and not that it is still under way.
func TestInspectionIsWaitedFor(t *testing.T) {
	mcptest.CheckGoroutines(t)
	web := mcptest.NewHTTP(t, mcptest.HTTPOptions{Server: mcptest.Server{Name: "web"}})
	h := newHub(t, nil)
	c, done := h.client(session.Options{})
	c.List("tools/list")
	h.write(map[string]json.RawMessage{"web": remote(web.URL)})
	h.Reload()
	for _, want := range []string{"inspected", "approved"} {
		waits := digest(c, "web")
		code, err := h.book.NewCode(filepath.Join(h.dir, "config.json"), "web", waits)
		if err != nil {
			t.Fatal(err)
		}
		var out struct{ Status, State, Digest, Why string }
		answer := text(c, "quarantine_approve", map[string]any{"name": "web", "digest": waits, "code": code})
		if err := json.Unmarshal([]byte(answer), &out); err != nil {
			t.Fatalf("%v: %s", err, answer)
		}
		if out.Status != want || want == "inspected" && (len(out.Digest) != 64 || out.Digest == waits) {
			t.Errorf("%+v, want %s", out, want)
		}
	}
	if got := text(c, "web__echo", map[string]any{"message": "x"}); got != "Echo: x" {
		t.Error(got)
	}
	c.Close()
	<-done
	h.Close()
}

// A file that comes after the first run is not taken for the person's own: one question covers all of it, and names the reason.
func TestFileThatComesLater(t *testing.T) {
	web := mcptest.NewHTTP(t, mcptest.HTTPOptions{Server: mcptest.Server{Name: "web"}})
	h := newHub(t, nil)
	if err := os.RemoveAll(filepath.Join(h.dir, "state")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(h.dir, "config.json")); err != nil {
		t.Fatal(err)
	}
	h.open()
	c, done := h.client(session.Options{})
	c.Close()
	<-done
	h.write(map[string]json.RawMessage{"web": remote(web.URL)})
	h.open()
	c, done = h.client(session.Options{})
	c.List("tools/list")
	if got := text(c, "web__echo", map[string]any{"message": "x"}); !strings.Contains(got, quarantine.MissingFile) || !strings.Contains(got, "approve --all") {
		t.Error(got)
	}
	if err := h.book.ApproveFile(h.State().Config.Path, h.State().Config.Servers, quarantine.Means{How: "terminal"}); err != nil {
		t.Fatal(err)
	}
	h.recall()
	c.List("tools/list")
	if got := text(c, "web__echo", map[string]any{"message": "x"}); got != "Echo: x" {
		t.Error(got)
	}
	c.Close()
	<-done
}

// A session that moves to another workspace is not served by the servers of the one before, though they have the same names.
func TestMovedSessionsLeaveTheirServers(t *testing.T) {
	mcptest.CheckGoroutines(t)
	h := newHub(t, nil)
	var folders []string
	for _, name := range []string{"one", "two"} {
		folder := filepath.Join(t.TempDir(), name)
		file := config.WorkspacePath(folder)
		data, err := json.Marshal(map[string]any{"mcpServers": map[string]any{"proj": mcptest.Entry(mcptest.Server{Name: name}, nil)}})
		if err == nil {
			err = os.MkdirAll(filepath.Dir(file), 0o700)
		}
		if err == nil {
			err = os.WriteFile(file, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		folders = append(folders, folder)
		s := mustLoad(t, h).WithWorkspace(file, data).Server("proj")
		if _, err := h.book.Update(file, "proj", func(r *quarantine.Record) error { r.Baseline(s, "test"); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	var at atomic.Int64
	c, done := h.connect(session.Options{})
	c.Handle("roots/list", func(json.RawMessage) (any, error) {
		return map[string]any{"roots": []any{map[string]string{"uri": "file://" + folders[at.Load()]}}}, nil
	})
	c.Initialize(`{"roots":{"listChanged":true}}`, "")
	dir := func() string {
		text(c, "upstream_servers", map[string]any{"operation": "list"}) // asks for the roots
		return text(c, "proj__cwd", nil)
	}
	until(t, "the first workspace's server answers", func() bool { return dir() == folders[0] })
	at.Store(1)
	c.Notify("notifications/roots/list_changed", nil)
	until(t, "the second workspace's server answers", func() bool { return dir() == folders[1] })
	c.Close()
	<-done
	h.Close()
}

// A resource that looks plainly hostile is left out, again and again, and nothing else.
func TestScreen(t *testing.T) {
	h := newHub(t, nil)
	items := [][]byte{[]byte(`{"uri":"file:///a","name":"a"}`), []byte(`{"uri":"file:///b","name":"b","description":"\u001b[8mhidden from the person\u001b[0m"}`), []byte(`{"uri":"file:///c","name":"c"}`)}
	for range 2 {
		if got := fmt.Sprintf("%s", h.Screen("s", items)); strings.Contains(got, "file:///b") || strings.Count(got, "file://") != 2 {
			t.Errorf("listed: %s", got)
		}
	}
	if log := h.log.String(); strings.Count(log, "left out") != 1 || strings.Contains(log, "hidden from") {
		t.Errorf("logged: %s", log)
	}
}

// TestFirstListed: what a server lists that another listed before is not recorded as its own, in whatever spelling. Servers that are looked
// at for the first time together do not take anything from each other.
func TestFirstListed(t *testing.T) {
	h := newHub(t, nil)
	alice, bob, elsewhere := key{"c", "alice"}, key{"c", "bob"}, key{"other", "bob"}
	began := time.Now()
	uri := func(uri string) []byte { return []byte(`{"uri":"` + uri + `","name":"n"}`) }
	record := func(taken time.Time, uris ...string) *Recorded {
		r := &quarantine.Record{Taken: taken}
		for _, u := range uris {
			r.Resources = append(r.Resources, uri(u))
		}
		return newRecorded(r, nil)
	}
	st := *h.State()
	st.recorded = map[key]*Recorded{alice: record(began, "x:mine"), bob: record(began.Add(-time.Hour), "x:bob", "x:mine", "test://b/1"),
		elsewhere: record(began, "x:elsewhere")}
	h.state.Store(&st)
	items := [][]byte{uri("x:mine"), uri("x:new"), uri("X:bob"), uri("TEST://b/%31"), uri("x:elsewhere")}
	if got := fmt.Sprintf("%s", h.firstListed(alice, items)); got != fmt.Sprintf("%s", [][]byte{uri("x:mine"), uri("x:new")}) {
		t.Errorf("recorded: %s", got)
	}
	now := st
	now.inspections = map[key]*inspection{alice: {begun: began.Add(-time.Minute)}}
	now.recorded = with(st.recorded, bob, record(began, "x:bob")) // listed since alice's inspection began
	h.state.Store(&now)
	if got := h.firstListed(alice, items); len(got) != len(items) {
		t.Errorf("recorded: %s", got)
	}
	h.state.Store(&st)
}
