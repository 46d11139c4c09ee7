package config

import (
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// Nobody knows the options of all clients. An unknown one is judged by its name and its value: the entry is refused where the two may take
// something from the server, so that it does not run with more than was meant.

// restraints are what the names of options have in them that take something from a server.
var restraints = []string{
	"allowed", "allowlist", "whitelist", "blocked", "blocklist", "blacklist", "denied", "deny", "disable", "disallow", "exclude", "forbid",
	"onlytools", "readonly", "restrict", "sandbox",
}

// selections are what the names of options have in them that choose among a server's tools, where their value is a list or an object.
var selections = []string{"allow", "enable", "filter", "hide", "include", "omit", "permission", "tool"}

// unasked are what the names of options have in them that say which tools need no question, which is the client's to decide.
var unasked = []string{"alwaysallow", "autoallow", "autoapprov", "autorun"}

// asides are what the names of options about tools have in them that take nothing from the server: questions, names and texts.
var asides = []string{"alias", "approv", "cached", "description", "install", "rename", "trust"}

// Switches turn a server on or off under names that are none of ours.
var (
	onSwitches  = []string{"active", "enable", "enabled", "isenabled", "on"}
	offSwitches = []string{"deactivated", "inactive", "off", "paused", "quarantine", "suspended", "turnedoff"}
	offStates   = []string{"deactivated", "inactive", "off", "paused", "readonly", "suspended", "stopped"}
)

// deepest is how deep the members of an unknown option are looked at.
const deepest = 8

// restrains tells whether an unknown option, or a member of it, may be meant to take something from the server.
func restrains(key string, v hujson.Value) bool { return restrainsIn(key, v, deepest) }

func restrainsIn(key string, v hujson.Value, depth int) bool {
	if restrainsItself(key, v) {
		return true
	}
	obj, isObject := v.Value.(*hujson.Object)
	return isObject && slices.ContainsFunc(obj.Members, func(m hujson.ObjectMember) bool {
		inner := keyOf(m)
		s := spelledAs(inner)
		switch {
		case depth == 0:
			return true
		case s == nil:
			return restrainsIn(inner, m.Value, depth-1)
		case s.mild != nil:
			return !s.mild(m.Value)
		case s.refuse != "":
			return !saysNothing(m.Value)
		case inner == "disabled":
			return m.Value.Value.Kind() != 'f'
		}
		return slices.Contains([]string{"enabled_tools", "disabled_tools"}, s.option) && !saysNothing(m.Value)
	})
}

func restrainsItself(key string, v hujson.Value) bool {
	plain := plainKey(key)
	within := func(word string) bool { return strings.Contains(plain, word) }
	kind := v.Value.Kind()
	if slices.ContainsFunc(unasked, within) {
		return false
	}
	switch near := nearest(key, serverOptions.names()); {
	case kind == 'f' && (slices.Contains(onSwitches, plain) || near == "enabled"):
		return true
	case saysNothing(v):
		_, list := v.Value.(*hujson.Array) // of the only ones: none
		return list && (within("enable") || within("include"))
	case kind != '"' && (slices.Contains(offSwitches, plain) || near == "quarantined"):
		return true
	case kind == '"' && slices.Contains([]string{"access", "mode", "state", "status"}, plain):
		word := plainKey(textOf(v))
		return slices.Contains(offStates, word) || slices.ContainsFunc(restraints, func(r string) bool { return strings.HasPrefix(word, r) })
	case (kind == '[' || kind == '{') && slices.ContainsFunc(selections, within) && !slices.ContainsFunc(asides, within):
		return true
	}
	return slices.ContainsFunc(restraints, within)
}
