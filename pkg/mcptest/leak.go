package mcptest

import (
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// leakTimeout is how long goroutines and processes are given to end.
const leakTimeout = 2 * time.Second

// CheckGoroutines fails the test if goroutines that were started after this call
// are still there when the test and the cleanups registered after this call are
// over. Call it first, and not in a test that runs in parallel with others.
func CheckGoroutines(t testing.TB) {
	t.Helper()
	before := goroutines()
	t.Cleanup(func() {
		t.Helper()
		if left := goroutinesLeft(before, leakTimeout); len(left) > 0 {
			t.Errorf("mcptest: %d goroutines left:\n\n%s", len(left), strings.Join(left, "\n\n"))
		}
	})
}

// goroutinesLeft gives the stacks of goroutines that are not in before, as soon
// as there are none, or after the timeout.
func goroutinesLeft(before map[string]string, timeout time.Duration) []string {
	deadline := time.Now().Add(timeout)
	for {
		if tr, ok := http.DefaultTransport.(*http.Transport); ok {
			tr.CloseIdleConnections()
		}
		var left []string
		for id, stack := range goroutines() {
			if _, old := before[id]; !old && !expected(stack) {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// expected tells the goroutines of the runtime and of package testing.
func expected(stack string) bool {
	for _, f := range []string{"mcptest.goroutines(", "testing.(*T).Run(", "testing.runTests(", "testing.(*M).startAlarm",
		"os/signal.loop()", "os/signal.signal_recv(", "runtime.ReadTrace(", "runtime/trace.Start", "created by runtime."} {
		if strings.Contains(stack, f) {
			return true
		}
	}
	return false
}

// goroutines gives the stacks of all goroutines by their ids.
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	stacks := map[string]string{}
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		rest, _ := strings.CutPrefix(stack, "goroutine ")
		id, _, _ := strings.Cut(rest, " ")
		stacks[id] = stack
	}
	return stacks
}

// WaitGone waits until a process is gone and tells whether it is.
func WaitGone(pid int, timeout time.Duration) bool {
	return waitUntil(Patience(timeout), func() bool { return !Alive(pid) })
}

// WaitAllGone waits until all of some processes are gone and gives those left.
func WaitAllGone(pids []int, timeout time.Duration) (left []int) {
	waitUntil(Patience(timeout), func() bool {
		left = nil
		for _, pid := range pids {
			if Alive(pid) {
				left = append(left, pid)
			}
		}
		return left == nil
	})
	return left
}

func waitUntil(timeout time.Duration, f func() bool) bool {
	deadline := time.Now().Add(timeout)
	for !f() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(2 * time.Millisecond)
	}
	return true
}

// CheckProcesses fails the test if, at its end, this process has descendants
// that it had not before, or a process with the fragment in its environment is
// there, wherever it hangs (see [Server.Mark]; "" looks at descendants alone).
// It kills what it finds. Call it first, and not in a test that runs in parallel.
// Where processes cannot be listed it skips the test.
func CheckProcesses(t testing.TB, fragment string) {
	t.Helper()
	SkipWithoutProcesses(t)
	before := map[int]bool{}
	for _, pid := range Descendants(os.Getpid()) {
		before[pid] = true
	}
	t.Cleanup(func() {
		t.Helper()
		var left []int
		waitUntil(Patience(leakTimeout), func() bool {
			left = nil
			for _, pid := range Descendants(os.Getpid()) {
				if !before[pid] {
					left = append(left, pid)
				}
			}
			if fragment != "" {
				left = append(left, ProcessesWithEnv(fragment)...)
			}
			return len(left) == 0
		})
		for _, pid := range left {
			t.Errorf("mcptest: process left: %d %s", pid, CommandLine(pid))
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill()
			}
		}
	})
}

// SkipWithoutProcesses skips a test that has to see processes where that cannot be.
func SkipWithoutProcesses(t testing.TB) {
	t.Helper()
	if !listsProcesses {
		t.Skip("processes cannot be listed on " + runtime.GOOS + " (no /proc)")
	}
}
