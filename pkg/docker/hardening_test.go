//go:build unix

package docker

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

func decode[T any](t testing.TB, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// What a server in a container is and sees, as it sees it itself.
func TestAServerIsConfined(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	spec := r.spec("one", "two")
	spec.Env = []string{"KEY=" + canary, "EMPTY="}
	p := r.start(spec).running()
	status := decode[map[string]string](t, p.ask("status"))
	want := map[string]string{
		"CapInh": "0000000000000000", "CapPrm": "0000000000000000", "CapEff": "0000000000000000", "CapBnd": "0000000000000000", "CapAmb": "0000000000000000",
		"NoNewPrivs": "1", "Seccomp": "2", "Uid": "0 0 0 0", "Gid": "0 0 0 0",
	}
	for name, value := range want {
		if status[name] != value {
			t.Errorf("%s is %q", name, status[name])
		}
	}
	if pid, _ := strconv.Atoi(status["pid"]); pid < 2 || !strings.Contains(status["init"], "/probe one two") || !strings.Contains(status["init"], "init") {
		t.Errorf("process %s below %q: no init process", status["pid"], status["init"])
	}
	env := decode[[]string](t, p.ask("env"))
	slices.Sort(env)
	names := map[string]string{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		names[name] = value
	}
	if got := slices.Sorted(maps.Keys(names)); !slices.Equal(got, []string{"EMPTY", "HOME", "HOSTNAME", "KEY", "PATH"}) || names["KEY"] != canary || names["EMPTY"] != "" {
		t.Errorf("its environment is %q", env)
	}
	if got := p.ask("links"); got != "lo" {
		t.Errorf("without network it has %s", got)
	}
	for _, order := range []string{"chown /tmp", "mknod /tmp/null"} {
		if got := p.ask(order); !strings.HasPrefix(got, "!") {
			t.Errorf("%s: it may", order)
		}
	}
}

func TestAServerSeesNoFileOfTheMachine(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	p := r.start(r.spec()).running()
	if got := strings.Fields(p.ask("ls /*")); !slices.Equal(got, []string{"/.dockerenv", "/dev", "/etc", "/probe", "/proc", "/sbin", "/sys", "/tmp", "/var"}) {
		t.Errorf("%q", got)
	}
	if got := strings.Fields(p.ask("ls /[es][tb][ci]*/*")); !slices.Equal(got, []string{"/etc/hostname", "/etc/hosts", "/etc/mtab", "/etc/resolv.conf", "/sbin/docker-init"}) {
		t.Errorf("%q", got)
	}
	for line := range strings.Lines(p.ask("read /proc/self/mountinfo")) {
		fields := strings.Fields(line)
		at, kind := fields[4], fields[slices.Index(fields, "-")+1]
		known := []string{"/", "/proc", "/dev", "/sys", "/etc/", "/sbin/docker-init", "/dev/init"}
		if !slices.ContainsFunc(known, func(k string) bool { return at == k || k != "/" && strings.HasPrefix(at, k) }) {
			t.Errorf("%s is mounted at %s", kind, at)
		}
	}
	if got := p.ask("read /proc/1/root/../../../" + r.dir); !strings.HasPrefix(got, "!") {
		t.Errorf("read %s", r.dir)
	}
}

func TestReadOnlyAndTmpfs(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	spec := r.spec()
	spec.Isolation.ReadOnly, spec.Isolation.Tmpfs = true, []string{"/scratch:size=1m,mode=1777", "/var/tmp"}
	p := r.start(spec).running()
	for order, want := range map[string]string{
		"write /x": "!open /x: read-only file system", "write /tmp/x": "!open /tmp/x: read-only file system", "write /scratch/x": "ok", "write /var/tmp/x": "ok",
	} {
		if got := p.ask(order); got != want {
			t.Errorf("%s: %s", order, got)
		}
	}
	if mounts := p.ask("read /proc/self/mounts"); !strings.Contains(mounts, "tmpfs /scratch tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k") {
		t.Error(mounts)
	}
	if got := r.start(r.spec()).running().ask("write /x"); got != "ok" {
		t.Errorf("where nothing is said: %s", got)
	}
}

func TestMountsAreAsWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	dir := t.TempDir()
	for _, name := range []string{"ro", "rw", "work"} {
		writeFiles(t, filepath.Join(dir, name), map[string]string{"file": name + "'s"})
	}
	spec := r.spec()
	spec.Isolation.Mounts = []config.Mount{{Host: filepath.Join(dir, "ro"), Container: "/ro", ReadOnly: true}, {Host: filepath.Join(dir, "rw"), Container: "/a/rw"}}
	spec.Isolation.Dir, spec.Dir = "ro", filepath.Join(dir, "work")
	p := r.start(spec).running()
	for order, want := range map[string]string{
		"read /ro/file": "ro's", "read /a/rw/file": "rw's", "read file": "work's", "cwd": spec.Dir,
		"write /ro/new": "!open /ro/new: read-only file system", "write new": "!open new: read-only file system", "write /a/rw/new": "ok",
		"ls " + dir + "/*": spec.Dir,
	} {
		if got := p.ask(order); got != want {
			t.Errorf("%s: %s", order, got)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "rw", "new")); string(b) != "written" {
		t.Error(string(b), err)
	}
	spec.Isolation.Dir = "rw"
	if got := r.start(spec).running().ask("write new"); got != "ok" {
		t.Error(got)
	}
	spec.Isolation.Dir = "" // only when asked
	if got := r.start(spec).running().ask("cwd"); got != "/" {
		t.Errorf("works in %s", got)
	}
}

func TestAMissingMountIsAnError(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	spec := r.spec()
	spec.Isolation.Mounts = []config.Mount{{Host: filepath.Join(r.dir, "gone"), Container: "/x"}}
	fails(t, r.start(spec).end(), "a mount is not there", filepath.Join(r.dir, "gone"), "Create it")
	spec = r.spec()
	spec.Isolation.Dir, spec.Dir = "ro", `C:\work`
	fails(t, r.start(spec).end(), "can't be mounted", "isolation.mounts")
}

func TestTheUserIsAsGiven(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	r := newRig(t, e.Host)
	withProbe(t, e, "probe-user:1", "USER 4321:4322")
	uid := func(image, user string) string {
		spec := r.spec()
		spec.Isolation.Image, spec.Isolation.User = image, user
		status := decode[map[string]string](t, r.start(spec).running().ask("status"))
		if status["CapEff"] != "0000000000000000" || status["CapBnd"] != "0000000000000000" {
			t.Errorf("user %q has capabilities: %v", user, status)
		}
		return status["Uid"] + " " + status["Gid"]
	}
	for _, c := range []struct{ image, user, want string }{
		{"probe-user:1", "", "4321 4321 4321 4321 4322 4322 4322 4322"},
		{"probe-user:1", "77:78", "77 77 77 77 78 78 78 78"},
		{probeImage, "1000", "1000 1000 1000 1000 0 0 0 0"},
	} {
		if got := uid(c.image, c.user); got != c.want {
			t.Errorf("%s as %q runs as %s", c.image, c.user, got)
		}
	}
	spec := r.spec()
	spec.Isolation.User = "nobody"
	fails(t, r.start(spec).end(), `no user "nobody"`, "as numbers")
}

func TestExtraHosts(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	spec := r.spec()
	spec.Isolation.ExtraHosts = []string{"db.example:192.0.2.7"}
	if got := r.start(spec).running().ask("lookup db.example"); got != "192.0.2.7" {
		t.Error(got)
	}
}

// What others of the engine see of a container.
func TestWhatTheEngineShows(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	r := newRig(t, e.Host)
	withProbe(t, e, "probe-odd:1", `HEALTHCHECK --interval=1s CMD ["/probe"]`, "VOLUME /data", "ENV FROM=image")
	spec := r.spec("--flag")
	spec.Isolation.Image, spec.Server, spec.Digest = "probe-odd:1", "my server/α", "digest-1"
	spec.Env = []string{"KEY=" + canary}
	p := r.start(spec).running()
	if got := decode[[]string](t, p.ask("env")); !slices.Contains(got, "FROM=image") {
		t.Errorf("%q", got)
	}
	if got := p.ask("write /data/x"); got != "ok" {
		t.Error(got)
	}
	got, raw, err := e.API.ContainerInspectWithRaw(context.Background(), p.id, false)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{LabelHub: r.hubID(), LabelOwner: r.Owner.id, LabelServer: "my server/α", LabelDigest: "digest-1"}
	for name, value := range want {
		if got.Config.Labels[name] != value || value == "" {
			t.Errorf("label %s is %q", name, got.Config.Labels[name])
		}
	}
	if !strings.HasPrefix(got.Name, "/mcpproxy-my-server---") || len(got.Name) != len("/mcpproxy-my-server---12345678") {
		t.Errorf("it is called %s", got.Name)
	}
	if got.HostConfig.LogConfig.Type != "none" || got.State.Health != nil || got.HostConfig.Privileged || got.HostConfig.PidMode != "" || got.HostConfig.IpcMode.IsHost() ||
		len(got.HostConfig.PortBindings) > 0 || got.HostConfig.RestartPolicy.Name != "" && got.HostConfig.RestartPolicy.Name != container.RestartPolicyDisabled {
		t.Errorf("%s", raw)
	}
	// The secret is in the environment, where it must be, and nowhere else: not in what is the command line.
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	delete(all["Config"].(map[string]any), "Env")
	if rest, _ := json.Marshal(all); strings.Contains(string(rest), canary) {
		t.Errorf("the secret is shown: %s", rest)
	}
	if len(got.Mounts) != 1 || got.Mounts[0].Type != "volume" {
		t.Fatalf("%v", got.Mounts)
	}
	p.Kill()
	p.await(p.Gone(), "its removal")
	if v, err := e.API.VolumeInspect(context.Background(), got.Mounts[0].Name); err == nil {
		t.Errorf("the volume that the image declares is left: %v", v)
	}
}
