//go:build unix

package docker

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// What was checked is what the engine is given, and no other place takes its place before the start.
func TestCheckedPlaces(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(dir string) error{
		"":        func(string) error { return nil },
		"a link":  func(dir string) error { os.Rename(dir, dir+".old"); return os.Symlink(base, dir) },
		"another": func(dir string) error { os.Rename(dir, dir+".old"); return os.Mkdir(dir, 0o700) },
		"a way": func(dir string) error {
			up := filepath.Dir(dir)
			os.Rename(up, up+".old")
			return os.Symlink(up+".old", up)
		},
		"gone":      os.Remove,
		"came late": func(dir string) error { return os.Mkdir(filepath.Dir(dir)+"/late", 0o700) },
	} {
		top := filepath.Join(base, "of "+name)
		dir := filepath.Join(top, "real")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		late := filepath.Join(top, "late")
		c := &Container{spec: Spec{Command: "x", Dir: filepath.Join(top, "link"), RealDir: dir, RealMounts: []string{late, "", dir}}}
		c.spec.Isolation = config.Isolation{Dir: "ro", Mounts: []config.Mount{{Host: "/a/late", Container: "/a"}, {Host: "/b", Container: "/b"}, {Host: "/c", Container: "/c"}}}
		_, host, err := c.settings("image")
		if err != nil {
			t.Fatal(err)
		}
		for n, want := range []string{late, "/b", dir, dir} {
			if got := host.Mounts[n].Source; got != want {
				t.Errorf("the engine is given %s, not %s", got, want)
			}
		}
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if err := c.moved(); (err != nil) != (name != "") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A place that is replaced between the creation and the start costs the start; the container is removed.
func TestAReplacedPlaceIsNotMounted(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, filepath.Join(base, "docs"), map[string]string{"file": "docs"})
	spec := r.spec()
	spec.Isolation.Mounts = []config.Mount{{Host: "/elsewhere", Container: "/docs"}}
	spec.RealMounts = []string{filepath.Join(base, "docs")}
	if got := r.start(spec).running().ask("read /docs/file"); got != "docs" {
		t.Error(got)
	}
	if err := os.Rename(filepath.Join(base, "docs"), filepath.Join(base, "secret")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("secret", filepath.Join(base, "docs")); err != nil {
		t.Fatal(err)
	}
	fails(t, r.start(spec).end(), "was replaced", "docs")
}
