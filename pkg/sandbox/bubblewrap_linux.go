package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// bwrap is an installed bubblewrap.
type bwrap struct {
	Path   string `json:"path"`
	Recent bool   `json:"recent,omitempty"` // 0.8.0 or later
}

// bwrapPlaces are looked through instead of PATH, whose directories may be the person's: what makes the sandbox must not be
// replaceable by what could get into it.
var bwrapPlaces = []string{"/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap", "/run/current-system/sw/bin/bwrap"}

const sharedMemory = "67108864" // bytes of /dev/shm, Docker's default

// bwrapArgs are bubblewrap's arguments for a program. It starts with an empty file system and mounts in the order given; the filter
// comes right before it executes the program. The variables, which may be secrets, come in a file that is in memory alone.
func (o order) bwrapArgs(program, env []string) ([]string, error) {
	rules, err := filter(false, false, o.Sockets)
	if err != nil {
		return nil, err
	}
	fd, err := inMemory("seccomp", encoded(rules))
	if err != nil {
		return nil, fmt.Errorf("its system call filter cannot be passed on: %w", err)
	}
	var variables []byte
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		variables = append(variables, "--setenv\x00"+name+"\x00"+value+"\x00"...)
	}
	envFD, err := inMemory("environment", variables)
	if err != nil {
		return nil, fmt.Errorf("its environment cannot be passed on: %w", err)
	}
	// The cgroup namespace stays: runtimes look their limits up under their true path.
	args := []string{
		o.Bwrap.Path, "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts",
		"--die-with-parent", "--cap-drop", "ALL", "--seccomp", strconv.Itoa(fd), "--args", strconv.Itoa(envFD), "--chdir", o.Dir,
	}
	if !o.Network {
		args = append(args, "--unshare-net")
	}
	if o.Bwrap.Recent {
		args = append(args, "--disable-userns")
	}
	args = append(args, o.mounts()...)
	return append(append(args, "--"), program...), nil
}

// unmoved tells of a path that has become a link since it was looked at. Bubblewrap takes paths and follows links, right after this.
func (o order) unmoved() error {
	for _, g := range o.Grants {
		if g.Link {
			continue
		}
		fd, err := opened(g.Path)
		if err != nil {
			return fmt.Errorf("%q changed after it was checked: %w", g.Path, err)
		}
		unix.Close(fd)
	}
	return nil
}

// opened gives a descriptor of a path that has no link in it; one that has come since is an error.
func opened(path string) (fd int, err error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS}
	fd, err = unix.Openat2(unix.AT_FDCWD, path, &how)
	if err == unix.ENOSYS || err == unix.EPERM { // Linux before 5.6
		return unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	}
	return fd, err
}

// masked are places of /proc where root may write, whatever namespace it is in.
var masked = []string{"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi", "/proc/scsi"}

// placed is what is mounted, in this order: a path of the machine, at a path inside.
type placed struct {
	source, path string
	write, link  bool
	cover        bool // it hides a socket, which may be gone by now
}

// placing plans a file system: whether it is built on the machine's own, what is mounted on it, and its links. /proc and /dev come
// before what is mounted.
func (o order) placing() (root *grant, mounts []placed, links []link) {
	grants := o.Grants
	var mounted []grant
	if len(grants) > 0 && grants[0].Path == "/" {
		root = &grants[0]
		mounted, grants = grants[:1:1], grants[1:]
	}
	own := -1 // where the program's own /tmp stands, which has nothing of what /tmp has outside
	if o.Tmp != "" {
		mounts = append(mounts, placed{source: o.Tmp, path: "/tmp", write: true})
		own, mounted = len(mounted), append(mounted, grant{Path: "/tmp", Write: true})
	}
	for _, g := range grants {
		if over := nearest(mounted, g.Path); over < 0 || over == own || mounted[over].Write != g.Write || g.Pin {
			mounts = append(mounts, placed{source: g.Path, path: g.Path, write: g.Write, link: g.Link})
			mounted = append(mounted, g)
		}
	}
	for _, path := range o.Covered {
		mounts = append(mounts, placed{source: "/dev/null", path: path, cover: true})
	}
	for _, l := range o.Links {
		if over := nearest(mounted, l.Path); over < 0 || over == own {
			links = append(links, l)
		}
	}
	return root, mounts, links
}

func (o order) mounts() (args []string) {
	add := func(words ...string) { args = append(args, words...) }
	root, mounts, links := o.placing()
	if root != nil {
		add(bind(root.Write), "/", "/")
	}
	add("--proc", "/proc", "--dev", "/dev")
	for _, path := range masked {
		add("--ro-bind-try", path, path)
	}
	if o.Bwrap.Recent {
		add("--size", sharedMemory, "--tmpfs", "/dev/shm")
	}
	for _, m := range mounts {
		if !m.link { // a mount by path follows it
			add(bind(m.write), m.source, m.path)
		}
	}
	for _, l := range links {
		add("--symlink", l.Target, l.Path)
	}
	if root == nil {
		add("--remount-ro", "/")
	}
	return args
}

func bind(write bool) string {
	if write {
		return "--bind"
	}
	return "--ro-bind"
}

// nearest gives the mount that a path lies in, -1 for none: the last and so the deepest of those that hold it.
func nearest(mounts []grant, path string) int {
	for i, m := range slices.Backward(mounts) {
		if within(path, m.Path) {
			return i
		}
	}
	return -1
}

// bwrapVersion reads "bubblewrap 0.8.0".
func bwrapVersion(output string) (version string, recent bool) {
	version = strings.TrimSpace(strings.TrimPrefix(output, "bubblewrap"))
	var n [2]int
	for i, part := range strings.SplitN(version, ".", 3) {
		if i < 2 {
			n[i], _ = strconv.Atoi(part)
		}
	}
	return version, n[0] > 0 || n[1] >= 8
}
