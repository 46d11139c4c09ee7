package mcptest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

const initialize = `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}`

func TestHangingFaults(t *testing.T) {
	for _, tc := range []struct {
		fault  Fault
		method string
	}{{FaultHangInitialize, "initialize"}, {FaultHangDiscover, "server/discover"}, {FaultHalfLine, "initialize"}} {
		c := StartServer(t, Server{Faults: []Fault{tc.fault}})
		ctx, cancel := within(150 * time.Millisecond)
		if r, err := c.Do(ctx, tc.method, json.RawMessage(initialize)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %s %v", tc.fault, r.Raw, err)
		}
		cancel()
		if tc.fault != FaultHalfLine {
			c.Call("ping", nil)
		}
		if exit := c.Close(); exit.Killed || exit.State.ExitCode() != 0 {
			t.Errorf("%s: %+v", tc.fault, exit)
		}
		noise := 0
		for _, m := range c.Received() {
			if m.Noise {
				noise++
			}
		}
		if (noise == 1) != (tc.fault == FaultHalfLine) {
			t.Errorf("%s: %d half lines", tc.fault, noise)
		}
	}
}

func TestExitingFaults(t *testing.T) {
	c := StartServer(t, Server{Faults: []Fault{FaultExitAtStart}, StderrText: "no such database", ExitCode: 7})
	if exit := c.WaitExit(5 * time.Second); exit.Killed || exit.State.ExitCode() != 7 || c.Stderr() != "no such database\n" {
		t.Errorf("exit-at-start: %+v, %q", exit, c.Stderr())
	}
	c = StartServer(t, Server{Faults: []Fault{FaultExitOnDiscover}, ExitCode: 3})
	c.Send(`{"jsonrpc":"2.0","id":0,"method":"server/discover"}`)
	if exit := c.WaitExit(5 * time.Second); exit.Killed || exit.State.ExitCode() != 3 {
		t.Errorf("exit-on-discover: %+v", exit)
	}
	c = StartServer(t, Server{ExitAfterInit: time.Millisecond, ExitCode: 4})
	c.Initialize("", "")
	if exit := c.WaitExit(5 * time.Second); exit.Killed || exit.State.ExitCode() != 4 {
		t.Errorf("exitAfterInit: %+v", exit)
	}
	c = StartServer(t, Server{})
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	if _, err := c.Do(ctx, "tools/call", json.RawMessage(`{"name":"crash","arguments":{"code":9,"text":"ouch"}}`)); !errors.Is(err, ErrClosed) {
		t.Errorf("crash: %v", err)
	}
	if exit := c.WaitExit(5 * time.Second); exit.State.ExitCode() != 9 || !strings.Contains(c.Stderr(), "ouch") {
		t.Errorf("crash: %+v, %q", exit, c.Stderr())
	}
	c = StartServer(t, Server{})
	if _, err := c.Do(ctx, "tools/call", json.RawMessage(`{"name":"kill9"}`)); !errors.Is(err, ErrClosed) {
		t.Errorf("kill9: %v", err)
	}
	if exit := c.WaitExit(5 * time.Second); exit.State.Success() {
		t.Errorf("kill9: %+v", exit)
	}
}

func TestNoiseAndStrays(t *testing.T) {
	c := StartServer(t, Server{Faults: []Fault{FaultGarbageStdout, FaultStrayAnswers, FaultAnswerTwice, FaultCRLF}})
	c.Initialize("", "")
	for range 10 {
		if got := c.Tool("echo", map[string]any{"message": "x"}).Text(); got != "Echo: x" {
			t.Fatal(got)
		}
	}
	c.Close()
	noise, frames, strays := 0, 0, 0
	for _, m := range c.Received() {
		switch {
		case m.Noise:
			noise++
		case m.ID == "987654321" || m.ID == "null":
			strays++
		case m.Result != nil:
			frames++
		}
	}
	if noise < 40 || strays != 22 || frames != 22 {
		t.Errorf("%d noise lines, %d strays, %d answers", noise, strays, frames)
	}
}

func TestHalfTool(t *testing.T) {
	for then, answered := range map[string]bool{"resume": true, "hang": false, "exit": false} {
		c := StartServer(t, Server{})
		ctx, cancel := within(300 * time.Millisecond)
		r, err := c.Do(ctx, "tools/call", json.RawMessage(`{"name":"half","arguments":{"ms":20,"then":"`+then+`"}}`))
		cancel()
		if answered != (r.Text() == "half a line") {
			t.Errorf("%s: %s %v", then, r.Raw, err)
		}
		if exit := c.Close(); exit.Killed {
			t.Errorf("%s: %+v", then, exit)
		}
	}
}

func TestFrameTool(t *testing.T) {
	c := StartServer(t, Server{})
	c.Tool("frame", map[string]any{"line": "not JSON ", "pad": 100, "count": 3})
	c.Tool("frame", map[string]any{"line": `{"jsonrpc":"2.0","method":"notifications/odd"}`})
	c.Send(`{"jsonrpc":"2.0","id":"f","method":"tools/call","params":{"name":"frame","arguments":{"line":"endless","noNewline":true}}}`)
	c.Close()
	var lines []string
	for _, m := range c.Received() {
		if m.Noise {
			lines = append(lines, string(m.Raw))
		}
	}
	if len(lines) != 4 || lines[2] != "not JSON "+Text(100) || lines[3] != "endless" || len(c.Notifications("notifications/odd")) != 1 {
		t.Errorf("%q", lines)
	}
}

func TestPageFaults(t *testing.T) {
	for fault, distinct := range map[Fault]int{FaultPagesForever: 50, FaultPagesLoop: 1} {
		for method, key := range map[string]string{"tools/list": "tools", "prompts/list": "prompts", "resources/list": "resources", "resources/templates/list": "resourceTemplates"} {
			c := Pipe(t, Server{Faults: []Fault{fault}})
			seen := map[string]bool{}
			cursor := json.RawMessage(`""`)
			for range 50 {
				r := c.Call(method, map[string]any{"cursor": cursor})
				seen[string(member(r.Result, key))] = true
				cursor = member(r.Result, "nextCursor")
			}
			if len(seen) != distinct || cursor == nil {
				t.Errorf("%s %s: %d distinct pages, cursor %s", fault, method, len(seen), cursor)
			}
		}
	}
}

func TestNoRead(t *testing.T) {
	c := StartServer(t, Server{Faults: []Fault{FaultNoRead}, NoReadAfter: 1})
	c.Call("ping", nil)
	sent := make(chan struct{})
	go func() {
		c.Send(strings.Repeat(" ", 1<<20)) // more than a pipe holds
		close(sent)
	}()
	select {
	case <-sent:
		t.Error("the server goes on reading")
	case <-time.After(200 * time.Millisecond):
	}
	c.Kill()
	<-sent
}

func TestStorm(t *testing.T) {
	c := Pipe(t, Server{Faults: []Fault{FaultListStorm}, StormCount: 5000})
	c.Initialize("", "")
	c.WaitNotifications("notifications/tools/list_changed", 5000, 10*time.Second)
}

func TestStrictInit(t *testing.T) {
	c := Pipe(t, Server{Faults: []Fault{FaultStrictInit}})
	if e := c.Call("tools/list", nil).RPCError(); e == nil || e.Code != -32600 {
		t.Errorf("before: %v", e)
	}
	c.Initialize("", "")
	if e := c.Call("tools/list", nil).RPCError(); e != nil {
		t.Errorf("after: %v", e)
	}
}

func TestStderrFlood(t *testing.T) {
	c := StartServer(t, Server{Faults: []Fault{FaultStderrFlood}, StderrBytes: 3 << 20})
	c.Initialize("", "")
	if !waitUntil(10*time.Second, func() bool { return len(c.Stderr()) == 3<<20 }) {
		t.Errorf("%d bytes of stderr", len(c.Stderr()))
	}
}

func TestIgnoreEOF(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows has no SIGTERM to ignore")
	}
	c := StartServer(t, Server{Faults: []Fault{FaultIgnoreEOF}})
	c.Initialize("", "")
	c.CloseStdin()
	c.Signal(syscall.SIGTERM)
	c.Signal(os.Interrupt)
	time.Sleep(200 * time.Millisecond)
	if !Alive(c.Pid()) {
		t.Error("it has ended")
	}
	if exit := c.Kill(); exit.State.Success() {
		t.Errorf("%+v", exit)
	}
}

func TestDelays(t *testing.T) {
	c := StartServer(t, Server{InitDelay: 60 * time.Millisecond, ListDelay: 60 * time.Millisecond, ExitDelay: 60 * time.Millisecond})
	start := time.Now()
	c.Initialize("", "")
	c.Call("tools/list", nil)
	exit := c.Close()
	if took := time.Since(start); took < 180*time.Millisecond || exit.Killed || exit.Took < 60*time.Millisecond {
		t.Errorf("all took %v, the exit %v", took, exit.Took)
	}
}

// A grandchild that holds the pipes must hold up neither the client's end nor be
// missed by those who look for it.
func TestForkIsSeen(t *testing.T) {
	SkipWithoutProcesses(t)
	for _, fault := range []Fault{FaultFork, FaultForkGroup} {
		mark := "fork-" + string(fault) + time.Now().Format(time.RFC3339Nano)
		c := StartServer(t, Server{Faults: []Fault{fault}, Mark: mark})
		c.Initialize("", "")
		var pids []int
		if err := json.Unmarshal([]byte(c.Tool("children", nil).Text()), &pids); err != nil || len(pids) != 1 {
			t.Fatalf("%s: grandchildren %v %v", fault, pids, err)
		}
		if got := Descendants(c.Pid()); len(got) != 1 || got[0] != pids[0] {
			t.Errorf("%s: descendants %v, want %v", fault, got, pids)
		}
		if got := ProcessesWithEnv(mark); len(got) != 2 {
			t.Errorf("%s: by environment %v", fault, got)
		}
		p, err := os.FindProcess(pids[0])
		if err != nil {
			t.Fatal(err)
		}
		_ = p.Signal(syscall.SIGTERM)
		if exit := c.Close(); exit.Killed || exit.Took > 2*time.Second {
			t.Errorf("%s: %+v", fault, exit)
		}
		if waitUntil(100*time.Millisecond, func() bool { return !Alive(pids[0]) }) {
			t.Errorf("%s: the grandchild is gone after SIGTERM", fault)
		}
		if got := ProcessesWithEnv(mark); len(got) != 1 || got[0] != pids[0] || !strings.Contains(CommandLine(pids[0]), "test") {
			t.Errorf("%s: left by environment %v", fault, got)
		}
		_ = p.Kill()
		if left := WaitAllGone(pids, 2*time.Second); left != nil {
			t.Errorf("%s: alive after SIGKILL: %v", fault, left)
		}
	}
}

func TestUnfitOptions(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := StartCommand(t, []string{EnvServer + `={"nope":1}`}, self)
	if exit := c.WaitExit(5 * time.Second); exit.State.ExitCode() != 2 || !strings.Contains(c.Stderr(), `unknown field "nope"`) {
		t.Errorf("%+v, %q", exit, c.Stderr())
	}
	var opts map[string]any
	if err := json.Unmarshal(Entry(Server{Mark: "m"}, map[string]string{"A": "b"}), &opts); err != nil || opts["env"].(map[string]any)["A"] != "b" {
		t.Errorf("entry %v %v", opts, err)
	}
	if !bytes.Contains(Entry(Server{Mark: "m"}, nil), []byte(`mark~22~3a~22m~22`)) {
		t.Error("the mark is not in the environment")
	}
}
