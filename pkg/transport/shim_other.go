//go:build unix && !linux

package transport

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// selfExe is this program. An update that replaces its file while it runs must keep the shim's protocol.
var selfExe, _ = os.Executable()

// Without a subreaper the tree is the server's process group: a descendant that makes a group or session of its own
// escapes. Nor is there a parent-death signal: when the shim itself is killed, the proxy kills the group (sweep).
func becomeReaper() {}

func serverAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func targets(server int) []int { return []int{-server} }

func sweep(_, server int) { unix.Kill(-server, unix.SIGKILL) }

// Who has the pipes of a server can't be seen: a launcher that ends counts as a server that ended.
type pipes struct{}

func pipesOf(_, _ int) (p pipes) { return p }

func (pipes) held(int) bool { return false }
