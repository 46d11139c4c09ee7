package config

import (
	"errors"
	"testing"
)

// Two digests are equal if and only if all variables and headers come to the same.
func TestValuesDigest(t *testing.T) {
	env := map[string]string{"A": "1", "HOME": "/h"}
	secret := "set on Monday"
	digest := func(key, entry string) string {
		t.Helper()
		c := parse(t, `{"mcpServers": {"s": `+entry+`}}`)
		return c.Servers[0].ValuesDigest([]byte(key), func(name string) (string, bool) { v, ok := env[name]; return v, ok },
			func(name string) (string, error) {
				if name == "gone" {
					return "", errors.New("no such secret")
				}
				return secret, nil
			})
	}
	local := func(value string) string { return `{"command": "x", "env": {"T": "` + value + `"}}` }
	for name, c := range map[string]struct {
		entry  string
		change func()
		after  string // "": the same entry
		other  bool
	}{
		"nothing":                    {local("v"), func() {}, "", false},
		"a literal":                  {local("v"), func() {}, local("w"), true},
		"a literal header":           {`{"url": "http://127.0.0.1:1", "headers": {"X": "v"}}`, func() {}, `{"url": "http://127.0.0.1:1", "headers": {"X": "w"}}`, true},
		"a variable's value":         {local("${env:A}"), func() { env["A"] = "2" }, "", true},
		"a bare variable's":          {local("Bearer ${A}"), func() { env["A"] = "3" }, "", true},
		"a variable's that is unset": {local("${env:B}"), func() {}, "", false},
		"a variable that gets set":   {local("${env:B}"), func() { env["B"] = "1" }, "", true},
		"a default that is replaced": {local("${C:-d}"), func() { env["C"] = "e" }, "", true},
		"another variable's":         {local("${env:A}"), func() { env["HOME"] = "/i" }, "", false},
		"a secret that is set":       {local("${keyring:k}"), func() { secret = "set on Tuesday" }, "", true},
		"a secret that is missing":   {local("${keyring:gone}"), func() { secret = "set on Friday" }, "", false},
		"the workspace":              {local("${workspaceFolder}/x"), func() {}, "", false},
		"the name":                   {local("v"), func() {}, `{"command": "x", "env": {"U": "v"}}`, true},
		"the arguments":              {local("v"), func() {}, `{"command": "x", "args": ["y"], "env": {"T": "v"}}`, false},
	} {
		before := digest("key", c.entry)
		c.change()
		after := c.entry
		if c.after != "" {
			after = c.after
		}
		if got := digest("key", after); (got != before) != c.other {
			t.Errorf("%s: %s, then %s", name, before, got)
		}
		if before == digest("another key", c.entry) {
			t.Errorf("%s: the key does not count", name)
		}
	}
}
