package store

import (
	"context"
	"fmt"
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
	if err := os.MkdirAll(s.Locks(), 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	type answer struct {
		unlock func()
		err    error
	}
	answers := make(chan answer)
	// The system's call can't be interrupted: who has given up leaves a goroutine that gets the lock in the end and gives it back.
	go func() {
		unlock, err := lockedfile.MutexAt(s.lockFile(name) + ".held").Lock()
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
	if err := os.MkdirAll(s.Locks(), 0o700); err != nil {
		return nil, false, fmt.Errorf("state directory: %w", err)
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

func (s *Store) lockFile(name string) string {
	return filepath.Join(s.Locks(), strings.ReplaceAll(name, "/", "-"))
}
