package session

import (
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/protocol"
)

// patienceOfClients is how long clients wait for a server that comes up, less what the way there and back may take on a busy machine. A client is
// known by how its name begins, without regard to case; the first that fits counts.
//
// Measured with servers that do not answer: Cline 2.7 s, Gemini 5 s, Inspector 15 s, Claude Code and opencode 30 s, Copilot 65 s. Codex gives
// a server 10 s until its tools are listed.
var patienceOfClients = []struct {
	name string
	most time.Duration
}{
	{"@cline/", 2 * time.Second},
	{"cline", 2 * time.Second},
	{"gemini", 4 * time.Second},
	{"qwen", 4 * time.Second}, // made from Gemini's
	{"codex", 8 * time.Second},
	{"inspector", 12 * time.Second},
	{"mcp-inspector", 12 * time.Second},
	{"claude", 25 * time.Second},
	{"opencode", 25 * time.Second},
	{"copilot", 50 * time.Second},
	{"github-copilot", 50 * time.Second},
}

// usualPatience is that of a client that is not known: the official SDKs give a request 60 s, if they limit it.
const usualPatience = 25 * time.Second

// Patience is how long the client may be let wait for its first lists.
func (s *Session) Patience() time.Duration {
	return patienceOf(string(jsonrpc.Unquote(protocol.Field(s.clientInfo(), "name"))))
}

func patienceOf(name string) time.Duration {
	name = strings.ToLower(strings.TrimSpace(name))
	for _, p := range patienceOfClients {
		if strings.HasPrefix(name, p.name) {
			return p.most
		}
	}
	return usualPatience
}
