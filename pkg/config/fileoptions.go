package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tailscale/hujson"
)

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

// Names of top-level keys that are read in ways of their own.
const (
	keyServers       = "mcpServers"
	keyServersVSCode = "servers"
	keyInputs        = "inputs"
	keySchema        = "$schema"
	keyIsolation     = "isolation"
)

// fileOptions are the options at the top of the file, in the order in which unknown ones are told of them.
var fileOptions = options[Config]{
	{name: keyServers, kind: "array", meaning: "the servers"},
	{name: keyServersVSCode, kind: "array", meaning: "the servers, as VS Code names them"},
	{name: keyInputs, kind: "array", meaning: "VS Code's: what `${input:NAME}` stands for"},
	{name: keySchema, kind: "string", meaning: "the JSON schema of this file"},
	{
		name: "first_list_wait", standard: DefaultFirstListWait,
		meaning: "how long the very first list waits for servers never seen before " +
			"while none of them comes on; default 8 s",
		field: func(c *Config) any { return &c.FirstListWait },
	},
	{
		name: "max_parallel_starts", least: 1, most: 1000, // more servers than anybody starts at a time
		meaning: "how many servers of this machine may start at a time; " +
			"default: as many as there are processors, and at least two",
		more:   ". What a call waits for comes first, then what is quick to start",
		field:  func(c *Config) any { return &c.MaxStarts },
		remedy: "leave it out to have as many as there are processors",
	},
	{
		name: "max_name_length", least: 24, most: 64, standard: DefaultMaxNameLength,
		meaning: "longest name of a tool or prompt towards clients, 24 to 64; " +
			"default 48, since clients put up to 16 characters in front",
		field:  func(c *Config) any { return &c.MaxNameLength },
		remedy: "48 leaves room for what clients put in front",
	},
	{
		name: "approval", values: []string{ApprovalHuman, ApprovalOOB, ApprovalHost, ApprovalOff}, standard: ApprovalHuman,
		meaning: "who may approve what is held: `human` (default), " +
			"`oob` (a person on a terminal only, best where the agent has a shell), " +
			"`host` (whoever the client lets call `quarantine_approve`), " +
			"`off` (nothing of your own file is held, changes are taken over)",
		more:   ". A looser one counts once you have confirmed it with `mcpproxy-stdio approve --policy`",
		field:  func(c *Config) any { return &c.Approval },
		remedy: "human is the default",
	},
	{
		name: "approval_confirm", values: []string{ConfirmTerminal, ConfirmDesktop}, standard: ConfirmTerminal,
		meaning: "where the four digits are shown that you type on a terminal to approve: `terminal` (default), or `desktop`, " +
			"a desktop notification (Linux), which a program that operates the terminal does not see there",
		more:   ". Going back to `terminal` counts once you have confirmed it with `approve --policy`",
		field:  func(c *Config) any { return &c.ApprovalConfirm },
		remedy: "terminal is the default; desktop is in force until this is mended",
		broken: ConfirmDesktop, // whatever was meant, it was not the default
	},
	{
		name: keyIsolation, kind: "object",
		meaning: "how servers are confined by default", more: ": [above](#the-options-of-isolation)",
	},
}

// option reads an option at the top of the file.
func (d *decoder) option(o *option[Config], v hujson.Value) {
	switch p := o.field(d.config).(type) {
	case *time.Duration:
		wait, problem := durationOf(v, true)
		if problem != nil {
			d.topLevelError(o.name, v, *problem)
			return
		}
		*p = wait
	case *int:
		n, ok := integerOf(v)
		if !ok || n < o.least || n > o.most {
			message := fmt.Sprintf("must be a whole number from %d to %d", o.least, o.most)
			d.topLevelError(o.name, v, Problem{Value: shown(v), Message: message, Remedy: o.remedy})
			return
		}
		*p = int(n)
	case *string:
		if v.Value.Kind() == '"' && slices.Contains(o.values, textOf(v)) {
			*p = textOf(v)
			return
		}
		if o.broken != nil {
			*p = o.broken.(string)
		}
		message := "must be one of " + strings.Join(o.values, ", ")
		d.topLevelError(o.name, v, Problem{Value: shown(v), Message: message, Remedy: o.remedy})
	}
}

func (d *decoder) topLevelError(key string, at hujson.Value, p Problem) {
	p.Severity, p.Message = SeverityError, key+" "+p.Message
	p.Remedy += "; until then the default counts"
	d.add(at.StartOffset, p)
}
