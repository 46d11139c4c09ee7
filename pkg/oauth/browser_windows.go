package oauth

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// detach keeps a Ctrl-C on our console from the browser.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}
