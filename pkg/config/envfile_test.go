package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// The files that editors keep variables in.
func TestEnvFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write(".env", "\uFEFF# comment\n\nA=1\r\nexport B = two words # why\nC=\"a\\nb\"\nD='$x #1'\nE=\nF=\"one\ntwo\"\nA=2\nsome.key=v\nmine=file\n")
	resolve := func(entry string) (Launch, error) {
		c, err := Parse(filepath.Join(dir, "c.json"), []byte(`{"mcpServers": {"n": `+entry+`}}`))
		if err != nil {
			t.Fatal(err)
		}
		return c.Servers[0].Resolve(Resolver{Workspace: dir})
	}
	for _, file := range []string{".env", "${workspaceFolder}/.env", filepath.ToSlash(filepath.Join(dir, ".env"))} {
		l, err := resolve(`{"command": "x", "envFile": "` + file + `", "env": {"mine": "entry"}}`)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		got := map[string]string{}
		for _, v := range l.Env {
			got[v.Name] = v.Value
		}
		want := map[string]string{"mine": "entry", "A": "2", "B": "two words", "C": "a\nb", "D": "$x #1", "E": "", "F": "one\ntwo", "some.key": "v"}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q", file, got)
		}
	}
	write("secret", "TOKEN=a-long-secret-value\n")
	if l, err := resolve(`{"command": "x", "envFile": "secret"}`); err != nil || !strings.Contains(strings.Join(l.Secrets(), " "), "a-long-secret-value") {
		t.Errorf("not redacted: %v", err)
	}
	write("bad", "A=1\ntopsecret\n")
	write("loads", "NODE_OPTIONS=--require ./x\n")
	write("fetches", "npm_config_registry=https://evil\n")
	write("open", "A=\"topsecret\n")
	for file, want := range map[string]string{
		"bad": "bad:2: this is not NAME=VALUE", "missing": "there is no such file", "loads": "NODE_OPTIONS decides what is run",
		"fetches": "npm_config_registry decides what is run", "open": "open:1: this is not", ".": "is not a regular file",
	} {
		_, err := resolve(`{"command": "x", "envFile": "` + file + `"}`)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// A file of variables that the workspace decides has to lie in the workspace; what an entry of the workspace itself names too.
func TestEnvFileStaysInTheWorkspace(t *testing.T) {
	workspace, outside := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "credentials")
	if err := os.WriteFile(secret, []byte("KEY=topsecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(workspace, ".env")); err != nil {
		t.Skip("links can't be made here: " + err.Error())
	}
	own := &Config{Path: filepath.Join(outside, "own.json")}
	for _, tt := range []struct {
		file      string
		workspace bool // the entry is the workspace's
		ok        bool
	}{
		{"${workspaceFolder}/.env", false, false}, {"${workspaceFolder}/../" + filepath.Base(outside) + "/credentials", false, false},
		{filepath.ToSlash(secret), false, true}, {".env", true, false}, {"${workspaceFolder}/.env", true, false},
		{"../" + filepath.Base(outside) + "/credentials", true, false},
	} {
		text := []byte(`{"mcpServers": {"n": {"command": "x", "envFile": "` + tt.file + `"}}}`)
		c, err := Parse(own.Path, text)
		if tt.workspace {
			c, err = own.WithWorkspace(filepath.Join(workspace, "mcp.json"), text), nil
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Servers[0].Resolve(Resolver{Workspace: workspace})
		if (err == nil) != tt.ok || err != nil && strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%s, the workspace's %v: %v", tt.file, tt.workspace, err)
		}
	}
}
