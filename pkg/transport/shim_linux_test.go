package transport

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// alive: a zombie counts as gone, its reaper is not ours.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	state := b[bytes.LastIndexByte(b, ')')+2]
	return state != 'Z' && state != 'X'
}

func wantGone(t *testing.T, within time.Duration, pids ...int) {
	t.Helper()
	var left []int
	within = mcptest.Patience(within)
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		if left = slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return !alive(pid) }); len(left) == 0 {
			return
		}
		if time.Since(begin) > within {
			t.Errorf("after %v there are still %v", within, left)
			for _, pid := range left {
				unix.Kill(pid, unix.SIGKILL)
			}
			return
		}
	}
}

// A tree of a server, a child that ignores SIGTERM and a grandchild in a session of its own without parent.
func startTestTree(t *testing.T) (*Stdio, []int) {
	s := start(t, testSpec("tree"))
	pids := recvPIDs(t, func() string { return recv(t, s) }, 3)
	if !slices.Contains(pids, s.PID()) {
		t.Errorf("PID %d is not of %v", s.PID(), pids)
	}
	return s, append(pids, s.tree.shim.Pid)
}

func TestStdioCloseEndsTheTree(t *testing.T) {
	var pids []int
	closesIn(t, 300*time.Millisecond, func(t *testing.T) (s *Stdio) {
		s, pids = startTestTree(t)
		return s
	}, func(t *testing.T, s *Stdio) {
		wantGone(t, 0, pids...)
		wantExit(t, s, "exited with status 0")
	})
}

func TestStdioCloseBound(t *testing.T) {
	closesIn(t, 300*time.Millisecond, func(t *testing.T) *Stdio {
		s := start(t, testSpec("stubborn"))
		recv(t, s)
		patient := make(chan struct{}) // the shortest grace counts
		go func() { s.Close(time.Hour); close(patient) }()
		t.Cleanup(func() { s.Close(0); <-patient })
		return s
	}, func(t *testing.T, s *Stdio) {
		wantGone(t, 0, s.PID(), s.tree.shim.Pid)
		wantExit(t, s, "was killed by SIGKILL")
	})
}

// A shim that does nothing any more does not hold Close up, and the server is ended all the same.
func TestStdioShimStopped(t *testing.T) {
	var shim int
	closesIn(t, 30*time.Millisecond, func(t *testing.T) *Stdio {
		s := start(t, testSpec("stubborn"))
		recv(t, s)
		shim = s.tree.shim.Pid
		unix.Kill(shim, unix.SIGSTOP)
		return s
	}, func(t *testing.T, s *Stdio) {
		wantGone(t, 2*unkillable, s.PID(), shim)
		<-s.gone
	})
}

func TestStdioCloseAsksFirst(t *testing.T) {
	s := start(t, shell(`trap 'echo "{\"asked\":1}"; exit 5' TERM; echo '{}'; while :; do sleep 0.01; done`))
	recv(t, s)
	done := make(chan string)
	go func() { in, _ := s.Recv(); done <- string(in.Raw) }()
	s.Close(3 * time.Second)
	if got := <-done; got != `{"asked":1}` {
		t.Errorf("got %q", got)
	}
	wantExit(t, s, "exited with status 5")
}

// The server ends by itself; what it started holds the pipes, ignores SIGTERM and hides.
func TestStdioDeathEndsTheTree(t *testing.T) {
	s, pids := startTestTree(t)
	begin := time.Now()
	unix.Kill(s.PID(), unix.SIGKILL)
	wantExit(t, s, "was killed by SIGKILL")
	if took := time.Since(begin); mcptest.TooLong(took, time.Second) {
		t.Errorf("the end was told after %v", took)
	}
	wantGone(t, 300*time.Millisecond, pids...)
}

// startProxy starts a process that has started a server with a tree; its shim comes first of pids.
func startProxy(t *testing.T) (kill func(), pids []int) {
	proxy := exec.Command(executable())
	proxy.Env = testEnv("proxy")
	proxy.Stderr = os.Stderr
	out, err := proxy.StdoutPipe()
	if err == nil {
		err = proxy.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	pids = recvPIDs(t, func() string { lines.Scan(); return lines.Text() }, 4)
	for _, pid := range pids {
		if !alive(pid) {
			t.Fatalf("%d of %v has not been there", pid, pids)
		}
	}
	return func() { proxy.Process.Kill(); proxy.Wait() }, pids
}

func TestStdioProxyKilled(t *testing.T) {
	kill, pids := startProxy(t)
	kill()
	begin := time.Now()
	wantGone(t, time.Second, pids...)
	t.Logf("gone after %v", time.Since(begin))
}

// As pkill -9 by name does. Only the server itself is then sure to end: its parent-death signal is all that is left.
func TestStdioProxyAndShimKilled(t *testing.T) {
	kill, pids := startProxy(t)
	children, err := childrenOf(pids[0])
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(children, func(pid int) bool {
		p, err := unix.Getpgid(pid)
		return err == nil && p == pid && stat(t, pid).session == pids[0]
	})
	unix.Kill(pids[0], unix.SIGSTOP)
	kill()
	unix.Kill(pids[0], unix.SIGKILL)
	wantGone(t, time.Second, pids[0], children[i])
	for _, pid := range pids {
		unix.Kill(pid, unix.SIGKILL)
	}
}

func stat(t *testing.T, pid int) processInfo {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	p, ok := parseStat(b)
	if err != nil || !ok {
		t.Errorf("no process %d: %v", pid, err)
	}
	return p
}

func TestStdioShimKilled(t *testing.T) {
	s := start(t, testSpec("family"))
	pids := recvPIDs(t, func() string { return recv(t, s) }, 2)
	unix.Kill(s.tree.shim.Pid, unix.SIGKILL)
	wantExit(t, s, "was killed by SIGKILL")
	wantGone(t, 300*time.Millisecond, pids...)
}

// What is in a session of its own outlives a shim that was killed, and holds the pipes. That must not hold up the end.
func TestStdioPipesHeldByAStranger(t *testing.T) {
	s, pids := startTestTree(t)
	unix.Kill(s.tree.shim.Pid, unix.SIGKILL)
	begin := time.Now()
	wantExit(t, s, "was killed by SIGKILL")
	if !s.goneIn(mcptest.Patience(time.Second)) || mcptest.TooLong(time.Since(begin), 5*time.Second) {
		t.Error("the pipes are still read")
	}
	for _, pid := range pids {
		unix.Kill(pid, unix.SIGKILL)
	}
}

// A signal that the terminal sends to all, or somebody to the shim, does not part it from its server.
func TestStdioShimIgnoresSignals(t *testing.T) {
	s := start(t, shell("exec cat"))
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP} {
		unix.Kill(s.tree.shim.Pid, sig)
	}
	time.Sleep(20 * time.Millisecond)
	send(t, s, "{}")
	if got := recv(t, s); got != "{}" {
		t.Error(got)
	}
	// The server itself must not have inherited that.
	unix.Kill(s.PID(), unix.SIGTERM)
	wantExit(t, s, "was killed by SIGTERM")
}

func TestStdioManyAtOnce(t *testing.T) {
	checkLeaks(t)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			s, err := StartStdio(shell("sleep 100 & exec cat"))
			if err != nil {
				t.Error(err)
				return
			}
			send(t, s, "{}")
			if in, err := s.Recv(); string(in.Raw) != "{}" {
				t.Error(err)
			}
			pids := append(targetsOf(s.tree.shim.Pid), s.tree.shim.Pid)
			s.Close(2 * time.Second)
			wantGone(t, 0, pids...)
		})
	}
	all.Wait()
}

func targetsOf(shim int) []int { return allBelow(shim, 0) }

// Both ways to find descendants find the same.
func TestDescendants(t *testing.T) {
	s, pids := startTestTree(t)
	shim := s.tree.shim.Pid
	scanned := allBelow(shim, 0)
	slices.Sort(scanned)
	walked := []int{shim}
	for i := 0; i < len(walked); i++ {
		children, err := childrenOf(walked[i])
		if err != nil {
			t.Fatal(err)
		}
		walked = append(walked, children...)
	}
	slices.Sort(walked)
	slices.Sort(pids)
	if walked = slices.DeleteFunc(walked, func(pid int) bool { return pid == shim }); !slices.Equal(scanned, walked) {
		t.Errorf("scan %v, walk %v", scanned, walked)
	}
	for _, pid := range pids {
		if pid != shim && !slices.Contains(scanned, pid) {
			t.Errorf("%d is missing in %v", pid, scanned)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("1 (a) b) S 2 3 4 5"))
	f.Add([]byte("1 (a"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, b []byte) { parseStat(b) })
}

func TestParseStat(t *testing.T) {
	if p, ok := parseStat([]byte("1 (a) S 9 (x) S 2 3 4 5 6")); !ok || p.parent != 2 || p.session != 4 {
		t.Errorf("got %+v, %v", p, ok)
	}
}

// A server that computes without a word is told from one that hangs.
func TestStdioWork(t *testing.T) {
	for script, works := range map[string]bool{"while :; do :; done": true, "sleep 60": false, "sh -c 'while :; do :; done' & wait": true} {
		s, err := StartStdio(StdioSpec{Command: "sh", Args: []string{"-c", script}, Env: os.Environ()})
		if err != nil {
			t.Fatal(err)
		}
		before := s.Work()
		time.Sleep(400 * time.Millisecond)
		if done := s.Work() - before; (done >= 30*time.Millisecond) != works {
			t.Errorf("%s: %v of work", script, done)
		}
		s.Close(0)
	}
}

// TestStdioLauncher: a program that hands its pipes to another and ends is not the end of the server, which is told when that one ends. One
// that leaves behind a process without both pipes, or ends with an error, has ended.
func TestStdioLauncher(t *testing.T) {
	for name, one := range map[string]struct{ script, want string }{
		"a launcher":    {`exec 3<&0; cat <&3 & exit 0`, "exited with status 0"},
		"two launchers": {`exec 3<&0; sh -c 'exec 4<&3; cat <&4 & exit 0' & exit 0`, "exited with status 0"},
		"in a session":  {`exec 3<&0; setsid cat <&3 & exit 0`, "exited with status 0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, shell(one.script))
			eventually(t, "the launcher has ended", func() bool { return !alive(s.PID()) })
			send(t, s, "{}")
			if got := recv(t, s); got != "{}" {
				t.Error(got)
			}
			s.stdin.Drain(0)
			s.tree.stdin.Close()
			wantExit(t, s, one.want)
		})
	}
	const ready = `while [ ! -e "$F" ]; do :; done; `
	for name, one := range map[string]struct{ script, want string }{
		"it fails":       {`exec 3<&0; cat <&3 & exit 3`, "exited with status 3"},
		"it is killed":   {`exec 3<&0; cat <&3 & kill -9 $$`, "was killed by SIGKILL"},
		"without stdin":  {`sh -c ': >"$F"; exec sleep 1000' </dev/null & ` + ready + `exit 0`, "exited with status 0"},
		"without stdout": {`exec 3<&0; sh -c ': >"$F"; exec cat' <&3 >/dev/null & ` + ready + `exit 0`, "exited with status 0"},
		"nobody is left": {`exit 0`, "exited with status 0"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := shell(one.script)
			spec.Env = append(spec.Env, "F="+filepath.Join(t.TempDir(), "ready"))
			wantExit(t, start(t, spec), one.want)
		})
	}
}
