package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// moody is a server whose answer to tools/list depends on the header X-Key, or on what it is told to say.
type moody struct {
	*httptest.Server
	mu    sync.Mutex
	tools map[string][]string // by key
	says  string              // members of the answer beside id, instead

	requests int
}

func newMoody(t *testing.T) *moody {
	m := &moody{tools: map[string][]string{}}
	m.Server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(m.Server.Close)
	return m
}

func (m *moody) offer(key string, tools ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tools[key] = tools
}

func (m *moody) say(members string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.says = members
}

func (m *moody) serve(w http.ResponseWriter, r *http.Request) {
	var q struct {
		ID     json.RawMessage
		Method string
	}
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if json.NewDecoder(r.Body).Decode(&q) != nil || q.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	m.mu.Lock()
	tools, says := m.tools[r.Header.Get("X-Key")], m.says
	m.requests++
	m.mu.Unlock()
	answer := `,"result":{}`
	switch q.Method {
	case "initialize":
		answer = `,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"moody","version":"1"}}`
	case "tools/list":
		var items []string
		for _, name := range tools {
			items = append(items, fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, name))
		}
		if answer = `,"result":{"tools":[` + strings.Join(items, ",") + `]}`; says != "" {
			answer = says
		}
	case "tools/call":
		answer = `,"result":{"content":[{"type":"text","text":"done"}]}`
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s%s}`, q.ID, answer)
}

func (m *moody) entry(key string) map[string]json.RawMessage {
	return map[string]json.RawMessage{"moody": json.RawMessage(fmt.Sprintf(`{"url":%q,"headers":{"X-Key":%q}}`, m.URL, key))}
}

// of is what upstream_servers says of a server.
func of(c *mcptest.Client, name string) (st struct {
	State, Why, Do, Review string
	Tools                  int
}) {
	var report struct{ Servers []json.RawMessage }
	json.Unmarshal([]byte(text(c, "upstream_servers", map[string]any{"operation": "list"})), &report)
	for _, raw := range report.Servers {
		if strings.Contains(string(raw), `"name":"`+name+`"`) || strings.Contains(string(raw), `"name": "`+name+`"`) {
			json.Unmarshal(raw, &st)
		}
	}
	return st
}

func listed(c *mcptest.Client, prefix string) string {
	var names []string
	for _, name := range c.Names("tools/list") {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// A server whose key is wrong at its first look offers nothing. When the key is mended, its tools are there, and no person is asked.
func TestKeyThatIsMended(t *testing.T) {
	for name, mend := range map[string]func(h *testHub, m *moody, c *mcptest.Client, done chan struct{}) *mcptest.Client{
		"a variable of the next session": func(h *testHub, m *moody, c *mcptest.Client, done chan struct{}) *mcptest.Client {
			c.Close()
			<-done
			h.t.Setenv("MOODY_KEY", "right")
			c, _ = h.client(session.Options{})
			return c
		},
		"the entry, which is one question": func(h *testHub, m *moody, c *mcptest.Client, _ chan struct{}) *mcptest.Client {
			h.write(m.entry("right"))
			h.Reload()
			waits := digest(c, "moody")
			code, err := h.book.NewCode(filepath.Join(h.dir, "config.json"), "moody", waits)
			if err != nil {
				h.t.Fatal(err)
			}
			text(c, "quarantine_approve", map[string]any{"name": "moody", "digest": waits, "code": code})
			return c
		},
		"what stands behind it, and the next process": func(h *testHub, m *moody, c *mcptest.Client, done chan struct{}) *mcptest.Client {
			c.Close()
			<-done
			h.Close()
			m.offer("wrong", "a", "b")
			h.open()
			c, _ = h.client(session.Options{})
			return c
		},
		"what stands behind it, and a restart": func(h *testHub, m *moody, c *mcptest.Client, _ chan struct{}) *mcptest.Client {
			m.offer("wrong", "a", "b")
			text(c, "upstream_servers", map[string]any{"operation": "restart", "name": "moody"})
			until(h.t, "it is listed", func() bool { return of(c, "moody").Tools == 2 })
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMoody(t)
			m.offer("right", "a", "b")
			t.Setenv("MOODY_KEY", "wrong")
			h := newHub(t, m.entry("${env:MOODY_KEY}"))
			c, done := h.client(session.Options{})
			if got := listed(c, "moody"); got != "" {
				t.Fatalf("before: %s", got)
			}
			if st := of(c, "moody"); st.State != "idle" || !strings.Contains(st.Why, "offered no tools") || !strings.Contains(st.Do, "key") {
				t.Errorf("before: %+v", st)
			}
			if got := text(c, "moody__a", nil); !strings.Contains(got, "offered no tools") || strings.Contains(got, "call again") {
				t.Errorf("a call before: %s", got)
			}
			c = mend(h, m, c, done)
			if got := listed(c, "moody"); got != "moody__a moody__b" {
				t.Errorf("after: %q", got)
			}
			if st := of(c, "moody"); st.Review != "" || st.Tools != 2 {
				t.Errorf("after: %+v", st)
			}
			if got := text(c, "moody__b", nil); got != "done" {
				t.Errorf("a call after: %s", got)
			}
			m.offer("right", "a", "b", "late") // what comes after the first offer is reviewed
			m.offer("wrong", "a", "b", "late")
			text(c, "upstream_servers", map[string]any{"operation": "restart", "name": "moody"})
			until(t, "the new tool is held", func() bool { return strings.Contains(of(c, "moody").Review, "1 to review") })
			c.Close()
			h.Close()
		})
	}
}

// Another value of a header is a reason to look anew: what the server has more is known before somebody calls it. What it has less is not
// taken away where it has nothing at all.
func TestChangedValues(t *testing.T) {
	m := newMoody(t)
	m.offer("small", "a")
	m.offer("big", "a", "b")
	t.Setenv("MOODY_KEY", "small")
	h := newHub(t, m.entry("${env:MOODY_KEY}"))
	next := func(key string) (c *mcptest.Client, end func()) {
		t.Setenv("MOODY_KEY", key)
		c, done := h.client(session.Options{})
		return c, func() { c.Close(); <-done; h.Close(); h.open() }
	}
	c, end := next("small")
	if got := listed(c, "moody"); got != "moody__a" {
		t.Fatal(got)
	}
	end()
	c, end = next("none")
	until(t, "it was looked at", func() bool { return h.lastValues("moody") != "" && h.noLooks() })
	if got := listed(c, "moody"); got != "moody__a" {
		t.Errorf("without a key: %q", got)
	}
	end()
	c, end = next("big")
	until(t, "what it has more is held", func() bool { return strings.Contains(of(c, "moody").Review, "1 to review") })
	if got := listed(c, "moody"); got != "moody__a" {
		t.Errorf("with the big key: %q", got)
	}
	end()
	c, end = next("big")
	c.List("tools/list")
	if !h.noLooks() {
		t.Error("it is looked at without a reason")
	}
	end()
}

func (h *testHub) lastValues(name string) string {
	for k, l := range h.State().lately {
		if k.name == name {
			return l.Values
		}
	}
	return ""
}

func (h *testHub) noLooks() bool {
	return len(h.State().inspections) == 0
}

// A server whose list fails is shown as failed, with the reason, here and in the next process; mended, it is as new.
func TestListFails(t *testing.T) {
	m := newMoody(t)
	m.offer("k", "a")
	m.say(`,"error":{"code":-32603,"message":"database is locked"}`)
	h := newHub(t, m.entry("k"))
	c, done := h.client(session.Options{})
	if got := listed(c, "moody"); got != "" {
		t.Fatal(got)
	}
	reason := func(got string) bool {
		return strings.Contains(got, "database is locked") && strings.Contains(got, "its list of tools can't be read")
	}
	until(t, "it is shown as failed", func() bool { st := of(c, "moody"); return st.State == "failed" && reason(st.Why) && st.Do != "" })
	if got := text(c, "moody__a", nil); !reason(got) || strings.Contains(got, "still starting") {
		t.Errorf("a call: %s", got)
	}
	c.Close()
	<-done
	h.Close()
	known := func() Server {
		return Servers(h.State().Config, "", h.opts.Store, h.Hub.log)[0]
	}
	if l := known().Lately; l.State != "failed" || !reason(l.Why) {
		t.Errorf("recorded: %+v", l)
	}
	m.say("")
	h.open()
	c, done = h.client(session.Options{})
	if got := listed(c, "moody"); got != "moody__a" {
		t.Errorf("after it was mended: %q", got)
	}
	if st := of(c, "moody"); st.State != "idle" || st.Why != "" || st.Review != "" {
		t.Errorf("after it was mended: %+v", st)
	}
	c.Close()
	<-done
	h.Close()
	if l := known().Lately; l.State != "" || l.Why != "" {
		t.Errorf("recorded after it was mended: %+v", l)
	}
}

// The first looks at servers that a person has just added: each is told of once, nothing else is started, and the first session finds all.
func TestFirstLooks(t *testing.T) {
	mcptest.CheckGoroutines(t)
	good, empty, broken, other := newMoody(t), newMoody(t), newMoody(t), newMoody(t)
	good.offer("k", "a", "b")
	other.offer("k", "o")
	broken.say(`,"error":{"code":-32603,"message":"database is locked"}`)
	servers := map[string]json.RawMessage{"gone": json.RawMessage(`{"command":"no-such-program-here"}`)}
	for name, m := range map[string]*moody{"good": good, "empty": empty, "broken": broken, "other": other} {
		servers[name] = json.RawMessage(fmt.Sprintf(`{"url":%q,"headers":{"X-Key":"k"},"start":"eager"}`, m.URL))
	}
	h := newHub(t, servers)
	h.Close()
	got := map[string]string{}
	FirstLooks(t.Context(), Options{ConfigPath: h.opts.ConfigPath, Store: h.opts.Store, Version: "test", Log: zerolog.Nop()}, session.Options{Environ: os.Environ(), Log: zerolog.Nop()},
		[]string{"good", "empty", "broken", "gone", "unknown"}, func(l Looked) {
			if _, told := got[l.Server]; told {
				t.Errorf("%s is told of twice", l.Server)
			}
			got[l.Server] = fmt.Sprint(l.Tools, " ", l.Err)
		})
	for name, want := range map[string]string{"good": "2 <nil>", "empty": "offered no tools", "broken": "database is locked", "gone": "no-such-program-here"} {
		if !strings.Contains(got[name], want) {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
	if n := other.asked(); n != 0 {
		t.Errorf("a server that was not named was asked %d times", n)
	}
	before := good.asked()
	h.open()
	c, done := h.client(session.Options{})
	if got := listed(c, "good"); got != "good__a good__b" {
		t.Errorf("the first session finds %q", got)
	}
	if good.asked() != before && strings.Contains(h.log.String(), "held") {
		t.Error("what was looked at is held")
	}
	c.Close()
	<-done
	h.Close()

	// Ctrl-C ends it, and what was started.
	ctx, stop := context.WithCancel(t.Context())
	hangs := newHub(t, map[string]json.RawMessage{"slow": mcptest.Entry(mcptest.Server{Name: "slow", Faults: []mcptest.Fault{mcptest.FaultHangInitialize}}, nil)})
	hangs.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		FirstLooks(ctx, Options{ConfigPath: hangs.opts.ConfigPath, Store: hangs.opts.Store, Version: "test", Log: zerolog.Nop()}, session.Options{Environ: os.Environ(), Log: zerolog.Nop()},
			[]string{"slow"}, func(l Looked) { t.Errorf("told of: %+v", l) })
	}()
	stop()
	<-ended
}

// asked is how many requests there were.
func (m *moody) asked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.requests
}
