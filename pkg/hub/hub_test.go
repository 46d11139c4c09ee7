package hub

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/zalando/go-keyring"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

func TestMain(m *testing.M) {
	mcptest.Main()
	keyring.MockInitWithError(errors.New("there is no keyring in this test"))
	os.Exit(m.Run())
}

// testHub is a hub with its files.
type testHub struct {
	*Hub
	t   *testing.T
	dir string
	log *lines
}

// lines is a log in memory.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newHub(t *testing.T, servers map[string]json.RawMessage) *testHub {
	t.Helper()
	h := &testHub{t: t, dir: t.TempDir(), log: &lines{}}
	h.write(servers)
	h.open()
	return h
}

// open makes a hub over the files, as a process that starts does.
func (h *testHub) open() {
	h.Hub = New(Options{ConfigPath: filepath.Join(h.dir, "config.json"), Store: store.Open(filepath.Join(h.dir, "state")), Version: "test", Log: zerolog.New(h.log), Own: TestOwn})
	h.t.Cleanup(h.Hub.Close)
}

func (h *testHub) write(servers map[string]json.RawMessage) {
	h.t.Helper()
	data, err := json.Marshal(map[string]any{"mcpServers": servers})
	if err == nil {
		err = os.WriteFile(filepath.Join(h.dir, "config.json"), data, 0o600)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// client connects a client; done is closed when its session is over.
func (h *testHub) client(opts session.Options) (c *mcptest.Client, done chan struct{}) {
	h.t.Helper()
	c, done = h.connect(opts)
	c.Initialize("", "")
	return c, done
}

// connect is client before the handshake.
func (h *testHub) connect(opts session.Options) (c *mcptest.Client, done chan struct{}) {
	h.t.Helper()
	fromClient, toHub := io.Pipe()
	fromHub, toClient := io.Pipe()
	reader := jsonrpc.NewReader(fromClient, jsonrpc.Detect, 0)
	conn := jsonrpc.Conn{In: reader, Out: jsonrpc.NewOutlet(toClient, reader.Framing, 0)}
	done = make(chan struct{})
	opts.Environ = os.Environ()
	go func() {
		defer close(done)
		if err := h.Serve(context.Background(), conn, opts, 500*time.Millisecond); err != nil {
			h.t.Error(err)
		}
		conn.Out.Drain(time.Second)
		toClient.Close()
		fromClient.Close()
	}()
	return mcptest.NewClient(h.t, fromHub, toHub), done
}

func text(c *mcptest.Client, tool string, args map[string]any) string {
	r := c.Tool(tool, args)
	return r.Text() + string(r.Error)
}

func remote(url string) json.RawMessage { return json.RawMessage(`{"url":"` + url + `"}`) }

func TestNothingIsLeftOfSessions(t *testing.T) {
	mcptest.CheckGoroutines(t)
	web := mcptest.NewHTTP(t, mcptest.HTTPOptions{Server: mcptest.Server{Name: "web"}})
	h := newHub(t, map[string]json.RawMessage{"web": remote(web.URL), "child": mcptest.Entry(mcptest.Server{Name: "child"}, nil)})
	for range 3 {
		c, done := h.client(session.Options{})
		if names := strings.Join(c.Names("tools/list"), " "); !strings.Contains(names, "web__echo") || !strings.Contains(names, "child__echo") {
			t.Errorf("the list is %s", names)
		}
		for _, tool := range []string{"web__echo", "child__echo"} {
			if got := text(c, tool, map[string]any{"message": "x"}); got != "Echo: x" {
				t.Errorf("%s: %s", tool, got)
			}
		}
		c.Close()
		<-done
	}
	if n := len(web.Sessions()); n != 0 {
		t.Errorf("%d sessions are left at the server", n)
	}
	h.Close()
}

// Two clients have a server each; one leaves and the other's goes on.
func TestSessionsHaveTheirOwnServers(t *testing.T) {
	mcptest.CheckGoroutines(t)
	h := newHub(t, map[string]json.RawMessage{"child": mcptest.Entry(mcptest.Server{Name: "child"}, nil)})
	a, doneA := h.client(session.Options{})
	b, doneB := h.client(session.Options{})
	a.List("tools/list")
	b.List("tools/list")
	for range 3 {
		text(a, "child__incr", nil)
	}
	pid := text(b, "child__pid", nil)
	if text(a, "child__pid", nil) == pid {
		t.Error("they share a process")
	}
	if got := text(b, "child__incr", nil); got != "1" {
		t.Errorf("the other client's calls are seen: %s", got)
	}
	a.Close()
	<-doneA
	if text(b, "child__pid", nil) != pid {
		t.Error("the other's server was ended")
	}
	b.Close()
	<-doneB
	h.Close()
}

// The last client leaves while new servers are being looked at; the next one has them looked at again.
func TestLeaveDuringTheFirstLook(t *testing.T) {
	mcptest.CheckGoroutines(t)
	h := newHub(t, map[string]json.RawMessage{"slow": mcptest.Entry(mcptest.Server{Name: "slow", InitDelay: 700 * time.Millisecond}, nil)})
	c, done := h.client(session.Options{})
	time.Sleep(100 * time.Millisecond)
	c.Close()
	<-done
	c, done = h.client(session.Options{})
	if names := strings.Join(c.Names("tools/list"), " "); !strings.Contains(names, "slow__echo") {
		t.Errorf("the list is %s", names)
	}
	c.Close()
	<-done
	h.Close()
}

func TestReloadsAtOnce(t *testing.T) {
	h := newHub(t, nil)
	one := mcptest.Entry(mcptest.Server{}, nil)
	var all sync.WaitGroup
	for i := range 30 {
		h.write(map[string]json.RawMessage{"n" + string(rune('a'+i%26)): one})
		for range 3 {
			all.Go(h.Reload)
		}
	}
	h.write(map[string]json.RawMessage{"last": one})
	all.Go(h.Reload)
	all.Wait()
	if h.Config(nil).Server("last") == nil {
		t.Error("an older file won")
	}
}

func TestReloadOfWhatIsNoConfiguration(t *testing.T) {
	h := newHub(t, map[string]json.RawMessage{"a": mcptest.Entry(mcptest.Server{}, nil)})
	for name, data := range map[string]string{"empty": "", "half": `{"mcpServers":{"a"`, "no object": "7"} {
		os.WriteFile(filepath.Join(h.dir, "config.json"), []byte(data), 0o600)
		h.Reload()
		if h.Config(nil).Server("a") == nil {
			t.Fatalf("%s: the running configuration was given up", name)
		}
	}
	h.write(nil)
	h.Reload()
	if len(h.Config(nil).Servers) != 0 {
		t.Error("a good file was not taken")
	}
}

func TestChangedServers(t *testing.T) {
	parse := func(entry string) *config.Config {
		t.Helper()
		c, err := config.Parse("file", []byte(`{"mcpServers":{"other":{"command":"o"},"x":`+entry+`}}`))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for change, restarts := range map[string]bool{
		`{"command":"c"}`:                        false,
		`   {"command": "c" /* moved */}`:        false,
		`{"command":"c","disabled_tools":["x"]}`: false,
		`{"command":"c","enabled_tools":[]}`:     false,
		`{"command":"c","tool_changes":"auto"}`:  false,
		`{"command":"d"}`:                        true,
		`{"command":"c","args":["x"]}`:           true,
		`{"command":"c","env":{"A":"b"}}`:        true,
		`{"command":"c","working_dir":"/"}`:      true,
		`{"command":"c","enabled":false}`:        true,
		`{"command":"c","quarantined":true}`:     false, // what it holds is Held
		`{"command":"c","call_timeout":3}`:       true,
		`{"command":"c","oauth":{}}`:             true,
		`{"url":"https://example.com"}`:          true,
	} {
		got := changedServers(parse(`{"command":"c"}`), parse(change))
		if restarts != (len(got) == 1) || restarts && got[0] != "x" {
			t.Errorf("%s: %v are ended", change, got)
		}
	}
}

func TestWithWorkspace(t *testing.T) {
	h := newHub(t, map[string]json.RawMessage{"a": mcptest.Entry(mcptest.Server{}, nil)})
	folder := t.TempDir()
	path := config.WorkspacePath(folder)
	os.MkdirAll(filepath.Dir(path), 0o700)
	c := h.Config(nil)
	if withWorkspace(c, "") != c || withWorkspace(c, folder) != c {
		t.Error("without a file the configuration is another")
	}
	os.WriteFile(path, []byte(`{"mcpServers":{"a":{"command":"evil"},"b":{"command":"evil"}}}`), 0o600)
	got := withWorkspace(c, folder)
	if b := got.Server("b"); b == nil || !b.Workspace || got.Server("a").Command == "evil" || len(got.Problems) == 0 {
		t.Errorf("got %+v", got.Servers)
	}
	if h.Config(nil).Server("b") != nil {
		t.Error("it is in force")
	}
	os.Remove(path)
	os.Mkdir(path, 0o700)
	if got := withWorkspace(c, folder); len(got.Servers) != len(c.Servers) || len(got.Problems) != len(c.Problems)+1 {
		t.Error("a directory was read")
	}
}

// The definitions are recorded once; a hub that starts later serves them with nothing running.
func TestRecorded(t *testing.T) {
	web := mcptest.NewHTTP(t, mcptest.HTTPOptions{Server: mcptest.Server{Name: "web"}})
	h := newHub(t, map[string]json.RawMessage{"web": remote(web.URL)})
	c, done := h.client(session.Options{})
	want := strings.Join(c.Names("tools/list"), " ")
	c.Close()
	<-done
	h.Close()
	asked := len(web.RequestsFor("initialize")) // a late goodbye of the first hub asks nothing
	h.open()
	c, done = h.client(session.Options{})
	if got := strings.Join(c.Names("tools/list"), " "); got != want {
		t.Errorf("recorded: %s\nwant %s", got, want)
	}
	if n := len(web.RequestsFor("initialize")); n != asked {
		t.Errorf("the server was asked %d times", n-asked)
	}
	c.Close()
	<-done
	// Another launch has other definitions.
	h.write(map[string]json.RawMessage{"web": remote(web.URL + "?x")})
	got := Servers(mustLoad(t, h), "", store.Open(filepath.Join(h.dir, "state")), zerolog.Nop())
	if len(got) != 1 || got[0].Record.State(got[0].Written) != quarantine.HeldLaunch || got[0].Effective.Held == "" {
		t.Errorf("what was recorded of another launch is used: %v", got)
	}
}

func mustLoad(t *testing.T, h *testHub) *config.Config {
	t.Helper()
	c, err := config.Load(filepath.Join(h.dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := h.book.Key()
	if err != nil {
		t.Fatal(err)
	}
	return c.Keyed(key)
}
