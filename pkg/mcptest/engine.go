package mcptest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
)

// EnvEngine names the folder with the image that testdata/docker/make-everything.sh made.
const EnvEngine = "MCPPROXY_TEST_ENGINE"

const (
	engineTimeout = 30 * time.Second // for an engine to answer, and for each order to its keeper
	engineSignals = 90 * time.Second // for an engine to stop: it gives its containers their time first
	maxSocketPath = 104              // containerd takes no longer one; sun_path of unix(7) is 107 and its end
)

// Engine is a private Docker engine: a dockerd with its own data, containerd and
// control groups. It runs in its own process and mount namespaces, so that
// nothing of it can outlive the test: State.Pid of a container is a number in
// there, and neither its mounts nor its /run are seen from outside. Its methods
// fail the test if the engine does not do what they say.
type Engine struct {
	Host    string         // unix://…/docker.sock; with WithTLS tcp://127.0.0.1:PORT
	Dir     string         // has dockerd.log and the data root
	CertDir string         // with WithTLS: ca.pem, cert.pem and key.pem, as for $DOCKER_CERT_PATH
	HostIP  string         // with WithBridge: our address, as containers on the bridge reach it
	API     *client.Client // over the unix socket; keeps no idle connections

	t testing.TB
	*engineState
}

// engineState is what all handles of one engine share.
type engineState struct {
	options  engineOptions
	keeper   *engineKeeper
	prepared sync.Mutex // held while an image is made
	images   map[string]bool

	mu     sync.Mutex
	daemon int // pid in the keeper's namespace; 0 when stopped
}

type engineOptions struct {
	bridge, tls bool
	disk        int64
	args        []string
}

// An EngineOption changes what [NewEngine] starts.
type EngineOption func(*engineOptions)

// WithBridge gives the engine a network namespace with a default bridge, its
// firewall rules and a link to this machine ([Engine.HostIP]): containers with
// network "bridge" reach listeners there, and nothing else of this machine. No
// way leads into the internet. It cannot be combined with WithTLS or [NewSSHD],
// which listen on our loopback interface.
func WithBridge() EngineOption { return func(o *engineOptions) { o.bridge = true } }

// WithTLS makes the engine listen on a loopback port, too, for clients that
// have a certificate.
func WithTLS() EngineOption { return func(o *engineOptions) { o.tls = true } }

// WithDisk puts the engine's data on a file system of so many bytes.
func WithDisk(bytes int64) EngineOption { return func(o *engineOptions) { o.disk = bytes } }

// NewEngine starts an engine, which ends with the test. TestMain must call [Main].
// Containers have no network but none and host, unless WithBridge is given.
// Where there can be no engine the test is skipped; with MCPPROXY_TEST_NO_SKIP it fails.
func NewEngine(t testing.TB, o ...EngineOption) *Engine {
	t.Helper()
	if err := engineMissing(); err != nil {
		missing(t, "needs a Docker engine: %v", err)
	}
	s, err := newEngine(o)
	if err != nil {
		t.Fatalf("mcptest: engine: %v", err)
	}
	e := &Engine{}
	*e = *s
	e.t = t
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("mcptest: end of the engine's log:\n%s", e.keeper.logTail())
		}
		if err := e.end(); err != nil {
			t.Errorf("mcptest: engine: %v", err)
		}
	})
	return e
}

// missing skips the test, or fails it where CI forbids skips.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("MCPPROXY_TEST_NO_SKIP") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

func newEngine(o []EngineOption) (*Engine, error) {
	e := &Engine{engineState: &engineState{images: map[string]bool{}}}
	for _, f := range o {
		f(&e.options)
	}
	if e.options.bridge && e.options.tls {
		return nil, errors.New("WithBridge and WithTLS exclude each other")
	}
	dir, err := engineDir()
	if err != nil {
		return nil, err
	}
	e.Dir = dir
	e.Host = "unix://" + e.socket()
	args := []string{
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "dockerd.pid"),
		"--cgroup-parent", "/" + filepath.Base(dir), "--exec-opt", "native.cgroupdriver=cgroupfs", "--log-level", "warn", "-H", "unix://" + e.socket(),
	}
	if !e.options.bridge {
		args = append(args, "--bridge=none", "--iptables=false", "--ip6tables=false")
	}
	if e.options.tls {
		more, err := e.prepareTLS()
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
		args = append(args, more...)
	}
	e.options.args = args
	// Connections that idle would be taken for a test's leak.
	e.API, err = client.NewClientWithOpts(client.WithHTTPClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}),
		client.WithHost("unix://"+e.socket()), client.WithAPIVersionNegotiation())
	if err == nil {
		e.keeper, err = startEngineKeeper(dir, e.options)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if e.HostIP, err = e.keeper.link(e.options); err == nil {
		err = e.start()
	}
	if err != nil {
		return nil, errors.Join(err, fmt.Errorf("end of its log:\n%s", e.keeper.logTail()), e.end())
	}
	return e, nil
}

// engineDir makes a folder for which the path of a socket is not too long.
func engineDir() (string, error) {
	for _, parent := range []string{os.TempDir(), "/tmp"} {
		dir, err := os.MkdirTemp(parent, "mcptest-engine-")
		if err != nil {
			return "", err
		}
		if len(filepath.Join(dir, "exec", "containerd", "containerd-debug.sock")) <= maxSocketPath {
			return dir, nil
		}
		if err := os.Remove(dir); err != nil {
			return "", err
		}
	}
	return "", errors.New("no temporary folder whose path is short enough for a socket")
}

func (e *Engine) socket() string { return filepath.Join(e.Dir, "docker.sock") }

// Start starts the engine again on the same data, after [Engine.Stop] or [Engine.Kill], and waits until it answers.
func (e *Engine) Start() {
	e.t.Helper()
	if err := e.start(); err != nil {
		e.t.Fatalf("mcptest: engine: %v\n%s", err, e.keeper.logTail())
	}
}

func (e *Engine) start() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.daemon != 0 {
		return errors.New("it runs already")
	}
	pid, err := e.keeper.spawn("dockerd", e.options.args...)
	if err != nil {
		return err
	}
	e.daemon = pid
	ctx, cancel := context.WithTimeout(context.Background(), engineTimeout)
	defer cancel()
	for {
		_, err := e.API.Ping(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || !e.keeper.alive(pid) {
			return fmt.Errorf("dockerd did not start: %w", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Stop ends the engine as a service manager does, by SIGTERM, and waits for its end:
// a second at least, and as long as its containers take to stop.
func (e *Engine) Stop() { e.t.Helper(); e.finish(syscall.SIGTERM) }

// Kill ends the engine by SIGKILL, and its containerd with it. Containers run on
// until [Engine.Start], which stops them before the engine answers.
func (e *Engine) Kill() { e.t.Helper(); e.finish(syscall.SIGKILL) }

func (e *Engine) finish(sig syscall.Signal) {
	e.t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.daemon == 0 {
		e.t.Fatal("mcptest: engine: it does not run")
	}
	if err := e.keeper.finish(e.daemon, sig); err != nil {
		e.t.Fatalf("mcptest: engine: %v", err)
	}
	e.daemon = 0
}

// Freeze makes the engine hang: connections are accepted and nothing is answered, until [Engine.Thaw].
func (e *Engine) Freeze() { e.t.Helper(); e.signal(freeze) }

// Thaw ends [Engine.Freeze].
func (e *Engine) Thaw() { e.t.Helper(); e.signal(thaw) }

func (e *Engine) signal(sig syscall.Signal) {
	e.t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.keeper.signal(e.daemon, sig); err != nil {
		e.t.Fatalf("mcptest: engine: %v", err)
	}
}

// Containers gives all containers with these labels ("key" or "key=value"), running or not.
func (e *Engine) Containers(labels ...string) []container.Summary {
	e.t.Helper()
	f := filters.NewArgs()
	for _, l := range labels {
		f.Add("label", l)
	}
	ctx, cancel := context.WithTimeout(context.Background(), engineTimeout)
	defer cancel()
	list, err := e.API.ContainerList(ctx, container.ListOptions{All: true, Filters: f})
	if err != nil {
		e.t.Fatalf("mcptest: engine: %v", err)
	}
	return list
}

// WaitNoContainers waits until no container has these labels, and gives those that are left.
func (e *Engine) WaitNoContainers(timeout time.Duration, labels ...string) (left []container.Summary) {
	e.t.Helper()
	waitUntil(timeout, func() bool { left = e.Containers(labels...); return len(left) == 0 })
	return left
}

// Log gives what dockerd and its containerd wrote so far.
func (e *Engine) Log() string {
	e.t.Helper()
	b, err := os.ReadFile(e.keeper.log)
	if err != nil {
		e.t.Fatalf("mcptest: engine: %v", err)
	}
	return string(b)
}

// end kills all that belongs to the engine and removes its folder.
func (e *Engine) end() error {
	err := errors.Join(e.API.Close(), e.keeper.end())
	if _, statErr := os.Stat(e.Dir); statErr == nil {
		err = errors.Join(err, fmt.Errorf("%s is left", e.Dir))
	}
	return err
}
