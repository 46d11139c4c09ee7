//go:build unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWriteAndRead(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "state"))
	if _, err := s.Read("a/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("reading a missing file: %v", err)
	}
	for _, text := range []string{"one", "", "three"} {
		if err := s.Write("a/b", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Read("a/b"); err != nil || string(got) != text {
			t.Fatalf("got %q, %v; want %q", got, err, text)
		}
	}
	for path, want := range map[string]fs.FileMode{s.Path("a/b"): 0o600, s.Path("a"): 0o700, s.Dir(): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", path, info.Mode(), err, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(s.Path("a"), ".new-*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestRefusesWhatOthersCanChange(t *testing.T) {
	s := Open(t.TempDir())
	if err := s.Write("f", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(s.Path("f"), s.Path("link")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read("link"); err == nil {
		t.Error("a link was followed")
	}
	if err := os.Chmod(s.Path("f"), 0o620); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read("f"); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a file others can write was read: %v", err)
	}
}

// A state directory that others could use is the user's alone again, which is told; another user's is refused.
func TestDirectoryIsRepaired(t *testing.T) {
	for _, mode := range []fs.FileMode{0o777, 0o1777, 0o770, 0o755, 0o701} {
		s := Open(filepath.Join(t.TempDir(), "state"))
		var told []string
		s.Repaired = func(dir string) { told = append(told, dir) }
		if err := s.Update("sub/f", func([]byte) ([]byte, error) { return []byte("x"), nil }); err != nil || told != nil {
			t.Fatal(told, err)
		}
		if err := errors.Join(os.Chmod(s.Dir(), mode), os.Chmod(s.Path("locks/sub-f"), 0o666)); err != nil {
			t.Fatal(err)
		}
		if err := s.Update("sub/f", func([]byte) ([]byte, error) { return nil, nil }); err != nil || !slices.Equal(told, []string{s.Dir()}) {
			t.Errorf("%o: told %q, %v", mode, told, err)
		}
		for path, want := range map[string]fs.FileMode{s.Dir(): 0o700, s.Path("locks/sub-f"): 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%o: %s is %v, %v", mode, path, info.Mode(), err)
			}
		}
	}
	for _, dir := range []string{"sub", "locks"} { // who could write there has written what: a person looks first
		s := Open(filepath.Join(t.TempDir(), "state"))
		update := func() error { return s.Update("sub/f", func([]byte) ([]byte, error) { return []byte("x"), nil }) }
		if err := errors.Join(update(), os.Chmod(s.Path(dir), 0o777)); err != nil {
			t.Fatal(err)
		}
		if err := update(); !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "chmod") {
			t.Errorf("%s that others can write: %v", dir, err)
		}
	}
	if os.Geteuid() == 0 {
		s := Open(filepath.Join(t.TempDir(), "state"))
		if err := s.Write("f", []byte("x")); err != nil {
			t.Fatal(err)
		}
		os.Chown(s.Dir(), 12345, -1)
		if _, err := s.Read("f"); !errors.Is(err, ErrUnsafe) {
			t.Errorf("read from another user's directory: %v", err)
		}
		if err := s.Write("f", nil); !errors.Is(err, ErrUnsafe) {
			t.Errorf("wrote into another user's directory: %v", err)
		}
	}
}

func TestLeftoversAreSwept(t *testing.T) {
	s := Open(t.TempDir())
	os.Chmod(s.Dir(), 0o700)
	old, fresh := s.Path(".new-old"), s.Path(".new-fresh")
	for _, name := range []string{old, fresh} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	os.Chtimes(old, time.Now(), time.Now().Add(-2*time.Hour))
	if err := s.Write("f", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("what a killed process left is still there")
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error("another process's file was removed:", err)
	}
}

func TestUpdatesDoNotGetLost(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s := Open(dir)
			for range 10 {
				err := s.Update("n", func(old []byte) ([]byte, error) {
					n, _ := strconv.Atoi(string(old))
					return fmt.Appendf(nil, "%d", n+1), nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got, err := Open(dir).Read("n"); err != nil || string(got) != "80" {
		t.Fatalf("got %q, %v", got, err)
	}
}
