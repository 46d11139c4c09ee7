//go:build unix

package launch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

func TestPlanted(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"work/own/deep", "secrets", "other"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"work/data": "../secrets", "way": "work", "work/own/up": base + "/secrets"} {
		if err := os.Symlink(target, filepath.Join(base, link)); err != nil {
			t.Fatal(err)
		}
	}
	at := func(path string, write bool) config.Mount {
		return config.Mount{Host: base + path, Container: base + path, ReadOnly: !write}
	}
	for name, c := range map[string]struct {
		iso  config.Isolation
		dir  string
		want bool
	}{
		"nothing":                        {config.Isolation{}, "/work", false},
		"a link in what it writes":       {config.Isolation{Mounts: []config.Mount{at("/work", true), at("/work/data", false)}}, "", true},
		"in what it only reads":          {config.Isolation{Mounts: []config.Mount{at("/work", false), at("/work/data", false)}}, "", false},
		"in its working directory":       {config.Isolation{Dir: "rw", Mounts: []config.Mount{at("/work/data", true)}}, "/work", true},
		"in one that is read-only":       {config.Isolation{Dir: "ro", Mounts: []config.Mount{at("/work/data", true)}}, "/work", false},
		"in one that is not given":       {config.Isolation{Mounts: []config.Mount{at("/work/data", true)}}, "/work", false},
		"by another way to it":           {config.Isolation{Mounts: []config.Mount{at("/work", true), at("/way/own/up", false)}}, "", true},
		"what it writes has another way": {config.Isolation{Mounts: []config.Mount{at("/way", true), at("/work/own/up", false)}}, "", true},
		"the working directory itself":   {config.Isolation{Dir: "ro", Mounts: []config.Mount{at("/work", true)}}, "/work/data", true},
		"no link":                        {config.Isolation{Mounts: []config.Mount{at("/work", true), at("/work/own/deep", false)}}, "", false},
		"a link beside":                  {config.Isolation{Mounts: []config.Mount{at("/other", true), at("/work/data", false)}}, "", false},
		"the link to what it writes":     {config.Isolation{Mounts: []config.Mount{at("/way", true)}}, "", false},
		"what is not there":              {config.Isolation{Mounts: []config.Mount{at("/work", true), at("/work/none", false)}}, "", false},
	} {
		err := planted(&c.iso, base+c.dir)
		if (err != nil) != c.want || err != nil && !strings.Contains(err.Error(), "is a link") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
