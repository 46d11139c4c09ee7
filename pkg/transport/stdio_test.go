//go:build unix

package transport

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
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
	case "hidden": // in a session of its own, with the pipes of its parent
		syscall.Setsid()
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
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
		s, err := StartStdio(testSpec("tree"))
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

func TestStdioEcho(t *testing.T) {
	s := start(t, shell("exec cat"))
	before := s.LastSign()
	for i := range 100 {
		msg := fmt.Sprintf(`{"id":%d,"x":9007199254740993}`, i)
		send(t, s, msg)
		if got := recv(t, s); got != msg {
			t.Fatalf("got %s, want %s", got, msg)
		}
	}
	if !s.LastSign().After(before) {
		t.Error("no sign of life was noted")
	}
	s.Close(time.Second)
	if err := s.Send(jsonrpc.Whole([]byte("{}"))); !errors.Is(err, ErrClosed) {
		t.Errorf("Send after Close: %v", err)
	}
	wantExit(t, s, "exited with status 0")
}

func TestStdioWritesWhatIsQueuedBeforeItCloses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "got")
	s := start(t, shell("exec cat > "+file))
	want := strings.Repeat("{}\n", 10_000)
	for range 10_000 {
		send(t, s, "{}")
	}
	s.Close(time.Second)
	if got, _ := os.ReadFile(file); string(got) != want {
		t.Errorf("%d bytes arrived, %d were sent", len(got), len(want))
	}
}

func TestStdioExitAtStart(t *testing.T) {
	for script, want := range map[string]string{
		"echo no key >&2; exit 3":            "exited with status 3",
		"echo no key >&2; kill -KILL $$":     "was killed by SIGKILL",
		"echo no key >&2; exec sleep 0":      "exited with status 0",
		"echo no key >&2; kill -SEGV $$":     "was killed by SIGSEGV",
		"sleep 60 & echo no key >&2; exit 1": "exited with status 1",
	} {
		t.Run(want, func(t *testing.T) {
			s := start(t, shell(script))
			begin := time.Now()
			wantExit(t, s, want)
			if took := time.Since(begin); took > time.Second {
				t.Errorf("the end was told after %v", took)
			}
			if d := s.Diagnostics(); d != "no key\n" {
				t.Errorf("diagnostics %q", d)
			}
			<-s.exited
			if err := s.Send(jsonrpc.Whole([]byte("{}"))); err == nil || err.Error() != want {
				t.Errorf("Send = %v", err)
			}
		})
	}
}

func TestStdioClosedOutput(t *testing.T) {
	s := start(t, shell("exec >&-; sleep 60"))
	if _, err := s.Recv(); !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "closed its output") {
		t.Errorf("Recv = %v", err)
	}
}

func TestStdioCannotStart(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := write("plain.js", "x", 0o600)
	env := []string{"PATH=relative:" + dir + ":/nonexistent"}
	for name, c := range map[string]struct {
		spec StdioSpec
		is   error
		says string
	}{
		"not in PATH":           {StdioSpec{Command: "no-such-server"}, fs.ErrNotExist, `"no-such-server" was not found in the server's PATH (relative:` + dir + ":/nonexistent)"},
		"ours, not its":         {StdioSpec{Command: "sh"}, fs.ErrNotExist, "install it"},
		"empty":                 {StdioSpec{}, fs.ErrNotExist, `set "command"`},
		"path":                  {StdioSpec{Command: "/no/such/server"}, fs.ErrNotExist, "/no/such/server does not exist"},
		"relative to dir":       {StdioSpec{Command: "./x", Dir: dir}, fs.ErrNotExist, dir + "/x does not exist"},
		"directory":             {StdioSpec{Command: dir}, syscall.EISDIR, "is a directory"},
		"not executable":        {StdioSpec{Command: plain}, fs.ErrPermission, "chmod +x"},
		"found, not executable": {StdioSpec{Command: "plain.js"}, fs.ErrPermission, plain + " is not executable"},
		"no interpreter":        {StdioSpec{Command: write("script", "#!/no/such/interpreter\n", 0o700)}, fs.ErrNotExist, "interpreter"},
		"no program":            {StdioSpec{Command: write("text", "hello\n", 0o700)}, syscall.ENOEXEC, "#!/bin/sh"},
		"no directory":          {StdioSpec{Command: "/bin/sh", Dir: dir + "/no"}, fs.ErrNotExist, "working directory " + dir + "/no does not exist"},
		"dir is a file":         {StdioSpec{Command: "/bin/sh", Dir: plain}, syscall.ENOTDIR, "is no directory"},
		"NUL":                   {StdioSpec{Command: "/bin/sh", Env: []string{"KEY=secret\x00LD_PRELOAD=x"}}, syscall.EINVAL, `"KEY"`},
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			if c.spec.Env == nil {
				c.spec.Env = env
			}
			_, err := StartStdio(c.spec)
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v; want %v and %q", err, c.is, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Error("the error tells a secret")
			}
		})
	}
}

func TestStdioEnvironmentAndDirectoryAreExact(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	spec := StdioSpec{Command: "env", Env: []string{"PATH=" + os.Getenv("PATH"), "A=1", "EMPTY=", "LINES=x\ny", "GODEBUG=x=1"}, Dir: dir}
	s := start(t, spec)
	s.Recv() // no line is a message
	if got, want := strings.Join(s.noise.first, "\n"), strings.Join(spec.Env, "\n"); got != want {
		t.Errorf("environment %q, want %q", got, want)
	}
	s = start(t, StdioSpec{Command: "/bin/pwd", Dir: dir})
	s.Recv()
	if got := strings.Join(s.noise.first, "\n"); got != dir {
		t.Errorf("directory %q, want %q", got, dir)
	}
}

func TestStdioNoise(t *testing.T) {
	s := start(t, shell(`echo Listening; echo '[info] ready'; echo '{"a":1}'; echo; echo '[{"b":1},2,{"c":1}]'; echo '{half'; echo '{"d":1}'
		i=0; while [ $i -lt 20 ]; do echo noise $i; i=$((i+1)); done; printf '{"last":1}'`))
	for _, want := range []string{`{"a":1}`, `{"b":1}`, `{"c":1}`, `{"d":1}`, `{"last":1}`} {
		if got := recv(t, s); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	wantExit(t, s, "exited with status 0")
	d := s.Diagnostics()
	for _, want := range []string{"24 lines on stdout", "Listening\n[info] ready\n2\n{half\nnoise 0\n", "noise 5\n"} {
		if !strings.Contains(d, want) {
			t.Errorf("%q is missing in %s", want, d)
		}
	}
	if strings.Contains(d, "noise 6") {
		t.Errorf("more than ten lines: %s", d)
	}
}

func TestStdioHalfALine(t *testing.T) {
	s := start(t, shell(`echo '{"a":1}'; printf '{"result":{"tex'; exit 1`))
	if got := recv(t, s); got != `{"a":1}` {
		t.Fatal(got)
	}
	wantExit(t, s, "exited with status 1")
}

func TestStdioLargeMessages(t *testing.T) {
	spec := testSpec("big")
	s := start(t, spec)
	if got := recv(t, s); !strings.HasPrefix(got, "failed 7: a message of 1048576") {
		t.Fatal(got)
	}
	if got := recv(t, s); got != `{"after":1}` {
		t.Fatal(got)
	}
	spec.Limit = 200 << 20
	s = start(t, spec)
	if got := recv(t, s); len(got) != 100<<20+len(`{"id":7,"result":""}`) {
		t.Fatal(len(got))
	}
}

func TestStdioStderrFlood(t *testing.T) {
	s := start(t, testSpec("flood"))
	if got := recv(t, s); got != `{"done":1}` {
		t.Fatal(got)
	}
	wantExit(t, s, "exited with status 0")
	d := s.Diagnostics()
	if len(d) < ringSize-4 || len(d) > ringSize || !strings.HasSuffix(d, "line 99999 "+strings.Repeat("é", 50)+"\n") || strings.ContainsRune(d, '\uFFFD') {
		t.Errorf("%d bytes, ending %q", len(d), d[max(0, len(d)-150):])
	}
}

func TestStdioServerThatDoesNotRead(t *testing.T) {
	begin := func(t *testing.T) *Stdio {
		s := start(t, testSpec("stubborn"))
		recv(t, s)
		msg := jsonrpc.Whole([]byte(`{"x":"` + strings.Repeat("x", 1<<20) + `"}`))
		sent := 0
		var err error
		for ; err == nil && sent < 1000; sent++ {
			err = s.Send(msg)
		}
		if !errors.Is(err, jsonrpc.ErrFull) || sent > 65 || sent < 63 || !strings.Contains(err.Error(), "does not read its input") {
			t.Errorf("after %d MiB: %v", sent, err)
		}
		return s
	}
	closesIn(t, 150*time.Millisecond, begin, func(t *testing.T, s *Stdio) { wantExit(t, s, "was killed by SIGKILL") })
}
