package hub

import (
	"hash/maphash"
	"sync"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// screen remembers which entries of lists of resources look hostile: the lists are read again and again.
type screen struct {
	mu      sync.Mutex
	seed    maphash.Seed
	verdict map[uint64]bool // by the hash of the entry and of its server
}

// maxVerdicts bounds what is remembered.
const maxVerdicts = 100_000

// Screen implements session.Host: resources are data, but one that looks hostile enough is left out of the list.
func (h *Hub) Screen(server string, items [][]byte) [][]byte {
	c := &h.screen
	kept := make([][]byte, 0, len(items))
	scanner := scan.New(scan.Context{Server: server})
	for _, raw := range items {
		c.mu.Lock()
		if c.verdict == nil || len(c.verdict) >= maxVerdicts {
			c.seed, c.verdict = maphash.MakeSeed(), map[uint64]bool{}
		}
		seed := c.seed
		hash := maphash.Bytes(seed, raw) ^ maphash.String(seed, server)
		hostile, known := c.verdict[hash]
		c.mu.Unlock()
		if !known {
			found := scanner.Scan(scan.Item{Kind: "resource", Name: catalog.Resources.ID(raw), Raw: raw})
			hostile = quarantine.Worst(found) >= scan.Block
			c.mu.Lock()
			if c.seed == seed {
				c.verdict[hash] = hostile
			}
			c.mu.Unlock()
			if hostile {
				h.log.Warn().Str("server", server).Str("rule", found[0].Rule).Msg("left out a resource that looks malicious")
			}
		}
		if !hostile {
			kept = append(kept, raw)
		}
	}
	return kept
}
