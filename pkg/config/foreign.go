package config

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tailscale/hujson"
)

// A spelling is how other clients write an option. What restrains a server is read with its meaning, or the entry is
// refused: a server must not run with more than its entry allows.
type spelling struct {
	key    string // as it is written; case, underscores and hyphens do not count
	used   string // where
	option string // ours, which it becomes; "": none
	decode func(*entry, hujson.Value)
	refuse string // not empty: what to do instead, for an entry that can't be run as it was meant
	ignore string // not empty: nothing is lost without it, and what to write where there is something

	mild func(hujson.Value) bool // of one that is refused: tells the values that restrain nothing; nil: those that say nothing
}

const (
	clientDecides = "which tools need no question is the client's to decide"
	useComment    = "use a comment"
	removeIt      = "remove it"
	startsLazily  = `servers start when they are first needed, which is "start": "lazy"; to start it at once, write "start": "eager"`
	nameTools     = "name the tools in enabled_tools, or have the server itself choose its sets, by an argument, a variable or a header"
)

// spellings is the only place that knows how other clients write a server. An option without a decode function has
// the values of ours.
var spellings = []spelling{
	{key: "type", used: "Claude, VS Code, Cursor, Cline and others", option: "protocol"},
	{key: "transport", used: "LangChain, Continue, MCP registries", option: "protocol"},
	{key: "cmd", used: "Goose", option: "command"},
	{key: "httpUrl", used: "Gemini, Qwen", option: "url"},
	{key: "serverUrl", used: "Windsurf, Antigravity", option: "url"},
	{key: "baseUrl", used: "Cherry Studio", option: "url"},
	{key: "cwd", used: "Claude, Cursor, Gemini, opencode", option: "working_dir"},
	{key: "workingDirectory", used: "Warp", option: "working_dir"},
	{key: "environment", used: "opencode", option: "env"},
	{key: "envs", used: "Goose", option: "env"},
	{key: "envFile", used: "VS Code, Cursor", option: "env_file"},
	{key: "disabled", used: "Cline, Roo, Windsurf, Kiro", option: "enabled", decode: (*entry).disabled},
	{key: "isActive", used: "Cherry Studio", option: "enabled"},
	{key: "auth", used: "Cursor", option: "oauth"},
	{key: "oauthScopes", used: "LM Studio", option: "oauth", decode: (*entry).oauthScopesAlone},

	{key: "disabledTools", used: "Windsurf, Roo, Kiro, Codex", option: "disabled_tools", decode: (*entry).toolsBarred},
	{key: "excludeTools", used: "Gemini, Qwen", option: "disabled_tools", decode: (*entry).toolsBarred},
	{key: "excludedTools", used: "various", option: "disabled_tools", decode: (*entry).toolsBarred},
	{key: "disallowedTools", used: "Claude", option: "disabled_tools", decode: (*entry).toolsBarred},
	{key: "blockedTools", used: "various", option: "disabled_tools", decode: (*entry).toolsBarred},
	{key: "deniedTools", used: "various", option: "disabled_tools", decode: (*entry).toolsBarred},
	{key: "enabledTools", used: "Codex", option: "enabled_tools", decode: (*entry).toolsAllowed},
	{key: "includeTools", used: "Gemini, Qwen, Amp", option: "enabled_tools", decode: (*entry).toolsAllowed},
	{key: "includedTools", used: "various", option: "enabled_tools", decode: (*entry).toolsAllowed},
	{key: "allowedTools", used: "various", option: "enabled_tools", decode: (*entry).toolsAllowed},
	{key: "availableTools", used: "Goose", option: "enabled_tools", decode: (*entry).toolsAllowed},
	{key: "tools", used: "Copilot", option: "enabled_tools", decode: (*entry).toolsAllowed},

	{key: "timeout", used: "most clients", option: "call_timeout", decode: (*entry).callLimit},
	{key: "networkTimeout", used: "various", option: "call_timeout", decode: (*entry).callLimit},
	{key: "requestTimeout", used: "various", option: "call_timeout", decode: (*entry).callLimit},
	{key: "toolTimeoutSec", used: "Codex", option: "call_timeout"},
	{key: "initTimeout", used: "LibreChat", option: "start_timeout", decode: (*entry).startLimit},
	{key: "startupTimeoutSec", used: "Codex", option: "start_timeout"},
	{key: "startupTimeoutMs", used: "Codex", option: "start_timeout", decode: (*entry).startMilliseconds},

	{key: "headersHelper", used: "Claude Code", refuse: "it names a program that prints headers, which is not run here: put the header into headers with ${keyring:NAME}, or use oauth"},
	{key: "sandbox", used: "VS Code", refuse: `write "isolation": {"type": "sandbox"}`},
	{key: "sandboxEnabled", used: "VS Code", refuse: `write "isolation": {"type": "sandbox"}`},
	{key: "permissions", used: "various", refuse: "write isolation, enabled_tools or disabled_tools"},
	{key: "readOnly", used: "various", refuse: "name the tools in enabled_tools"},
	{key: "network", used: "various", mild: leavesNetwork, refuse: `write "isolation": {"type": "sandbox", "network": "none"}`},
	{key: "requireApproval", used: "OpenAI, Azure", mild: asksNobody, refuse: "your client is what asks before a call: set it there, and remove it here"},
	{key: "toolsets", used: "GitHub Copilot", mild: allSets, refuse: nameTools},
	{key: "toolset", used: "various", mild: allSets, refuse: nameTools},
	{key: "registryUrl", used: "Cherry Studio", refuse: "it decides where the package comes from: name it in env, as npm_config_registry or UV_DEFAULT_INDEX"},

	{key: "alwaysAllow", used: "Roo", ignore: clientDecides},
	{key: "autoApprove", used: "Cline, Kiro", ignore: clientDecides},
	{key: "trust", used: "Gemini", ignore: clientDecides},
	{key: "disabledAutoApproveTools", used: "Cherry Studio", ignore: clientDecides},
	{key: "description", used: "various", ignore: useComment},
	{key: "note", used: "various", ignore: useComment},
	{key: "title", used: "various", ignore: useComment},
	{key: "displayName", used: "various", ignore: useComment},
	{key: "dev", used: "VS Code", ignore: removeIt},
	{key: "gallery", used: "VS Code", ignore: removeIt},
	{key: "version", used: "VS Code", ignore: removeIt},
	{key: "source", used: "Zed", ignore: removeIt},
	{key: "watchPaths", used: "Roo", ignore: removeIt},
	{key: "longRunning", used: "Cherry Studio", ignore: removeIt},
	{key: "provider", used: "Cherry Studio", ignore: removeIt},
	{key: "providerUrl", used: "Cherry Studio", ignore: removeIt},
	{key: "logoUrl", used: "Cherry Studio", ignore: removeIt},
	{key: "icon", used: "various", ignore: removeIt},
	{key: "tags", used: "Cherry Studio", ignore: removeIt},
	{key: "autoStart", used: "AnythingLLM, Reasonix", ignore: startsLazily},
	{key: "startOnLaunch", used: "Warp", ignore: startsLazily},
	{key: "authProviderType", used: "Gemini", ignore: "use oauth, or headers.Authorization with ${keyring:NAME}"},
}

// leavesNetwork tells whether a value of network leaves the server its network.
func leavesNetwork(v hujson.Value) bool {
	switch v.Value.Kind() {
	case '"':
		return !slices.Contains(withoutNetwork, plainKey(textOf(v)))
	case '{', '[':
		return saysNothing(v)
	}
	return v.Value.Kind() != 'f'
}

var withoutNetwork = []string{"none", "off", "no", "false", "disabled", "deny", "denied", "block", "blocked", "isolated", "offline", "restricted"}

// asksNobody tells whether a value of require_approval has no call asked about. Without a value OpenAI asks about all calls, and so it does
// about those of tools that "never" does not name.
func asksNobody(v hujson.Value) bool {
	return v.Value.Kind() == '"' && plainKey(textOf(v)) == "never" || v.Value.Kind() == 'f' || v.Value.Kind() == 'n'
}

// allSets tells whether toolsets, which are GitHub's names for groups of its tools, leave none out.
func allSets(v hujson.Value) bool {
	named := func(v hujson.Value) bool {
		return v.Value.Kind() == '"' && slices.Contains([]string{"all", "*"}, strings.TrimSpace(textOf(v)))
	}
	if list, ok := v.Value.(*hujson.Array); ok {
		return slices.ContainsFunc(list.Elements, named)
	}
	return named(v) || v.Value.Kind() == 'n' || v.Value.Kind() == 't'
}

// users are the clients that write the option, for a sentence.
func (s *spelling) users() string {
	if s.used == "various" {
		return "other clients"
	}
	return s.used
}

// plainKey is a key without what differs between spellings.
func plainKey(key string) string { return separators.Replace(strings.ToLower(key)) }

var separators = strings.NewReplacer("_", "", "-", "") // making one takes longer than reading an entry

// plainSpellings are the spellings by their plain keys.
var plainSpellings = sync.OnceValue(func() map[string]*spelling {
	all := make(map[string]*spelling, len(spellings))
	for i := range slices.Backward(spellings) { // of several the first counts
		all[plainKey(spellings[i].key)] = &spellings[i]
	}
	return all
})

// spelledAs finds how other clients write an option; nil if none of them is known to.
func spelledAs(key string) *spelling { return plainSpellings()[plainKey(key)] }

// canonicalOption is the option of ours that a key is read as, "" for none.
func canonicalOption(key string) string {
	if serverOptions.named(key) != nil {
		return key
	}
	plain := plainKey(key)
	same := func(o option[Server]) bool { return o.name != keyIsolation && plainKey(o.name) == plain }
	if i := slices.IndexFunc(serverOptions, same); i >= 0 {
		return serverOptions[i].name
	}
	if s := spelledAs(key); s != nil {
		return s.option
	}
	return ""
}

// saysNothing tells whether a value stands for an option that is not set.
func saysNothing(v hujson.Value) bool {
	switch list := v.Value.(type) {
	case *hujson.Array:
		return len(list.Elements) == 0
	case *hujson.Object:
		return len(list.Members) == 0
	}
	return v.Value.Kind() == 'n' || v.Value.Kind() == 'f' || v.Value.Kind() == '"' && textOf(v) == ""
}

func (e *entry) disabled(v hujson.Value) { e.switched(v, !e.boolean(v, true)) }

func (e *entry) oauthScopesAlone(v hujson.Value) {
	e.oauth(e.server, hujson.Value{
		StartOffset: v.StartOffset, EndOffset: v.EndOffset,
		Value: &hujson.Object{Members: []hujson.ObjectMember{{Name: literalOf("scopes"), Value: v}}},
	})
}

func (e *entry) toolsBarred(v hujson.Value) {
	barred, _, ok := e.toolNames(v)
	if ok {
		e.server.DisabledTools = barred
	}
}

// toolsAllowed reads a list of the only tools, or an object that switches single ones off.
func (e *entry) toolsAllowed(v hujson.Value) {
	allowed, off, ok := e.toolNames(v)
	switch {
	case !ok:
	case off != nil:
		e.server.DisabledTools = off
		e.seen["disabled_tools"] = v
	default:
		e.server.EnabledTools = append([]string{}, allowed...)
		if len(allowed) == 0 {
			e.warn(v, "[]", e.key+" is empty: no tool is offered", "remove it to offer all")
		}
	}
}

// toolNames reads a list of tools, or an object of switches, of which off are those that are false.
func (e *entry) toolNames(v hujson.Value) (names, off []string, ok bool) {
	before := e.failures
	obj, isObject := v.Value.(*hujson.Object)
	if !isObject {
		for _, name := range e.tools(v) {
			name, _, _ = strings.Cut(name, "(") // Gemini takes what stands in brackets for the tool's arguments
			names = append(names, name)
		}
		return names, nil, e.failures == before
	}
	off = []string{}
	for _, m := range obj.Members {
		switch m.Value.Value.Kind() {
		case 't':
		case 'f':
			off = append(off, keyOf(m))
		default:
			e.fail(m.Value, kindName(m.Value), e.key+" has something for a tool that cannot be kept", "write enabled_tools or disabled_tools")
			return nil, nil, false
		}
	}
	if _, twice := e.seen["disabled_tools"]; twice {
		e.fail(v, "", e.key+" and disabled_tools both say which tools are off", "keep disabled_tools")
		return nil, nil, false
	}
	return nil, off, true
}

// Numbers that other clients write for a time limit are seconds or milliseconds, by client.
const (
	mostSeconds       = 3600 // Roo's largest; a larger number is no number of seconds
	leastMilliseconds = 1000
)

func (e *entry) callLimit(v hujson.Value)  { e.limit(v, &e.server.CallTimeout, e.inMilliseconds(v)) }
func (e *entry) startLimit(v hujson.Value) { e.limit(v, &e.server.StartTimeout, e.inMilliseconds(v)) }

func (e *entry) startMilliseconds(v hujson.Value) { e.limit(v, &e.server.StartTimeout, true) }

// inMilliseconds tells whether a number is a time in milliseconds, by the client whose entry this seems to be.
func (e *entry) inMilliseconds(v hujson.Value) bool {
	number, _ := integerOf(v)
	switch {
	case e.marked("httpUrl", "includeTools", "excludeTools", "trust", "environment"): // Gemini, opencode
		return true
	case e.marked("autoApprove", "alwaysAllow", "isActive"): // Cline, Roo, Cherry Studio
		return number > mostSeconds
	}
	return number >= leastMilliseconds
}

// limit reads a time limit. A limit of calls may be 0, none.
func (e *entry) limit(v hujson.Value, d *time.Duration, inMilliseconds bool) {
	n, ok := integerOf(v)
	if ok && inMilliseconds && n > 0 && n <= int64(maxDuration/time.Millisecond) {
		*d = time.Duration(n) * time.Millisecond
		return
	}
	e.duration(v, d, d == &e.server.CallTimeout)
}

// marked tells whether the entry has one of the keys, which tell whose form it has.
func (e *entry) marked(keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return e.written[key] })
}

// Other clients also write references of their own: $NAME (Gemini, Copilot), {env:NAME} (opencode) and ${input:ID} (VS Code). They
// become ours when they are read, so that nothing else has to know them.

// rewritten is a text with the references of other clients as ours; value tells that it is the value of a variable or of a header.
func (e *entry) rewritten(text string, value bool) string {
	text = strings.ReplaceAll(text, "${input:", "${keyring:")
	if !e.server.objectForm {
		return text
	}
	if e.marked("environment") {
		text = strings.ReplaceAll(text, "{env:", "${env:")
		text = strings.ReplaceAll(text, "$${env:", "${env:")
	}
	if value && !e.dollars() { // only as a whole: $ occurs in passwords
		scheme, name, found := strings.Cut(text, " ")
		if !found {
			scheme, name = "", text
		} else {
			scheme += " "
		}
		if bare, ok := strings.CutPrefix(name, "$"); ok && isVariableName(bare) && bare == strings.ToUpper(bare) {
			return scheme + "${env:" + bare + "}"
		}
		return text
	}
	if !e.dollars() {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		rest := text[i:]
		switch name := leadingName(strings.TrimPrefix(rest, "$")); {
		case strings.HasPrefix(rest, "$$"):
			b.WriteString("$$")
			i += 2
		case rest[0] == '$' && name != "":
			b.WriteString("${env:" + name + "}")
			i += 1 + len(name)
		default:
			b.WriteByte(rest[0])
			i++
		}
	}
	return b.String()
}

// dollars tells whether $NAME is a reference anywhere in the entry: it is Gemini's.
func (e *entry) dollars() bool { return e.marked("httpUrl", "includeTools", "excludeTools", "trust") }

// leadingName is the name of a variable that a text begins with.
func leadingName(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool { return !only(string(r), "_") })
	if end < 0 {
		end = len(text)
	}
	if name := text[:end]; isVariableName(name) {
		return name
	}
	return ""
}

// protocolNamed is the protocol that a client's word for it means, "" for none.
func protocolNamed(text string) string {
	switch strings.ReplaceAll(plainKey(text), " ", "") {
	case "stdio", "local", "command":
		return ProtocolStdio
	case "http", "https", "streamablehttp", "httpstream", "httpstreaming", "streamable", "remote":
		return ProtocolHTTP
	case "sse":
		return ProtocolSSE
	}
	return ""
}

// InferProtocol is the protocol of a new entry that names none: a server with a URL that ends in /sse is one of the old transport.
func InferProtocol(command, url string) string {
	switch {
	case command != "":
		return ProtocolStdio
	case url == "":
		return ""
	}
	path, _, _ := strings.Cut(url, "?")
	path, _, _ = strings.Cut(path, "#")
	if strings.HasSuffix(strings.TrimRight(path, "/"), "/sse") {
		return ProtocolSSE
	}
	return ProtocolHTTP
}
