package config

import (
	"strings"

	"github.com/tailscale/hujson"
)

// OptionSpec is one option of an entry. Reading and copying entries, the check of
// names, the schema of our own tools and the README's table are made from the same list.
type OptionSpec struct {
	Name     string
	Type     string // string, boolean, array, object, duration
	Required string // "yes", "no", or the protocol that needs it
	Meaning  string

	decode  func(*entry, hujson.Value)
	written func(*Server) any // what an entry has it written as; nil: it is at its default
}

// Options lists every option of an entry, in the order of the documentation.
var Options = []OptionSpec{
	{"name", "string", "yes", "unique identifier", nil, nil},
	{"command", "string", "stdio", "the program to run", (*entry).command,
		func(s *Server) any { return s.writtenText("command", s.Command) }},
	{"args", "array", "no", "its arguments", (*entry).args,
		(*Server).writtenArgs},
	{"url", "string", "http", "server URL: https, or http on loopback", (*entry).url,
		func(s *Server) any { return s.writtenText("url", s.URL) }},
	{"allow_http", "boolean", "no", "allow plain http to other machines; default false", (*entry).allowHTTP,
		func(s *Server) any { return writtenSwitch(s.AllowInsecure, false) }},
	{"protocol", "string", "no", "stdio, http, or sse for old servers; default: inferred from command or url", (*entry).protocol,
		func(s *Server) any { return s.Protocol }},
	{"enabled", "boolean", "no", "default true", (*entry).enabled,
		func(s *Server) any { return writtenSwitch(s.Enabled, true) }},
	{"working_dir", "string", "no", "directory for stdio servers; default: the workspace", (*entry).workingDir,
		func(s *Server) any { return s.writtenText("working_dir", s.Dir) }},
	{"env", "object", "no", "environment to pass, on top of a short allow-list", (*entry).env,
		(*Server).writtenEnv},
	{"env_file", "string", "no", "file with more variables, NAME=VALUE in each line; relative to the configuration file; env wins", (*entry).envFile,
		(*Server).writtenEnvFile},
	{"headers", "object", "no", "HTTP headers to send", (*entry).headers,
		func(s *Server) any { return s.writtenVars("headers", s.Headers) }},
	{"start", "string", "no", "lazy (default): when first needed; eager: at once", (*entry).start,
		func(s *Server) any { return writtenWord(s.Start, StartLazy) }},
	{"start_timeout", "duration", "no", "how long a start may go without a sign of life; default 60 s", (*entry).startTimeout,
		func(s *Server) any { return writtenTime(s.StartTimeout, DefaultStartTimeout) }},
	{"start_wait", "duration", "no", "how long a call waits for a start; default 45 s", (*entry).startWait,
		func(s *Server) any { return writtenTime(s.StartWait, DefaultStartWait) }},
	{"call_timeout", "duration", "no", "longest call; default none", (*entry).callTimeout,
		func(s *Server) any { return writtenTime(s.CallTimeout, 0) }},
	{"idle_timeout", "duration", "no", "stop after this long without a call; default none", (*entry).idleTimeout,
		func(s *Server) any { return writtenTime(s.IdleTimeout, 0) }},
	{"quarantined", "boolean", "no", "hold the server back until a person approves it; default false", (*entry).quarantined,
		func(s *Server) any { return writtenSwitch(s.Quarantined, false) }},
	{"tool_changes", "string", "no", "review (default): changed tools are used as approved, or held back until approved; auto: they are not", (*entry).toolChanges,
		func(s *Server) any { return writtenWord(s.ToolChanges, ToolChangesReview) }},
	{"enabled_tools", "array", "no", "only these tools; * matches any text", (*entry).enabledTools,
		func(s *Server) any { return writtenList(s.EnabledTools, s.EnabledTools != nil) }},
	{"disabled_tools", "array", "no", "never these tools; * matches any text", (*entry).disabledTools,
		func(s *Server) any { return writtenList(s.DisabledTools, len(s.DisabledTools) > 0) }},
	{"oauth", "object", "no", "login, for servers that want another one than the default: client_id, client_secret, scopes, account and more", (*entry).oauth,
		(*Server).writtenOAuth},
	{"isolation", "object", "no", "confinement: type (docker, sandbox, auto or none), image, memory_limit, cpu_limit, network, mounts, working_dir and more", (*entry).isolation,
		(*Server).writtenIsolation},
}

// Names of the top-level keys.
const (
	keyServers       = "mcpServers"
	keyServersVSCode = "servers"
	keyInputs        = "inputs"
	keySchema        = "$schema"
	keyFirstListWait = "first_list_wait"
	keyMaxStarts     = "max_parallel_starts"
	keyMaxNameLength = "max_name_length"
	keyApproval      = "approval"
	keyConfirm       = "approval_confirm"
	keyIsolation     = "isolation"
)

var topLevelKeys = []string{keyServers, keyServersVSCode, keyInputs, keySchema, keyFirstListWait, keyMaxStarts, keyMaxNameLength, keyApproval, keyConfirm, keyIsolation}

// Values of Config.Approval: who may approve a server that is held.
const (
	ApprovalHuman = "human" // a person, asked by the client, with a code, or on a terminal
	ApprovalOOB   = "oob"   // a person on a terminal or in the editor only
	ApprovalHost  = "host"  // whoever the client lets call quarantine_approve
	ApprovalOff   = "off"   // nobody: nothing is held
)

// Values of Config.ApprovalConfirm: where the digits are shown that a person types on a terminal to approve.
const (
	ConfirmTerminal = "terminal" // there
	ConfirmDesktop  = "desktop"  // in a notification, which whoever operates the terminal can't read there
)

var confirmations = []string{ConfirmTerminal, ConfirmDesktop}

var approvalPolicies = []string{ApprovalHuman, ApprovalOOB, ApprovalHost, ApprovalOff}

// laterOptions are documented for versions to come. Written today, they are told
// and have no effect.
var laterOptions = []string{"share"}

func optionNamed(name string) *OptionSpec {
	for i := range Options {
		if Options[i].Name == name {
			return &Options[i]
		}
	}
	return nil
}

func optionNames() []string {
	names := make([]string, len(Options))
	for i, o := range Options {
		names[i] = o.Name
	}
	return names
}

// nearest returns the candidate that name was most likely meant to be, or "" if
// none is near. Case, underscores and hyphens do not count: workingDir is
// working_dir.
func nearest(name string, candidates []string) string {
	if len(name) > 64 {
		return ""
	}
	plain := strings.NewReplacer("_", "", "-", "")
	key := plain.Replace(strings.ToLower(name))
	best, bestDistance := "", 1+max(1, len(key)/3)
	for _, c := range candidates {
		if d := editDistance(key, plain.Replace(strings.ToLower(c))); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// suggest words the nearest candidate as a remedy, or lists all of them.
func suggest(name string, candidates []string) string {
	if near := nearest(name, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return "known are " + strings.Join(candidates, ", ")
}

// editDistance is the optimal string alignment distance in bytes: insertions,
// deletions, replacements and swaps of neighbours.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
