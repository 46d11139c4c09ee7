//go:build unix

package transport

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

const (
	probePackage = "github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker/testdata/probe"
	dockerWait   = 30 * time.Second // for what takes no time
	dockerSecret = "hunter2-canary-4711"
)

// containers is an owner at an engine, and the spec of a probe there.
func containers(t testing.TB, host string, args ...string) (*docker.Owner, docker.Spec, *bytes.Buffer) {
	t.Helper()
	endpoint, err := docker.FindEndpoint(host, []string{"DOCKER_CONFIG=" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	logger := zerolog.New(zerolog.SyncWriter(&log)).Level(zerolog.TraceLevel)
	owner := docker.NewOwner(store.Open(filepath.Join(t.TempDir(), "state")), logger)
	t.Cleanup(func() {
		owner.Close(dockerWait)
		if strings.Contains(log.String(), dockerSecret) {
			t.Errorf("the secret is in the log: %s", &log)
		}
	})
	return owner, docker.Spec{
		Config: "/config.json", Server: "probe", Digest: "d1", Endpoint: endpoint, Command: "/probe", Args: args, Log: logger, Env: []string{"KEY=" + dockerSecret},
		Isolation: config.Isolation{Type: config.IsolationDocker, Image: "probe:1", Network: config.NetworkNone, Pull: config.PullNever},
	}, &log
}

func probeEngine(t testing.TB) *mcptest.Engine {
	t.Helper()
	e := mcptest.SharedEngine(t)
	e.ImageOf(t, "probe:1", mcptest.BuildStatic(t, probePackage))
	return e
}

// echoed sends a line and wants it back.
func echoed(t testing.TB, s *Docker, line string) {
	t.Helper()
	if err := s.Send(jsonrpc.Whole([]byte(line))); err != nil {
		t.Fatal(err)
	}
	in, err := s.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(in.Raw) != sha256.Sum256([]byte(line)) {
		t.Fatalf("%d bytes came back as %d others", len(line), len(in.Raw))
	}
}

func noContainers(t testing.TB, e *mcptest.Engine) {
	t.Helper()
	if left := e.WaitNoContainers(dockerWait, docker.LabelServer+"=probe"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestDockerPassesLinesOn(t *testing.T) {
	e := probeEngine(t)
	mcptest.CheckGoroutines(t)
	owner, spec, _ := containers(t, e.Host, "-cat")
	s := StartDocker(owner, spec, 0, nil)
	echoed(t, s, `{"sent":"before it runs"}`)
	echoed(t, s, `{"x":"`+mcptest.Text(10<<20)+`"}`)
	if s.Stage() != "" || !strings.HasPrefix(s.Image(), "sha256:") || time.Since(s.LastSign()) > time.Minute {
		t.Error(s.Stage(), s.Image(), s.LastSign())
	}
	s.Close(dockerWait)
	if _, err := s.Recv(); err == nil {
		t.Error("received after the end")
	}
	if err := s.Send(jsonrpc.Whole([]byte(`{}`))); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	noContainers(t, e)
	owner.Close(dockerWait)
}

func TestDockerSaysHowAServerEnded(t *testing.T) {
	e := probeEngine(t)
	mcptest.CheckGoroutines(t)
	owner, spec, _ := containers(t, e.Host)
	redact := strings.NewReplacer(dockerSecret, "…").Replace
	s := StartDocker(owner, spec, 0, redact)
	for _, order := range []string{"stderr the key is " + dockerSecret, "exit 7"} {
		if err := s.Send(jsonrpc.Whole([]byte(order))); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Recv()
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Code != 7 || err.Error() != "exited with status 7" {
		t.Errorf("%v", err)
	}
	if got := s.Diagnostics(); !strings.HasPrefix(got, "the key is ") {
		t.Errorf("%q", got)
	}
	if again := s.Send(jsonrpc.Whole([]byte(`{}`))); again == nil || !strings.Contains(again.Error(), "exited with status 7") {
		t.Errorf("sent: %v", again)
	}
	s.Close(0)

	spec.Isolation.Image = "gone:1"
	s = StartDocker(owner, spec, 0, redact)
	s.Send(jsonrpc.Whole([]byte(`{}`)))
	_, err = s.Recv()
	var known *docker.Error
	if !errors.As(err, &known) || !strings.Contains(err.Error(), "gone:1") {
		t.Errorf("%v", err)
	}
	if again := s.Send(jsonrpc.Whole([]byte(`{}`))); !errors.As(again, &known) {
		t.Errorf("sent: %v", again)
	}
	begin := time.Now()
	s.Close(time.Minute)
	if took := time.Since(begin); mcptest.TooLong(took, 10*time.Second) {
		t.Errorf("what never ran took %s to close", took)
	}
	noContainers(t, e)
	owner.Close(dockerWait)
}

func TestDockerCloseIsBounded(t *testing.T) {
	e := probeEngine(t)
	mcptest.CheckGoroutines(t)
	const grace = 1500 * time.Millisecond
	for name, c := range map[string]struct {
		args        []string
		grace       time.Duration
		least, most time.Duration
		want        string // how it ended
	}{
		"obeys":                {nil, 30 * time.Second, 0, 9 * time.Second, "exited with status 0"},
		"ignores the end":      {[]string{"-ignore-eof"}, grace, grace / 3, grace + 10*time.Second, "exited with status 143"},
		"ignores all":          {[]string{"-ignore-eof", "-ignore-term"}, grace, grace, grace + 10*time.Second, ErrClosed.Error()},
		"is given no time":     {[]string{"-ignore-eof", "-ignore-term"}, 0, 0, 10 * time.Second, ErrClosed.Error()},
		"closed by two at one": {[]string{"-ignore-eof", "-ignore-term"}, grace, 0, grace + 10*time.Second, ErrClosed.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			owner, spec, _ := containers(t, e.Host, c.args...)
			s := StartDocker(owner, spec, 0, nil)
			s.Send(jsonrpc.Whole([]byte(`echo it runs`)))
			var end error
			said := make(chan struct{})
			ended := make(chan struct{})
			s.OnWait(func() {
				if s.noise.String() != "" {
					select {
					case <-said:
					default:
						close(said)
					}
				}
			})
			go func() { defer close(ended); _, end = s.Recv() }()
			<-said // that it ignores signals is settled by now
			begin := time.Now()
			if strings.Contains(name, "two") {
				go s.Close(grace / 3)
			}
			s.Close(c.grace)
			if took := time.Since(begin); took < c.least || mcptest.TooLong(took, c.most) {
				t.Errorf("it took %s", took)
			}
			<-ended
			if end == nil || end.Error() != c.want {
				t.Errorf("%v", end)
			}
			noContainers(t, e)
		})
	}
}

// A server can be closed while it is still being started.
func TestDockerCloseDuringStart(t *testing.T) {
	e := probeEngine(t)
	mcptest.CheckGoroutines(t)
	owner, spec, _ := containers(t, e.Host, "-ignore-eof", "-ignore-term")
	for after := time.Duration(0); after < 250*time.Millisecond; after += 25 * time.Millisecond {
		s := StartDocker(owner, spec, 0, nil)
		s.Send(jsonrpc.Whole([]byte(`{"waits":1}`)))
		time.Sleep(after)
		begin := time.Now()
		s.Close(0)
		if took := time.Since(begin); mcptest.TooLong(took, 5*time.Second) {
			t.Errorf("after %s it took %s", after, took)
		}
		if _, err := s.Recv(); !errors.Is(err, ErrClosed) {
			t.Errorf("after %s: %v", after, err)
		}
	}
	noContainers(t, e)

	f := mcptest.NewFakeEngine(t, map[string]http.HandlerFunc{"POST /images/create": mcptest.FakeStream(0, true, `{"status":"Downloading","id":"a","progressDetail":{"current":1000,"total":2000}}`)})
	owner, spec, _ = containers(t, f.Host)
	spec.Isolation.Pull = config.PullMissing
	s := StartDocker(owner, spec, 0, nil)
	for deadline := time.Now().Add(dockerWait); s.Stage() != "pulling the image probe:1, 1kB of 2kB"; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(s.Stage())
		}
	}
	begin := time.Now()
	s.Close(time.Minute) // it does not run: there is nothing to wait for
	if _, err := s.Recv(); !errors.Is(err, ErrClosed) || mcptest.TooLong(time.Since(begin), 10*time.Second) {
		t.Errorf("after %s: %v", time.Since(begin), err)
	}
	owner.Close(dockerWait)
}
