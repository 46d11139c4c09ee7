//go:build unix

package docker

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/network"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

func TestTheMemoryLimitKillsAndSaysSo(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	spec := r.spec()
	spec.Isolation.Memory = 32 << 20
	p := r.start(spec).running()
	if got := p.ask("eat 4"); got != "4" {
		t.Errorf("4 MiB: %s", got)
	}
	p.tell("eat 200")
	err := p.end()
	fails(t, err, "more memory than its limit of 32MiB allows", "isolation.memory_limit")
	var exit *Exit
	if !errors.As(err, &exit) || exit.Code != 137 || exit.Memory != spec.Isolation.Memory {
		t.Errorf("%#v", err)
	}
	if !exit.OOM { // "failed to process event … No such container": the engine was quicker to remove it than to tell
		t.Logf("the engine has lost the news of it")
	}
}

// A server may lose a child to its limit and live: what ends it much later, or in peace, is something else.
func TestAChildKilledForMemoryIsNotTheServersEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	spec := r.spec()
	spec.Isolation.Memory = 32 << 20
	p := r.start(spec).running()
	if got := p.ask("child-eats 200"); !strings.Contains(got, "signal: killed") {
		t.Errorf("the child: %s", got)
	}
	p.tell("exit 0")
	fails(t, p.end(), "exited with status 0")
}

func TestForItsMemory(t *testing.T) {
	for _, c := range []struct {
		code int
		oom  bool
		long bool // ago
		want bool
	}{{137, true, false, true}, {137, true, true, true}, {1, true, false, true}, {1, true, true, false}, {0, true, false, false}, {137, false, false, false}, {1, false, false, false}} {
		k := &Container{ctx: context.Background()}
		if c.oom {
			k.outOfMemory()
		}
		if c.long {
			k.oom = k.oom.Add(-2 * oomLong)
		}
		if got := k.forItsMemory(c.code); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestTheProcessorLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	spec := r.spec()
	spec.Isolation.CPUs = 0.5
	used, err := strconv.ParseFloat(r.start(spec).running().ask("burn 1500"), 64)
	if err != nil || used > 0.75 || used < 0.02 {
		t.Errorf("of 0.5 processors it used %f, %v", used, err)
	}
}

func TestTheProcessLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	spec := r.spec()
	if got := most(t, r.start(spec).running()); got != "256" {
		t.Errorf("where nothing is said %q processes are allowed", got)
	}
	spec.Isolation.Pids = 30
	p := r.start(spec).running()
	if got := most(t, p); got != "30" {
		t.Errorf("%q processes are allowed", got)
	}
	if n, err := strconv.Atoi(p.ask("fork 100")); err != nil || n > 30 || n < 1 {
		t.Errorf("%d processes were started, %v", n, err)
	}
}

// most is the limit of processes as the container's control group has it, by either version.
func most(t *testing.T, p *peer) string {
	t.Helper()
	for _, file := range []string{"/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/pids.max"} {
		if got := p.ask("read " + file); !strings.HasPrefix(got, "!") {
			return strings.TrimSpace(got)
		}
	}
	return ""
}

// A small engine on each network: what can be reached from where.
func TestTheNetworkIsAsWritten(t *testing.T) {
	t.Parallel()
	e := newEngine(t, mcptest.WithBridge())
	listener, err := net.Listen("tcp", net.JoinHostPort(e.HostIP, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	r := newRig(t, e.Host)
	if _, err := e.API.NetworkCreate(context.Background(), "backend", network.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, links := range map[string]string{"bridge": "lo eth0", "backend": "lo eth0", "none": "lo"} {
		spec := r.spec()
		spec.Isolation.Network = name
		p := r.start(spec).running()
		if got := p.ask("links"); got != links {
			t.Errorf("%s: it has %s", name, got)
		}
		if got := p.ask("dial " + listener.Addr().String()); (got == "ok") != (name != "none") {
			t.Errorf("%s: dial: %s", name, got)
		}
		p.Kill()
	}
	spec := r.spec()
	spec.Isolation.Network = "gone"
	fails(t, r.start(spec).end(), `no network "gone"`, "docker network create")
	none(t, e, r)
}
