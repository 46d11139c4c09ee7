//go:build unix

package docker

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

func TestMain(m *testing.M) {
	mcptest.Main()
	if order := os.Getenv(envCrash); order != "" {
		crashOwner(order)
	}
	mcptest.MostlyWaiting()
	os.Exit(mcptest.Run(m))
}

const (
	patience   = 30 * time.Second // for what takes no time
	probeImage = "probe:1"
	canary     = "hunter2-canary-4711" // a secret that must be seen nowhere
)

// text is a buffer for several writers.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *text) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(b)
}

func (w *text) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// rig is an owner at work.
type rig struct {
	*Owner
	t        testing.TB
	endpoint Endpoint
	dir      string // of the store
	log      *text
}

func newRig(t testing.TB, host string, environ ...string) *rig {
	t.Helper()
	return newRigIn(t, filepath.Join(t.TempDir(), "state"), host, environ...)
}

// newRigIn is an owner of a given store; it is closed at the end of the test, and its log is looked through then.
func newRigIn(t testing.TB, dir, host string, environ ...string) *rig {
	t.Helper()
	endpoint, err := FindEndpoint(host, append([]string{"DOCKER_CONFIG=" + filepath.Join(dir, "docker")}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	log := &text{}
	r := &rig{NewOwner(store.Open(dir), zerolog.New(log).Level(zerolog.TraceLevel)), t, endpoint, dir, log}
	t.Cleanup(func() {
		r.Close(patience)
		if strings.Contains(log.String(), canary) {
			t.Errorf("the secret is in the log: %s", log)
		}
		if t.Failed() {
			t.Logf("log: %s", log)
		}
	})
	return r
}

// spec is a probe in a container without network.
func (r *rig) spec(args ...string) Spec {
	return Spec{
		Config: "/config.json", Server: "probe", Digest: "d1", Endpoint: r.endpoint, Command: "/probe", Args: args,
		Isolation: config.Isolation{Type: config.IsolationDocker, Image: probeImage, Network: config.NetworkNone}, Sign: func() {}, Stderr: io.Discard, Log: r.Owner.log,
	}
}

// peer is a container and the other ends of its streams.
type peer struct {
	*Container
	t      testing.TB
	out    *bufio.Reader
	stderr *text
}

// start starts a container; it is gone at the end of the test.
func (r *rig) start(spec Spec) *peer {
	r.t.Helper()
	p := &peer{t: r.t, stderr: &text{}}
	if spec.Stderr == io.Discard {
		spec.Stderr = p.stderr
	}
	p.Container = r.New(spec)
	p.out = bufio.NewReaderSize(p.Stdout, 1<<20)
	p.Start()
	r.t.Cleanup(func() {
		p.Kill()
		p.await(p.Gone(), "its removal")
	})
	return p
}

func (p *peer) await(c <-chan struct{}, what string) {
	p.t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		p.t.Fatalf("waited in vain for %s", what)
	}
}

// running waits until the server runs.
func (p *peer) running() *peer {
	p.t.Helper()
	select {
	case <-p.attached:
	case <-p.Ended():
		p.t.Fatalf("did not start: %v", p.Err())
	case <-time.After(patience):
		p.t.Fatalf("did not start in time: %s", p.Stage())
	}
	return p
}

// ask gives an order and returns what the answer says, as text.
func (p *peer) ask(order string) string {
	p.t.Helper()
	text, err := p.try(order)
	if err != nil {
		select {
		case <-p.Ended():
			err = p.Err()
		case <-time.After(patience):
		}
		p.t.Fatalf("%.80s: %v\n%s", order, err, p.stderr)
	}
	return text
}

func (p *peer) try(order string) (string, error) {
	if _, err := io.WriteString(p, order+"\n"); err != nil {
		return "", err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return "", err
	}
	var text string
	if json.Unmarshal(line, &text) == nil {
		return text, nil
	}
	return strings.TrimSpace(string(line)), nil
}

// tell gives an order that has no answer.
func (p *peer) tell(order string) {
	p.t.Helper()
	if _, err := io.WriteString(p, order+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

// end waits for the end of the server and gives the error.
func (p *peer) end() error {
	p.t.Helper()
	go io.Copy(io.Discard, p.out)
	p.await(p.Ended(), "the server's end")
	p.await(p.Gone(), "the container's removal")
	return p.Err()
}

// fails checks that an error has all these parts.
func fails(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v lacks %q", err, part)
		}
	}
	if strings.Contains(err.Error(), canary) {
		t.Errorf("the secret is in the error: %v", err)
	}
}

var probe struct {
	once sync.Once
	file []byte
}

// withProbe gives an engine the probe's image; that of further images has changes, as of a Dockerfile.
func withProbe(t testing.TB, e *mcptest.Engine, name string, changes ...string) string {
	t.Helper()
	probe.once.Do(func() {
		probe.file, _ = os.ReadFile(mcptest.BuildStatic(t, "github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker/testdata/probe"))
	})
	var fs bytes.Buffer
	w := tar.NewWriter(&fs)
	err := errors.Join(
		w.WriteHeader(&tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}),
		w.WriteHeader(&tar.Header{Name: "var/tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}),
		w.WriteHeader(&tar.Header{Name: "probe", Mode: 0o755, Size: int64(len(probe.file))}))
	if err == nil {
		_, err = w.Write(probe.file)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := e.API.ImageImport(ctx, image.ImportSource{Source: &fs, SourceName: "-"}, name, image.ImportOptions{Changes: changes})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	var said struct{ Status, Error string }
	if err := json.NewDecoder(answer).Decode(&said); err != nil || said.Error != "" {
		t.Fatal(said.Error, err)
	}
	return said.Status
}

// newEngine gives a private engine with the probe.
func newEngine(t testing.TB, o ...mcptest.EngineOption) *mcptest.Engine {
	t.Helper()
	e := mcptest.NewEngine(t, o...)
	withProbe(t, e, probeImage)
	return e
}

var shared struct {
	mu    sync.Mutex
	ready bool
}

// sharedEngine gives that of all tests, with the probe.
func sharedEngine(t testing.TB) *mcptest.Engine {
	t.Helper()
	e := mcptest.SharedEngine(t)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.ready {
		withProbe(t, e, probeImage)
		shared.ready = true
	}
	return e
}

// none fails the test if containers of an owner are there.
func none(t testing.TB, e *mcptest.Engine, r *rig) {
	t.Helper()
	if left := e.WaitNoContainers(patience, LabelOwner+"="+r.Owner.id); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
