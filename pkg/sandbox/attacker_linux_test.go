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

	// Other processes
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
