package quarantine

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/secret"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// That a configuration file was run is also noted outside of the state directory, so that removing that directory, or naming another, makes no
// first run: in the keyring, and in the cache directory of the account, whatever the environment says. Files in the system's directories for
// temporary files, which are gone tomorrow, are not noted; TMPDIR, which a client's configuration can set, names none of them.

// seenFile is the note in the cache directory, "" for none.
func seenFile(path string) string {
	cache := store.AccountCache()
	if cache == "" || slices.ContainsFunc(Temporary(), func(dir string) bool { return config.Inside(path, config.RealPath(dir)) }) {
		return ""
	}
	return filepath.Join(cache, "mcpproxy-stdio", "seen", filepath.Base(baselineName(path)))
}

// Temporary gives the system's directories for temporary files, whatever the environment says. It is a variable for tests.
var Temporary = temporary

func temporary() []string {
	switch runtime.GOOS {
	case "windows":
		return []string{filepath.Join(store.AccountHome(), "AppData", "Local", "Temp")}
	case "darwin":
		return []string{"/tmp", "/var/folders"}
	}
	return []string{"/tmp"}
}

// seen tells whether a file was noted.
func (b *Book) seen(path string) bool {
	file := seenFile(path)
	if file == "" {
		return false
	}
	if _, err := os.Lstat(file); err == nil {
		return true
	}
	return b.keys.works() && secret.Marked(filepath.Base(file))
}

// markSeen notes a file. What can't be written is not noted: the state directory is what counts.
func (b *Book) markSeen(path string) {
	file := seenFile(path)
	if file == "" {
		return
	}
	if _, err := os.Lstat(file); err == nil {
		return
	}
	if os.MkdirAll(filepath.Dir(file), 0o700) == nil {
		os.WriteFile(file, []byte(path+"\n"), 0o600)
	}
	if b.keys.works() {
		secret.Mark(filepath.Base(file))
	}
}

// works tells whether the keyring answers.
func (k *keyRing) works() bool {
	_, err := k.keyring(nil)
	return err == nil || errors.Is(err, secret.ErrNotFound)
}
