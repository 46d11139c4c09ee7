package hub

import (
	"context"
	"io"
	"os"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// readWorkspace reads the file in which a workspace proposes servers; nil if there is none that can be read.
func readWorkspace(path string) []byte {
	if info, err := os.Stat(path); path == "" || err != nil || !info.Mode().IsRegular() {
		return nil // opening a named pipe would wait
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, config.MaxFileSize+1))
	if err != nil {
		return nil
	}
	return data
}

// watchWorkspace takes in each change of a workspace's file while a session is in the workspace; mu is held.
func (h *Hub) watchWorkspace(path string, data []byte) {
	ctx, end := context.WithCancel(h.ctx)
	h.scopes[path].end = end
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
	var data []byte
	if path != "" {
		data = readWorkspace(path)
	}
	written := h.userConfig()
	if data != nil {
		written = written.WithWorkspace(path, data)
	}
	h.know(written.Servers)
	h.mu.Lock()
	defer h.mu.Unlock()
	if sc := h.scopes[path]; sc != nil {
		next := *sc
		next.written = written
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
	if data := readWorkspace(path); data != nil {
		return c.WithWorkspace(path, data)
	}
	return c
}
