package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// forms are the capabilities of a client that shows forms to a person.
const forms = `{"elicitation":{}}`

// outcome is what quarantine_approve answers.
type outcome struct {
	Status, Server, State, Why, Digest, Next string
	Ways                                     []string
}

// inspection is what quarantine_review says of one server.
type inspection struct {
	Name, State, From, Launch, Isolation, Policy, Digest, Do string
	Was                                                      string `json:"launch_was"`
	Env, Notes                                               []string
	Items, Changes                                           map[string]int
	Findings                                                 []map[string]any
}

func inspect(t testing.TB, c *mcptest.Client, name string) (in inspection) {
	t.Helper()
	r := c.Tool("quarantine_review", map[string]any{"operation": "inspect", "name": name})
	if err := json.Unmarshal([]byte(r.Text()), &in); err != nil {
		t.Errorf("inspect %s: %s %s", name, r.Result, r.Error)
	}
	return in
}

// approve asks for the approval of what waits at a server now; more are further arguments.
func approve(t testing.TB, c *mcptest.Client, name string, more map[string]any) outcome {
	t.Helper()
	args := map[string]any{"name": name}
	if more["digest"] == nil {
		args["digest"] = inspect(t, c, name).Digest
	}
	for k, v := range more {
		args[k] = v
	}
	return outcomeOf(t, c.Tool("quarantine_approve", args))
}

// outcomeOf reads an answer of quarantine_approve; an error result has it as its Why.
func outcomeOf(t testing.TB, r mcptest.Response) (out outcome) {
	t.Helper()
	if r.IsError() {
		return outcome{Status: "error", Why: r.Text()}
	}
	if err := json.Unmarshal([]byte(r.Text()), &out); err != nil {
		t.Errorf("approve: %s %s", r.Result, r.Error)
	}
	return out
}

// asked is a form that the proxy put to a person.
type asked struct {
	Message string
	Schema  json.RawMessage `json:"requestedSchema"`
}

var typeExactly = regexp.MustCompile(`Type exactly: ([^"]*)`)

// text is what the form wants to be typed.
func (a asked) text() string {
	if m := typeExactly.FindSubmatch(a.Schema); m != nil {
		return string(m[1])
	}
	return ""
}

func readForm(params json.RawMessage) (a asked) {
	if err := json.Unmarshal(params, &a); err != nil {
		panic(err)
	}
	return a
}

// thinking is how long a person reads at the very least.
const thinking = 1100 * time.Millisecond

func accept(text string) map[string]any {
	return map[string]any{"action": "accept", "content": map[string]any{"confirmation": text}}
}

// honest has the client's person read each form and type what it asks for.
func honest(c *mcptest.Client) *forum {
	f := &forum{}
	c.Handle("elicitation/create", func(params json.RawMessage) (any, error) {
		a := f.note(params)
		time.Sleep(thinking)
		return accept(a.text()), nil
	})
	return f
}

// forum keeps the forms that were shown.
type forum struct {
	mu   sync.Mutex
	seen []asked
}

func (f *forum) note(params json.RawMessage) asked {
	a := readForm(params)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, a)
	return a
}

func (f *forum) all() []asked {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]asked(nil), f.seen...)
}

// book is the state as another process of the same user sees it.
func (h *home) book() *quarantine.Book {
	b := quarantine.NewBook(store.Open(h.state()))
	b.CodeCost = 1 // a machine under test has other things to do
	return b
}

// keyed is a configuration under the key of the state, as the records have it.
func (h *home) keyed(c *config.Config) *config.Config {
	h.t.Helper()
	key, err := h.book().Key()
	if err != nil {
		h.t.Fatal(err)
	}
	return c.Keyed(key)
}

// entry is a server as its file has it now; file is "" for the user's own.
func (h *home) entry(file, name string) *config.Server {
	h.t.Helper()
	c, err := config.Load(h.config)
	if err != nil {
		h.t.Fatal(err)
	}
	c = h.keyed(c)
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			h.t.Fatal(err)
		}
		c = c.WithWorkspace(file, data)
	}
	s := c.Server(name)
	if s == nil {
		h.t.Fatalf("no server %s is configured", name)
	}
	return s
}

func (h *home) record(file, name string) *quarantine.Record {
	h.t.Helper()
	if file == "" {
		file = h.config
	}
	r, err := h.book().Read(file, name)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// allow is a person who approves on a terminal what waits at a server, one step of it. It does not look at findings.
func (h *home) allow(file, name string) string {
	h.t.Helper()
	s := h.entry(file, name)
	decision := ""
	_, err := h.book().Update(s.Path, name, func(r *quarantine.Record) (err error) {
		p := r.Proposal(s)
		if p == nil {
			return quarantine.ErrNothing
		}
		decision, err = r.Approve(s, p.Digest, quarantine.Means{How: "terminal", By: "test"}, func(quarantine.Item) scan.Severity { return scan.Info })
		return err
	})
	if err != nil {
		h.t.Errorf("approving %s on a terminal: %v", name, err)
	}
	return decision
}

// allowAll is allow for both steps; a running proxy makes the inspection in between.
func (h *home) allowAll(file, name string) {
	h.t.Helper()
	if decision := h.allow(file, name); decision != "inspect" {
		h.t.Errorf("the first step of %s was %q", name, decision)
		return
	}
	h.inspected(file, name)
	h.allow(file, name)
}

// allowFile is a person who approves the whole file on a terminal.
func (h *home) allowFile() {
	h.t.Helper()
	c, err := config.Load(h.config)
	if err == nil {
		var key []byte
		key, err = h.book().Key()
		c = c.Keyed(key)
	}
	if err == nil {
		err = h.book().ApproveFile(h.config, c.Servers, quarantine.Means{How: "terminal", By: "test"})
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// inspected waits until the inspection that was approved has ended.
func (h *home) inspected(file, name string) {
	h.t.Helper()
	soon(h.t, 10*time.Second, name+" is inspected", func() bool { r := h.record(file, name); return r != nil && r.Seen })
}

// code is what a person reads at the end of a review on their terminal.
func (h *home) code(file, name string) string {
	h.t.Helper()
	s := h.entry(file, name)
	p := h.record(file, name).Proposal(s)
	if p == nil || p.Digest == "" {
		h.t.Fatalf("nothing of %s can be approved now", name)
	}
	code, err := h.book().NewCode(s.Path, name, p.Digest)
	if err != nil {
		h.t.Fatal(err)
	}
	return code
}

// decisions are those of one server in the log, in order, in one string.
func (h *home) decisions(name string) string {
	h.t.Helper()
	log, err := h.book().Log()
	if err != nil {
		h.t.Errorf("the log of decisions: %v", err)
	}
	var all []string
	for _, e := range log {
		if e.Server == name {
			all = append(all, strings.TrimSuffix(e.Decision+":"+e.How, ":"))
		}
	}
	return strings.Join(all, " ")
}

// witness is an entry's launch that leaves a trace when it is started, and the file of these traces.
func witness(t testing.TB, name string, opts mcptest.Server) (launch map[string]any, trace string) {
	t.Helper()
	trace = filepath.Join(t.TempDir(), "starts")
	launch = launchOf(name, opts)
	launch["env"].(map[string]string)[envStarts] = trace
	return launch, trace
}

// held checks that a server is held, in a state ("" for any), and that a call of it says so.
func held(t testing.TB, c *mcptest.Client, name, state string) {
	t.Helper()
	if got := stateOf(t, c, name); got != state && (state != "" || !strings.HasPrefix(got, "held_")) {
		t.Errorf("%s is %s, want %s", name, got, state)
	}
	tells(t, c.Tool(name+"__echo", map[string]any{"message": "x"}), `server "`+name+`"`, "quarantine", "mcpproxy-stdio approve")
}

// received are all bytes that a client got, and what the proxy wrote to stderr.
func received(c *mcptest.Client) string {
	var b strings.Builder
	for _, m := range c.Received() {
		b.Write(m.Raw)
		b.WriteByte('\n')
	}
	return b.String() + c.Stderr()
}

// lacks checks that a text has none of some strings, in whatever JSON spelling.
func lacks(t testing.TB, where, text string, strs ...string) {
	t.Helper()
	for _, s := range strs {
		if i := strings.Index(text, s); i >= 0 {
			t.Errorf("%s has %q: …%s…", where, s, text[max(0, i-200):min(len(text), i+len(s)+100)])
		}
	}
}

// lines counts the lines of a file that are exactly this; a missing file has none.
func lines(path, want string) (n int) {
	data, _ := os.ReadFile(path)
	for line := range strings.Lines(string(data)) {
		if strings.TrimSpace(line) == want {
			n++
		}
	}
	return n
}

// reset is what only a test can do: it holds a server anew, and nobody has said no.
func (h *home) reset(name string) {
	h.t.Helper()
	if _, err := h.book().Update(h.config, name, func(r *quarantine.Record) error {
		r.Refused = time.Time{}
		r.Hold()
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
}

// revoke is a person who takes all trust from a server on a terminal.
func (h *home) revoke(name string) {
	h.t.Helper()
	if _, err := h.book().Update(h.config, name, func(r *quarantine.Record) error {
		r.Reject(quarantine.Means{How: "terminal", By: "test"})
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
}

// filesIn are all files below a directory, by path.
func filesIn(dir string) map[string]string {
	all := map[string]string{}
	filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			data, _ := os.ReadFile(path)
			all[path] = string(data)
		}
		return nil
	})
	return all
}
