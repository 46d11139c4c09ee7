package main

import (
	"syscall"
	"testing"
)

// mountTiny mounts a file system with next to no room for the time of the test, and tells whether it could.
func mountTiny(t *testing.T, dir string, readOnly bool) bool {
	var flags uintptr
	if readOnly {
		flags = syscall.MS_RDONLY
	}
	if syscall.Mount("tmpfs", dir, "tmpfs", flags, "size=8k,mode=0700") != nil {
		return false
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return true
}

func unmount(dir string) { syscall.Unmount(dir, syscall.MNT_DETACH) }
