//go:build unix

package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
)

const canary = "canary-3f9a"

// loaded writes a configuration and gives its only server.
func loaded(t *testing.T, entry string) *config.Server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, []byte(`{"mcpServers": [{"name": "s", `+entry+`}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil || len(c.Servers) != 1 {
		t.Fatalf("%v, %+v", err, c)
	}
	return c.Servers[0]
}

// How a server is confined depends on what it asks for and on what the machine can make; nothing else is asked of the machine.
func TestWay(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	away := errors.New("it is away")
	for _, c := range []struct {
		name      string
		isolation string
		engine    error
		method    sandbox.Method
		want      string
		asked     string // of the machine
	}{
		{"not asked for", "none", nil, sandbox.Landlock, "none", ""},
		{"a container is not asked for before it is made", "docker", away, "", "docker", ""},
		{"a sandbox", "sandbox", nil, sandbox.Landlock, "sandbox", "sandbox"},
		{"no sandbox", "sandbox", nil, "", "it asks for a sandbox: none here", "sandbox"},
		{"a sandbox that can't give it", "sandbox cpu", nil, sandbox.Landlock, "it asks for a sandbox: it cannot give isolation.cpu_limit", ""},
		{"auto with an engine", "auto", nil, sandbox.Landlock, "docker", "engine"},
		{"auto without", "auto", away, sandbox.Landlock, "sandbox without: it is away", "engine sandbox"},
		{"auto with neither", "auto", away, "",
			"it asks for isolation, and neither a container nor a sandbox can be made. Docker: it is away. Sandbox: none here", "engine sandbox"},
		{"auto that may do without", "auto allow_none", away, "", "none without: it is away, none here", "engine sandbox"},
		{"auto that asks for more", "auto allow_none cpu", away, sandbox.Landlock,
			"it asks for isolation, and neither a container nor a sandbox can be made. Docker: it is away. Sandbox: it cannot give isolation.cpu_limit", "engine"},
	} {
		kind, more, _ := strings.Cut(c.isolation, " ")
		s := loaded(t, `"protocol": "stdio", "command": "node", "isolation": {"type": "`+kind+`"}`)
		if more != "" { // the top of the file may say so; of a sandbox no entry can
			s.Isolation.AllowNone = strings.Contains(more, "allow_none")
			if strings.Contains(more, "cpu") {
				s.Isolation.CPUs = 1
			}
		}
		var asked []string
		way, refused := New(s, Context{}).Way(Machine{
			Engine: func(docker.Endpoint) error { asked = append(asked, "engine"); return c.engine },
			Sandbox: func() sandbox.Abilities {
				asked = append(asked, "sandbox")
				return sandbox.Abilities{Method: c.method, Why: "none here"}
			},
		})
		got := way.Kind
		if way.NoEngine != nil {
			got += " without: " + way.NoEngine.Error()
		}
		if way.NoSandbox != nil {
			got += ", " + way.NoSandbox.Error()
		}
		if refused != nil {
			if got = refused.Error(); refused.Reason != NoConfinement || way.Kind != "" {
				t.Errorf("%s: %+v, %+v", c.name, refused, way)
			}
		}
		if got != c.want || strings.Join(asked, " ") != c.asked {
			t.Errorf("%s: %s, asked for %q", c.name, got, asked)
		}
	}
}

// Each reason is a value, with what it is about.
func TestRefusals(t *testing.T) {
	ws := realPath(t.TempDir())
	t.Setenv("HOME", t.TempDir())
	bin := t.TempDir()
	for name, mode := range map[string]os.FileMode{"node": 0o700, "docker": 0o700, "plain": 0o600} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	environ := []string{"PATH=" + bin, "FIRST=" + canary, "FIRST=later"}
	for _, c := range []struct {
		entry, workspace, kind string
		want                   Reason
		faults                 int
	}{
		{`"command": "node", "args": ["${env:FIRST}"]`, ws, "none", "", 0},
		{`"command": "node", "args": ["${env:GONE}", "${env:AWAY}", "${env:GONE}"], "env": {"K": "${keyring:lost}"}`, ws, "none", Unresolved, 3},
		{`"command": "node", "args": ["${workspaceFolder}"]`, "", "none", NoWorkspace, 1},
		{`"command": "node", "args": ["${workspaceFolder}", "${env:GONE}"]`, "", "none", Unresolved, 2},
		{`"command": "nothing-of-that-name"`, ws, "none", NoProgram, 0},
		{`"command": "` + bin + `/plain"`, ws, "none", NotRunnable, 0},
		{`"command": "docker", "args": ["run", "x"], "env": {"DOCKER_CONTEXT": "gone"}`, ws, "none", NotRunnable, 0},
		{`"command": "docker", "args": ["run", "x"]`, ws, "none", "", 0},
		{`"command": "node", "isolation": {"type": "sandbox", "mounts": ["/nothing/there"]}`, ws, "sandbox", NotRunnable, 0},
		{`"command": "nothing-of-that-name", "isolation": {"type": "docker", "image": "x"}`, ws, "docker", "", 0},
	} {
		p := New(loaded(t, `"protocol": "stdio", `+c.entry), Context{Environ: environ, Workspace: c.workspace})
		process, refused := p.As(c.kind)
		switch {
		case c.want == "" && (refused != nil || process == nil):
			t.Errorf("%s: %v", c.entry, refused)
		case c.want != "" && (refused == nil || process != nil || refused.Reason != c.want || len(refused.Faults) != c.faults || refused.Error() == ""):
			t.Errorf("%s: %+v", c.entry, refused)
		case c.want == NoProgram && refused.Command != "nothing-of-that-name":
			t.Errorf("%s: %q", c.entry, refused.Command)
		}
		if shown := fmt.Sprintf("%v %+v %#v %v %+v", p, p, p, process, process); strings.Contains(shown, canary) {
			t.Errorf("%s: %s", c.entry, shown)
		}
	}
}

// A keyring is asked for each secret once, and an instance is named by all that makes it another process.
func TestInstance(t *testing.T) {
	s := loaded(t, `"protocol": "stdio", "command": "node", "args": ["${keyring:k}"], "env": {"A": "${keyring:k}"}`)
	asked := 0
	secret := canary
	plan := func() *Plan {
		return New(s, Context{Keyring: func(string) (string, error) { asked++; return secret, nil }, Dir: "/work"})
	}
	p := plan()
	if asked != 1 || p.Launch.Dir != "/work" || p.Usual() != config.IsolationNone {
		t.Errorf("asked %d times, works in %q, %s", asked, p.Launch.Dir, p.Usual())
	}
	names := []string{p.Instance("", nil), p.Instance("w", nil), p.Instance("", []byte("w"))}
	if same := plan(); same.Instance("", nil) != names[0] {
		t.Error("the same launch has two names")
	}
	secret = "another"
	names = append(names, plan().Instance("", nil))
	slices.Sort(names)
	if len(slices.Compact(names)) != 4 {
		t.Errorf("%q", names)
	}
}
