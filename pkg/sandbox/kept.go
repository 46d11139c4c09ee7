package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
)

// keptDir is where a state directory has the homes of servers that keep theirs: by configuration file, server and launch.
const keptDir = "sandbox"

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:12])
}

// KeptDir is the directory for [Spec.Private] of a server whose home is kept from run to run, as long as its launch is the same.
func KeptDir(state, config, server, launch string) string {
	return filepath.Join(state, keptDir, digest(config), digest(server), digest(launch))
}

// ForgetOtherLaunches removes what the same server kept under other launches. What is still in use stays until the next time.
func ForgetOtherLaunches(kept string) {
	for _, dir := range beneath(filepath.Dir(kept)) {
		if dir != kept {
			removeKept(dir)
		}
	}
}

// ForgetServers removes what was kept of servers that a configuration file does not have any more.
func ForgetServers(state, config string, servers []string) {
	configured := map[string]bool{}
	for _, name := range servers {
		configured[digest(name)] = true
	}
	for _, server := range beneath(filepath.Join(state, keptDir, digest(config))) {
		if configured[filepath.Base(server)] {
			continue
		}
		for _, dir := range beneath(server) {
			removeKept(dir)
		}
		os.Remove(server) // unless one is in use
	}
}

func beneath(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var dirs []string
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(dir, e.Name()))
		}
	}
	return dirs
}
