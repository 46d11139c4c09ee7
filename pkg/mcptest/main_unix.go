//go:build unix

package mcptest

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// killSelf ends the process by SIGKILL.
func killSelf() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	time.Sleep(time.Second) // until it arrives
}

// prepareGrandchild gives the grandchild a pipe by which it tells that it is ready.
func prepareGrandchild(cmd *exec.Cmd, ownSession bool) (ready func() error, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: ownSession}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{w}
	return func() error {
		defer r.Close()
		w.Close()
		_, err := r.Read(make([]byte, 1))
		return err
	}, nil
}

func grandchildReady() {
	f := os.NewFile(3, "ready")
	_, _ = f.Write([]byte{1})
	f.Close()
}
