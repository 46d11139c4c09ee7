//go:build unix

package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// repository is a workspace as somebody else may have made it: links lead out of it in every way, and some stay inside.
func repository(t *testing.T) (base, workspace string) {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"home/.ssh/keys", "ws/real/deep", "ws-evil", "other"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"ws/docs": "../home/.ssh", "ws/absolute": base + "/home/.ssh", "ws/root": "/proc/self/root", "ws/twice": "docs", "ws/beside": base + "/ws-evil",
		"ws/inside": "real", "ws/around": base + "/ws/real", "ws/real/up": "../../home", "ws/dangling": base + "/home/new", "ws/loop": "loop",
		"way": "ws",
	} {
		if err := os.Symlink(target, filepath.Join(base, link)); err != nil {
			t.Fatal(err)
		}
	}
	return base, filepath.Join(base, "ws")
}

// places are paths as entries have them, below BASE, and whether the repository must not decide where they lead.
var places = []struct {
	written string
	refused bool
}{
	{"${workspaceFolder}/docs", true},
	{"docs", true},
	{"./docs", true},
	{"${workspaceFolder}/absolute", true},
	{"absolute/keys", true}, // what lies behind the link
	{"${workspaceFolder}/docs/keys", true},
	{"${workspaceFolder}/twice", true}, // a link to a link
	{"real/up/.ssh", true},             // a link in the middle
	{"inside/up", true},
	{"root/etc", true},
	{"dangling", true}, // what it leads to may come to be
	{"dangling/below", true},
	{"loop", true},
	{"beside", true},
	{"..", true},
	{"../other", true},
	{"${workspaceFolder}/../other", true},
	{"${workspaceFolder}-evil", true}, // begins like the workspace
	{"${env:WS}/docs", true},          // lands below it
	{"${env:WAY}/absolute", true},
	{"real", false},
	{"${workspaceFolder}", false},
	{".", false},
	{"${workspaceFolder}/inside", false},
	{"around/deep", false},
	{"docs/../real", false}, // what is used is the clean path
	{"real/deep/new/newer", false},
	{"BASE/ws/docs", false}, // written out by the person
	{"BASE/home", false},
	{"${env:BASE}/home/.ssh", false}, // not below the workspace
}

func TestWhatLinksInARepositoryDecide(t *testing.T) {
	base, workspace := repository(t)
	for _, root := range []string{workspace, base + "/way"} { // people link their projects
		r := Resolver{Workspace: root, Env: func(name string) (string, bool) {
			return map[string]string{"WS": root, "BASE": base, "WAY": base + "/ws"}[name], true
		}}
		for _, p := range places {
			written := strings.ReplaceAll(p.written, "BASE", base)
			text, _ := json.Marshal(written)
			for option, entry := range map[string]string{
				"working_dir":         `"working_dir": ` + string(text),
				"working_dir rw":      `"isolation": {"type": "sandbox", "working_dir": "rw"}, "working_dir": ` + string(text),
				"isolation.mounts[1]": fmt.Sprintf(`"isolation": {"type": "docker", "mounts": ["/usr:/u", %q]}`, written+":/inside:ro"),
				"isolation.mounts[0]": fmt.Sprintf(`"isolation": {"type": "sandbox", "mounts": [%q]}`, written),
			} {
				c, err := Parse("c.json", []byte(`{"mcpServers": {"s": {"command": "npx", `+entry+`}}}`))
				if err != nil {
					t.Fatal(err)
				}
				l, err := c.Servers[0].Resolve(r)
				name, _, _ := strings.Cut(option, " ")
				if !p.refused {
					if err != nil {
						t.Errorf("%s %s: %v", option, p.written, err)
					}
					continue
				}
				if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), " – ") {
					t.Errorf("%s %s: %v, dir %s", option, p.written, err, l.Dir)
				}
			}
		}
	}
}

// A file of the repository's own does not decide by writing the path out.
func TestWhatAWorkspaceFileWritesOut(t *testing.T) {
	base, workspace := repository(t)
	data := fmt.Sprintf(`{"mcpServers": {"s": {"command": "npx", "working_dir": %q}, "ok": {"command": "npx", "working_dir": %q}}}`, base+"/ws/docs", base+"/ws/around")
	c, err := Parse("c.json", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	servers := c.WithWorkspace(filepath.Join(workspace, ".mcpproxy", "servers.json"), []byte(data)).Servers
	if len(servers) != 2 || !servers[0].Workspace {
		t.Fatal(servers)
	}
	for _, s := range servers {
		l, err := s.Resolve(Resolver{Workspace: workspace})
		if (err != nil) != (s.Name == "s") || err == nil && l.RealDir != base+"/ws/real" {
			t.Errorf("%s: %v, %s", s.Name, err, l.RealDir)
		}
	}
}

func TestWhereAPlaceLeadsIsTold(t *testing.T) {
	base, workspace := repository(t)
	_, s := isolated(t, `{"type": "sandbox", "mounts": ["inside", "${workspaceFolder}/real/deep", "/usr", "real/new"]}`)
	s.Dir = "around"
	l, err := s.Resolve(Resolver{Workspace: workspace})
	want := fmt.Sprint(base+"/ws/real", []string{base + "/ws/real", base + "/ws/real/deep", "", base + "/ws/real/new"})
	if got := fmt.Sprint(l.RealDir, l.RealMounts); err != nil || got != want {
		t.Errorf("%v, %s, want %s", err, got, want)
	}
}

// A command that starts a container itself has its mounts in its arguments.
func TestMountsInArguments(t *testing.T) {
	base, workspace := repository(t)
	for _, c := range []struct {
		arg     string
		refused bool
	}{
		{"${workspaceFolder}/docs:/d", true},
		{"--volume=${workspaceFolder}/docs:/d:ro", true},
		{"-v${workspaceFolder}/docs:/d", true},
		{"type=bind,source=${workspaceFolder}/docs,target=/d", true},
		{"--mount=type=bind,src=${workspaceFolder}/real/up,dst=/d", true},
		{"type=bind,src=docs,dst=/d", true},
		{"./docs:/d", true},
		{"-v./docs:/d", true},
		{"--volume=./real/../absolute:/d", true},
		{"${env:WS}/docs:/d", true},
		{"${workspaceFolder}/../home:/d", true},
		{"../home:/d", true},
		{"${workspaceFolder}:/d", false},
		{"${workspaceFolder}/inside:/d", false},
		{"./real:/d", false},
		{".:/d", false},
		{"docs:/d", false}, // a volume's name
		{base + "/ws/docs:/d", false},
		{"image", false},
	} {
		for _, command := range []string{"docker", "podman", "nerdctl"} {
			text, _ := json.Marshal([]string{"run", "-i", "--rm", "-v", c.arg, "image"})
			cfg, err := Parse("c.json", []byte(`{"mcpServers": {"s": {"command": "`+command+`", "args": `+string(text)+`}}}`))
			if err != nil {
				t.Fatal(err)
			}
			r := Resolver{Workspace: workspace, Env: func(string) (string, bool) { return workspace, true }}
			if _, err = cfg.Servers[0].Resolve(r); (err != nil) != c.refused {
				t.Errorf("%s %s: %v", command, c.arg, err)
			}
		}
	}
}
