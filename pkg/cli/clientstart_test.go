package cli

import (
	"strings"
	"testing"
	"time"
)

func TestPassesOn(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"sh|-c|mcpproxy-stdio":                          true,
		"/bin/bash|-lc|exec mcpproxy-stdio":             true,
		"-zsh|-i|-c|mcpproxy-stdio":                     true,
		"bash|-l":                                       false, // a person's shell
		"-bash":                                         false,
		"bash|/home/u/run-ci.sh|-c":                     true, // rather too many than too few
		"bash|/home/u/run.sh":                           false,
		"npm exec mcpproxy-stdio":                       true,
		"node|/usr/local/bin/npx|-y|mcpproxy-stdio":     true,
		"node|/usr/lib/node_modules/npm/bin/npx-cli.js": true,
		"node|--no-warnings|/usr/local/bin/claude":      false,
		"/usr/share/code/code|--type=utility":           false,
		"claude":                                        false,
		"env|A=b|mcpproxy-stdio":                        true,
		"timeout|10|mcpproxy-stdio":                     true,
		"uvx|mcpproxy-stdio":                            true,
		"python3|client.py":                             false,
		"C:/Windows/System32/cmd.exe|/d|/s|/c|mcpproxy": true,
		"powershell.exe|-NoProfile|-Command|mcpproxy":   true,
		"": false,
	} {
		if got := passesOn(strings.Split(line, "|"), ""); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
	if !passesOn(nil, "cmd.exe") || passesOn(nil, "code.exe") {
		t.Error("by name")
	}
}

func TestClientStarted(t *testing.T) {
	t.Parallel()
	at, ok := clientStarted()
	if ok && (at.After(time.Now()) || at.Before(time.Now().Add(-10*365*24*time.Hour))) {
		t.Error(at)
	}
}
