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

// hashed ends the name in a hash of the original of so many hex digits, at most max characters in all.
func hashed(it origin, max, digits int) string {
	prefix, name := Prefix(it.server), clean(it.name)
	sum := sha256.Sum256([]byte(it.server + "\x00" + it.name))
	tail := "_" + hex.EncodeToString(sum[:])[:digits]
	if room := min(max/2, max-len(tail)); len(prefix) > room { // leave the tool at least half
		prefix = prefix[:room-len(Separator)] + Separator
	}
	if room := max - len(prefix) - len(tail); len(name) > room {
		name = name[:room]
	}
	return prefix + name + tail
}

// A name is what one server calls an item.
type origin struct{ server, name string }

// hashDigits are the lengths of hashes in names: two items whose names are the same with a short one get long ones.
var hashDigits = [...]int{8, 16}

// exposedNames gives each item its name for clients, "" to one that can have none. It depends on the items alone, not
// on their order: a name that is too long, or that two items would share, ends in a hash of what it stands for; of
// one server's items that would share it, the only one that is spelt so keeps it. Hashes this short can be made to
// collide. A name that two items come to is nobody's: a client that was told it as the one's must not reach the other
// by it.
func exposedNames(items []origin, max int) []string {
	out := make([]string, len(items))
	users := make(map[string][]int, len(items)) // all items that would like the name
	for i, it := range items {
		if out[i] = clean(it.server + Separator + it.name); it.server == "" {
			out[i] = it.name // the proxy's own
		}
		users[out[i]] = append(users[out[i]], i)
	}
	level := make([]int, len(items)) // how many lengths of hashes were tried; 0: it is called as its server calls it
	for i, it := range items {
		if it.server != "" && (len(out[i]) > max || !keeps(items, users[out[i]], i)) {
			level[i] = 1
			out[i] = hashed(it, max, hashDigits[0])
		}
	}
	for spent := map[string]bool{}; ; {
		count := make(map[string]int, len(items))
		for _, name := range out {
			count[name]++
		}
		clash := false
		for i, name := range out {
			if name != "" && (count[name] > 1 || spent[name]) && items[i].server != "" {
				spent[name], clash = true, true
			}
		}
		if !clash {
			return out
		}
		for i, it := range items {
			switch {
			case !spent[out[i]] || it.server == "":
			case level[i] < len(hashDigits):
				level[i]++
				out[i] = hashed(it, max, hashDigits[level[i]-1])
			default:
				out[i] = ""
			}
		}
	}
}

// keeps tells whether an item keeps a name that it and others would like.
func keeps(items []origin, users []int, i int) bool {
	exact := func(i int) bool {
		full := items[i].server + Separator + items[i].name
		return clean(full) == full
	}
	if len(users) > 1 && !exact(i) {
		return false
	}
	for _, other := range users {
		if other != i && (exact(other) || items[other].server != items[i].server) {
			return false
		}
	}
	return true
}
