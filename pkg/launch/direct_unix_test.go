//go:build unix

package launch

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// What stands in the place of an interpreter to choose a version is asked in a directory of ours, and what it chose is started.
func TestRealInterpreter(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	if node, err = filepath.EvalSymlinks(node); err != nil {
		t.Fatal(err)
	}
	workspace, shims, managers := t.TempDir(), t.TempDir(), t.TempDir()
	marker := filepath.Join(t.TempDir(), "obeyed")
	shim := "#!/bin/sh\n[ -e .node-version ] && touch " + marker + "\nexec " + node + ` "$@"` + "\n"
	for path, text := range map[string]string{filepath.Join(shims, "node"): shim, filepath.Join(managers, "volta-shim"): shim, filepath.Join(workspace, ".node-version"): "0"} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(managers, "node")
	if err := os.Symlink("volta-shim", link); err != nil {
		t.Fatal(err)
	}
	here := &runHere{}
	in := &Installer{Store: store.Open(filepath.Join(t.TempDir(), "state")), Run: here.run}
	t.Chdir(workspace)
	for _, found := range []string{filepath.Join(shims, "node"), link} {
		if got, err := in.Real(t.Context(), found, []string{"PATH=/usr/bin:/bin"}); err != nil || got != node {
			t.Errorf("%s: %s %v", found, got, err)
		}
	}
	if len(here.seen) != 2 {
		t.Errorf("%d were asked", len(here.seen))
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the workspace was obeyed")
	}
	if left, _ := filepath.Glob(in.Store.Path("packages/.ask-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, plain := range []string{node} {
		if got, err := in.Real(t.Context(), plain, nil); err != nil || got != plain {
			t.Errorf("%s: %s %v", plain, got, err)
		}
	}
}

func TestEntrypoint(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"#!/usr/bin/env node\nx":                     "node",
		"#!/usr/bin/env node\r\nx":                   "node",
		"#!/usr/local/bin/node --no-warnings":        "node --no-warnings",
		"#!/usr/bin/env -S node --no-warnings --x\n": "node --no-warnings --x",
		"#!/usr/bin/env -S A=1 node\n":               "",
		"#!/usr/bin/env bun\n":                       "bun",
		"#!/bin/sh\n":                                "",
		"#!/usr/bin/env python3\n":                   "",
		"\x7fELF":                                    "",
		"console.log(1)":                             "node",
		"":                                           "node",
	} {
		if err := os.WriteFile(filepath.Join(dir, "x.js"), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		p, err := entrypoint(dir, "x.js")
		got := strings.TrimSpace(p.Interpreter + " " + strings.Join(p.Flags, " "))
		if text == "\x7fELF" { // by its name it is a script
			want = "node"
		}
		if err != nil || got != want {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
}

func TestEnvironmentOfPrograms(t *testing.T) {
	if got := withFirst([]string{"A=1", "PATH=/x"}, "/d"); !slices.Equal(got, []string{"A=1", "PATH=/d:/x"}) {
		t.Error(got)
	}
	if got := withFirst([]string{"A=1"}, "/d"); !slices.Equal(got, []string{"A=1", "PATH=/d"}) {
		t.Error(got)
	}
	if got := absoluteOnly([]string{"A=:", "PYTHONPATH=:/a:.:b:/c"}, "PYTHONPATH"); !slices.Equal(got, []string{"A=:", "PYTHONPATH=/a:/c"}) {
		t.Error(got)
	}
	if got := absoluteOnly([]string{"PYTHONPATH=.", "B=2"}, "PYTHONPATH"); !slices.Equal(got, []string{"B=2"}) {
		t.Error(got)
	}
}

// A pin is kept byte for byte: what was changed is not started, and what is gone comes back as it was or not at all.
func TestPin(t *testing.T) {
	in, registry, here, env := npmRig(t)
	registry.Publish(t, "tool", "1.0.0", map[string]any{"bin": "cli.js"}, script("console.log('one')"))
	q := request(t, env, "npx", "tool")
	r, err := in.Install(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	pin, err := in.Pin("c\x00s", *r)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := in.Pinned(q, pin); err != nil || again.File() != r.File() {
		t.Fatalf("%v %v", again, err)
	}
	if kept := in.pinned(r.Key); !slices.Equal(kept, []string{r.Install}) {
		t.Errorf("kept from being cleared away: %v", kept)
	}
	other := request(t, env, "npx", "tool@1.0.0")
	if _, err := in.Pinned(other, pin); !errors.Is(err, ErrPin) {
		t.Errorf("for another request: %v", err)
	}
	escaped := *pin
	escaped.Install = "../../x"
	if _, err := in.Pinned(q, &escaped); !errors.Is(err, ErrPin) {
		t.Errorf("out of our directory: %v", err)
	}
	text, _ := os.ReadFile(r.File())
	os.WriteFile(r.File(), append(text, ' '), 0o755)
	if _, err := in.Pinned(q, pin); !errors.Is(err, ErrPin) || errors.Is(err, os.ErrNotExist) {
		t.Errorf("changed files: %v", err)
	}
	if _, err := in.Restore(t.Context(), q, pin); !errors.Is(err, ErrPin) {
		t.Errorf("changed files are not restored: %v", err)
	}
	os.RemoveAll(filepath.Dir(filepath.Dir(filepath.Dir(r.File()))))
	registry.Publish(t, "tool", "1.0.0", map[string]any{"bin": "cli.js"}, script("console.log('another one')")) // the registry serves other bytes
	here.seen = nil
	os.RemoveAll(filepath.Join(Getenv(env, "HOME"), "cache"))
	q.Env = append(q.Env, "npm_config_fetch_retries=0") // npm asks again for minutes when the bytes are others
	if r, err := in.Restore(t.Context(), q, pin); err == nil {
		t.Errorf("other bytes were taken for the pinned ones: %+v", r)
	}
	registry.Publish(t, "tool", "1.0.0", map[string]any{"bin": "cli.js"}, script("console.log('one')"))
	os.RemoveAll(filepath.Join(Getenv(env, "HOME"), "cache"))
	os.RemoveAll(in.dir(r.Key, r.Install))
	if again, err := in.Restore(t.Context(), q, pin); err != nil || again.File() != r.File() {
		t.Errorf("%v %v", again, err)
	}
	if err := in.Unpin("c\x00s", pin); err != nil || len(in.pinned(r.Key)) > 0 {
		t.Errorf("%v %v", err, in.pinned(r.Key))
	}
}
