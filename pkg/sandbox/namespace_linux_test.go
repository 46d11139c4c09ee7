package sandbox

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
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

// Run by hand, the builder changes nothing. (The test gives it mounts of its own: a fault must not cost the machine's.)
func TestBuilderByHand(t *testing.T) {
	text := `{"method":"namespaces","dir":"/","grants":[{"path":"/","write":true}]}`
	for name, flags := range map[string]uintptr{"as a process": unix.CLONE_NEWNS, "as the first process": unix.CLONE_NEWNS | unix.CLONE_NEWPID} {
		cmd := exec.Command(selfExe, hookArg, builderArg, text, "--", "/bin/true")
		token, err := Token() // what the proxy gives it: the namespaces count as well
		if err != nil {
			t.Fatal(err)
		}
		defer token.Close()
		cmd.ExtraFiles = []*os.File{token}
		r := finish(t, cmd, func(cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
			if os.Geteuid() != 0 {
				flags &^= unix.CLONE_NEWPID // with a user namespace as well it would be what the hook makes
				cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags | unix.CLONE_NEWUSER,
					UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}}
			}
		})
		if r.code != exitRefused || !strings.Contains(r.stderr, "not in namespaces of its own") {
			t.Errorf("%s: got %v", name, r)
		}
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
