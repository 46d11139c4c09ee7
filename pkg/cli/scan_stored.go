package cli

import (
	"fmt"
	"slices"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
)

// storedItems returns what is recorded of a configured server, what waits for a review included, and what stands beside it. Without such a
// server the error wraps errNoServer.
func (a *app) storedItems(server string) (items []scan.Item, ctx scan.Context, held bool, err error) {
	d, err := a.console()
	if err != nil {
		return nil, ctx, false, err
	}
	if !slices.ContainsFunc(d.view.Servers, func(s *hub.Server) bool { return s.Written.Name == server }) {
		return nil, ctx, false, fmt.Errorf("%s: %w; mcpproxy-stdio servers lists those that are", plain(server), errNoServer)
	}
	e, err := d.entry(server)
	if err != nil {
		return nil, ctx, false, err
	}
	var definitions []quarantine.Item
	if p := e.Proposal; p != nil {
		definitions = p.Items
		for _, c := range p.Changes {
			if c.Digest == "" { // unreadable, and so not among those that can be approved
				definitions = append(definitions, c.Item)
			}
		}
	}
	if len(definitions) == 0 && e.Snapshot != nil {
		definitions = quarantine.ItemsOf(e.Snapshot)
	}
	for _, it := range definitions {
		items = append(items, scan.Item{Kind: string(it.Kind), Name: it.ID, Raw: it.Raw})
	}
	if e.Snapshot != nil {
		for _, raw := range e.Snapshot.Items[catalog.Resources] {
			items = append(items, scan.Item{Kind: "resource", Name: catalog.Resources.ID(raw), Raw: raw})
		}
	}
	if items == nil {
		return nil, ctx, false, fmt.Errorf("%s: nothing is recorded of it; approve it, or let a client connect once, then scan again", plain(server))
	}
	return items, e.ScanContext(definitions), e.Proposal != nil, nil
}
