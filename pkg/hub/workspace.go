package hub

import (
	"context"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// watchWorkspace takes in each change of a workspace's file while a session is in the workspace; mu is held.
func (h *Hub) watchWorkspace(path string, data []byte) {
	ctx, end := context.WithCancel(h.ctx)
	h.watches[path] = end
	h.work.Go(func() {
		config.WatchFile(ctx, path, data, func() {
			h.reload.Lock()
			defer h.reload.Unlock()
			h.rewrite(path)
			h.apply()
		})
	})
}

// rewrite makes the written configuration of a scope anew; what is in force follows with apply.
func (h *Hub) rewrite(path string) {
	written := h.userConfig()
	if path != "" {
		written, _ = written.InWorkspace(path)
	}
	h.know(written.Servers)
	h.mu.Lock()
	defer h.mu.Unlock()
	if sc := h.scopes[path]; sc != nil {
		next := *sc
		next.Written = written
		h.scopes[path] = &next
	}
}

// withWorkspace is the configuration with the servers that a workspace's own file proposes.
func withWorkspace(c *config.Config, workspace string) *config.Config {
	if workspace == "" {
		return c
	}
	path := config.WorkspacePath(workspace)
	if path == c.Path {
		return c
	}
	merged, _ := c.InWorkspace(path)
	return merged
}
