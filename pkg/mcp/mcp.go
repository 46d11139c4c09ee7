// Package mcp is the Model Context Protocol's vocabulary: method names, revisions, error codes, and where
// in a message the few values stand that a relay has to read or replace.
//
// It holds no types for results, tools or contents: those pass as bytes.
package mcp

import "slices"

// Revisions of MCP with an initialize handshake, oldest first. The stateless 2026-07-28 is not among
// them: an initialize never settles on it.
var Revisions = []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}

// Latest is the newest revision with a handshake.
const Latest = "2025-11-25"

// Rules are what the revisions with a handshake differ in, as far as a relay has to know.
type Rules struct {
	Batches       bool // JSON-RPC batches
	Completions   bool // the capability; before, servers complete without declaring it
	Tasks         bool
	VersionHeader bool // the header MCP-Protocol-Version; strict servers may refuse an older date in it
}

var rules = map[string]Rules{
	"2024-11-05": {},
	"2025-03-26": {Batches: true, Completions: true, VersionHeader: true},
	"2025-06-18": {Completions: true, VersionHeader: true},
	"2025-11-25": {Completions: true, VersionHeader: true, Tasks: true},
}

// RulesOf are the rules of a revision; of one that is not known, those of the oldest.
func RulesOf(revision string) Rules { return rules[revision] }

// Negotiate answers the revision a client asked for: the same if it is known, else the newest
// (MCP 2025-11-25, lifecycle, version negotiation).
func Negotiate(asked string) string {
	if Known(asked) {
		return asked
	}
	return Latest
}

// Known tells whether a handshake may settle on the revision.
func Known(revision string) bool { return slices.Contains(Revisions, revision) }

// Methods.
const (
	Initialize       = "initialize"
	Initialized      = "notifications/initialized"
	Discover         = "server/discover" // 2026-07-28
	Ping             = "ping"
	Cancelled        = "notifications/cancelled"
	Progress         = "notifications/progress"
	ToolsList        = "tools/list"
	ToolsCall        = "tools/call"
	ToolsChanged     = "notifications/tools/list_changed"
	PromptsList      = "prompts/list"
	PromptsGet       = "prompts/get"
	PromptsChanged   = "notifications/prompts/list_changed"
	ResourcesList    = "resources/list"
	TemplatesList    = "resources/templates/list"
	ResourcesRead    = "resources/read"
	Subscribe        = "resources/subscribe"
	Unsubscribe      = "resources/unsubscribe"
	ResourcesChanged = "notifications/resources/list_changed"
	ResourcesUpdated = "notifications/resources/updated"
	Complete         = "completion/complete"
	SetLevel         = "logging/setLevel"
	LogMessage       = "notifications/message"
	RootsList        = "roots/list"
	RootsChanged     = "notifications/roots/list_changed"
	Sampling         = "sampling/createMessage"
	Elicit           = "elicitation/create"

	ElicitationComplete = "notifications/elicitation/complete"

	TasksGet    = "tasks/get"
	TasksResult = "tasks/result"
	TasksList   = "tasks/list"
	TasksCancel = "tasks/cancel"
	TasksStatus = "notifications/tasks/status"
)

// Error codes (JSON-RPC 2.0, section 5.1). Refusals of the proxy itself use these standard ones; what an
// upstream answers passes unchanged.
const (
	ParseError     = -32700
	InvalidRequest = -32600
	MethodNotFound = -32601
	InvalidParams  = -32602
	InternalError  = -32603

	ResourceNotFound       = -32002 // MCP 2025-11-25, resources, error handling: of the revisions with a handshake
	URLElicitationRequired = -32042 // MCP 2025-11-25, elicitation; to clients of that revision only
)

// LogLevels are the values of logging/setLevel, lowest first (RFC 5424).
var LogLevels = []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}
