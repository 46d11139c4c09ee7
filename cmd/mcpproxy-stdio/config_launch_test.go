package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

func TestReferences(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	folder := t.TempDir()
	h := newHome(t).set(entries{
		"a": entryOf(mcptest.Server{Name: "a", Mark: mark}, map[string]any{"env": map[string]string{
			"FROM_ENV": "<${env:PLANTED}>", "FOLDER": "${workspaceFolder}/x", "OR_ELSE": "${NOT_SET:-default}"}}),
		"lacks": entryOf(mcptest.Server{Name: "lacks", Mark: mark}, map[string]any{"env": map[string]string{"TOKEN": "${env:NOT_SET_HERE}"}}),
	}, nil)
	c := h.run("", folder, []string{"PLANTED=a value"})
	c.List("tools/list")
	env := envOf(t, c, "a")
	for name, want := range map[string]string{"FROM_ENV": "<a value>", "FOLDER": folder + "/x", "OR_ELSE": "default"} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
	tells(t, c.Tool("lacks__echo", nil), `server "lacks"`, "${env:NOT_SET_HERE}", "the variable is not set", "secret set")
	if s := listed(t, c, "lacks"); s["state"] != "failed" || !strings.Contains(s["why"].(string), "NOT_SET_HERE") {
		t.Errorf("listed as %v", s)
	}
	answers(t, c, "a")
}

func TestReferenceToNoWorkspace(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"a": entryOf(mcptest.Server{Name: "a", Mark: mark}, map[string]any{"args": []string{"-test.run=^$", "${workspaceFolder}"}})}, nil)
	c := h.initialized("") // in the home directory, which is no workspace
	c.List("tools/list")
	tells(t, c.Tool("a__echo", nil), `server "a"`, "${workspaceFolder}", "no workspace")
}

func envOf(t *testing.T, c *mcptest.Client, name string) map[string]string {
	t.Helper()
	env := map[string]string{}
	if r := c.Tool(name+"__env", nil); json.Unmarshal([]byte(r.Text()), &env) != nil {
		t.Fatalf("no environment: %s %s", r.Result, r.Error)
	}
	return env
}

func TestEnvironmentOfAServer(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"a": entryOf(mcptest.Server{Name: "a", Mark: mark}, map[string]any{"env": map[string]string{"OWN": "own", "TERM": "dumb"}})}, nil)
	c := h.run("", "", []string{"ANTHROPIC_API_KEY=sk-planted", "AWS_SECRET_ACCESS_KEY=planted", "GITHUB_TOKEN=planted", "LD_PRELOAD_X=planted", "NODE_OPTIONS=--planted",
		"LC_ALL=C", "TZ=UTC", "TERM=xterm", "LANG=C", "HTTPS_PROXY=http://127.0.0.1:1", "no_proxy=localhost", "USER=someone", "SHELL=/bin/sh", "TMPDIR=" + os.TempDir()})
	c.List("tools/list")
	env := envOf(t, c, "a")
	var names []string
	for name, value := range env {
		names = append(names, name)
		if strings.Contains(value, "planted") {
			t.Errorf("%s reached the server", name)
		}
	}
	slices.Sort(names)
	want := []string{"HOME", "HTTPS_PROXY", "LANG", "LC_ALL", "MCPTEST_SERVER_KEY", "OWN", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER", "no_proxy"}
	for _, optional := range []string{"GORACE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "HTTP_PROXY", "http_proxy", "https_proxy", "NO_PROXY"} {
		if _, ours := os.LookupEnv(optional); ours || optional == "GORACE" && endSlack > 0 {
			want = append(want, optional)
		}
	}
	for _, name := range os.Environ() {
		if name, _, _ := strings.Cut(name, "="); strings.HasPrefix(name, "LC_") && name != "LC_ALL" {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	if want = slices.Compact(want); !slices.Equal(names, want) {
		t.Errorf("the server has %v\nwant %v", names, want)
	}
	if env["TERM"] != "dumb" || env["OWN"] != "own" {
		t.Errorf("the entry's own variables: TERM=%q OWN=%q", env["TERM"], env["OWN"])
	}
}

func TestWorkingDirectory(t *testing.T) {
	t.Parallel()
	root, given, cwd, other := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	for name, tc := range map[string]struct {
		roots   bool
		args    []string
		dir     string
		options map[string]any
		want    string
	}{
		"given":                   {true, []string{"--workspace", given}, cwd, nil, given},
		"first root":              {true, nil, cwd, nil, root},
		"where the client is":     {false, nil, cwd, nil, cwd},
		"home is no workspace":    {false, nil, "", nil, "HOME"},
		"of the entry":            {true, nil, cwd, map[string]any{"working_dir": other}, other},
		"relative to a workspace": {true, nil, cwd, map[string]any{"working_dir": "sub"}, filepath.Join(root, "sub")},
	} {
		t.Run(name, func(t *testing.T) {
			mark := marked(t)
			os.MkdirAll(filepath.Join(root, "sub"), 0o700)
			h := newHome(t).set(entries{"a": entryOf(mcptest.Server{Name: "a", Mark: mark}, tc.options)}, nil)
			cmd := h.command(tc.args...)
			if tc.dir != "" {
				cmd.Dir = tc.dir
			}
			c := mcptest.Start(t, cmd)
			c.Handle("roots/list", func(json.RawMessage) (any, error) {
				return map[string]any{"roots": []map[string]string{{"uri": "https://example.com/"}, {"uri": "file://" + root}, {"uri": "file:///nowhere"}}}, nil
			})
			caps := ""
			if tc.roots {
				caps = `{"roots":{}}`
			}
			c.Initialize(caps, "")
			c.List("tools/list")
			want := tc.want
			if want == "HOME" {
				want = h.dir
			}
			if got := c.Tool("a__cwd", nil).Text(); got != real(t, want) {
				t.Errorf("it runs in %s, want %s", got, want)
			}
		})
	}
}

func real(t *testing.T, dir string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// What must not run is told with its reason and never run: no process has its mark.
func TestRefusedEntries(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	a := func(more map[string]any) json.RawMessage {
		return entryOf(mcptest.Server{Name: "x", Mark: mark + "refused"}, more)
	}
	h := newHome(t).set(entries{
		"login":       a(map[string]any{"oauth": map[string]any{"client_id": "x"}}),
		"confined":    a(map[string]any{"isolation": map[string]any{"type": "docker"}}),
		"insecure":    remote("http://192.0.2.1/mcp"),
		"held":        a(map[string]any{"quarantined": true}),
		"off":         a(map[string]any{"enabled": false}),
		"eager_login": a(map[string]any{"oauth": map[string]any{}, "start": "eager"}),
		"good":        calm(mcptest.Server{Name: "good", Mark: mark}),
	}, nil)
	c := h.initialized("")
	names := toolNames(c)
	for name, want := range map[string]struct{ state, why string }{
		"login": {"refused", "only servers with a url can be logged in to"}, "confined": {"refused", "isolation names no image"}, "insecure": {"refused", "plain http"},
		"held": {"held_launch", "has not approved"}, "off": {"disabled", "disabled"}, "eager_login": {"refused", "only servers with a url can be logged in to"},
	} {
		if strings.Contains(names, name+"__") {
			t.Errorf("%s is in the list", name)
		}
		tells(t, c.Tool(name+"__echo", nil), `server "`+name+`"`, want.why)
		s := listed(t, c, name)
		if s["state"] != want.state || !strings.Contains(s["why"].(string), want.why) {
			t.Errorf("%s is listed as %v", name, s)
		}
		if r := c.Tool("upstream_servers", map[string]any{"operation": "restart", "name": name}); !r.IsError() {
			t.Errorf("%s was restarted: %s", name, r.Result)
		}
	}
	answers(t, c, "good")
	time.Sleep(300 * time.Millisecond)
	if pids := mcptest.ProcessesWithEnv(mark + "refused"); pids != nil {
		t.Errorf("servers that must not run do: %v", pids)
	}
}

func TestDuplicateNames(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	one := string(calm(mcptest.Server{Name: "one", Mark: mark}))
	array := func(entry string) string { return strings.Replace(entry, "{", `{"name":"twin","protocol":"stdio",`, 1) }
	h := newHome(t)
	h.write(`{"mcpServers": [` + array(one) + `, ` + array(one) + `, ` + strings.Replace(array(one), "twin", "single", 1) + `]}`)
	c := h.initialized("")
	c.List("tools/list")
	answers(t, c, "single")
	if r := c.Tool("upstream_servers", map[string]any{"operation": "list"}).Text(); !strings.Contains(r, "twin") || !strings.Contains(r, "problems") {
		t.Errorf("nobody is told: %s", r)
	}
}

// A workspace's own file is shown, and nothing of it is run.
func TestWorkspaceFile(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	folder := t.TempDir()
	write := func(servers entries) {
		path := filepath.Join(folder, ".mcpproxy", "mcp_config.json")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		data, _ := json.Marshal(map[string]any{"mcpServers": servers})
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	evil := entryOf(mcptest.Server{Name: "evil", Mark: mark + "evil"}, map[string]any{"start": "eager"})
	write(entries{"evil": evil, "good": evil})
	for name, run := range map[string]func(h *home) *mcptest.Client{
		"working directory": func(h *home) *mcptest.Client { return h.run("", folder, nil) },
		"--workspace":       func(h *home) *mcptest.Client { return h.run("", "", nil, "--workspace", folder) },
	} {
		t.Run(name, func(t *testing.T) {
			c := run(newHome(t).set(entries{"good": calm(mcptest.Server{Name: "good", Mark: mark})}, nil))
			if names := toolNames(c); strings.Contains(names, "evil__") {
				t.Errorf("listed: %s", names)
			}
			if s := listed(t, c, "evil"); s["state"] != "held_launch" || !strings.Contains(s["why"].(string), ".mcpproxy/mcp_config.json") {
				t.Errorf("listed as %v", s)
			}
			for _, operation := range []string{"restart", "enable", "update"} {
				if r := c.Tool("upstream_servers", map[string]any{"operation": operation, "name": "evil"}); !r.IsError() {
					t.Errorf("%s: %s", operation, r.Result)
				}
			}
			if r := c.Tool("evil__echo", nil); !r.IsError() && r.Error == nil {
				t.Errorf("called: %s", r.Result)
			}
			answers(t, c, "good") // the user's own
			time.Sleep(200 * time.Millisecond)
			if pids := mcptest.ProcessesWithEnv(mark + "evil"); pids != nil {
				t.Errorf("what the workspace proposes runs: %v", pids)
			}
		})
	}
	t.Run("broken", func(t *testing.T) {
		os.WriteFile(filepath.Join(folder, ".mcpproxy", "mcp_config.json"), []byte("{"), 0o600)
		c := newHome(t).set(entries{"good": calm(mcptest.Server{Name: "good", Mark: mark})}, nil).run("", folder, nil)
		c.List("tools/list")
		answers(t, c, "good")
	})
}
