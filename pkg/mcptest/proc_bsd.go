//go:build unix && !linux

package mcptest

import "syscall"

// Alive tells whether a process exists; a zombie counts until it is waited for.
func Alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || err == syscall.EPERM
}
