package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func testResolver() Resolver {
	env := map[string]string{"HOME": "/home/u", "EMPTY": "", "TOKEN": "topsecret", "NUL": "a\x00b", "LINES": "a\nb", "PLAIN": "http://h", "REF": "${env:TOKEN}"}
	return Resolver{
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Keyring: func(name string) (string, error) {
			if name == "k" {
				return "topsecret\n", nil
			}
			return "", errors.New("no such secret")
		},
		Workspace: filepath.FromSlash("/w"),
	}
}

func TestReferences(t *testing.T) {
	for _, tt := range []struct {
		text string
		bare bool
		want string // or, beginning with !, part of the error
	}{
		{"plain $HOME $x $", false, "plain $HOME $x $"},
		{"${env:HOME}/${workspaceFolder}", false, "/home/u/" + filepath.FromSlash("/w")},
		{"$${env:HOME} $${", false, "${env:HOME} ${"},
		{"$$${env:HOME}", false, "$${env:HOME}"},
		{"${env:EMPTY}", false, ""},
		{"${env:REF}", false, "${env:TOKEN}"},
		{"${env:MISSING}", false, "!unresolved reference ${env:MISSING}: the variable is not set"},
		{"${keyring:k}", false, "topsecret\n"},
		{"${keyring:other}", false, "!unresolved reference ${keyring:other}: no such secret"},
		{"${HOME}", true, "/home/u"},
		{"${MISSING:-a b}", true, "a b"},
		{"${EMPTY:-d}${HOME:-d}", true, "d/home/u"},
		{"${MISSING:-}", true, ""},
		{"${MISSING}", true, "!unresolved reference ${env:MISSING}"},
		{"${HOME}", false, "!write ${env:HOME}"},
		{"${HOME:-x}", false, "!write ${env:HOME}"},
		{"${A:-${B}}", true, "!a default cannot refer"},
		{"${", false, "!no closing brace"},
		{"${}", true, "!it is unknown"},
		{"${env:}", false, "!env: wants the name"},
		{"${env:MISSING:-b}", false, "b"},
		{"${env:A:-${B}}", false, "!a default cannot refer"},
		{"${keyring:a/b}", false, "!keyring: wants the name"},
		{"${file:topsecret}", true, "!${file:…}"},
		{"${workspaceFolderBasename}", true, "!write the name out"},
	} {
		got, err := "", error(nil)
		if parts, bad := parseTemplate(tt.text, tt.bare, nil); bad != nil {
			err = bad
		} else {
			got, err = testResolver().expand(parts)
		}
		if want, fails := strings.CutPrefix(tt.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "topsecret") {
				t.Errorf("%s: %q, %v", tt.text, got, err)
			}
		} else if err != nil || got != want {
			t.Errorf("%s: %q, %v", tt.text, got, err)
		}
	}
}

func TestResolve(t *testing.T) {
	for _, tt := range []struct{ entry, want string }{
		{`{"command": "${HOME}/x", "args": ["--in", "${workspaceFolder}"], "cwd": "sub", "env": {"T": "${TOKEN}"}}`, ""},
		{`{"command": "${EMPTY}"}`, "n: command is empty after its references are replaced"},
		{`{"command": "x", "env": {"T": "${keyring:none}"}}`, "n: env.T: unresolved reference ${keyring:none}"},
		{`{"command": "x", "args": ["a", "${NUL}"]}`, "n: args[1]: what it refers to contains a NUL character"},
		{`{"url": "https://h", "headers": {"A": "${LINES}"}}`, "n: headers.A: what it refers to contains a line break"},
		{`{"url": "https://h", "headers": {"A": "Bearer ${keyring:k}"}}`, ""},
		{`{"url": "${PLAIN}"}`, "n: plain http to another machine"},
		{`{"command": 1}`, "n: command must be a string"},
	} {
		s := parse(t, `{"mcpServers": {"n": `+tt.entry+`}}`).Servers[0]
		l, err := s.Resolve(testResolver())
		if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.entry, err)
		}
		if err == nil && l.Protocol == ProtocolStdio &&
			(l.Command != "/home/u/x" || l.Args[1] != filepath.FromSlash("/w") || l.Dir != filepath.FromSlash("/w/sub") || l.Env[0].Value != "topsecret") {
			t.Errorf("%s: %s %q %s", tt.entry, l.Command, l.Args, l.Dir)
		}
		if err == nil && l.Protocol == ProtocolHTTP && l.Headers[0].Value != "Bearer topsecret" {
			t.Errorf("header %q", l.Headers[0].Value)
		}
	}
	s := parse(t, `{"mcpServers": {"n": {"command": "x"}, "r": {"command": "x", "cwd": "d"}}}`).Servers
	if l, err := s[0].Resolve(Resolver{}); err != nil || l.Dir != "" {
		t.Errorf("no workspace: %v %v", l.Dir, err)
	}
	if _, err := s[1].Resolve(Resolver{}); err == nil {
		t.Error("a relative directory without a workspace was resolved")
	}
}

func TestReferencesOfAnEntry(t *testing.T) {
	s := parse(t, `{"mcpServers": {"n": {"command": "${A}", "args": ["${env:B}${A}"], "env": {"X": "${keyring:k}", "Y": "${C:-d}"}}}}`).Servers[0]
	env, keyring := s.References()
	if !slices.Equal(env, []string{"A", "B", "C"}) || !slices.Equal(keyring, []string{"k"}) {
		t.Errorf("%v %v", env, keyring)
	}
}

func TestSecretsRedactThemselves(t *testing.T) {
	s := parse(t, `{"mcpServers": {"n": {"command": "x", "args": ["${TOKEN}"], "env": {"T": "topsecret"}}}}`).Servers[0]
	l, err := s.Resolve(testResolver())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{l, &l, l.Env, l.Env[0], s.Env, Secret("topsecret"), struct{ V []Var }{l.Env}} {
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%v %+v %#v %s %q %x", v, v, v, v, v, v) + string(encoded)
		if strings.Contains(text, "topsecret") || strings.Contains(text, fmt.Sprintf("%x", "topsecret")) {
			t.Errorf("%T shows its value: %s", v, text)
		}
	}
}

func TestKeys(t *testing.T) {
	server := func(entry string) *Server { return parse(t, `{"mcpServers": {"n": `+entry+`}}`).Servers[0] }
	base := server(`{"command": "x", "args": ["a", "b"], "env": {"A": "1", "B": "a${TOKEN}"}}`)
	same := server(`{"type": "stdio", "env": {"B": "a${env:TOKEN}", "A": "1"}, "args": ["a", "b"], "command": "x", "start": "eager"}`)
	if base.LaunchKey() != same.LaunchKey() || len(base.LaunchKey()) != 64 {
		t.Error("the same launch has two keys")
	}
	for _, entry := range []string{
		`{"command": "y", "args": ["a", "b"], "env": {"A": "1", "B": "${TOKEN}"}}`,
		`{"command": "x", "args": ["ab"], "env": {"A": "1", "B": "${TOKEN}"}}`,
		`{"command": "x", "args": ["b", "a"], "env": {"A": "1", "B": "${TOKEN}"}}`,
		`{"command": "x", "args": ["a", "b"], "env": {"A": "1", "C": "${TOKEN}"}}`,
		`{"command": "x", "args": ["a", "b"], "env": {"A": "1", "B": "${TOKEN}"}, "cwd": "/"}`,
		`{"command": "x", "args": ["a", "b"], "env": {"A": "1", "B": "${TOKEN}"}, "isolation": {"type": "docker", "image": "i"}}`,
		`{"command": "x", "args": ["a", "b"], "env": {"A": "1", "B": "${keyring:TOKEN}"}}`,
		`{"command": "x", "args": ["a", "b"], "env": {"A": "1", "B": "2"}}`,
		`{"url": "https://x"}`,
	} {
		if server(entry).LaunchKey() == base.LaunchKey() {
			t.Errorf("%s has the key of another launch", entry)
		}
	}
	if server(`{"command": "x", "env": {"NODE_OPTIONS": "-r a"}}`).LaunchKey() == server(`{"command": "x", "env": {"NODE_OPTIONS": "-r b"}}`).LaunchKey() {
		t.Error("what decides what is run is not part of the launch")
	}
	if (&Server{Command: "xd"}).LaunchKey() == (&Server{Command: "x", Dir: "d"}).LaunchKey() {
		t.Error("neighbouring options run into each other")
	}
	one, _ := base.Resolve(testResolver())
	other := one
	other.Env = []Var{one.Env[1], one.Env[0]}
	if base.InstanceKey(one) != base.InstanceKey(other) {
		t.Error("the order of variables changes the instance")
	}
	other.Env = []Var{one.Env[0], {"B", "another secret"}}
	if base.InstanceKey(one) == base.InstanceKey(other) {
		t.Error("another value gives the same instance")
	}
}

func TestChildEnv(t *testing.T) {
	l := Launch{Env: []Var{{"TOKEN", "t"}, {"PATH", "/mine"}}}
	environ := []string{"PATH=/bin", "HOME=/h", "LC_ALL=C", "ANTHROPIC_API_KEY=k", "LD_PRELOAD=x", "Path=w", "SystemRoot=C:", "=C:=x", "odd", "HTTPS_PROXY=p"}
	if got, want := childEnv(l, environ, false), []string{"HOME=/h", "LC_ALL=C", "HTTPS_PROXY=p", "TOKEN=t", "PATH=/mine"}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, want := childEnv(l, environ, true), []string{"HOME=/h", "LC_ALL=C", "SystemRoot=C:", "HTTPS_PROXY=p", "TOKEN=t", "PATH=/mine"}; !slices.Equal(got, want) {
		t.Errorf("windows: got  %q\nwant %q", got, want)
	}
}
