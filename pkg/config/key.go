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
	if s.launchKey != "" {
		return s.launchKey
	}
	launch, err := jsonrpc.Canonical(s.Launch())
	if err != nil {
		panic(err) // it was marshalled a moment ago
	}
	sum := sha256.Sum256(launch)
	return hex.EncodeToString(sum[:])
}

// Keyed returns c with the literal values of all launches hashed under key, the store's own. Launch keys can be compared
// with stored ones only after it. An entry that is added later by WithWorkspace is keyed as well. c itself is unchanged.
func (c *Config) Keyed(key []byte) *Config {
	keyed := *c
	keyed.key, keyed.Servers = key, slices.Clone(c.Servers)
	for i, s := range c.Servers {
		keyed.Servers[i] = s.keyed(key)
	}
	return &keyed
}

// keyed is a copy of s under a key, with its launch key, which is asked for in each call.
func (s *Server) keyed(key []byte) *Server {
	c := *s
	c.key, c.launchKey = key, ""
	c.launchKey = c.LaunchKey()
	return &c
}

// Launch is the launch as written, references unresolved, as a JSON object: protocol, command, arguments, directory, URL and
// whether plain http is allowed, isolation and login. Of variables, headers, the query of the URL and the parameters and the
// secret of a login, it has the names, what the values refer to, and a keyed hash of what is written out, so that it can be
// stored. What is plainly a token counts as being one and may be another one. An entry of a workspace carries the digest of
// its text and its file's path, so that one changed byte makes it another.
func (s *Server) Launch() []byte { return s.launch(false) }

// LaunchShown is Launch for the eyes of a person: with the values that the hashes of Launch stand for, but for tokens. It is
// never stored.
func (s *Server) LaunchShown() []byte { return s.launch(true) }

func (s *Server) launch(values bool) []byte {
	vars := func(purpose string, all []Var) []launchValue {
		out := make([]launchValue, 0, len(all))
		for _, v := range all {
			out = append(out, s.launchValue(purpose, v.Name, v.Value, values))
		}
		slices.SortStableFunc(out, func(a, b launchValue) int { return strings.Compare(a.Name, b.Name) })
		return out
	}
	address, query, _ := strings.Cut(s.URL, "?")
	launch := struct {
		Protocol  string        `json:"protocol"`
		Command   string        `json:"command,omitempty"`
		Args      []string      `json:"args,omitempty"`
		Dir       string        `json:"working_dir,omitempty"`
		Env       []launchValue `json:"env,omitempty"`
		EnvFile   string        `json:"env_file,omitempty"`
		Unset     []string      `json:"unset_env,omitempty"`
		URL       string        `json:"url,omitempty"`
		Query     []launchValue `json:"query,omitempty"`
		AllowHTTP bool          `json:"allow_http,omitempty"`
		Headers   []launchValue `json:"headers,omitempty"`
		OAuth     any           `json:"oauth,omitempty"`
		Isolation any           `json:"isolation,omitempty"`
		File      string        `json:"workspace_file,omitempty"`
		Entry     string        `json:"entry_hmac,omitempty"`
	}{Protocol: s.Protocol, Command: s.Command, Args: s.Args, Dir: s.Dir, Env: vars("env", s.Env), EnvFile: s.EnvFile, Unset: s.Unset, URL: address,
		Query: s.launchQuery(query, values), AllowHTTP: s.AllowInsecure, Headers: vars("header", s.Headers)}
	if o := s.OAuth; o != nil {
		var secret any
		if text := o.ClientSecret.Reveal(); text != "" {
			v := s.launchValue("oauth", "client_secret", text, values)
			v.Name = ""
			secret = v
		}
		login := o.json(secret)
		if params := vars("authorize_params", o.AuthorizeParams); len(params) > 0 {
			login.AuthorizeParams = params
		}
		launch.OAuth = login
	}
	if s.Isolation.Confined() {
		launch.Isolation = s.Isolation.launchJSON(s.Command)
	}
	if s.Workspace {
		launch.File, launch.Entry = s.Path, s.hashed("entry", s.entry)
	}
	text, err := json.Marshal(launch)
	if err != nil {
		panic(err) // strings alone
	}
	return text
}

// refs are the variables and secrets that the text of an option refers to, sorted, as env:NAME and keyring:NAME.
func (s *Server) refs(option, text string) []string {
	parts, _ := s.parse(option, text)
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
	k.list(l.Unset)
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
