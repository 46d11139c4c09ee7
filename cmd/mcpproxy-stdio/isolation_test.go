package main

import (
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// confinedAs is how upstream_servers calls the containers of these tests.
const confinedAs = "docker " + mcptest.ServerImage

// A server with "isolation" is listed and called as any other, and runs in a container with what was asked for, until the proxy ends.
func TestIsolated(t *testing.T) {
	t.Parallel()
	b := sharedBoxes(t)
	h := newHome(t).set(entries{"boxed": boxed(mcptest.Server{}, b.isolation(options{"memory_limit": "64m", "cpu_limit": 1, "pids_limit": 99, "read_only": true}),
		options{"env": map[string]string{"GREETING": "from the entry"}})}, nil)
	c := h.initialized("")
	if names := toolNames(c); !strings.Contains(names, " boxed__echo ") {
		t.Errorf("the first list: %.300s", names)
	}
	answers(t, c, "boxed")
	if got := isolationOf(t, c, "boxed"); got != confinedAs {
		t.Errorf("upstream_servers says %q", got)
	}
	env := envOf(t, c, "boxed")
	if env["GREETING"] != "from the entry" {
		t.Errorf("the entry's variable is %q", env["GREETING"])
	}
	for _, name := range []string{asProxy, "HOME", "XDG_STATE_HOME", "GORACE", "DBUS_SESSION_BUS_ADDRESS"} {
		if v := env[name]; v != "" && v != "/" && v != "/root" {
			t.Errorf("a variable of the host is there: %s=%s", name, v)
		}
	}
	box := b.one(h, "boxed")
	host := box.HostConfig
	if host.Memory != 64<<20 || host.MemorySwap != 64<<20 || host.NanoCPUs != 1e9 || host.PidsLimit == nil || *host.PidsLimit != 99 || host.NetworkMode != "none" || !host.ReadonlyRootfs {
		t.Errorf("not what was asked for: memory %d/%d, CPUs %d, pids %v, network %s, read-only %v", host.Memory, host.MemorySwap, host.NanoCPUs, host.PidsLimit, host.NetworkMode, host.ReadonlyRootfs)
	}
	if len(host.CapDrop) != 1 || host.CapDrop[0] != "ALL" || len(host.SecurityOpt) != 1 || !strings.HasPrefix(host.SecurityOpt[0], "no-new-privileges") ||
		host.Init == nil || !*host.Init || host.LogConfig.Type != "none" || host.Privileged || len(box.Mounts) != 0 {
		t.Errorf("not hardened: capabilities -%v, %v, init %v, log %s, mounts %v", host.CapDrop, host.SecurityOpt, host.Init, host.LogConfig.Type, box.Mounts)
	}
	if box.Config.Labels[docker.LabelServer] != "boxed" || box.Config.Labels[docker.LabelDigest] != h.entry("", "boxed").LaunchKey() || box.Config.Labels[docker.LabelOwner] == "" {
		t.Errorf("labels: %v", box.Config.Labels)
	}
	if exit := c.Close(); exit.Killed || !exit.State.Success() {
		t.Errorf("the proxy ended with %+v", exit)
	}
	b.empty(h)

	// The next start knows what it offers, and starts nothing before a call.
	c = h.initialized("")
	if names := toolNames(c); !strings.Contains(names, " boxed__echo ") || len(b.of(h, "")) != 0 {
		t.Errorf("%d containers run before a call; the list: %.300s", len(b.of(h, "")), names)
	}
	if got := isolationOf(t, c, "boxed"); got != "asks for a container of "+mcptest.ServerImage {
		t.Errorf("while it does not run: %q", got)
	}
	answers(t, c, "boxed")
	c.Close()
	b.empty(h)
}

// Each client has a container of its own; the end of one leaves the other's alone.
func TestIsolatedSessions(t *testing.T) {
	t.Parallel()
	b := sharedBoxes(t)
	h := newHome(t).set(entries{"boxed": b.entry(mcptest.Server{}, nil)}, nil).learned()
	one, two := h.initialized(""), h.initialized("")
	for i, c := range []*mcptest.Client{one, two, one, one} {
		if got, want := said(c.Tool("boxed__incr", nil)), []string{"1", "1", "2", "3"}[i]; got != want {
			t.Errorf("call %d counts %s, not %s", i, got, want)
		}
	}
	if all := b.of(h, "boxed"); len(all) != 2 || all[0].Labels[docker.LabelOwner] == all[1].Labels[docker.LabelOwner] {
		t.Errorf("%d containers: %v", len(all), all)
	}
	one.Close()
	if got := said(two.Tool("boxed__incr", nil)); got != "2" {
		t.Errorf("after the end of the other client it counts %s", got)
	}
	if all := b.of(h, "boxed"); len(all) != 1 {
		t.Errorf("%d containers after the end of one client", len(all))
	}
	two.Close()
	b.empty(h)
}

// The engine is found as the docker command finds it, where the entry names none.
func TestIsolatedDockerHost(t *testing.T) {
	t.Parallel()
	b := sharedBoxes(t)
	h := newHome(t).set(entries{"boxed": b.entry(mcptest.Server{}, options{"docker_host": nil})}, nil)
	c := h.run("", "", []string{"DOCKER_HOST=" + b.Host})
	answers(t, c, "boxed")
	if got := isolationOf(t, c, "boxed"); got != confinedAs || len(b.of(h, "boxed")) != 1 {
		t.Errorf("%q with %d containers", got, len(b.of(h, "boxed")))
	}
	c.Close()
	b.empty(h)

	// What the entry names goes first.
	h.own(entries{"boxed": b.entry(mcptest.Server{}, nil)}, nil)
	c = h.run("", "", []string{"DOCKER_HOST=unix:///nowhere/docker.sock"})
	answers(t, c, "boxed")
	c.Close()
	b.empty(h)
}

// The object at the top of the file is for all; an entry may say otherwise.
func TestIsolatedGlobally(t *testing.T) {
	t.Parallel()
	b := sharedBoxes(t)
	mark := marked(t)
	h := newHome(t).set(entries{
		"plain":  boxed(mcptest.Server{}, nil, nil),
		"larger": boxed(mcptest.Server{}, options{"memory_limit": "96m"}, nil),
		"free":   withOptions(calm(mcptest.Server{Mark: mark}), map[string]any{"isolation": options{"type": "none"}}),
	}, map[string]any{"isolation": b.isolation(options{"memory_limit": "64m"})})
	c := h.initialized("")
	c.List("tools/list")
	for name, want := range map[string]string{"plain": confinedAs, "larger": confinedAs, "free": "none"} {
		answers(t, c, name)
		if got := isolationOf(t, c, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]int64{"plain": 64 << 20, "larger": 96 << 20} {
		if got := b.one(h, name).HostConfig; got.Memory != want || got.NetworkMode != "none" {
			t.Errorf("%s has %d bytes and the network %s", name, got.Memory, got.NetworkMode)
		}
	}
	if all := b.of(h, ""); len(all) != 2 || len(mcptest.ProcessesWithEnv(mark)) != 1 {
		t.Errorf("%d containers, %d processes", len(all), len(mcptest.ProcessesWithEnv(mark)))
	}
	c.Close()
	b.empty(h)
}

// A server that wants more memory than it was given is told apart from one that fails, and is there again for the next call.
func TestIsolatedOutOfMemory(t *testing.T) {
	t.Parallel()
	b := sharedBoxes(t)
	h := newHome(t).set(entries{"boxed": b.entry(mcptest.Server{}, options{"memory_limit": "32m"})}, nil).learned()
	c := h.initialized("")
	answers(t, c, "boxed")
	tells(t, c.Tool("boxed__bytes", map[string]any{"n": 256 << 20}), `server "boxed" ended during the call`, "it used more memory than its limit of 32MiB allows", "isolation.memory_limit")
	answers(t, c, "boxed")
	c.Close()
	b.empty(h)
}
