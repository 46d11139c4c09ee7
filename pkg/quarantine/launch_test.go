package quarantine

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
)

func launchOf(t testing.TB, entry string) []byte { return entryOf(t, "s", entry).LaunchShown() }

func TestReadLaunch(t *testing.T) {
	for entry, want := range map[string]LaunchText{
		`{"command":"x","args":["a b","","--k=v","'q'"],"working_dir":"/w"}`: {Line: `x "a b" "" --k=v "'q'"`, Dir: "/w", Isolation: "not isolated (runs as you)"},
		`{"command":"x","env":{"B":"${env:K}-${keyring:k2}","A":"secret","NODE_OPTIONS":"--require /evil.js","C":"${env:C}","TOKEN":"abcdefghij0123456789"}}`: {Line: "x", Isolation: "not isolated (runs as you)",
			Env: []string{"A=secret", "B=${env:K}-${keyring:k2}", "C from env:C", `NODE_OPTIONS="--require /evil.js"`, "TOKEN=(a secret, 20 characters)"}},
		`{"url":"https://h/p?key=secret","headers":{"Authorization":"Bearer ${env:T}","X-Y":"secret","X-Key":"Bearer abcdefghij0123456789"}}`: {Line: "https://h/p?key=secret", Isolation: "remote",
			Headers: []string{`Authorization: "Bearer ${env:T}"`, "X-Key: Bearer (a secret, 20 characters)", "X-Y: secret"}},
		`{"url":"https://h/p?a&b=&c=${env:C}&key=abcdefghij0123456789&d=x${env:D}&e=f g"}`: {Line: `https://h/p?a&b=&c=${env:C}&key=(a secret, 20 characters)&d=x${env:D}&e"=f g"`, Isolation: "remote"},
		`{"url":"https://h/p","oauth":{"client_id":"id","client_secret":"${keyring:S}x","scopes":["a","b"],"account":"w\u202e"}}`: {Line: "https://h/p", Isolation: "remote",
			Login: []string{`account: "w\u202e"`, "client_id: id", "client_secret: ${keyring:S}x", "grant: authorization_code", "login: ask", `scopes: "[\"a\",\"b\"]"`}},
		`{"command":"x","env":{"A":"1","LANG":null},"env_file":"/e\u202env","args":["${A}"]}`: {Line: "x ${A}", Isolation: "not isolated (runs as you)",
			Env: []string{"A=1", `and those in the file "/e\u202env"`, "without LANG"}},
		`{"url":"http://h.example/p","allow_http":true}`: {Line: "http://h.example/p", Isolation: "remote",
			Notes: []string{"plain http is allowed: it can be read and changed on the way"}},
		`{"command":"/usr/bin/docker","args":["run","-i","image"]}`: {Line: "/usr/bin/docker run -i image", Isolation: "its command starts a container: docker run, confined as its arguments say"},
		`{"command":"node","args":["s.js"],"isolation":{}}`:         {Line: "node s.js", Isolation: "docker node:24, network bridge"},
		`{"command":"node","isolation":{"type":"none"}}`:            {Line: "node", Isolation: "not isolated (runs as you)"},
		`{"command":"npx","args":["-y","pkg"]}`:                     {Line: "npx -y pkg", Isolation: "not isolated (runs as you)", Notes: []string{"pkg is not pinned: each start may run another version"}},
	} {
		got := ReadLaunch(launchOf(t, entry), true)
		for what, pair := range map[string][2]string{
			"line": {got.Line, want.Line}, "directory": {got.Dir, want.Dir}, "isolation": {got.Isolation, want.Isolation}, "file": {got.File, want.File},
			"env":     {strings.Join(got.Env, "|"), strings.Join(want.Env, "|")},
			"login":   {strings.Join(got.Login, "|"), strings.Join(want.Login, "|")},
			"headers": {strings.Join(got.Headers, "|"), strings.Join(want.Headers, "|")},
			"notes":   {strings.Join(got.Notes, "|"), strings.Join(want.Notes, "|")},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s: the %s is %s, want %s", entry, what, pair[0], pair[1])
			}
		}
	}
	if got := ReadLaunch(workspaceEntry(t, "s", plainEntry).Launch(), true); got.File != "/w/.mcpproxy/mcp_config.json" {
		t.Errorf("from %s", got.File)
	}
	if got := ReadLaunch([]byte("{"), true); !strings.HasPrefix(got.Line, "unreadable") {
		t.Errorf("%+v", got)
	}
}

// All of an isolation is told, and two that differ read differently.
func TestReadLaunchTellsIsolation(t *testing.T) {
	seen := map[string]string{}
	for isolation, want := range map[string]string{
		`{"memory_limit":"512m","cpu_limit":1.5,"network":"none","mounts":["/a:/b:ro","/c d:/c"],"working_dir":"ro","user":1000,"docker_host":"ssh://build"}`: `docker node:24, memory 512 MiB, 1.5 processors, network none, ` +
			`mounts /a:/b:ro "/c d:/c", working directory read-only, user 1000, engine ssh://build`,
		`{"image":"i:1","pids_limit":9,"network":"n","working_dir":"rw","read_only":true,"tmpfs":["/t:size=1m"],"cache":true,"pull":"never","platform":"linux/arm64","extra_hosts":["a:1.2.3.4"]}`: `docker i:1, 9 processes, network n, ` +
			`working directory writable, file system read-only, tmpfs /t:size=1m, packages cached, pull never, platform linux/arm64, hosts a:1.2.3.4`,
		`{"type":"sandbox","network":"none","memory_limit":536870913}`: `sandbox, memory 536870913 bytes, network none, a home of its own, kept until you remove the server or change its launch`,
		`{"type":"sandbox","cache":false}`:                             `sandbox, network bridge, an empty home at each start`,
		`{"type":"auto","cache":true}`:                                 `docker node:24, or a sandbox, network bridge, packages cached, in a sandbox a home of its own, kept until you remove the server or change its launch`,
		`{"type":"auto"}`:                                              `docker node:24, or a sandbox, network bridge, in a sandbox a home of its own, kept until you remove the server or change its launch`,
		`{"type":"auto","cpu_limit":1}`:                                `docker node:24, and no sandbox in its place, 1 processor, network bridge`,
		`{"type":"auto","user":"u"}`:                                   `docker node:24, and no sandbox in its place, network bridge, user u`,
		`{"type":"auto","mounts":["/a:/b"]}`:                           `docker node:24, and no sandbox in its place, network bridge, mounts /a:/b`,
		`{"memory_limit":"1536m"}`:                                     `docker node:24, memory 1536 MiB, network bridge`,
		`{"mounts":["${env:A}:/b","/c\u202e:/c"]}`:                     `docker node:24, network bridge, mounts ${env:A}:/b "/c\u202e:/c"`,
	} {
		want = strings.ReplaceAll(want, `\\`, `\`)
		got := ReadLaunch(launchOf(t, `{"command":"npx","args":["p@1.0.0"],"isolation":`+isolation+`}`), false)
		writes := strings.Contains(isolation, `"rw"`) || strings.Contains(isolation, `"mounts":["/a:/b"]`) || strings.Contains(isolation, `:/c"`)
		if got.Isolation != want || strings.Join(got.Notes, "|") != map[bool]string{true: sandbox.OrdersNote}[writes] {
			t.Errorf("%s\ngot  %s %q\nwant %s", isolation, got.Isolation, got.Notes, want)
		}
		if other := seen[got.Isolation]; other != "" {
			t.Errorf("%s and %s read alike", isolation, other)
		}
		seen[got.Isolation] = isolation
	}
	if got := ReadLaunch(launchOf(t, `{"command":"npx","args":["p@1.0.0"],"isolation":{"type":"sandbox","unix_sockets":true}}`), false); !strings.HasSuffix(got.Isolation, ", Unix sockets") ||
		len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "Unix sockets") {
		t.Errorf("%+v", got)
	}
	c := configOf(t, "/c.json", `{"isolation":{"type":"auto","allow_none":true},"mcpServers":{"s":{"command":"npx","args":["p@1.0.0"]}}}`)
	got := ReadLaunch(c.Server("s").Launch(), true)
	if got.Isolation != "docker node:24, or a sandbox, or nothing where there is none, network bridge, in a sandbox a home of its own, kept until you remove the server or change its launch" || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "with your rights") {
		t.Errorf("%+v", got)
	}
	// One that was kept before isolation was there.
	if got := ReadLaunch([]byte(`{"protocol":"stdio","command":"x","isolation":{"type":"docker","image":"i","memory_limit":"1g","cpu_limit":""}}`), true); got.Isolation != "docker i, memory 1g, network bridge" {
		t.Errorf("%+v", got)
	}
}

func TestReadLaunchNotesMounts(t *testing.T) {
	t.Setenv("HOME", "/data/me")
	t.Setenv("USERPROFILE", "/data/me")
	for mount, want := range map[string]string{
		"/": "the whole file system", "/x/..": "the whole file system", `C:\\`: "the whole file system", "/var/run/docker.sock": "the engine's socket", "/run": "the engine's socket", "/run/user/1000/podman/podman.sock": "the engine's socket",
		"${env:HOME}": "your home directory", "${env:HOME}/": "your home directory", "/home/me": "your home directory", "/Users/me": "your home directory", `C:\\Users\\me`: "your home directory", "/data/me": "your home directory",
		"/data": "your home directory", "/root": "your home directory", "/home/me/project": "", "${env:HOME}/p": "", "/srv": "", "/runner": "", "${workspaceFolder}": "", "/x/docker.socket": "",
	} {
		got := ReadLaunch(launchOf(t, `{"command":"node","isolation":{"mounts":["`+mount+`:/m"]}}`), true)
		if n := len(got.Notes); n == 0 || got.Notes[n-1] != sandbox.OrdersNote {
			t.Errorf("%s: it is not told what it may write: %q", mount, got.Notes)
			continue
		}
		got.Notes = got.Notes[:len(got.Notes)-1]
		if want == "" && len(got.Notes) > 0 || want != "" && (len(got.Notes) != 1 || !strings.Contains(got.Notes[0], want)) {
			t.Errorf("%s: %q", mount, got.Notes)
		}
	}
	for _, entry := range []string{`{"command":"node","working_dir":"/home/me","isolation":{"working_dir":"ro"}}`, `{"command":"node","isolation":{"network":"host"}}`} {
		if got := ReadLaunch(launchOf(t, entry), true); len(got.Notes) != 1 {
			t.Errorf("%s: %q", entry, got.Notes)
		}
	}
	if got := ReadLaunch(launchOf(t, `{"command":"node","working_dir":"/home/me","isolation":{}}`), true); len(got.Notes) != 0 {
		t.Errorf("%q", got.Notes)
	}
}

// What may be a secret is not for a model.
func TestReadLaunchForAModel(t *testing.T) {
	for _, entry := range []string{
		`{"url":"https://h/p?key=SECRET","headers":{"X":"SECRET"}}`,
		`{"url":"https://h/p","oauth":{"client_id":"i","client_secret":"SECRET","authorize_params":{"k":"SECRET"}}}`,
		`{"command":"uvx","args":["p==1.0"],"env":{"A":"SECRET","PIP_INDEX_URL":"https://me:SECRET@h/simple","npm_config_registry":"SECRET"}}`,
	} {
		got := ReadLaunch(launchOf(t, entry), false)
		all := strings.Join(slices.Concat([]string{got.Line}, got.Env, got.Headers, got.Login, got.Notes), "\n")
		if strings.Contains(all, "SECRET") {
			t.Errorf("%s: %s", entry, all)
		}
	}
	// Nor is it kept with what was approved.
	s := entryOf(t, "s", `{"url":"https://h/p?key=SECRET"}`)
	r := approved(t, s, toolA)
	if strings.Contains(string(r.Encode()), "SECRET") || r.State(s) != Approved || r.State(entryOf(t, "s", `{"url":"https://h/p?key=other"}`)) == Approved {
		t.Errorf("kept: %s", r.Encode())
	}
}

// A value that was changed is named, though no stored launch has it.
func TestChangedValues(t *testing.T) {
	of := func(entry string) []byte { return entryOf(t, "s", entry).Launch() }
	was := of(`{"command":"x","env":{"A":"1","B":"x${env:B}","C":"abcdefghij0123456789","D_KEY":"abcdefghij0123456789","E":"1"}}`)
	now := of(`{"command":"x","env":{"A":"2","B":"y${env:B}","C":"abcdefghij0123456788","D_KEY":"abcdefghij0123456788","E":"1","F":"1"}}`)
	if got := strings.Join(ChangedValues(was, now), ", "); got != "variable A, variable B, variable C" {
		t.Error(got)
	}
	was = of(`{"url":"https://h/p?a=1&b=2","headers":{"X":"1","Y":"1"},"oauth":{"client_id":"i","client_secret":"1","authorize_params":{"k":"1"}}}`)
	now = of(`{"url":"https://h/p?a=1&b=3","headers":{"X":"1","Y":"2"},"oauth":{"client_id":"i","client_secret":"2","authorize_params":{"k":"2"}}}`)
	if got := strings.Join(ChangedValues(was, now), ", "); got != "header Y, parameter b, parameter k of the login, client_secret of the login" {
		t.Error(got)
	}
	for _, stored := range [][]byte{was, now} {
		if got := ReadLaunch(stored, true); got.Line != "https://h/p?a=…&b=…" || strings.Join(got.Headers, " ") != "X: … Y: …" {
			t.Errorf("%+v", got)
		}
	}
}

// Whatever stands in an entry shows as printable ASCII on one line, and words can't be taken for several.
func TestReadLaunchEscapes(t *testing.T) {
	for _, evil := range []string{"\n", "\r\x1b[2J", "\x00", "\u202e", "\u200b", "\U000e0041", "ａ", "а", "\u2028", "\x7f", "\u0085", " \t", `"`, `\`, "'; rm", "`", "\ufeff", "é"} {
		q := string(jsonrpc.Quote("a" + evil + "b"))
		for _, entry := range []string{`{"command":` + q + `,"args":[` + q + `],"env":{"NODE_OPTIONS":` + q + `}}`, `{"url":` + string(jsonrpc.Quote("https://h/"+evil)) + `}`,
			`{"command":"npx","isolation":{"mounts":[` + string(jsonrpc.Quote("/a"+evil+":/b"+evil)) + `],"tmpfs":[` + string(jsonrpc.Quote("/t"+evil)) + `]}}`, `{"command":"npx","isolation":{"mounts":[` + string(jsonrpc.Quote("/a"+evil)) + `]}}`} {
			s := configOf(t, "/c.json", `{"mcpServers":{"s":`+entry+`}}`).Server("s")
			if s == nil || s.Refused != "" {
				continue // it never gets here
			}
			for _, whole := range []bool{true, false} {
				got := ReadLaunch(s.LaunchShown(), whole)
				for _, text := range append(append([]string{got.Line, got.Isolation}, got.Env...), got.Notes...) {
					bad := func(r rune) bool { return r != '…' && (r >= utf8.RuneSelf || !unicode.IsPrint(r)) }
					if strings.ContainsFunc(text, bad) {
						t.Errorf("%q: %q", evil, text)
					}
				}
			}
		}
	}
	// Two launches that differ look different.
	seen := map[string]string{}
	for _, entry := range []string{`{"command":"x","args":["a","b"]}`, `{"command":"x","args":["a b"]}`, `{"command":"x a","args":["b"]}`, `{"command":"x","args":["\"a b\""]}`, `{"command":"x","args":["a","b",""]}`} {
		line := ReadLaunch(launchOf(t, entry), true).Line
		if other := seen[line]; other != "" {
			t.Errorf("%s and %s both show as %s", entry, other, line)
		}
		seen[line] = entry
	}
}

func TestUnpinned(t *testing.T) {
	for line, want := range map[string]string{
		"npx -y pkg":                        "pkg",
		"npx -y @scope/pkg":                 "@scope/pkg",
		"npx @scope/pkg@1.2.3":              "",
		"npx pkg@1.2.3":                     "",
		"npx pkg@latest":                    "pkg@latest",
		"npx pkg@1":                         "pkg@1",
		"npx pkg@1.x":                       "pkg@1.x",
		"npx pkg@^1.2.3":                    "pkg@^1.2.3",
		"/usr/bin/npx pkg":                  "pkg",
		`C:\node\NPX.CMD pkg`:               "pkg",
		"uvx pkg":                           "pkg",
		"uvx pkg==1.0":                      "",
		"uvx pkg==1.*":                      "pkg==1.*",
		"uvx pkg>=1.0":                      "pkg>=1.0",
		"uvx pkg@1.0.0":                     "",
		"uvx --from git+https://h/x pkg":    "git+https://h/x",
		"uvx --from git+https://h/x@main p": "git+https://h/x@main",
		"uvx git+https://h/x@" + commit40:   "",
		"pnpm dlx pkg":                      "pkg",
		"npm exec -- pkg":                   "pkg",
		"bunx ./local":                      "",
		"deno run https://h/x.ts":           "",
		"node server.js":                    "",
		"python -m pkg":                     "",
		"npx":                               "",
	} {
		words := strings.Fields(line)
		if got := unpinned(words[0], words[1:]); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

const commit40 = "0123456789abcdef0123456789abcdef01234567"
