package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// unregistered are proxies that use the state directory and whose file there somebody has removed.
func (s System) unregistered(dir string, registered []Client) (all []Client) {
	own, err := os.Stat("/proc/self/exe")
	used, dirErr := os.Stat(dir)
	if err != nil || dirErr != nil {
		return nil
	}
	for _, pid := range pids() {
		if pid == os.Getpid() || slices.ContainsFunc(registered, func(c Client) bool { return c.Proxy.PID == pid }) {
			continue
		}
		exe, err := os.Stat(proc(pid, "exe"))
		if errors.Is(err, fs.ErrPermission) && ofOurs(pid) { // a proxy shows its entries to nobody
			all = append(all, s.ClientOf(pid))
			continue
		}
		if err != nil || !os.SameFile(own, exe) {
			continue
		}
		p, ok := s.Find(pid)
		if !ok || !p.Piped { // a proxy speaks to its client over pipes; other commands of ours do no harm here
			continue
		}
		if other, err := os.Stat(p.stateDir()); err == nil && os.SameFile(used, other) {
			all = append(all, s.ClientOf(pid))
		}
	}
	return all
}

// ofOurs tells whether a process that does not show what it runs is the user's, and called as this one.
func ofOurs(pid int) bool {
	own, err := os.ReadFile("/proc/self/comm")
	name, nameErr := os.ReadFile(proc(pid, "comm"))
	status, statusErr := os.ReadFile(proc(pid, "status"))
	uid := fmt.Sprintf("\nUid:\t%d\t", os.Getuid())
	return err == nil && nameErr == nil && statusErr == nil && string(own) == string(name) && strings.Contains(string(status), uid)
}

// stateDir is the state directory that a proxy with this environment uses (XDG Base Directory 0.8).
func (p Process) stateDir() string {
	dir := ""
	for _, kv := range p.Environ {
		if home, ok := strings.CutPrefix(kv, "HOME="); ok && dir == "" {
			dir = filepath.Join(home, ".local", "state")
		} else if state, ok := strings.CutPrefix(kv, "XDG_STATE_HOME="); ok && filepath.IsAbs(state) {
			dir = state
		}
	}
	return filepath.Join(dir, "mcpproxy-stdio")
}
