//go:build unix

package launch

import (
	"io/fs"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

const separators = "/"

// program checks that a file can be executed by us.
func program(path string, _ []string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	switch {
	case info.IsDir():
		return "", syscall.EISDIR
	case !info.Mode().IsRegular():
		return "", config.ErrNotRegular
	}
	if info.Mode().Perm()&0o002 != 0 && modesCount(path) {
		return "", ErrOpenToAll
	}
	if err := unix.Access(path, unix.X_OK); err != nil {
		return "", err
	}
	return path, nil
}

// plantable tells whether anybody could put a program into a directory.
func plantable(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0 && modesCount(dir)
}

// LookupEnv gives a variable of an environment: the first one of its name, as libc's getenv and package os do.
func LookupEnv(env []string, key string) (string, bool) {
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, key+"="); ok {
			return value, true
		}
	}
	return "", false
}

// replaceable tells whether this user can write to a file.
func replaceable(path string) bool { return unix.Access(path, unix.W_OK) == nil }

// executable tells whether a file may be executed, where file systems tell that apart.
func executable(path string, info fs.FileInfo) bool {
	return info.Mode().Perm()&0o111 != 0 && modesCount(path)
}
