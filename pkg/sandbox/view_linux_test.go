package sandbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree makes files (a directory ends with a slash, a link is "path -> target") and gives where.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	base := tempDir(t)
	for _, f := range files {
		path, target, isLink := strings.Cut(f, " -> ")
		path = filepath.Join(base, path)
		if isLink {
			target = strings.Replace(target, "BASE", base, 1)
			os.MkdirAll(filepath.Dir(path), 0o755)
			if err := os.Symlink(target, path); err != nil {
				t.Fatal(err)
			}
		} else if strings.HasSuffix(f, "/") {
			os.MkdirAll(path, 0o755)
		} else {
			put(t, path, "", 0o755)
		}
	}
	return base
}

func TestInstallation(t *testing.T) {
	base := tree(t, "home/.nvm/versions/node/v20/lib/", "home/.local/lib/", "home/.local/share/", "home/lib/",
		"home/.local/share/uv/tools/x/lib/", "home/project/.venv/pyvenv.cfg", "home/miniconda3/conda-meta/", "home/src/host/me/project/",
		"tools/x/lib/", "lib/")
	tests := map[string]string{
		"home/.nvm/versions/node/v20/bin/node":          "home/.nvm/versions/node/v20",
		"home/.local/share/uv/tools/x/bin/x":            "home/.local/share/uv/tools/x",
		"home/project/.venv/bin/python":                 "home/project/.venv",
		"home/miniconda3/bin/python":                    "home/miniconda3",
		"home/project/node_modules/.bin/server":         "home/project/node_modules",
		"home/.local/lib/node_modules/a/node_modules/b": "home/.local/lib/node_modules",
		"tools/x/bin/x":                                 "tools/x",
		"home/.local/bin/uvx":                           "",
		"home/bin/tool":                                 "", // the home itself
		"home/go/bin/tool":                              "",
		"home/src/host/me/bin/tool":                     "", // a person's projects
		"home/.nvm/versions/node/v20/libexec/tool":      "",
		"bin/tool": "", // holds the home
	}
	for program, want := range tests {
		if want != "" {
			want = filepath.Join(base, want)
		}
		if got := installation(filepath.Join(base, program), base+"/home"); got != want {
			t.Errorf("%s: got %q, want %q", program, got, want)
		}
	}
}

func TestInterpreter(t *testing.T) {
	base := tree(t, "bin/node", "bin/data")
	os.Chmod(base+"/bin/data", 0o644)
	env := []string{"PATH=bin:" + base + "/none:" + base + "/bin"}
	tests := map[string]string{
		"#!/bin/sh\n":                           "/bin/sh",
		"#! /bin/sh -e\nx":                      "/bin/sh",
		"#!/usr/bin/env node":                   base + "/bin/node",
		"#!/usr/bin/env -S A=b node --x\n":      base + "/bin/node",
		"#!/usr/bin/env data\n":                 "", // cannot be executed
		"#!/usr/bin/env -S -u /etc /bin/sh\n":   "", // /etc is an option's word
		"#!/usr/bin/env --chdir / node\n":       "",
		"#!/usr/bin/env\n":                      "",
		"#!sh\n":                                "",
		"#!\n":                                  "",
		"\x7fELF":                               "",
		"":                                      "",
		"#!" + strings.Repeat("/", 9000) + "sh": "/" + strings.Repeat("/", 4093),
	}
	for text, want := range tests {
		put(t, base+"/script", text, 0o755)
		if got := interpreter(base+"/script", env); got != want {
			t.Errorf("%.40q: got %.60q, want %.60q", text, got, want)
		}
	}
}

func TestTrace(t *testing.T) {
	base := tree(t, "a/b/file", "link -> a/b", "a/up -> ../link/file", "abs -> BASE/a/up", "loop -> loop", "gone -> nowhere")
	real, links, err := trace(base + "//abs")
	want := []link{{base + "/abs", base + "/a/up"}, {base + "/a/up", "../link/file"}, {base + "/link", "a/b"}}
	if err != nil || real != base+"/a/b/file" || !slices.Equal(links, want) {
		t.Errorf("got %s, %v, %v", real, links, err)
	}
	for _, path := range []string{"/loop", "/gone", "/a/none"} {
		if real, _, err := trace(base + path); err == nil {
			t.Errorf("%s: got %s", path, real)
		}
	}
}

// A home in a system directory is left out of it.
func TestBeside(t *testing.T) {
	base := tree(t, "usr/bin/", "usr/home/me/.ssh/", "usr/home/you/", "usr/escape -> ../elsewhere", "elsewhere/", "usr/file")
	got := beside(base+"/usr", base+"/usr/home/me")
	want := []string{base + "/usr/bin", base + "/usr/file", base + "/usr/home/you"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := beside(base+"/usr/home", base+"/usr/bin"); !slices.Equal(got, []string{base + "/usr/home"}) {
		t.Errorf("got %q", got)
	}
}

// A link that comes between the check and the use is not followed, by no method.
func TestLinkThatComesLate(t *testing.T) {
	eachMethod(t, func(t *testing.T, m machine) {
		for _, write := range []bool{false, true} {
			w := newWorld(t)
			put(t, w.work+"/docs/id", "a page", 0o644)
			spec := w.attacker(t, "read", w.work+"/docs/id")
			spec.Paths = []Path{{Path: w.work + "/docs", Real: w.work + "/docs", Write: write}}
			c, err := m.confine(spec)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Release()
			if err := os.Rename(w.work+"/docs", w.work+"/was"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(w.home+"/.ssh", w.work+"/docs"); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(c.Path, c.Args...)
			cmd.Env, cmd.Dir = c.Env, c.Dir
			if r := finish(t, cmd, nil); r.code != exitRefused && m.Method != Namespaces || r.code == 0 {
				t.Errorf("got %v", r)
			}
		}
	})
}

// Each place of a file system is mounted once, and what is ours does not narrow what is listed.
func TestSorted(t *testing.T) {
	v := &view{grants: []grant{{Path: "/b/c", ours: true}, {Path: "/b", Write: true}, {Path: "/a"}, {Path: "/a-b"}, {Path: "/a/x", ours: true, Write: true},
		{Path: "/a", Write: true}, {Path: "/z", ours: true}}}
	want := []grant{{Path: "/a", Write: true}, {Path: "/a-b"}, {Path: "/b", Write: true}, {Path: "/z", ours: true}}
	if got := v.sorted(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// A link or a script of the repository shows the file it leads to, and of what lies around that only a runtime.
func TestWorkspaceLeadsToNoProject(t *testing.T) {
	base := tree(t, "home/src/org/secret/bin/run", "home/src/org/secret/lib/key", "home/.pyenv/versions/3.12/bin/python3", "home/.pyenv/versions/3.12/lib/python3.12/os.py",
		"ws/tool -> ../home/src/org/secret/bin/run", "ws/.venv/pyvenv.cfg", "ws/.venv/bin/python -> BASE/home/.pyenv/versions/3.12/bin/python3", "way -> ws")
	secret := base + "/home/src/org/secret"
	put(t, base+"/ws/script", "#!"+secret+"/bin/run\n", 0o755)
	for program, want := range map[string]string{
		base + "/ws/tool": "", base + "/way/tool": "", base + "/ws/script": "", base + "/ws/.venv/bin/python": base + "/home/.pyenv/versions/3.12", secret + "/bin/run": secret,
	} {
		v := newView(base + "/home")
		v.workspace = base + "/ws"
		if err := v.program(program, nil); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, g := range v.grants {
			if !g.File && within(g.Path, base+"/home") {
				got = g.Path
			}
		}
		if got != want {
			t.Errorf("%s shows %q, want %q", program, got, want)
		}
	}
}

// A script is not given what it names in its first line, unless the kernel would execute that.
func TestScriptsNameNoSecrets(t *testing.T) {
	base := tree(t, "home/key", "home/dir/")
	os.Chmod(base+"/home/key", 0o600)
	for _, named := range []string{base + "/home/key", base + "/home/dir", base + "/home", "/etc"} {
		put(t, base+"/script", "#!"+named+"\n", 0o755)
		v := newView(base + "/home")
		if err := v.program(base+"/script", nil); err != nil {
			t.Fatal(err)
		}
		for _, g := range v.grants {
			if g.Path != base+"/script" {
				t.Errorf("%s: %v is given", named, g)
			}
		}
	}
}

// What was checked is what is given.
func TestListedLeadsWhereItDid(t *testing.T) {
	base := tree(t, "real/", "secret/", "link -> real")
	for real, fails := range map[string]bool{"": false, base + "/real": false, base + "/secret": true, base + "/link": true} {
		v := newView(base + "/home")
		if err := v.listed(Spec{Paths: []Path{{Path: base + "/link", Real: real}}}); (err != nil) != fails {
			t.Errorf("%s: %v", real, err)
		}
		if err := v.listed(Spec{Dir: base + "/link", DirReal: real, DirAccess: "rw"}); (err != nil) != fails {
			t.Errorf("%s as working directory: %v", real, err)
		}
	}
}
