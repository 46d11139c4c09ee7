package sandbox

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// escape is an attack that works without a sandbox, which is shown first, and not in one.
type escape struct {
	name string
	// prepare gives the attack with its arguments, and what the program may use. It is called anew for each run.
	prepare  func(t *testing.T, w world) ([]string, func(*Spec))
	rootOnly bool // only root can do it without a sandbox
	userOnly bool // root can do it anyway
}

func TestEscapes(t *testing.T) {
	for _, e := range escapes {
		if root := os.Geteuid() == 0; e.rootOnly && !root || e.userOnly && root {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			w := newWorld(t)
			args, _ := e.prepare(t, w)
			if r := plain(t, w.attacker(t, args...), nil); r.code != 0 {
				t.Fatalf("does not work without a sandbox, so nothing is shown: %v", r)
			}
			eachMethod(t, func(t *testing.T, m machine) {
				w := newWorld(t)
				args, change := e.prepare(t, w)
				spec := w.attacker(t, args...)
				if change != nil {
					change(&spec)
				}
				mustBeDenied(t, m.run(t, spec))
			})
		})
	}
}

// file is an attack on files of the world, by a program that has its working directory as its own.
func file(name string, args func(w world) []string) escape {
	return escape{name: name, prepare: func(_ *testing.T, w world) ([]string, func(*Spec)) {
		return args(w), func(s *Spec) { s.Dir, s.DirAccess = w.work, "rw" }
	}}
}

// syscalls is an attack that needs nothing but the kernel; the program has the network.
func syscalls(name string, args ...string) escape {
	return escape{name: name, prepare: func(*testing.T, world) ([]string, func(*Spec)) {
		return args, func(s *Spec) { s.Network = true }
	}}
}

func (e escape) byRoot() escape { e.rootOnly = true; return e }

func onVictim(name string) escape {
	return escape{name: name, prepare: func(t *testing.T, w world) ([]string, func(*Spec)) {
		return []string{name, strconv.Itoa(victim(t, w))}, nil
	}}
}

func onVictimAs(name string, kind int) escape {
	return escape{name: name, prepare: func(t *testing.T, w world) ([]string, func(*Spec)) {
		return []string{name, strconv.Itoa(kind), strconv.Itoa(victim(t, w))}, nil
	}}
}

// onSecret is an attack on what is known of a file that cannot be read. It has an attribute.
func onSecret(name string, more ...string) escape {
	return escape{name: name, prepare: func(t *testing.T, w world) ([]string, func(*Spec)) {
		if err := unix.Setxattr(w.id, "user.secret", []byte(secret), 0); err != nil {
			missing(t, "extended attributes in /var/tmp: "+err.Error())
		}
		return append([]string{name, w.id}, more...), func(s *Spec) { s.Dir, s.DirAccess = w.work, "rw" }
	}}
}

// onReadable is an attack on a file that may be read and not written.
func onReadable(name string) escape {
	return escape{name: name, prepare: func(_ *testing.T, w world) ([]string, func(*Spec)) {
		return []string{name, w.outside + "/file"}, func(s *Spec) { s.Paths = []Path{{Path: w.outside}} }
	}}
}

var escapes = []escape{
	file("read the secret", func(w world) []string { return []string{"read", w.id} }),
	file("read outside", func(w world) []string { return []string{"read", w.outside + "/file"} }),
	file("find in the home", func(w world) []string { return []string{"find", w.home, ".ssh"} }),
	file("find beside the workspace", func(w world) []string { return []string{"find", w.home, ".cache-of-others"} }).after(func(w world) { os.Mkdir(w.home+"/.cache-of-others", 0o755) }),
	file("find in /var", func(world) []string { return []string{"find", "/var", "lib"} }),
	file("find in /run", func(world) []string { return []string{"find", "/run", "lock"} }),
	file("write into the home", func(w world) []string { return []string{"write", w.home + "/.profile"} }),
	file("write outside", func(w world) []string { return []string{"write", w.outside + "/new"} }),
	file("write over", func(w world) []string { return []string{"write", w.id} }),
	file("make a directory", func(w world) []string { return []string{"mkdir", w.outside + "/new"} }),
	file("remove", func(w world) []string { return []string{"remove", w.id} }),
	file("truncate", func(w world) []string { return []string{"truncate", w.id} }),
	file("rename into the workspace", func(w world) []string { return []string{"rename", w.id, w.work + "/id"} }),
	file("link into the workspace", func(w world) []string { return []string{"hardlink", w.id, w.work + "/id"} }),
	file("read through a link", func(w world) []string { return []string{"readlink", w.id, w.work + "/link"} }),
	file("write to a system directory", func(world) []string { return []string{"write", "/usr/mcpproxy-sandbox-test"} }).byRoot().cleaned("/usr/mcpproxy-sandbox-test"),
	file("find /etc/shadow", func(world) []string { return []string{"find", "/etc", "shadow"} }),
	file("open /etc/shadow", func(world) []string { return []string{"open", "/etc/shadow"} }).byRoot(),
	{name: "write to what is listed read-only", prepare: func(_ *testing.T, w world) ([]string, func(*Spec)) {
		return []string{"write", w.outside + "/file"}, func(s *Spec) { s.Paths = []Path{{Path: w.outside}} }
	}},
	{name: "truncate what is listed read-only", prepare: func(_ *testing.T, w world) ([]string, func(*Spec)) {
		return []string{"truncate", w.outside + "/file"}, func(s *Spec) { s.Paths = []Path{{Path: w.outside}} }
	}},
	{name: "write to a working directory that is read-only", prepare: func(_ *testing.T, w world) ([]string, func(*Spec)) {
		return []string{"write", w.work + "/new"}, func(s *Spec) { s.Dir, s.DirAccess = w.work, "ro" }
	}},
	{name: "read a working directory that is not given", prepare: func(_ *testing.T, w world) ([]string, func(*Spec)) {
		return []string{"read", w.work + "/file"}, func(s *Spec) { s.Dir = w.work }
	}},
	{name: "read /dev/shm", prepare: func(t *testing.T, _ world) ([]string, func(*Spec)) {
		file := fmt.Sprintf("/dev/shm/mcpproxy-sandbox-test-%d", os.Getpid())
		put(t, file, secret, 0o644)
		t.Cleanup(func() { os.Remove(file) })
		return []string{"read", file}, nil
	}},

	{name: "change a setting of the kernel", rootOnly: true, prepare: func(*testing.T, world) ([]string, func(*Spec)) {
		return []string{"openwrite", "/proc/sys/kernel/core_pattern"}, nil
	}},
	{name: "read environments", prepare: func(t *testing.T, w world) ([]string, func(*Spec)) { victim(t, w); return []string{"environ"}, nil }},
	{name: "read through /proc/PID/root", prepare: func(t *testing.T, w world) ([]string, func(*Spec)) {
		victim(t, w)
		return []string{"procroot", w.id}, nil
	}},
	onVictim("ptrace"), onVictim("kill"), onVictim("prlimit"), onVictim("getfd"),
	onVictim("affinity"), onVictim("scheduler"), onVictim("schedattr"), onVictimAs("priority", unix.PRIO_PROCESS), onVictimAs("ioprio", 1),
	onSecret("chown", strconv.Itoa(nobody)).byRoot(), onSecret("chownat", strconv.Itoa(nobody)).byRoot(),
	onSecret("setxattr"), onSecret("lsetxattr"), onSecret("setxattrat"), onSecret("getxattr"), onSecret("listxattr"), onSecret("removexattr"), onSecret("acl"),
	onSecret("fanotify"), onSecret("handle"),
	onReadable("fsetxattr"), onReadable("chattr"),
	syscalls("process_vm_readv", "readv"),
	{name: "System V shared memory", prepare: func(t *testing.T, _ world) ([]string, func(*Spec)) {
		key := 0x4d435000 | os.Getpid()&0xfff
		id, err := unix.SysvShmGet(key, 4096, unix.IPC_CREAT|0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.SysvShmCtl(id, unix.IPC_RMID, nil) })
		b, err := unix.SysvShmAttach(id, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		copy(b, secret)
		unix.SysvShmDetach(b)
		return []string{"shm", strconv.Itoa(key)}, nil
	}},

	{name: "TCP without network", prepare: func(t *testing.T, _ world) ([]string, func(*Spec)) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return []string{"tcp", l.Addr().String()}, nil
	}},
	{name: "UDP without network", prepare: func(t *testing.T, _ world) ([]string, func(*Spec)) {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		go func() {
			for b := make([]byte, 8); ; {
				n, from, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				c.WriteTo(b[:n], from)
			}
		}()
		return []string{"udp", c.LocalAddr().String()}, nil
	}},
	onSocket("Unix socket", "unix", func(w world) string { return w.work + "/s" }),
	onSocket("abstract Unix socket", "unix", func(w world) string { return "@" + w.base }),
	onSocket("Unix socket, high", "unixhigh", func(w world) string { return w.work + "/s" }),
	onDatagram("Unix datagram", unix.SOCK_DGRAM, func(w world) string { return w.work + "/s" }),
	onDatagram("abstract Unix datagram", unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, func(w world) string { return "@" + w.base }),
	onDatagram("Unix raw", unix.SOCK_RAW, func(w world) string { return w.work + "/s" }),
	syscalls("netlink but routes", "socket", "16", "3", "15"),
	syscalls("packet socket", "socket", "17", "3", "0").byRoot(),

	syscalls("io_uring", "iouring"),
	syscalls("unshare", "unshare"),
	syscalls("user namespace", "userns"),
	syscalls("keys", "keyctl"),
	{name: "mount", rootOnly: true, prepare: func(t *testing.T, w world) ([]string, func(*Spec)) {
		t.Cleanup(func() { unix.Unmount(w.work, unix.MNT_DETACH) })
		return []string{"mount", w.work}, func(s *Spec) { s.Dir, s.DirAccess = w.work, "rw" }
	}},
	{name: "set-user-ID program", userOnly: true, prepare: func(t *testing.T, _ world) ([]string, func(*Spec)) {
		program := os.Getenv(setuidEnv)
		return []string{"setuid", program}, func(s *Spec) { s.Paths = []Path{{Path: program}} }
	}},
}

// after prepares the world further.
func (e escape) after(f func(w world)) escape {
	prepare := e.prepare
	e.prepare = func(t *testing.T, w world) ([]string, func(*Spec)) {
		args, change := prepare(t, w)
		f(w)
		return args, change
	}
	return e
}

// cleaned removes what the attack leaves when it works.
func (e escape) cleaned(path string) escape {
	prepare := e.prepare
	e.prepare = func(t *testing.T, w world) ([]string, func(*Spec)) {
		t.Cleanup(func() { os.Remove(path) })
		return prepare(t, w)
	}
	return e
}

// onSocket attacks a listener whose place the program may use, so that it is the socket that is denied and not the path.
func onSocket(name, attack string, place func(w world) string) escape {
	return escape{name: name, prepare: func(t *testing.T, w world) ([]string, func(*Spec)) {
		l, err := net.Listen("unix", place(w))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return []string{attack, place(w)}, func(s *Spec) { s.Dir, s.DirAccess, s.Network = w.work, "rw", true }
	}}
}

func onDatagram(name string, kind int, place func(w world) string) escape {
	return escape{name: name, prepare: func(t *testing.T, w world) ([]string, func(*Spec)) {
		c, err := net.ListenPacket("unixgram", place(w))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return []string{"unixpair", strconv.Itoa(kind), place(w)}, func(s *Spec) { s.Dir, s.DirAccess, s.Network = w.work, "rw", true }
	}}
}

// What is inherited beside stdin, stdout and stderr is not the program's.
func TestInheritedFiles(t *testing.T) {
	w := newWorld(t)
	pass := func(cmd *exec.Cmd) {
		f, err := os.Open(w.id)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		for range 8 { // bubblewrap and we need some of the numbers
			cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		}
	}
	mustSucceed(t, plain(t, w.attacker(t, "inherited", "10"), pass))
	eachMethod(t, func(t *testing.T, m machine) {
		for _, fd := range []string{"3", "4", "5", "10"} {
			mustBeDenied(t, m.runWith(t, w.attacker(t, "inherited", fd), pass))
		}
	})
}

// What is read-only in something writable stays so; Landlock cannot do that and says so, see TestRefused.
func TestReadOnlyInWritable(t *testing.T) {
	m, w := machineOf(t, Bubblewrap), newWorld(t)
	spec := w.attacker(t, "write", w.work+"/file")
	spec.Paths = []Path{{Path: w.home, Write: true}, {Path: w.work}}
	mustBeDenied(t, m.run(t, spec))
	spec.Args[2] = w.home + "/new"
	mustSucceed(t, m.run(t, spec))
}
