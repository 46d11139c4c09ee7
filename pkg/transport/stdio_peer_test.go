//go:build unix

package transport

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

const modeKey = "STDIO_TEST_MODE"

// testEnv makes the test binary a server. The race detector would let it sleep for a second as it leaves.
func testEnv(mode string) []string { return []string{modeKey + "=" + mode, "GORACE=atexit_sleep_ms=0"} }

// The test binary is also the misbehaving server.
func init() {
	mode := os.Getenv(modeKey)
	if mode == "" || len(os.Args) > 1 && os.Args[1] == ShimArg {
		return
	}
	out := bufio.NewWriter(os.Stdout)
	switch mode {
	case "stubborn": // neither the end of stdin nor SIGTERM ends it
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		fmt.Printf(`{"pid":%d}`+"\n", os.Getpid())
		time.Sleep(time.Minute)
	case "rock": // a stubborn one with a tree
		spawn("stubborn")
		spawn("double")
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		fmt.Printf(`{"pid":%d}`+"\n", os.Getpid())
		time.Sleep(time.Minute)
	case "grouped": // in a process group of its own
		syscall.Setpgid(0, 0)
		fmt.Printf(`{"pid":%d}`+"\n", os.Getpid())
		time.Sleep(time.Minute)
	case "hidden": // in a session of its own, with the pipes of its parent
		syscall.Setsid()
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		fmt.Printf(`{"pid":%d}`+"\n", os.Getpid())
		time.Sleep(time.Minute)
	case "family":
		spawn("grouped")
		fmt.Printf(`{"pid":%d}`+"\n", os.Getpid())
		time.Sleep(time.Minute)
	case "tree": // three generations; leaves at the end of stdin
		spawn("stubborn")
		spawn("double")
		fmt.Printf(`{"pid":%d}`+"\n", os.Getpid())
		io.Copy(io.Discard, os.Stdin)
	case "double": // its child loses its parent
		spawn("hidden")
	case "big":
		fmt.Fprintf(out, `{"id":7,"result":"`)
		for range 100 {
			out.Write(bytes.Repeat([]byte("x"), 1<<20))
		}
		fmt.Fprintf(out, "\"}\n{\"after\":1}\n")
	case "flood":
		for i := range 100_000 {
			fmt.Fprintf(os.Stderr, "line %d %s\n", i, strings.Repeat("é", 50))
		}
		fmt.Fprintln(out, `{"done":1}`)
	case "proxy": // starts a tree and waits to be killed
		s, err := StartStdio(testSpec("rock"))
		if err != nil {
			panic(err)
		}
		fmt.Printf(`{"pid":%d}`+"\n", s.tree.shim.Pid)
		for {
			in, err := s.Recv()
			if err != nil {
				panic(err)
			}
			fmt.Printf("%s\n", in.Raw)
		}
	}
	out.Flush()
	os.Exit(0)
}

func spawn(mode string) {
	c := exec.Command(executable())
	c.Env, c.Stdout, c.Stderr = testEnv(mode), os.Stdout, os.Stderr
	if err := c.Start(); err != nil {
		panic(err)
	}
}

func executable() string {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return exe
}

func testSpec(mode string) StdioSpec {
	return StdioSpec{Name: "test", Command: executable(), Env: testEnv(mode), Log: zerolog.Nop()}
}

func shell(script string) StdioSpec {
	return StdioSpec{Name: "test", Command: "sh", Args: []string{"-c", script}, Env: []string{"PATH=" + os.Getenv("PATH")}, Log: zerolog.Nop()}
}

func start(t *testing.T, spec StdioSpec) *Stdio {
	t.Helper()
	checkLeaks(t)
	s, err := StartStdio(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(0) })
	return s
}

// checkLeaks fails the test if goroutines or descriptors are left when it has ended.
func checkLeaks(t *testing.T) {
	if r, w, err := os.Pipe(); err == nil { // the runtime's poller has descriptors of its own
		closeAll(r, w)
	}
	goroutines, files := runtime.NumGoroutine(), openFiles()
	t.Cleanup(func() {
		for range 100 {
			if runtime.NumGoroutine() <= goroutines && openFiles() <= files {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		stacks := make([]byte, 64<<10)
		t.Errorf("goroutines %d → %d, files %d → %d\n%s", goroutines, runtime.NumGoroutine(), files, openFiles(), stacks[:runtime.Stack(stacks, true)])
	})
}

func openFiles() int {
	entries, _ := os.ReadDir("/dev/fd")
	return len(entries)
}

func recv(t *testing.T, s *Stdio) string {
	t.Helper()
	in, err := s.Recv()
	if err != nil {
		t.Fatalf("Recv: %v\n%s", err, s.Diagnostics())
	}
	if in.Failed != nil {
		return fmt.Sprintf("failed %s: %v", in.Failed.ID, in.Failed.Err)
	}
	return string(in.Raw)
}

// closesIn closes what begin starts, and wants that to take no longer than 100 ms beyond grace. A machine out of breath gets
// five tries.
func closesIn(t *testing.T, grace time.Duration, begin func(*testing.T) *Stdio, after func(*testing.T, *Stdio)) {
	var took time.Duration
	for range 5 {
		s := begin(t)
		started := time.Now()
		s.Close(grace)
		took = time.Since(started)
		if took <= grace+100*time.Millisecond {
			after(t, s)
			return
		}
	}
	t.Errorf("Close(%v) took %v", grace, took)
}

// recvPIDs reads n messages that tell a pid each.
func recvPIDs(t *testing.T, read func() string, n int) (pids []int) {
	t.Helper()
	for range n {
		var m struct{ PID int }
		if line := read(); json.Unmarshal([]byte(line), &m) != nil || m.PID == 0 {
			t.Fatalf("no pid in %q", line)
		}
		pids = append(pids, m.PID)
	}
	return pids
}

func send(t *testing.T, s *Stdio, msg string) {
	t.Helper()
	if err := s.Send(jsonrpc.Whole([]byte(msg))); err != nil {
		t.Fatal(err)
	}
}

func wantExit(t *testing.T, s *Stdio, want string) {
	t.Helper()
	in, err := s.Recv()
	var exit *ExitError
	if !errors.As(err, &exit) || err.Error() != want {
		t.Fatalf("Recv = %q, %v; want %s", in.Raw, err, want)
	}
	if _, again := s.Recv(); again != err {
		t.Fatalf("the second time Recv says %v", again)
	}
}
