package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/cli"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// asProxy makes the test binary be the proxy, so that the race detector and coverage see it.
const asProxy = "MCPPROXY_TEST_AS_PROXY"

// envClient has the proxy look for its client, as it does in earnest; envAccount is the home directory of the account; with envLasting the
// files of tests are not taken for temporary ones.
const (
	envClient  = "MCPPROXY_TEST_CLIENT"
	envAccount = "MCPPROXY_TEST_ACCOUNT"
	envLasting = "MCPPROXY_TEST_LASTING"
)

func TestMain(m *testing.M) {
	mcptest.Main()
	if os.Getenv(asProxy) != "" {
		// Tests write a configuration and run the proxy themselves: they are older than the file, and not the client that it asks for. Those that
		// are about the client start the proxy through another process, with envClient set.
		if os.Getenv(envClient) == "" {
			cli.ClientStarted = func() (time.Time, bool) { return time.Now(), true }
		}
		if key := os.Getenv(envLandedKey); key != "" {
			keyring.MockInit()
			if err := keyring.Set("mcpproxy-stdio oauth", "token encryption key", base64.StdEncoding.EncodeToString([]byte(key))); err != nil {
				panic(err)
			}
		}
		store.AccountHome = func() string { return os.Getenv(envAccount) }
		if os.Getenv(envLasting) != "" {
			quarantine.Temporary = func() []string { return nil }
		}
		os.Exit(cli.Main(os.Args[1:]))
	}
	keyring.MockInitWithError(errors.New("tests look at the state of proxies without a keyring"))
	mcptest.MostlyWaiting()
	os.Exit(m.Run())
}

// home is the proxy's world in one test: its configuration and its state.
type home struct {
	t      testing.TB
	dir    string
	config string
	more   []string // environment
}

func newHome(t testing.TB) *home {
	dir := t.TempDir()
	return &home{t: t, dir: dir, config: filepath.Join(dir, "config.json")}
}

// configure writes the configuration in the object form; entries are raw.
func (h *home) configure(servers map[string]json.RawMessage) *home {
	h.t.Helper()
	data, err := json.MarshalIndent(map[string]any{"mcpServers": servers}, "", "  ")
	if err == nil {
		err = os.WriteFile(h.config, data, 0o600)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return h
}

// server is an entry that starts the scripted upstream.
func server(opts mcptest.Server) json.RawMessage { return mcptest.Entry(opts, nil) }

// remote is an entry for a scripted upstream over HTTP.
func remote(url string) json.RawMessage {
	return json.RawMessage(`{"type":"http","url":"` + url + `"}`)
}

// start runs the proxy as an editor does. Arguments are added to --config.
func (h *home) start(options ...mcptest.ClientOption) *mcptest.Client {
	return mcptest.Start(h.t, h.command(), options...)
}

// initialized is start with the handshake done; caps are the client's capabilities as JSON.
func (h *home) initialized(caps string) *mcptest.Client {
	h.t.Helper()
	c := h.start()
	c.Initialize(caps, "")
	return c
}

// command is the proxy's command line in its home.
func (h *home) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append([]string{"--config", h.config}, args...)...)
	cmd.Dir = h.dir
	cmd.Env = append(os.Environ(), asProxy+"=1", "GORACE=atexit_sleep_ms=0", "HOME="+h.dir, envAccount+"="+h.dir, "DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(h.dir, "no-bus"),
		"XDG_STATE_HOME="+filepath.Join(h.dir, "state"), "XDG_CONFIG_HOME="+filepath.Join(h.dir, "xdg-config"))
	return cmd
}

// npmServer is the main file of a reference server. Without one the test is skipped, in CI it fails.
func npmServer(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("MCPPROXY_TEST_NPM")
	file := filepath.Join(dir, "node_modules", "@modelcontextprotocol", name, "dist", "index.js")
	_, err := os.Stat(file)
	switch {
	case dir != "" && err == nil:
		return file
	case os.Getenv("MCPPROXY_TEST_NO_SKIP") != "":
		t.Fatalf("%s is not installed; MCPPROXY_TEST_NPM must name the folder that testdata/npm was installed into", name)
	}
	t.Skipf("needs Node and %s: set MCPPROXY_TEST_NPM to a folder that testdata/npm was installed into", name)
	return ""
}
