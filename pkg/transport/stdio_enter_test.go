//go:build unix

package transport

import (
	"os"
	"path/filepath"
	"testing"
)

// A working directory that was checked is the one that is entered, or none.
func TestEnter(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"real/deep", "secret/deep"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	os.Symlink("real", filepath.Join(base, "link"))
	for _, c := range []struct {
		dir, real string
		change    func()
		fails     bool
	}{
		{base + "/link/deep", "", nil, false},
		{base + "/link/deep", base + "/real/deep", nil, false},
		{base + "/link/deep", base + "/real/deep", func() {
			os.Rename(base+"/real", base+"/was")
			os.Symlink("secret", base+"/real")
		}, true},
	} {
		if c.change != nil {
			c.change()
		}
		dir, leave, err := enter(&StdioSpec{Dir: c.dir, RealDir: c.real})
		if (err != nil) != c.fails {
			t.Errorf("%+v: %v", c, err)
		}
		if err != nil {
			continue
		}
		want, _ := os.Stat(base + "/real/deep")
		if got, err := os.Stat(dir); err != nil || !os.SameFile(got, want) {
			t.Errorf("%+v: %s, %v", c, dir, err)
		}
		leave()
	}
}
