package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("c.json", []byte(text))
	if err != nil {
		t.Fatalf("Parse: %v\n%s", err, text)
	}
	return c
}

// problems is one line a problem.
func problems(c *Config) string {
	var lines []string
	for _, p := range c.Problems {
		lines = append(lines, p.Severity+" "+p.String())
	}
	return strings.Join(lines, "\n")
}

func TestArrayForm(t *testing.T) {
	c := parse(t, `// mine
{
  "first_list_wait": "2s", "max_parallel_starts": 3, "max_name_length": 64,
  "mcpServers": [
    {"name": "a b", "protocol": "stdio", "command": "npx", "args": ["-y", "x"], "working_dir": "d",
     "env": {"Z": "1", "A": "2"}, "start": "eager", "start_timeout": 1.5, "start_wait": "2m",
     "call_timeout": 0, "idle_timeout": "1h", "quarantined": true, "tool_changes": "auto",
     "enabled_tools": ["a*"], "disabled_tools": ["ab"], "enabled": false},
    {"name": "web", "protocol": "http", "url": "http://127.0.0.1:1/mcp", "headers": {"X-A": "1"}}, // last
  ],
}`)
	if len(c.Problems) != 0 || len(c.Servers) != 2 {
		t.Fatalf("%s\n%v", problems(c), c.Servers)
	}
	if c.FirstListWait != 2*time.Second || c.MaxStarts != 3 || c.MaxNameLength != 64 {
		t.Errorf("top level: %v %v %v", c.FirstListWait, c.MaxStarts, c.MaxNameLength)
	}
	s := c.Server("a b")
	got := fmt.Sprint(s.Protocol, s.Command, s.Args, s.Dir, s.Env[0].Name, s.Env[0].Value, s.Env[1].Name, s.Start,
		s.StartTimeout, s.StartWait, s.CallTimeout, s.IdleTimeout, s.Quarantined, s.ToolChanges, s.Enabled, s.Line, s.Column)
	if want := fmt.Sprint("stdio", "npx", []string{"-y", "x"}, "d", "Z", "1", "A", "eager",
		1500*time.Millisecond, 2*time.Minute, 0*time.Second, time.Hour, true, "auto", false, 5, 5); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if w := c.Server("web"); w.StartTimeout != 60*time.Second || w.StartWait != 45*time.Second || !w.Enabled ||
		w.Start != StartLazy || w.ToolChanges != ToolChangesReview || w.Headers[0].Value != "1" {
		t.Errorf("defaults: %+v", w)
	}
}

func TestObjectForm(t *testing.T) {
	for _, tt := range []struct{ entry, want string }{
		{`{"command": "x"}`, "stdio true"},
		{`{"url": "https://h/mcp"}`, "http true"},
		{`{"type": "streamableHttp", "url": "https://h"}`, "http true"},
		{`{"type": "streamable-http", "url": "https://h"}`, "http true"},
		{`{"type": "sse", "url": "https://h", "disabled": true}`, "sse false"},
		{`{"type": "local", "command": "x", "disabled": false}`, "stdio true"},
		{`{"type": "remote", "url": "https://h", "enabled": false, "disabled": true}`, "http false"},
		{`{"command": "x", "env": null, "oauth": null, "isolation": {"type": "none"}}`, "stdio true"},
	} {
		for _, key := range []string{"mcpServers", "servers"} {
			c := parse(t, `{"`+key+`": {"n": `+tt.entry+`}}`)
			if len(c.Problems) > 0 || len(c.Servers) != 1 {
				t.Errorf("%s: %s", tt.entry, problems(c))
				continue
			}
			if s := c.Servers[0]; fmt.Sprint(s.Protocol, " ", s.Enabled) != tt.want || s.Refused != "" {
				t.Errorf("%s: %s %v %s", tt.entry, s.Protocol, s.Enabled, s.Refused)
			}
		}
	}
	c := parse(t, `{"servers": {"b": {"command": "x", "cwd": "/w"}}, "mcpServers": {"a": {"command": "y"}}}`)
	if len(c.Servers) != 2 || c.Servers[0].Name != "b" || c.Servers[0].Dir != "/w" {
		t.Errorf("order or cwd: %v", c.Servers)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.json")
	c, err := Load(path)
	if err != nil || c.Exists || c.Path != path || c.FirstListWait != DefaultFirstListWait || c.MaxNameLength != DefaultMaxNameLength {
		t.Fatalf("missing file: %+v, %v", c, err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("directory: %v", err)
	}
	if err := os.WriteFile(path, make([]byte, MaxFileSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "8 MiB") {
		t.Errorf("large file: %v", err)
	}
	for _, text := range []string{"", "  \n", "// nothing yet", "\xef\xbb\xbf/* x */\r\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path)
		if err != nil || !c.Exists || len(c.Servers) != 0 || len(c.Problems) != 1 || c.Problems[0].Severity != SeverityWarning {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
	}
	if err := os.WriteFile(path, []byte("\xef\xbb\xbf{\"mcpServers\": [] }// end"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Load(path); err != nil || len(c.Problems) != 0 {
		t.Errorf("byte order mark and last comment: %+v, %v", c, err)
	}
}

func TestDefaultPath(t *testing.T) {
	t.Setenv(PathVariable, "")
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("HOME", config)
	t.Setenv("AppData", config)
	dir, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DefaultPath(""); err != nil || got != filepath.Join(dir, "mcpproxy", "mcp_config.json") {
		t.Errorf("default: %q, %v", got, err)
	}
	named := filepath.Join(config, "named.json")
	t.Setenv(PathVariable, named)
	if got, _ := DefaultPath(""); got != named {
		t.Errorf("variable: %q", got)
	}
	if got, _ := DefaultPath("x.json"); !filepath.IsAbs(got) || filepath.Base(got) != "x.json" {
		t.Errorf("flag: %q", got)
	}
	if got := WorkspacePath("/w"); got != filepath.Join("/w", ".mcpproxy", "mcp_config.json") {
		t.Errorf("workspace: %q", got)
	}
}

func TestWithWorkspace(t *testing.T) {
	user := parse(t, `{"mcpServers": {"a": {"command": "x", "env": {"T": "${env:MINE}"}}}, "first_list_wait": 1}`)
	c := user.WithWorkspace("ws.json", []byte(`{"first_list_wait": 9, "approval": "off", "mcpServers": {
	"a": {"command": "evil"}, "b": {"command": "y", "tool_changes": "auto"}, "c": {"command": 1}, "d": {"command": "z", "env": {"A": "${MINE}"}},
	"e": {"command": "z", "args": ["${keyring:github}"]}}}`))
	if len(user.Servers) != 1 || len(user.Problems) != 0 {
		t.Error("the original changed")
	}
	if len(c.Servers) != 5 || c.Servers[0].Command != "x" || c.Servers[0].Workspace || c.FirstListWait != time.Second || c.Approval != ApprovalHuman {
		t.Fatalf("%v %v %v", c.Servers, c.FirstListWait, c.Approval)
	}
	for _, s := range c.Servers[1:] {
		if !s.Workspace || s.ToolChanges != ToolChangesReview {
			t.Errorf("%s: %v %q", s.Name, s.Workspace, s.ToolChanges)
		}
		if refused := s.Name == "c" || s.Name == "e"; refused != (s.Refused != "") {
			t.Errorf("%s: %q", s.Name, s.Refused)
		}
	}
	if got := c.Server("e").Refused; !strings.Contains(got, "${keyring:github}, which your own configuration does not name") {
		t.Errorf("a secret that is not its own: %q", got)
	}
	if got := problems(c); got != `warning ws.json:2:7: a: the user's own configuration has a server of this name, which is the one that counts – rename one of the two
error ws.json:2:92: c: command must be a string (1) – put it in double quotes
warning ws.json:3:33: e: a secret in args is visible to every program of this machine in the list of processes – pass it in env` {
		t.Error(got)
	}
	other := user.WithWorkspace("ws.json", []byte(`{"mcpServers": {"b": {"command": "y" , "tool_changes": "auto"}}}`))
	elsewhere := user.WithWorkspace("other/ws.json", []byte(`{"mcpServers": {"b": {"command": "y", "tool_changes": "auto"}}}`))
	if key := c.Server("b").LaunchKey(); key == other.Server("b").LaunchKey() || key == elsewhere.Server("b").LaunchKey() {
		t.Error("one changed byte, or another workspace, is the same launch")
	}
	if c := user.WithWorkspace("ws.json", []byte(`{`)); len(c.Servers) != 1 || len(c.Problems) != 1 || c.Problems[0].Line != 1 {
		t.Errorf("broken workspace: %v", c.Problems)
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`[]`, `c.json:1:1: the configuration is not an object (an array) – put it between braces: {"mcpServers": [ … ]}`},
		{`{"mcpServers": "x"}`, `c.json:1:16: mcpServers is neither an array nor an object (a string) – write "mcpServers": [ … ]`},
		{`{"mcpServers": [], "mcpServers": []}`, `c.json:1:20: this key stands here twice, and only one could count (mcpServers) – join the two`},
		{"{\n  \"ä\": 1 \"b\": 2}", `c.json:2:10: a comma is missing before this ("…) – put a comma after the value in front of it`},
		{`{"a" 1}`, `c.json:1:6: a key is not followed by a colon (1…) – write "key": value`},
		{`{a: 1}`, `c.json:1:2: a value is expected here (a…) – write a string in double quotes, a number, true, false, null, [ or {`},
		{`{1: 1}`, `c.json:1:2: a key is expected here (1…) – keys are strings in double quotes`},
		{`{"a": True}`, `c.json:1:7: a value is expected here (True) – write a string in double quotes, a number, true, false, null, [ or {`},
		{`{"TOKEN": ghp_topsecret}`, `c.json:1:11: a value is expected here (g…) – write a string in double quotes, a number, true, false, null, [ or {`},
		{`{'a': 1}`, `c.json:1:2: single quotes do not begin a string (') – use double quotes`},
		{"{\n# x\n}", `c.json:2:1: # does not begin a comment (#) – comments begin with //`},
		{"{\"a\": \"topsecret\n}", `c.json:1:7: this string is not closed on its line ("…) – end it with ", and write a line break inside it as \n`},
		{`{"a": "C:\Users"}`, `c.json:1:10: unknown escape in a string (\U) – a backslash is written \\ (a Windows path: C:\\Users\\me)`},
		{`{"a": [1, 2}`, `c.json:1:12: [ of line 1 is closed by } (}) – put ] before this`},
		{"{\"a\": [\n1, 2", `c.json:1:7: this bracket is never closed ([) – add ]`},
		{`{}}`, `c.json:1:3: this bracket closes nothing (}) – remove it`},
		{`{} {}`, `c.json:1:4: the configuration ended before this ({) – put everything between one { and its }`},
		{`{ /* x`, `c.json:1:3: this comment is never closed (/*) – end it with */`},
		{"{\"a\": \"\xff\"}", `c.json:1:8: the file is not UTF-8 (byte 0xff) – save it as UTF-8`},
		{strings.Repeat("[", 100000), `c.json:1:65: nested deeper than 64 levels ([) – no option needs that; remove it`},
	} {
		_, err := Parse("c.json", []byte(tt.text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.40s: %v", tt.text, err)
		} else if err.Error() != tt.want {
			t.Errorf("%.40s:\ngot  %s\nwant %s", tt.text, err, tt.want)
		}
	}
}

// A workspace's file that proposes more servers than a person can review costs nothing but a problem.
func TestWorkspaceProposesTooMany(t *testing.T) {
	user := parse(t, `{"mcpServers": {"mine": {"command": "x"}}}`)
	var object, array strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&object, `,"s%d":{"command":"x"}`, i)
		fmt.Fprintf(&array, `,{"name":"s%d","protocol":"stdio","command":"x"}`, i)
	}
	for _, text := range []string{`{"mcpServers":{` + object.String()[1:] + `}}`, `{"mcpServers":[` + array.String()[1:] + `]}`} {
		c := user.WithWorkspace("/w/.mcpproxy/mcp_config.json", []byte(text))
		if len(c.Servers) != 1+maxWorkspaceServers || c.Server("s199") == nil || c.Server("s200") != nil {
			t.Errorf("%d servers", len(c.Servers))
		}
		if len(c.Problems) != 1 || !strings.Contains(c.Problems[0].String(), "200 servers") || !strings.Contains(c.Problems[0].String(), "(19800)") {
			t.Errorf("problems: %v", c.Problems)
		}
	}
	own := strings.Join(strings.SplitAfterN(object.String()[1:], ",", 301)[:300], "")
	if c := parse(t, `{"mcpServers":{`+strings.TrimSuffix(own, ",")+`}}`); len(c.Servers) != 300 {
		t.Errorf("of the user's own %d", len(c.Servers))
	}
}

// Columns count characters, also far into a line.
func TestPositionOfALongLine(t *testing.T) {
	data := []byte("{\n\"ä€𝄞\": \"" + strings.Repeat("aä€𝄞", 1000) + "\",\n \"b\": 1}")
	src, err := parseSource("c.json", data)
	if err != nil {
		t.Fatal(err)
	}
	for offset := range data {
		before := data[:offset]
		start := bytes.LastIndexByte(before, '\n') + 1
		line, column := src.position(offset)
		if want := utf8.RuneCount(before[start:]) + 1; utf8.RuneStart(data[offset]) && (column != want || line != 1+bytes.Count(before, []byte("\n"))) {
			t.Fatalf("byte %d is at %d:%d, want column %d", offset, line, column, want)
		}
	}
}
