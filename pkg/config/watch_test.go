package config

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// watched runs Watch and returns a channel with one element a call.
func watched(t *testing.T, path string) (changes <-chan struct{}) {
	t.Helper()
	calls := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	known := fileDigest(path)
	wg.Go(func() {
		if err := watch(ctx, path, known, func() { calls <- struct{}{} }); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return calls
}

// expect waits for a change; without one something is wrong, and 10 s are only
// the patience of a slow machine.
func expect(t *testing.T, changes <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-changes:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: not seen", what)
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatchFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.json")
	put(t, path, "1")
	changes := watched(t, path)

	put(t, path, "2")
	expect(t, changes, "write in place")
	put(t, path+".tmp", "3")
	try(t, os.Rename(path+".tmp", path))
	expect(t, changes, "rename over")
	try(t, os.Remove(path))
	expect(t, changes, "deletion")
	put(t, path, "4")
	expect(t, changes, "creation")
	put(t, path, "4")
	put(t, filepath.Join(dir, "other"), "x")
	select {
	case <-changes:
		t.Error("called without a change")
	case <-time.After(4 * settle):
	}
}

func TestWatchBeforeTheDirectoryIsThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "c.json")
	changes := watched(t, path)
	try(t, os.MkdirAll(filepath.Dir(path), 0o700))
	put(t, path, "1")
	expect(t, changes, "creation with directories")
	try(t, os.RemoveAll(filepath.Join(dir, "a")))
	expect(t, changes, "deletion with directories")
	try(t, os.MkdirAll(filepath.Dir(path), 0o700))
	put(t, path, "2")
	expect(t, changes, "creation again")
	try(t, os.Rename(filepath.Dir(path), filepath.Join(dir, "moved")))
	expect(t, changes, "directory renamed")
}

func TestWatchLinks(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	try(t, os.Mkdir(one, 0o700))
	try(t, os.Mkdir(two, 0o700))
	put(t, filepath.Join(one, "c.json"), "1")
	put(t, filepath.Join(two, "c.json"), "2")
	link := filepath.Join(dir, "link")
	if err := os.Symlink("one", link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	file := filepath.Join(dir, "c.json")
	try(t, os.Symlink(filepath.Join("link", "c.json"), file))
	changes := watched(t, file)

	put(t, filepath.Join(one, "c.json"), "3")
	expect(t, changes, "write to the target")
	try(t, os.Symlink("two", link+".tmp"))
	try(t, os.Rename(link+".tmp", link))
	expect(t, changes, "directory link to another place")
	put(t, filepath.Join(two, "c.json"), "4")
	expect(t, changes, "write to the new target")
	try(t, os.Symlink(filepath.Join("one", "c.json"), file+".tmp"))
	try(t, os.Rename(file+".tmp", file))
	expect(t, changes, "file link to another place")
}

func TestWatchSinceLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.json")
	c, err := Load(path)
	try(t, err)
	put(t, path, "{}")
	calls := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.Watch(ctx, func() { calls <- struct{}{} }) })
	expect(t, calls, "change between Load and Watch")
	cancel()
	wg.Wait()
}

func TestWatchWithoutNotifications(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.json")
	calls := 0
	w := &watcher{path: path, known: fileDigest(path), fn: func() { calls++ }, dirs: map[string]bool{}}
	w.arm()
	if !w.poll {
		t.Error("nobody looks")
	}
	put(t, path, "1")
	w.check()
	w.check()
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}
