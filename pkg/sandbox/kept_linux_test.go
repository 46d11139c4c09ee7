package sandbox

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// What a server keeps is its own by launch: it goes with a change of the launch and with the server, and stays while a run uses it.
func TestKept(t *testing.T) {
	state := t.TempDir()
	t.Cleanup(func() { // what is kept can't be removed by a user as it is
		filepath.WalkDir(state, func(path string, entry fs.DirEntry, _ error) error {
			if entry != nil && entry.IsDir() {
				os.Chmod(path, 0o700)
			}
			return nil
		})
	})
	file := func(config, server, launch string) string {
		dir := KeptDir(state, config, server, launch)
		p, err := newPrivate(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer p.release()
		data := filepath.Join(p.home, "memory.json")
		if _, err := os.Stat(data); err == nil {
			return data // kept
		}
		os.MkdirAll(filepath.Join(p.home, "mod"), 0o700)
		os.WriteFile(filepath.Join(p.home, "mod", "x"), nil, 0o400)
		os.WriteFile(data, []byte("x"), 0o600)
		os.Chmod(filepath.Join(p.home, "mod"), 0o500) // as Go's module cache is
		return data
	}
	is := func(what, path string, want bool) {
		t.Helper()
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %s is there: %v", what, path, err == nil)
		}
	}
	a1, a2, b, other := file("/c", "a", "1"), file("/c", "a", "2"), file("/c", "b", "1"), file("/other", "a", "1")
	ForgetOtherLaunches(KeptDir(state, "/c", "a", "2"))
	is("of another launch", a1, false)
	is("of this launch", a2, true)
	is("of another server", b, true)
	is("of another file", other, true)

	running, err := newPrivate(KeptDir(state, "/c", "a", "2"))
	if err != nil {
		t.Fatal(err)
	}
	ForgetServers(state, "/c", []string{"b"})
	is("of a removed server that runs", a2, true)
	running.release()
	ForgetServers(state, "/c", []string{"b"})
	is("of a removed server", a2, false)
	is("of one that is configured", b, true)
	is("of another file", other, true)
	if left, _ := os.ReadDir(filepath.Join(state, keptDir, digest("/c"))); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}
