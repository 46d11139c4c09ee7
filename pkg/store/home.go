package store

import (
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
)

// AccountHome is the home directory that the system has on record for the user, whatever the environment says; "" if it tells none. It is a
// variable for tests.
var AccountHome = func() string {
	if runtime.GOOS == "windows" {
		u, err := user.Current()
		if err != nil {
			return ""
		}
		return u.HomeDir
	}
	u, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err != nil {
		return ""
	}
	return u.HomeDir
}

// AccountDir is the state directory that a user has who sets no variables, "" if it can't be told.
func AccountDir() string {
	return below(".local/state/mcpproxy-stdio", "Library/Application Support/mcpproxy-stdio", "AppData/Local/mcpproxy-stdio")
}

// AccountCache is the cache directory of such a user.
func AccountCache() string { return below(".cache", "Library/Caches", "AppData/Local/cache") }

// AccountConfig is the configuration directory of such a user.
func AccountConfig() string {
	return below(".config", "Library/Application Support", "AppData/Roaming")
}

func below(unix, mac, windows string) string {
	home := AccountHome()
	switch {
	case home == "" || !filepath.IsAbs(home):
		return ""
	case runtime.GOOS == "darwin":
		return filepath.Join(home, filepath.FromSlash(mac))
	case runtime.GOOS == "windows":
		return filepath.Join(home, filepath.FromSlash(windows))
	}
	return filepath.Join(home, filepath.FromSlash(unix))
}
