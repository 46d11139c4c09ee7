package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Nothing of a launch for inspection is a secret, nor is one read.
func TestResolveForInspection(t *testing.T) {
	const canary = "CANARY"
	var asked []string
	r := Resolver{
		Env: func(name string) (string, bool) {
			asked = append(asked, name)
			return canary, true
		},
		Keyring:   func(name string) (string, error) { asked = append(asked, name); return canary, nil },
		Workspace: "/w",
	}
	const entry = `{"command": "npx", "args": ["-y", "pkg", "--key=${env:K}", "${keyring:k}", "${D:-CANARY}", "${workspaceFolder}"], "cwd": "/secret/${env:DIR}",
"env": {"A": "CANARY", "B": "${env:B}", "C": "x-${keyring:c}", "E": "", "PATH": "/p:${env:PATH}", "NODE_OPTIONS": "--max-old-space-size=100", "PIP_INDEX_URL": "https://me:CANARY@h/simple https://h/",
"npm_config_registry": "https://${env:R}@r/", "UV_INDEX": "${keyring:i}", "HTTPS_PROXY": "http://u:CANARY@proxy:1", "https_proxy": "${env:P}"}, "isolation": %s}`
	inspect := func(isolation string) Launch {
		t.Helper()
		asked = nil
		s := parse(t, `{"mcpServers": {"n": `+fmt.Sprintf(entry, isolation)+`}}`).Servers[0]
		l, err := s.ResolveForInspection(r, true)
		if err != nil {
			t.Fatalf("%s: %v", isolation, err)
		}
		return l
	}
	l := inspect(`{"mounts": ["${env:M}:/m"], "working_dir": "rw", "cache": true, "user": "u", "extra_hosts": ["a:1.2.3.4"], "network": "inner", "tmpfs": ["/t"], "memory_limit": "1g", "docker_host": "unix:///s"}`)
	var env []string
	for _, v := range l.Env {
		env = append(env, v.Name+"="+v.Value)
	}
	all := fmt.Sprintf("%q %q %q %+v %q", l.Command, l.Args, env, *l.Isolation, l.Dir)
	if strings.Contains(all, canary) || len(asked) > 0 {
		t.Errorf("a secret is in %s, or was asked for: %v", all, asked)
	}
	if want := []string{"-y", "pkg", "--key=inspection", "inspection", "inspection", "/w"}; !slices.Equal(l.Args, want) || l.Command != "npx" || l.Dir != "" {
		t.Errorf("%s %q in %q", l.Command, l.Args, l.Dir)
	}
	if want := []string{"A=inspection", "B=inspection", "C=inspection", "E=", "NODE_OPTIONS=--max-old-space-size=100", "PIP_INDEX_URL=https://inspection@h/simple https://h/",
		"npm_config_registry=https://inspection@r/", "UV_INDEX=inspection", "HTTPS_PROXY=http://inspection@proxy:1"}; !slices.Equal(env, want) {
		t.Errorf("%q", env)
	}
	if got, want := optionsText(l.Isolation), `{"docker_host":"unix:///s","extra_hosts":["a:1.2.3.4"],"image":"node:24","memory_limit":1073741824,"tmpfs":["/t"],"type":"docker","user":"u"}`; got != want {
		t.Errorf("%s", got)
	}
	if l := inspect(`{"network": "none"}`); l.Isolation.Network != NetworkNone {
		t.Errorf("network %s", l.Isolation.Network)
	}
	c := parse(t, `{"isolation": {"type": "auto", "allow_none": true, "network": "bridge"}, "mcpServers": {"n": {"command": "${env:BIN}/node"}, "o": {"command": "npx", "isolation": {"type": "none"}, "env": {"A": "${env:A}"}}}}`)
	l, err := c.Server("n").ResolveForInspection(r, false)
	if err != nil || l.Isolation.Network != NetworkNone || l.Isolation.AllowNone || l.Command != canary+"/node" {
		t.Errorf("%+v %q %v", l.Isolation, l.Command, err)
	}
	// One that is not confined is what it is, secrets and all: quarantine lets it start only when a person says so.
	if l, err := c.Server("o").ResolveForInspection(r, false); err != nil || l.Env[0].Value != canary || l.Isolation != nil {
		t.Errorf("%v %v", l.Isolation, err)
	}
	asked = nil
	ws := c.WithWorkspace("ws.json", []byte(`{"mcpServers": {"w": {"command": "${env:A}/${env:BIN}/node"}}}`)).Server("w")
	if l, err := ws.ResolveForInspection(r, false); err != nil || l.Command != "inspection/inspection/node" || len(asked) > 0 {
		t.Errorf("%q %v %v", l.Command, err, asked)
	}
	here := parse(t, `{"mcpServers": {"n": {"command": "npx", "cwd": "sub", "isolation": {"working_dir": "ro", "mounts": ["a:/a"]}}}}`).Servers[0]
	if _, err := here.ResolveForInspection(Resolver{}, true); err != nil {
		t.Errorf("what it does not see stops it: %v", err)
	}
	_, refused := isolated(t, `{"type": "dokcer"}`)
	if _, err := refused.ResolveForInspection(r, false); err == nil {
		t.Error("a refused entry is looked at")
	}
}
