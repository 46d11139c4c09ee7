package config

import "testing"

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"notes": "notes", "/home/a/mcp.json": "/home/a/mcp.json", "": "''", "R&D": "'R&D'", "$HOME": "'$HOME'", "it's": `'it'\''s'`, "a\x1b[8m": `"a\x1b[8m"`,
	} {
		if got := ShellWord(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
