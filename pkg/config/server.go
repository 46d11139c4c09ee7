package config

import (
	"path"
	"strings"
	"time"
)

// Defaults of an entry's options.
const (
	DefaultStartTimeout = 60 * time.Second
	DefaultStartWait    = 45 * time.Second
)

// Values of Server.Protocol.
const (
	ProtocolStdio = "stdio"
	ProtocolHTTP  = "http"
	ProtocolSSE   = "sse"
)

// Values of Server.Start and Server.ToolChanges.
const (
	StartLazy         = "lazy"
	StartEager        = "eager"
	ToolChangesReview = "review"
	ToolChangesAuto   = "auto"
)

// Server is one entry. Strings are as written; [Server.Resolve] replaces the
// references in them.
type Server struct {
	Name     string
	Protocol string // ProtocolStdio, ProtocolHTTP or ProtocolSSE

	Command string
	Args    []string
	Dir     string   // working_dir; empty: the workspace
	Env     []Var    // in the order written
	EnvFile string   // env_file: a file with more variables; empty: none
	Unset   []string // variables that it is not given although others are

	URL           string
	Headers       []Var // in the order written
	AllowInsecure bool  // allow_http: plain http to other machines is wanted

	Enabled      bool
	Start        string        // StartLazy or StartEager
	StartTimeout time.Duration // without a sign of life
	StartWait    time.Duration // how long a call waits for a start
	CallTimeout  time.Duration // 0: none
	IdleTimeout  time.Duration // 0: the default way of stopping when idle

	Quarantined   bool
	ToolChanges   string      // ToolChangesReview or ToolChangesAuto
	EnabledTools  []string    // nil: all; else only what one of these patterns matches
	DisabledTools []string    // never these, whatever EnabledTools says
	Confirmed     *ToolFilter // a stricter filter that counts as well, until a person has confirmed the entry's; no file says so

	OAuth     *OAuth
	Isolation *Isolation // nil or of type none: it runs as it is

	Spelt []Spelt // options that stand under other clients' names in the file

	Workspace bool   // comes from a workspace's file
	Refused   string // not empty: why this entry must not run, and the remedy
	Held      string // not empty: why it is not run before a person has decided; no file says so, the hub does

	Path         string // the file it stands in
	Line, Column int    // where, from 1

	entry      string   // hex SHA-256 of the entry's text
	objectForm bool     // ${VAR} and ${VAR:-default} are references too
	own        []string // names of Env, which ${NAME} refers to
	key        []byte   // under which literal values are hashed
	launchKey  string   // "": not computed yet
}

// Spelt is an option of ours and the name that another client has for it.
type Spelt struct{ Option, As string }

// ToolAllowed tells whether the entry's enabled_tools and disabled_tools let a
// tool through; name is the server's own name for it.
func (s *Server) ToolAllowed(name string) bool {
	return ToolFilter{s.EnabledTools, s.DisabledTools}.allows(name) && (s.Confirmed == nil || s.Confirmed.allows(name))
}

// ToolFilter is enabled_tools and disabled_tools.
type ToolFilter struct{ Enabled, Disabled []string }

func (f ToolFilter) allows(name string) bool {
	for _, pattern := range f.Disabled {
		if toolMatches(pattern, name) {
			return false
		}
	}
	if f.Enabled == nil {
		return true
	}
	for _, pattern := range f.Enabled {
		if toolMatches(pattern, name) {
			return true
		}
	}
	return false
}

// toolMatches is path.Match without its rule about slashes: a tool named
// files/delete must not escape a disabled "*".
func toolMatches(pattern, name string) bool {
	if pattern == name {
		return true
	}
	flat := func(s string) string { return strings.ReplaceAll(s, "/", "\x00") }
	ok, err := path.Match(flat(pattern), flat(name))
	return ok && err == nil
}
