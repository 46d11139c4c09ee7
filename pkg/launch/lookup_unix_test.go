//go:build unix

package launch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What others could have put there is not run.
func TestLookupOfWhatOthersCanReplace(t *testing.T) {
	open, closed := t.TempDir(), t.TempDir()
	for _, dir := range []string{open, closed} {
		if err := os.WriteFile(filepath.Join(dir, "server"), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	os.Chmod(open, 0o777)
	find := func(command, path string) (string, error) {
		return Lookup{Command: command, Env: []string{"PATH=" + path}}.Find()
	}
	if got, err := find("server", open+":"+closed); err != nil || got != filepath.Join(closed, "server") {
		t.Errorf("a program of a directory that all can write: %s, %v", got, err)
	}
	if got, err := find("server", open); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("found %s, %v", got, err)
	}
	os.Chmod(open, 0o777|os.ModeSticky) // only the owner replaces it
	if got, err := find("server", open); err != nil {
		t.Errorf("a sticky directory: %s, %v", got, err)
	}
	os.Chmod(filepath.Join(closed, "server"), 0o777)
	for _, command := range []string{"server", filepath.Join(closed, "server")} {
		if got, err := find(command, closed); !errors.Is(err, ErrOpenToAll) || !strings.Contains(err.Error(), "chmod o-w") {
			t.Errorf("%s that all can write: %s, %v", command, got, err)
		}
	}
}
