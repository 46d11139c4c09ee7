package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// The sandbox of namespaces that this program makes by itself, where there is no bubblewrap. Three processes of it are in a row: the
// hook, which starts the next in new namespaces and passes its exit status on; the builder, process 1 in there, which builds the file
// system and collects the dead; and the last one, which gives up all rights and executes the program. The builder keeps the
// capabilities of its namespace; it cannot be dumped, so that the program reads and writes nothing of it.
//
// What is mounted is opened without following a link, and mounted by its descriptor: nobody can put another file in its place.

const (
	builderArg = "build"
	lastArg    = "last"
)

// quiet keeps these processes small; the program's own variables are carried.
var quiet = []string{"GOGC=off", "GOMAXPROCS=1"}

// builderCaps are kept when the builder is executed: a user other than root would lose them. They count in its namespaces alone.
var builderCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP, unix.CAP_NET_ADMIN}

// inNamespaces starts the builder and does not return if it came up.
func (o order) inNamespaces(args []string) error {
	flags := uintptr(unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS)
	if !o.Network {
		flags |= unix.CLONE_NEWNET
	}
	token, err := Token()
	if err != nil {
		return err
	}
	p, err := os.StartProcess(selfExe, append([]string{os.Args[0], hookArg, builderArg}, args...), &os.ProcAttr{
		Env: append(os.Environ(), quiet...), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, token}, Dir: "/",
		Sys: &syscall.SysProcAttr{
			Cloneflags: flags, Pdeathsig: syscall.SIGKILL, AmbientCaps: builderCaps,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}},
		},
	})
	if err != nil {
		return fmt.Errorf("its namespaces cannot be made: %w", err)
	}
	token.Close()
	letGo()
	state, err := p.Wait()
	if err != nil {
		return err
	}
	os.Exit(exitStatus(state.Sys().(syscall.WaitStatus)))
	return nil
}

func exitStatus(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}

// letGo gives up stdin and stdout: their ends must be seen when the program has closed them. Errors have been told by now.
func letGo() {
	if null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0); err == nil {
		for fd := range 3 {
			unix.Dup3(null, fd, 0)
		}
	}
}

// build is the builder: it returns only if something failed before the program was started.
func (o order) build(args []string) error {
	if !alone() {
		return errors.New("it is not in namespaces of its own, and would change the machine's mounts")
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	if !o.Network {
		loopback() // as good as none; programs test with it
	}
	if err := o.fileSystem(); err != nil {
		return fmt.Errorf("its file system cannot be built: %w", err)
	}
	token, err := Token()
	if err != nil {
		return err
	}
	pid, err := syscall.ForkExec(selfExe, append([]string{os.Args[0], hookArg, lastArg}, args...), &syscall.ProcAttr{
		Dir: o.Dir, Env: append(os.Environ(), quiet...), Files: []uintptr{0, 1, 2, token.Fd()}, Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return fmt.Errorf("the program cannot be started in it: %w", err)
	}
	signal.Ignore(unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM) // not before: the program would inherit it
	token.Close()
	letGo()
	for {
		var status syscall.WaitStatus
		switch ended, err := syscall.Wait4(-1, &status, 0, nil); {
		case err == syscall.EINTR:
		case err != nil:
			os.Exit(exitRefused)
		case ended == pid:
			os.Exit(exitStatus(status)) // with process 1 all others end
		}
	}
}

// alone tells whether the hook started this process: as the first one of its namespaces, whose user namespace has one user. Whoever runs
// the builder by hand, as root, would get the machine's mounts changed otherwise.
func alone() bool {
	users, err := os.ReadFile("/proc/self/uid_map")
	fields := strings.Fields(string(users))
	return os.Getpid() == 1 && err == nil && len(fields) == 3 && fields[2] == "1"
}

// last gives up what is left of rights; the program comes next.
func (o order) last() error {
	rules, err := filter(false, false, o.Sockets)
	if err != nil {
		return err
	}
	if err := dropCapabilities(); err != nil {
		return fmt.Errorf("its capabilities cannot be dropped: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if o.Sockets && o.Network { // else abstract sockets are those of its own network
		if err := landlock.V6.RestrictScoped(); err != nil {
			return fmt.Errorf("other programs' abstract sockets cannot be kept from it: %w", err)
		}
	}
	return install(rules)
}

// loopback brings the interface of the program's own network up.
func loopback() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if r, err := unix.NewIfreq("lo"); err == nil {
		r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
	}
}

// scaffold is where the new file system is built, before it becomes the root.
const scaffold = "/tmp"

// fileSystem builds what the program sees, and makes it the root. What it is made of is opened first, since the scaffold covers some of it.
func (o order) fileSystem() error {
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil { // nothing gets out
		return fmt.Errorf("its mounts cannot be kept to itself: %w", err)
	}
	root, mounts, links := o.placing()
	sources := make([]int, len(mounts))
	var err error
	for i, m := range mounts {
		if sources[i], err = detached(m.source, m.link); err != nil {
			return fmt.Errorf("%s: %w", m.source, err)
		}
	}
	b := builder{top: -1}
	if err := b.begin(root); err != nil {
		return err
	}
	if err := b.system(); err != nil {
		return err
	}
	for i, m := range mounts {
		if m.cover && !b.has(m.path) {
			unix.Close(sources[i])
			continue
		}
		if err := b.place(sources[i], m.path, access(m.write)); err != nil {
			return fmt.Errorf("%s: %w", m.path, err)
		}
	}
	for _, l := range links {
		if err := b.link(l.Target, l.Path); err != nil {
			return fmt.Errorf("%s: %w", l.Path, err)
		}
	}
	return b.enter(root == nil)
}

// access are the attributes of a mount.
func access(write bool) uint64 {
	attr := uint64(unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV)
	if !write {
		attr |= unix.MOUNT_ATTR_RDONLY
	}
	return attr
}

// detached copies a mount, with what is mounted in it, that nothing shows yet.
func detached(path string, link bool) (fd int, err error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	if link {
		how.Flags |= unix.O_NOFOLLOW
	}
	at, err := unix.Openat2(unix.AT_FDCWD, path, &how)
	if err != nil {
		return -1, err
	}
	defer unix.Close(at)
	return unix.OpenTree(at, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
}

// builder has the top of the new file system.
type builder struct{ top int }

func (b *builder) begin(root *grant) (err error) {
	all := -1
	if root != nil {
		if all, err = detached("/", false); err != nil {
			return err
		}
	}
	if err := unix.Mount("tmpfs", scaffold, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return err
	}
	if root != nil {
		if err := attributed(all, access(root.Write)); err != nil {
			return err
		}
		if err := unix.MoveMount(all, "", unix.AT_FDCWD, scaffold, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return err
		}
	}
	b.top, err = unix.Open(scaffold, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return err
}

func attributed(tree int, attr uint64) error {
	return unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: attr})
}

// at opens a place of the new file system, no link on the way.
func (b *builder) at(path string) (int, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | unix.O_NOFOLLOW, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS}
	return unix.Openat2(b.top, strings.TrimPrefix(path, "/"), &how)
}

func (b *builder) has(path string) bool {
	fd, err := b.at(path)
	if err == nil {
		unix.Close(fd)
	}
	return err == nil
}

// dir gives a directory, which it makes where it is missing.
func (b *builder) dir(path string) (int, error) {
	if path == "/" {
		return unix.Dup(b.top)
	}
	if fd, err := b.at(path); err == nil {
		return fd, nil
	}
	above, err := b.dir(filepath.Dir(path))
	if err != nil {
		return -1, err
	}
	defer unix.Close(above)
	if err := unix.Mkdirat(above, filepath.Base(path), 0o755); err != nil {
		return -1, err
	}
	return b.at(path)
}

// file gives a file, which it makes where it is missing.
func (b *builder) file(path string) (int, error) {
	if fd, err := b.at(path); err == nil {
		return fd, nil
	}
	above, err := b.dir(filepath.Dir(path))
	if err != nil {
		return -1, err
	}
	defer unix.Close(above)
	fd, err := unix.Openat(above, filepath.Base(path), unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return -1, err
	}
	unix.Close(fd)
	return b.at(path)
}

// place mounts a tree.
func (b *builder) place(tree int, path string, attr uint64) error {
	defer unix.Close(tree)
	if err := attributed(tree, attr); err != nil {
		return err
	}
	var info unix.Stat_t
	if err := unix.Fstat(tree, &info); err != nil {
		return err
	}
	open := b.file
	if info.Mode&unix.S_IFMT == unix.S_IFDIR {
		open = b.dir
	}
	at, err := open(path)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	return unix.MoveMount(tree, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

func (b *builder) link(target, path string) error {
	above, err := b.dir(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer unix.Close(above)
	return unix.Symlinkat(target, above, filepath.Base(path))
}

// mount makes a file system of the kernel's.
func (b *builder) mount(kind, path string, flags uintptr, options string) error {
	at, err := b.dir(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(at)
	if err := unix.Mount(kind, fmt.Sprintf("/proc/self/fd/%d", at), kind, flags, options); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// system makes /proc and /dev, with nothing of the machine's processes, terminals and disks.
func (b *builder) system() error {
	devices := append([]string{"/dev/tty"}, devices...)
	trees := make([]int, len(devices))
	var err error
	for i, path := range devices {
		if trees[i], err = detached(path, false); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	const still = unix.MS_NOSUID | unix.MS_NOEXEC
	if err := b.mount("tmpfs", "/dev", unix.MS_NOSUID, "mode=0755"); err != nil {
		return err
	}
	for i, path := range devices {
		if err := b.place(trees[i], path, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, l := range []link{{"/dev/fd", "/proc/self/fd"}, {"/dev/stdin", "/proc/self/fd/0"}, {"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"},
		{"/dev/core", "/proc/kcore"}, {"/dev/ptmx", "pts/ptmx"}} {
		if err := b.link(l.Target, l.Path); err != nil {
			return err
		}
	}
	if err := b.mount("devpts", "/dev/pts", still, "newinstance,ptmxmode=0666,mode=620"); err != nil {
		return err
	}
	if err := b.mount("tmpfs", "/dev/shm", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777,size="+sharedMemory); err != nil {
		return err
	}
	if err := b.mount("proc", "/proc", still|unix.MS_NODEV, ""); err != nil {
		return err
	}
	for _, path := range masked {
		at, err := b.at(path)
		if err != nil {
			continue // this kernel has none
		}
		copied, err := unix.OpenTree(at, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
		unix.Close(at)
		if err == nil {
			err = b.place(copied, path, access(false))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// enter makes the new file system the root, and lets go of the old one.
func (b *builder) enter(readOnly bool) error {
	if readOnly {
		if err := unix.MountSetattr(b.top, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return err
		}
	}
	if err := unix.Fchdir(b.top); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil { // the old one lies on the new one then
		return fmt.Errorf("the new root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("the old root: %w", err)
	}
	return unix.Chdir("/")
}
