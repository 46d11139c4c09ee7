package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// private is what a run has on disk for itself. A run's directory holds a lock file that this process keeps locked, so that
// whoever finds the directory later knows whether it is still in use: the kernel unlocks it however a process ends.
type private struct {
	home, tmp string
	run       string
	lock      *os.File
	once      sync.Once
}

const (
	runPrefix = "run-"
	lockName  = "lock"
	unborn    = time.Minute // a directory without a lock file may be one that is just being made
)

// newPrivate makes the directories of a run; those of crashed owners are removed on the way. dir keeps the home
// from run to run; "" stands for a home that ends with the run.
func newPrivate(dir string) (_ *private, err error) {
	base := dir
	if base == "" {
		if base, err = runsDir(); err != nil {
			return nil, err
		}
	}
	if err := makePrivate(base); err != nil {
		return nil, err
	}
	sweepInBackground(base)
	p := &private{}
	defer func() {
		if err != nil {
			p.release()
		}
	}()
	if err := p.claim(base); err != nil {
		return nil, fmt.Errorf("the sandbox has no directory of its own in %s: %w", base, cause(err))
	}
	p.tmp = filepath.Join(p.run, "tmp")
	p.home = filepath.Join(p.run, "home")
	if dir != "" {
		p.home = filepath.Join(base, "home")
	}
	for _, path := range []string{p.tmp, p.home} {
		if err := makePrivate(path); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// runsDir holds the directories of runs that keep nothing. It is not in /tmp, which a sandbox has its own of.
func runsDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("a sandbox needs a place for its private directories: %w; set HOME or XDG_CACHE_HOME", err)
	}
	return filepath.Join(cache, "mcpproxy-stdio", "sandbox"), nil
}

// makePrivate makes a directory that is this user's alone, or finds it so.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the private directory %s of a sandbox cannot be made: %w", dir, cause(err))
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("the private directory %s of a sandbox cannot be used: %w", dir, cause(err))
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if !info.IsDir() || int(owner) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s must be a directory that only you can use (chown, chmod 700); or remove it", dir)
	}
	return nil
}

// claim makes a run's directory and locks it.
func (p *private) claim(base string) error {
	for range 10 { // a sweep may take it for a crashed owner's before it is locked, and remove it
		run, err := os.MkdirTemp(base, runPrefix)
		if err != nil {
			return err
		}
		if lock, err := os.OpenFile(filepath.Join(run, lockName), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
			if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && isFile(lock) {
				p.run, p.lock = run, lock
				return nil
			}
			lock.Close()
		}
		remove(run)
	}
	return errors.New("another program changed its lock file")
}

// isFile tells whether a file that is open still has its name.
func isFile(f *os.File) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(open, named)
}

func (p *private) release() {
	p.once.Do(func() {
		if p.run != "" {
			remove(p.run)
			p.lock.Close()
		}
	})
}

// sweeping has the directories that are being looked through; true: once more after that.
var (
	sweeps   sync.Mutex
	sweeping = map[string]bool{}
)

// sweepInBackground keeps no start waiting: a hostile program can leave behind what takes minutes to remove.
func sweepInBackground(base string) {
	sweeps.Lock()
	defer sweeps.Unlock()
	if _, busy := sweeping[base]; busy {
		sweeping[base] = true
		return
	}
	sweeping[base] = false
	go func() {
		for more := true; more; {
			sweep(base)
			sweeps.Lock()
			if more = sweeping[base]; more {
				sweeping[base] = false
			} else {
				delete(sweeping, base)
			}
			sweeps.Unlock()
		}
	}()
}

// sweep removes the directories of runs whose owner has ended without doing so.
func sweep(base string) {
	runs, _ := filepath.Glob(filepath.Join(base, runPrefix+"*"))
	for _, run := range runs {
		lock, err := os.OpenFile(filepath.Join(run, lockName), os.O_WRONLY|unix.O_NOFOLLOW, 0)
		if err != nil {
			if info, statErr := os.Lstat(run); errors.Is(err, fs.ErrNotExist) && statErr == nil && time.Since(info.ModTime()) > unborn {
				remove(run)
			}
			continue
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			remove(run)
		}
		lock.Close()
	}
}

// remove removes a directory with what a program has left in it; some (Go's module cache) leave directories that cannot be written.
// Nothing outside is touched, whatever links there are.
// The lock goes last, so that the next sweep finds what is left when this process ends in the middle.
func remove(dir string) {
	if strings.HasPrefix(filepath.Base(dir), runPrefix) {
		removeAll(dir)
	}
}

// removeKept removes a directory that keeps a home, unless a run in it still goes on.
func removeKept(dir string) {
	sweep(dir)
	if runs, err := filepath.Glob(filepath.Join(dir, runPrefix+"*")); err == nil && len(runs) == 0 {
		removeAll(dir)
	}
}

func removeAll(dir string) {
	all := true
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		all = all && (e.Name() == lockName || os.RemoveAll(filepath.Join(dir, e.Name())) == nil)
	}
	if all && os.RemoveAll(dir) == nil {
		return
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return
	}
	fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && err == nil {
			root.Chmod(path, 0o700)
		}
		return nil
	})
	root.Close()
	os.RemoveAll(dir)
}
