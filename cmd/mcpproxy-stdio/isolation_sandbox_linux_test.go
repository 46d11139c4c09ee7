package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
)

// envPoor makes this program one on a machine that can do less: "bubblewrap", "mounts" or "landlock" do not work there.
const envPoor = "MCPPROXY_TEST_POOR"

const poorInBubblewrap, poorInMounts, poorInAll = envPoor + "=bubblewrap", envPoor + "=bubblewrap mounts", envPoor + "=bubblewrap mounts landlock"

func init() {
	poor := os.Getenv(envPoor)
	var denied []uint32
	if strings.Contains(poor, "bubblewrap") {
		denied = append(denied, unix.SYS_UNSHARE) // with which it keeps programs from namespaces of their own
	}
	if strings.Contains(poor, "mounts") {
		denied = append(denied, unix.SYS_MOUNT)
	}
	if strings.Contains(poor, "landlock") {
		denied = append(denied, unix.SYS_LANDLOCK_CREATE_RULESET)
	}
	if denied != nil {
		deny(denied)
	}
}

// deny takes system calls from this process and all that it starts.
func deny(calls []uint32) {
	const numberAt = 0 // in struct seccomp_data
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: numberAt}}
	for _, call := range calls {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); err == nil && errno != 0 {
		err = errno
	}
	if err != nil {
		panic(err)
	}
}

// sandboxes are the ways to make one, by what upstream_servers calls it, with what a machine that has no better one is started with.
var sandboxes = map[string][]string{"sandbox (bubblewrap)": nil, "sandbox (namespaces)": {poorInBubblewrap}, "sandbox (landlock)": {poorInMounts}}

// needs skips a test where such a sandbox cannot be made, or fails it where skips are forbidden.
func needs(t *testing.T, how string) {
	t.Helper()
	why := ""
	if how == "sandbox (landlock)" {
		if abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION); errno != 0 || abi < 3 {
			why = "the kernel lacks Landlock"
		}
	} else if a := sandbox.Find(t.Context()); a.Method != sandbox.Bubblewrap {
		why = a.Why
	}
	switch {
	case why != "" && os.Getenv("MCPPROXY_TEST_NO_SKIP") != "":
		t.Fatal(why)
	case why != "":
		t.Skip("needs a sandbox: ", why)
	}
}

// world is a person's: a home that is not in /tmp, of which a sandbox has its own, with a key and a project in it.
type world struct {
	*home
	key, project, outside string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "isolation")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	w := &world{home: &home{t: t, dir: filepath.Join(dir, "home"), config: filepath.Join(dir, "home", "config.json")}}
	w.key, w.project, w.outside = w.dir+"/.ssh/id_x", w.dir+"/src/project", filepath.Join(dir, "outside")
	for _, d := range []string{filepath.Dir(w.key), w.project, w.outside} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{w.key, w.project + "/file", w.outside + "/file"} {
		if err := os.WriteFile(f, []byte("KEY-4411"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// proxy is a client's, on a machine that may be poor.
func (w *world) proxy(env []string) *mcptest.Client {
	return w.run("", "", append(slices.Clone(env), "XDG_CACHE_HOME="+w.dir+"/.cache"))
}

// probe is an entry for the probe on this machine.
func (w *world) probe(isolation, more options) json.RawMessage {
	entry := options{"command": must2(os.Executable()), "args": []string{"-test.run=^$"}, "env": map[string]string{envProbe: "-", "GORACE": "atexit_sleep_ms=0"}, "working_dir": w.project}.with(more)
	if isolation != nil {
		entry["isolation"] = isolation
	}
	return encoded(entry)
}

func must2(text string, err error) string {
	if err != nil {
		panic(err)
	}
	return text
}

// listeners wait for connections that should not come.
func listeners(t *testing.T, dir string) (addresses []string) {
	t.Helper()
	for _, l := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", dir + "/socket"}, {"unix", "@isolation-" + filepath.Base(filepath.Dir(dir))}} {
		listener, err := net.Listen(l[0], l[1])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		addresses = append(addresses, l[0]+":"+listener.Addr().String())
	}
	return addresses
}

// A server in a sandbox has what its entry lists, and nothing else of the person's; without a sandbox the same server has it all.
func TestSandboxed(t *testing.T) {
	t.Parallel()
	for how, poor := range sandboxes {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			needs(t, how)
			w := newWorld(t)
			ask := options{"type": "sandbox", "network": "none"}
			w.set(entries{
				"free": w.probe(nil, nil), "none": w.probe(ask, nil), "ro": w.probe(ask.with(options{"working_dir": "ro"}), nil), "rw": w.probe(ask.with(options{"working_dir": "rw"}), nil),
				"listed": w.probe(ask.with(options{"mounts": []string{filepath.Dir(w.key) + ":ro", w.outside}}), nil), "net": w.probe(ask.with(options{"network": nil}), nil),
			}, nil)
			c := w.proxy(poor)
			c.List("tools/list")
			try := func(name, do, path string) string {
				t.Helper()
				return said(c.Tool(name+"__try", map[string]any{"do": do, "path": path}))
			}
			is := func(name, do, path, want string) {
				t.Helper()
				if got := try(name, do, path); got != want {
					t.Errorf("%s: %s %s: %q, not %q", name, do, path, got, want)
				}
			}
			denied := func(name, do, path string) {
				t.Helper()
				if got := try(name, do, path); !strings.HasPrefix(got, "failed: ") {
					t.Errorf("%s: %s %s: %q", name, do, path, got)
				}
			}
			addresses := listeners(t, w.outside)
			state := w.state() + "/quarantine.log"
			written := []string{w.dir + "/.bashrc", w.dir + "/.ssh/authorized_keys", w.outside + "/new"}
			for _, dir := range []string{"/usr/local/bin", "/etc", "/var/tmp"} {
				path := filepath.Join(dir, filepath.Base(filepath.Dir(w.dir))+".written")
				t.Cleanup(func() { os.Remove(path) })
				written = append(written, path)
			}

			if got := isolationOf(t, c, "free"); got != "none" {
				t.Errorf("free runs as %q", got)
			}
			is("free", "read", w.key, "KEY-4411")
			is("free", "write", w.dir+"/.bashrc", "written")
			if err := os.Remove(w.dir + "/.bashrc"); err != nil {
				t.Error(err)
			}
			for _, a := range addresses {
				is("free", "dial", a, "connected")
			}

			for _, name := range []string{"none", "ro", "rw", "listed", "net"} {
				if s := seen(t, c, name); slices.ContainsFunc(s.Env, func(kv string) bool { return kv == "HOME="+w.dir || strings.HasPrefix(kv, asProxy) }) {
					t.Errorf("%s has %v", name, s.Env)
				}
				if got := isolationOf(t, c, name); got != how {
					t.Errorf("%s runs as %q", name, got)
				}
				denied(name, "read", w.config)
				denied(name, "read", state)
				if name != "listed" {
					denied(name, "read", w.key)
					denied(name, "read", w.outside+"/file")
					for _, path := range written {
						denied(name, "write", path)
					}
				}
				for _, a := range addresses {
					if name == "net" && strings.HasPrefix(a, "tcp") {
						is(name, "dial", a, "connected")
						continue
					}
					if name == "listed" && strings.HasPrefix(a, "unix:/") {
						continue // the socket is in a directory that it may use
					}
					denied(name, "dial", a)
				}
			}
			lacks(t, "the sandbox's view of the home", try("rw", "walk", w.dir), "id_x", "config.json", "records")
			denied("none", "read", w.project+"/file")
			is("ro", "read", w.project+"/file", "KEY-4411")
			denied("ro", "write", w.project+"/new")
			is("rw", "write", w.project+"/new", "written")
			if got := seen(t, c, "rw").Dir; got != w.project {
				t.Errorf("rw runs in %s", got)
			}
			is("listed", "read", w.key, "KEY-4411")
			denied("listed", "write", w.key)
			is("listed", "write", w.outside+"/new", "written")
			for _, path := range []string{w.project + "/new", w.outside + "/new"} {
				if text := string(must(os.ReadFile(path))); text != "written by the probe\n" {
					t.Errorf("%s: %q", path, text)
				}
			}
			for _, path := range written {
				if _, err := os.Stat(path); err == nil && path != w.outside+"/new" {
					t.Errorf("%s is there", path)
				}
			}
		})
	}
}

// runs are what sandboxes have on disk while they run.
func (w *world) runs() (all []string) {
	all, _ = filepath.Glob(w.dir + "/.cache/mcpproxy-stdio/sandbox/run-*")
	return all
}

// A sandbox ends with the proxy, however that ends, and all that was started in it; what a killed one left on disk goes with the next run.
func TestSandboxedEnds(t *testing.T) {
	t.Parallel()
	mcptest.SkipWithoutProcesses(t)
	for how, poor := range sandboxes {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			needs(t, how)
			w, mark := newWorld(t), marked(t)
			w.set(entries{"s": w.probe(options{"type": "sandbox", "network": "none", "cache": false}, options{"env": map[string]string{envProbe: "-", "GORACE": "atexit_sleep_ms=0", "MARK": mark}})}, nil)
			for _, end := range []func(c *mcptest.Client){
				func(c *mcptest.Client) { c.Signal(syscall.SIGKILL); c.WaitExit(10 * time.Second) },
				func(c *mcptest.Client) { c.Close() },
			} {
				c := w.proxy(poor)
				c.List("tools/list")
				if got := isolationOf(t, c, "s"); got != how && got != "asks for a sandbox" {
					t.Errorf("it runs as %q", got)
				}
				for range 3 {
					if got := said(c.Tool("s__try", map[string]any{"do": "fork", "path": "300"})); got != "forked" {
						t.Error(got)
					}
				}
				soon(t, 10*time.Second, "four processes run", func() bool { return len(mcptest.ProcessesWithEnv(mark)) >= 4 })
				soon(t, 20*time.Second, "one run is on disk", func() bool { return len(w.runs()) == 1 })
				end(c)
				soon(t, 10*time.Second, "its processes are gone", func() bool { return mcptest.ProcessesWithEnv(mark) == nil })
			}
			// The proxy may end in the midst of removing it; the next run goes on with that.
			if left := w.runs(); left != nil {
				c := w.proxy(poor)
				c.Tool("s__try", map[string]any{"do": "fork", "path": "1"})
				soon(t, 20*time.Second, "what was left on disk is gone", func() bool {
					return !slices.ContainsFunc(left, func(run string) bool { return slices.Contains(w.runs(), run) })
				})
				c.Close()
			}
		})
	}
}

// A real server on Node runs where its files are listed, and does not where they are not.
func TestSandboxedEverything(t *testing.T) {
	t.Parallel()
	everything := npmServer(t, "server-everything")
	for how, poor := range sandboxes {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			needs(t, how)
			w := newWorld(t)
			entry := func(more options) json.RawMessage {
				return encoded(options{"command": "node", "args": []string{everything, "stdio"}, "isolation": options{"type": "sandbox", "network": "none"}.with(more)})
			}
			w.set(entries{"everything": entry(options{"mounts": []string{os.Getenv("MCPPROXY_TEST_NPM") + ":ro"}}), "unlisted": entry(nil)}, map[string]any{"first_list_wait": "60s"})
			cmd := w.command()
			cmd.Env = append(append(cmd.Env, poor...), "XDG_CACHE_HOME="+w.dir+"/.cache")
			c := mcptest.Start(t, cmd)
			c.Timeout = time.Minute
			person(t, c, w.dir)
			useEverything(t, c, "everything__")
			if got := isolationOf(t, c, "everything"); got != how {
				t.Errorf("it runs as %q", got)
			}
			tells(t, refusal(t, c, "unlisted"), `server "unlisted" did not start`, "its sandbox does not show it", everything, `"mounts":[`)
		})
	}
}

// Where a sandbox cannot be made, nothing is run that asks for one; auto takes a sandbox where there is no engine.
func TestSandboxMissing(t *testing.T) {
	t.Parallel()
	t.Run("sandbox", func(t *testing.T) {
		t.Parallel()
		refuses(t, []string{poorInAll}, nil, options{"type": "sandbox"}, "it asks for a sandbox", "no sandbox can be made here", "bubblewrap", "Landlock")
	})
	t.Run("auto", func(t *testing.T) {
		t.Parallel()
		refuses(t, []string{poorInAll}, nil, options{"type": "auto", "image": "x:1", "docker_host": nowhere}, "neither a container nor a sandbox", "/nowhere/docker.sock", "no sandbox can be made here")
	})
	t.Run("allow_none", func(t *testing.T) {
		t.Parallel()
		mark := marked(t)
		h := newHome(t).set(entries{"asks": calm(mcptest.Server{Mark: mark})}, map[string]any{"isolation": options{"type": "auto", "image": "x:1", "docker_host": nowhere, "allow_none": true}})
		c := h.run("", "", []string{poorInAll})
		answers(t, c, "asks")
		if got := isolationOf(t, c, "asks"); !strings.HasPrefix(got, "none, although it asks") {
			t.Errorf("upstream_servers says that its isolation is %q", got)
		}
		if !strings.Contains(c.Stderr(), "runs unisolated") {
			t.Errorf("the log does not tell: %s", c.Stderr())
		}
		if len(mcptest.ProcessesWithEnv(mark)) != 1 {
			t.Error("it does not run here")
		}
	})
	for how, poor := range sandboxes {
		t.Run("auto, engine down, "+how, func(t *testing.T) {
			t.Parallel()
			needs(t, how)
			w := newWorld(t)
			w.set(entries{"s": w.probe(options{"type": "auto", "image": "x:1", "docker_host": nowhere, "network": "none"}, nil)}, nil)
			c := w.proxy(poor)
			if got := said(c.Tool("s__try", map[string]any{"do": "read", "path": w.key})); !strings.HasPrefix(got, "failed: ") {
				t.Errorf("the key: %s", got)
			}
			if got := isolationOf(t, c, "s"); got != how {
				t.Errorf("it runs as %q", got)
			}
		})
	}
}
