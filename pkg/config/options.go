package config

import (
	"strings"

	"github.com/tailscale/hujson"
)

// OptionSpec documents one option of an entry. The check of names, the schema of
// our own tools and the README's table are made from the same list.
type OptionSpec struct {
	Name     string
	Type     string // string, boolean, array, object, duration
	Required string // "yes", "no", or the protocol that needs it
	Meaning  string

	decode func(*entry, hujson.Value)
}

// Options lists every option of an entry, in the order of the documentation.
var Options = []OptionSpec{
	{"name", "string", "yes", "unique identifier", nil},
	{"command", "string", "stdio", "the program to run", (*entry).command},
	{"args", "array", "no", "its arguments", (*entry).args},
	{"url", "string", "http", "server URL: https, or http on loopback", (*entry).url},
	{"allow_http", "boolean", "no", "allow plain http to other machines; default false", (*entry).allowHTTP},
	{"protocol", "string", "yes", "stdio, http, or sse for old servers; inferred from command or url in the object form only", (*entry).protocol},
	{"enabled", "boolean", "no", "default true", (*entry).enabled},
	{"working_dir", "string", "no", "directory for stdio servers; default: the workspace", (*entry).workingDir},
	{"env", "object", "no", "environment to pass, on top of a short allow-list", (*entry).env},
	{"headers", "object", "no", "HTTP headers to send", (*entry).headers},
	{"start", "string", "no", "lazy (default): when first needed; eager: at once", (*entry).start},
	{"start_timeout", "duration", "no", "how long a start may go without a sign of life; default 60 s", (*entry).startTimeout},
	{"start_wait", "duration", "no", "how long a call waits for a start; default 45 s", (*entry).startWait},
	{"call_timeout", "duration", "no", "longest call; default none", (*entry).callTimeout},
	{"idle_timeout", "duration", "no", "stop after this long without a call; default none", (*entry).idleTimeout},
	{"quarantined", "boolean", "no", "hold the server back until a person approves it; default false", (*entry).quarantined},
	{"tool_changes", "string", "no", "review (default): changed tools are held back until approved; auto: they are not", (*entry).toolChanges},
	{"enabled_tools", "array", "no", "only these tools; * matches any text", (*entry).enabledTools},
	{"disabled_tools", "array", "no", "never these tools; * matches any text", (*entry).disabledTools},
	{"oauth", "object", "no", "login, for servers that want another one than the default: client_id, client_secret, scopes, account and more", (*entry).oauth},
	{"isolation", "object", "no", "confinement: type (docker, sandbox, auto or none), image, memory_limit, cpu_limit, network, mounts, working_dir and more", (*entry).isolation},
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

// aliases are names that the object form has for our options. Claude, Cursor and
// opencode write cwd, Cursor auth.
var aliases = map[string]string{"type": "protocol", "cwd": "working_dir", "disabled": "enabled", "auth": "oauth"}

// foreignOptions are options of other clients that mean nothing here, with what to
// write instead where there is something.
var foreignOptions = map[string]string{
	"alwaysAllow":    "which tools need no question is the client's to decide",
	"autoApprove":    "which tools need no question is the client's to decide",
	"trust":          "which tools need no question is the client's to decide",
	"description":    "use a comment",
	"dev":            "remove it",
	"envFile":        "name the variables in env; ${env:NAME} reads them from the environment",
	"excludeTools":   "use disabled_tools",
	"gallery":        "remove it",
	"includeTools":   "use enabled_tools",
	"initTimeout":    "use start_timeout",
	"networkTimeout": "use call_timeout",
	"note":           "use a comment",
	"oauthScopes":    "use oauth with scopes",
	"timeout":        "use call_timeout, in seconds",
	"tools":          "use enabled_tools",
	"version":        "remove it",
}

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
