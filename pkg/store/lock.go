package store

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// Lock takes the lock of that name, across processes and goroutines, for work that takes a while, as a request does. It is not
// the one that Update and Append take: those may be called, for the same name too, while this one is held. It waits until ctx
// ends, and then returns its error. A process that ends gives its locks back.
func (s *Store) Lock(ctx context.Context, name string) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.make(s.Locks()); err != nil {
		return nil, err
	}
	type answer struct {
		unlock func()
		err    error
	}
	answers := make(chan answer)
	// The system's call can't be interrupted: who has given up leaves a goroutine that gets the lock in the end and gives it back.
	go func() {
		unlock, err := lockAt(s.lockFile(name) + ".held")
		select {
		case answers <- answer{unlock, err}:
		case <-ctx.Done():
			if err == nil {
				unlock()
			}
		}
	}()
	select {
	case a := <-answers:
		return a.unlock, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TryLock is Lock for what is done only where nobody else does it: it does not wait, and ok tells whether the lock is held. With
// last, for a name that nobody will use again, unlock leaves no file behind.
func (s *Store) TryLock(name string) (unlock func(last bool), ok bool, err error) {
	if err := s.make(s.Locks()); err != nil {
		return nil, false, err
	}
	f, err := os.OpenFile(s.lockFile(name)+".held", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	if ok, err = tryLock(f); !ok || err != nil {
		f.Close()
		return nil, false, err
	}
	return func(last bool) {
		if last {
			os.Remove(f.Name())
		}
		f.Close() // which gives the lock back
	}, true, nil
}

// lockAt locks a file that nobody else can read, and waits for the lock.
func lockAt(path string) (unlock func(), err error) {
	f, err := lockedfile.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.Mode().Perm()&0o077 != 0 {
		os.Chmod(path, 0o600) // of an older version
	}
	return func() { f.Close() }, nil
}

// LockFile is the file of the lock that Update takes for a name.
func (s *Store) LockFile(name string) string { return s.lockFile(name) }

func (s *Store) lockFile(name string) string {
	return filepath.Join(s.Locks(), strings.ReplaceAll(name, "/", "-"))
}
