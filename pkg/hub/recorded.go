package hub

import (
	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// Servers reads what a hub with this configuration, in this workspace ("" for none), would know of its servers before any of them runs.
// Nothing is started or written: a configuration that was never run is shown as its first run will have it. What can't be read is logged.
func Servers(c *config.Config, workspace string, st *store.Store, log zerolog.Logger) []Server {
	book := quarantine.NewBook(st)
	if key, err := book.KnownKey(); err == nil {
		c = c.Keyed(key)
	}
	base, err := book.ReadBaseline(c.Path)
	kn := known{Approval: Approval{Written: c.Approval, Confirmed: config.ApprovalHuman}, recorded: map[key]*Recorded{}, lately: map[key]Lately{}}
	if base != nil {
		kn.Approval.Confirmed, kn.Approval.Doubt = base.Approval, base.Doubt
	} else if err == nil {
		if kn.Approval.Doubt, err = book.Trace(c); kn.Approval.Doubt == "" && !c.Exists {
			kn.Approval.Doubt = quarantine.MissingFile
		}
	}
	firstRun := err == nil && base == nil && kn.Approval.Doubt == ""
	written := withWorkspace(c, workspace)
	for _, s := range written.Servers {
		e := readRecorded(book, s, log)
		if firstRun && !s.Workspace && !s.Quarantined && e.Record == nil {
			r := &quarantine.Record{Config: s.Path, Server: s.Name}
			r.Baseline(s, "first run")
			e = &Recorded{Record: r}
		}
		kn.recorded[keyOf(s)], kn.lately[keyOf(s)] = e, readLately(st, keyOf(s))
	}
	var all []Server
	for _, s := range kn.scope(written, nil).Servers {
		all = append(all, *s)
	}
	return all
}

// readRecorded reads the record of an entry.
func readRecorded(book *quarantine.Book, s *config.Server, log zerolog.Logger) *Recorded {
	record, err := book.Read(s.Path, s.Name)
	if err != nil {
		log.Error().Str("server", s.Name).Err(err).Msg("what was approved can't be read")
	}
	return newRecorded(record, err)
}
