package sandbox

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tries has a program use its own sockets, and then those that are named: what it can reach is printed.
const tries = `
import os, socket, sys
def own(name):
    s = socket.socket(socket.AF_UNIX); s.bind(name); s.listen()
    c = socket.socket(socket.AF_UNIX); c.connect(name); s.accept()
    print("own")
own(os.environ["HOME"] + "/s"); own(os.environ["TMPDIR"] + "/s"); own("\0own" + str(os.getpid()))
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
a.send(b"x"); b.recv(1)
for name in sys.argv[1:]:
    try:
        socket.socket(socket.AF_UNIX).connect(name.replace("@", "\0", 1))
        print("reached", name)
    except OSError as e:
        print("kept from", name)
`

// A program that may use Unix sockets reaches its own ones, and no other program's: neither by a path in what it is shown, nor by a name in
// the machine's network. One that is listed by its path is meant.
func TestSockets(t *testing.T) {
	python := need(t, "python3")
	for _, network := range []bool{false, true} {
		eachMethod(t, func(t *testing.T, m machine) {
			w := newWorld(t)
			listen := func(name string) string {
				l, err := net.Listen("unix", name)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { l.Close() })
				return name
			}
			inMount, meant, outside := listen(w.work+"/app sock"), listen(w.outside+"/meant"), listen(w.home+"/s")
			inReadOnly, abstract := listen(w.outside+"/ro.sock"), listen("@sandboxed"+filepath.Base(w.base))
			spec := Spec{Path: python, Args: []string{"-c", tries, inMount, meant, outside, inReadOnly, abstract}, Env: []string{"PATH=/usr/bin"}, Home: w.home,
				Network: network, Sockets: true, Paths: []Path{{Path: w.work, Write: true}, {Path: w.outside}, {Path: meant}}}
			if m.Method == Landlock {
				if _, err := m.confine(spec); err == nil || !strings.Contains(err.Error(), `"type": "docker"`) {
					t.Errorf("Landlock alone: %v", err)
				}
				return
			}
			if _, err := m.forSockets(network); err != nil {
				missing(t, err.Error())
			}
			r := m.run(t, spec)
			want := "own\nown\nown\nkept from " + inMount + "\nreached " + meant + "\nkept from " + outside + "\nkept from " + inReadOnly + "\nkept from " + abstract + "\n"
			if r.stdout != want {
				t.Errorf("network %v: %v\nwant %q", network, r, want)
			}
			if info, err := os.Lstat(inMount); err != nil || info.Mode()&os.ModeSocket == 0 {
				t.Errorf("the other program's socket was changed: %v, %v", info, err)
			}
			spec.Sockets = false
			if r := m.run(t, spec); r.code == 0 || strings.Contains(r.stdout, "own") {
				t.Errorf("without the option: %v", r)
			}
		})
	}
}

func TestOthersSockets(t *testing.T) {
	dir := tempDir(t)
	for _, name := range []string{"own", "a b", "listed"} {
		put(t, dir+"/"+name, "", 0o600)
	}
	v := &view{grants: []grant{{Path: dir}, {Path: dir + "/listed"}}}
	table := "Num       RefCount Protocol Flags    Type St Inode Path\n" +
		"0000000000000000: 00000002 00000000 00010000 0001 01 17 " + dir + "/own\n0000000000000000: 00000003 00000000 00000000 0001 03 18 " + dir + "/own\n" +
		"0000000000000000: 00000002 00000000 00010000 0001 01 19 " + dir + "/a b\n0000000000000000: 00000002 00000000 00010000 0001 01 20 " + dir + "/gone\n" +
		"0000000000000000: 00000002 00000000 00010000 0001 01 21 @/tmp/x\n0000000000000000: 00000002 00000000 00010000 0001 01 22\n" +
		"0000000000000000: 00000002 00000000 00010000 0001 01 23 " + dir + "/listed\n0000000000000000: 00000002 00000000 00010000 0001 01 24 relative\n" +
		"0000000000000000: 00000002 00000000 00010000 0001 01 25 /var/tmp\n"
	if got, want := v.socketsIn([]byte(table)), []string{dir + "/own", dir + "/a b"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFilterOfSockets(t *testing.T) {
	if auditArch == 0 {
		missing(t, "a filter for this processor")
	}
	program, err := filter(false, false, true)
	if err != nil {
		t.Fatal(err)
	}
	const yes, no = unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)
	for _, c := range []struct {
		number, family, kind uint64
		want                 uint32
	}{
		{unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM, yes}, {unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_DGRAM, yes},
		{unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_DGRAM, yes}, {unix.SYS_SOCKETPAIR, unix.AF_TIPC, unix.SOCK_STREAM, no},
		{unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, yes}, {unix.SYS_SOCKET, unix.AF_VSOCK, unix.SOCK_STREAM, no},
		{unix.SYS_SOCKET, unix.AF_ALG, unix.SOCK_SEQPACKET, no}, {unix.SYS_GETPID, 0, 0, yes},
	} {
		if got := answer(t, program, auditArch, uint32(c.number), c.family, c.kind); got != c.want {
			t.Errorf("call %d of family %d, kind %d: got %#x, want %#x", c.number, c.family, c.kind, got, c.want)
		}
	}
}

// Chromium starts and shows a page: its processes, its profile's lock and its crash handler need Unix sockets.
func TestChromium(t *testing.T) {
	const chromium = "/usr/lib/chromium/chromium"
	if _, err := os.Stat(chromium); err != nil {
		t.Skip("missing: Chromium (the package chromium)")
	}
	w := newWorld(t)
	m := machineOf(t, Namespaces)
	spec := Spec{Path: chromium, Args: []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom", "data:text/html,<p>shown</p>"},
		Env: []string{"PATH=/usr/bin"}, Home: w.home, Network: true, Sockets: true}
	if r := m.run(t, spec); !strings.Contains(r.stdout, "<p>shown</p>") {
		t.Errorf("got %v", r)
	}
	spec.Sockets = false
	if r := m.run(t, spec); strings.Contains(r.stdout, "<p>shown</p>") {
		t.Errorf("it needs no sockets: %v", r)
	}
}
