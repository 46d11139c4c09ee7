package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A link in the repository that is open does not decide what a server sees or where it works; one that stays inside does.
func TestLinksOfARepository(t *testing.T) {
	t.Parallel()
	for how, poor := range sandboxes {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			needs(t, how)
			w := newWorld(t)
			if err := os.MkdirAll(w.project+"/real", 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(w.project+"/real/page", []byte("a page"), 0o600); err != nil {
				t.Fatal(err)
			}
			for link, target := range map[string]string{"docs": filepath.Dir(w.key), "up": "../..", "inside": "real"} {
				if err := os.Symlink(target, w.project+"/"+link); err != nil {
					t.Fatal(err)
				}
			}
			ask := options{"type": "sandbox", "network": "none"}
			mount := func(path string) options { return ask.with(options{"mounts": []string{path}}) }
			w.set(entries{
				"ro": w.probe(mount("${workspaceFolder}/docs:ro"), nil), "rw": w.probe(mount("docs"), nil), "deep": w.probe(mount("up/.ssh"), nil),
				"dir":     w.probe(ask.with(options{"working_dir": "rw"}), options{"working_dir": "${workspaceFolder}/docs"}),
				"freedir": w.probe(nil, options{"working_dir": "docs"}), "freeup": w.probe(nil, options{"working_dir": "${workspaceFolder}/up/.ssh"}),
				"inside": w.probe(mount("${workspaceFolder}/inside:ro"), nil), "freein": w.probe(nil, options{"working_dir": "inside"}),
				"named": w.probe(mount(w.project+"/docs:ro"), nil), // the person wrote it out
			}, nil)
			c := w.run("", w.project, append(poor, "XDG_CACHE_HOME="+w.dir+"/.cache"))
			c.List("tools/list")
			for _, name := range []string{"ro", "rw", "deep", "dir", "freedir", "freeup"} {
				tells(t, refusal(t, c, name), "leads out of the workspace", filepath.Dir(w.key), "if you trust that")
			}
			read := func(name, path string) string {
				return said(c.Tool(name+"__try", map[string]any{"do": "read", "path": path}))
			}
			for name, path := range map[string]string{"inside": w.project + "/inside/page", "freein": "page"} {
				if got := read(name, path); got != "a page" {
					t.Errorf("%s reads %q", name, got)
				}
			}
			if got := read("named", w.project+"/docs/id_x"); got != "KEY-4411" {
				t.Errorf("what a person named is not given: %q", got)
			}
			if got := seen(t, c, "freein").Dir; !strings.HasSuffix(got, "/real") {
				t.Errorf("it works in %s", got)
			}
		})
	}
}
