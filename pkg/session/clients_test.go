package session

import (
	"testing"
	"time"
)

// Some clients never read their lists again.
func TestReadsListsOnce(t *testing.T) {
	for name, once := range map[string]bool{"codex-mcp-client": true, "Codex": true, " codex_exec": true, "claude-code": false, "copilot-cli": false, "my codex": false, "": false} {
		if got := clientNamed(name).once; got != once {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// No client is let wait longer than it was seen to bear.
func TestPatience(t *testing.T) {
	for name, bears := range map[string]time.Duration{ // as recorded, and what it bore
		"@cline/core": 2700 * time.Millisecond, "Cline": 2700 * time.Millisecond,
		"gemini-cli-mcp-client": 5 * time.Second, "gemini-cli-mcp-client-files": 5 * time.Second,
		"qwen-cli-mcp-client-everything": 5 * time.Second,
		"codex-mcp-client":               10 * time.Second,
		"inspector-cli":                  15 * time.Second,
		"claude-code":                    30 * time.Second, "claude-ai": 30 * time.Second, "opencode": 30 * time.Second,
		"copilot-cli": 65 * time.Second,
		"":            60 * time.Second, "somebody's own": 60 * time.Second,
	} {
		if most := clientNamed(name).most; most >= bears || most < bears/3 {
			t.Errorf("%q, which bears %v, is let wait %v", name, bears, most)
		}
	}
}
