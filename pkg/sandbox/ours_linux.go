package sandbox

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// This program starts itself again, to supervise a server and to confine one. Who may run it with any arguments, as an agent's allow-list
// "mcpproxy-stdio *" says, must not be able to run any program by these hidden commands. So they act for this program alone: their parent
// runs the same file, or has given them a token that no shell can make.

const (
	tokenText  = "mcpproxy-stdio"
	tokenSeals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	tokenMost  = 15 // the last descriptor that a token is looked for at
)

// Token is passed to a hidden command, as any descriptor from 3 to 15: the proxy keeps others from reading its /proc entries, where a child
// would see which program its parent is.
func Token() (*os.File, error) {
	fd, err := unix.MemfdCreate(tokenText, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("no memory for a token: %w", err)
	}
	f := os.NewFile(uintptr(fd), tokenText)
	if _, err = f.WriteString(tokenText); err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, tokenSeals)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("a token cannot be sealed: %w", err)
	}
	return f, nil
}

// ErrNotOurs is returned by [Ours].
var ErrNotOurs = errors.New("only mcpproxy-stdio itself starts this command")

// Ours tells whether this process was started by this very program.
func Ours() error {
	if hasToken() || parentIsUs() {
		return nil
	}
	return ErrNotOurs
}

func hasToken() bool {
	text := make([]byte, len(tokenText)+1)
	for fd := 3; fd <= tokenMost; fd++ {
		seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
		if err != nil || seals&tokenSeals != tokenSeals {
			continue
		}
		if n, err := unix.Pread(fd, text, 0); err == nil && string(text[:n]) == tokenText {
			return true
		}
	}
	return false
}

func parentIsUs() bool {
	own, err := os.Stat(selfExe)
	if err != nil {
		return false
	}
	parent, err := os.Stat(fmt.Sprintf("/proc/%d/exe", os.Getppid()))
	return err == nil && os.SameFile(own, parent)
}
