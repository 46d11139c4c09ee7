package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/docker/docker/api/types/system"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
)

// able is an engine that enforces everything.
func able() *system.Info {
	return &system.Info{
		ServerVersion: "28.2.2", OSType: "linux", Architecture: "x86_64", OperatingSystem: "Debian GNU/Linux 12", CgroupVersion: "2", CgroupDriver: "systemd",
		DefaultRuntime: "runc", MemoryLimit: true, SwapLimit: true, CPUCfsPeriod: true, CPUCfsQuota: true, PidsLimit: true,
		SecurityOptions: []string{"name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"},
	}
}

func without(change func(*system.Info)) *system.Info {
	info := able()
	change(info)
	return info
}

// engineWith is one that was asked; a nil info is one that is away.
func engineWith(info *system.Info) *dockerEngine {
	e := &dockerEngine{Host: "unix:///var/run/docker.sock", Sources: []string{"the default"}, asked: docker.Condition{Info: info}}
	if info == nil {
		e.Error, e.Remedy = "it is away", "Start it"
		return e
	}
	e.Reachable = true
	e.describe(info)
	e.warn(info)
	return e
}

const elsewhere = `there is no sandbox on darwin, only on Linux; use "isolation": {"type": "docker"}`

var (
	bubblewrap = sandboxAbilities{Method: sandbox.Bubblewrap, Version: "0.11.0"}
	noneHere   = sandboxAbilities{Why: elsewhere}
)

// planned gives the server the plan of a program with an isolation.
func (s *treatedServer) planned(program string, iso *config.Isolation) {
	server := &config.Server{Command: program, Isolation: iso}
	s.known = hub.Server{Written: server}
	s.plan = &launch.Plan{Server: server, Launch: config.Launch{Command: program, Isolation: iso}}
}

func TestDoctorTellsWhatAServerGets(t *testing.T) {
	t.Parallel()
	missing := t.TempDir() + "/missing"
	here := testProgram(t)
	for _, c := range []struct {
		name string
		iso  config.Isolation
		info *system.Info
		here sandboxAbilities
		want string
	}{
		{"all limits", config.Isolation{Type: "docker", Memory: 512 << 20, CPUs: 1.5, Network: "none", ReadOnly: true}, able(), noneHere,
			"container of node:24, 256 processes, 512MiB of memory, 1.5 processors, network none, read-only"},
		{"files", config.Isolation{Type: "docker", Network: "bridge", Dir: "rw", User: "1000", Cache: true, Mounts: []config.Mount{{Host: "/a", ReadOnly: true}, {Host: "/b"}}}, able(), noneHere,
			"container of node:24, 256 processes, network bridge, working directory writable, 2 mounts (1 writable), .git, .npmrc and the like read-only there, user 1000, keeps a cache"},
		{"memory that can't be limited", config.Isolation{Type: "docker", Memory: 1 << 30}, without(func(i *system.Info) { i.MemoryLimit = false }), bubblewrap,
			"does not start: its Docker engine cannot limit memory – enable that on the engine's machine, or remove isolation.memory_limit"},
		{"processors that can't be limited, and no sandbox instead", config.Isolation{Type: "auto", CPUs: 1}, without(func(i *system.Info) { i.CPUCfsQuota = false }), bubblewrap,
			"does not start: its Docker engine cannot limit processors – enable that on the engine's machine, or remove isolation.cpu_limit"},
		{"processes that can't be limited", config.Isolation{Type: "docker", Pids: 10}, without(func(i *system.Info) { i.PidsLimit = false }), bubblewrap,
			"does not start: its Docker engine cannot limit processes – enable that on the engine's machine, or remove isolation.pids_limit"},
		{"the default limit of processes", config.Isolation{Type: "docker", Network: "bridge"}, without(func(i *system.Info) { i.PidsLimit = false }), bubblewrap,
			"container of node:24, processes not limited, network bridge"},
		{"swap", config.Isolation{Type: "docker", Network: "bridge", Memory: 1 << 30}, without(func(i *system.Info) { i.SwapLimit = false }), bubblewrap,
			"container of node:24, 256 processes, 1GiB of memory, swap not limited, network bridge"},
		{"no engine", config.Isolation{Type: "docker"}, nil, bubblewrap, "does not start: its Docker engine can't be used, see above"},
		{"auto without an engine", config.Isolation{Type: "auto", Network: "bridge"}, nil, bubblewrap, "sandbox (bubblewrap), network of this machine, keeps its files"},
		{"a fresh sandbox with sockets", config.Isolation{Type: "sandbox", Network: "bridge", Fresh: true, Sockets: true}, nil, bubblewrap, "sandbox (bubblewrap), network of this machine, Unix sockets of its own"},
		{"auto without anything", config.Isolation{Type: "auto"}, nil, noneHere, "does not start: no Docker engine can be used, and no sandbox can be made here, see above"},
		{"auto that may do without", config.Isolation{Type: "auto", AllowNone: true}, nil, noneHere,
			"NONE: it runs with your rights, as allow_none lets it: no Docker engine can be used, and no sandbox can be made here, see above"},
		{"sandbox", config.Isolation{Type: "sandbox", Memory: 1 << 30, Network: "none", Dir: "ro"}, nil, bubblewrap,
			"sandbox (bubblewrap), network none, 1GiB of memory for each process, working directory read-only, keeps its files"},
		{"no sandbox", config.Isolation{Type: "sandbox", AllowNone: true}, able(), noneHere, "does not start: no sandbox can be made here, see above"},
		{"a mount that is not there", config.Isolation{Type: "sandbox", Mounts: []config.Mount{{Host: missing, Container: missing}}}, nil, bubblewrap,
			"does not start: the mount " + missing + " cannot be used: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &treatedServer{Name: "s", Protocol: "stdio", State: stateEnabled, Asks: c.iso.Type, Image: "node:24"}
			s.planned(here, &c.iso)
			if c.iso.Type != config.IsolationSandbox {
				s.engine = engineWith(c.info)
			}
			s.treat(c.here)
			_, got := s.gets(string(c.here.Method))
			if got != c.want && !(strings.HasSuffix(c.want, ": ") && strings.HasPrefix(got, c.want)) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if confined := strings.HasPrefix(got, "container") || strings.HasPrefix(got, "sandbox"); s.confined() != confined || s.deprived() == confined {
				t.Errorf("confined %t, deprived %t: %s", s.confined(), s.deprived(), got)
			}
			if !s.confined() && len(s.Why) == 0 {
				t.Error("programs are not told why")
			}
		})
	}
}

// What is dangerous is told, and what an engine says is never written raw.
func TestDoctorDescribesAnEngine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		engine *dockerEngine
		want   []string
	}{
		{"able", engineWith(able()), []string{
			"Docker    unix:///var/run/docker.sock (the default)",
			"          28.2.2, linux/x86_64, Debian GNU/Linux 12, cgroup v2 (systemd), runtime runc",
			"          limits memory, swap, processors, processes; apparmor, seccomp, cgroupns; not rootless, no user namespaces",
		}},
		{"rootless", engineWith(without(func(i *system.Info) {
			i.CPUCfsQuota, i.SwapLimit, i.SecurityOptions = false, false, []string{"name=seccomp,profile=builtin", "name=rootless"}
		})), []string{"          limits memory, processes, not swap, processors; seccomp, rootless"}},
		{"without cgroups", engineWith(&system.Info{OSType: "linux", CgroupVersion: "1", CgroupDriver: "none", SecurityOptions: []string{"seccomp"}}),
			[]string{"          linux/, cgroup v1 (none), runtime –", "          limits nothing; seccomp; not rootless, no user namespaces"}},
		{"open", engineWith(without(func(i *system.Info) {
			i.SecurityOptions = []string{"name=seccomp,profile=unconfined"}
			i.Warnings = []string{"WARNING: No swap limit support", "[DEPRECATION NOTICE]: API is accessible on http://0.0.0.0:2375 without encryption.\n  Access to it is root."}
		})), []string{
			"          ! it says: [DEPRECATION NOTICE]: API is accessible on http://0.0.0.0:2375 without encryption: whoever reaches that is root on its machine",
			"          ! it has no seccomp filter: servers can use every system call of its kernel; take seccomp-profile out of its configuration, or use a kernel and an engine that have it",
		}},
		{"hostile", engineWith(without(func(i *system.Info) { i.ServerVersion = "1\x1b[2J\u202e"; i.DefaultRuntime = strings.Repeat("x", 5000) })),
			[]string{`          1\u001b[2J\u202e, linux/x86_64, `}},
		{"full", func() *dockerEngine {
			e := &dockerEngine{Seccomp: true, StorageFree: 1 << 30}
			e.warn(able())
			e.Reachable = true
			return e
		}(),
			[]string{"1GiB free", "          ! its disk is nearly full, and images may find no room"}},
		{"away", engineWith(nil), []string{"          it is away", "          Start it"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			(&printer{w: &out}).engine(c.engine, false)
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("it lacks\n%s\nin\n%s", want, out.String())
				}
			}
			if out.Len() > 2000 || strings.ContainsAny(out.String(), "\x1b\u202e") || strings.Contains(out.String(), "No swap limit") {
				t.Errorf("got\n%s", out.String())
			}
		})
	}
}

func TestDoctorTellsOfTheSandbox(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sandboxAbilities
		want string
	}{
		{bubblewrap, "Sandbox   bubblewrap 0.11.0\n"},
		{noneHere, "Sandbox   " + elsewhere + "\n"},
		{sandboxAbilities{Method: sandbox.Landlock, Version: "ABI 4", Why: "bubblewrap is not installed", Gaps: []string{"it can do this", "it can do that"}},
			"Sandbox   landlock ABI 4\n          bubblewrap is not installed\n          ! What a program can do in spite of it: it can do this; it can do that\n"},
	} {
		var out bytes.Buffer
		(&printer{w: &out}).sandbox(c.sandboxAbilities, true)
		if out.String() != c.want {
			t.Errorf("got\n%s\nwant\n%s", out.String(), c.want)
		}
	}
}

func TestDoctorFindsEachEngineOnce(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	es := newEngines([]string{"HOME=" + home, "DOCKER_HOST=unix:///one.sock"})
	first, same, other := es.find(""), es.find("unix:///one.sock"), es.find("unix:///two.sock")
	if first != same || first == other || len(es.all) != 2 || strings.Join(first.Sources, " ") != "DOCKER_HOST docker_host" {
		t.Errorf("%+v %+v %+v", first, same, other)
	}
	// TCP may be reached with other certificates from elsewhere.
	es = newEngines([]string{"HOME=" + home, "DOCKER_HOST=tcp://127.0.0.1:2375"})
	if es.find("") == es.find("tcp://127.0.0.1:2375") {
		t.Error("two ways over TCP are taken for one")
	}
	for host, plain := range map[string]bool{
		"tcp://127.0.0.1:2375": true, "tcp://localhost:9999": true, "tcp://[::1]:2375": true, "tcp://127.0.0.1:2376": false,
		"tcp://192.0.2.1:2375": false, "unix:///one.sock": false, "ssh://user@host": false,
	} {
		if e := es.find(host); e.plain != plain {
			t.Errorf("%s: plain %t", host, e.plain)
		}
	}
	es = newEngines([]string{"HOME=" + home, "DOCKER_TLS_VERIFY=1", "DOCKER_HOST=tcp://127.0.0.1:2375"})
	if e := es.find(""); e.plain {
		t.Error("TLS that is asked for is overlooked")
	}
}

// One screen of 80 columns, as it is: change it with care.
func TestDoctorOnANarrowTerminal(t *testing.T) {
	t.Parallel()
	iso := func(asks string, i config.Isolation, e *dockerEngine) *treatedServer {
		i.Type = asks
		s := &treatedServer{Protocol: "stdio", State: stateEnabled, Asks: asks, Image: "node:24", engine: e}
		s.planned(testProgram(t), &i)
		if e != nil {
			e.Servers = append(e.Servers, "x")
		}
		return s
	}
	e, away := engineWith(able()), engineWith(nil)
	e.StorageFree = 42 << 30
	away.Host, away.Sources = "ssh://me@build", []string{"docker_host"}
	r := &doctorReport{
		Program: versionInfo{Version: "v1.2.3", Go: "go1.26", OS: "linux", Arch: "amd64"},
		Config:  doctorConfig{Path: "/home/me/.config/mcpproxy/mcp_config.json", Exists: true, Servers: 8, Warnings: 2},
		State:   doctorState{Dir: "/home/me/.local/state/mcpproxy-stdio", Exists: true},
		Docker:  []*dockerEngine{e, away},
		Sandbox: bubblewrap,
		Servers: []*treatedServer{
			iso("docker", config.Isolation{Memory: 512 << 20, CPUs: 1.5, Network: "none", ReadOnly: true}, e),
			iso("docker", config.Isolation{}, away),
			iso("sandbox", config.Isolation{Network: "none", Dir: "ro"}, nil),
			{Protocol: "stdio", State: stateEnabled, Asks: "none", Gets: getsNone, free: true},
			{Protocol: "stdio", State: stateEnabled, Asks: "none", Gets: getsOwn},
			{Protocol: "http", State: stateEnabled, Gets: getsElsewhere},
			{Protocol: "stdio", State: stateHeldLaunch, Asks: "none", Gets: getsNothing},
			{Protocol: "stdio", State: stateDisabled, Asks: "none", Gets: getsNothing},
		},
	}
	for i, s := range r.Servers {
		s.Name = []string{"files", "heavy", "notes", "shell", "github", "web", "new one", "a-name-that-is-longer-than-it-should-be"}[i]
		s.treat(r.Sandbox)
	}
	r.count()
	var out bytes.Buffer
	p := &printer{w: &out, width: 80}
	p.doctor(r)
	want := strings.TrimPrefix(`
Proxy     v1.2.3 (go1.26, linux/amd64)
Config    /home/me/.config/mcpproxy/mcp_config.json
          8 servers, 2 warnings: mcpproxy-stdio check
State     /home/me/.local/state/mcpproxy-stdio

Docker    unix:///var/run/docker.sock (the default)
          for x
          28.2.2, linux/x86_64, Debian GNU/Linux 12, cgroup v2 (systemd),
          runtime runc, 42GiB free
          limits memory, swap, processors, processes; apparmor, seccomp,
          cgroupns; not rootless, no user namespaces

Docker    ssh://me@build (docker_host)
          for x
          it is away
          Start it

Sandbox   bubblewrap 0.11.0

NAME                  ASKS FOR  GETS
files                 docker    container of node:24, 256 processes, 512MiB of
                                memory, 1.5 processors, network none, read-only
heavy                 docker    does not start: its Docker engine can't be
                                used, see above
notes                 sandbox   sandbox (bubblewrap), network none, working
                                directory read-only, keeps its files
shell                 none      NONE: it runs with your rights
github                none      its command starts a container itself
web                   –         runs elsewhere (http)
new one               none      held until you approve it: mcpproxy-stdio
                                review 'new one'
a-name-that-is-long…  none      disabled

2 of 7 local servers are confined, 1 runs with your rights, 1 starts its own
container, 1 does not start, 1 is held, 1 is disabled.
Confine all by default, at the top of the file: "isolation": {"type": "auto"}
`, "\n")
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	for line := range strings.Lines(out.String()) {
		if utf8.RuneCountInString(line) > 81 {
			t.Errorf("too wide: %s", line)
		}
	}
	if r.OK {
		t.Error("heavy does not get its container, and all is said to be well")
	}
	if data, err := json.Marshal(r); err != nil || strings.Contains(string(data), "Launch") || strings.Contains(string(data), `"launch"`) {
		t.Errorf("%v: %s", err, data)
	}
}

// testProgram is a program that is there.
func testProgram(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}
