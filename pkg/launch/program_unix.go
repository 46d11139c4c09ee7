//go:build unix

package launch

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// openFile opens a file to read it; a named pipe does not make it wait.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
}

// replaceable tells whether this user can write to a file.
func replaceable(path string) bool { return unix.Access(path, unix.W_OK) == nil }

// executable tells whether a file may be executed, where file systems tell that apart.
func executable(path string, info fs.FileInfo) bool {
	return info.Mode().Perm()&0o111 != 0 && modesCount(path)
}
