package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// PathVariable is the environment variable that names the user-level file.
const PathVariable = "MCPPROXY_CONFIG"

// DefaultPath tells where the user-level file is: what --config says (flag, empty
// when not given), else MCPPROXY_CONFIG, else mcpproxy/mcp_config.json in the
// user's configuration directory (XDG_CONFIG_HOME or ~/.config, ~/Library/Application
// Support, %AppData%). The path is absolute; the file need not exist.
func DefaultPath(flag string) (string, error) {
	path := flag
	if path == "" {
		path = os.Getenv(PathVariable)
	}
	if path == "" {
		return StandardPath()
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("config: %w – give an absolute path", err)
	}
	return abs, nil
}

// StandardPath is the place of the user-level file when nothing names another.
func StandardPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("config: no configuration directory: %w – name the file with --config or %s", err, PathVariable)
	}
	return filepath.Abs(filepath.Join(dir, "mcpproxy", "mcp_config.json"))
}

// WorkspacePath is where a workspace keeps the servers it proposes.
func WorkspacePath(workspace string) string {
	return filepath.Join(workspace, ".mcpproxy", "mcp_config.json")
}
