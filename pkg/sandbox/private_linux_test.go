package sandbox

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func newTestPrivate(t *testing.T, dir string) *private {
	t.Helper()
	p, err := newPrivate(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.release)
	return p
}

func there(path string) bool { _, err := os.Lstat(path); return err == nil }

// What a crashed owner has left goes with the next run; what is in use stays.
func TestSweep(t *testing.T) {
	base := tempDir(t) + "/runs"
	crashed, used := newTestPrivate(t, base), newTestPrivate(t, base)
	crashed.lock.Close() // as the kernel does it
	put(t, crashed.tmp+"/x", "", 0o600)
	unlocked, young := base+"/run-unlocked", base+"/run-young"
	for _, dir := range []string{unlocked, young, base + "/other"} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-2 * unborn)
	if err := os.Chtimes(unlocked, old, old); err != nil {
		t.Fatal(err)
	}
	newTestPrivate(t, base) // which does not wait for it
	for end := time.Now().Add(20 * time.Second); (there(crashed.run) || there(unlocked)) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	for path, want := range map[string]bool{crashed.run: false, unlocked: false, young: true, used.run: true, base + "/other": true, used.home: true} {
		if there(path) != want {
			t.Errorf("%s is there: %v", path, !want)
		}
	}
	used.release()
	if there(used.run) || !there(used.home) {
		t.Error("release removes the run, and not the home that stays")
	}
}

// A sweep beside a start does not take the new directory for a crashed owner's.
func TestSweepBesideStarts(t *testing.T) {
	base := tempDir(t) + "/runs"
	if err := makePrivate(base); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var sweeps sync.WaitGroup
	for range 4 {
		sweeps.Go(func() {
			for ctx.Err() == nil {
				sweep(base)
			}
		})
	}
	for range 300 {
		p := &private{}
		if err := p.claim(base); err != nil {
			t.Error(err)
			continue
		}
		if !there(p.run + "/" + lockName) {
			t.Error("a run has no lock")
		}
		p.release()
	}
	stop()
	sweeps.Wait()
}

// Go's module cache and some archives have directories that cannot be written, and a program can lay links.
func TestRemove(t *testing.T) {
	base := tempDir(t)
	p := newTestPrivate(t, base+"/runs")
	put(t, base+"/mine/file", "", 0o600)
	os.Chmod(base+"/mine", 0o500)
	put(t, p.tmp+"/a/b/file", "", 0o400)
	os.Symlink(base+"/mine", p.tmp+"/a/link")
	for _, dir := range []string{"/a/b", "/a"} {
		if err := os.Chmod(p.tmp+dir, 0); err != nil {
			t.Fatal(err)
		}
	}
	p.release()
	info, err := os.Stat(base + "/mine")
	if there(p.run) || err != nil || info.Mode().Perm() != 0o500 || !there(base+"/mine/file") {
		t.Errorf("the run is there: %v; what is outside: %v, %v", there(p.run), info, err)
	}
	os.Chmod(base+"/mine", 0o700)
}

// Nobody else can have prepared the private directory, or look into it.
func TestMakePrivate(t *testing.T) {
	base := tempDir(t)
	os.Mkdir(base+"/open", 0o777)
	os.Chmod(base+"/open", 0o755)
	os.Mkdir(base+"/good", 0o700)
	os.Symlink(base+"/good", base+"/link")
	put(t, base+"/file", "", 0o600)
	for name, want := range map[string]bool{"open": false, "good": true, "link": false, "file": false, "new/deep": true} {
		if err := makePrivate(filepath.Join(base, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
