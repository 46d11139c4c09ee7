package sandbox

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What a program is given, works.
func TestGiven(t *testing.T) {
	tests := []struct {
		name   string
		args   func(w world) []string
		change func(w world, s *Spec)
	}{
		{"read the working directory", func(w world) []string { return []string{"read", w.work + "/file"} },
			func(w world, s *Spec) { s.Dir, s.DirAccess = w.work, "ro" }},
		{"start in the working directory", func(world) []string { return []string{"read", "file"} },
			func(w world, s *Spec) { s.Dir, s.DirAccess = w.work, "ro" }},
		{"write in the working directory", func(world) []string { return []string{"write", "new"} },
			func(w world, s *Spec) { s.Dir, s.DirAccess = w.work, "rw" }},
		{"truncate in the working directory", func(world) []string { return []string{"truncate", "file"} },
			func(w world, s *Spec) { s.Dir, s.DirAccess = w.work, "rw" }},
		{"rename between directories", func(w world) []string { return []string{"rename", w.work + "/file", w.work + "/sub/file"} },
			func(w world, s *Spec) { s.Dir, s.DirAccess = w.work, "rw"; os.Mkdir(w.work+"/sub", 0o755) }},
		{"read a listed file", func(w world) []string { return []string{"read", w.outside + "/file"} },
			func(w world, s *Spec) { s.Paths = []Path{{Path: w.outside + "/file"}} }},
		{"write a listed file", func(w world) []string { return []string{"write", w.outside + "/file"} },
			func(w world, s *Spec) { s.Paths = []Path{{Path: w.outside + "/file", Write: true}} }},
		{"read a listed directory", func(w world) []string { return []string{"read", w.outside + "/file"} },
			func(w world, s *Spec) { s.Paths = []Path{{Path: w.outside}} }},
		{"write in a listed directory", func(w world) []string { return []string{"write", w.outside + "/new"} },
			func(w world, s *Spec) { s.Paths = []Path{{Path: w.outside, Write: true}} }},
		{"write in a directory within a read-only one", func(w world) []string { return []string{"write", w.work + "/new"} },
			func(w world, s *Spec) { s.Paths = []Path{{Path: w.home + "/src"}, {Path: w.work, Write: true}} }},
		{"read by a link in a directory", func(w world) []string { return []string{"read", w.base + "/way/work/file"} },
			func(w world, s *Spec) {
				os.Symlink(w.home+"/src", w.base+"/way")
				s.Paths = []Path{{Path: w.base + "/way/work"}}
			}},
		{"read by a relative link", func(w world) []string { return []string{"read", w.base + "/link"} },
			func(w world, s *Spec) {
				os.Symlink("outside/file", w.base+"/link")
				s.Paths = []Path{{Path: w.base + "/link"}}
			}},
		{"write beside the program in the working directory", func(w world) []string { return []string{"write", w.work + "/venv/new"} },
			func(w world, s *Spec) {
				self, _ := os.ReadFile(selfExe)
				os.MkdirAll(w.work+"/venv/bin", 0o755)
				os.WriteFile(w.work+"/venv/pyvenv.cfg", nil, 0o644)
				os.WriteFile(w.work+"/venv/bin/program", self, 0o755)
				s.Path, s.Dir, s.DirAccess = w.work+"/venv/bin/program", w.work, "rw"
			}},
		{"listed home", func(w world) []string { return []string{"read", w.id} },
			func(w world, s *Spec) { s.Paths = []Path{{Path: w.home}} }},
		{"listed home, written to", func(w world) []string { return []string{"write", w.home + "/new"} },
			func(w world, s *Spec) { s.Paths = []Path{{Path: w.home, Write: true}} }},
		{"listed /var", func(w world) []string { return []string{"list", "/var/lib"} },
			func(w world, s *Spec) { s.Paths = []Path{{Path: "/"}} }},
		{"listed / and a working directory", func(w world) []string { return []string{"write", "new"} },
			func(w world, s *Spec) { s.Paths = []Path{{Path: "/"}}; s.Dir, s.DirAccess = w.work, "rw" }},
		{"listed /, written to", func(w world) []string { return []string{"list", "/var/lib"} },
			func(w world, s *Spec) { s.Paths = []Path{{Path: "/", Write: true}} }},
		{"stream sockets in pairs", func(world) []string {
			return []string{"socketpair", strconv.Itoa(unix.SOCK_STREAM | unix.SOCK_CLOEXEC)}
		}, nil},
		{"packet sockets in pairs", func(world) []string {
			return []string{"socketpair", strconv.Itoa(unix.SOCK_SEQPACKET | unix.SOCK_NONBLOCK)}
		}, nil},
		{"netlink of routes", func(world) []string { return []string{"socket", "16", "3", "0"} }, func(_ world, s *Spec) { s.Network = true }},
		{"listen", func(world) []string { return []string{"listen"} }, func(_ world, s *Spec) { s.Network = true }},
		{"limits of its own", func(world) []string { return []string{"prlimit", "0"} }, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			eachMethod(t, func(t *testing.T, m machine) {
				w := newWorld(t)
				spec := w.attacker(t, test.args(w)...)
				if test.change != nil {
					test.change(w, &spec)
				}
				mustSucceed(t, m.run(t, spec))
			})
		})
	}
}

func TestNetworkOn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	eachMethod(t, func(t *testing.T, m machine) {
		spec := newWorld(t).attacker(t, "tcp", l.Addr().String())
		spec.Network = true
		mustSucceed(t, m.run(t, spec))
	})
}

func TestStreamsPassUnchanged(t *testing.T) {
	in := make([]byte, 3<<20)
	rand.Read(in)
	eachMethod(t, func(t *testing.T, m machine) {
		r := m.runWith(t, newWorld(t).attacker(t, "cat"), func(cmd *exec.Cmd) { cmd.Stdin = bytes.NewReader(in) })
		if r.code != 0 || r.stdout != string(in) || r.stderr != "" {
			t.Errorf("status %d, %d bytes, stderr %q", r.code, len(r.stdout), r.stderr)
		}
	})
}

func TestArgumentsPassUnchanged(t *testing.T) {
	args := []string{"", "--", "a b", "ü\n", "--seccomp", "$HOME", `"\`}
	eachMethod(t, func(t *testing.T, m machine) {
		if r := m.run(t, newWorld(t).attacker(t, append([]string{"args"}, args...)...)); r.stdout != fmt.Sprintf("%q", args) {
			t.Errorf("got %v", r)
		}
	})
}

// A program starts in its directory, wherever what starts it is.
func TestStartsInItsDirectory(t *testing.T) {
	eachMethod(t, func(t *testing.T, m machine) {
		w := newWorld(t)
		spec := w.attacker(t, "pwd")
		elsewhere := func(cmd *exec.Cmd) { cmd.Dir = "/" }
		if r := m.runWith(t, spec, elsewhere); r.code != 0 || !strings.HasPrefix(r.stdout, w.home+"/.cache/") {
			t.Errorf("in the private home: got %v", r)
		}
		spec.Dir, spec.DirAccess = w.work, "ro"
		if r := m.runWith(t, spec, elsewhere); r.stdout != w.work {
			t.Errorf("in the working directory: got %v", r)
		}
	})
}

func TestStatusPasses(t *testing.T) {
	eachMethod(t, func(t *testing.T, m machine) {
		if r := m.run(t, newWorld(t).attacker(t, "exit", "42")); r.code != 42 {
			t.Errorf("got %v", r)
		}
	})
}

// Neither the command line of the sandbox nor what bubblewrap makes of it shows a variable.
func TestEnvironment(t *testing.T) {
	eachMethod(t, func(t *testing.T, m machine) {
		w := newWorld(t)
		spec := w.attacker(t, "env")
		spec.Env = []string{"PATH=/usr/bin", "HOME=" + w.home, "TMP=/var/tmp", "TOKEN=" + secret, "XDG_DATA_DIRS=" + w.home + "/share:/usr/share",
			"XDG_CONFIG_HOME=" + w.home + "/.config", "XDG_RUNTIME_DIR=/run/user/1", "XDG_SESSION_TYPE=tty", "GODEBUG=madvdontneed=1"}
		c, err := m.confine(spec)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Release()
		if args := strings.Join(c.Args, " "); strings.Contains(args, secret) {
			t.Errorf("the value of a variable is in the arguments: %s", args)
		}
		got := m.run(t, spec)
		env := strings.Split(got.stdout, "\n")
		get := func(name string) string {
			for _, kv := range env {
				if value, ok := strings.CutPrefix(kv, name+"="); ok {
					return value
				}
			}
			return "-"
		}
		if get("HOME") == w.home || !strings.HasSuffix(get("HOME"), "/home") || get("TMPDIR") == "-" || get("TMP") != get("TMPDIR") {
			t.Errorf("HOME %s, TMPDIR %s, TMP %s", get("HOME"), get("TMPDIR"), get("TMP"))
		}
		for name, want := range map[string]string{"PATH": "/usr/bin", "TOKEN": secret, "XDG_DATA_DIRS": "/usr/share", "XDG_CONFIG_HOME": "-",
			"XDG_RUNTIME_DIR": "-", "XDG_SESSION_TYPE": "tty", "GODEBUG": "madvdontneed=1"} {
			if get(name) != want {
				t.Errorf("%s is %s, want %s", name, get(name), want)
			}
		}
	})
}

func TestPrivateHome(t *testing.T) {
	eachMethod(t, func(t *testing.T, m machine) {
		w := newWorld(t)
		sh := func(script string) result {
			return m.run(t, Spec{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Home: w.home})
		}
		script := `set -e; ls -A "$HOME"; ls -A "$TMPDIR"; pwd; echo x > "$HOME/new"; mkdir -p "$HOME/a/b"; mv "$HOME/new" "$HOME/a/b/"; echo y > "$TMPDIR/new"; cat "$HOME/a/b/new" "$TMPDIR/new"; echo "$HOME"`
		for range 2 { // the second run finds nothing of the first
			r := sh(script)
			lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
			if r.code != 0 || len(lines) != 4 || lines[0] != lines[3] || lines[1] != "x" || lines[2] != "y" {
				t.Fatalf("got %v", r)
			}
			if _, err := os.Stat(lines[3]); !os.IsNotExist(err) {
				t.Errorf("%s is left: %v", lines[3], err)
			}
		}
	})
}

func TestPrivateHomeThatStays(t *testing.T) {
	eachMethod(t, func(t *testing.T, m machine) {
		w := newWorld(t)
		keep := w.home + "/.cache/mcpproxy-stdio/servers/one"
		spec := Spec{Path: "/bin/sh", Args: []string{"-c", `cat "$HOME/n"; ls -A "$TMPDIR"; echo x >> "$HOME/n"; echo > "$TMPDIR/n"`},
			Env: []string{"PATH=/usr/bin:/bin"}, Home: w.home, Private: keep}
		m.run(t, spec)
		if r := m.run(t, spec); r.stdout != "x\n" {
			t.Errorf("got %v", r)
		}
		entries, _ := os.ReadDir(keep)
		if len(entries) != 1 || entries[0].Name() != "home" {
			t.Errorf("left: %v", entries)
		}
		if info, err := os.Stat(keep); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	})
}

func TestLimits(t *testing.T) {
	eachMethod(t, func(t *testing.T, m machine) {
		w := newWorld(t)
		if r := m.run(t, w.attacker(t, "limits")); !strings.HasPrefix(r.stdout, "core 0 files ") {
			t.Errorf("got %v", r)
		}
		r := m.run(t, Spec{Path: "/bin/sh", Args: []string{"-c", "ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -d"}, Home: w.home, Memory: 256 << 20})
		var soft, hard, core, data int
		fmt.Sscan(r.stdout, &soft, &hard, &core, &data)
		if soft > softFiles || soft == 0 || hard > hardFiles || core != 0 || data != 256<<10 {
			t.Errorf("got %v", r)
		}
	})
}

func TestMemory(t *testing.T) {
	python := need(t, "python3")
	spec := Spec{Path: python, Args: []string{"-c", "b = bytearray(400 << 20); print(len(b))"}, Env: []string{"PATH=/usr/bin"}}
	mustSucceed(t, plain(t, spec, nil))
	eachMethod(t, func(t *testing.T, m machine) {
		spec.Home, spec.Memory = newWorld(t).home, 0
		mustSucceed(t, m.run(t, spec))
		spec.Memory = 300 << 20
		if r := m.run(t, spec); r.code != 1 || !strings.Contains(r.stderr, "MemoryError") {
			t.Errorf("got %v", r)
		}
	})
}

// The kernel's own account of a confined process.
func TestStatus(t *testing.T) {
	eachMethod(t, func(t *testing.T, m machine) {
		r := m.run(t, newWorld(t).attacker(t, "status"))
		for _, line := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n", "CapInh:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "CapAmb:\t0000000000000000\n"} {
			if !strings.Contains(r.stdout, line) {
				t.Errorf("%q is not in the status:\n%v", line, r)
			}
		}
	})
}

func TestNode(t *testing.T) {
	node := need(t, "node")
	script := `const {execFileSync, fork} = require("child_process");
const out = execFileSync("sh", ["-c", "cat"], {input: "through a pipe"}).toString();
require("fs").writeFileSync(process.env.HOME + "/x", out);
const w = new (require("worker_threads").Worker)("require('worker_threads').parentPort.postMessage(7)", {eval: true});
w.on("message", (n) => console.log(n + out));`
	eachMethod(t, func(t *testing.T, m machine) {
		spec := Spec{Path: node, Args: []string{"-e", script}, Env: []string{"PATH=/usr/bin:/bin"}, Home: newWorld(t).home, Memory: 1 << 30}
		if r := m.run(t, spec); r.stdout != "7through a pipe\n" || r.stderr != "" {
			t.Errorf("got %v", r)
		}
	})
}

func TestNpx(t *testing.T) {
	npx := need(t, "npx")
	eachMethod(t, func(t *testing.T, m machine) {
		r := m.run(t, Spec{Path: npx, Args: []string{"--version"}, Env: []string{"PATH=/usr/bin:/bin"}, Home: newWorld(t).home})
		if r.code != 0 || !strings.Contains(r.stdout, ".") {
			t.Errorf("got %v", r)
		}
	})
}

func TestPython(t *testing.T) {
	python := need(t, "python3")
	script := `import multiprocessing, os, subprocess, tempfile, asyncio
def f(c): c.send(os.environ["HOME"])
if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    a, b = multiprocessing.Pipe()
    p = multiprocessing.Process(target=f, args=(b,)); p.start(); assert a.recv() == os.environ["HOME"]; p.join()
    async def g():
        q = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
        return (await q.communicate(b"piped"))[0]
    with tempfile.TemporaryFile() as t: t.write(b"x")
    print(asyncio.run(g()).decode(), p.exitcode)
`
	eachMethod(t, func(t *testing.T, m machine) {
		r := m.run(t, Spec{Path: python, Args: []string{"-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Home: newWorld(t).home})
		if r.stdout != "piped 0\n" || r.stderr != "" {
			t.Errorf("got %v", r)
		}
	})
}

// An installation in the home: the program is a script, its interpreter lies beside it and its library beside that.
func TestProgramInTheHome(t *testing.T) {
	eachMethod(t, func(t *testing.T, m machine) {
		w := newWorld(t)
		prefix := w.home + "/.nvm/versions/node/v20"
		put(t, prefix+"/bin/node", "#!/bin/sh\nexec sh \"$@\"\n", 0o755)
		put(t, prefix+"/lib/node_modules/npm/bin/npx-cli.js", "#!/usr/bin/env -S node\n. \"${0%/*}/../lib/node_modules/npm/lib.js\"\ncat "+w.id+" || ls "+w.home+"/.nvm\n", 0o755)
		put(t, prefix+"/lib/node_modules/npm/lib.js", "echo library", 0o644)
		put(t, w.home+"/.nvm/token", secret, 0o644)
		if err := os.Symlink("../lib/node_modules/npm/bin/npx-cli.js", prefix+"/bin/npx"); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(prefix+"/bin/npx", w.home+"/npx"); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{prefix + "/bin/npx", w.home + "/npx"} {
			r := m.run(t, Spec{Path: path, Env: []string{"PATH=" + prefix + "/bin:/usr/bin:/bin"}, Home: w.home})
			if strings.Contains(r.stdout, secret) || strings.Contains(r.stdout, "token") {
				t.Errorf("%s saw too much: %v", path, r)
			}
			if path != w.home+"/npx" && !strings.HasPrefix(r.stdout, "library\n") {
				t.Errorf("got %v", r)
			}
		}
	})
}

// A script that stands alone and an interpreter that does not.
func TestInterpreterInTheHome(t *testing.T) {
	eachMethod(t, func(t *testing.T, m machine) {
		w := newWorld(t)
		prefix := w.home + "/.nvm/versions/node/v20"
		put(t, prefix+"/bin/node", "#!/bin/sh\n. \"${0%/*}/../lib/start\"\n", 0o755)
		put(t, prefix+"/lib/start", "echo started", 0o644)
		put(t, w.home+"/bin/tool", "#!/usr/bin/env node\n", 0o755)
		if r := m.run(t, Spec{Path: w.home + "/bin/tool", Env: []string{"PATH=" + prefix + "/bin:/usr/bin:/bin"}, Home: w.home}); r.stdout != "started\n" {
			t.Errorf("got %v", r)
		}
	})
}

// A program in a directory of many is alone, but for the one it starts.
func TestLoneProgram(t *testing.T) {
	eachMethod(t, func(t *testing.T, m machine) {
		w := newWorld(t)
		bin := w.home + "/.local/bin"
		put(t, bin+"/uvx", "#!/bin/sh\nexec \"${0%/*}/uv\"\n", 0o755)
		put(t, bin+"/uv", "#!/bin/sh\necho uv; cat "+bin+"/other "+w.home+"/.local/share/token\n", 0o755)
		put(t, bin+"/other", secret, 0o755)
		put(t, w.home+"/.local/share/token", secret, 0o644)
		if r := m.run(t, Spec{Path: bin + "/uvx", Env: []string{"PATH=/usr/bin:/bin"}, Home: w.home}); r.stdout != "uv\n" {
			t.Errorf("got %v", r)
		}
	})
}

// A 32-bit program's calls are others than the filter knows: there are none.
func TestForeignCalls(t *testing.T) {
	// mov eax, 20 (getpid); int 0x80; xor edi, edi; mov eax, 60 (exit); syscall
	code := []byte{0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05}
	if out, err := exec.Command("uname", "-m").Output(); err != nil || strings.TrimSpace(string(out)) != "x86_64" {
		missing(t, "an x86-64 processor")
	}
	program := func(w world) Spec {
		put(t, w.base+"/program", string(elf(code)), 0o755)
		return Spec{Path: w.base + "/program", Home: w.home}
	}
	if r := plain(t, program(newWorld(t)), nil); r.code != 0 {
		t.Logf("this kernel has no 32-bit calls, so nothing is shown: %v", r)
	}
	eachMethod(t, func(t *testing.T, m machine) {
		if r := m.run(t, program(newWorld(t))); r.code != 128+int(unix.SIGSYS) {
			t.Errorf("got %v", r)
		}
	})
}

// elf makes an executable of machine code.
func elf(code []byte) []byte {
	const base, header = 0x400000, 64 + 56
	b := []byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	put16 := func(values ...int) {
		for _, v := range values {
			b = append(b, byte(v), byte(v>>8))
		}
	}
	put64 := func(values ...int64) {
		for _, v := range values {
			put16(int(v), int(v>>16), int(v>>32), int(v>>48))
		}
	}
	put16(2, 62, 1, 0)              // executable, x86-64, version
	put64(base+header, 64, 0)       // entry, program headers, section headers
	put16(0, 0, 64, 56, 1, 0, 0, 0) // flags, sizes, numbers
	put16(1, 0, 5, 0)               // load, read and execute
	put64(0, base, base)            // offset, addresses
	put64(int64(header+len(code)), int64(header+len(code)), 4096)
	return append(b, code...)
}

func TestBrokenOrder(t *testing.T) {
	for _, args := range [][]string{{hookArg, "{"}, {hookArg, "{", "--", "/bin/true"}, {hookArg, "{}", "--", "/bin/true"}, {hookArg, `{"dir":"/"}`, "--", "/bin/true"},
		{hookArg, `{"dir":"/nowhere"}`, "--", "/bin/true"}, {hookArg, `{"method":"landlock","dir":"/","grants":[{"path":"/nowhere"}]}`, "--", "/bin/true"}} {
		r := finish(t, exec.Command(selfExe, args...), nil)
		if r.code != exitRefused || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.HasPrefix(r.stderr, "mcpproxy-stdio: the program was not run: ") {
			t.Errorf("%q: got %v", args, r)
		}
	}
}

func TestRefused(t *testing.T) {
	eachMethod(t, func(t *testing.T, m machine) {
		w := newWorld(t)
		tests := map[string]func(*Spec){
			"not an absolute path": func(s *Spec) { s.Paths = []Path{{Path: "work"}} },
			"no such file":         func(s *Spec) { s.Paths = []Path{{Path: w.home + "/none"}} },
			"cannot be listed":     func(s *Spec) { s.Paths = []Path{{Path: "/dev/kvm"}} },
			`"ro" or "rw"`:         func(s *Spec) { s.DirAccess = "yes" },
			"is not valid":         func(s *Spec) { s.Memory = -1 },
			"is not a program":     func(s *Spec) { s.Path = w.home },
			"only you can use":     func(s *Spec) { s.Private = w.outside },
		}
		if m.Method == Landlock {
			tests["takes bubblewrap"] = func(s *Spec) { s.Paths = []Path{{Path: w.home, Write: true}, {Path: w.work}} }
		}
		for want, change := range tests {
			spec := w.attacker(t, "nothing")
			change(&spec)
			if c, err := m.confine(spec); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("want %q, got %v, %v", want, c, err)
			}
		}
		if left, _ := filepath.Glob(w.home + "/.cache/mcpproxy-stdio/sandbox/" + runPrefix + "*"); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestFind(t *testing.T) {
	a := Find(t.Context())
	if a.Method == "" {
		missing(t, a.Why)
	}
	if a.Version == "" || (a.Method == Landlock) != (a.Why != "") || (a.Method == Landlock) != (len(a.Gaps) > 0) {
		t.Errorf("got %+v", a)
	}
	c, err := Confine(newWorld(t).attacker(t, "nothing"))
	if err != nil {
		t.Fatal(err)
	}
	c.Release()
	c.Release()
}
