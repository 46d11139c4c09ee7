package config

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// LaunchKey is the hex SHA-256 of [Server.Launch]. An approval is bound to it: another worktree or a new token asks nobody again.
func (s *Server) LaunchKey() string {
	launch, err := jsonrpc.Canonical(s.Launch())
	if err != nil {
		panic(err) // it was marshalled a moment ago
	}
	sum := sha256.Sum256(launch)
	return hex.EncodeToString(sum[:])
}

// telling are variables that decide what a program runs, whatever its command is: their values count as part of the launch. They are in
// capitals: npm reads its own in any case, and on Windows all names are so.
var telling = []string{"BASH_ENV", "BUN_OPTIONS", "CLASSPATH", "COMSPEC", "DENO_OPTIONS", "DOTNET_STARTUP_HOOKS", "DYLD_FRAMEWORK_PATH", "DYLD_INSERT_LIBRARIES",
	"DYLD_LIBRARY_PATH", "ENV", "GIT_CONFIG_GLOBAL", "GIT_EXEC_PATH", "GIT_SSH", "GIT_SSH_COMMAND", "HOME", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "LD_AUDIT",
	"LD_LIBRARY_PATH", "LD_PRELOAD", "NODE_OPTIONS", "NODE_PATH", "NPM_CONFIG_GLOBALCONFIG", "NPM_CONFIG_REGISTRY", "NPM_CONFIG_USERCONFIG", "PATH", "PATHEXT",
	"PERL5LIB", "PERL5OPT", "PIP_CONFIG_FILE", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONUSERBASE", "RUBYLIB",
	"RUBYOPT", "UV_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_INDEX_URL", "UV_PYTHON", "_JAVA_OPTIONS"}

// launchVar is a variable or a header in a launch: its name, what its value refers to, and the value itself where that decides what is run.
type launchVar struct {
	Name  string   `json:"name"`
	Refs  []string `json:"refs,omitempty"`
	Value string   `json:"value,omitempty"`
}

// Launch is the launch as written, references unresolved, as a JSON object: protocol, command, arguments, directory, URL and whether
// plain http is allowed, isolation, login but for its secret, and of variables and headers the names and what their values refer to, not
// the values; for the few variables that decide what is run, the value too. An entry of a workspace carries the digest of its text and its
// file's path, so that one changed byte makes it another.
func (s *Server) Launch() []byte {
	vars := func(all []Var) []launchVar {
		out := make([]launchVar, 0, len(all))
		for _, v := range all {
			l := launchVar{Name: v.Name, Refs: s.refs(v.Value)}
			if slices.Contains(telling, strings.ToUpper(v.Name)) {
				l.Value = v.Value
			}
			out = append(out, l)
		}
		slices.SortFunc(out, func(a, b launchVar) int { return strings.Compare(a.Name, b.Name) })
		return out
	}
	launch := struct {
		Protocol  string      `json:"protocol"`
		Command   string      `json:"command,omitempty"`
		Args      []string    `json:"args,omitempty"`
		Dir       string      `json:"working_dir,omitempty"`
		Env       []launchVar `json:"env,omitempty"`
		URL       string      `json:"url,omitempty"`
		AllowHTTP bool        `json:"allow_http,omitempty"`
		Headers   []launchVar `json:"headers,omitempty"`
		OAuth     any         `json:"oauth,omitempty"`
		Isolation any         `json:"isolation,omitempty"`
		File      string      `json:"workspace_file,omitempty"`
		Entry     string      `json:"entry_sha256,omitempty"`
	}{Protocol: s.Protocol, Command: s.Command, Args: s.Args, Dir: s.Dir, Env: vars(s.Env), URL: s.URL, AllowHTTP: s.AllowInsecure, Headers: vars(s.Headers)}
	if s.OAuth != nil {
		launch.OAuth = s.launchOAuth()
	}
	if s.Isolation.Confined() {
		launch.Isolation = s.Isolation.launchJSON(s.Command)
	}
	if s.Workspace {
		launch.File, launch.Entry = s.Path, s.entry
	}
	text, err := json.Marshal(launch)
	if err != nil {
		panic(err) // strings alone
	}
	return text
}

// launchSecret is a secret in a launch: what it refers to, and whether something of it is written out.
type launchSecret struct {
	Refs    []string `json:"refs,omitempty"`
	Literal bool     `json:"literal,omitempty"`
}

// launchOAuth is the login as written, but for the secret's value: whatever else is changed may send the login elsewhere or have it ask for more.
func (s *Server) launchOAuth() oauthJSON {
	var secret any
	if text := s.OAuth.ClientSecret.Reveal(); text != "" {
		parts, _ := parseTemplate(text, s.objectForm)
		secret = launchSecret{s.refs(text), slices.ContainsFunc(parts, func(p part) bool { return p.text != "" })}
	}
	return s.OAuth.json(secret)
}

// refs are the variables and secrets that a text refers to, sorted, as env:NAME and keyring:NAME.
func (s *Server) refs(text string) []string {
	parts, _ := parseTemplate(text, s.objectForm)
	var refs []string
	for _, p := range parts {
		switch p.kind {
		case partEnv:
			refs = append(refs, "env:"+p.name)
		case partKeyring:
			refs = append(refs, "keyring:"+p.name)
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// allRefs are the variables and secrets that the entry refers to anywhere.
func (s *Server) allRefs() []string {
	env, keyring := s.References()
	var refs []string
	for _, name := range env {
		refs = append(refs, "env:"+name)
	}
	for _, name := range keyring {
		refs = append(refs, "keyring:"+name)
	}
	return refs
}

// InstanceKey is the hex SHA-256 of the resolved launch, values included, with
// isolation and account: two launches with the same key are the same process.
// It is made from secrets and is kept in memory only.
func (s *Server) InstanceKey(l Launch) string {
	k := newKey("instance 1")
	k.strings(l.Protocol, l.Command, l.Dir, l.URL)
	k.list(l.Args)
	k.vars(l.Env)
	k.vars(l.Headers)
	k.isolation(l.Isolation)
	k.oauth(l.OAuth)
	return k.sum()
}

// key hashes a sequence of strings and lists. Each goes in with its length, so
// that no two sequences give the same bytes.
type key struct{ h hash.Hash }

func newKey(purpose string) key {
	k := key{sha256.New()}
	k.strings("mcpproxy-stdio " + purpose)
	return k
}

func (k key) number(n int) {
	k.h.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func (k key) strings(texts ...string) {
	for _, t := range texts {
		k.number(len(t))
		k.h.Write([]byte(t))
	}
}

func (k key) list(texts []string) {
	k.number(len(texts))
	k.strings(texts...)
}

func (k key) vars(vars []Var) {
	k.number(len(vars))
	for _, v := range slices.SortedFunc(slices.Values(vars), func(a, b Var) int { return strings.Compare(a.Name, b.Name) }) {
		k.strings(v.Name, v.Value)
	}
}

func (k key) isolation(i *Isolation) {
	if !i.Confined() {
		k.number(0)
		return
	}
	k.number(1)
	text, err := json.Marshal(i) // every field, and one text for each value
	if err != nil {
		panic(err) // strings, numbers and booleans
	}
	k.strings(string(text))
}

func (k key) oauth(o *OAuth) {
	if o == nil {
		k.number(0)
		return
	}
	k.number(1)
	for _, t := range o.texts() {
		k.strings(*t.text)
	}
	k.strings(fmt.Sprint(o.Scopes == nil, o.OmitResource, o.StrictResource, o.AllowPrivate, o.RedirectPort))
	k.list(o.Scopes)
	k.list(o.ExtraScopes)
	k.vars(o.AuthorizeParams)
}

func (k key) sum() string { return hex.EncodeToString(k.h.Sum(nil)) }
