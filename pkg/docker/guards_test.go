//go:build unix

package docker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// What other programs take orders from stays as it is in a writable mount, and the rest can be written.
func TestGuardsHold(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, base, map[string]string{".npmrc": "npm", ".git/config": "git", "sub/.vscode/tasks.json": "tasks", "main.go": "main"})
	spec := r.spec()
	spec.Isolation.Mounts = []config.Mount{{Host: base, Container: "/w"}}
	for path, pin := range map[string]bool{"/.npmrc": false, "/.git": false, "/sub": true, "/sub/.vscode": false} {
		spec.Guards = append(spec.Guards, Guard{Host: base + path, Container: "/w" + path, Pin: pin})
	}
	p := r.start(spec).running()
	for order, ok := range map[string]bool{
		"write /w/.npmrc": false, "write /w/.git/config": false, "write /w/.git/new": false, "write /w/sub/.vscode/tasks.json": false,
		"write /w/main.go": true, "write /w/new": true, "write /w/sub/new": true, "read /w/.npmrc": true,
	} {
		if got := p.ask(order); strings.HasPrefix(got, "!") == ok {
			t.Errorf("%s: %s", order, got)
		}
	}
	for file, want := range map[string]string{".npmrc": "npm", ".git/config": "git", "sub/.vscode/tasks.json": "tasks", "main.go": "written", "sub/new": "written"} {
		if b, err := os.ReadFile(filepath.Join(base, file)); string(b) != want {
			t.Errorf("%s: %q, %v", file, b, err)
		}
	}
}
