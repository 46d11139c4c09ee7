//go:build !linux

package sandbox

import (
	"errors"
	"os"
)

// ErrNotOurs is returned by [Ours].
var ErrNotOurs = errors.New("only mcpproxy-stdio itself starts this command")

// Token is nil: a child sees which program its parent is.
func Token() (*os.File, error) { return nil, nil }

// Ours tells whether this process was started by this very program.
func Ours() error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	path, known := parentPath()
	if !known {
		return nil // this system does not tell
	}
	a, errA := os.Stat(own)
	b, errB := os.Stat(path)
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		return ErrNotOurs
	}
	return nil
}
