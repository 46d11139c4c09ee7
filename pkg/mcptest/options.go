package mcptest

import (
	"encoding/json"
	"slices"
	"time"
)

// Lifetime bounds every process of this package that ignores signals or hangs
// on purpose, so that a failing test does not leave one behind for ever.
const Lifetime = 5 * time.Minute

// Fault names one way in which a scripted upstream misbehaves.
type Fault string

// The faults of a [Server]. Those marked stdio mean nothing over HTTP.
const (
	FaultHangInitialize  Fault = "hang-initialize"    // never answers initialize
	FaultHangDiscover    Fault = "hang-discover"      // never answers server/discover; without it -32601
	FaultExitOnDiscover  Fault = "exit-on-discover"   // ends with ExitCode on server/discover
	FaultExitAtStart     Fault = "exit-at-start"      // stdio: writes StderrText, ends with ExitCode before it reads anything
	FaultGarbageStdout   Fault = "garbage-stdout"     // stdio: noise lines before the first frame and before each one
	FaultHalfLine        Fault = "half-line"          // stdio: half of the answer to initialize, then silence
	FaultFork            Fault = "fork"               // stdio: a grandchild in its own session holds stdout and stderr and ignores SIGTERM
	FaultForkGroup       Fault = "fork-group"         // stdio: the same, but the grandchild stays in the process group
	FaultIgnoreEOF       Fault = "ignore-eof"         // stdio: ignores the end of stdin, SIGTERM, SIGINT and SIGHUP
	FaultStderrFlood     Fault = "stderr-flood"       // stdio: StderrBytes bytes of stderr, started with the server
	FaultPagesForever    Fault = "pages-forever"      // each page of each list has a next cursor
	FaultPagesLoop       Fault = "pages-loop"         // each page is the first one and has the same next cursor
	FaultNoRead          Fault = "no-read"            // stdio: stops reading stdin after NoReadAfter messages
	FaultListStorm       Fault = "list-changed-storm" // StormCount times tools/list_changed after notifications/initialized
	FaultAnswerTwice     Fault = "answer-twice"       // each answer is sent two times
	FaultStrayAnswers    Fault = "stray-answers"      // an answer to an id never sent and an error with id null before each answer
	FaultAnswerCancelled Fault = "answer-cancelled"   // a cancelled call runs to its end and is answered all the same
	FaultStrictInit      Fault = "strict-init"        // requests before notifications/initialized are refused with -32600
	FaultCRLF            Fault = "crlf"               // stdio: lines end in CR LF
)

// Server describes a scripted upstream. The zero value is a well-behaved one
// with the built-in tools, two prompts, three resources and a template.
// Durations are nanoseconds in JSON, as encoding/json writes them.
type Server struct {
	Name         string `json:"name,omitempty"`         // serverInfo.name; default "mcptest"
	Version      string `json:"version,omitempty"`      // serverInfo.version; default "1.0.0"
	Instructions string `json:"instructions,omitempty"` // left out of initialize when empty

	// ProtocolVersion answers initialize; empty takes the client's if it is a
	// legacy revision, else 2025-11-25.
	ProtocolVersion string `json:"protocolVersion,omitempty"`
	// Capabilities replaces the declared capabilities, as they stand. What is
	// missing there is answered with -32601.
	Capabilities json.RawMessage `json:"capabilities,omitempty"`

	Tools         int               `json:"tools,omitempty"`         // generated tools tool_00001 … behind the built-in ones
	Builtins      []string          `json:"builtins,omitempty"`      // the built-in tools to list; nil lists all, all can be called
	ExtraTools    []json.RawMessage `json:"extraTools,omitempty"`    // definitions listed as they stand; a call gives its arguments back
	ExtraPrompts  []json.RawMessage `json:"extraPrompts,omitempty"`  // likewise
	Resources     int               `json:"resources,omitempty"`     // static/1 … ; 0 means 3, negative none
	ResourceURIs  []string          `json:"resourceURIs,omitempty"`  // more resources
	URIBase       string            `json:"uriBase,omitempty"`       // default "test://"
	TaskPrefix    string            `json:"taskPrefix,omitempty"`    // of task ids; default NAME-task-
	TextVersion   int               `json:"textVersion,omitempty"`   // changes every description
	SchemaVersion int               `json:"schemaVersion,omitempty"` // changes every input schema
	PageSize      int               `json:"pageSize,omitempty"`      // of every list; 0 means all at once
	// CapabilityTools lists sample, elicit and roots only after
	// notifications/initialized and only to clients that declared the ability,
	// announced by list_changed, as server-everything does.
	CapabilityTools bool `json:"capabilityTools,omitempty"`
	// IDLast writes {"result":…,"jsonrpc":"2.0","id":…}, as server-everything does.
	IDLast bool `json:"idLast,omitempty"`

	InitDelay     time.Duration `json:"initDelay,omitempty"`     // before initialize is answered
	ListDelay     time.Duration `json:"listDelay,omitempty"`     // before a list is answered
	ExitAfterInit time.Duration `json:"exitAfterInit,omitempty"` // ends with ExitCode so long after the answer to initialize
	ExitDelay     time.Duration `json:"exitDelay,omitempty"`     // stdio: between the end of stdin and the exit

	Faults      []Fault `json:"faults,omitempty"`
	StderrText  string  `json:"stderrText,omitempty"`  // written at start, with or without a fault
	ExitCode    int     `json:"exitCode,omitempty"`    // of the exiting faults
	StderrBytes int     `json:"stderrBytes,omitempty"` // of stderr-flood; 0 means 16 MiB
	NoReadAfter int     `json:"noReadAfter,omitempty"` // of no-read
	StormCount  int     `json:"stormCount,omitempty"`  // of list-changed-storm; 0 means 1000

	Rug     *Rug   `json:"rug,omitempty"`     // what it offers once it is trusted
	CallLog string `json:"callLog,omitempty"` // a file that gets a line "method name" for each tools/call, prompts/get and resources/read
	// Greeting is sent after notifications/initialized, each frame as it stands.
	Greeting []string `json:"greeting,omitempty"`

	// Mark is of no use to the server; it stands in the environment that
	// [Command] gives, so that [ProcessesWithEnv] finds its processes again.
	Mark string `json:"mark,omitempty"`
}

func (s *Server) has(f Fault) bool { return slices.Contains(s.Faults, f) }

// withDefaults fills what the zero value leaves open.
func (s Server) withDefaults() Server {
	or := func(v *string, def string) {
		if *v == "" {
			*v = def
		}
	}
	or(&s.Name, "mcptest")
	or(&s.Version, "1.0.0")
	or(&s.URIBase, "test://")
	or(&s.TaskPrefix, s.Name+"-task-")
	if s.Resources == 0 {
		s.Resources = 3
	}
	if s.StormCount == 0 {
		s.StormCount = 1000
	}
	if s.StderrBytes == 0 {
		s.StderrBytes = 16 << 20
	}
	return s
}

// Tool writes a tool definition for [Server.ExtraTools]: any name, any text, an
// input schema that takes everything.
func Tool(name, description string) json.RawMessage {
	return toolJSON(name, description, `{"type":"object"}`, "")
}

// Text is what the tool bytes answers: n bytes of a repeated alphabet in which
// no JSON escape is needed.
func Text(n int) string { return string(appendText(make([]byte, 0, max(n, 0)), n)) }

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func appendText(b []byte, n int) []byte {
	start := len(b)
	for n > 0 {
		chunk := alphabet
		if done := b[start:]; len(done) >= len(alphabet) {
			// Doubling what is there keeps the period, since it is a whole number of alphabets.
			chunk = string(done[:min(len(done)/len(alphabet)*len(alphabet), 64<<10)])
		}
		k := min(n, len(chunk))
		b = append(b, chunk[:k]...)
		n -= k
	}
	return b
}
