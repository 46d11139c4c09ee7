package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A confined server that may write in the workspace gives no orders to what runs there later; what it makes anew is told.
func TestConfinedGivesNoOrders(t *testing.T) {
	t.Parallel()
	const how = "sandbox (bubblewrap)"
	needs(t, how)
	w := newWorld(t)
	for _, file := range []string{".npmrc", ".git/config", ".mcpproxy/mcp_config.json", "sub/.vscode/tasks.json"} {
		if err := os.MkdirAll(filepath.Dir(w.project+"/"+file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(w.project+"/"+file, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.set(entries{"rw": w.probe(options{"type": "sandbox", "working_dir": "rw"}, nil), "mount": w.probe(options{"type": "sandbox", "mounts": []string{"${workspaceFolder}"}}, nil)}, nil)
	c := w.run("", w.project, []string{"XDG_CACHE_HOME=" + w.dir + "/.cache"})
	c.List("tools/list")
	for _, name := range []string{"rw", "mount"} {
		write := func(path string) string {
			return said(c.Tool(name+"__try", map[string]any{"do": "write", "path": w.project + "/" + path}))
		}
		for _, file := range []string{".npmrc", ".git/config", ".git/hooks", ".mcpproxy/mcp_config.json", "sub/.vscode/tasks.json", "sub/.vscode/new"} {
			if got := write(file); !strings.HasPrefix(got, "failed: ") {
				t.Errorf("%s writes %s: %q", name, file, got)
			}
		}
		if got := write("sub/new"); got != "written" {
			t.Errorf("%s cannot write a file: %q", name, got)
		}
	}
	if got := said(c.Tool("rw__try", map[string]any{"do": "write", "path": w.project + "/.envrc"})); got != "written" {
		t.Error(got)
	}
	servers(c, "restart", map[string]any{"name": "rw"})
	soon(t, 10*time.Second, "what came to be is told", func() bool {
		return strings.Contains(c.Stderr(), "appeared while") && strings.Contains(c.Stderr(), w.project+"/.envrc")
	})
}
