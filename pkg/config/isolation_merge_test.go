package config

import (
	"fmt"
	"strings"
	"testing"
)

// under parses an object-form entry n of npx, with an isolation unless it is "", under the one of the top.
func under(t testing.TB, global, own string) (*Config, *Server) {
	t.Helper()
	if own != "" {
		own = `, "isolation": ` + own
	}
	c, err := Parse("c.json", []byte(`{"mcpServers": {"n": {"command": "npx"`+own+"}},\n\"isolation\": "+global+`}`))
	if err != nil {
		t.Fatal(err)
	}
	return c, c.Servers[0]
}

func TestGlobalIsolation(t *testing.T) {
	for _, tt := range []struct{ global, own, want string }{
		{`null`, ``, `nil`},
		{`{}`, ``, `nil`},
		{`{"cpu_limit": 1}`, ``, `nil`},
		{`{"cpu_limit": 1}`, `{}`, `{"cpu_limit":1,"type":"docker"}`},
		{`{"type": "none", "cpu_limit": 1}`, ``, `nil`},
		{`{"type": "none", "cpu_limit": 1}`, `{}`, `{"cpu_limit":1,"type":"docker"}`},
		{`{"type": "docker"}`, ``, `{"type":"docker"}`},
		{`{"enabled": true}`, ``, `{"type":"docker"}`},
		{`{"enabled": false, "type": "docker"}`, ``, `nil`},
		{`{"type": "sandbox"}`, ``, `{"type":"sandbox"}`},
		{`{"type": "sandbox"}`, `{}`, `{"type":"sandbox"}`},
		{`{"type": "sandbox"}`, `{"enabled": true}`, `{"type":"docker"}`},
		{`{"type": "sandbox"}`, `{"type": "none"}`, `{"type":"none"}`},
		{`{"type": "sandbox"}`, `{"enabled": false}`, `{"type":"none"}`},
		{`{"type": "sandbox", "memory_limit": "1g"}`, `{"type": "docker", "image": "i"}`, `{"image":"i","memory_limit":1073741824,"type":"docker"}`},
		{`{"type": "sandbox"}`, `{"cpu_limit": 1}`, `refused: isolation.cpu_limit is something that a sandbox cannot give (line 1) – remove it, or write "type": "docker"`},
		{`{"type": "auto", "allow_none": true}`, ``, `{"allow_none":true,"type":"auto"}`},
		{`{"type": "auto", "allow_none": true}`, `{"type": "docker"}`, `{"type":"docker"}`},
		{`{"allow_none": true}`, `{"type": "auto"}`, `{"allow_none":true,"type":"auto"}`},
		{`{"type": "docker", "network": "none", "pull": "never", "working_dir": "ro", "read_only": true, "cache": true}`, `{"network": "bridge", "pull": "missing", "working_dir": false, "read_only": false}`, `{"cache":true,"type":"docker"}`},
		{`{"type": "docker", "mounts": ["/a:/b"], "tmpfs": ["/t"], "extra_hosts": ["a:1.2.3.4"]}`, `{"mounts": ["/c:/d"], "tmpfs": []}`, `{"extra_hosts":["a:1.2.3.4"],"mounts":[{"host":"/c","container":"/d"}],"type":"docker"}`},
		{`{"image": "i", "pull": "never", "docker_host": "unix:///s", "cpu_limit": 1, "pids_limit": 9, "user": "u", "platform": "linux/arm64", "memory_limit": "1g", "mounts": ["/a", "/b:/c"], "network": "none"}`,
			`{"type": "sandbox"}`, `{"memory_limit":1073741824,"mounts":[{"host":"/a","container":"/a"}],"network":"none","type":"sandbox"}`},
		{`"sandbox"`, ``, `{"type":"sandbox"}`},
		{`"docker"`, `"none"`, `{"type":"none"}`},
		{`{"network": "inner"}`, `{"type": "sandbox"}`, `refused: isolation.network of your own file names a network of docker, which a sandbox cannot give (inner, line 1) – write "network": "none" or "bridge" in this entry`},
		{`{"network": "inner"}`, `{"type": "sandbox", "network": "none"}`, `{"network":"none","type":"sandbox"}`},
	} {
		c, s := under(t, tt.global, tt.own)
		got := optionsText(s.Isolation)
		if s.Refused != "" {
			got = "refused: " + s.Refused
		}
		if got != tt.want {
			t.Errorf("%s under %s\ngot  %s %s\nwant %s", tt.own, tt.global, got, problems(c), tt.want)
		}
	}
}

// Where the defaults are wrong, nothing runs that they would confine.
func TestWrongGlobalIsolation(t *testing.T) {
	for global, all := range map[string]bool{
		`"dokcer"`: true, `[]`: true, `{"type": "dokcer"}`: true, `{"enabled": "yes"}`: true, `{"type": "docker", "memory_limit": "x"}`: true, `{"type": "sandbox", "cpu_limit": 1}`: true,
		`{"type": "auto", "allow_none": 1}`: true, `{"type": "docker", "type": "docker"}`: true, `{"type": "none", "enabled": true}`: true, `{"memory_limit": "x"}`: false, `{"type": "none", "cpu_limit": "x"}`: false, `{"mounts": ["${keyring:k}:/a"]}`: false,
	} {
		for own, want := range map[string]bool{``: all, `{}`: true, `{"type": "docker"}`: true, `{"type": "sandbox"}`: true, `{"type": "none"}`: false, `{"enabled": false}`: false} {
			c, s := under(t, global, own)
			if (s.Refused != "") != want || want && !strings.HasPrefix(s.Refused, "the isolation at the top of your own file is wrong, and this server is not started without it: ") {
				t.Errorf("%q under %s: %q", own, global, s.Refused)
			}
			if !want && s.Isolation.Confined() {
				t.Errorf("%q under %s is confined by what is wrong", own, global)
			}
			if p := problems(c); !strings.HasPrefix(p, "error c.json:2:") || strings.Contains(p, "n: ") {
				t.Errorf("%s: %s", global, p)
			}
		}
	}
}

func TestIsolationOfOthers(t *testing.T) {
	c := parse(t, `{"isolation": {"type": "docker"}, "mcpServers": {
"web": {"url": "https://h"}, "asks": {"url": "https://h", "isolation": {}}, "not": {"url": "https://h", "isolation": {"type": "none"}},
"own": {"command": "docker", "args": ["run", "i"]}, "both": {"command": "docker", "args": ["run", "i"], "isolation": {"image": "i"}}, "none": {"command": "docker", "args": ["run", "i"], "isolation": {"type": "none"}}}}`)
	for _, s := range c.Servers {
		if s.Isolation.Confined() || s.Refused != "" {
			t.Errorf("%s: %v %s", s.Name, s.Isolation, s.Refused)
		}
	}
	if got := problems(c); got != `warning c.json:2:72: asks: isolation means nothing with protocol http: the server runs elsewhere – remove it
warning c.json:3:118: both: its command starts a container itself: isolation is left to it – remove it, or run the server's own command instead` {
		t.Error(got)
	}
	if c.Server("own").LaunchKey() != parse(t, `{"mcpServers": {"own": {"command": "docker", "args": ["run", "i"]}}}`).Servers[0].LaunchKey() {
		t.Error("a default that does not count makes another launch")
	}
}

func TestIsolationOfAWorkspace(t *testing.T) {
	user := parse(t, `{"mcpServers": {}, "isolation": {"type": "auto", "memory_limit": "1g", "allow_none": true, "mounts": ["${env:CACHE}:/c"]}}`)
	c := user.WithWorkspace("ws.json", []byte(`{"isolation": {"type": "none"},
"mcpServers": {"plain": {"command": "npx"}, "off": {"command": "npx", "isolation": {"type": "none"}}, "more": {"command": "npx", "isolation": {"allow_none": true, "memory_limit": "2g"}},
"reads": {"command": "npx", "isolation": {"mounts": ["${env:OTHER}:/a"]}}, "sends": {"command": "npx", "isolation": {"image": "evil.example/${env:CACHE}"}},
"calls": {"command": "npx", "isolation": {"docker_host": "tcp://${env:CACHE}:1"}}}}`))
	for name, want := range map[string]string{
		"plain": `{"allow_none":true,"memory_limit":1073741824,"mounts":[{"host":"${env:CACHE}","container":"/c"}],"type":"auto"} `,
		"off":   `{"allow_none":true,"memory_limit":1073741824,"mounts":[{"host":"${env:CACHE}","container":"/c"}],"type":"auto"} `,
		"more":  `{"allow_none":true,"memory_limit":2147483648,"mounts":[{"host":"${env:CACHE}","container":"/c"}],"type":"auto"} `,
		"reads": `{"allow_none":true,"memory_limit":1073741824,"mounts":[{"host":"${env:OTHER}","container":"/a"}],"type":"auto"} comes from the workspace and refers to ${env:OTHER}`,
		"sends": ` isolation.image cannot have references in a workspace's file`,
		"calls": ` isolation.docker_host cannot have references in a workspace's file`,
	} {
		s := c.Server(name)
		if got := optionsText(s.Isolation) + " " + s.Refused; !strings.HasPrefix(got, want) && !(want[0] == ' ' && strings.HasPrefix(s.Refused, want[1:])) || want[len(want)-1] == ' ' && s.Refused != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, want := range []string{
		"warning ws.json:1:2: how servers are confined by default is for your own file to say, and this is ignored",
		"warning ws.json:2:93: off: a workspace's file cannot turn off the isolation that your own file asks for, and this is ignored",
		"warning ws.json:2:158: more: isolation.allow_none counts only in the isolation object at the top of your own file",
	} {
		if !strings.Contains(problems(c), want) {
			t.Errorf("%s\nhas no %s", problems(c), want)
		}
	}
	broken := parse(t, `{"isolation": 1}`).WithWorkspace("ws.json", []byte(`{"mcpServers": {"n": {"command": "npx"}}}`))
	if broken.Server("n").Refused == "" {
		t.Error("wrong defaults do not hold for a workspace")
	}
	inherits := parse(t, `{"isolation": {"type": "none", "mounts": ["${env:CACHE}:/c"]}}`).WithWorkspace("ws.json", []byte(`{"mcpServers": {"n": {"command": "npx", "isolation": {}}}}`))
	if s := inherits.Server("n"); s.Refused != "" || len(s.Isolation.Mounts) != 1 {
		t.Errorf("%s: what the user's own file refers to", s.Refused)
	}
	free := parse(t, `{}`).WithWorkspace("ws.json", []byte(`{"isolation": {"type": "docker"}, "mcpServers": {"n": {"command": "npx"}, "o": {"command": "npx", "isolation": {"enabled": false}}}}`))
	if free.Server("n").Isolation != nil || free.Server("o").Isolation.Confined() || free.Server("o").Refused != "" {
		t.Error("a workspace confines all of its servers")
	}
}

func TestResolveIsolation(t *testing.T) {
	env := map[string]string{"HOME": "/home/u", "COLON": "/x:/y", "EMPTY": "", "NPX": "/usr/bin/npx", "REL": "x", "SOCK": "unix:///s", "BAD": "http://topsecret", "WIN": `C:\x`, "IMAGE": "Bad"}
	r := Resolver{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }, Workspace: "/w"}
	for entry, want := range map[string]string{
		`{"command": "npx", "isolation": {}}`:                                      `{"image":"node:24","type":"docker"}`,
		`{"command": "x", "isolation": {"type": "sandbox"}}`:                       `{"type":"sandbox"}`,
		`{"command": "${NPX}", "isolation": {"type": "auto"}}`:                     `{"image":"node:24","type":"auto"}`,
		`{"command": "${HOME}", "isolation": {}}`:                                  `!n: isolation names no image, and none is known for this command – add "image" to isolation`,
		`{"command": "npx", "isolation": {"type": "none"}}`:                        `nil`,
		`{"command": "docker", "args": ["run", "i"], "isolation": {"image": "i"}}`: `nil`,
		`{"command": "npx", "isolation": {"mounts": ["${HOME}/a/../b:/b:ro", "sub", "${COLON}:/c", "${COLON}", "C:\\d:/d"]}}`: `{"image":"node:24","mounts":[{"host":"/home/u/b","container":"/b","read_only":true},` +
			`{"host":"/w/sub","container":"/w/sub"},{"host":"/x:/y","container":"/c"},{"host":"/x:/y","container":"/x:/y"},{"host":"C:\\d","container":"/d"}],"type":"docker"}`,
		`{"command": "npx", "isolation": {"mounts": ["${EMPTY}:/b"]}}`:                    `!n: isolation.mounts[0]: a mount has an empty path`,
		`{"command": "npx", "isolation": {"mounts": ["/a:${REL}"]}}`:                      `!n: isolation.mounts[0]: a mount has a path inside that is not absolute`,
		`{"command": "npx", "isolation": {"mounts": ["${WIN}"]}}`:                         `!n: isolation.mounts[0]: a mount is a path of Windows`,
		`{"command": "npx", "isolation": {"mounts": ["/a:${HOME}", "/b:/home/u/"]}}`:      `!n: isolation.mounts[0] and isolation.mounts[1] are at one path inside – remove one of the two`,
		`{"command": "npx", "isolation": {"mounts": ["/a:/w"], "working_dir": "ro"}}`:     `!n: isolation.mounts[0] and isolation.working_dir are at one path inside – remove one of the two`,
		`{"command": "npx", "isolation": {"mounts": ["/a:/t"], "tmpfs": ["/t:size=1m"]}}`: `!n: isolation.mounts[0] and isolation.tmpfs[0] are at one path inside – remove one of the two`,
		`{"command": "npx", "isolation": {"mounts": ["${NONE}:/a"]}}`:                     `!n: isolation.mounts[0]: unresolved reference ${env:NONE}`,
		`{"command": "npx", "isolation": {"docker_host": "${SOCK}"}}`:                     `{"docker_host":"unix:///s","image":"node:24","type":"docker"}`,
		`{"command": "npx", "isolation": {"docker_host": "${BAD}"}}`:                      `!n: isolation.docker_host is none of unix, npipe, tcp and ssh`,
		`{"command": "npx", "isolation": {"docker_host": "${EMPTY}"}}`:                    `!n: isolation.docker_host is empty after its references are replaced`,
		`{"command": "npx", "isolation": {"image": "${IMAGE}"}}`:                          `!n: isolation.image is not the name of an image`,
	} {
		s := parse(t, `{"mcpServers": {"n": `+entry+`}}`).Servers[0]
		l, err := s.Resolve(r)
		got := optionsText(l.Isolation)
		if err != nil {
			got = "!" + err.Error()
		}
		if got != want && !(want[0] == '!' && strings.HasPrefix(got, want)) || strings.Contains(got, "topsecret") {
			t.Errorf("%s\ngot  %s\nwant %s", entry, got, want)
		}
	}
	_, s := isolated(t, `{"working_dir": "ro"}`)
	if _, err := s.Resolve(Resolver{}); err == nil {
		t.Error("a working directory was promised, and there is none")
	}
	s.Dir = `C:\w`
	if err := s.Isolation.placeMounts(s.Dir, ""); err == nil || !strings.Contains(err.Error(), "path of Windows") {
		t.Errorf("%v", err)
	}
	_, s = isolated(t, `{"mounts": ["sub:/s"]}`)
	if _, err := s.Resolve(Resolver{}); err == nil {
		t.Error("a relative mount without a workspace was resolved")
	}
	s = parse(t, `{"mcpServers": {"n": {"command": "npx", "isolation": {"mounts": ["${A}:${B}"], "docker_host": "${C}", "image": "${D}"}}}}`).Servers[0]
	if env, keyring := s.References(); fmt.Sprint(env, keyring) != "[D A B C] []" {
		t.Errorf("%v %v", env, keyring)
	}
}

func TestIsolationKeys(t *testing.T) {
	r := Resolver{Env: func(string) (string, bool) { return "/v", true }, Workspace: "/w"}
	keys := func(global, own string) string {
		_, s := under(t, global, own)
		l, err := s.Resolve(r)
		if err != nil {
			t.Fatalf("%s: %v", own, err)
		}
		return s.LaunchKey() + s.InstanceKey(l)
	}
	plain := keys(`{}`, `{}`)
	for _, same := range [][2]string{
		{`{"memory_limit": "512m"}`, `{"memory_limit": 536870912}`}, {`{"cpu_limit": "1.0"}`, `{"cpu_limit": 1}`}, {`{"pids_limit": "9"}`, `{"pids_limit": 9}`}, {`{"user": 5}`, `{"user": "5"}`},
		{`{"extra_hosts": ["a=::1"]}`, `{"extra_hosts": ["a:[0:0::1]"]}`}, {`{}`, `{"type": "docker", "network": "bridge", "pull": "missing", "working_dir": false, "mounts": [], "read_only": false, "image": "node:24"}`},
		{`{"enabled": true}`, `{}`},
	} {
		if keys(`{}`, same[0]) != keys(`{}`, same[1]) {
			t.Errorf("%s and %s are two launches", same[0], same[1])
		}
	}
	seen := map[string]string{plain: "{}"}
	for _, own := range []string{
		`{"type": "auto"}`, `{"type": "sandbox"}`, `{"type": "none"}`, `{"image": "i"}`, `{"memory_limit": "1g"}`, `{"cpu_limit": 1}`, `{"pids_limit": 1}`, `{"network": "none"}`, `{"network": "n"}`, `{"mounts": ["/a:/b"]}`, `{"mounts": ["/a:/b:ro"]}`,
		`{"mounts": ["/a:/c"]}`, `{"working_dir": "ro"}`, `{"working_dir": "rw"}`, `{"user": "u"}`, `{"read_only": true}`, `{"tmpfs": ["/t"]}`, `{"tmpfs": ["/t:size=1m"]}`, `{"cache": true}`, `{"pull": "never"}`, `{"platform": "linux/arm64"}`,
		`{"docker_host": "ssh://h"}`, `{"extra_hosts": ["a:1.2.3.4"]}`,
	} {
		for i, key := range []string{keys(`{}`, own)[:64], keys(`{}`, own)[64:]} {
			if other := seen[fmt.Sprint(i, key)]; other != "" {
				t.Errorf("%s and %s are one launch", own, other)
			}
			seen[fmt.Sprint(i, key)] = own
			if key == plain[64*i:64*i+64] {
				t.Errorf("%s is no other launch", own)
			}
		}
		if own != `{"type": "none"}` && strings.Contains(own, `"type"`) == false {
			if keys(own, `{}`) != keys(`{}`, own) {
				t.Errorf("%s is another launch where it is a default", own)
			}
		}
	}
	_, s := under(t, `{"type": "auto", "allow_none": true}`, ``)
	_, strict := under(t, `{"type": "auto"}`, ``)
	if s.LaunchKey() == strict.LaunchKey() {
		t.Error("that it may run unconfined changes nothing")
	}
	_, s = isolated(t, `{"mounts": ["${env:A}:/a"]}`)
	here, _ := s.Resolve(r)
	there, err := s.Resolve(Resolver{Env: func(string) (string, bool) { return "/other", true }})
	if err != nil || s.InstanceKey(here) == s.InstanceKey(there) {
		t.Errorf("another directory is the same instance: %v", err)
	}
}

// What may be meant for isolation and cannot be read as it stops what it would confine.
func TestMisspeltIsolation(t *testing.T) {
	for text, refused := range map[string]bool{
		`{"Isolation": {"type": "docker"}, "mcpServers": {"n": {"command": "npx"}}}`:                       true,
		`{"isolaton": {"type": "docker"}, "mcpServers": {"n": {"command": "npx"}}}`:                        true,
		`{"docker_isolation": {"enabled": true}, "mcpServers": {"n": {"command": "npx"}}}`:                 true,
		`{"docker_isolation": {"enabled": false}, "mcpServers": {"n": {"command": "npx"}}}`:                false,
		`{"docker_isolation": null, "mcpServers": {"n": {"command": "npx"}}}`:                              false,
		`{"docker_isolation": {}, "mcpServers": {"n": {"command": "npx", "isolation": {"type": "none"}}}}`: false,
		`{"something": {}, "mcpServers": {"n": {"command": "npx"}}}`:                                       false,
		`{"mcpServers": {"n": {"command": "npx", "Isolation": {"type": "docker"}}}}`:                       true,
		`{"mcpServers": {"n": {"command": "npx", "isolaton": {"type": "docker"}}}}`:                        true,
		`{"mcpServers": {"n": {"command": "npx", "isolation": {"network_mode": "none"}}}}`:                 true,
		`{"mcpServers": {"n": {"command": "npx", "isolation": {"network_mode": null}}}}`:                   true,
		`{"mcpServers": {"n": {"command": "npx", "something": {}}}}`:                                       false,
	} {
		c, err := Parse("c.json", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if s := c.Server("n"); (s.Refused != "") != refused {
			t.Errorf("%s: refused %q", text, s.Refused)
		}
	}
	c, err := Parse("c.json", []byte(`{"isolation": {"type": "auto", "allow_none": true}, "mcpServers": {}}`))
	if err != nil {
		t.Fatal(err)
	}
	s := c.WithWorkspace("/w/.mcpproxy/mcp_config.json", []byte(`{"mcpServers": {"n": {"command": "npx", "isolation": {"docker_host": "unix:///nowhere"}}}}`)).Server("n")
	if s.Isolation.AllowNone || s.Isolation.Type != IsolationAuto {
		t.Errorf("a workspace's entry, whose engine may be none, could run as it is: %+v", s.Isolation)
	}
}
