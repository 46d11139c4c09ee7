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
	sum := sha256.Sum256(s.Launch())
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

// Launch is the launch as written, references unresolved, as a canonical JSON object: protocol, command, arguments, directory, URL and
// whether plain http is allowed, isolation and login. Of variables, headers, the query of the URL and the parameters and the
// secret of a login, it has the names, what the values refer to, and a keyed hash of what is written out, so that it can be
// stored. What is plainly a token counts as being one and may be another one. An entry of a workspace carries the digest of
// its text and its file's path, so that one changed byte makes it another.
func (s *Server) Launch() []byte { return s.launch(false) }

// LaunchShown is Launch for the eyes of a person: with the values that the hashes of Launch stand for, but for tokens. It is
// never stored.
func (s *Server) LaunchShown() []byte { return s.launch(true) }

func (s *Server) launch(shown bool) []byte {
	launch := serverOptions.launch(s, s, shown)
	if address, query, found := strings.Cut(s.URL, "?"); found {
		launch["url"] = address
		if address == "" {
			delete(launch, "url")
		}
		if params := s.launchQuery(query, shown); params != nil {
			launch["query"] = params
		}
	}
	if s.Workspace {
		launch["workspace_file"], launch["entry_hmac"] = s.Path, s.hashed("entry", s.entry)
		if s.Path == "" {
			delete(launch, "workspace_file")
		}
	}
	text, err := encodeJSON(launch)
	if err != nil {
		panic(err) // strings, numbers and booleans
	}
	canonical, err := jsonrpc.Canonical(text)
	if err != nil {
		panic(err) // it was encoded a moment ago
	}
	return canonical
}

// launchVars describes variables, headers or parameters, by name.
func (s *Server) launchVars(purpose string, vars []Var, shown bool) []launchValue {
	all := make([]launchValue, len(vars))
	for i, v := range vars {
		all[i] = s.launchValue(purpose, v.Name, v.Value, shown)
	}
	slices.SortStableFunc(all, func(a, b launchValue) int { return strings.Compare(a.Name, b.Name) })
	return all
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
	for _, option := range oauthOptions {
		if text, is := option.text(o); is {
			k.strings(text)
		}
	}
	k.strings(fmt.Sprint(o.Scopes == nil, o.OmitResource, o.StrictResource, o.AllowPrivate, o.RedirectPort))
	k.list(o.Scopes)
	k.list(o.ExtraScopes)
	k.vars(o.AuthorizeParams)
}

func (k key) sum() string { return hex.EncodeToString(k.h.Sum(nil)) }
