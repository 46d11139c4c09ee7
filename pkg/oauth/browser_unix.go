//go:build unix

package oauth

import (
	"os/exec"
	"syscall"
)

// detach gives the browser a session of its own, which signals of our terminal do not reach.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
