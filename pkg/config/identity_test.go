package config

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func TestRealPath(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "f")
	os.WriteFile(file, nil, 0o600)
	os.Mkdir(filepath.Join(dir, "d"), 0o755)
	if err := os.Symlink(dir, filepath.Join(dir, "d", "up")); err != nil {
		t.Skip("links can't be made here")
	}
	os.Symlink(file, filepath.Join(dir, "link"))
	os.Symlink(filepath.Join(dir, "later"), filepath.Join(dir, "dangling"))
	for path, want := range map[string]string{
		file:                       file,
		dir + "/d/../f":            file,
		dir + "/link":              file,
		dir + "/d/up/link":         file,
		dir + "/d/up/new/file":     filepath.Join(dir, "new/file"),
		filepath.Join(dir, "gone"): filepath.Join(dir, "gone"),
	} {
		if got := RealPath(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if runtime.GOOS == "linux" && RealPath("/proc/self/root"+file) != file {
		t.Error(RealPath("/proc/self/root" + file))
	}
	if FileID(file) == "" && runtime.GOOS != "windows" || FileID(file) != FileID(filepath.Join(dir, "link")) || HasSeveralNames(file) {
		t.Error("a link is another file")
	}
	if os.Link(file, filepath.Join(dir, "hard")) == nil && runtime.GOOS != "windows" && (!HasSeveralNames(file) || FileID(filepath.Join(dir, "hard")) != FileID(file)) {
		t.Error("a hard link is not seen")
	}
}

func TestInside(t *testing.T) {
	for _, c := range []struct {
		path, dir string
		want      bool
	}{{"/a/b", "/a", true}, {"/a", "/a", true}, {"/ab", "/a", false}, {"/a/../b", "/a", false}, {"/a/..b", "/a", true}, {"/", "/a", false}} {
		if got := Inside(filepath.FromSlash(c.path), filepath.FromSlash(c.dir)); got != c.want {
			t.Errorf("%s in %s: %v", c.path, c.dir, got)
		}
	}
}

// The time of a change is not the one that a program sets.
func TestChanged(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a program can set all times there")
	}
	dir := t.TempDir()
	file, link := filepath.Join(dir, "f"), filepath.Join(dir, "l")
	before := time.Now().Add(-time.Minute)
	os.WriteFile(file, nil, 0o600)
	os.Chtimes(file, time.Unix(0, 0), time.Unix(0, 0))
	os.Symlink(file, link)
	for _, p := range []string{file, link} {
		if !Changed(p).After(before) {
			t.Errorf("%s: %v", p, Changed(p))
		}
	}
	if !Changed(filepath.Join(dir, "none")).IsZero() {
		t.Error("of no file")
	}
}
