package sandbox

import (
	"bytes"
	"os"

	"golang.org/x/sys/unix"
)

// parentPath is the file that our parent executed, as the kernel keeps it in front of the arguments.
func parentPath() (string, bool) {
	raw, err := unix.SysctlRaw("kern.procargs2", os.Getppid())
	if err != nil || len(raw) < 5 {
		return "", true
	}
	path, _, _ := bytes.Cut(raw[4:], []byte{0})
	return string(path), true
}
