package config

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func keyed(t testing.TB, entry string) *Server {
	t.Helper()
	c, err := Parse("/c.json", []byte(`{"mcpServers":{"s":`+entry+`}}`))
	if err != nil {
		t.Fatal(err)
	}
	return c.Server("s")
}

const keyedEntry = `{"command":"x","args":["a","b"],"working_dir":"/w","env":{"A":"v1","B":"${env:H}","NODE_OPTIONS":"-r m"}}`

// An approval is bound to what is run as it is written: not to the order of names or to how long things may take.
func TestLaunchKeyStays(t *testing.T) {
	want := keyed(t, keyedEntry).LaunchKey()
	if len(want) != 64 {
		t.Fatal(want)
	}
	for what, entry := range map[string]string{
		"order, space":    `{ "env" : {"NODE_OPTIONS":"-r m","B":"${env:H}","A":"v1"},"working_dir":"/w","args":["a","b"],"command":"x" }`,
		"escapes":         strings.Replace(keyedEntry, `"a"`, `"\u0061"`, 1),
		"protocol":        strings.Replace(keyedEntry, `{`, `{"protocol":"stdio",`, 1),
		"policy and time": strings.Replace(keyedEntry, `{`, `{"tool_changes":"auto","disabled_tools":["z"],"call_timeout":3,"start":"eager","enabled":false,"quarantined":true,`, 1),
		"no isolation":    strings.Replace(keyedEntry, `{`, `{"isolation":{"type":"none"},`, 1),
	} {
		if got := keyed(t, entry).LaunchKey(); got != want {
			t.Errorf("%s makes another launch: %s", what, keyed(t, entry).Launch())
		}
	}
}

// Keys that people's approvals are bound to: a release must not change them.
func TestLaunchKeyIsPinned(t *testing.T) {
	for entry, want := range map[string]string{
		keyedEntry: "5749c7c1d2f8a6c8cddcad24c511744ec3b9d478015e4d891674fedf63ce3bca",
		`{"url":"https://h/p","allow_http":true,"headers":{"X":"Bearer ${keyring:k}"}}`:                                                "72d864484f6d55637e548679fec171635a47c611e1666b3110fa19581558518f",
		`{"command":"x","env":{"B":"${env:H}"}}`:                                                                                       "975d533a244efc41439db8de1fb20d321fd8cf9dfdd9bade03605fc8b99c5998",
		`{"command":"npx","isolation":` + wholeIsolation + `}`:                                                                         "2d70c02a709c8c0c159833a3a2d5b902e575c63bd84a776cb59be69834bdbd07",
		`{"url":"https://h/p","oauth":{"client_id":"i","client_secret":"x${env:V}","scopes":[],"authorize_params":{"b":"1","a":"2"}}}`: "30aac45a83fd945aad3bc5c7201fe1880ca66ca24f418fc91b64b109c921d400",
	} {
		if got := keyed(t, entry).LaunchKey(); got != want {
			t.Errorf("the key of %s is %s now", entry, got)
		}
	}
}

func TestLaunchKeyChanges(t *testing.T) {
	seen := map[string]string{keyed(t, keyedEntry).LaunchKey(): "base"}
	change := func(old, new string) string { return strings.Replace(keyedEntry, old, new, 1) }
	for what, entry := range map[string]string{
		"command":            change(`"x"`, `"y"`),
		"argument":           change(`"b"`, `"c"`),
		"two in one":         change(`"a","b"`, `"a b"`),
		"one more":           change(`"b"`, `"b",""`),
		"directory":          change(`/w`, `/v`),
		"a value":            change(`v1`, `v2`),
		"an empty value":     change(`v1`, ``),
		"around a reference": change(`${env:H}`, `x-${env:H}`),
		"behind a reference": change(`${env:H}`, `${env:H}-x`),
		"a literal ${":       change(`${env:H}`, `$${env:H}`),
		"the workspace":      change(`${env:H}`, `${workspaceFolder}`),
		"a default":          change(`${env:H}`, `${H:-x}`),
		"another default":    change(`${env:H}`, `${H:-y}`),
		"an empty default":   change(`${env:H}`, `${H:-}`),
		"two references":     change(`${env:H}`, `${env:H}${env:I}`),
		"the other way":      change(`${env:H}`, `${env:I}${env:H}`),
		"another name":       change(`"A"`, `"AA"`),
		"one more name":      change(`"A"`, `"Z":"","A"`),
		"a reference":        change(`v1`, `${env:V}`),
		"another reference":  change(`env:H`, `env:I`),
		"another store":      change(`env:H`, `keyring:H`),
		"what decides":       change(`-r m`, `-r n`),
		"isolation":          change(`{`, `{"isolation":{"type":"docker","image":"i"},`),
		"another image":      change(`{`, `{"isolation":{"type":"docker","image":"j"},`),
		"url":                `{"url":"https://h/p"}`,
		"another path":       `{"url":"https://h/q"}`,
		"another query":      `{"url":"https://h/p?x"}`,
		"an empty parameter": `{"url":"https://h/p?x="}`,
		"a parameter":        `{"url":"https://h/p?x=1"}`,
		"another value":      `{"url":"https://h/p?x=2"}`,
		"two parameters":     `{"url":"https://h/p?x=1&y=2"}`,
		"in another order":   `{"url":"https://h/p?y=2&x=1"}`,
		"its reference":      `{"url":"https://h/p?x=${env:V}"}`,
		"text behind it":     `{"url":"https://h/p?x=${env:V}z"}`,
		"host's reference":   `{"url":"https://${env:V}.h/p"}`,
		"text at the host":   `{"url":"https://${env:V}.i/p"}`,
		"sse":                `{"url":"https://h/p","type":"sse"}`,
		"plain http allowed": `{"url":"https://h/p","allow_http":true}`,
		"header":             `{"url":"https://h/p","headers":{"X":"1"}}`,
		"header's value":     `{"url":"https://h/p","headers":{"X":"2"}}`,
		"header's reference": `{"url":"https://h/p","headers":{"X":"${env:V}"}}`,
		"text before it":     `{"url":"https://h/p","headers":{"X":"a ${env:V}"}}`,
		"other text":         `{"url":"https://h/p","headers":{"X":"b ${env:V}"}}`,
		"bearer":             `{"url":"https://h/p","headers":{"Authorization":"Bearer abcdefgh12345678"}}`,
		"another scheme":     `{"url":"https://h/p","headers":{"Authorization":"Token abcdefgh12345678"}}`,
		"no token":           `{"url":"https://h/p","headers":{"Authorization":"Bearer other-account"}}`,
		"client secret":      `{"url":"https://h/p","oauth":{"client_id":"i","client_secret":"short"}}`,
		"its other value":    `{"url":"https://h/p","oauth":{"client_id":"i","client_secret":"other"}}`,
		"a plain secret":     `{"url":"https://h/p","oauth":{"client_id":"i","client_secret":"abcdefgh12345678"}}`,
		"login's parameter":  `{"url":"https://h/p","oauth":{"client_id":"i","authorize_params":{"k":"1"}}}`,
		"its value":          `{"url":"https://h/p","oauth":{"client_id":"i","authorize_params":{"k":"2"}}}`,
		"login":              `{"url":"https://h/p","oauth":{"client_id":"i"}}`,
		"scopes":             `{"url":"https://h/p","oauth":{"client_id":"i","scopes":["s"]}}`,
	} {
		key := keyed(t, entry).LaunchKey()
		if other := seen[key]; other != "" {
			t.Errorf("%s is the same launch as %s: %s", what, other, keyed(t, entry).Launch())
		}
		seen[key] = what
	}
}

// Every variable counts with its value; these were found by trying.
func TestLaunchKeyCountsEachVariable(t *testing.T) {
	const random = "abcdefgh12345678ABCDEFGH"
	for _, name := range []string{
		"PATH", "Path", "LD_PRELOAD", "NODE_OPTIONS", "PIP_INDEX_URL", "BASH_ENV", "npm_config_script_shell", "npm_config_node_options", "OPENSSL_CONF",
		"GIT_ASKPASS", "SSH_ASKPASS", "HTTPS_PROXY", "all_proxy", "NODE_TLS_REJECT_UNAUTHORIZED", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "EDITOR", "PAGER", "BROWSER",
		"SHELL", "CC", "GOFLAGS", "UV_TOOL_BIN_DIR", "PYTHONWARNINGS", "PYTHONBREAKPOINT", "RUSTC_WRAPPER", "KUBECONFIG", "AWS_ENDPOINT_URL", "API_BASE_URL", "ZDOTDIR",
		"npm_config_key", "NPM_CONFIG__AUTHTOKEN", "npm-config-token", "LD_KEY", "DYLD_TOKEN", "KEY_SHELL", "TOKEN_PROXY", "MONKEY_PATH", "GIT_CONFIG_VALUE_0", "DB_HOST",
	} {
		for _, change := range [][2]string{{"1", "2"}, {random + "1", random + "2"}, {"", "1"}} {
			one, other := keyed(t, `{"command":"x","env":{"`+name+`":"`+change[0]+`"}}`), keyed(t, `{"command":"x","env":{"`+name+`":"`+change[1]+`"}}`)
			if one.LaunchKey() == other.LaunchKey() {
				t.Errorf("%s may change from %q to %q unseen", name, change[0], change[1])
			}
		}
	}
	if keyed(t, `{"command":"x","env":{"A":"1"}}`).keyed([]byte("k")).LaunchKey() == keyed(t, `{"command":"x","env":{"A":"1"}}`).keyed([]byte("l")).LaunchKey() {
		t.Error("the store's key does not count")
	}
}

// A key is replaced by another one every now and then; what only has a key's name is none.
func TestLaunchKeyOfATokenStays(t *testing.T) {
	const random = "abcdefgh12345678ABCDEFGH"
	at := func(form, value string) string { return strings.ReplaceAll(form, "VALUE", value) }
	for _, form := range []string{
		`{"command":"x","env":{"GITHUB_TOKEN":"VALUE"}}`, `{"command":"x","env":{"OPENAI_API_KEY":"VALUE"}}`, `{"command":"x","env":{"apiKey":"VALUE"}}`, `{"command":"x","env":{"AZURE_PAT":"VALUE"}}`,
		`{"command":"x","env":{"AWS_SECRET_ACCESS_KEY":"VALUE"}}`, `{"command":"x","env":{"CLIENT_SECRET":"VALUE"}}`, `{"command":"x","env":{"DB_PASSWORD":"VALUE"}}`,
		`{"url":"https://h/p","headers":{"Authorization":"Bearer VALUE"}}`, `{"url":"https://h/p","headers":{"authorization":"VALUE"}}`,
		`{"url":"https://h/p","headers":{"X-API-Key":"VALUE"}}`, `{"url":"https://h/p?api_key=VALUE&x=1"}`,
		`{"url":"https://h/p","oauth":{"client_id":"i","client_secret":"VALUE"}}`, `{"url":"https://h/p","oauth":{"client_id":"i","authorize_params":{"token":"VALUE"}}}`,
	} {
		want := keyed(t, at(form, random)).LaunchKey()
		for _, value := range []string{"ghp_0123456789abcdefABCDEF0123456789abcd", "0123456789abcdef0123456789abcdef01234567", "wJalrXUtnFEMIK7MDENG/bPxRfiCYEXAMPLEKEY0", "eyJhbGciOiJI.eyJzdWIiOiIx.dozjgNryP4J3jVmN", "c2VjcmV0LXRva2VuLTEyMw==",
			"ATATT3xFfGF0abcdefghijklmnopqrstuvwxyz_0123456789-AB=0123ABCD", "123456789:AAabcdefGHIJ-klmn_opqrstuvwxyz01234"} {
			if keyed(t, at(form, value)).LaunchKey() != want {
				t.Errorf("another token %s asks somebody: %s", value, at(form, value))
			}
		}
		for _, value := range []string{"", "1", "short1", "two words 1234567890abcdef", "/etc/abcdefgh12345678", "./abcdefgh12345678", "~abcdefgh12345678", "--require=abcdefgh12345678", "-abcdefgh12345678",
			"https://h1.example/abcdefgh", "abcdefgh=12345678abcdefgh", "abcdefgh12345678=01234567", "host1234:abcdefghijklmnopqrstuvwxyz0123456789", "onlylettersonlyletters", "12345678901234567890", "node_modules/abcdefgh1/index", "abcdefgh-12345678.js", "${env:V}", "abcdefgh12345678${env:V}"} {
			if keyed(t, at(form, value)).LaunchKey() == want {
				t.Errorf("%s passes for a token: %s", value, at(form, value))
			}
		}
	}
}

// A launch is one JSON value. Values stand in it for the eyes of a person alone, and what is plainly a token not even there.
func TestLaunchHasNoSecrets(t *testing.T) {
	for _, entry := range []string{
		keyedEntry, `{"url":"https://h/p?k=v1&token=v1bcdefgh12345678","headers":{"Authorization":"Bearer v1","X-Key":"v1bcdefgh12345678"},"oauth":{"client_id":"i","client_secret":"v1","authorize_params":{"k":"v1"}}}`,
		`{"command":"x","env":{"A":"${B:-v1}","C":"v1-${env:D}","NODE_OPTIONS":"v1"}}`,
	} {
		s := keyed(t, entry)
		if s.Refused != "" && !strings.Contains(entry, "Authorization") {
			t.Errorf("%s: %s", entry, s.Refused)
		}
		if text := s.Launch(); !json.Valid(text) || strings.Contains(string(text), "v1") {
			t.Errorf("stored: %s", text)
		}
		if text := s.LaunchShown(); !json.Valid(text) || !strings.Contains(string(text), "v1") || strings.Contains(string(text), "v1bcd") {
			t.Errorf("shown: %s", text)
		}
	}
}

// An entry of a workspace is bound to its text, byte by byte, and to the file it stands in; one of the user's own is not.
func TestLaunchKeyOfAWorkspace(t *testing.T) {
	user, err := Parse("/c.json", []byte(`{"mcpServers":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{keyed(t, `{"command":"x"}`).LaunchKey(): "the user's own"}
	for what, file := range map[string][2]string{
		"base":          {"/w/.mcpproxy/mcp_config.json", `{"mcpServers":{"s":{"command":"x"}}}`},
		"a space":       {"/w/.mcpproxy/mcp_config.json", `{"mcpServers":{"s":{"command": "x"}}}`},
		"a comment":     {"/w/.mcpproxy/mcp_config.json", `{"mcpServers":{"s":{"command":"x"/**/}}}`},
		"a time":        {"/w/.mcpproxy/mcp_config.json", `{"mcpServers":{"s":{"command":"x","call_timeout":1}}}`},
		"another place": {"/v/.mcpproxy/mcp_config.json", `{"mcpServers":{"s":{"command":"x"}}}`},
	} {
		s := user.WithWorkspace(file[0], []byte(file[1])).Server("s")
		if other := seen[s.LaunchKey()]; other != "" {
			t.Errorf("%s is the same launch as %s", what, other)
		}
		seen[s.LaunchKey()] = what
	}
	base := user.WithWorkspace("/w/.mcpproxy/mcp_config.json", []byte(`{"mcpServers":{"s":{"command":"x"}}}`)).Server("s")
	beside := user.WithWorkspace("/w/.mcpproxy/mcp_config.json", []byte("\n{\"mcpServers\":{\"other\":{\"command\":\"y\"},\n\"s\":{\"command\":\"x\"}}}")).Server("s")
	if base.LaunchKey() != beside.LaunchKey() {
		t.Error("what stands beside an entry makes it another")
	}
}

func TestWatchAnyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "f")
	calls := make(chan struct{}, 10)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	start := func(data []byte) {
		wg.Go(func() {
			if err := WatchFile(ctx, path, data, func() { calls <- struct{}{} }); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
	start(nil) // not there, nor is its directory
	try(t, os.MkdirAll(filepath.Dir(path), 0o700))
	put(t, path+".new", "1") // beside it: a watcher that begins now may see a file between its making and its content
	try(t, os.Rename(path+".new", path))
	expect(t, calls, "it appeared")
	put(t, path, "")
	expect(t, calls, "emptied, which is not missing")
	cancel()
	wg.Wait()

	ctx, cancel = context.WithCancel(context.Background())
	put(t, path, "2")
	start([]byte("2"))
	select {
	case <-calls:
		t.Error("told of what was known")
	case <-time.After(4 * settle):
	}
	put(t, path, "3")
	expect(t, calls, "another content")
	cancel()
	wg.Wait()

	ctx, cancel = context.WithCancel(context.Background())
	start([]byte("2"))
	expect(t, calls, "changed before the watch began")
	cancel()
	wg.Wait()
}
