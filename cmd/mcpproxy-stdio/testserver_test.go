package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// tested is what mcpproxy-stdio test says of a server.
type tested struct {
	OK         bool
	State, Why string
	Tools      []string
	exit       int
	stderr     string
}

func (h *home) test(name string) (r tested) {
	h.t.Helper()
	cmd := h.command("test", name, "--json")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		h.t.Fatalf("%v: %s%s", err, &out, &errs)
	}
	r.exit, r.stderr = cmd.ProcessState.ExitCode(), errs.String()
	return r
}

// TestTestInAContainer: the command starts a server in its container, lists its tools, and leaves no container.
func TestTestInAContainer(t *testing.T) {
	t.Parallel()
	b := sharedBoxes(t)
	h := newHome(t).set(entries{
		"boxed":  b.entry(mcptest.Server{Builtins: []string{"echo"}}, nil),
		"broken": b.entry(mcptest.Server{}, options{"image": "example.invalid/none:1", "pull": "never"}),
	}, nil)
	if r := h.test("boxed"); !r.OK || r.exit != 0 || !slices.Equal(r.Tools, []string{"echo"}) {
		t.Errorf("%+v", r)
	}
	if r := h.test("broken"); r.OK || r.exit != 1 || r.State != "failed" || !strings.Contains(r.Why, "example.invalid/none:1") {
		t.Errorf("%+v", r)
	}
	b.empty(h)
}

// TestTestNeedsLogin: the command says which login is missing, in the words of a terminal; after it the same command works, and again when
// it was taken away.
func TestTestNeedsLogin(t *testing.T) {
	t.Parallel()
	h, b := newBed(t, "")
	wantsLogin := func() {
		t.Helper()
		if r := h.test("bed"); r.OK || r.exit != 1 || !strings.Contains(r.Why, "mcpproxy-stdio login bed") || strings.Contains(r.Why, "oauth_login") {
			t.Errorf("%+v", r)
		}
	}
	wantsLogin()
	wantsLogin()
	c := h.initialized("")
	visits(t, login(t, c, nil).URL)
	if done := login(t, c, map[string]any{"wait": true}); done.Status != "logged in" {
		t.Fatalf("%+v", done)
	}
	c.Close()
	if r := h.test("bed"); !r.OK || r.exit != 0 || !slices.Contains(r.Tools, "whoami") {
		t.Errorf("%+v", r)
	}
	for _, kind := range []string{"AccessToken", "RefreshToken", "Grant", "Session"} {
		b.Forget(kind)
	}
	b.Faults(map[string]any{"rs": map[string]any{"reject": 1}})
	wantsLogin()
}
