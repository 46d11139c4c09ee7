package launch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// What an entry names and its confinement does not show is told with the line that shows it.
func TestLacks(t *testing.T) {
	home, err := os.MkdirTemp("/var/tmp", "shown") // /tmp is a sandbox's own, and images have paths like /data
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	t.Setenv("HOME", home)
	t.Setenv("DOCKER_HOST", "")
	for _, file := range []string{"app/server.js", "docs/a.txt", "main.py", "ws/tool/run.sh", "db/x.sqlite"} {
		path := filepath.Join(home, file)
		os.MkdirAll(filepath.Dir(path), 0o755)
		os.WriteFile(path, nil, 0o644)
	}
	const only = "sandbox"
	for entry, want := range map[string]struct{ mounts, text, kinds string }{
		`"command": "node", "args": ["H/app/server.js"]`:                                                                                                    {`["H/app:ro"]`, "argument 1", only},
		`"command": "node", "args": ["--inspect", "H/app/server.js"]`:                                                                                       {`["H/app:ro"]`, "argument 2", only},
		`"command": "node", "args": ["H/app/server.js", "H/app"]`:                                                                                           {`"mounts":["H/app:ro"]`, "argument 2", only}, // one mount for both
		`"command": "python3", "args": ["H/main.py"]`:                                                                                                       {`["H/main.py:ro"]`, "argument 1", only},      // not the whole home
		`"command": "npx", "args": ["-y", "fs@1.0.0", "H/docs", "H/db"]`:                                                                                    {`["H/docs:ro","H/db:ro"]`, "argument 4", only},
		`"command": "npx", "args": ["-y", "fs@1.0.0", "--root=H/docs"]`:                                                                                     {`["H/docs:ro"]`, "argument 3", only},
		`"command": "npx", "args": ["-y", "fs@1.0.0", "file://H/docs"]`:                                                                                     {`["H/docs:ro"]`, "argument 3", only},
		`"command": "npx", "args": ["db@1.0.0"], "env": {"DATABASE": "H/db/x.sqlite"}`:                                                                      {`["H/db/x.sqlite:ro"]`, "variable DATABASE", only},
		`"command": "npx", "args": ["m@1.0.0"], "env": {"MEMORY_FILE_PATH": "H/db/new.json"}`:                                                               {`["H/db"]`, "variable MEMORY_FILE_PATH", "unsure"},
		`"command": "npx", "args": ["fs@1.0.0", "${workspaceFolder}/tool"]`:                                                                                 {`["${workspaceFolder}/tool:ro"]`, "argument 2", only},
		`"command": "node", "args": ["tool/run.sh"]`:                                                                                                        {"working_dir", "argument 1", only},
		`"command": "x", "args": ["./tool"]`:                                                                                                                {"working_dir", "argument 1", only},
		`"command": "npx", "args": ["-y", "@playwright/mcp@latest", "--headless"]`:                                                                          {"unix_sockets", "browser", only},
		`"command": "npx", "args": ["-y", "@modelcontextprotocol/server-puppeteer"]`:                                                                        {"unix_sockets", "browser", only},
		`"command": "x", "args": ["--executable-path", "/usr/bin/chromium"]`:                                                                                {"unix_sockets", "chromium", only},
		`"command": "npx", "args": ["@playwright/mcp", "--cdp-endpoint", "http://h:1"]`:                                                                     {},
		`"command": "npx", "args": ["-y", "fs@1.0.0", "/usr/lib", "/", "/tmp", "/dev/null", "/nowhere/x"]`:                                                  {},
		`"command": "npx", "args": ["m@1.0.0"], "env": {"LOG_FILE": "H/docs/a.txt"}`:                                                                        {`["H/docs/a.txt:ro"]`, "variable LOG_FILE", "unsure"},
		`"command": "npx", "args": ["m@1.0.0"], "env": {"BASE_PATH": "/srv"}`:                                                                               {`["/srv:ro"]`, "variable BASE_PATH", "unsure"},
		`"command": "npx", "args": ["m@1.0.0", "--route=/srv"]`:                                                                                             {`["/srv:ro"]`, "argument 2", "unsure"},
		`"command": "npx", "args": ["m@1.0.0", "../docs"]`:                                                                                                  {`"mounts":["H/docs:ro"],"type":"sandbox","working_dir":"ro"`, "argument 2", only},
		`"command": "npx", "args": ["m@1.0.0"], "env": {"VIRTUAL_ENV": "H/docs", "NVM_DIR": "H/docs", "APPDATA": "H/docs"}`:                                 {},
		`"command": "npx", "args": ["-y", "tool"]`:                                                                                                          {},
		`"command": "npx", "args": ["a@1.0.0"], "env": {"PATH": "H/docs", "npm_config_cache": "H/docs", "XDG_DATA_HOME": "H/docs", "PYTHONPATH": "H/docs"}`: {},
	} {
		for _, kind := range []string{config.IsolationSandbox, config.IsolationDocker} {
			lack := lackOf(t, entry, map[string]string{"sandbox": `"sandbox"`, "docker": `{"image": "i"}`}[kind], home, kind)
			text := strings.ReplaceAll(lack.Words(), home, "H")
			if want.text == "" || kind == config.IsolationDocker && want.kinds != "" {
				if kind == config.IsolationSandbox && text != "" || kind == config.IsolationDocker && want.text == "" && text != "" {
					t.Errorf("%s in a %s: %s", entry, kind, text)
				}
				continue
			}
			if !strings.Contains(text, want.text) || !strings.Contains(text, want.mounts) || lack.Sure() != (want.kinds != "unsure") {
				t.Errorf("%s in a %s\ngot  %v %s\nwant %v", entry, kind, lack.Sure(), text, want)
			}
			// The line is what the entry takes, and enough.
			_, line, _ := strings.Cut(text, `"isolation": `)
			var fixed json.RawMessage
			if err := json.NewDecoder(strings.NewReader(strings.ReplaceAll(line, "H/", home+"/"))).Decode(&fixed); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			if left := lackOf(t, entry, string(fixed), home, kind); left != nil {
				t.Errorf("%s: with %s there is still: %v", entry, fixed, left)
			}
		}
	}
	// A container shows what its home has as little: /var/tmp is one that images have, so that a real home is tried there.
	real := filepath.Join("/", "isolationtest-"+filepath.Base(home), "app")
	if err := os.MkdirAll(real, 0o755); err == nil {
		t.Cleanup(func() { os.RemoveAll(filepath.Dir(real)) })
		os.WriteFile(real+"/server.js", nil, 0o644)
		entry := `"command": "node", "args": ["` + real + `/server.js"]`
		if lack := lackOf(t, entry, `"docker"`, home, config.IsolationDocker); !lack.Sure() || !strings.Contains(lack.Words(), `"mounts":["`+real+`:ro"]`) || !strings.Contains(lack.Words(), "container") {
			t.Errorf("docker: %v", lack)
		}
		for _, fine := range []string{`{"mounts": ["` + real + `:ro"]}`, `{"mounts": ["/x:` + filepath.Dir(real) + `"]}`, `{"docker_host": "tcp://h:1"}`} {
			if lack := lackOf(t, entry, fine, home, config.IsolationDocker); lack != nil {
				t.Errorf("docker, %s: %v", fine, lack)
			}
		}
	}
}

func lackOf(t *testing.T, entry, isolation, home, kind string) *Lack {
	t.Helper()
	text := strings.ReplaceAll(`{"mcpServers": {"s": {`+entry+`, "isolation": `+isolation+`}}}`, "H/", home+"/")
	c, err := config.Parse("/c.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s := c.Servers[0]
	l, err := s.Resolve(config.Resolver{Env: os.LookupEnv, Workspace: home + "/ws"})
	if err != nil {
		t.Fatal(err)
	}
	return lacks(s, l, kind, "", home+"/ws")
}
