package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Separator stands between the server's and the tool's name.
const Separator = "__"

// Prefix is what names of a server's tools and prompts begin with.
func Prefix(server string) string { return clean(server) + Separator }

// clean keeps A-Z a-z 0-9 _ - and puts _ for everything else: models' interfaces take no more.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, s)
}

// hashed ends the name in a short hash of the original, at most max characters in all.
func hashed(prefix, name, server, original string, max int) string {
	sum := sha256.Sum256([]byte(server + "\x00" + original))
	tail := "_" + hex.EncodeToString(sum[:])[:8]
	if room := max / 2; len(prefix) > room { // leave the tool at least half
		prefix = prefix[:room-len(Separator)] + Separator
	}
	if room := max - len(prefix) - len(tail); len(name) > room {
		name = name[:room]
	}
	return prefix + name + tail
}

// A name is what one server calls an item.
type origin struct{ server, name string }

// exposedNames gives each item its name for clients. It depends on the items alone, not on their order: a name that is too
// long, or that two items would share, ends in a hash of what it stands for; of those that would share it, the only one that
// is spelt so keeps it.
func exposedNames(items []origin, max int) []string {
	out := make([]string, len(items))
	exact := make([]bool, len(items))           // needs no change
	users := make(map[string]int, len(items))   // all items that would like the name
	keepers := make(map[string]int, len(items)) // those of them that spell it so
	for i, it := range items {
		full := it.server + Separator + it.name
		out[i] = clean(full)
		exact[i] = out[i] == full && it.server != ""
		if it.server == "" {
			out[i], exact[i] = it.name, true // the proxy's own
		}
		users[out[i]]++
		if exact[i] {
			keepers[out[i]]++
		}
	}
	kept := make([]bool, len(items))
	given := make(map[string]bool) // the names with a hash
	for i, it := range items {
		kept[i] = it.server == "" || len(out[i]) <= max && (users[out[i]] == 1 || exact[i] && keepers[out[i]] == 1)
		if !kept[i] {
			out[i] = hashed(Prefix(it.server), clean(it.name), it.server, it.name, max)
			given[out[i]] = true
		}
	}
	for i, it := range items { // somebody's own name may look like one that another was given
		if it.server != "" && kept[i] && given[out[i]] {
			out[i] = hashed(Prefix(it.server), clean(it.name), it.server, it.name, max)
		}
	}
	return out
}
