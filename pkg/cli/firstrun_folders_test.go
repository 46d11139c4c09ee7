package cli

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDoubtIn: a configuration in the folder that a client has open is the folder's, unless that is no project's folder.
func TestDoubtIn(t *testing.T) {
	t.Parallel()
	project := t.TempDir()
	file := filepath.Join(project, "sub", "mcp_config.json")
	for folder, want := range map[string]string{
		project: doubtWorkspace, filepath.Dir(file): doubtWorkspace, filepath.Dir(project): doubtWorkspace,
		os.TempDir(): "", "/": "", "/tmp": "", filepath.Join(project, "other"): "",
	} {
		if got := (&app{}).doubtIn(file, folder); got != want {
			t.Errorf("with %s open: %q", folder, got)
		}
	}
}
