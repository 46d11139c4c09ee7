package quarantine

import (
	"path/filepath"
	"testing"
)

// A client's configuration can set TMPDIR, and another state directory with it: then the file would be run for the first time once more.
func TestTMPDIRHidesNoEarlierRun(t *testing.T) {
	dir := filepath.FromSlash("/home/user/.config")
	path := filepath.Join(dir, "mcpproxy", "mcp_config.json")
	want := seenFile(path)
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, dir)
	}
	if got := seenFile(path); got != want || got == "" {
		t.Errorf("the note is at %q, was at %q", got, want)
	}
}
