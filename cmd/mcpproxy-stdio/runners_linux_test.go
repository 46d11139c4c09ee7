package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRunnersObeyNoWorkspaceInASandbox: a confined runner that is shown the workspace obeys it as little.
func TestRunnersObeyNoWorkspaceInASandbox(t *testing.T) {
	t.Parallel()
	needs(t, "sandbox (bubblewrap)")
	for _, name := range []string{"node-options", "registry", "a program", "a package"} {
		for _, line := range [][]string{{"npx", "-y", demoPackage, "a", "-b"}, {"npx", "-y", "--package", demoPackage, "demo-server", "a", "-b"}, {"env", "npx", "-y", demoPackage, "a", "-b"}} {
			if line[0] == "env" && name != "a program" {
				continue
			}
			t.Run(name+" "+strings.Join(line[:2], " "), func(t *testing.T) {
				r := newRunnerRig(t)
				delete(r.env, "npm_config_cache")
				r.marker = filepath.Join(r.workspace, "the-workspace-ran") // which the server can write
				r.plant(npmAttacks[name])
				w := whereabouts(t, r.serve(map[string]any{"isolation": map[string]any{"type": "sandbox", "working_dir": "rw"}}, line[0], line[1:]...))
				if w.Version != "1.0.0" || w.Cwd != r.workspace || !slices.Equal(w.Args, []string{"a", "-b"}) || strings.HasPrefix(w.File, r.workspace) {
					t.Errorf("%+v", w)
				}
				if r.ran() {
					t.Error("the workspace's code was run")
				}
			})
		}
	}
}
