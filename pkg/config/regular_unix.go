//go:build unix

package config

import (
	"os"

	"golang.org/x/sys/unix"
)

// openNow opens a file without waiting for the writer of a named pipe.
func openNow(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
}
