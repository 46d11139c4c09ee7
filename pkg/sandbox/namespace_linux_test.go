package sandbox

import (
	"strings"
	"testing"
)

// Nothing of process 1, which keeps its capabilities, is the program's; and it cannot be ended from inside.
func TestBuilderIsOutOfReach(t *testing.T) {
	m := machineOf(t, Namespaces)
	for name, args := range map[string][]string{
		"memory": {"openwrite", "/proc/1/mem"}, "memory, to read": {"open", "/proc/1/mem"}, "its root": {"list", "/proc/1/root/"}, "its files": {"open", "/proc/1/fd/0"},
		"its variables": {"open", "/proc/1/environ"}, "its program": {"open", "/proc/1/exe"}, "its directory": {"list", "/proc/1/cwd/"}, "its names": {"open", "/proc/1/ns/mnt"},
		"trace": {"ptrace", "1"}, "limits": {"prlimit", "1"}, "files by number": {"getfd", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			mustBeDenied(t, m.run(t, newWorld(t).attacker(t, args...)))
		})
	}
	w := newWorld(t)
	script := "kill -9 1; kill -TERM 1; cat /proc/1/comm >/dev/null; echo alive"
	r := m.run(t, Spec{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Home: w.home})
	if r.stdout != "alive\n" {
		t.Errorf("got %v", r)
	}
}

// What was left behind ends with the program, and its status is the program's.
func TestBuilderEndsAll(t *testing.T) {
	w := newWorld(t)
	r := machineOf(t, Namespaces).run(t, Spec{Path: "/bin/sh", Args: []string{"-c", "(sleep 300 >/dev/null 2>&1 &) ; exit 7"}, Env: []string{"PATH=/usr/bin:/bin"}, Home: w.home})
	if r.code != 7 || strings.TrimSpace(r.stdout) != "" {
		t.Errorf("got %v", r)
	}
}
