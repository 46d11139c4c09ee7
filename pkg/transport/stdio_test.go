//go:build unix

package transport

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

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
			if took := time.Since(begin); mcptest.TooLong(took, time.Second) {
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
	if _, err := s.Recv(); !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "closed stdout") {
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
	for _, want := range []string{"printed 24 lines", "Listening\n[info] ready\n2\n{half\nnoise 0\n", "noise 5\n"} {
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
	if len(d) < ringSize-4-unlogged || len(d) > ringSize || !strings.HasSuffix(d, "line 99999 "+strings.Repeat("é", 50)+"\n") || strings.ContainsRune(d, '\uFFFD') {
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
		if !errors.Is(err, jsonrpc.ErrFull) || sent > 65 || sent < 63 || !strings.Contains(err.Error(), "does not read stdin") {
			t.Errorf("after %d MiB: %v", sent, err)
		}
		return s
	}
	closesIn(t, 150*time.Millisecond, begin, func(t *testing.T, s *Stdio) { wantExit(t, s, "was killed by SIGKILL") })
}
