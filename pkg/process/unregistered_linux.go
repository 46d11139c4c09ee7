package process

import (
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
