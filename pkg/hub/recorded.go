package hub

import (
	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// Recorded reads, by server, the definitions that a hub with this configuration would serve before any server runs. Servers
// never seen, or launched in another way since, have none. What can't be read is left out and told in log.
func Recorded(c *config.Config, st *store.Store, log zerolog.Logger) map[string]*catalog.Snapshot {
	h := &Hub{opts: Options{ConfigPath: c.Path, Store: st}, log: log, snapshots: map[string]*catalog.Snapshot{}}
	h.recall(c)
	return h.snapshots
}
