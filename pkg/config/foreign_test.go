package config

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// one is the only server of a file in the object form, with its problems.
func one(t *testing.T, entry string) (*Server, string) {
	t.Helper()
	c := parse(t, `{"mcpServers": {"n": `+entry+`}}`)
	if len(c.Servers) != 1 {
		t.Fatalf("%s: %s", entry, problems(c))
	}
	return c.Servers[0], problems(c)
}

// Options of other clients have their meaning.
func TestForeignOptionsAreRead(t *testing.T) {
	for _, tt := range []struct {
		entry string
		want  func(*Server) bool
	}{
		{`{"httpUrl": "https://h/mcp"}`, func(s *Server) bool { return s.URL == "https://h/mcp" && s.Protocol == ProtocolHTTP }},
		{`{"serverUrl": "https://h/mcp"}`, func(s *Server) bool { return s.URL == "https://h/mcp" && s.Protocol == ProtocolHTTP }},
		{`{"serverUrl": "https://h/sse", "type": "sse"}`, func(s *Server) bool { return s.Protocol == ProtocolSSE }},
		{`{"baseUrl": "https://h", "type": "streamableHttp", "isActive": true}`, func(s *Server) bool { return s.URL == "https://h" && s.Enabled }},
		{`{"type": "streamablehttp", "url": "https://h"}`, func(s *Server) bool { return s.Protocol == ProtocolHTTP }},
		{`{"type": "Streamable-HTTP", "url": "https://h"}`, func(s *Server) bool { return s.Protocol == ProtocolHTTP }},
		{`{"type": "streamable_http", "url": "https://h"}`, func(s *Server) bool { return s.Protocol == ProtocolHTTP }},
		{`{"type": "SSE", "url": "https://h"}`, func(s *Server) bool { return s.Protocol == ProtocolSSE }},
		{`{"type": "remote", "url": "https://h"}`, func(s *Server) bool { return s.Protocol == ProtocolHTTP }},
		{`{"type": "STDIO", "command": "x"}`, func(s *Server) bool { return s.Protocol == ProtocolStdio }},
		{`{"transport": "streamable_http", "url": "https://h"}`, func(s *Server) bool { return s.Protocol == ProtocolHTTP }},
		{`{"transport": {"type": "stdio", "command": "npx", "args": ["-y", "a"], "env": {"A": "1"}}}`, func(s *Server) bool {
			return s.Protocol == ProtocolStdio && s.Command == "npx" && len(s.Args) == 2 && s.Env[0].Value == "1"
		}},
		{`{"transport": {"type": "http", "url": "https://h", "headers": {"A": "b"}}, "disabled": true}`, func(s *Server) bool {
			return s.URL == "https://h" && s.Headers[0].Name == "A" && !s.Enabled
		}},
		{`{"transport": {"url": "https://h"}}`, func(s *Server) bool { return s.Protocol == ProtocolHTTP }},
		{`{"type": "local", "command": ["npx", "-y", "a"], "environment": {"A": "{env:B}", "C": "${env:D}"}}`, func(s *Server) bool {
			return s.Command == "npx" && reflect.DeepEqual(s.Args, []string{"-y", "a"}) && s.Env[0].Value == "${env:B}" && s.Env[1].Value == "${env:D}"
		}},
		{`{"args": ["b"], "command": ["npx", "a"]}`, func(s *Server) bool { return reflect.DeepEqual(s.Args, []string{"a", "b"}) }},
		{`{"command": "x", "env": {"PORT": 8080, "DEBUG": true, "RATE": 0.5, "PATH": null, "OFF": false}}`, func(s *Server) bool {
			return s.Env[0].Value == "8080" && s.Env[1].Value == "true" && s.Env[2].Value == "0.5" && s.Env[3].Value == "false" && len(s.Env) == 4 && s.Unset[0] == "PATH"
		}},
		{`{"url": "https://h", "headers": {"X-Limit": 5, "X-None": null}}`, func(s *Server) bool { return len(s.Headers) == 1 && s.Headers[0].Value == "5" }},
		{`{"command": "x", "cwd": "/d"}`, func(s *Server) bool { return s.Dir == "/d" }},
		{`{"command": "x", "working_directory": "/d"}`, func(s *Server) bool { return s.Dir == "/d" }},
		{`{"command": "x", "workingDir": "/d"}`, func(s *Server) bool { return s.Dir == "/d" }},
		{`{"command": "x", "timeout": 30}`, func(s *Server) bool { return s.CallTimeout == 30*time.Second }},
		{`{"command": "x", "timeout": 30000}`, func(s *Server) bool { return s.CallTimeout == 30*time.Second }},
		{`{"command": "x", "timeout": 600, "trust": false}`, func(s *Server) bool { return s.CallTimeout == 600*time.Millisecond }},
		{`{"command": "x", "timeout": 1800, "autoApprove": []}`, func(s *Server) bool { return s.CallTimeout == 30*time.Minute }},
		{`{"command": "x", "timeout": 120000, "autoApprove": []}`, func(s *Server) bool { return s.CallTimeout == 2*time.Minute }},
		{`{"command": "x", "timeout": "90s"}`, func(s *Server) bool { return s.CallTimeout == 90*time.Second }},
		{`{"command": "x", "initTimeout": 10000}`, func(s *Server) bool { return s.StartTimeout == 10*time.Second }},
		{`{"command": "x", "startup_timeout_sec": 20, "tool_timeout_sec": 5}`, func(s *Server) bool { return s.StartTimeout == 20*time.Second && s.CallTimeout == 5*time.Second }},
		{`{"command": "x", "env": {"KEY": "$KEY", "WORD": "pa$Word", "L": "$lower"}}`, func(s *Server) bool {
			return s.Env[0].Value == "${env:KEY}" && s.Env[1].Value == "pa$Word" && s.Env[2].Value == "$lower"
		}},
		{`{"url": "https://h", "headers": {"Authorization": "Bearer $TOKEN"}}`, func(s *Server) bool { return s.Headers[0].Value == "Bearer ${env:TOKEN}" }},
		{`{"httpUrl": "https://h/$PLACE", "headers": {"A": "a-$b-c", "B": "$$C"}}`, func(s *Server) bool {
			return s.URL == "https://h/${env:PLACE}" && s.Headers[0].Value == "a-${env:b}-c" && s.Headers[1].Value == "$$C"
		}},
		{`{"url": "https://${input:h}/mcp", "headers": {"Authorization": "Bearer ${input:t}"}}`, func(s *Server) bool {
			_, keys := s.References()
			return reflect.DeepEqual(keys, []string{"h", "t"})
		}},
	} {
		s, told := one(t, tt.entry)
		if s.Refused != "" || !tt.want(s) {
			t.Errorf("%s: %+v: %s", tt.entry, *s, told)
		}
	}
}

// What restrains a server counts, or the server is not started.
func TestForeignRestraintsAreKept(t *testing.T) {
	barred := func(s *Server) bool { return !s.ToolAllowed("delete") && s.ToolAllowed("read") }
	only := func(s *Server) bool {
		return s.ToolAllowed("read") && !s.ToolAllowed("delete") && !s.ToolAllowed("other")
	}
	off := func(s *Server) bool { return !s.Enabled }
	held := func(s *Server) bool { return s.Quarantined }
	refused := func(s *Server) bool { return s.Refused != "" }
	for option, kept := range map[string]func(*Server) bool{
		`"disabledTools": ["delete"]`: barred, `"excludeTools": ["delete"]`: barred, `"exclude_tools": ["delete"]`: barred,
		`"disallowedTools": ["delete"]`: barred, `"blockedTools": ["delete"]`: barred, `"disabled-tools": ["delete"]`: barred,
		`"DisabledTools": ["delete"]`: barred, `"tools": {"delete": false, "read": true}`: barred,
		`"tools": ["read"]`: only, `"includeTools": ["read"]`: only, `"allowedTools": ["read"]`: only, `"enabledTools": ["read"]`: only,
		`"available_tools": ["read"]`: only, `"includeTools": ["read(path)"]`: only,
		`"tools": []`:       func(s *Server) bool { return !s.ToolAllowed("read") },
		`"disabled": true`:  off,
		`"isActive": false`: off, `"is_active": false`: off, `"Enabled": false`: off, `"enabled": false`: off,
		`"Quarantined": true`: held,
		`"disabled": "yes"`:   refused, `"isActive": "no"`: refused,
		`"tools": [{"name": "x"}]`: refused, `"tools": {"x": {"enabled": false}}`: refused, `"disabledTools": "delete"`: refused,
		`"tools": ["read"], "includeTools": ["delete"]`:      refused,
		`"tools": {"delete": false}, "disabledTools": ["x"]`: refused,
		`"disabledTools": ["x"], "tools": {"delete": false}`: refused,
		`"toolBlocklist": ["delete"]`:                        refused, `"deniedFunctions": ["delete"]`: refused, `"restrictTo": "x"`: refused,
		`"headersHelper": "print"`: refused, `"sandboxEnabled": true`: refused, `"sandbox": {"network": {}}`: refused, `"read_only": true`: refused,
		`"registryUrl": "https://r"`: refused, `"enabledFunctions": ["read"]`: refused,
		`"toolFilter": {"deny": ["delete"]}`: refused, `"tool_configuration": {"allowed_tools": ["read"]}`: refused, `"hiddenTools": ["delete"]`: refused,
		`"toolset": ["read"]`: refused, `"toolPermissions": {"delete": "never"}`: refused, `"selectedTools": ["read"]`: refused, `"allow": ["read"]`: refused,
		`"filter": ["read"]`: refused, `"active": false`: refused, `"isEnabled": false`: refused, `"enabeld": false`: refused, `"paused": true`: refused,
		`"inactive": true`: refused, `"quarantine": true`: refused, `"status": "disabled"`: refused, `"mode": "read-only"`: refused, `"state": "off"`: refused,
		`"includedFunctions": []`: refused,
		`"network": false`:        refused, `"network": "none"`: refused, `"network": {"allow": ["h"]}`: refused,
		`"require_approval": "always"`: refused, `"requireApproval": true`: refused, `"require_approval": {"always": {"tool_names": ["x"]}}`: refused,
		`"require_approval": {"never": {"tool_names": ["x"]}}`: refused, // all others are asked about
		`"toolsets": "repos,issues"`:                           refused, `"toolsets": ["repos"]`: refused, `"toolsets": {"repos": true}`: refused, `"toolset": "repos"`: refused,
		`"toolsets": []`: refused,
		`"anythingllm": {"suppressedTools": ["x"]}`:     refused, // in another client's object, too
		`"client": {"inner": {"disabledTools": ["x"]}}`: refused, `"client": {"disabled": true}`: refused,
		`"client": {"mcp": {"readOnly": true}, "name": "x"}`: refused, `"client": {"network": false}`: refused,
	} {
		s, told := one(t, `{"command": "x", `+option+`}`)
		if !kept(s) {
			t.Errorf("%s is lost: %s", option, told)
		}
		list := parse(t, `{"mcpServers": [{"name": "n", "protocol": "stdio", "command": "x", `+option+`}]}`)
		if !kept(list.Servers[0]) {
			t.Errorf("%s is lost in the array form: %s", option, problems(list))
		}
	}
	for _, option := range []string{
		`"headersHelper": ""`, `"sandboxEnabled": false`, `"registryUrl": ""`, `"disabledPrompts": []`, `"readOnly": false`, `"alwaysAllow": ["x"]`,
		`"autoApprove": []`, `"trust": true`, `"description": "d"`, `"excludeTools": null`, `"tools": ["*"]`, `"disabledAutoApproveTools": ["x"]`,
		`"active": true`, `"isEnabled": true`, `"paused": false`, `"status": "connected"`, `"mode": "auto"`, `"autoApprovedTools": ["x"]`, `"toolPrefix": "p"`,
		`"trustedTools": ["x"]`, `"toolTimeout": 5`, `"toolAliases": {"a": "b"}`, `"hidden": true`, `"toolFilter": {}`, `"quarantine": false`,
		`"alwaysAllowedTools": ["x"]`, `"auto_allowed": ["x"]`, `"cachedTools": [{"name": "x"}]`, `"installationTools": ["npm"]`,
		`"logging": "off"`, `"require_approval": "never"`, `"requireApproval": false`, `"toolsets": "all"`, `"toolsets": ["all", "x"]`, `"toolsets": null`,
		`"network": true`, `"network": "host"`, `"network": null`, `"autoStart": false`, `"auto_start": true`, `"start_on_launch": false`,
		`"anythingllm": {"autoStart": false}`, `"client": {"disabled": false, "tools": []}`,
	} {
		if s, told := one(t, `{"command": "x", `+option+`}`); s.Refused != "" || !s.ToolAllowed("x") {
			t.Errorf("%s: %s", option, told)
		}
	}
}

// What has no effect is told as dropped, a member of an option too.
func TestDroppedMembers(t *testing.T) {
	c := parse(t, `{"mcpServers": {"s": {"url": "https://h", "oauth": {"clientId": "a", "authServerMetadataUrl": "https://h/m"}, "note": "n"}}}`)
	var dropped []string
	for _, p := range c.Problems {
		dropped = append(dropped, p.Dropped)
	}
	if !slices.Equal(dropped, []string{"oauth.authServerMetadataUrl", "note"}) {
		t.Errorf("%q: %s", dropped, problems(c))
	}
}

// Lists at the top of other clients' files that turn servers off by name.
func TestServersTurnedOffByName(t *testing.T) {
	for top, want := range map[string]string{
		`"excludeMCPServers": ["a"]`: "b", `"disabledMcpServers": ["b"]`: "a", `"disabledMcpjsonServers": ["a", "b"]`: "",
		`"allowMCPServers": ["b"]`: "b", `"allowMCPServers": []`: "", `"allowMCPServers": null`: "ab",
		`"mcp": {"excluded": ["a"]}`: "b", `"mcp": {"allowed": ["a"]}`: "a", `"mcp": {"allowed": ["a", "b"], "excluded": ["a"]}`: "b",
		`"mcp": {"serverCommand": "x"}`: "ab", `"excludeMCPServers": "a"`: "", `"mcp": {"excluded": [1]}`: "",
	} {
		for _, text := range []string{`{` + top + `, "mcpServers": {"a": {"command": "x"}, "b": {"command": "x"}}}`, `{"mcpServers": {"a": {"command": "x"}, "b": {"command": "x"}}, ` + top + `}`} {
			c, on := parse(t, text), ""
			for _, s := range c.Servers {
				if s.Enabled {
					on += s.Name
				}
			}
			if on != want {
				t.Errorf("%s: on are %q: %s", text, on, problems(c))
			}
		}
	}
}

// Each entry of the table is usable, and no two mean the same key.
func TestSpellings(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range spellings {
		kinds := 0
		for _, text := range []string{s.option, s.refuse, s.ignore} {
			if text != "" {
				kinds++
			}
		}
		if kinds != 1 || s.used == "" || s.option != "" && serverOptions.named(s.option) == nil || seen[plainKey(s.key)] || serverOptions.named(s.key) != nil {
			t.Errorf("%+v", s)
		}
		seen[plainKey(s.key)] = true
	}
}

// A copied entry is the one it was made from, whichever option it has and whichever form it goes into.
func TestWrittenIsTheSame(t *testing.T) {
	values := map[string]string{
		"args": `["-y", "${workspaceFolder}", "${A}", "$${x}", "${env:B}"]`, "allow_http": `true`, "enabled": `false`, "working_dir": `"${env:HOME}/x"`,
		"env": `{"A": "1", "B": "${keyring:k}", "C": null}`, "env_file": `".env"`, "headers": `{"X": "${env:Y:-d}"}`, "start": `"eager"`,
		"start_timeout": `7`, "start_wait": `8`, "call_timeout": `"9s"`, "idle_timeout": `"3m"`, "quarantined": `true`, "tool_changes": `"auto"`,
		"enabled_tools": `["a*"]`, "disabled_tools": `["b"]`, "oauth": `{"client_id": "i", "client_secret": "${env:S}", "scopes": []}`,
		"isolation": `{"type": "sandbox", "mounts": ["${workspaceFolder}:ro"], "memory_limit": "1g", "network": "none"}`,
	}
	for _, o := range Options() {
		launch := `"command": "x"`
		switch o.Name {
		case "name", "command", "url", "protocol":
			continue
		case "headers", "oauth", "allow_http":
			launch = `"url": "https://h"`
		case "args":
			launch += `, "env": {"A": "1"}`
		}
		value, ok := values[o.Name]
		if !ok {
			t.Errorf("no value for %s", o.Name)
			continue
		}
		for _, empty := range []string{`{"mcpServers": []}`, `{"mcpServers": {}}`} {
			s, told := one(t, `{`+launch+`, "`+o.Name+`": `+value+`}`)
			if s.Refused != "" {
				t.Fatalf("%s: %s", o.Name, told)
			}
			doc, err := parseDocument(s.Path, []byte(empty))
			if err == nil {
				err = doc.Add("n", s.Written())
			}
			if err != nil {
				t.Fatal(err)
			}
			c := parse(t, string(doc.Bytes()))
			if got, want := bare(c.Servers[0]), bare(s); problems(c) != "" || !reflect.DeepEqual(got, want) {
				t.Errorf("%s in %s\ngot  %+v\nwant %+v\n%s", o.Name, doc.Bytes(), got, want, problems(c))
			}
			if o.Name != "env_file" && c.Servers[0].LaunchKey() != s.LaunchKey() {
				t.Errorf("%s: another launch", o.Name)
			}
			if reflect.DeepEqual(bare(s), bare(withoutOption(t, launch))) {
				t.Errorf("%s has no effect here", o.Name)
			}
		}
	}
}

func withoutOption(t *testing.T, launch string) *Server {
	s, _ := one(t, `{`+launch+`}`)
	return s
}

// bare is a server without what tells where it stands.
func bare(s *Server) Server {
	c := *s
	c.Path, c.Line, c.Column, c.entry, c.key, c.launchKey, c.objectForm, c.Spelt = "", 0, 0, "", nil, "", false, nil
	c.EnvFile = filepath.Base(c.EnvFile)
	return c
}

// An entry's texts may refer to its own variables, as mcp-remote documents it.
func TestOwnVariables(t *testing.T) {
	resolver := Resolver{Env: func(name string) (string, bool) {
		return map[string]string{"KEY": "outer", "AUTH": "wrong"}[name], name == "KEY" || name == "AUTH"
	}, Keyring: func(string) (string, error) { return "kept", nil }, Workspace: "/w"}
	for _, tt := range []struct{ entry, want string }{
		{`{"command": "npx", "args": ["mcp-remote", "https://h", "--header", "Authorization:${AUTH}"], "env": {"AUTH": "Bearer x"}}`, "npx mcp-remote https://h --header Authorization:Bearer x | AUTH=Bearer x"},
		{`{"env": {"AUTH": "${keyring:k}"}, "command": "npx", "args": ["${AUTH}"]}`, "npx kept | AUTH=kept"},
		{`{"command": "${BIN}", "args": ["${BIN:-y}", "${NONE:-z}"], "env": {"BIN": "b"}}`, "b b z | BIN=b"},
		{`{"command": "x", "args": ["${KEY}"], "env": {"KEY": "${KEY}"}}`, "x outer | KEY=outer"},
		{`{"command": "x", "env": {"A": "1", "B": "${A}/2"}}`, "x | A=1 B=1/2"},
		{`{"command": "x", "args": ["${B}"], "env": {"B": "${KEY}", "KEY": "${B}"}}`, "x outer | B=outer KEY=outer"},
		{`{"command": "x", "args": ["${env:KEY}"], "env": {"KEY": "mine"}}`, "x outer | KEY=mine"},
		{`{"command": "x", "args": ["$${KEY}"], "env": {"KEY": "mine"}}`, "x ${KEY} | KEY=mine"},
		{`{"command": "x", "args": ["${A}"], "environment": {"A": 5}}`, "x 5 | A=5"},
	} {
		s, told := one(t, tt.entry)
		l, err := s.Resolve(resolver)
		if err != nil {
			t.Errorf("%s: %v %s", tt.entry, err, told)
			continue
		}
		got := strings.Join(append([]string{l.Command}, l.Args...), " ") + " |"
		for _, v := range l.Env {
			got += " " + v.Name + "=" + v.Value
		}
		if got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.entry, got, tt.want)
		}
	}
	doubling := `"V0": "0123456789"`
	for i := 1; i <= 60; i++ {
		doubling += fmt.Sprintf(`, "V%d": "${V%d}${V%d}"`, i, i-1, i-1)
	}
	big, _ := one(t, `{"command": "x", "args": ["${V60}"], "working_dir": "${V60}", "env": {`+doubling+`}}`)
	if _, err := big.Resolve(resolver); err == nil || !strings.Contains(err.Error(), "longer than 1024 KiB") || big.hasWorkspace("${V60}") {
		t.Errorf("variables that double one another: %v", err)
	}
	list := parse(t, `{"mcpServers": [{"name": "n", "protocol": "stdio", "command": "x", "args": ["${A}"], "env": {"A": "1"}}]}`)
	if l, err := list.Servers[0].Resolve(resolver); err != nil || l.Args[0] != "1" {
		t.Errorf("the array form: %v, %v", l.Args, err)
	}
	s, _ := one(t, `{"command": "x", "args": ["${A}"], "env": {"A": "1", "B": "${B}"}}`)
	if env, _ := s.References(); !reflect.DeepEqual(env, []string{"B"}) {
		t.Errorf("asks the client for %v", env)
	}
	_, told := one(t, `{"command": "x", "args": ["${API_TOKEN}"], "env": {"API_TOKEN": "t"}}`)
	if !strings.Contains(told, "c.json:1:48: n: a secret in args is visible") {
		t.Errorf("told %q", told)
	}
	other, _ := one(t, `{"command": "x", "args": ["${A}"], "env": {"A": "2", "B": "${B}"}}`)
	if s.LaunchKey() == other.LaunchKey() {
		t.Error("another value of a variable is the same launch")
	}
}

// A whole command line in the place of a program.
func TestCommandLine(t *testing.T) {
	for command, want := range map[string]string{
		"npx -y some-server":                      `write "command": "npx", "args": ["-y", "some-server"]`,
		"uvx server --dir 'a b'":                  `write "command": "uvx", "args": ["server", "--dir", "a b"]`,
		"docker run -i --rm image":                `write "command": "docker", "args": ["run", "-i", "--rm", "image"]`,
		"/usr/bin/node /srv/x.js":                 `write "command": "/usr/bin/node", "args": ["/srv/x.js"]`,
		"npx x --api-key topsecret":               `write "command": "npx", "args": ["x", "--api-key", "…"]`,
		"npx x --token=topsecret":                 `write "command": "npx", "args": ["x", "…"]`,
		"npx  x\tsk1234567890abcdefghijTOPsecret": `write "command": "npx", "args": ["x", "…"]`,
		"/opt/My Tools/server":                    "",
		`C:\\Program Files\\x\\server.exe`:        "",
		"npx":                                     "",
		"${env:BIN}":                              "",
	} {
		s, told := one(t, `{"command": "`+strings.ReplaceAll(command, "\t", `\t`)+`", "args": ["z"]}`)
		if want != "" {
			want = strings.TrimSuffix(want, "]") + `, "z"]`
		}
		if (s.Refused == "") != (want == "") || !strings.Contains(s.Refused, want) || strings.Contains(told, "topsecret") || strings.Contains(told, "TOPsecret") {
			t.Errorf("%s: %s", command, told)
		}
	}
}

func TestTildeInArguments(t *testing.T) {
	for arg, warned := range map[string]bool{"~/x": true, "~": true, "--dir=~/x": true, "a~b": false, "/x/~": false, "x=~/y": false} {
		if s, told := one(t, `{"command": "x", "args": ["--a", "`+arg+`"]}`); s.Refused != "" || strings.Contains(told, "warning c.json:1:55: n: ~ is the shell's") != warned {
			t.Errorf("%s: %s", arg, told)
		}
	}
}

// Forms that are not read are known by name.
func TestForms(t *testing.T) {
	server := `{"command": "npx", "args": ["-y", "a"]}`
	for text, want := range map[string]string{
		`{"mcp": {"a": {"type": "local", "command": ["npx"]}, "b": {"type": "remote", "url": "https://h"}}}`: "error c.json:1:2: this is opencode's or Crush's form, which is not read here: 2 servers in it are left out (mcp)",
		`{"editor.tabSize": 2, "mcp": {"inputs": [], "servers": {"a": ` + server + `}}}`:                     "error c.json:1:23: this is VS Code's settings.json",
		`{"mcp.servers": {"a": ` + server + `}}`:                                                             "VS Code's settings.json",
		`{"context_servers": {"a": {"source": "custom", "command": "x"}}}`:                                   "error c.json:1:2: this is Zed's settings.json",
		`{"context_servers": {"a": {"settings": {}}}}`:                                                       "Zed's",
		`{"projects": {"/p": {"mcpServers": {"a": ` + server + `}}}}`:                                        "error c.json:1:42: this is Claude Code's projects",
		`{"mcpServers": {}, "projects": {"/p": {"mcpServers": {"a": ` + server + `}}}}`:                      "warning c.json:1:60: this is Claude Code's projects",
		`{"projects": {"/p": {"mcpServers": {}}}, "mcpServers": {}}`:                                         "warning c.json:1:2: unknown option, ignored (projects)",
		`{"amp.mcpServers": {"a": ` + server + `}}`:                                                          "Amp's settings.json",
		`{"mcp_servers": {"a": ` + server + `}}`:                                                             "Codex's form",
		`{"experimental": {"modelContextProtocolServers": [{"transport": ` + server + `}]}}`:                 "Continue's config.json",
		`{"name": "io.github.x/y", "packages": [{"registryType": "npm", "identifier": "y"}]}`:                "an MCP registry's server.json",
		`{"manifest_version": "0.2", "server": {"type": "node", "mcp_config": ` + server + `}}`:              "the manifest of an MCP bundle",
		`{"theme": "dark"}`: "error c.json:1:1: there is neither mcpServers nor servers in this file",
	} {
		if got := problems(parse(t, text)); !strings.Contains(got, want) {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
	for path, tt := range map[string]struct{ text, want string }{
		"config.toml":   {"# my config\n[mcp_servers.a]\ncommand = \"npx\"\n", "config.toml:2:1: this is Codex's config.toml (TOML)"},
		"config.json":   {"model = \"x\"\n\n[mcp_servers.a]\ncommand = \"npx\"\n", "config.json:3:1: this is Codex's config.toml (TOML)"},
		"other.toml":    {"a = 1\n", "other.toml:1:1: this is TOML"},
		"c.yaml":        {"name: x\nmcpServers:\n  - name: a\n    command: uvx\n", "c.yaml:2:1: this is Continue's config.yaml (YAML)"},
		"l.yml":         {"mcpServers:\n  a:\n    command: uvx\n", "l.yml:1:1: this is YAML, as LibreChat"},
		"goose.yaml":    {"extensions:\n  a:\n    cmd: x\n", "Goose's config.yaml (YAML)"},
		"compose.yaml":  {"a: b\n", "compose.yaml:1:1: this is YAML"},
		"no-ending":     {"mcpServers:\n  - name: a\n", "Continue's config.yaml"},
		"only-bad.json": {"{\"mcpServers\": [}", "is closed by }"},
	} {
		_, err := Parse(path, []byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestInputs(t *testing.T) {
	c := parse(t, `{"inputs": [{"id": "t", "description": "Token of x", "password": true}, {"id": "a b"}], "servers": {"n": {"command": "x", "env": {"T": "${input:t}"}}}}`)
	if in, ok := c.Input("t"); !ok || in.Description != "Token of x" || len(c.Inputs) != 1 || !strings.Contains(problems(c), "warning c.json:1:73: the id of this input") {
		t.Errorf("%+v: %s", c.Inputs, problems(c))
	}
	for text, want := range map[string]string{
		`{}`:                        `{"inputs":[{"id":"t","description":"Token of x","password":true}]}`,
		`{"inputs": null}`:          `{"inputs":[{"id":"t","description":"Token of x","password":true}]}`,
		`{"inputs": [{"id": "u"}]}`: `{"inputs":[{"id":"u"},{"id":"t","description":"Token of x","password":true}]}`,
		`{"inputs": [{"id": "t"}]}`: `{"inputs":[{"id":"t"}]}`,
	} {
		doc, err := parseDocument("c.json", []byte(text))
		if err == nil {
			err = doc.AddInputs(c.Inputs)
		}
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal(doc.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", doc.Bytes(), err)
		}
		var wanted any
		json.Unmarshal([]byte(want), &wanted)
		if !reflect.DeepEqual(got, wanted) {
			t.Errorf("%s: %s", text, doc.Bytes())
		}
	}
}

func TestInferProtocol(t *testing.T) {
	for url, want := range map[string]string{
		"https://h/mcp": ProtocolHTTP, "https://h/sse": ProtocolSSE, "https://h/sse/": ProtocolSSE, "https://h/a/sse?k=v": ProtocolSSE,
		"https://h/sse/x": ProtocolHTTP, "https://h/asse": ProtocolHTTP, "https://h?x=/sse": ProtocolHTTP, "": "",
	} {
		if got := InferProtocol("", url); got != want {
			t.Errorf("%s: %s", url, got)
		}
	}
	if InferProtocol("x", "") != ProtocolStdio {
		t.Error("a command")
	}
}

// Names of registries are taken.
func TestNamesOfRegistries(t *testing.T) {
	for name, ok := range map[string]bool{
		"io.github.someone/notes": true, "@someone/server-notes": true, "github.com/acme/fetch-mcp": true, "My Server 2": true, "数据": true,
		"..": false, "/": false, `a\\b`: false, " a": false, "a\\u200b": false, "a\\u202eb": false, strings.Repeat("a", 129): false,
	} {
		c := parse(t, `{"mcpServers": {"`+name+`": {"command": "x"}}}`)
		if (len(c.Servers) == 1) != ok {
			t.Errorf("%s: %s", name, problems(c))
		}
	}
}

// An option that stands under another client's name is changed there.
func TestSetThroughForeignNames(t *testing.T) {
	for _, tt := range []struct {
		entry, key string
		value      any
		want       string
	}{
		{`{"command": "x", "isActive": true}`, "enabled", false, `{"command": "x", "isActive": false}`},
		{`{"command": "x", "disabled": true}`, "enabled", true, `{"command": "x", "disabled": false}`},
		{`{"httpUrl": "https://a"}`, "url", "https://b", `{"httpUrl": "https://b"}`},
		{`{"command": "x", "excludeTools": ["a"]}`, "disabled_tools", []string{"a", "b"}, `{"command": "x", "excludeTools": ["a", "b"]}`},
		{`{"command": "x", "environment": {"A": "1"}}`, "env", []Var{{"A", "2"}}, `{"command": "x", "environment": {"A": "2"}}`},
	} {
		doc, err := parseDocument("c.json", []byte(`{"mcpServers": {"n": `+tt.entry+`}}`))
		if err == nil {
			err = doc.Set("n", tt.key, tt.value)
		}
		if want := `{"mcpServers": {"n": ` + tt.want + `}}`; err != nil || strings.TrimSpace(string(doc.Bytes())) != want {
			t.Errorf("%s: %v\n%s", tt.entry, err, doc.Bytes())
		}
	}
}

// Continue writes servers as an array without a protocol, and Warp with nothing around them.
func TestFormsOfOthersAreRead(t *testing.T) {
	c := parse(t, `{"mcpServers": [{"name": "a", "command": "x"}, {"name": "b", "url": "https://h/mcp"}, {"name": "c"}]}`)
	if a, b := c.Server("a"), c.Server("b"); a.Protocol != ProtocolStdio || b.Protocol != ProtocolHTTP || a.Refused+b.Refused != "" {
		t.Errorf("%s", problems(c))
	}
	if c := c.Server("c"); !strings.Contains(c.Refused, "has neither command nor url") {
		t.Errorf("refused: %q", c.Refused)
	}
	const bare = `{"a": {"command": "x", "working_directory": null, "start_on_launch": true}, "b": {"url": "https://h/mcp"}}`
	c = parse(t, bare)
	if len(c.Servers) != 2 || c.Server("a").Refused != "" || !strings.Contains(problems(c), `as Warp has them – write {"mcpServers": …} around them`) {
		t.Errorf("%s", problems(c))
	}
	if _, err := parseDocument("/c.json", []byte(bare)); err == nil { // with mcpServers beside them they would be no servers
		t.Error("such a file is edited")
	}
	for _, text := range []string{`{"a": {"command": "x"}, "other": 1}`, `{"a": {"command": "x"}, "mcpServers": {}}`, `{"a": {"note": "x"}}`, `{}`} {
		if c := parse(t, text); len(c.Servers) > 0 {
			t.Errorf("%s: %v", text, c.Servers)
		}
	}
	user := parse(t, `{"mcpServers": {}}`)
	if c := user.WithWorkspace("/w/.mcpproxy/mcp_config.json", []byte(bare)); len(c.Servers) > 0 {
		t.Error("a workspace's file is read as such")
	}
}
