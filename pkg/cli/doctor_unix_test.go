//go:build !windows

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/system"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// fakeEngine answers on a unix socket as an engine does; asked counts the requests.
func fakeEngine(t *testing.T, answer http.HandlerFunc) (host string, asked *atomic.Int32) {
	t.Helper()
	dir, err := os.MkdirTemp("", "e") // that of the test is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "docker.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	asked = &atomic.Int32{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Api-Version", "1.50")
		if strings.HasSuffix(r.URL.Path, "/_ping") {
			fmt.Fprint(w, "OK")
			return
		}
		answer(w, r)
	}))
	s.Listener.Close()
	s.Listener = listener
	s.Start()
	t.Cleanup(s.Close)
	return "unix://" + path, asked
}

func answering(t *testing.T, info *system.Info) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/info") || r.Method != http.MethodGet {
			t.Errorf("the engine is asked for %s %s", r.Method, r.URL.Path)
		}
		json.NewEncoder(w).Encode(info)
	}
}

// confinedServers ask for what this machine need not have; "mine" is a program that is there.
func confinedServers() map[string]any {
	isolation := func(o ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(o); i += 2 {
			m[o[i].(string)] = o[i+1]
		}
		return map[string]any{"command": "npx", "isolation": m}
	}
	return map[string]any{
		"auto":  isolation("type", "auto", "working_dir", "ro"),
		"files": isolation("type", "docker", "memory_limit", "512m", "cpu_limit", 1.5, "network", "none", "read_only", true),
		"mine":  map[string]any{"command": "sh"},
	}
}

func TestDoctorOnATerminal(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	host, _ := fakeEngine(t, answering(t, able()))
	p.write("config.json", confinedServers())
	text := p.open([]string{"DOCKER_HOST=" + host}, "doctor").end(ExitOK)
	for _, want := range []string{
		"\x1b[1mDocker\x1b[0m    " + host + " (DOCKER_HOST)\n",
		"          \x1b[32m28.2.2, linux/x86_64, Debian GNU/Linux 12, cgroup v2 (systemd), runtime runc\x1b[0m\n",
		"auto   auto      \x1b[32mcontainer of node:24, 256 processes, network bridge, working directory read-only\x1b[0m\n",
		"files  docker    \x1b[32mcontainer of node:24, 256 processes, 512MiB of memory, 1.5 processors, network none, read-only\x1b[0m\n",
		"mine   none      \x1b[33mNONE: it runs with your rights\x1b[0m\n",
		"\x1b[33m2 of 3 local servers are confined, 1 runs with your rights.\x1b[0m\nConfine all by default",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks\n%s\nin\n%s", want, text)
		}
	}
	if plainOut, _, _ := p.piped([]string{"DOCKER_HOST=" + host}, "doctor"); strings.ContainsAny(plainOut, "\x1b\r") {
		t.Errorf("colours where no terminal is:\n%s", plainOut)
	}
}

// Programs rely on these names.
func TestDoctorJSON(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	host, _ := fakeEngine(t, answering(t, able()))
	p.write("config.json", confinedServers())
	out, errs, code := p.piped([]string{"DOCKER_HOST=" + host}, "doctor", "--json")
	if code != ExitOK || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var r map[string]any
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	delete(r, "program") // of this build
	delete(r, "sandbox") // of this machine
	got, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	replaced := strings.NewReplacer(host, "HOST", p.dir, "DIR").Replace(string(got))
	want := `{
  "config": {
    "errors": 0,
    "exists": true,
    "path": "DIR/config.json",
    "servers": 3,
    "warnings": 0
  },
  "confined": 2,
  "docker": [
    {
      "arch": "x86_64",
      "cgroup_driver": "systemd",
      "cgroup_version": "2",
      "host": "HOST",
      "limits": {
        "memory": true,
        "processes": true,
        "processors": true,
        "swap": true
      },
      "os": "linux",
      "reachable": true,
      "rootless": false,
      "runtime": "runc",
      "seccomp": true,
      "security": [
        "apparmor",
        "seccomp",
        "cgroupns"
      ],
      "servers": [
        "auto",
        "files"
      ],
      "sources": [
        "DOCKER_HOST"
      ],
      "system": "Debian GNU/Linux 12",
      "userns": false,
      "version": "28.2.2"
    }
  ],
  "local": 3,
  "ok": true,
  "servers": [
    {
      "asks": "auto",
      "confinement": [
        "256 processes",
        "network bridge",
        "working directory read-only"
      ],
      "engine": "HOST",
      "gets": "container",
      "image": "node:24",
      "name": "auto",
      "protocol": "stdio",
      "state": "enabled"
    },
    {
      "asks": "docker",
      "confinement": [
        "256 processes",
        "512MiB of memory",
        "1.5 processors",
        "network none",
        "read-only"
      ],
      "engine": "HOST",
      "gets": "container",
      "image": "node:24",
      "name": "files",
      "protocol": "stdio",
      "state": "enabled"
    },
    {
      "asks": "none",
      "gets": "none",
      "name": "mine",
      "protocol": "stdio",
      "state": "enabled"
    }
  ],
  "state": {
    "dir": "DIR/state/mcpproxy-stdio",
    "exists": false
  },
  "workspace": "DIR/project"
}`
	if replaced != want {
		t.Errorf("got\n%s\nwant\n%s", replaced, want)
	}
}

// An engine that answers with an error is none; what a workspace names is not asked before a person has approved it.
func TestDoctorAsksOnlyWhomItMay(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	broken, _ := fakeEngine(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"message":"out of \u001b[2J luck"}`)
	})
	proposedHost, asked := fakeEngine(t, answering(t, able()))
	p.write("config.json", confinedServers())
	p.write(proposed, map[string]any{"theirs": map[string]any{"command": "npx", "isolation": map[string]any{"type": "docker", "docker_host": proposedHost}}})
	out, _, code := p.piped([]string{"DOCKER_HOST=" + broken}, "doctor")
	for _, want := range []string{
		"          the Docker engine at " + broken + " answers with an error: out of \\u001b[2J luck\n",
		"files   docker    does not start: its Docker engine can't be used, see above\n",
		"theirs  docker    held until you approve it: mcpproxy-stdio review theirs\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it lacks\n%s\nin\n%s", want, out)
		}
	}
	if code != ExitProblems || strings.Contains(out, "\x1b") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if asked.Load() > 0 {
		t.Error("the engine that a workspace proposes was asked")
	}
}

// An engine that hangs costs its time, and not that of the others.
func TestDoctorWaitsForNoEngine(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	hanging, _ := fakeEngine(t, func(http.ResponseWriter, *http.Request) { <-release })
	quick, _ := fakeEngine(t, answering(t, able()))
	es := newEngines(nil)
	slow, fast := es.find(hanging), es.find(quick)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	es.ask(ctx)
	if took := time.Since(begun); mcptest.TooLong(took, 5*time.Second) {
		t.Errorf("it took %s", took)
	}
	if slow.Reachable || slow.Error == "" || !fast.Reachable {
		t.Errorf("slow: %+v\nfast: %+v", slow, fast)
	}
}
