package config

import (
	"errors"
	"reflect"
	"testing"
)

// FuzzParse checks that no text makes Parse panic, that a problem always has a
// place inside the text, and that an edit of a readable text leaves it readable.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		``, `// x`, `{}`, `{"mcpServers": [{"name": "a", "protocol": "stdio", "command": "x"}]}`,
		"{\r\n\t\"servers\": {\"a\": {\"command\": \"${A:-b}\", \"env\": {\"A\": \"1\",},}, /* x */},\r\n} // end",
		`{"mcpServers": {"a": {"url": "http://h", "oauth": {"scopes": "a"}, "isolation": {"cpu_limit": 1}}}, "first_list_wait": "8s"}`,
		`{"mcpServers": {"a": {"url": "https://h", "auth": {"CLIENT_ID": "${A:-b}", "CLIENT_SECRET": "${keyring:k}", "scopes": ["a", "${B}"]}}}}`,
		loginTo(wholeLogin), loginTo(`{"scopes": ["a", 1], "authorize_params": {"scope": "", "": null}, "redirect_port": 1e9, "issuer": "http://[::1"}`),
		`{"isolation": {"type": "auto", "allow_none": true, "network": "n"}, "mcpServers": {"a": {"command": "npx", "isolation": ` + wholeIsolation + `}}}`,
		`{"mcpServers": {"a": {"command": "${X}", "isolation": {"mounts": ["${A}:${B:-x:y}", "C:\\x:/x:ro", "$${:}", "a"], "docker_host": "ssh://h"}}}, "isolation": {"enabled": 1}}`,
		`{"mcpServers": {"a": {"command": "npx", "isolation": {"memory_limit": 1e300, "cpu_limit": "inf", "extra_hosts": ["a=[::1]"], "tmpfs": ["/a:b"]}}}}`,
		"\xef\xbb\xbf{\"mcpServers\": null, \"inputs\": []}", "{\"mcpServers\": [{\"name\": \"a\"} // x\n, {\"name\": \"b\"}]}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("c.json", data)
		if err != nil {
			if syntax := (*SyntaxError)(nil); !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Column < 1 {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, p := range c.Problems {
			if p.Line < 1 || p.Column < 1 {
				t.Fatalf("a problem without a place: %v", p)
			}
		}
		names := map[string]bool{}
		for _, s := range c.Servers {
			if names[s.Name] {
				t.Fatalf("%q is there twice", s.Name)
			}
			names[s.Name] = true
			s.LaunchKey()
			s.Resolve(Resolver{})
			if s.OAuth != nil && s.Refused == "" {
				text := s.OAuth.Written()
				again, err := Parse("c.json", []byte(`{"mcpServers": {"a": {"url": "https://h", "oauth": `+string(text)+`}}}`))
				if err != nil || !reflect.DeepEqual(again.Servers[0].OAuth, s.OAuth) {
					t.Fatalf("%v is written as %s: %v", s.OAuth, text, err)
				}
			}
			if s.Refused == "" && s.Isolation.Confined() {
				text := s.Isolation.Written()
				list := `{"mcpServers": [{"name": "a", "protocol": "stdio", "command": "npx", "isolation": ` + string(text) + `}]}`
				if s.objectForm {
					list = `{"mcpServers": {"a": {"command": "npx", "isolation": ` + string(text) + `}}}`
				}
				want := *s.Isolation
				want.AllowNone = false
				again, err := Parse("c.json", []byte(list))
				if err != nil || !reflect.DeepEqual(again.Servers[0].Isolation, &want) {
					t.Fatalf("%+v is written as %s: %v", s.Isolation, text, err)
				}
				s.ResolveForInspection(Resolver{}, false)
			}
		}
		d, err := parseDocument("c.json", data)
		if err != nil {
			t.Fatal(err)
		}
		const added = "added by the test"
		fatal := func(err error) {
			if err != nil {
				t.Fatalf("%v\n%q\n%q", err, data, d.Bytes())
			}
		}
		if !d.Has(added) {
			fatal(d.Add(added, npx))
		}
		for _, s := range c.Servers {
			fatal(d.Set(s.Name, "args", []string{"x"}))
			fatal(d.Set(s.Name, "env", map[string]string{"A": "1"}))
			fatal(d.Set(s.Name, "start", nil))
			fatal(d.Set(s.Name, "enabled", false))
		}
		after, err := Parse("c.json", d.Bytes())
		fatal(err)
		if len(after.Servers) < len(c.Servers) || after.Server(added) == nil {
			t.Fatalf("servers were lost\n%q\n%q", data, d.Bytes())
		}
		for _, s := range after.Servers {
			fatal(d.Remove(s.Name))
		}
		_, err = Parse("c.json", d.Bytes())
		fatal(err)
	})
}
