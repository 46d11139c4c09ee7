package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// heldWithoutState checks that no server runs whose definitions can't be pinned, that each says why, and that all is well soon after
// the state is mended.
func heldWithoutState(t *testing.T, prepare, mend func(h *home), want string) {
	t.Helper()
	mark := marked(t)
	h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark}), "b": calm(mcptest.Server{Name: "b", Mark: mark})}, nil)
	prepare(h)
	c := h.initialized("")
	if names := toolNames(c); strings.Contains(names, "__") || !strings.Contains(names, " upstream_servers ") {
		t.Errorf("the list is %s", names)
	}
	for _, name := range []string{"a", "b"} {
		tells(t, c.Tool(name+"__echo", map[string]any{"message": "x"}), `server "`+name+`"`, "check the state directory", want)
	}
	if pids := mcptest.ProcessesWithEnv(mark); pids != nil {
		t.Errorf("they run: %v", pids)
	}
	if !strings.Contains(c.Stderr(), want) {
		t.Errorf("the log does not tell: %s", c.Stderr())
	}
	mend(h)
	soon(t, 15*time.Second, "a is listed", func() bool { return strings.Contains(toolNames(c), " a__echo ") })
	answers(t, c, "a")
	answers(t, c, "b")
}

func TestStateDirectoryIsAFile(t *testing.T) {
	t.Parallel()
	heldWithoutState(t, func(h *home) {
		os.MkdirAll(filepath.Dir(h.state()), 0o700)
		if err := os.WriteFile(h.state(), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}, func(h *home) { os.Remove(h.state()) }, "not a directory")
}

func TestStateDirectoryIsReadOnly(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 && runtime.GOOS != "windows" {
		heldWithoutState(t, func(h *home) {
			os.MkdirAll(h.state(), 0o500)
		}, func(h *home) { os.Chmod(h.state(), 0o700) }, "permission denied")
		return
	}
	heldWithoutState(t, func(h *home) { // permissions do not bind this user
		os.MkdirAll(h.state(), 0o700)
		if !mountTiny(t, h.state(), true) {
			t.Skip("a read-only file system can be mounted by root on Linux only")
		}
	}, func(h *home) { unmount(h.state()) }, "read-only file system")
}

func TestRecordsAreALink(t *testing.T) {
	t.Parallel()
	heldWithoutState(t, func(h *home) {
		os.MkdirAll(h.state(), 0o700)
		if err := os.Symlink(t.TempDir(), filepath.Join(h.state(), "records")); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}, func(h *home) { os.Remove(filepath.Join(h.state(), "records")) }, "not safe to use")
}

func TestRecordsCanBeWrittenByOthers(t *testing.T) {
	t.Parallel()
	heldWithoutState(t, func(h *home) {
		dir := filepath.Join(h.state(), "records")
		os.MkdirAll(dir, 0o700)
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}, func(h *home) { os.Chmod(filepath.Join(h.state(), "records"), 0o700) }, "others can write")
}

func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	heldWithoutState(t, func(h *home) {
		os.MkdirAll(h.state(), 0o700)
		if !mountTiny(t, h.state(), false) {
			t.Skip("a file system of one page can be mounted by root on Linux only")
		}
		os.MkdirAll(filepath.Join(h.state(), "records"), 0o700)
		for n := 4096; n > 0; n /= 2 { // fill it up
			os.WriteFile(filepath.Join(h.state(), fmt.Sprint("fill", n)), make([]byte, n), 0o600)
		}
	}, func(h *home) { unmount(h.state()) }, "no space left on device")
}

// A damaged record is neither used nor replaced: its server is held, and the others go on.
func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark}), "b": calm(mcptest.Server{Name: "b", Mark: mark})}, nil).learned()
	files, _ := filepath.Glob(filepath.Join(h.state(), "records", "*"))
	if len(files) != 2 {
		t.Fatalf("records: %v", files)
	}
	file, whole := files[0], []byte(nil)
	if whole, _ = os.ReadFile(file); !strings.Contains(string(whole), "\nserver \"a\"\n") {
		file = files[1]
		whole, _ = os.ReadFile(file)
	}
	for name, data := range map[string][]byte{"empty": {}, "half": whole[:len(whole)/2], "zeros": make([]byte, len(whole)), "of a version to come": append([]byte("x"), whole...)} {
		os.WriteFile(file, data, 0o600)
		c := h.initialized("")
		if names := toolNames(c); strings.Contains(names, "a__") {
			t.Errorf("%s: %s", name, names)
		}
		tells(t, c.Tool("a__echo", nil), `server "a"`, "check the state directory", file, "remove the file")
		answers(t, c, "b")
		c.Close()
		if now, _ := os.ReadFile(file); string(now) != string(data) {
			t.Errorf("%s: the file was replaced", name)
		}
	}
	os.Remove(file) // then nobody has seen it
	c := h.initialized("")
	if state := stateOf(t, c, "a"); state != "held_launch" {
		t.Errorf("without its record it is %s", state)
	}
}

func TestManyAtOnceOnAnEmptyState(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{
		"a": calm(mcptest.Server{Name: "a", Mark: mark}), "b": calm(mcptest.Server{Name: "b", Mark: mark, Tools: 300})}, map[string]any{"first_list_wait": "60s"})
	const n = 20
	lists := make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		c := h.start()
		c.Timeout = time.Minute
		all.Go(func() {
			c.Initialize("", "")
			lists[i] = toolNames(c)
			answers(t, c, "b")
			c.Close()
		})
	}
	all.Wait()
	for i, names := range lists {
		if names != lists[0] || !strings.Contains(names, " b__tool_00300 ") || !strings.Contains(names, " a__echo ") {
			t.Errorf("process %d lists %.200s", i, names)
		}
	}
	c := h.initialized("")
	if names := toolNames(c); names != lists[0] {
		t.Errorf("what was recorded differs: %.200s", names)
	}
	if kids := mcptest.Descendants(c.Pid()); kids != nil {
		t.Errorf("servers had to be started: %v", kids)
	}
}

func TestKilledDuringTheFirstStart(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark}), "b": calm(mcptest.Server{Name: "b", Mark: mark, Tools: 500})}, nil)
	for range 20 {
		os.RemoveAll(h.state())
		c := h.start()
		c.Send(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`)
		c.Send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		c.Send(`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
		time.Sleep(time.Duration(rand.IntN(250)) * time.Millisecond)
		signal(c.Pid(), syscall.SIGKILL)
		c.WaitExit(time.Second)
		c = h.initialized("")
		if names := toolNames(c); !strings.Contains(names, " a__echo ") || !strings.Contains(names, " b__tool_00500 ") {
			t.Errorf("the next start lists %.300s", names)
		}
		answers(t, c, "b")
		c.Close()
		if strings.Contains(c.Stderr(), "not used") {
			t.Errorf("a snapshot was damaged: %s", c.Stderr())
		}
	}
}
