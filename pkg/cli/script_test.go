package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/zalando/go-keyring"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// TestMain makes the test binary the program itself when it runs as mcpproxy-stdio, so that it can start itself again as try
// does, and as the shim of its servers; and a scripted server when the environment says so. No test touches the real keyring: TEST_KEYRING is the one secret of another,
// as NAME=VALUE, and TEST_KEYRING_ERROR the error of one that can't be used.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == transport.ShimArg {
		transport.RunShim()
	}
	mcptest.Main()
	mockKeyring()
	mcptest.MostlyWaiting()
	testscript.Main(m, map[string]func(){"mcpproxy-stdio": func() {
		mockKeyring()
		ClientStarted = func() (time.Time, bool) { return time.Now(), true } // the tests are older than their files
		store.AccountHome = func() string { return os.Getenv("WORK") }
		if text := os.Getenv("TEST_KEYRING_ERROR"); text != "" {
			keyring.MockInitWithError(errors.New(text))
		}
		if name, value, ok := strings.Cut(os.Getenv("TEST_KEYRING"), "="); ok {
			keyring.Set("mcpproxy-stdio", name, value)
		}
		os.Exit(Main(os.Args[1:]))
	}})
}

// mockKeyring is a keyring that has the same key for approvals in each process.
func mockKeyring() {
	keyring.MockInit()
	keyring.Set("mcpproxy-stdio approvals", "record key", base64.StdEncoding.EncodeToString(make([]byte, 32)))
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			for _, name := range []string{"state", "config", "temp"} {
				if err := os.Mkdir(filepath.Join(e.WorkDir, name), 0o700); err != nil {
					return err
				}
			}
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("MCPPROXY_CONFIG", filepath.Join(e.WorkDir, "mcp_config.json"))
			for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
				e.Setenv(name, filepath.Join(e.WorkDir, "temp"))
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"code":  code,
			"await": await,
			"empty": empty,
			"visit": visit,
		},
	})
}

// code N COMMAND... runs a command and wants an exit code. Its output is not kept: run it with exec for that.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	var exit interface{ ExitCode() int }
	if errors.As(err, &exit) {
		got = map[int]string{1: "1", 2: "2", 3: "3"}[exit.ExitCode()]
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// await PATTERN waits until a file of that name exists.
func await(ts *testscript.TestScript, neg bool, args []string) {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if found, err := filepath.Glob(ts.MkAbs(args[0])); err == nil && len(found) > 0 {
			return
		}
	}
	ts.Fatalf("there is no %s", args[0])
}

// empty DIR wants nothing in a directory.
func empty(ts *testscript.TestScript, neg bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(entries) > 0 {
		ts.Fatalf("%s is not empty: %v", args[0], entries)
	}
}

// visit is a client that starts the proxy, reads its list of tools and leaves.
func visit(ts *testscript.TestScript, neg bool, args []string) {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "MCPPROXY_CONFIG"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	program, err := exec.LookPath("mcpproxy-stdio")
	ts.Check(err)
	c, err := connect(ctx, os.Stderr, "", env, program)
	ts.Check(err)
	var ignored struct{}
	ts.Check(c.call(ctx, "initialize", map[string]any{"protocolVersion": "2025-11-25", "capabilities": map[string]any{}}, &ignored, nil))
	ts.Check(c.call(ctx, "tools/list", map[string]any{}, &ignored, nil))
	ts.Check(c.close())
}
