package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// typed runs a command of the program without a terminal, and returns its output and exit code.
func (h *home) typed(args ...string) (out string, code int) {
	h.t.Helper()
	cmd := h.command(args...)
	text, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(text), exit.ExitCode()
	} else if err != nil {
		h.t.Fatal(err)
	}
	return string(text), 0
}

// recordFile is the file of a server's record.
func (h *home) recordFile(name string) string {
	h.t.Helper()
	files, _ := filepath.Glob(filepath.Join(h.state(), "records", "*"))
	for _, f := range files {
		if r, err := quarantine.Decode(must(os.ReadFile(f))); err == nil && r.Server == name {
			return f
		}
	}
	h.t.Fatalf("there is no record of %s", name)
	return ""
}

// unsealed is a record as somebody else could write it.
func unsealed(t testing.TB, data []byte) []byte {
	t.Helper()
	r, err := quarantine.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return r.Encode()
}

// Records that no decision of a person made do not count: the server is held, its process is not started, and the reason is told.
func TestStateRecordsThatDoNotCount(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	for what, attack := range map[string]func(h *home, file string, approved []byte){
		"an old one after a rejection": func(h *home, file string, approved []byte) {
			h.revoke("a")
			os.WriteFile(file, approved, 0o600)
		},
		"an old one with the old index": func(h *home, file string, approved []byte) {
			index := filepath.Join(h.state(), "approvals.index")
			old := must(os.ReadFile(index))
			h.revoke("a")
			os.WriteFile(file, approved, 0o600)
			os.WriteFile(index, old, 0o600)
		},
		"one written by hand": func(h *home, file string, approved []byte) {
			h.revoke("a")
			os.WriteFile(file, unsealed(h.t, approved), 0o600)
		},
		"one that was edited": func(h *home, file string, approved []byte) {
			os.WriteFile(file, bytes.Replace(approved, []byte("\nconfig "), []byte("\ntool\nconfig "), 1), 0o600)
		},
		"the log removed": func(h *home, file string, approved []byte) {
			os.Remove(filepath.Join(h.state(), "approvals.log"))
		},
	} {
		a, trace := traced(t, mcptest.Server{Name: "a", Mark: mark}, nil)
		h := newHome(t).set(entries{"a": a, "b": calm(mcptest.Server{Name: "b", Mark: mark})}, nil).learned()
		if out, code := h.typed("approvals", "--verify"); code != 0 || !strings.Contains(out, "are unchanged") {
			t.Errorf("%s: before: %d %s", what, code, out)
		}
		file := h.recordFile("a")
		began := starts(t, trace)
		attack(h, file, must(os.ReadFile(file)))
		if out, code := h.typed("approvals", "--verify"); code != 3 || !strings.Contains(out, h.state()) {
			t.Errorf("%s: --verify: %d %s", what, code, out)
		}
		c := h.initialized("")
		held(t, c, "a", "held_launch")
		tells(t, c.Tool("a__echo", map[string]any{"message": "x"}), "not count")
		if strings.Contains(toolNames(c), " a__") || starts(t, trace) != began {
			t.Errorf("%s: it is offered, or was started", what)
		}
		c.Close()
	}
}

// The same while a proxy runs: it takes trust away at once.
func TestStateRecordPutBackWhileItRuns(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}, nil).learned()
	file := h.recordFile("a")
	approved := must(os.ReadFile(file))
	c := h.initialized("")
	answers(t, c, "a")
	if err := os.WriteFile(file, unsealed(t, approved), 0o600); err != nil {
		t.Fatal(err)
	}
	soon(t, 20*time.Second, "it is held", func() bool { return stateOf(t, c, "a") == "held_launch" })
}
