package mcptest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
)

// inside is a container that a test attached to.
type inside struct {
	t      testing.TB
	id     string
	in     io.WriteCloser
	stdout *bufio.Reader
	stderr bytes.Buffer
	exit   <-chan container.WaitResponse
	lost   <-chan error
	ended  chan struct{} // when the streams are at their end
}

// runInside starts a container with streams attached.
func runInside(t testing.TB, e *Engine, image string, argv []string, host container.HostConfig) *inside {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	if host.NetworkMode == "" {
		host.NetworkMode = "none"
	}
	host.LogConfig = container.LogConfig{Type: "none"}
	init := true
	host.Init = &init
	config := container.Config{
		Image: image, Cmd: argv, OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true, Labels: map[string]string{"test": t.Name()},
	}
	c, err := e.API.ContainerCreate(ctx, &config, &host, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// It may be gone.
		_ = e.API.ContainerRemove(context.Background(), c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	})
	streams, err := e.API.ContainerAttach(ctx, c.ID, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	i := &inside{t: t, id: c.ID, in: streams.Conn, stdout: bufio.NewReader(r), ended: make(chan struct{})}
	go func() {
		defer close(i.ended)
		_, err := stdcopy.StdCopy(w, &i.stderr, streams.Reader)
		w.CloseWithError(err)
	}()
	t.Cleanup(func() { streams.Close(); r.Close(); <-i.ended })
	i.exit, i.lost = e.API.ContainerWait(ctx, c.ID, container.WaitConditionNextExit)
	if err := e.API.ContainerStart(ctx, c.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	return i
}

func (i *inside) line() string {
	i.t.Helper()
	line, err := i.stdout.ReadString('\n')
	if err != nil {
		i.t.Fatalf("after %q: %v", line, err)
	}
	return strings.TrimSpace(line)
}

// wait gives the exit code.
func (i *inside) wait() int64 {
	i.t.Helper()
	select {
	case r := <-i.exit:
		return r.StatusCode
	case err := <-i.lost:
		i.t.Fatal(err)
	case <-time.After(engineTimeout):
		i.t.Fatal("it does not end")
	}
	return -1
}

// script runs a shell script in the Debian image and gives what it printed.
func script(t testing.TB, e *Engine, text string, host container.HostConfig) (out string, code int64) {
	t.Helper()
	i := runInside(t, e, e.LoadEverything(t), []string{"sh", "-c", text}, host)
	b, err := io.ReadAll(i.stdout)
	if err != nil {
		t.Fatal(err)
	}
	code = i.wait()
	return string(b) + i.stderr.String(), code
}

const initializeLine = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}` + "\n"

func TestEngineRunsServers(t *testing.T) {
	e := SharedEngine(t)
	for name, i := range map[string]*inside{
		"mcptest":                runInside(t, e, e.LoadServer(t), nil, container.HostConfig{AutoRemove: true}),
		"mcp-servers/everything": runInside(t, e, e.LoadEverything(t), nil, container.HostConfig{AutoRemove: true}),
	} {
		if _, err := io.WriteString(i.in, initializeLine); err != nil {
			t.Fatal(err)
		}
		if line := i.line(); !strings.Contains(line, `"serverInfo"`) || !strings.Contains(line, name) {
			t.Errorf("%s answered %s", name, line)
		}
		i.in.Close() // the whole connection, as when its owner is killed
		i.wait()
	}
	if left := e.WaitNoContainers(5*time.Second, "test="+t.Name()); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestEngineLimits(t *testing.T) {
	e := SharedEngine(t)
	pids := int64(20)
	t.Run("memory", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		seen, _ := e.API.Events(ctx, events.ListOptions{})
		_, err := e.API.Ping(ctx) // by then the other request is there
		if err != nil {
			t.Fatal(err)
		}
		i := runInside(t, e, e.LoadEverything(t), []string{"tail", "/dev/zero"}, container.HostConfig{Resources: container.Resources{Memory: 32 << 20, MemorySwap: 32 << 20}})
		if code := i.wait(); code != 137 {
			t.Errorf("exit code %d", code)
		}
		for oom := false; ; {
			m := <-seen
			if m.Actor.ID != i.id {
				continue
			}
			oom = oom || m.Action == events.ActionOOM
			if m.Action == events.ActionDie {
				if !oom {
					t.Error("no event oom before die")
				}
				break
			}
		}
		c, err := e.API.ContainerInspect(ctx, i.id)
		if err != nil || !c.State.OOMKilled {
			t.Errorf("not said to be out of memory: %v %+v", err, c.State)
		}
	})
	t.Run("pids", func(t *testing.T) {
		t.Parallel()
		out, _ := script(t, e, `for i in $(seq 40); do sleep 3 & done; wait`, container.HostConfig{Resources: container.Resources{PidsLimit: &pids}})
		if !strings.Contains(out, "Cannot fork") {
			t.Errorf("40 processes, with a limit of 20: %q", out)
		}
	})
	t.Run("cpu", func(t *testing.T) {
		t.Parallel()
		out, _ := script(t, e, `timeout 3 sh -c 'while :; do :; done'; times | tail -n 1`, container.HostConfig{Resources: container.Resources{NanoCPUs: 300_000_000}})
		m := regexp.MustCompile(`0m([0-9.]+)s`).FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("printed %q", out)
		}
		if used, _ := strconv.ParseFloat(m[1], 64); used > 1.5 {
			t.Errorf("%.2f s of a processor in 3 s, with a limit of 0.3", used)
		}
	})
}

// What becomes of containers when the engine goes.
func TestEngineGoesAndComes(t *testing.T) {
	e := NewEngine(t)
	image := e.LoadServer(t)
	start := func() (removed, kept *inside) {
		removed = runInside(t, e, image, nil, container.HostConfig{AutoRemove: true})
		kept = runInside(t, e, image, nil, container.HostConfig{})
		for _, i := range []*inside{removed, kept} {
			if _, err := io.WriteString(i.in, initializeLine); err != nil {
				t.Fatal(err)
			}
			i.line()
		}
		return removed, kept
	}
	check := func(kept *inside) {
		t.Helper()
		list := e.Containers()
		if len(list) != 1 || list[0].ID != kept.id || list[0].State != container.StateExited {
			t.Errorf("not just the one without AutoRemove, stopped: %+v", list)
		}
		if err := e.API.ContainerRemove(context.Background(), kept.id, container.RemoveOptions{}); err != nil {
			t.Error(err)
		}
	}
	t.Run("stop", func(t *testing.T) {
		removed, kept := start()
		e.Stop()
		removed.wait()
		kept.wait()
		e.Start()
		check(kept)
	})
	t.Run("kill", func(t *testing.T) {
		removed, kept := start()
		e.Kill()
		for _, i := range []*inside{removed, kept} {
			select {
			case r := <-i.exit:
				t.Errorf("an exit code from an engine that was killed: %+v", r)
			case err := <-i.lost:
				t.Logf("waiting ended with: %v", err)
			}
			<-i.ended
		}
		if n := len(ProcessesWithEnv("PATH=/usr/local/sbin")); n < 2 {
			t.Errorf("%d containers run on without their engine", n)
		}
		e.Start()
		check(kept)
	})
	t.Run("freeze", func(t *testing.T) {
		e.Freeze()
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if _, err := e.API.Ping(ctx); err == nil {
			t.Error("it answers")
		}
		e.Thaw()
		e.Containers()
	})
}

func TestEngineBridge(t *testing.T) {
	e := NewEngine(t, WithBridge())
	l, err := net.Listen("tcp", net.JoinHostPort(e.HostIP, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(c, "hello from the test")
			c.Close()
		}
	}()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	connect := fmt.Sprintf(`const c = require("net").connect(%s, %q); c.on("data", d => console.log(String(d))); c.on("error", e => console.log(e.code))`, port, host)
	for network, want := range map[container.NetworkMode]string{"bridge": "hello from the test", "none": "ENETUNREACH"} {
		i := runInside(t, e, e.LoadEverything(t), []string{"node", "-e", connect}, container.HostConfig{NetworkMode: network})
		if got := i.line(); got != want {
			t.Errorf("network %s: %s", network, got)
		}
		i.wait()
	}
}

func TestEngineTLS(t *testing.T) {
	e := NewEngine(t, WithTLS())
	in := func(name string) string { return filepath.Join(e.CertDir, name) }
	good, err := client.NewClientWithOpts(client.WithTLSClientConfig(in("ca.pem"), in("cert.pem"), in("key.pem")), client.WithHost(e.Host))
	if err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	if _, err := good.Ping(context.Background()); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	nobody, err := client.NewClientWithOpts(client.WithTLSClientConfig(in("ca.pem"), "", ""), client.WithHost(e.Host))
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	if _, err := nobody.Ping(context.Background()); err == nil {
		t.Error("it answers without a certificate")
	}
}

func TestEngineSSH(t *testing.T) {
	e := SharedEngine(t)
	s := e.NewSSHD(t)
	cmd := exec.Command(filepath.Join(s.Bin, "ssh"), "--", strings.TrimPrefix(s.Host, "ssh://"), "docker", "system", "dial-stdio")
	cmd.Stdin = strings.NewReader("GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.HasPrefix(out, []byte("HTTP/1.1 200 OK\r\n")) || !bytes.HasSuffix(out, []byte("OK")) {
		t.Errorf("%v: %q", err, out)
	}
	cmd = exec.Command("docker", "info", "--format", "{{.DockerRootDir}}")
	cmd.Env = append(os.Environ(), s.Env()...)
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != filepath.Join(e.Dir, "data") {
		t.Errorf("docker info: %v: %s", err, out)
	}
	s.Stop()
	if out, err := cmdAgain(cmd).CombinedOutput(); err == nil {
		t.Errorf("it answers when it is stopped: %s", out)
	}
}

func cmdAgain(c *exec.Cmd) *exec.Cmd {
	again := exec.Command(c.Path, c.Args[1:]...)
	again.Env = c.Env
	return again
}

func TestEngineFullDisk(t *testing.T) {
	e := NewEngine(t, WithDisk(8<<20))
	program := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(program, make([]byte, 16<<20), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := e.imageFrom("large:1", program, nil)
	if err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("16 MB on a disk of 8: %v", err)
	}
}
