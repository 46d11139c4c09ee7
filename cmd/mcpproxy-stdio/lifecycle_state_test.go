package main

import (
	"encoding/json"
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

// worksWithoutState checks that the proxy does its work and says once for each server what is wrong with its state.
func worksWithoutState(t *testing.T, prepare func(h *home), want string) {
	t.Helper()
	mark := marked(t)
	h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark}), "b": calm(mcptest.Server{Name: "b", Mark: mark})}, nil)
	prepare(h)
	for range 2 { // it has to learn anew each time
		c := h.initialized("")
		names := toolNames(c)
		if !strings.Contains(names, " a__echo ") || !strings.Contains(names, " b__echo ") {
			t.Errorf("the list is %s", names)
		}
		answers(t, c, "a")
		answers(t, c, "b")
		c.Tool("a__add_tool", map[string]any{"name": "late"})
		soon(t, 5*time.Second, "a new tool is listed", func() bool { return strings.Contains(toolNames(c), " a__late ") })
		c.Close()
		lines := map[string]int{}
		for line := range strings.Lines(c.Stderr()) {
			var entry map[string]any
			if json.Unmarshal([]byte(line), &entry) == nil && strings.Contains(fmt.Sprint(entry["message"]), "definitions not recorded") {
				lines[fmt.Sprint(entry["server"])]++
				if !strings.Contains(line, want) {
					t.Errorf("%q is not in %s", want, line)
				}
			}
		}
		if lines["a"] == 0 || lines["b"] != 1 || lines["a"] > 3 { // a learned something twice
			t.Errorf("told %v\n%s", lines, c.Stderr())
		}
	}
}

func TestStateDirectoryIsAFile(t *testing.T) {
	worksWithoutState(t, func(h *home) {
		os.MkdirAll(filepath.Dir(h.state()), 0o700)
		if err := os.WriteFile(h.state(), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}, "not a directory")
}

func TestStateDirectoryIsReadOnly(t *testing.T) {
	if os.Geteuid() != 0 && runtime.GOOS != "windows" {
		worksWithoutState(t, func(h *home) {
			os.MkdirAll(h.state(), 0o500)
			t.Cleanup(func() { os.Chmod(h.state(), 0o700) })
		}, "permission denied")
		return
	}
	worksWithoutState(t, func(h *home) { // permissions do not bind this user
		os.MkdirAll(h.state(), 0o700)
		if !mountTiny(t, h.state(), true) {
			t.Skip("a read-only file system can be mounted by root on Linux only")
		}
	}, "read-only file system")
}

func TestSnapshotsAreALink(t *testing.T) {
	worksWithoutState(t, func(h *home) {
		os.MkdirAll(h.state(), 0o700)
		if err := os.Symlink(t.TempDir(), filepath.Join(h.state(), "snapshots")); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}, "not safe to use")
}

func TestSnapshotsCanBeWrittenByOthers(t *testing.T) {
	worksWithoutState(t, func(h *home) {
		dir := filepath.Join(h.state(), "snapshots")
		os.MkdirAll(dir, 0o700)
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}, "others can write")
}

func TestDiskIsFull(t *testing.T) {
	worksWithoutState(t, func(h *home) {
		os.MkdirAll(h.state(), 0o700)
		if !mountTiny(t, h.state(), false) {
			t.Skip("a file system of one page can be mounted by root on Linux only")
		}
		os.MkdirAll(filepath.Join(h.state(), "snapshots"), 0o700)
		for n := 4096; n > 0; n /= 2 { // fill it up
			os.WriteFile(filepath.Join(h.state(), fmt.Sprint("fill", n)), make([]byte, n), 0o600)
		}
	}, "no space left on device")
}

// A damaged snapshot is not served; what it was of is read again.
func TestDamagedSnapshots(t *testing.T) {
	mark := marked(t)
	h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}, nil).learned()
	files, _ := filepath.Glob(filepath.Join(h.state(), "snapshots", "*"))
	if len(files) != 1 {
		t.Fatalf("snapshots: %v", files)
	}
	whole, _ := os.ReadFile(files[0])
	for name, data := range map[string][]byte{"empty": {}, "half": whole[:len(whole)/2], "zeros": make([]byte, len(whole)), "of a version to come": append([]byte("x"), whole...)} {
		os.WriteFile(files[0], data, 0o600)
		c := h.initialized("")
		if names := toolNames(c); !strings.Contains(names, " a__echo ") {
			t.Errorf("%s: %s", name, names)
		}
		answers(t, c, "a")
		c.Close()
		if !strings.Contains(c.Stderr(), "recorded definitions not used") {
			t.Errorf("%s: not told: %s", name, c.Stderr())
		}
	}
	if again, _ := os.ReadFile(files[0]); len(again) < len(whole)/2 {
		t.Errorf("the snapshot was not written again: %d bytes", len(again))
	}
}

func TestManyAtOnceOnAnEmptyState(t *testing.T) {
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
