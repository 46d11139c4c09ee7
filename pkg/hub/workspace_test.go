package hub

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// A workspace's file that appears during a session, with its directory, is noticed, and so is its change and its end. What
// it proposes is held.
func TestWorkspaceFileAppears(t *testing.T) {
	mcptest.CheckGoroutines(t)
	for name, opts := range map[string]func(folder string) session.Options{
		"--workspace":       func(folder string) session.Options { return session.Options{Workspace: folder} },
		"working directory": func(folder string) session.Options { return session.Options{Dir: folder} },
		"root":              func(string) session.Options { return session.Options{} },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, nil)
			folder := t.TempDir()
			file := config.WorkspacePath(folder)
			c, done := h.connect(opts(folder))
			caps := ""
			if name == "root" {
				caps = `{"roots":{"listChanged":true}}`
				c.Handle("roots/list", func(json.RawMessage) (any, error) {
					return map[string]any{"roots": []any{map[string]string{"uri": "file://" + folder}}}, nil
				})
			}
			c.Initialize(caps, "")
			listed := func() string { return text(c, "upstream_servers", map[string]any{"operation": "list"}) }
			if got := listed(); strings.Contains(got, "proj") {
				t.Fatalf("listed %s", got)
			}
			write := func(name string) {
				t.Helper()
				data, _ := json.Marshal(map[string]any{"mcpServers": map[string]any{name: mcptest.Entry(mcptest.Server{Name: name}, nil)}})
				if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("proj")
			until(t, "its server is held", func() bool {
				got := listed()
				return strings.Contains(got, "proj") && strings.Contains(got, "quarantine")
			})
			write("proj-two")
			until(t, "the change is noticed", func() bool { return strings.Contains(listed(), "proj-two") })
			if err := os.RemoveAll(filepath.Dir(file)); err != nil {
				t.Fatal(err)
			}
			until(t, "its end is noticed", func() bool { return !strings.Contains(listed(), "proj") })
			write("proj-three")
			until(t, "it is back", func() bool { return strings.Contains(listed(), "proj-three") })
			c.Close()
			<-done
			h.Close()
		})
	}
}

// A client whose roots change is asked again at once, without anything being called.
func TestRootsAreAskedAgain(t *testing.T) {
	mcptest.CheckGoroutines(t)
	h := newHub(t, nil)
	folders := []string{t.TempDir(), filepath.Join(t.TempDir(), "a #b? 100%")}
	file := config.WorkspacePath(folders[1])
	data, _ := json.Marshal(map[string]any{"mcpServers": map[string]any{"proj": mcptest.Entry(mcptest.Server{Name: "proj"}, nil)}})
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	asked := make(chan int, 10)
	at := 0
	c, done := h.connect(session.Options{})
	c.Handle("roots/list", func(json.RawMessage) (any, error) {
		now := min(at, 1)
		at++
		asked <- at
		return map[string]any{"roots": []any{map[string]string{"uri": "FILE://LOCALHOST" + folders[now]}}}, nil
	})
	c.Initialize(`{"roots":{"listChanged":true}}`, "")
	<-asked
	in := func(path string) func() bool {
		return func() bool {
			for _, m := range h.State().sessions {
				return m.path == path
			}
			return false
		}
	}
	until(t, "the session is in the first workspace", in(config.WorkspacePath(folders[0])))
	c.Notify("notifications/roots/list_changed", nil)
	<-asked
	until(t, "the session is in the second workspace", in(file))
	c.Close()
	<-done
	h.Close()
}
