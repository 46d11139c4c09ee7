package hub

import (
	"io"
	"os"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// withWorkspace adds the servers that a workspace's own file proposes, each held back, for people to see. The configuration
// in force never has them: nothing of a workspace is run.
func withWorkspace(c *config.Config, workspace string) *config.Config {
	if workspace == "" {
		return c
	}
	path := config.WorkspacePath(workspace)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || path == c.Path {
		return c // opening a named pipe would wait
	}
	f, err := os.Open(path)
	if err != nil {
		return c
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, config.MaxFileSize+1))
	if err != nil {
		return c
	}
	return c.WithWorkspace(path, data)
}
