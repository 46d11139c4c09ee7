package catalog

import (
	"hash/maphash"
	"sync"
)

// maxShown bounds the URIs that are remembered of one server.
const maxShown = 10_000

// Owners remembers which server showed a URI first, for one client: that server is asked for it, and no other. It is
// safe for concurrent use. Of each server the latest URIs are kept, maxShown at most; one that is forgotten belongs
// to nobody.
type Owners struct {
	seed maphash.Seed

	mu sync.Mutex
	by map[uint64]string // see key → server
	of map[string]*shown
}

// shown are one server's URIs in two halves: when the young one is full, the old one is forgotten.
type shown struct{ young, old map[uint64]bool }

// NewOwners returns an empty table.
func NewOwners() *Owners {
	return &Owners{seed: maphash.MakeSeed(), by: map[uint64]string{}, of: map[string]*shown{}}
}

// key stands for a URI in normal form. The seed is secret, so that no server finds two URIs with one key.
func (o *Owners) key(normal string) uint64 { return maphash.String(o.seed, normal) }

// Owner is the server that showed a URI first, "" if none did.
func (o *Owners) Owner(uri string) string { return o.owner(o.key(NormalURI(uri))) }

// Claim notes that a server showed a URI, and returns whose it is: the first one's.
func (o *Owners) Claim(server, uri string) string { return o.claim(server, o.key(NormalURI(uri))) }

func (o *Owners) owner(key uint64) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	server := o.by[key]
	if server != "" {
		o.touch(server, key)
	}
	return server
}

func (o *Owners) claim(server string, key uint64) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if first := o.by[key]; first != "" {
		server = first
	}
	o.by[key] = server
	o.touch(server, key)
	return server
}

// touch makes a URI one of its server's latest; mu is held.
func (o *Owners) touch(server string, key uint64) {
	s := o.of[server]
	if s == nil {
		s = &shown{young: map[uint64]bool{}}
		o.of[server] = s
	}
	s.young[key] = true
	if len(s.young) < maxShown/2 {
		return
	}
	for k := range s.old {
		if !s.young[k] {
			delete(o.by, k)
		}
	}
	s.old, s.young = s.young, map[uint64]bool{}
}
