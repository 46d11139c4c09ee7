package config

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
	"strings"
)

// LaunchKey is the hex SHA-256 of the launch as written, references unresolved:
// protocol, command, arguments, directory, URL and whether plain http is allowed,
// isolation, and the names, not the values, of variables and headers. An approval
// is bound to it: another worktree or a new token asks nobody again.
func (s *Server) LaunchKey() string {
	k := newKey("launch 1")
	k.strings(s.Protocol, s.Command, s.Dir, s.URL)
	k.list(s.Args)
	k.list(sortedNames(s.Env))
	k.list(sortedNames(s.Headers))
	k.flag(s.AllowInsecure)
	k.isolation(s.Isolation)
	return k.sum()
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
	k.isolation(s.Isolation)
	if s.OAuth != nil {
		k.strings(s.OAuth.ClientID, s.OAuth.ClientSecret.Reveal())
		k.list(s.OAuth.Scopes)
	}
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

func (k key) flag(b bool) {
	if b {
		k.number(1)
		return
	}
	k.number(0)
}

func (k key) vars(vars []Var) {
	k.number(len(vars))
	for _, v := range slices.SortedFunc(slices.Values(vars), func(a, b Var) int { return strings.Compare(a.Name, b.Name) }) {
		k.strings(v.Name, v.Value)
	}
}

func (k key) isolation(i *Isolation) {
	if i == nil || i.Type == "none" {
		k.number(0)
		return
	}
	k.number(1)
	k.strings(i.Type, i.Image, i.MemoryLimit, i.CPULimit)
}

func (k key) sum() string { return hex.EncodeToString(k.h.Sum(nil)) }

func sortedNames(vars []Var) []string {
	names := make([]string, len(vars))
	for i, v := range vars {
		names[i] = v.Name
	}
	slices.Sort(names)
	return names
}
