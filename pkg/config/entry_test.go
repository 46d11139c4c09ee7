package config

import (
	"strings"
	"testing"
)

// What is told about one entry, and where exactly.
func TestEntryProblems(t *testing.T) {
	for _, tt := range []struct{ entry, want string }{
		{`{"protocol": "stdio"}`, `error c.json:1:17: mcpServers[0] has no name and is left out – add "name": "…"`},
		{`"x"`, `error c.json:1:17: mcpServers[0] is not an object (a string) – write {"name": …, "protocol": …}`},
		{`{"name": 5}`, `error c.json:1:26: mcpServers[0] has a name that is not a string and is left out (a number) – write "name": "…"`},
		{`{"name": "a\\b", "protocol": "stdio", "command": "x"}`, `error c.json:1:26: mcpServers[0] has a name that contains a backslash and is left out (a\b) – names have 1 to 128 printable characters, a letter or a digit among them, and no backslash`},
		{`{"name": "../..", "protocol": "stdio", "command": "x"}`, `error c.json:1:26: mcpServers[0] has a name that has neither a letter nor a digit and is left out (../..) – names have 1 to 128 printable characters, a letter or a digit among them, and no backslash`},
		{`{"name": "n", "protocol": "stdio"}`, `error c.json:1:17: n: protocol stdio needs command – add "command": "…"`},
		{`{"name": "n", "protocol": "http"}`, `error c.json:1:17: n: protocol http needs url – add "url": "…"`},
		{`{"name": "n", "protocol": "htp", "url": "https://h"}`, `error c.json:1:43: n: protocol must be one of stdio, http, sse ("htp") – did you mean http?`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "url": "https://h"}`, `error c.json:1:75: n: url does not go with protocol stdio – remove it, or change the protocol`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "headers": {}}`, `warning c.json:1:79: n: headers means nothing with protocol stdio – remove it`},
		{`{"name": "n", "protocol": "stdio", "command": []}`, `error c.json:1:63: n: command is empty ([]) – name the program to run`},
		{`{"name": "n", "protocol": "ws", "url": "wss://h"}`, `error c.json:1:43: n: servers are not reached by WebSocket ("ws") – use the server's HTTP address`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "start": "fast"}`, `error c.json:1:77: n: start must be one of lazy, eager ("fast") – known are lazy, eager`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "start_wait": -1}`, `error c.json:1:82: n: start_wait must not be negative (-1) – write seconds (90) or a text with a unit ("90s", "2m")`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "start_wait": 0}`, `error c.json:1:82: n: start_wait must be more than 0 (0) – write seconds (90) or a text with a unit ("90s", "2m")`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "call_timeout": "90"}`, `error c.json:1:84: n: call_timeout is not a time ("90") – write seconds (90) or a text with a unit ("90s", "2m")`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "call_timeout": 1e300}`, `error c.json:1:84: n: call_timeout is longer than 30 days (1e300) – write seconds (90) or a text with a unit ("90s", "2m")`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "enabled": "no"}`, `error c.json:1:79: n: enabled must be true or false ("no") – write it without quotes`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "enabeld": true}`, `warning c.json:1:68: n: unknown option, ignored (enabeld) – did you mean enabled?`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "share": "user"}`, `warning c.json:1:68: n: not available in this version, ignored (share) – remove it, or leave it for a later version`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "command": "y"}`, `error c.json:1:68: n: this option stands here twice, and only one could count (command) – remove one of the two`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "env": {"A": [7331]}}`, `error c.json:1:81: n: env.A must be a string (an array) – write one string`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "env": ["topsecret"]}`, `error c.json:1:75: n: env must be an object of strings (an array) – write {"NAME": "value"}`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "env": {"A=B": "topsecret"}}`, `error c.json:1:76: n: env: is not the name of a variable (A=B) – names are not empty and have no =`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "env": {"A": "1", "A": "2"}}`, `error c.json:1:86: n: env has this name twice, and only one could count (A) – remove one of the two`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "args": ["a", 7331]}`, `error c.json:1:82: n: args must be a string (a number) – put it in double quotes`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "args": "a"}`, `error c.json:1:76: n: args must be an array of strings (a string) – write ["…", "…"]`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "args": ["${keyring:k}"]}`, `warning c.json:1:77: n: a secret in args is visible to every program of this machine in the list of processes – pass it in env`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "env": {"A": "${TOKEN}"}}`, `error c.json:1:81: n: env.A has a reference that cannot be resolved: a bare name is no reference in this form (${TOKEN}) – write ${env:TOKEN}, or $${ for a literal ${`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "env": {"A": "${TOKEN:-topsecret}"}}`, `error c.json:1:81: n: env.A has a reference that cannot be resolved: a bare name is no reference in this form (${TOKEN:…}) – write ${env:TOKEN}, or $${ for a literal ${`},
		{`{"name": "n", "protocol": "stdio", "command": "~/x"}`, `error c.json:1:63: n: ~ is the shell's, and no shell runs here (~) – write ${env:HOME}/…`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "enabled_tools": ["[a"]}`, `error c.json:1:86: n: enabled_tools has a pattern that cannot be read ("[a") – write a tool's name, or * for any text; \[ is a bracket`},
		{`{"name": "n", "protocol": "http", "url": "http://h/topsecret"}`, `error c.json:1:58: n: plain http to another machine can be read and changed on the way (http://h) – use https, or write "allow_http": true to allow it`},
		{`{"name": "n", "protocol": "http", "url": "https://u:topsecret@h/"}`, `error c.json:1:58: n: url carries a user name or password, which ends up in logs (https://h) – send it as a header: headers.Authorization with ${keyring:NAME}`},
		{`{"name": "n", "protocol": "http", "url": "file:///x"}`, `error c.json:1:58: n: url is neither https nor http (file) – write "https://host/path"`},
		{`{"name": "n", "protocol": "http", "url": "https://h", "headers": {"a b": "topsecret"}}`, `error c.json:1:83: n: headers: is not the name of a header (a b) – names have letters, digits and hyphens`},
		{`{"name": "n", "protocol": "http", "url": "https://h", "oauth": {"client_secret": 7331}}`, `error c.json:1:98: n: oauth.client_secret must be a string (a number) – put it in double quotes`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "isolation": {"type": "dokcer"}}`, `error c.json:1:90: n: isolation.type must be one of docker, sandbox, auto, none ("dokcer") – did you mean docker?`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "isolation": {"type": "none", "memory_limit": "big"}}`, `error c.json:1:114: n: isolation.memory_limit is not an amount of memory ("big") – write a number and a unit: "512m", "2g"`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "isolation": {"type": "none", "cpu_limit": "0"}}`, `error c.json:1:111: n: isolation.cpu_limit is not a number of processors ("0") – write "0.5" or "2"`},
		{`{"name": "n", "protocol": "stdio", "command": "x", "isolation": true}`, `error c.json:1:81: n: isolation must be an object (a boolean) – write {…}, or remove it`},
		{`{"name": "n", "protocol": "stdio", "command": "x"}, {"name": "n"}`, `error c.json:1:78: n: this name is taken by the entry in line 1, and this one is left out (n) – rename or remove one of the two`},
	} {
		c := parse(t, `{"mcpServers": [`+tt.entry+`]}`)
		if got := problems(c); got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.entry, got, tt.want)
		}
		if strings.Contains(problems(c), "topsecret") || strings.Contains(problems(c), "7331") {
			t.Errorf("%s: a secret is shown: %s", tt.entry, problems(c))
		}
		for _, s := range c.Servers {
			refused := strings.Contains(tt.want, "n: ") && (strings.Contains(tt.want, "error") || strings.Contains(tt.want, "not started"))
			if strings.Contains(tt.want, "taken by") {
				refused = false
			}
			if (s.Refused != "") != refused {
				t.Errorf("%s: Refused = %q", tt.entry, s.Refused)
			}
		}
	}
}

func TestObjectFormProblems(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`{"mcpServers": {"n": {}}}`, `error c.json:1:22: n: has neither command nor url – add "command" for a program or "url" for an HTTP server`},
		{`{"mcpServers": {"n": {"command": "x", "url": "https://h"}}}`, `error c.json:1:22: n: has both command and url – remove one of the two`},
		{`{"mcpServers": {"n": {"command": "x", "cwd": "/", "working_dir": "/"}}}`, `error c.json:1:51: n: working_dir means the same as another option of this entry – keep working_dir`},
		{`{"mcpServers": {"n": {"command": "x", "disabled": true, "enabled": true}}}`, `error c.json:1:68: n: enabled and disabled contradict each other (enabled) – remove one of the two`},
		{`{"mcpServers": {"n": {"command": "${userHome}/x"}}}`, `error c.json:1:34: n: command has a reference that cannot be resolved: it is an editor's variable and unknown here (${userHome}) – use ${env:HOME}`},
		{`{"mcpServers": {"n": 1}}`, `error c.json:1:22: "n" is not an object (a number) – write {"command": …} or {"url": …}`},
		{`{"mcpServers": {}, "inputs": []}`, ``},
		{`{"mcpservers": {}}`, `error c.json:1:1: there is neither mcpServers nor servers in this file, so no server is configured – write {"mcpServers": [ … ]}
warning c.json:1:2: unknown option, ignored (mcpservers) – did you mean mcpServers?`},
		{`{"max_name_length": 65}`, `error c.json:1:21: max_name_length must be a whole number from 24 to 64 (65) – 48 leaves room for what clients put in front; until then the default counts`},
		{`{"max_parallel_starts": 0}`, `error c.json:1:25: max_parallel_starts must be a whole number from 1 to 1000 (0) – leave it out to have as many as there are processors; until then the default counts`},
		{`{"max_parallel_starts": "4"}`, `error c.json:1:25: max_parallel_starts must be a whole number from 1 to 1000 ("4") – leave it out to have as many as there are processors; until then the default counts`},
		{`{"first_list_wait": "soon"}`, `error c.json:1:21: first_list_wait is not a time ("soon") – write seconds (90) or a text with a unit ("90s", "2m"); until then the default counts`},
		{`{"$schema": "x", "servers": null}`, ``},
	} {
		if got := problems(parse(t, tt.text)); got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

func TestRefusedNamesTheLine(t *testing.T) {
	c := parse(t, "{\"mcpServers\": {\"n\": {\"command\": \"x\",\n\"start\": \"fast\"}}}")
	if got, want := c.Servers[0].Refused, `start must be one of lazy, eager ("fast", line 2) – known are lazy, eager`; got != want {
		t.Errorf("got %s", got)
	}
}

func TestURLs(t *testing.T) {
	for raw, ok := range map[string]bool{
		"https://h": true, "https://h:1/p?q=1#f": true, "http://localhost:1": true, "http://LOCALHOST": true,
		"http://127.9.9.9": true, "http://[::1]:8": true, "http://[::ffff:127.0.0.1]": true,
		"http://0.0.0.0": false, "http://127.1": false, "http://localhost.evil.com": false, "http://10.0.0.1": false,
		"http://[::2]": false, "ftp://h": false, "h": false, "https://": false, "https:///p": false, "https://u@h": false,
		"https://%": false, " https://h": false, "": false, "//h": false,
	} {
		if f := urlFault(raw, false); (f == nil) != ok {
			t.Errorf("%q: %v", raw, f)
		}
	}
	if f := urlFault("http://10.0.0.1", true); f != nil {
		t.Errorf("allowed: %v", f)
	}
}

func TestToolAllowed(t *testing.T) {
	for _, tt := range []struct {
		enabled, disabled []string
		name              string
		want              bool
	}{
		{nil, nil, "a", true},
		{[]string{}, nil, "a", false},
		{[]string{"read_*"}, nil, "read_file", true},
		{[]string{"read_*"}, nil, "write", false},
		{[]string{"read_*"}, []string{"read_secret"}, "read_secret", false},
		{nil, []string{"*"}, "files/delete", false},
		{nil, []string{"files/*"}, "files/a/b", false},
		{[]string{"a?"}, nil, "ab", true},
	} {
		s := &Server{EnabledTools: tt.enabled, DisabledTools: tt.disabled}
		if got := s.ToolAllowed(tt.name); got != tt.want {
			t.Errorf("%v %v %q = %v", tt.enabled, tt.disabled, tt.name, got)
		}
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"comand": "command", "Env": "env", "working-dir": "working_dir", "isolaton": "isolation", "zzz": "", "start_timout": "start_timeout",
	} {
		if got := nearest(name, serverOptions.names()); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
