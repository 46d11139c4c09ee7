package cli

import (
	"fmt"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// storedItems returns what is recorded of a configured server, and what stands beside it. Without such a server the error
// wraps errNoServer.
func (a *app) storedItems(server string) (items []scan.Item, ctx scan.Context, err error) {
	log, flush, err := a.logger()
	if err != nil {
		return nil, ctx, err
	}
	defer flush()
	path, err := config.DefaultPath(a.config)
	if err != nil {
		return nil, ctx, err
	}
	c, err := config.Load(path)
	if err != nil {
		return nil, ctx, err
	}
	found := false
	var snapshot *catalog.Snapshot
	for _, known := range hub.Recorded(c, a.workspaceFolder(), store.Open(store.DefaultDir()), log) {
		switch name := known.Written.Name; {
		case name == server:
			found, snapshot = true, known.Snapshot
		case known.Snapshot != nil:
			ctx.Others = append(ctx.Others, scan.Peer{Server: name, Tools: toolNames(known.Snapshot)})
		}
	}
	if !found {
		return nil, ctx, fmt.Errorf("%s: %w; mcpproxy-stdio servers lists those that are", plain(server), errNoServer)
	}
	if snapshot == nil {
		return nil, ctx, fmt.Errorf("%s: nothing is recorded of it; let a client connect once, then scan again", plain(server))
	}
	ctx.Server, ctx.Own = server, toolNames(snapshot)
	for kind, name := range [catalog.Kinds]string{"tool", "prompt", "template", "resource"} {
		kind := catalog.Kind(kind)
		for _, raw := range snapshot.Items[kind] {
			items = append(items, scan.Item{Kind: name, Name: kind.ID(raw), Raw: raw})
		}
	}
	if snapshot.Instructions != "" {
		items = append(items, scan.Item{Kind: "instructions", Raw: jsonrpc.Quote(snapshot.Instructions)})
	}
	return items, ctx, nil
}

func toolNames(s *catalog.Snapshot) (names []string) {
	for _, raw := range s.Items[catalog.Tools] {
		names = append(names, catalog.Tools.ID(raw))
	}
	return names
}
