package mcptest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// engineKeeperMain is the launcher or the keeper and gives the exit code.
func engineKeeperMain(how string) int {
	var err error
	switch how {
	case keeperLaunch:
		err = launchKeeper(0)
	case keeperLaunchBridge:
		err = launchKeeper(syscall.CLONE_NEWNET)
	case keeperKeep:
		return newKeeper().run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mcptest: engine:", err)
		return 1
	}
	return 0
}

// launchKeeper starts the keeper in namespaces of its own and tells its pid as it is outside.
func launchKeeper(more uintptr) error {
	cmd := exec.Command("/proc/self/exe", selfArgs()...)
	cmd.Env = append(os.Environ(), envEngineKeeper+"="+keeperKeep)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | more}
	if err := cmd.Start(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(engineAnswer{Pid: cmd.Process.Pid})
}

// keeper is process 1 of its namespace: it reaps all orphans, and when it ends the kernel kills what is left.
type keeper struct {
	dir string

	mu      sync.Mutex
	spawned map[int]chan struct{} // closed when the process is gone
}

func newKeeper() *keeper { return &keeper{spawned: map[int]chan struct{}{}} }

func (k *keeper) run() int {
	// The end of stdin ends us. To ignore signals would be handed on to what we start.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	out := json.NewEncoder(os.Stdout)
	orders := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var o engineOrder
		if err := orders.Decode(&o); err != nil {
			break
		}
		a, err := k.obey(o)
		if err != nil {
			a.Error = err.Error()
		}
		_ = out.Encode(a) // the end of stdin tells, too, that nobody listens
	}
	if err := k.clear(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func (k *keeper) obey(o engineOrder) (a engineAnswer, err error) {
	switch o.Do {
	case "prepare":
		k.dir = o.Dir
		err = k.prepare(o.Disk)
	case "link":
		err = k.link(o.Argv[0], o.Argv[1])
	case "spawn":
		a.Pid, err = k.spawn(o.Argv)
	case "alive":
		a.Alive = !k.gone(o.Pid, 0)
	case "signal":
		if err = syscall.Kill(o.Pid, o.Signal); err == nil && o.Signal == freeze && !waitUntil(leakTimeout, func() bool { return frozen(o.Pid) }) {
			err = errors.New("it does not stop")
		}
	case "finish":
		err = k.finish(o.Pid, o.Signal)
	default:
		err = errors.New("no such order: " + o.Do)
	}
	return a, err
}

// prepare makes what is mounted from here on our own business, and hides the
// /run of the machine: its engine, its containerd and its systemd.
func (k *keeper) prepare(disk int64) error {
	if os.Getpid() != 1 {
		return errors.New("the keeper is not process 1")
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	if err := syscall.Mount("tmpfs", "/run", "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("/run: %w", err)
	}
	if err := os.Mkdir("/run/sshd", 0o755); err != nil { // which its service makes
		return err
	}
	if disk > 0 {
		data := filepath.Join(k.dir, "data")
		if err := os.Mkdir(data, 0o700); err != nil {
			return err
		}
		if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "mode=700,size="+strconv.FormatInt(disk, 10)); err != nil {
			return fmt.Errorf("data root: %w", err)
		}
	}
	go k.reap()
	return nil
}

// link sets up our end of the link to the machine.
func (k *keeper) link(address, gateway string) error {
	for _, args := range [][]string{
		{"link", "set", "lo", "up"}, {"addr", "add", address, "dev", "eth0"}, {"link", "set", "eth0", "up"}, {"route", "add", "default", "via", gateway},
	} {
		// exec.Cmd's Wait would come too late: all children are reaped here.
		program, err := engineProgram("ip")
		if err != nil {
			return fmt.Errorf("needs iproute2: %w", err)
		}
		pid, err := k.spawn(append([]string{program}, args...))
		if err != nil {
			return err
		}
		if !k.gone(pid, engineTimeout) {
			return fmt.Errorf("ip %s hangs", strings.Join(args, " "))
		}
	}
	return nil
}

// spawn starts a program in a session of its own; what it prints goes to the log.
func (k *keeper) spawn(argv []string) (int, error) {
	k.mu.Lock() // the reaper must not see its end before it is in the map
	defer k.mu.Unlock()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "MCPTEST_") || strings.HasPrefix(v, "DOCKER_") || strings.HasPrefix(v, "XDG_RUNTIME_DIR=")
	})
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{
		Dir: "/", Env: append(env, "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin"), Files: []*os.File{null, os.Stderr, os.Stderr}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, err
	}
	pid := p.Pid // which Release forgets
	k.spawned[pid] = make(chan struct{})
	return pid, p.Release()
}

// reap waits for all processes that end as our children. It ends with the process.
func (k *keeper) reap() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	for ; ; <-ended {
		for {
			var status syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if err != nil || pid <= 0 {
				break
			}
			k.mu.Lock()
			if c, ok := k.spawned[pid]; ok {
				if status != 0 {
					fmt.Fprintf(os.Stderr, "mcptest: process %d: exit code %d, signal %d\n", pid, status.ExitStatus(), status.Signal())
				}
				close(c)
				delete(k.spawned, pid)
			}
			k.mu.Unlock()
		}
	}
}

// gone tells whether a spawned process is gone, at the latest after the timeout.
func (k *keeper) gone(pid int, timeout time.Duration) bool {
	k.mu.Lock()
	c, ok := k.spawned[pid]
	k.mu.Unlock()
	if !ok {
		return true
	}
	select {
	case <-c:
		return true
	case <-time.After(timeout):
		return false
	}
}

// frozen tells whether each thread of a process is stopped.
func frozen(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, name := range threads {
		if b, err := os.ReadFile(name); err == nil && !strings.HasPrefix(string(b[bytes.LastIndexByte(b, ')')+1:]), " T") {
			return false
		}
	}
	return len(threads) > 0
}

// finish waits for the children, too: an engine's containerd dies with it, but not in the same moment.
func (k *keeper) finish(pid int, sig syscall.Signal) error {
	children := Descendants(pid)
	if err := syscall.Kill(pid, sig); err != nil {
		return err
	}
	if !k.gone(pid, engineSignals-time.Second) {
		return fmt.Errorf("signal %v did not end it", sig)
	}
	if left := WaitAllGone(children, leakTimeout); left != nil {
		return fmt.Errorf("its children %v are left", left)
	}
	return nil
}

// clear kills every process but ourselves and removes folder, mounts and control groups.
func (k *keeper) clear() error {
	if k.dir == "" {
		return nil // never prepared
	}
	waitUntil(leakTimeout, func() bool { return errors.Is(syscall.Kill(-1, syscall.SIGKILL), syscall.ESRCH) })
	for _, m := range engineMounts(k.dir) {
		_ = syscall.Unmount(m, syscall.MNT_DETACH)
	}
	if left := engineMounts(k.dir); len(left) > 0 {
		return fmt.Errorf("mounts %v", left) // and what is mounted there must not be removed
	}
	err := os.RemoveAll(k.dir)
	return errors.Join(err, removeGroups(filepath.Base(k.dir)))
}

// removeGroups removes a control group from each hierarchy, with those below it.
func removeGroups(name string) error {
	var left error
	waitUntil(leakTimeout, func() bool {
		left = nil
		for _, root := range controlGroups(name) {
			var dirs []string
			_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					dirs = append(dirs, path)
				}
				return nil
			})
			slices.Reverse(dirs)
			for _, d := range dirs {
				if err := syscall.Rmdir(d); err != nil && !errors.Is(err, syscall.ENOENT) {
					left = fmt.Errorf("control group %s: %w", d, err)
				}
			}
		}
		return left == nil
	})
	return left
}

// controlGroups gives a control group's folders: one with version 2, one for each controller with version 1.
func controlGroups(name string) []string {
	one, _ := filepath.Glob("/sys/fs/cgroup/" + name)
	more, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
	return append(one, more...)
}
