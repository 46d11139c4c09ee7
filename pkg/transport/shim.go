//go:build unix

package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
)

// The shim is this program again, as the parent of one server: it lives as long as the server does and knows nothing of MCP. It exists
// because a parent-death signal reaches one process and a server is often a tree (npx → sh → node), and because nobody can
// clean up after having been killed with SIGKILL himself. The server inherits stdin, stdout and stderr; no byte passes through the shim.
//
// It ends the whole tree (SIGTERM, 150 ms later SIGKILL until nobody is left) when the server process has ended or the lifeline has: that
// pipe's other end is held by the proxy alone, and the kernel closes it however the proxy dies. So the shim needs no parent-death signal of its
// own, and servers can be started from any thread. If the shim itself is killed the server's parent-death signal ends the server (Linux),
// and the proxy ends what is left of its session.

// ShimArg is the first argument that makes this program a shim.
const ShimArg = "__mcpproxy-shim"

const (
	lifelineFD = 3 // to the shim: the environment, then a byte per command; its end means that the proxy is gone
	statusFD   = 4 // from the shim: see shim_status.go
	tokenFD    = 5 // tells the shim that it was started by this program, see sandbox.Token

	askToEnd = 'T' // SIGTERM to the tree
	endNow   = 'K' // SIGKILL to the tree

	mercy      = 150 * time.Millisecond // between SIGTERM and SIGKILL
	killEvery  = 3 * time.Millisecond   // the tree is looked through again: a process may have forked meanwhile
	handOver   = 200 * time.Millisecond // after which a process that has the pipes of one that ended is the server
	unkillable = 2 * time.Second        // after which the shim gives up (another user's process, a hanging disk)
)

// In every program that can start servers the hook is in place without being called: a program (or a test) that forgot to call
// it would run itself again and again. It also comes before all that main does.
func init() { RunShim() }

// RunShim is the shim, and does not return, if this process was started as one; else it does nothing.
// Arguments: ShimArg, the path of the program, its argv from the 0th on.
func RunShim() {
	if len(os.Args) < 2 || os.Args[1] != ShimArg {
		return
	}
	if err := sandbox.Ours(); err != nil {
		os.Stderr.WriteString("mcpproxy-stdio: " + err.Error() + "\n")
		syscall.Exit(126)
	}
	runtime.LockOSThread() // the server's parent-death signal belongs to the thread that starts it
	for _, fd := range []int{lifelineFD, statusFD, tokenFD} {
		unix.CloseOnExec(fd)
	}
	if len(os.Args) < 4 {
		syscall.Exit(2)
	}
	env, err := readEnv()
	if err != nil {
		syscall.Exit(2)
	}
	becomeReaper()
	pid, err := syscall.ForkExec(os.Args[2], os.Args[3:], &syscall.ProcAttr{Env: env, Files: []uintptr{0, 1, 2}, Sys: serverAttr()})
	if err != nil {
		var errno syscall.Errno
		errors.As(err, &errno)
		tell(statusExec, int(errno))
		syscall.Exit(126)
	}
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP) // not before the start: the server would inherit it
	s := &shim{server: pid, pipes: pipesOf(0, 1)}
	letGo()
	tell(statusPID, pid)
	go s.obey()
	syscall.Exit(s.reap())
}

// readEnv takes the server's environment from the lifeline. It's not the shim's own: LD_PRELOAD, GODEBUG and
// the like are meant for the server, and a secret need not stand in two processes.
func readEnv() ([]string, error) {
	lifeline := fdReader(lifelineFD)
	var size [4]byte
	if _, err := io.ReadFull(lifeline, size[:]); err != nil {
		return nil, err
	}
	block := make([]byte, binary.LittleEndian.Uint32(size[:]))
	if _, err := io.ReadFull(lifeline, block); err != nil || len(block) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(block), "\x00"), "\x00"), nil
}

// envBlock is what readEnv reads.
func envBlock(env []string) []byte {
	size := 0
	for _, kv := range env {
		size += len(kv) + 1
	}
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+size), uint32(size))
	for _, kv := range env {
		b = append(append(b, kv...), 0)
	}
	return b
}

// fdReader reads a descriptor without the runtime's poller, which the shim needs for nothing else.
type fdReader int

func (fd fdReader) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(fd), b)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

func tell(kind string, n int) { unix.Write(statusFD, fmt.Appendf(nil, "%s %d\n", kind, n)) }

// letGo gives up the server's pipes: whoever reads them must see their end when the server's tree has ended.
func letGo() {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	for fd := range 3 {
		if err == nil {
			unix.Dup2(null, fd)
		} else {
			unix.Close(fd)
		}
	}
	if err == nil {
		unix.Close(null)
	}
}

type shim struct {
	server int
	pipes  pipes
	left   bool // reap's: the process that was started has ended in order, and another serves on its pipes
}

// reap collects the dead, tells how the server ended, and returns the exit status when nobody is left. A launcher that hands its pipes to
// another process and ends is no server that ended.
func (s *shim) reap() (code int) {
	for {
		var status unix.WaitStatus
		switch pid, err := unix.Wait4(-1, &status, 0, nil); {
		case err == unix.EINTR:
		case err != nil: // ECHILD
			if s.left {
				tell(statusExit, code)
			}
			for unix.Kill(-s.server, 0) == nil { // only where there is no subreaper: the rest of the server's group
				time.Sleep(killEvery)
			}
			return code
		case pid == s.server && status.ExitStatus() == 0 && s.handedOver():
			s.left = true
		case pid == s.server, s.left && !s.pipes.held(s.server):
			s.left = false
			code = s.ended(status)
			go s.endTree()
		}
	}
}

// handedOver tells whether another process has the pipes of a server that has just ended. One that was forked a moment ago may still be about
// to close them.
func (s *shim) handedOver() bool {
	for range 10 {
		if !s.pipes.held(s.server) {
			return false
		}
		time.Sleep(handOver / 10)
	}
	return true
}

// ended tells how the server ended, and returns what a shell would call its status.
func (s *shim) ended(status unix.WaitStatus) int {
	if status.Signaled() {
		tell(statusSignal, int(status.Signal()))
		return 128 + int(status.Signal())
	}
	tell(statusExit, status.ExitStatus())
	return status.ExitStatus()
}

// obey does what the lifeline says.
func (s *shim) obey() {
	var command [1]byte
	for {
		if _, err := fdReader(lifelineFD).Read(command[:]); err != nil {
			s.endTree()
		}
		switch command[0] {
		case askToEnd:
			s.signal(unix.SIGTERM)
		case endNow:
			s.killTree()
		}
	}
}

func (s *shim) endTree() {
	s.signal(unix.SIGTERM)
	time.Sleep(mercy)
	s.killTree()
}

// killTree does not return: reap ends the process when nobody is left.
func (s *shim) killTree() {
	for begin := time.Now(); time.Since(begin) < unkillable; time.Sleep(killEvery) {
		s.signal(unix.SIGKILL)
	}
	syscall.Exit(125)
}

func (s *shim) signal(sig syscall.Signal) {
	for _, pid := range targets(s.server) {
		unix.Kill(pid, sig)
	}
}
