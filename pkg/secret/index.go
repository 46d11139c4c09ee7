package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// List returns the names that were stored through this index, sorted. A missing
// index is an empty one.
func (s Store) List() ([]string, error) {
	if err := s.checkIndex(); err != nil {
		return nil, err
	}
	data, err := lockedfile.Read(s.IndexPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, indexError(err)
	}
	return names(data), nil
}

// note adds a name to the index or takes it out, under a lock across processes.
func (s Store) note(name string, add bool) error {
	if err := s.checkIndex(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.IndexPath), 0o700); err != nil {
		return indexError(err)
	}
	// Made here for its permissions; Transform would make it readable by others.
	f, err := os.OpenFile(s.IndexPath, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return indexError(err)
	}
	f.Close()
	err = lockedfile.Transform(s.IndexPath, func(data []byte) ([]byte, error) {
		known := slices.DeleteFunc(names(data), func(n string) bool { return n == name })
		if add {
			known = append(known, name)
			slices.Sort(known)
		}
		if len(known) == 0 {
			return nil, nil
		}
		return []byte(strings.Join(known, "\n") + "\n"), nil
	})
	if err != nil {
		return indexError(err)
	}
	return nil
}

// checkIndex refuses an index that is a link or no file: it is ours alone.
func (s Store) checkIndex() error {
	info, err := os.Lstat(s.IndexPath)
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("secret: %s is not a regular file – remove it", s.IndexPath)
	}
	return nil
}

// names reads the index, one name a line, leaving out what cannot be a name.
func names(data []byte) []string {
	var list []string
	for line := range strings.Lines(string(data)) {
		if name := strings.TrimSpace(line); isName(name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func indexError(err error) error {
	return fmt.Errorf("secret: the list of names: %w – make the state directory writable", err)
}
