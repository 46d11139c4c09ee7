//go:build unix

package launch

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// replaceable tells whether this user can write to a file.
func replaceable(path string) bool { return unix.Access(path, unix.W_OK) == nil }

// executable tells whether a file may be executed, where file systems tell that apart.
func executable(path string, info fs.FileInfo) bool {
	return info.Mode().Perm()&0o111 != 0 && modesCount(path)
}
