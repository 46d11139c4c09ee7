package main

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// The isolation tests run the proxy with real engines, images that are made here, and the sandboxes of this machine.

// boxProgram is the scripted server in its image.
const boxProgram = "/mcpserver"

// options are members of a JSON object; a nil value takes one away.
type options map[string]any

func (o options) with(more options) options {
	all := maps.Clone(o)
	for k, v := range more {
		if all[k] = v; v == nil {
			delete(all, k)
		}
	}
	return all
}

// boxes is a place for containers: an engine with the scripted server's image.
type boxes struct{ *mcptest.Engine }

// sharedBoxes is the engine that all tests share that do not stop it.
func sharedBoxes(t testing.TB) boxes {
	t.Helper()
	b := boxes{mcptest.SharedEngine(t)}
	b.LoadServer(t)
	return b
}

// ownBoxes is an engine for one test.
func ownBoxes(t testing.TB, o ...mcptest.EngineOption) boxes {
	t.Helper()
	b := boxes{mcptest.NewEngine(t, o...)}
	b.LoadServer(t)
	return b
}

// isolation asks for a container there, without a network.
func (b boxes) isolation(more options) options {
	return options{"type": "docker", "image": mcptest.ServerImage, "network": "none", "docker_host": b.Host}.with(more)
}

// entry is the scripted server in a container there.
func (b boxes) entry(opts mcptest.Server, more options) json.RawMessage {
	return boxed(opts, b.isolation(more), nil)
}

// boxed is an entry for the scripted server of the image, with an isolation (nil: none is written) and more options.
func boxed(opts mcptest.Server, isolation, more options) json.RawMessage {
	if opts.Capabilities == nil {
		opts.Capabilities = json.RawMessage(quick)
	}
	entry := options{"command": boxProgram, "args": []string{"-opts", string(encoded(opts))}}.with(more)
	if isolation != nil {
		entry["isolation"] = isolation
	}
	return encoded(entry)
}

func encoded(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// hubLabel finds the containers of a home; "" while it has made none.
func (h *home) hubLabel() string {
	id, err := os.ReadFile(filepath.Join(h.state(), "containers", "hub"))
	if err != nil {
		return ""
	}
	return docker.LabelHub + "=" + strings.TrimSpace(string(id))
}

// of are the containers of a home, those of one server if it is named.
func (b boxes) of(h *home, server string) []container.Summary {
	h.t.Helper()
	label := h.hubLabel()
	if label == "" {
		return nil
	}
	labels := []string{label}
	if server != "" {
		labels = append(labels, docker.LabelServer+"="+server)
	}
	return b.Containers(labels...)
}

// one is the only container of a server.
func (b boxes) one(h *home, server string) container.InspectResponse {
	h.t.Helper()
	all := b.of(h, server)
	if len(all) != 1 {
		h.t.Fatalf("%s has %d containers", server, len(all))
	}
	return b.look(h.t, all[0].ID)
}

func (b boxes) look(t testing.TB, id string) container.InspectResponse {
	t.Helper()
	state, err := b.API.ContainerInspect(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// empty checks that no container of a home is left.
func (b boxes) empty(h *home) {
	h.t.Helper()
	label := h.hubLabel()
	if label == "" {
		h.t.Error("it never had containers")
		return
	}
	for _, c := range b.WaitNoContainers(20*time.Second, label) {
		h.t.Errorf("left: %s %s of %s", c.Names, c.Status, c.Labels[docker.LabelServer])
	}
}

// isolationOf is what upstream_servers says of a server's isolation.
func isolationOf(t testing.TB, c *mcptest.Client, name string) string {
	t.Helper()
	text, _ := listed(t, c, name)["isolation"].(string)
	return text
}

// probeImage is an image with the probe as its only file; each tag of it may be given another content.
func (b boxes) probeImage(t testing.TB, name, version string) (id string) {
	t.Helper()
	return b.ImageOf(t, name, probeProgram(t), probeInBox, version)
}

const probeInBox = "/probe"

// probeProgram is the probe as a program of its own, without libraries.
func probeProgram(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("probe.go", must(os.ReadFile("isolation_probe_test.go")))
	write("main.go", []byte("package main\n\nfunc main() { probe(\"-\") }\n"))
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", "probe", "probe.go", "main.go")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GO111MODULE=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return filepath.Join(dir, "probe")
}

// refusal is the error of a call to a server that does not run. Between two starts, which are tried again and again, it says that there is one.
func refusal(t testing.TB, c *mcptest.Client, server string) (r mcptest.Response) {
	t.Helper()
	soon(t, time.Minute, server+" is not being started", func() bool {
		r = c.Tool(server+"__echo", map[string]any{"message": "x"})
		return !strings.Contains(r.Text(), "still starting")
	})
	return r
}
