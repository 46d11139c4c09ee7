// Package store is the state directory: small files that several processes read and write.
//
// A file is replaced whole: written beside itself, flushed to disk and renamed, so that a crash at any point leaves the
// old or the new one. Files are 0600 in a 0700 directory; one that others can write, or that is a link, is refused.
// What the files mean is not known here.
package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/adrg/xdg"
)

// ErrUnsafe is wrapped when a file or the directory could have been written by somebody else.
var ErrUnsafe = errors.New("not safe to use")

// Store is a state directory. It is safe for concurrent use by any number of processes.
type Store struct {
	dir string
	// Repaired is called when a directory of the store could be used by others and is the user's alone now; it may be nil.
	Repaired func(dir string)
	refused  error
}

// Refuse makes every use of the store fail with this error. It is called before the first.
func (s *Store) Refuse(err error) { s.refused = err }

// DefaultDir is mcpproxy-stdio under the user's state directory (XDG Base Directory 0.8).
func DefaultDir() string { return filepath.Join(xdg.StateHome, "mcpproxy-stdio") }

// Open returns the store in dir. Nothing is touched before the first use.
func Open(dir string) *Store { return &Store{dir: dir} }

// Dir is where the store lies.
func (s *Store) Dir() string { return s.dir }

// Path is where the named file lies. Names have slashes on every system.
func (s *Store) Path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// Locks is the directory of the lock files.
func (s *Store) Locks() string { return s.Path("locks") }

// Read returns the file's content. The error wraps fs.ErrNotExist or ErrUnsafe, among others.
func (s *Store) Read(name string) ([]byte, error) { return s.read(name, checkPrivate) }

// ReadSecret is Read for a file that nobody else may even read: one that the group or others can is refused with ErrUnsafe.
// On Windows the access list of the user's profile directory decides.
func (s *Store) ReadSecret(name string) ([]byte, error) { return s.read(name, checkSecret) }

func (s *Store) read(name string, check func(string, fs.FileInfo) error) ([]byte, error) {
	if err := s.own(filepath.Dir(s.Path(name))); err != nil {
		return nil, err
	}
	f, err := openNoFollow(s.Path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := check(s.Path(name), info); err != nil {
		return nil, err
	}
	data := make([]byte, info.Size())
	n, err := io.ReadFull(f, data)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return data[:n], err
}

// Write replaces the file. When it returns nil the content is on disk.
func (s *Store) Write(name string, data []byte) (err error) {
	path := s.Path(name)
	dir := filepath.Dir(path)
	if err := s.make(dir); err != nil {
		return err
	}
	sweep(dir)
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// make makes a directory of the store, if need be.
func (s *Store) make(dir string) error {
	if s.refused != nil {
		return s.refused
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	return s.own(dir)
}

// own sees to it that the store's directory is the user's alone, and that nobody else can write the one in it. What is not there is fine.
func (s *Store) own(dir string) error {
	if s.refused != nil {
		return s.refused
	}
	info, err := os.Lstat(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	repaired, err := makePrivate(s.dir, info)
	if err != nil {
		return err
	}
	if repaired && s.Repaired != nil {
		s.Repaired(s.dir)
	}
	if dir == s.dir {
		return nil
	}
	if info, err = os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return checkPrivate(dir, info)
}

// sweep removes what a process that was killed while it wrote has left.
func sweep(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, ".new-*"))
	for _, name := range left {
		if info, err := os.Lstat(name); err == nil && time.Since(info.ModTime()) > time.Hour {
			os.Remove(name)
		}
	}
}

// Update reads the file under a lock across processes, and writes what change returns. A missing file is nil.
// When change returns nil data or an error nothing is written.
func (s *Store) Update(name string, change func(old []byte) ([]byte, error)) error {
	unlock, err := s.lock(name)
	if err != nil {
		return err
	}
	defer unlock()
	old, err := s.Read(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data, err := change(old)
	if err != nil || data == nil {
		return err
	}
	return s.Write(name, data)
}

// lock takes the lock that Update and Append hold.
func (s *Store) lock(name string) (unlock func(), err error) {
	if err := s.make(s.Locks()); err != nil {
		return nil, err
	}
	return lockAt(s.lockFile(name))
}

// Remove deletes the file; a missing one is fine.
func (s *Store) Remove(name string) error {
	if s.refused != nil {
		return s.refused
	}
	if err := os.Remove(s.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Exclusive does work under the lock that Update and Append take for that name.
func (s *Store) Exclusive(name string, work func() error) error {
	unlock, err := s.lock(name)
	if err != nil {
		return err
	}
	defer unlock()
	return work()
}

// Size is the size of a file in bytes. The error wraps fs.ErrNotExist or ErrUnsafe, among others.
func (s *Store) Size(name string) (int64, error) {
	if err := s.own(filepath.Dir(s.Path(name))); err != nil {
		return 0, err
	}
	info, err := os.Lstat(s.Path(name))
	if err == nil {
		err = checkPrivate(s.Path(name), info)
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// ReadFrom is Read from an offset on.
func (s *Store) ReadFrom(name string, offset int64) ([]byte, error) {
	f, err := openNoFollow(s.Path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil {
		err = checkPrivate(s.Path(name), info)
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, offset, max(0, info.Size()-offset)))
}

// Append adds to the end of a file, under a lock across processes, and makes it if need be. When it returns nil the data is on disk.
// A line that a crash has cut short is ended first.
func (s *Store) Append(name string, data []byte) error {
	return s.Exclusive(name, func() error { return s.Add(name, data) })
}

// Add is Append for a caller that holds the lock, with Exclusive.
func (s *Store) Add(name string, data []byte) error {
	cut, err := s.endsInLine(name)
	if errors.Is(err, fs.ErrNotExist) {
		return s.Write(name, data)
	}
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.Path(name), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if cut {
		data = append([]byte("\n"), data...)
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// endsInLine tells whether the file's last line has no end. It refuses what others could have written.
func (s *Store) endsInLine(name string) (bool, error) {
	f, err := openNoFollow(s.Path(name))
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil {
		err = checkPrivate(s.Path(name), info)
	}
	if err != nil || info.Size() == 0 {
		return false, err
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return last[0] != '\n', err
}

// List returns the names of the files in a directory, sorted; a missing one is empty.
func (s *Store) List(dir string) ([]string, error) {
	if err := s.own(s.Path(dir)); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(s.Path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, dir+"/"+e.Name())
		}
	}
	return names, err
}
