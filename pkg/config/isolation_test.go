package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const wholeIsolation = `{"type": "docker", "image": "ghcr.io/o/n:1", "memory_limit": "1.5 GiB", "cpu_limit": "0.5", "pids_limit": 100, "network": "net", "mounts": ["/a:/b", "sub:/c:ro", "${env:HOME}/x"],
"working_dir": "ro", "user": 1000, "read_only": true, "tmpfs": ["/tmp:size=64m", "/run/"], "cache": true, "pull": "always", "platform": "linux/arm64", "docker_host": "ssh://build", "extra_hosts": ["db=10.0.0.5", "gw:host-gateway", "six:[::1]"]}`

// isolated parses an array-form entry n of npx with an isolation.
func isolated(t testing.TB, isolation string) (*Config, *Server) {
	t.Helper()
	c, err := Parse("c.json", []byte("{\"mcpServers\": [{\"name\": \"n\", \"protocol\": \"stdio\", \"command\": \"npx\", \"isolation\":\n"+isolation+"}]}"))
	if err != nil {
		t.Fatalf("%s: %v", isolation, err)
	}
	return c, c.Servers[0]
}

// optionsText are the options that are not at their defaults, as JSON with sorted keys.
func optionsText(i *Isolation) string {
	if i == nil {
		return "nil"
	}
	text, err := json.Marshal(i.launch(&Server{}, false))
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestIsolation(t *testing.T) {
	for isolation, want := range map[string]string{
		`null`:                              `nil`,
		`{}`:                                `{"type":"docker"}`,
		`"docker"`:                          `{"type":"docker"}`,
		`"sandbox"`:                         `{"type":"sandbox"}`,
		`"auto"`:                            `{"type":"auto"}`,
		`"none"`:                            `{"type":"none"}`,
		`{"type": "none"}`:                  `{"type":"none"}`,
		`{"type": "none", "mounts": ["/"]}`: ``,
		`{"enabled": false, "image": "x"}`:  `{"type":"none"}`,
		`{"enabled": false, "type": "docker", "image": "x"}`: `{"type":"none"}`,
		`{"enabled": true}`:                    `{"type":"docker"}`,
		`{"enabled": true, "type": "sandbox"}`: `{"type":"sandbox"}`,
		`{"type": "auto", "cpu_limit": 1}`:     `{"cpu_limit":1,"type":"auto"}`,
		`{"type": "docker", "image": "node:20", "memory_limit": "512m", "cpu_limit": "1.0"}`: `{"cpu_limit":1,"image":"node:20","memory_limit":536870912,"type":"docker"}`,
		`{"network": "bridge", "pull": "missing", "working_dir": false, "cache": false}`:     `{"type":"docker"}`,
		`{"network": "host"}`:                        `{"network":"host","type":"docker"}`,
		`{"type": "sandbox", "cache": false}`:        `{"cache":false,"type":"sandbox"}`,
		`{"type": "sandbox", "cache": true}`:         `{"cache":true,"type":"sandbox"}`,
		`{"type": "auto", "cache": false}`:           `{"cache":false,"type":"auto"}`,
		`{"type": "sandbox", "unix_sockets": true}`:  `{"type":"sandbox","unix_sockets":true}`,
		`{"type": "sandbox", "unix_sockets": false}`: `{"type":"sandbox"}`,
		`{"type": "sandbox", "network": "none", "memory_limit": "1g", "mounts": ["/a", "/b:ro", "/c/:/c"], "working_dir": "rw"}`: `{"memory_limit":1073741824,"mounts":[` +
			`{"host":"/a","container":"/a"},{"host":"/b","container":"/b","read_only":true},{"host":"/c/","container":"/c"}],"network":"none","type":"sandbox","working_dir":"rw"}`,
		wholeIsolation: `{"cache":true,"cpu_limit":0.5,"docker_host":"ssh://build","extra_hosts":["db:10.0.0.5","gw:host-gateway","six:::1"],"image":"ghcr.io/o/n:1","memory_limit":1610612736,` +
			`"mounts":[{"host":"/a","container":"/b"},{"host":"sub","container":"/c","read_only":true},{"host":"${env:HOME}/x","container":"${env:HOME}/x"}],"network":"net","pids_limit":100,` +
			`"platform":"linux/arm64","pull":"always","read_only":true,"tmpfs":["/tmp:size=64m","/run"],"type":"docker","user":"1000","working_dir":"ro"}`,
	} {
		c, s := isolated(t, isolation)
		if want == "" {
			if s.Refused == "" {
				t.Errorf("%s is taken", isolation)
			}
			continue
		}
		if got := optionsText(s.Isolation); got != want || s.Refused != "" || strings.Contains(problems(c), "error") {
			t.Errorf("%s\ngot  %s %s\nwant %s", isolation, got, problems(c), want)
		}
		if s.Isolation.Confined() && (s.Isolation.Network == "" || s.Isolation.Pull == "") {
			t.Errorf("%s has no defaults", isolation)
		}
	}
}

func TestIsolationProblems(t *testing.T) {
	const remedy = `write "/host/path:/path/inside", with :ro behind it to make it read-only`
	for _, tt := range []struct{ isolation, want string }{
		{`"dokcer"`, `isolation.type must be one of docker, sandbox, auto, none ("dokcer") – did you mean docker?`},
		{`""`, `isolation.type must be one of docker, sandbox, auto, none ("") – known are docker, sandbox, auto, none`},
		{`["docker"]`, `isolation must be an object (an array) – write {…}, or remove it`},
		{`{"type": "docker", "enabled": true, "typ": 1}`, `isolation has no such option, and what it asks for could not be given (typ) – did you mean type?`},
		{`{"memory_limt": "1g"}`, `isolation has no such option, and what it asks for could not be given (memory_limt) – did you mean memory_limit?`},
		{`{"type": "none", "enabled": true}`, `isolation.enabled and isolation.type contradict each other (none) – remove one of the two`},
		{`{"allow_none": true}`, `warning: isolation.allow_none counts only in the isolation object at the top of your own file, and is ignored here – remove it`},
		{`{"type": 1}`, `isolation.type must be one of docker, sandbox, auto, none (1) – known are docker, sandbox, auto, none`},
		{`{"image": "Node:24"}`, `isolation.image is not the name of an image (Node:24) – write "node:24", "ghcr.io/owner/name:tag" or "sha256:…", in lower case`},
		{`{"image": ""}`, `isolation.image is empty ("") – remove it, or write what belongs there`},
		{`{"image": "${keyring:k}"}`, `isolation.image refers to a secret, and is shown to whoever looks – write it out, or use ${env:NAME}; secrets belong in env`},
		{`{"memory_limit": "5m"}`, `isolation.memory_limit is less than 6 MiB, the least that Docker gives ("5m") – write a number and a unit: "512m", "2g"; or remove it for no limit`},
		{`{"memory_limit": 512}`, `isolation.memory_limit is less than 6 MiB, the least that Docker gives (512) – write a number and a unit: "512m", "2g"; or remove it for no limit`},
		{`{"memory_limit": "lots"}`, `isolation.memory_limit is not an amount of memory ("lots") – write a number and a unit: "512m", "2g"`},
		{`{"memory_limit": true}`, `isolation.memory_limit is not an amount of memory (true) – write a number and a unit: "512m", "2g"`},
		{`{"cpu_limit": "inf"}`, `isolation.cpu_limit is not a number of processors ("inf") – write "0.5" or "2"`},
		{`{"cpu_limit": 0}`, `isolation.cpu_limit is not a number of processors (0) – write "0.5" or "2"`},
		{`{"cpu_limit": "0.001"}`, `isolation.cpu_limit is less than 0.01, the least that Docker gives ("0.001") – write "0.01" or more, or remove it for no limit`},
		{`{"pids_limit": -1}`, `isolation.pids_limit is not a number of processes (-1) – write a whole number from 1 to 4194304, such as 256`},
		{`{"pids_limit": 1.5}`, `isolation.pids_limit is not a number of processes (1.5) – write a whole number from 1 to 4194304, such as 256`},
		{`{"network": "container:x"}`, `isolation.network of another container is nothing to build on: it ends with that container ("container:x") – name a network that both are in`},
		{`{"network": "-x"}`, `isolation.network is not the name of a network ("-x") – write "bridge", "none" or the name of a network of the engine`},
		{`{"network": "${env:N}"}`, `isolation.network cannot have references ("${env:N}") – write the value out; image, mounts and docker_host may have them`},
		{`{"network": "host"}`, `warning: isolation.network host lets the server reach everything that listens on the engine's machine ("host") – write "bridge" unless it has to`},
		{`{"mounts": "/a:/b"}`, `isolation.mounts must be an array of strings (a string) – write ["…", "…"]`},
		{`{"mounts": [{"host": "/a"}]}`, `isolation.mounts must be a string (an object) – write one string`},
		{`{"mounts": ["/a:/b:rx"]}`, `isolation.mounts: a mount has something other than ro or rw behind its paths ("/a:/b:rx") – ` + remedy},
		{`{"mounts": ["/a:/b:/c:ro:ro"]}`, `isolation.mounts: a mount has too many colons ("/a:/b:/c:ro:ro") – ` + remedy},
		{`{"mounts": ["/a:b"]}`, `isolation.mounts: a mount has a path inside that is not absolute ("/a:b") – ` + remedy},
		{`{"mounts": ["/a:/b/.."]}`, `isolation.mounts: a mount takes the place of the whole file system inside ("/a:/b/..") – ` + remedy},
		{`{"mounts": [":/b"]}`, `isolation.mounts: a mount has an empty path (":/b") – ` + remedy},
		{`{"mounts": ["~/a:/b"]}`, `isolation.mounts: a mount begins with ~, which is the shell's, and no shell runs here ("~/a:/b") – write ${env:HOME}/…`},
		{`{"mounts": ["C:\\x"]}`, `isolation.mounts: a mount is a path of Windows, which cannot be the same inside ("C:\\x") – write "C:\\path:/path/inside"`},
		{`{"mounts": ["/a:/b", "/c:/b/"]}`, `isolation.mounts: another mount is at this path inside ("/c:/b/") – remove one of the two`},
		{`{"mounts": ["${keyring:k}:/b"]}`, `isolation.mounts refers to a secret, and is shown to whoever looks – write it out, or use ${env:NAME}; secrets belong in env`},
		{`{"mounts": ["${HOME}:/b"]}`, `isolation.mounts has a reference that cannot be resolved: a bare name is no reference in this form (${HOME}) – write ${env:HOME}, or $${ for a literal ${`},
		{`{"working_dir": true}`, `isolation.working_dir says how the working directory is shown: false, ro or rw (true) – write "ro"; the directory itself is working_dir of the entry`},
		{`{"user": "a b"}`, `isolation.user is not a user ("a b") – write "1000", "1000:1000" or a name that the image knows, such as "node"`},
		{`{"user": "1000:"}`, `isolation.user is not a user ("1000:") – write "1000", "1000:1000" or a name that the image knows, such as "node"`},
		{`{"user": -1}`, `isolation.user is not a user (-1) – write "1000", "1000:1000" or a name that the image knows, such as "node"`},
		{`{"read_only": "yes"}`, `isolation.read_only must be true or false ("yes") – write it without quotes`},
		{`{"tmpfs": ["tmp"]}`, `isolation.tmpfs is neither a path inside nor one with options ("tmp") – write "/tmp" or "/tmp:size=64m"`},
		{`{"tmpfs": ["/"]}`, `isolation.tmpfs is neither a path inside nor one with options ("/") – write "/tmp" or "/tmp:size=64m"`},
		{`{"tmpfs": ["/a:"]}`, `isolation.tmpfs is neither a path inside nor one with options ("/a:") – write "/tmp" or "/tmp:size=64m"`},
		{`{"tmpfs": ["/a", "/a/:size=1m"]}`, `isolation.tmpfs has this path twice ("/a/:size=1m") – remove one of the two`},
		{`{"cache": 1}`, `isolation.cache must be true or false (1) – write it without quotes`},
		{`{"pull": "newer"}`, `isolation.pull must be one of missing, always, never ("newer") – did you mean never?`},
		{`{"platform": "arm64"}`, `isolation.platform is not a system and its architecture ("arm64") – write "linux/amd64" or "linux/arm64"`},
		{`{"platform": "linux/arm/v7/x"}`, `isolation.platform is not a system and its architecture ("linux/arm/v7/x") – write "linux/amd64" or "linux/arm64"`},
		{`{"docker_host": "/var/run/docker.sock"}`, `isolation.docker_host is none of unix, npipe, tcp and ssh – write "unix:///var/run/docker.sock", "tcp://host:2376" or "ssh://user@host"`},
		{`{"docker_host": "ssh://u:7331@h"}`, ``},
		{`{"extra_hosts": ["db"]}`, `isolation.extra_hosts is not a name and its address ("db") – write "db:10.0.0.5" or "db:host-gateway"`},
		{`{"extra_hosts": ["db:other"]}`, `isolation.extra_hosts is not a name and its address ("db:other") – write "db:10.0.0.5" or "db:host-gateway"`},
		{`{"type": "sandbox", "cpu_limit": 1}`, `isolation.cpu_limit is something that a sandbox cannot give – remove it, or write "type": "docker"`},
	} {
		c, s := isolated(t, tt.isolation)
		if tt.want == "" {
			continue // below, without its text
		}
		var got []string
		for _, p := range c.Problems {
			text := sentence(p.Message, p.Value, p.Remedy)
			if p.Severity == SeverityWarning {
				text = "warning: " + text
			}
			got = append(got, text)
			if p.Line != 2 || p.Server != "n" {
				t.Errorf("%s: %s", tt.isolation, p)
			}
		}
		if strings.Join(got, "\n") != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.isolation, strings.Join(got, "\n"), tt.want)
		}
		if (s.Refused == "") != strings.HasPrefix(tt.want, "warning") {
			t.Errorf("%s: refused %q", tt.isolation, s.Refused)
		}
		if strings.Contains(problems(c), "topsecret") {
			t.Errorf("%s: %s", tt.isolation, problems(c))
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	for text, want := range map[string]int64{
		"512m": 512 << 20, "2g": 2 << 30, "1.5 GiB": 3 << 29, "64MB": 64 << 20, "536870912": 512 << 20, "6M": 6 << 20, "6291456b": 6 << 20, "1t": 1 << 40,
		"": -1, "m": -1, "0": -1, "-1g": -1, "1.5.2g": -1, "2x": -1, "2gg": -1, "2 g i": -1, "0x1000000000": -1, "inf": -1, "inf ": -1, "nan ": -1, "6291455": -1, "1e300": -1, "99999p": -1, "2p": -1, "512m ": -1,
	} {
		n, f := memoryOf(text)
		if f == nil && n != want || f != nil && want >= 0 {
			t.Errorf("%q: %d, %v", text, n, f)
		}
	}
}

func TestDockerHosts(t *testing.T) {
	for raw, ok := range map[string]bool{
		"unix:///var/run/docker.sock": true, "npipe:////./pipe/docker_engine": true, "tcp://h:2376": true, "tcp://[::1]:2375": true, "ssh://build": true,
		"ssh://me@build:22/run/docker.sock": true, "tcp://h:1/": true,
		"": false, "h": false, "http://h:1": false, "tcp://h": false, "tcp://:1": false, "tcp://u@h:1": false, "tcp://h:1/p": false, "unix://var/run/docker.sock": false, "unix:///": false,
		"ssh://": false, "ssh://u:topsecret@h": false, "ssh://-oProxyCommand=x": false, "ssh://-l@h": false, "ssh://h?x": false, "npipe://x": false, "ssh://h\n": false, "ssh://a b": false, "ssh:h": false,
	} {
		f := dockerHostFault(raw)
		if (f == nil) != ok {
			t.Errorf("%q: %v", raw, f)
		}
		if f != nil && strings.Contains(fmt.Sprint(*f), "topsecret") {
			t.Errorf("%q shows the password: %v", raw, f)
		}
	}
}

func TestParseMount(t *testing.T) {
	for text, want := range map[string]Mount{
		"/a":                         {"/a", "/a", false},
		"/a:ro":                      {"/a", "/a", true},
		"/a:/b":                      {"/a", "/b", false},
		"/a:/b:rw":                   {"/a", "/b", false},
		"/a:/b:ro":                   {"/a", "/b", true},
		"a:/b":                       {"a", "/b", false},
		`C:\x:/x`:                    {`C:\x`, "/x", false},
		`c:/x:/x:ro`:                 {`c:/x`, "/x", true},
		`\\s\share:/x`:               {`\\s\share`, "/x", false},
		"${env:A}:/b":                {"${env:A}", "/b", false},
		"${env:A}:ro":                {"${env:A}", "${env:A}", true},
		"${env:A}/${env:B}:${env:C}": {"${env:A}/${env:B}", "${env:C}", false},
		"${A:-/x:y}:/b:ro":           {"${A:-/x:y}", "/b", true},
		"$${a:/b":                    {"$${a", "/b", false},
		"${workspaceFolder}/a:/a:ro": {"${workspaceFolder}/a", "/a", true},
		"C:${env:A}":                 {"C", "${env:A}", false},
	} {
		if got, f := parseMount(text); f != nil || got != want {
			t.Errorf("%s: %v %v", text, got, f)
		}
		if got, f := parseMount(want.written()); f != nil || got != want {
			t.Errorf("%s is written as %s", text, want.written())
		}
	}
}

func TestImageFor(t *testing.T) {
	for command, want := range map[string]string{
		"npx": "node:24", "/usr/bin/node": "node:24", `C:\nodejs\NPM.CMD`: "node:24", "yarn": "node:24", "${env:HOME}/bin/npx": "node:24",
		"uvx": "ghcr.io/astral-sh/uv:python3.13-bookworm", "python3": "ghcr.io/astral-sh/uv:python3.13-bookworm", "uv.exe": "ghcr.io/astral-sh/uv:python3.13-bookworm",
		"go": "golang:1.26", "bunx": "oven/bun:1", "deno": "denoland/deno:2", "my-server": "", "npx2": "", "": "", "sh": "",
	} {
		if got := (&Isolation{}).ImageFor(command); got != want {
			t.Errorf("%s: %s", command, got)
		}
		if got := (&Isolation{Image: "i"}).ImageFor(command); got != "i" {
			t.Errorf("%s: %s in place of what is written", command, got)
		}
		if want != "" && imageFault(want) != nil {
			t.Errorf("%s is no image", want)
		}
	}
	for image, ok := range map[string]bool{
		"a": true, "a/b/c:1": true, "h:5000/a@sha256:" + strings.Repeat("0", 64): true, "sha256:" + strings.Repeat("a", 64): true, "A": false, "a b": false, "a:": false, "-a": false, "https://a": false,
	} {
		if f := imageFault(image); (f == nil) != ok {
			t.Errorf("%s: %v", image, f)
		}
	}
	for entry, want := range map[string]string{
		`{"command": "./srv", "isolation": {}}`:                                             `isolation names no image, and none is known for this command (./srv, line 1) – add "image" to isolation`,
		`{"command": "./srv", "isolation": {"type": "auto"}}`:                               `isolation names no image, and none is known for this command (./srv, line 1) – add "image" to isolation, or write "type": "sandbox"`,
		`{"command": "./srv", "isolation": {"image": "debian"}}`:                            "",
		`{"command": "./srv", "isolation": {"type": "sandbox"}}`:                            "",
		`{"command": "${TOKEN}", "isolation": {}}`:                                          "",
		`{"command": "docker", "args": ["exec", "c", "x"], "isolation": {"type":"docker"}}`: `isolation names no image, and none is known for this command (docker, line 1) – add "image" to isolation`,
		`{"command": "./srv", "isolation": {"enabled": false}}`:                             "",
	} {
		if s := parse(t, `{"mcpServers": {"n": `+entry+`}}`).Servers[0]; s.Refused != want {
			t.Errorf("%s: %s", entry, s.Refused)
		}
	}
}

func TestBeyondSandbox(t *testing.T) {
	for isolation, want := range map[string]string{
		`{}`: "", `{"image": "i", "pull": "never"}`: "", `{"network": "none"}`: "", `{"network": "bridge"}`: "", `{"network": "n"}`: "network", `{"cpu_limit": 1}`: "cpu_limit", `{"pids_limit": 1}`: "pids_limit",
		`{"mounts": ["/a", "/b:/b:ro"]}`: "", `{"mounts": ["/a", "/b:/c"]}`: "mounts", `{"user": "a"}`: "user", `{"tmpfs": ["/a"]}`: "tmpfs", `{"tmpfs": []}`: "", `{"platform": "linux/arm64"}`: "platform",
		`{"docker_host": "ssh://h"}`: "docker_host", `{"docker_host": "unix:///a"}`: "", `{"extra_hosts": ["a:1.2.3.4"]}`: "extra_hosts",
		`{"memory_limit": "1g", "working_dir": "rw", "cache": true, "read_only": true}`: "",
	} {
		_, s := isolated(t, strings.Replace(strings.Replace(isolation, "{", `{"type": "auto",`, 1), ",}", "}", 1))
		if s.Refused != "" || s.Isolation.BeyondSandbox() != want {
			t.Errorf("%s: %s %s", isolation, s.Isolation.BeyondSandbox(), s.Refused)
		}
		_, s = isolated(t, strings.Replace(strings.Replace(isolation, "{", `{"type": "sandbox",`, 1), ",}", "}", 1))
		dockers := want != "" || strings.Contains(isolation, "image") || strings.Contains(isolation, "docker_host")
		if (s.Refused != "") != dockers {
			t.Errorf("a sandbox with %s: %q", isolation, s.Refused)
		}
	}
}

// A copy of an entry asks for the same, in the way its new file refers to variables.
func TestIsolationWritten(t *testing.T) {
	c := parse(t, `{"isolation": {"type": "auto", "allow_none": true, "network": "none"}, "mcpServers": {"n": {"command": "npx", "isolation": {"memory_limit": "1g", "image": "i:${TAG}", "mounts": ["${HOME}:/h:ro", "${HOME}"], "docker_host": "${HOST}"}}}}`)
	got := c.Servers[0].Isolation.mapped(func(_, s string) string { return strings.ReplaceAll(s, "${", "${env:") }).Written()
	if want := `{"docker_host":"${env:HOST}","image":"i:${env:TAG}","memory_limit":1073741824,"mounts":["${env:HOME}:/h:ro","${env:HOME}"],"network":"none","type":"auto"}`; strings.TrimSpace(string(got)) != want {
		t.Errorf("%s", got)
	}
	if _, s := isolated(t, string(got)); s.Refused != "" || !s.Isolation.Confined() {
		t.Errorf("%s: %s", got, s.Refused)
	}
	if got := (&Isolation{Type: IsolationNone}).Written(); strings.TrimSpace(string(got)) != `{"type":"none"}` {
		t.Errorf("%s", got)
	}
}
