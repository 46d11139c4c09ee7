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

// An approval is bound to what is run as it is written: not to values, to the order of names or to how long things may take.
func TestLaunchKeyStays(t *testing.T) {
	want := keyed(t, keyedEntry).LaunchKey()
	if len(want) != 64 {
		t.Fatal(want)
	}
	for what, entry := range map[string]string{
		"order, space":    `{ "env" : {"NODE_OPTIONS":"-r m","B":"${env:H}","A":"v1"},"working_dir":"/w","args":["a","b"],"command":"x" }`,
		"a value":         strings.Replace(keyedEntry, "v1", "v2", 1),
		"around a ref":    strings.Replace(keyedEntry, "${env:H}", "x-${env:H}", 1),
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
		keyedEntry: "e1b3539cb70ffcbbeae2ae580c9cd8770a23ea1faebbf7f558c3817c51acb0fb",
		`{"url":"https://h/p","allow_http":true,"headers":{"X":"Bearer ${keyring:k}"}}`:                                                "d946831810e252cb9359b9122fceb62ee4ddc9fd2bcc0cfae4f3dc55125dac41",
		`{"command":"npx","isolation":` + wholeIsolation + `}`:                                                                         "2d70c02a709c8c0c159833a3a2d5b902e575c63bd84a776cb59be69834bdbd07",
		`{"url":"https://h/p","oauth":{"client_id":"i","client_secret":"x${env:V}","scopes":[],"authorize_params":{"b":"1","a":"2"}}}`: "185a31ef754d4b9a57955d00be370c0f04a5749ab102893b4673317cf2b3638b",
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
		"sse":                `{"url":"https://h/p","type":"sse"}`,
		"plain http allowed": `{"url":"https://h/p","allow_http":true}`,
		"header":             `{"url":"https://h/p","headers":{"X":"1"}}`,
		"header's reference": `{"url":"https://h/p","headers":{"X":"${env:V}"}}`,
		"login":              `{"url":"https://h/p","oauth":{"client_id":"i"}}`,
		"scopes":             `{"url":"https://h/p","oauth":{"client_id":"i","scopes":["s"]}}`,
	} {
		key := keyed(t, entry).LaunchKey()
		if other := seen[key]; other != "" {
			t.Errorf("%s is the same launch as %s: %s", what, other, keyed(t, entry).Launch())
		}
		seen[key] = what
	}
	for _, name := range []string{"PATH", "Path", "LD_PRELOAD", "npm_config_registry", "NPM_CONFIG_Registry", "PIP_INDEX_URL", "PYTHONPATH", "BASH_ENV"} {
		if keyed(t, `{"command":"x","env":{"`+name+`":"1"}}`).LaunchKey() == keyed(t, `{"command":"x","env":{"`+name+`":"2"}}`).LaunchKey() {
			t.Errorf("%s may change unseen", name)
		}
	}
}

// A launch is one JSON value, without the values of ordinary variables and headers.
func TestLaunchHasNoSecrets(t *testing.T) {
	for _, entry := range []string{keyedEntry, `{"url":"https://h/p","headers":{"Authorization":"Bearer v1"},"oauth":{"client_id":"i","client_secret":"v1"}}`} {
		text := keyed(t, entry).Launch()
		if !json.Valid(text) || strings.Contains(string(text), "v1") {
			t.Errorf("%s", text)
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
