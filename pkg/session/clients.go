package session

import (
	"strings"
	"time"
)

// clients is what is known of clients: how long they wait for a server that comes up, less what the way there and back may take on a busy
// machine, and whether they read the lists once and never again, whatever they are told. A client is known by how its name begins, without
// regard to case; the first that fits counts.
//
// Measured with servers that do not answer: Cline 2.7 s, Gemini 5 s, Inspector 15 s, Claude Code and opencode 30 s, Copilot 65 s. Codex gives
// a server 10 s until its tools are listed.
var clients = []client{
	{"@cline/", 2 * time.Second, false},
	{"cline", 2 * time.Second, false},
	{"gemini", 4 * time.Second, false},
	{"qwen", 4 * time.Second, false}, // made from Gemini's
	{"codex", 8 * time.Second, true},
	{"inspector", 12 * time.Second, false},
	{"mcp-inspector", 12 * time.Second, false},
	{"claude", 25 * time.Second, false},
	{"opencode", 25 * time.Second, false},
	{"copilot", 50 * time.Second, false},
	{"github-copilot", 50 * time.Second, false},
}

// usualPatience is that of a client that is not known: the official SDKs give a request 60 s, if they limit it.
const usualPatience = 25 * time.Second

type client struct {
	name string
	most time.Duration
	once bool
}

// Patience is how long the client may be let wait for its first lists.
func (s *Session) Patience() time.Duration { return clientNamed(s.client().Name()).most }

// ReadsListsOnce tells whether the client never reads its lists again, so that what is approved is seen in its next session.
func (s *Session) ReadsListsOnce() bool { return clientNamed(s.client().Name()).once }

// NewSession is what the user of such a client is told when a server has come.
const NewSession = "tell the user to start a new session to see its tools: this client reads the list of tools only once"

func clientNamed(name string) client {
	name = strings.ToLower(strings.TrimSpace(name))
	for _, c := range clients {
		if strings.HasPrefix(name, c.name) {
			return c
		}
	}
	return client{most: usualPatience}
}
