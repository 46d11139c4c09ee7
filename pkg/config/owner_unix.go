//go:build unix

package config

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// checkOwner refuses a configuration that somebody else could write, or put another one in place of: it decides what is run as the user.
func checkOwner(path string) error {
	real := RealPath(path)
	paths := []string{real, filepath.Dir(real)}
	if dir := filepath.Dir(path); dir != paths[1] {
		paths = append(paths, dir) // of the link
	}
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return fmt.Errorf("config: %w", err)
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			continue
		}
		if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
			return fmt.Errorf("config: %s belongs to user %d, who could write what is run here – run chown on it after checking what it holds", p, st.Uid)
		}
		open := info.Mode().Perm() & 0o022
		if open&0o002 == 0 && privateGroup(st.Gid) {
			open = 0
		}
		if open != 0 && !(info.IsDir() && info.Mode()&fs.ModeSticky != 0) {
			return fmt.Errorf("config: others can write %s, and so decide what is run here – run chmod go-w on it after checking what it holds", p)
		}
	}
	return nil
}

// privateGroup tells whether a group is the user's own, which many systems make for each user: their files are writable by that group.
func privateGroup(gid uint32) bool {
	u, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil || u.Gid != strconv.FormatUint(uint64(gid), 10) {
		return false
	}
	g, err := user.LookupGroupId(u.Gid)
	return err == nil && g.Name == u.Username
}
