//go:build unix

package launch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
)

// A container's writable mounts have what other programs take orders from as mounts of their own, under their paths inside.
func TestGuardsOfAContainer(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"ws/.git/config", "ws/.npmrc", "ws/sub/.vscode/tasks.json", "ws/ro/.envrc", "ws/main.go", "data/.mcp.json"} {
		if err := os.MkdirAll(filepath.Join(base, filepath.Dir(file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(base, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("ws", base+"/way"); err != nil {
		t.Fatal(err)
	}
	mount := func(host, container string, readOnly bool) config.Mount {
		return config.Mount{Host: base + host, Container: container, ReadOnly: readOnly}
	}
	local := docker.Endpoint{Host: "unix:///x"}
	for name, c := range map[string]struct {
		iso      config.Isolation
		endpoint docker.Endpoint
		want     string // what is read-only inside; what is pinned has a ~
	}{
		"a mount":               {config.Isolation{Mounts: []config.Mount{mount("/ws", "/w", false)}}, local, "/w/.git /w/.npmrc /w/ro/.envrc /w/sub/.vscode ~/w/ro ~/w/sub"},
		"by a link":             {config.Isolation{Mounts: []config.Mount{mount("/way", "/w", false)}}, local, "/w/.git /w/.npmrc /w/ro/.envrc /w/sub/.vscode ~/w/ro ~/w/sub"},
		"the working directory": {config.Isolation{Dir: "rw"}, local, "DIR/.git DIR/.npmrc DIR/ro/.envrc DIR/sub/.vscode ~DIR/ro ~DIR/sub"},
		"read-only":             {config.Isolation{Dir: "ro", Mounts: []config.Mount{mount("/ws", "/w", true)}}, local, ""},
		"one within is not":     {config.Isolation{Mounts: []config.Mount{mount("/ws", "/w", false), mount("/ws/ro", "/w/ro", true)}}, local, "/w/.git /w/.npmrc /w/sub/.vscode ~/w/sub"},
		"one is listed":         {config.Isolation{Mounts: []config.Mount{mount("/ws", "/w", false), mount("/ws/.npmrc", "/w/.npmrc", false), mount("/ws/.git", "/w/.git", false)}}, local, "/w/.git/config /w/ro/.envrc /w/sub/.vscode ~/w/ro ~/w/sub"},
		"twice":                 {config.Isolation{Mounts: []config.Mount{mount("/data", "/a", false), mount("/data", "/b", false)}}, local, "/a/.mcp.json /b/.mcp.json"},
		"elsewhere":             {config.Isolation{Mounts: []config.Mount{mount("/ws", "/w", false)}}, docker.Endpoint{Host: "ssh://there"}, ""},
	} {
		l := config.Launch{Dir: base + "/ws", Isolation: &c.iso, RealMounts: make([]string, len(c.iso.Mounts))}
		guards, err := guards(l, c.endpoint)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var fixed, pinned []string
		for _, g := range guards {
			if g.Pin {
				pinned = append(pinned, "~"+g.Container)
			} else {
				fixed = append(fixed, g.Container)
			}
		}
		slices.Sort(fixed)
		slices.Sort(pinned)
		want := strings.ReplaceAll(c.want, "DIR", base+"/ws")
		if got := strings.Join(append(fixed, pinned...), " "); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// What a confined server has made is told when it ends.
func TestNewOrdersAreTold(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(base+"/.npmrc", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, made := range []string{"", ".envrc", "new/.git/hooks"} {
		p := &Plan{Launch: config.Launch{Dir: base, Isolation: &config.Isolation{Dir: "rw"}}}
		fresh := p.NewOrders()
		if err := os.MkdirAll(filepath.Join(base, made), 0o700); err != nil {
			t.Fatal(err)
		}
		got := fresh()
		if want := filepath.Join(base, strings.TrimSuffix(made, "/hooks")); made == "" && len(got) > 0 || made != "" && !slices.Contains(got, want) {
			t.Errorf("%s: %q", made, got)
		}
	}
}
