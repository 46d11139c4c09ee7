package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// nowhere is an engine that is not there.
const nowhere = "unix:///nowhere/docker.sock"

// asking is an entry whose command would run on this machine, and a file that tells whether it did: only isolation keeps it from that.
func asking(t testing.TB, isolation any) (entry json.RawMessage, trace string) {
	trace = filepath.Join(t.TempDir(), "starts")
	return withOptions(calm(mcptest.Server{}), map[string]any{"env": map[string]string{envStarts: trace}, "isolation": isolation}), trace
}

// refuses checks that a server is not run in any way, and that its error says why.
func refuses(t *testing.T, env []string, top map[string]any, isolation any, want ...string) {
	t.Helper()
	entry, trace := asking(t, isolation)
	h := newHome(t).set(entries{"asks": entry}, top)
	c := h.run("", "", env)
	if names := toolNames(c); strings.Contains(names, " asks__") {
		t.Errorf("it is listed: %.200s", names)
	}
	tells(t, refusal(t, c, "asks"), append([]string{`server "asks"`}, want...)...)
	servers(c, "restart", map[string]any{"name": "asks"})
	if got := isolationOf(t, c, "asks"); got == "none" || strings.HasPrefix(got, "none, although") {
		t.Errorf("upstream_servers says that its isolation is %q", got)
	}
	time.Sleep(100 * time.Millisecond)
	c.Close()
	if n := starts(t, trace); n != 0 {
		t.Errorf("it ran %d times on this machine", n)
	}
}

// imageJSON is what a fake engine says of an image that it has.
func imageJSON(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, `{"Id":"sha256:`+strings.Repeat("ab", 32)+`","RepoTags":["made-up:1"],"Os":"linux","Architecture":"amd64"}`)
}

// What is asked for is given, or the server does not run; never does it run as it is.
func TestIsolationRefused(t *testing.T) {
	t.Parallel()
	t.Run("no engine", func(t *testing.T) {
		t.Parallel()
		refuses(t, nil, nil, options{"image": "x:1", "docker_host": nowhere}, "Docker is not running", "/nowhere/docker.sock", "Start Docker")
	})
	t.Run("no engine, by DOCKER_HOST", func(t *testing.T) {
		t.Parallel()
		refuses(t, []string{"DOCKER_HOST=" + nowhere}, nil, options{"type": "docker", "image": "x:1"}, "Docker is not running", "DOCKER_HOST")
	})
	t.Run("no engine, asked for at the top", func(t *testing.T) {
		t.Parallel()
		refuses(t, nil, map[string]any{"isolation": options{"type": "docker", "image": "x:1", "docker_host": nowhere}}, nil, "Docker is not running")
	})
	t.Run("image missing, never pulled", func(t *testing.T) {
		t.Parallel()
		b := sharedBoxes(t)
		refuses(t, nil, nil, b.isolation(options{"image": "mcptest-none:1", "pull": "never"}), "the image mcptest-none:1 is not on the Docker engine", "isolation.pull is never", "Pull or build it there")
	})
	t.Run("program missing in the image", func(t *testing.T) {
		t.Parallel()
		b := sharedBoxes(t)
		refuses(t, nil, nil, b.isolation(nil), "the image "+mcptest.ServerImage+" has no program")
	})
	for what, one := range map[string]struct {
		on   map[string]http.HandlerFunc
		want []string
	}{
		"no such image anywhere": {nil, []string{"made-up:1", "pull access denied", "Correct isolation.image"}},
		"errors": {map[string]http.HandlerFunc{"GET /info": mcptest.FakeStatus(500, "boom in the engine")},
			[]string{"answers with an error", "boom in the engine"}},
		"errors for the image": {map[string]http.HandlerFunc{"GET /images/{name...}": mcptest.FakeStatus(500, "boom in the store")},
			[]string{"to look at the image", "boom in the store"}},
		"errors for the container": {map[string]http.HandlerFunc{"GET /images/{name...}": imageJSON, "POST /containers/create": mcptest.FakeStatus(500, "boom in the cgroups")},
			[]string{"to make the container", "boom in the cgroups"}},
		"full disk": {map[string]http.HandlerFunc{"POST /images/create": mcptest.FakeStream(0, false, mcptest.FakePullError("write /var/lib/docker: no space left on device"))},
			[]string{"made-up:1", "the disk of the Docker engine", "is full"}},
		"cut off": {map[string]http.HandlerFunc{"GET /info": mcptest.FakeDrop}, []string{"does not answer"}},
		"Windows containers": {map[string]http.HandlerFunc{"GET /info": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"OSType":"windows"}`) }},
			[]string{"runs windows containers"}},
		"no limits": {map[string]http.HandlerFunc{"GET /info": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"OSType":"linux","CgroupVersion":"1"}`) }},
			[]string{"cannot limit memory", "isolation.memory_limit"}},
	} {
		t.Run("engine: "+what, func(t *testing.T) {
			t.Parallel()
			f := mcptest.NewFakeEngine(t, one.on)
			refuses(t, nil, nil, options{"image": "made-up:1", "docker_host": f.Host, "memory_limit": "64m"}, one.want...)
		})
	}
	t.Run("neither docker nor a sandbox", func(t *testing.T) {
		t.Parallel()
		refuses(t, nil, nil, options{"type": "auto", "image": "x:1", "docker_host": nowhere, "pids_limit": 9},
			"neither a container nor a sandbox", "/nowhere/docker.sock", "isolation.pids_limit")
	})
	t.Run("allow_none is not an entry's to say", func(t *testing.T) {
		t.Parallel()
		refuses(t, nil, nil, options{"type": "auto", "image": "x:1", "docker_host": nowhere, "pids_limit": 9, "allow_none": true}, "neither a container nor a sandbox")
	})
	t.Run("allow_none is for auto", func(t *testing.T) {
		t.Parallel()
		refuses(t, nil, map[string]any{"isolation": options{"type": "auto", "allow_none": true}}, options{"type": "docker", "image": "x:1", "docker_host": nowhere}, "Docker is not running")
	})
	for name, broken := range map[string]any{
		"a text": "docker", "true": true, "a list": []string{"docker"}, "an unknown type": options{"type": "dokcer"}, "memory": options{"type": "docker", "memory_limit": "lots"},
		"image": options{"type": "docker", "image": "not an image"}, "mounts": options{"type": "auto", "mounts": "all"}, "beyond a sandbox": options{"type": "sandbox", "cpu_limit": 1},
		"contradiction": options{"type": "none", "enabled": true}, "no image": options{"type": "docker"}, "a password": options{"type": "docker", "docker_host": "tcp://me:secret@host:2376"},
	} {
		t.Run("broken: "+name, func(t *testing.T) {
			t.Parallel()
			refuses(t, nil, nil, broken, "isolation")
			refuses(t, nil, map[string]any{"isolation": broken}, nil, "isolation")
		})
	}
}

// A workspace's file can neither turn isolation off nor allow none.
func TestIsolationOfAWorkspace(t *testing.T) {
	t.Parallel()
	for name, isolation := range map[string]options{"none": {"type": "none"}, "disabled": {"enabled": false}, "allow_none": {"type": "auto", "pids_limit": 9, "allow_none": true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			workspace := t.TempDir()
			entry, trace := asking(t, isolation)
			file := propose(t, workspace, `"isolation": {"type": "auto", "allow_none": true},`, "", entries{"asks": entry})
			h := newHome(t).set(entries{}, map[string]any{"isolation": options{"type": "docker", "image": "x:1", "docker_host": nowhere}})
			h.initialized("").Close()
			c := h.run("", workspace, nil)
			if h.entry(file, "asks").Refused == "" { // what a person may approve
				h.allow(file, "asks")
				soon(t, 10*time.Second, "its inspection has failed", func() bool { return !strings.Contains(stateOf(t, c, "asks"), "launch") })
			}
			if r := c.Tool("asks__echo", nil); !r.IsError() {
				t.Errorf("%s", r.Raw)
			}
			time.Sleep(300 * time.Millisecond)
			c.Close()
			if n := starts(t, trace); n != 0 {
				t.Errorf("it ran %d times on this machine", n)
			}
		})
	}
}

// auto takes what there is, and runs a server as it is only where the person's own file allows that.
func TestIsolationAuto(t *testing.T) {
	t.Parallel()
	t.Run("more than a sandbox gives, and allow_none", func(t *testing.T) {
		t.Parallel()
		refuses(t, nil, map[string]any{"isolation": options{"type": "auto", "image": "x:1", "docker_host": nowhere, "allow_none": true}}, options{"pids_limit": 9}, "neither a container nor a sandbox", "isolation.pids_limit")
	})
	t.Run("docker", func(t *testing.T) {
		t.Parallel()
		b := sharedBoxes(t)
		h := newHome(t).set(entries{"asks": b.entry(mcptest.Server{}, options{"type": "auto"})}, map[string]any{"isolation": options{"type": "auto", "allow_none": true}})
		c := h.initialized("")
		answers(t, c, "asks")
		if got := isolationOf(t, c, "asks"); got != confinedAs || len(b.of(h, "asks")) != 1 {
			t.Errorf("upstream_servers says that its isolation is %q", got)
		}
		c.Close()
		b.empty(h)
	})
	t.Run("an engine that fails does not lead to less", func(t *testing.T) {
		t.Parallel()
		f := mcptest.NewFakeEngine(t, nil) // is there, and has no image
		refuses(t, nil, map[string]any{"isolation": options{"type": "auto", "allow_none": true}}, options{"image": "made-up:1", "docker_host": f.Host}, "made-up:1")
	})
}
