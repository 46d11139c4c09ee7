package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attackArg makes the test binary what it confines: a program that tries one thing, and exits with 0 if it could do it and
// with 1 if not.
const attackArg = "attack"

const denied = 1

// secret is what must not be seen.
const secret = "sesame-4711"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == attackArg {
		attack, ok := attacks[os.Args[2]]
		if !ok {
			fmt.Fprintln(os.Stderr, "no such attack:", os.Args[2])
			os.Exit(3)
		}
		runtime.LockOSThread()
		if err := attack(os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, "denied:", err)
			os.Exit(denied)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var errNotFound = errors.New("the secret was not found")

func has(b []byte, err error) error {
	if err == nil && !bytes.Contains(b, []byte(secret)) {
		err = errNotFound
	}
	return err
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

func callErr(_, _ uintptr, e syscall.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}

var attacks = map[string]func(args []string) error{
	// Files
	"read": func(a []string) error { return has(os.ReadFile(a[0])) },
	"open": func(a []string) error { _, err := os.Open(a[0]); return err },
	"list": func(a []string) error { _, err := os.ReadDir(a[0]); return err },
	"find": func(a []string) error { // a name in a directory, or below it
		entries, err := os.ReadDir(a[0])
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Name() == a[1] {
				return nil
			}
		}
		return errNotFound
	},
	"write":    func(a []string) error { return os.WriteFile(a[0], []byte(secret), 0o600) },
	"orders":   func(a []string) error { return os.WriteFile(a[0], []byte(secret), 0o600) },
	"truncate": func(a []string) error { return os.Truncate(a[0], 0) },
	"remove":   func(a []string) error { return os.Remove(a[0]) },
	"mkdir":    func(a []string) error { return os.Mkdir(a[0], 0o700) },
	"rename":   func(a []string) error { return os.Rename(a[0], a[1]) },
	"readlink": func(a []string) error { // through a link of our own making
		if err := os.Symlink(a[0], a[1]); err != nil {
			return fmt.Errorf("the link itself: %w", err)
		}
		return has(os.ReadFile(a[1]))
	},
	"hardlink": func(a []string) error {
		if err := os.Link(a[0], a[1]); err != nil {
			return err
		}
		return has(os.ReadFile(a[1]))
	},
	"inherited": func(a []string) error { return has(io.ReadAll(os.NewFile(uintptr(number(a[0])), "inherited"))) },

	// What is known of files, by their names
	"chmod":  func(a []string) error { return os.Chmod(a[0], 0o604) },
	"utimes": func(a []string) error { return os.Chtimes(a[0], time.Unix(1, 0), time.Unix(1, 0)) },
	"stat":   func(a []string) error { _, err := os.Lstat(a[0]); return err },
	"inotify": func(a []string) error {
		fd, err := unix.InotifyInit1(0)
		if err == nil {
			_, err = unix.InotifyAddWatch(fd, a[0], unix.IN_ALL_EVENTS)
		}
		return err
	},
	"chown":     func(a []string) error { return unix.Lchown(a[0], -1, number(a[1])) },
	"chownat":   func(a []string) error { return unix.Fchownat(unix.AT_FDCWD, a[0], -1, number(a[1]), 0) },
	"setxattr":  func(a []string) error { return unix.Setxattr(a[0], "user.test", []byte("x"), 0) },
	"lsetxattr": func(a []string) error { return unix.Lsetxattr(a[0], "user.test", []byte("x"), 0) },
	"fsetxattr": func(a []string) error { // of a file that it may read
		f, err := os.Open(a[0])
		if err != nil {
			return err
		}
		return unix.Fsetxattr(int(f.Fd()), "user.test", []byte("x"), 0)
	},
	"getxattr":    func(a []string) error { _, err := unix.Getxattr(a[0], "user.secret", make([]byte, 64)); return err },
	"listxattr":   func(a []string) error { _, err := unix.Listxattr(a[0], make([]byte, 64)); return err },
	"removexattr": func(a []string) error { return unix.Removexattr(a[0], "user.secret") },
	"setxattrat": func(a []string) error { // struct xattr_args; with AT_FDCWD
		name, value := []byte("user.test\x00"), []byte("x")
		path := append([]byte(a[0]), 0)
		args := struct {
			value       uint64
			size, flags uint32
		}{uint64(uintptr(unsafe.Pointer(&value[0]))), 1, 0}
		cwd := unix.AT_FDCWD
		err := callErr(unix.Syscall6(unix.SYS_SETXATTRAT, uintptr(cwd), uintptr(unsafe.Pointer(&path[0])), 0, uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args)))
		runtime.KeepAlive(value)
		return err
	},
	"acl": func(a []string) error { // version 2; user, group and others of a plain file
		b := []byte{2, 0, 0, 0}
		for _, e := range [][2]byte{{1, 6}, {4, 4}, {0x20, 4}} {
			b = append(b, e[0], 0, e[1], 0, 0xff, 0xff, 0xff, 0xff)
		}
		return unix.Setxattr(a[0], "system.posix_acl_access", b, 0)
	},
	"chattr": func(a []string) error { // needs no more than to read it
		f, err := os.Open(a[0])
		if err != nil {
			return err
		}
		flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
		if err != nil {
			return err
		}
		return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags|0x40) // FS_NODUMP_FL
	},
	"fanotify": func(a []string) error {
		fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_REPORT_FID, 0)
		if err == nil {
			err = unix.FanotifyMark(fd, unix.FAN_MARK_ADD, unix.FAN_OPEN|unix.FAN_EVENT_ON_CHILD, unix.AT_FDCWD, a[0])
		}
		return err
	},
	"handle": func(a []string) error { _, _, err := unix.NameToHandleAt(unix.AT_FDCWD, a[0], 0); return err },

	// Other processes
	"cmdline": func(a []string) error {
		b, err := os.ReadFile("/proc/" + a[0] + "/cmdline")
		if err == nil && !bytes.Contains(b, []byte("victim")) {
			err = errNotFound
		}
		return err
	},
	"affinity": func(a []string) error {
		var set unix.CPUSet
		set.Set(0)
		return unix.SchedSetaffinity(number(a[0]), &set)
	},
	"priority": func(a []string) error { return unix.Setpriority(number(a[0]), number(a[1]), 19) },
	"scheduler": func(a []string) error {
		const batch = 3 // SCHED_BATCH
		var param [4]byte
		return callErr(unix.Syscall(unix.SYS_SCHED_SETSCHEDULER, uintptr(number(a[0])), batch, uintptr(unsafe.Pointer(&param))))
	},
	"schedattr": func(a []string) error {
		return unix.SchedSetAttr(number(a[0]), &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: 3, Nice: 19}, 0)
	},
	"ioprio": func(a []string) error {
		return callErr(unix.Syscall(unix.SYS_IOPRIO_SET, uintptr(number(a[0])), uintptr(number(a[1])), 3<<13))
	},
	"openwrite": func(a []string) error { _, err := os.OpenFile(a[0], os.O_WRONLY, 0); return err },
	"environ": func([]string) error {
		files, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, file := range files {
			if b, _ := os.ReadFile(file); bytes.Contains(b, []byte(secret)) {
				return nil
			}
		}
		return errNotFound
	},
	"procroot": func(a []string) error {
		roots, _ := filepath.Glob("/proc/[0-9]*/root")
		for _, root := range roots {
			if has(os.ReadFile(root+a[0])) == nil {
				return nil
			}
		}
		return errNotFound
	},
	"ptrace": func(a []string) error { return unix.PtraceAttach(number(a[0])) },
	"kill":   func(a []string) error { return unix.Kill(number(a[0]), unix.SIGKILL) },
	"prlimit": func(a []string) error {
		var l unix.Rlimit
		return unix.Prlimit(number(a[0]), unix.RLIMIT_NOFILE, nil, &l)
	},
	"readv": func(a []string) error { // the process's own memory would do to show it
		buf, from := make([]byte, 8), []byte("12345678")
		local := unix.Iovec{Base: &buf[0], Len: 8}
		_, err := unix.ProcessVMReadv(os.Getpid(), []unix.Iovec{local}, []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&from[0])), Len: 8}}, 0)
		return err
	},
	"getfd": func(a []string) error {
		fd, err := unix.PidfdOpen(number(a[0]), 0)
		if err != nil {
			return err
		}
		_, err = unix.PidfdGetfd(fd, 0, 0)
		return err
	},
	"shm": func(a []string) error {
		id, err := unix.SysvShmGet(number(a[0]), 0, 0)
		if err != nil {
			return err
		}
		b, err := unix.SysvShmAttach(id, 0, unix.SHM_RDONLY)
		return has(b, err)
	},

	// Sockets
	"tcp": func(a []string) error {
		c, err := net.DialTimeout("tcp", a[0], 2*time.Second)
		if err == nil {
			c.Close()
		}
		return err
	},
	"listen": func([]string) error { l, err := net.Listen("tcp", "127.0.0.1:0"); _ = l; return err },
	"udp": func(a []string) error {
		c, err := net.Dial("udp", a[0])
		if err != nil {
			return err
		}
		c.SetDeadline(time.Now().Add(time.Second))
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		_, err = c.Read(make([]byte, 1)) // the test's socket answers
		return err
	},
	"unix": func(a []string) error { _, err := net.Dial("unix", a[0]); return err },
	"unixhigh": func(a []string) error { // the kernel takes 32 bits of the family
		family := uint64(unix.AF_UNIX | 1<<32)
		fd, _, e := unix.RawSyscall(unix.SYS_SOCKET, uintptr(family), unix.SOCK_STREAM, 0)
		if e != 0 {
			return e
		}
		return unix.Connect(int(fd), &unix.SockaddrUnix{Name: a[0]})
	},
	"unixpair": func(a []string) error { // a datagram socket can be turned to somebody else
		kind, to := number(a[0]), a[1]
		fds, err := unix.Socketpair(unix.AF_UNIX, kind, 0)
		if err != nil {
			return err
		}
		return unix.Sendto(fds[0], []byte("x"), 0, &unix.SockaddrUnix{Name: to})
	},
	"socketpair": func(a []string) error { _, err := unix.Socketpair(unix.AF_UNIX, number(a[0]), 0); return err },
	"socket":     func(a []string) error { _, err := unix.Socket(number(a[0]), number(a[1]), number(a[2])); return err },

	// The kernel
	"iouring": func([]string) error {
		var params [120]byte
		return callErr(unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&params)), 0))
	},
	"mount":   func(a []string) error { return unix.Mount("tmpfs", a[0], "tmpfs", 0, "") },
	"unshare": func([]string) error { return unix.Unshare(unix.CLONE_FS) },
	"userns": func([]string) error {
		cmd := exec.Command(selfExe, attackArg, "nothing")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
		return cmd.Run()
	},
	"keyctl": func([]string) error {
		_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_PROCESS_KEYRING, true)
		return err
	},
	"setuid": func(a []string) error { // a file that is root's and has the bit set
		out, err := exec.Command(a[0], attackArg, "euid").Output()
		if err == nil && string(out) != "0" {
			err = fmt.Errorf("effective user %s", out)
		}
		return err
	},

	// What is no attack
	"nothing": func([]string) error { return nil },
	"euid":    func([]string) error { fmt.Print(os.Geteuid()); return nil },
	"exit":    func(a []string) error { os.Exit(number(a[0])); return nil },
	"cat":     func([]string) error { _, err := io.Copy(os.Stdout, os.Stdin); return err },
	"args":    func(a []string) error { fmt.Printf("%q", a); return nil },
	"env":     func([]string) error { fmt.Print(strings.Join(os.Environ(), "\n")); return nil },
	"pwd":     func([]string) error { d, err := os.Getwd(); fmt.Print(d); return err },
	"status":  func([]string) error { b, err := os.ReadFile("/proc/self/status"); os.Stdout.Write(b); return err },
	"limits": func([]string) error {
		var core, files, data unix.Rlimit
		unix.Getrlimit(unix.RLIMIT_CORE, &core)
		unix.Getrlimit(unix.RLIMIT_NOFILE, &files)
		unix.Getrlimit(unix.RLIMIT_DATA, &data)
		fmt.Printf("core %d files %d data %d", core.Max, files.Max, data.Max)
		return nil
	},
	"victim": func([]string) error { // lets itself be traced by anybody, as plain processes do on most systems
		unix.Prctl(unix.PR_SET_PTRACER, unix.PR_SET_PTRACER_ANY&(1<<64-1), 0, 0, 0)
		fmt.Println("ready")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	},
}
