package mcptest

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// killSelf ends the process without any handler running.
func killSelf() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill()
	}
	time.Sleep(time.Second) // until it arrives
}

// prepareGrandchild takes the grandchild out of the console's group; Windows
// passes no extra file on, so nobody waits for it.
func prepareGrandchild(cmd *exec.Cmd, ownSession bool) (ready func() error, err error) {
	if ownSession {
		cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
	}
	return func() error { return nil }, nil
}

func grandchildReady() {}

func terminalMain() {}
