package mcptest

import (
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// fakeT takes errors and cleanups instead of the test.
type fakeT struct {
	testing.TB
	errors   []string
	cleanups []func()
}

func (f *fakeT) Helper() {}
func (f *fakeT) Errorf(format string, args ...any) {
	f.errors = append(f.errors, format)
}
func (f *fakeT) Cleanup(fn func()) { f.cleanups = append(f.cleanups, fn) }
func (f *fakeT) end() {
	for i := len(f.cleanups) - 1; i >= 0; i-- {
		f.cleanups[i]()
	}
}

func TestGoroutineLeak(t *testing.T) {
	before := goroutines()
	stop := make(chan struct{})
	go func() { <-stop }()
	left := goroutinesLeft(before, 50*time.Millisecond)
	if len(left) != 1 || !strings.Contains(left[0], "TestGoroutineLeak") {
		t.Errorf("with one left: %q", left)
	}
	close(stop)
	if left := goroutinesLeft(before, time.Second); len(left) != 0 {
		t.Errorf("with none left: %q", left)
	}
	f := &fakeT{TB: t}
	CheckGoroutines(f)
	go func() { time.Sleep(100 * time.Millisecond) }() // ends in time
	f.end()
	if len(f.errors) != 0 {
		t.Errorf("%q", f.errors)
	}
}

// Whatever this package starts is gone at the end of a test.
func TestNothingIsLeft(t *testing.T) {
	CheckGoroutines(t)
	if listsProcesses {
		CheckProcesses(t, "nothing-is-left")
	}
	t.Run("peers", func(t *testing.T) {
		StartServer(t, Server{Mark: "nothing-is-left"}).Initialize("", "")
		for _, mode := range []bool{true, false} {
			c := Pipe(t, Server{})
			c.Initialize("", "")
			c.Send(`{"jsonrpc":"2.0","id":"n","method":"tools/call","params":{"name":"never"}}`)
			h := NewHTTP(t, HTTPOptions{SSE: mode})
			greeting := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}`
			answer, err := http.Post(h.URL, "application/json", strings.NewReader(greeting))
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			h.WaitRequest(time.Second, func(r HTTPRequest) bool { return r.RPC == "initialize" })
		}
		Pipe(t, Server{}).Send(`{"jsonrpc":"2.0","id":"n","method":"tools/call","params":{"name":"crash"}}`)
	})
}

func TestProcessLeak(t *testing.T) {
	SkipWithoutProcesses(t)
	mark := "leak-" + time.Now().Format(time.RFC3339Nano)
	c := StartServer(t, Server{Mark: mark})
	c.Initialize("", "")
	f := &fakeT{TB: t}
	CheckProcesses(f, mark)
	f.end()
	if len(f.errors) != 1 || Alive(c.Pid()) && !WaitGone(c.Pid(), time.Second) {
		t.Errorf("a process that was left: %q, alive %v", f.errors, Alive(c.Pid()))
	}
}

func TestAlive(t *testing.T) {
	if !Alive(os.Getpid()) {
		t.Error("this process is not alive")
	}
	c := StartServer(t, Server{})
	pid := c.Pid()
	if !Alive(pid) {
		t.Error("a running process is not alive")
	}
	c.Close()
	if !WaitGone(pid, time.Second) {
		t.Error("an ended process is alive")
	}
	if listsProcesses != (runtime.GOOS == "linux") {
		t.Error("processes are listed on Linux alone")
	}
}
