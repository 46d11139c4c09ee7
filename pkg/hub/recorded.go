package hub

import (
	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// Known is what a hub would know of one server before any server runs.
type Known struct {
	Written   *config.Server     // as its file has it
	Effective *config.Server     // as it counts, with what is held
	Record    *quarantine.Record // nil: it was never seen
	Snapshot  *catalog.Snapshot  // what clients are shown; nil: nothing yet
	Failed    error              // why its record can't be used
	Lately    Lately             // how its server last fared, under this launch
}

// Recorded reads what a hub with this configuration, in this workspace ("" for none), would know. Nothing is started or written: a
// configuration that was never run is shown as its first run will have it. What can't be read is told in log.
func Recorded(c *config.Config, workspace string, st *store.Store, log zerolog.Logger) []Known {
	h := &Hub{opts: Options{ConfigPath: c.Path, Store: st}, log: log, book: quarantine.NewBook(st), entries: map[key]*entry{}, lately: map[key]Lately{}}
	if key, err := h.book.KnownKey(); err == nil {
		c = c.Keyed(key)
	}
	base, err := h.book.ReadBaseline(c.Path)
	h.approval = approval{written: c.Approval, confirmed: config.ApprovalHuman}
	doubt := ""
	if base != nil {
		h.approval.confirmed, h.approval.doubt = base.Approval, base.Doubt
	} else if err == nil {
		if doubt, err = h.book.Trace(c); doubt == "" && !c.Exists {
			doubt = quarantine.MissingFile
		}
		h.approval.doubt = doubt
	}
	written := withWorkspace(c, workspace)
	h.know(written.Servers)
	if err == nil && base == nil && doubt == "" {
		for _, s := range written.Servers {
			if !s.Workspace && !s.Quarantined && h.entries[keyOf(s)].record == nil {
				r := &quarantine.Record{Config: s.Path, Server: s.Name}
				r.Baseline(s, "first run")
				h.entries[keyOf(s)] = &entry{record: r}
			}
		}
	}
	var known []Known
	for i, s := range h.derive("", written).effective.Servers {
		e := h.entries[keyOf(s)]
		known = append(known, Known{written.Servers[i], s, e.record, e.snapshot, e.failed, h.lately[keyOf(s)].of(s.LaunchKey())})
	}
	return known
}
