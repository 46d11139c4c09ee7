package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// envStarts names a file to which every process of this program appends a byte when it starts: a test counts starts by its
// size, also those of processes that die before they say anything.
const envStarts = "MCPPROXY_TEST_STARTS"

func init() {
	if path := os.Getenv(envStarts); path != "" {
		if f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
			f.Write([]byte{'.'})
			f.Close()
		}
	}
}

func starts(t testing.TB, path string) int {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return len(data)
}

var marks atomic.Int64

// marked makes a mark for the servers of one test, and checks at its end that none of them is left.
func marked(t testing.TB) string {
	t.Helper()
	mcptest.SkipWithoutProcesses(t)
	mark := "mark-" + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(marks.Add(1), 10) + "-"
	t.Cleanup(func() {
		soon(t, 5*time.Second, "no server is left", func() bool { return mcptest.ProcessesWithEnv(mark) == nil })
	})
	return mark
}

// settled are capabilities without listChanged for tools and prompts: such lists are complete when they were read, without a
// second of waiting for more.
var settled = json.RawMessage(`{"tools":{},"prompts":{},"resources":{"subscribe":true,"listChanged":true},"logging":{},"completions":{}}`)

// calm is server with lists that settle at once.
func calm(opts mcptest.Server) json.RawMessage {
	if opts.Capabilities == nil {
		opts.Capabilities = settled
	}
	return server(opts)
}

// entryOf is an entry that starts a scripted server, with more options of ours beside its launch.
func entryOf(opts mcptest.Server, more map[string]any) json.RawMessage {
	return withOptions(calm(opts), more)
}

// withOptions adds options to an entry; a nil value takes one away, "env" is merged.
func withOptions(entry json.RawMessage, more map[string]any) json.RawMessage {
	var all map[string]any
	if err := json.Unmarshal(entry, &all); err != nil {
		panic(err)
	}
	for k, v := range more {
		if vars, ok := v.(map[string]string); ok && k == "env" {
			env := all["env"].(map[string]any)
			for name, value := range vars {
				env[name] = value
			}
			continue
		}
		if all[k] = v; v == nil {
			delete(all, k)
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return b
}

type entries map[string]json.RawMessage

// set writes the configuration, with options at its top level.
func (h *home) set(servers entries, top map[string]any) *home {
	h.t.Helper()
	whole := map[string]any{"mcpServers": servers, "first_list_wait": "60s"} // on a busy machine servers start slowly
	for k, v := range top {
		whole[k] = v
	}
	data, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		h.t.Fatal(err)
	}
	h.write(string(data))
	return h
}

// own is set by the person: what is new or changed in the file is recorded as theirs, as if it had been added on a terminal.
func (h *home) own(servers entries, top map[string]any) *home {
	h.t.Helper()
	data, _ := json.Marshal(map[string]any{"mcpServers": servers})
	h.trust(data)
	return h.set(servers, top)
}

// trust records what a text of the configuration has as the person's own, if the first run is over.
func (h *home) trust(text []byte) {
	h.t.Helper()
	c, err := config.Parse(h.config, text)
	if err != nil {
		h.t.Fatal(err)
	}
	book := quarantine.NewBook(store.Open(h.state()))
	if base, err := book.ReadBaseline(h.config); base == nil || err != nil {
		return
	}
	for _, s := range h.keyed(c).Servers {
		if _, err := book.Update(h.config, s.Name, func(r *quarantine.Record) error {
			if r.State(s) != quarantine.Approved {
				r.Baseline(s, "test")
				return nil
			}
			if p := r.Proposal(s); p != nil && p.Policy != nil {
				_, err := r.Approve(s, p.Digest, quarantine.Means{How: "test"}, func(quarantine.Item) scan.Severity { return scan.Info })
				return err
			}
			return quarantine.ErrUnchanged
		}); err != nil {
			h.t.Fatal(err)
		}
	}
}

// write replaces the file as editors do: beside it, then renamed.
func (h *home) write(text string) {
	h.t.Helper()
	if err := os.WriteFile(h.config+".new", []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(h.config+".new", h.config); err != nil {
		h.t.Fatal(err)
	}
}

// run starts the proxy with arguments and environment added, in a working directory ("" is its home, which is no workspace).
func (h *home) run(caps, dir string, env []string, args ...string) *mcptest.Client {
	h.t.Helper()
	cmd := h.command(args...)
	cmd.Env = append(cmd.Env, env...)
	if dir != "" {
		cmd.Dir = dir
	}
	c := mcptest.Start(h.t, cmd)
	c.Initialize(caps, "")
	return c
}

// state is the directory of the proxy's state.
func (h *home) state() string { return filepath.Join(h.dir, "state", "mcpproxy-stdio") }

// learned has the proxy look at the servers as they are configured now, so that later starts know what they offer.
func (h *home) learned() *home {
	h.t.Helper()
	c := h.initialized("")
	c.List("tools/list")
	c.Close()
	return h
}

// tells checks that a response is one clear error: it says all that is wanted, and a tool's is a result that a model reads.
func tells(t testing.TB, r mcptest.Response, want ...string) {
	t.Helper()
	text := r.Text()
	if !r.IsError() {
		t.Errorf("no error result: %s %s", r.Result, r.Error)
		return
	}
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in the error:\n%s", w, text)
		}
	}
	if strings.Contains(text, "context canceled") || strings.Contains(text, "<nil>") || strings.Contains(text, "%!") {
		t.Errorf("not a message for people:\n%s", text)
	}
}

// answers checks that a server's echo comes back.
func answers(t testing.TB, c *mcptest.Client, name string) {
	t.Helper()
	if r := c.Tool(name+"__echo", map[string]any{"message": "there"}); !strings.Contains(r.Text(), "Echo: there") || r.IsError() {
		t.Errorf("%s does not answer: %s %s", name, r.Result, r.Error)
	}
}

// pidOf asks a server for its process id.
func pidOf(t testing.TB, c *mcptest.Client, name string) int {
	t.Helper()
	r := c.Tool(name+"__pid", nil)
	pid, err := strconv.Atoi(r.Text())
	if err != nil {
		t.Fatalf("no pid of %s: %s %s", name, r.Result, r.Error)
	}
	return pid
}

// meanwhile has the good server work on something while f runs; it must not notice.
func meanwhile(t testing.TB, c *mcptest.Client, f func()) {
	t.Helper()
	done := make(chan mcptest.Response, 1)
	go func() { done <- c.Tool("good__progress", map[string]any{"steps": 5, "ms": 40}) }()
	f()
	if r := <-done; r.Text() != "done 5" {
		t.Errorf("the other server was disturbed: %s %s", r.Result, r.Error)
	}
	answers(t, c, "good")
}

// signal sends a process a signal; it may be gone already.
func signal(pid int, sig os.Signal) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Signal(sig)
}

// soon waits until f holds.
func soon(t testing.TB, within time.Duration, what string, f func() bool) {
	t.Helper()
	within = mcptest.Patience(within)
	for deadline := time.Now().Add(within); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("not within %v: %s", within, what)
			return
		}
	}
}

// listed tells what upstream_servers lists of a server.
func listed(t testing.TB, c *mcptest.Client, name string) map[string]any {
	t.Helper()
	r := c.Tool("upstream_servers", map[string]any{"operation": "list"})
	var report struct{ Servers []map[string]any }
	if err := json.Unmarshal([]byte(r.Text()), &report); err != nil {
		t.Fatalf("%v: %s %s", err, r.Result, r.Error)
	}
	for _, s := range report.Servers {
		if s["name"] == name {
			return s
		}
	}
	return nil
}

func stateOf(t testing.TB, c *mcptest.Client, name string) string {
	t.Helper()
	state, _ := listed(t, c, name)["state"].(string)
	return state
}

// toolNames are the names in the list as it is now, in one string.
func toolNames(c *mcptest.Client) string { return " " + strings.Join(c.Names("tools/list"), " ") + " " }

type atomicInt struct{ n atomic.Int64 }

func (a *atomicInt) add()     { a.n.Add(1) }
func (a *atomicInt) get() int { return int(a.n.Load()) }
