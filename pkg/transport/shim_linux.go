package transport

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// selfExe is the very program that runs, also after its file has been replaced by an update.
const selfExe = "/proc/self/exe"

// becomeReaper makes the shim the parent of every descendant whose own parent has ended: double forks and setsid hide nobody.
func becomeReaper() {
	unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	os.WriteFile("/proc/self/comm", []byte("mcpproxy-shim"), 0) // else it is called "exe"
}

func serverAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// targets lists all descendants of this process; the server's process group if /proc does not tell.
func targets(server int) []int {
	pids := []int{os.Getpid()}
	for i := 0; i < len(pids); i++ {
		children, err := childrenOf(pids[i])
		if err != nil && i == 0 {
			return allBelow(pids[0], server)
		}
		pids = append(pids, children...)
	}
	return pids[1:]
}

// childrenOf needs a kernel with CONFIG_PROC_CHILDREN, as nearly all have.
func childrenOf(pid int) (pids []int, err error) {
	dir := "/proc/" + strconv.Itoa(pid) + "/task/"
	threads, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, thread := range threads {
		b, readErr := os.ReadFile(dir + thread.Name() + "/children")
		if readErr != nil {
			err = readErr
		}
		for _, field := range strings.Fields(string(b)) {
			if child, convErr := strconv.Atoi(field); convErr == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids, err
}

// pipes are the stdin and the stdout of a server, by device and inode.
type pipes [2]struct{ dev, ino uint64 }

func pipesOf(stdin, stdout int) (p pipes) {
	for i, fd := range [...]int{stdin, stdout} {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil {
			p[i].dev, p[i].ino = st.Dev, st.Ino
		}
	}
	return p
}

// held tells whether one of the descendants of this process has both pipes.
func (p pipes) held(server int) bool {
	for _, pid := range targets(server) {
		dir := "/proc/" + strconv.Itoa(pid) + "/fd/"
		fds, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		var has [2]bool
		for _, fd := range fds {
			var st unix.Stat_t
			if unix.Stat(dir+fd.Name(), &st) != nil {
				continue
			}
			for i := range p {
				has[i] = has[i] || p[i].ino != 0 && st.Dev == p[i].dev && st.Ino == p[i].ino
			}
		}
		if has[0] && has[1] {
			return true
		}
	}
	return false
}

// allBelow finds the descendants of root by looking at every process.
func allBelow(root, server int) []int {
	all := processes()
	if all == nil {
		return []int{-server}
	}
	found := map[int]bool{root: true}
	var pids []int
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if found[p.parent] && !found[p.pid] {
				found[p.pid], grown = true, true
				pids = append(pids, p.pid)
			}
		}
	}
	return pids
}

type processInfo struct {
	pid, parent, session int
	dead                 bool // a zombie
}

// processes reads /proc/*/stat (proc_pid_stat(5)).
func processes() (all []processInfo) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		b, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue
		}
		if p, ok := parseStat(b); ok {
			p.pid = pid
			all = append(all, p)
		}
	}
	return all
}

// parseStat skips the command's name, which may contain anything.
func parseStat(b []byte) (p processInfo, ok bool) {
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 4 {
		return p, false
	}
	var err1, err2 error
	p.parent, err1 = strconv.Atoi(fields[1])
	p.session, err2 = strconv.Atoi(fields[3])
	p.dead = fields[0] == "Z" || fields[0] == "X"
	return p, err1 == nil && err2 == nil
}

// sweep kills what is left of the session of a shim that was itself killed.
func sweep(session, server int) {
	unix.Kill(-server, unix.SIGKILL)
	for range 20 { // a fork may have escaped
		left := false
		for _, p := range processes() {
			if p.session == session && !p.dead {
				left = unix.Kill(p.pid, unix.SIGKILL) == nil || left
			}
		}
		if !left {
			return
		}
	}
}
