//go:build unix

package store

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

func openNoFollow(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err == nil {
		return f, nil
	}
	// Systems have errors of their own for a link that was not followed.
	if info, e := os.Lstat(path); e == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("%w: %s is a link; remove it", ErrUnsafe, path)
	}
	return nil, err
}

// checkPrivate refuses what another user owns or can write.
func checkPrivate(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() && !info.IsDir() {
		return fmt.Errorf("%w: %s is %s", ErrUnsafe, path, info.Mode().Type())
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%w: others can write %s; run chmod go-w on it after checking what it holds", ErrUnsafe, path)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%w: %s belongs to user %d", ErrUnsafe, path, owner.Uid)
	}
	return nil
}

// makePrivate takes the rights of others on a directory away, and refuses what is not the user's directory.
func makePrivate(path string, info fs.FileInfo) (repaired bool, err error) {
	if !info.IsDir() {
		return false, fmt.Errorf("%w: %s is not a directory", ErrUnsafe, path)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		return false, fmt.Errorf("%w: %s belongs to user %d; name another state directory with XDG_STATE_HOME", ErrUnsafe, path, owner.Uid)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return false, nil
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return false, fmt.Errorf("%w: others can use %s; run chmod 700 on it: %w", ErrUnsafe, path, err)
	}
	return true, nil
}

// checkSecret refuses also what another user can read.
func checkSecret(path string, info fs.FileInfo) error {
	if err := checkPrivate(path, info); err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%w: others can read %s; run chmod 600 on it, and treat its contents as disclosed", ErrUnsafe, path)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
