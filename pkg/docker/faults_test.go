//go:build unix

package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

func TestAnEngineThatIsNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := newRig(t, "unix://"+dir+"/none.sock")
	fails(t, r.start(r.spec()).end(), "Docker is not running", "there is no socket at "+dir+"/none.sock (docker_host)", "Start Docker")

	l, err := net.Listen("unix", dir+"/dead.sock") // somebody has gone and left the socket
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	r = newRig(t, "unix://"+dir+"/dead.sock")
	fails(t, r.start(r.spec()).end(), dir+"/dead.sock (docker_host) does not answer. Start Docker")

	l, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r = newRig(t, "tcp://"+l.Addr().String())
	fails(t, r.start(r.spec()).end(), "tcp://"+l.Addr().String()+" (docker_host) does not answer. Start Docker")
	if c := Examine(context.Background(), r.endpoint); c.Info != nil || c.Err == nil {
		t.Errorf("%+v", c)
	}
	if _, err := os.Stat(filepath.Join(r.dir, ledgers)); err == nil {
		t.Error("noted what was not used")
	}
}

func TestASocketThatMayNotBeUsed(t *testing.T) {
	e := Endpoint{Host: "unix:///", Source: "test"}
	err := e.there(fmt.Errorf("x: %w", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", os.ErrPermission)}))
	fails(t, err, "this user may not use", "group")
}

func TestAnEngineThatRefuses(t *testing.T) {
	t.Parallel()
	image := `{"Id":"sha256:1","Os":"linux","Architecture":"amd64"}`
	is := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
	}
	phases := []struct{ pattern, says string }{
		{"GET /info", "answers with an error: it broke"}, {"GET /images/{name...}", "refused to look at the image: it broke"}, {"POST /volumes/create", "refused to make the cache: it broke"},
		{"POST /containers/create", "refused to make the container: it broke"}, {"GET /events", "refused to watch the container: it broke"},
		{"POST /containers/{id}/attach", "refused to attach to the container: it broke"}, {"POST /containers/{id}/start", "refused to start the container: it broke"},
	}
	for _, failing := range phases {
		for how, handler := range map[string]http.HandlerFunc{"500": mcptest.FakeStatus(500, "it broke"), "drops": mcptest.FakeDrop, "hangs": mcptest.FakeHang} {
			t.Run(failing.pattern+" "+how, func(t *testing.T) {
				t.Parallel()
				var removed atomic.Int32
				asked := make(chan struct{}, 10)
				f := mcptest.NewFakeEngine(t, map[string]http.HandlerFunc{
					"GET /images/{name...}": is(image), "POST /volumes/create": is(`{"Name":"v"}`), "POST /containers/create": is(`{"Id":"c1"}`), "GET /events": mcptest.FakeStream(0, true),
					"POST /containers/{id}/attach": attachWith(""), "POST /containers/{id}/start": mcptest.FakeStatus(204, ""),
					"DELETE /containers/{id}": func(w http.ResponseWriter, q *http.Request) {
						removed.Add(1)
						mcptest.FakeStatus(404, "No such container")(w, q)
					},
				})
				f.On(failing.pattern, func(w http.ResponseWriter, q *http.Request) { asked <- struct{}{}; handler(w, q) })
				r := newRig(t, f.Host)
				r.retry = 10 * time.Millisecond
				r.settled = 0
				spec := r.spec()
				spec.Isolation.Cache = true
				p := r.start(spec)
				if how == "hangs" {
					p.await(asked, failing.pattern)
					begin := time.Now()
					p.Kill()
					p.await(p.Ended(), "the end")
					if took := time.Since(begin); mcptest.TooLong(took, 5*time.Second) || !errors.Is(p.Err(), context.Canceled) {
						t.Errorf("killed, it ended after %s: %v", took, p.Err())
					}
					f.Close() // what still waits for an answer gets none
					return
				}
				err := p.end()
				var known *Error
				if !errors.As(err, &known) {
					t.Errorf("%#v", err)
				}
				if how == "drops" {
					fails(t, err, "does not answer", "Start Docker")
				} else {
					fails(t, err, failing.says)
				}
				// One that was asked for and got no answer may be made all the same.
				made := len(seen(f, "/containers/create")) > 0 && (how == "drops" || failing.pattern != "POST /containers/create")
				for deadline := time.Now().Add(patience); made && removed.Load() == 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
				}
				r.Close(patience)
				if (removed.Load() > 0) != made {
					t.Errorf("%d removals; %q", removed.Load(), f.Seen())
				}
			})
		}
	}
}

// attachWith answers with the stream of a container and ends it.
func attachWith(stream string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n%s", stream)
	}
}

// What an engine tells of the end of a container, in any order.
func TestWhatIsToldOfTheEnd(t *testing.T) {
	t.Parallel()
	event := func(action, attributes string) string {
		return `{"Type":"container","Action":"` + action + `","Actor":{"ID":"c1","Attributes":{` + attributes + `}}}`
	}
	die, destroy := event("die", `"exitCode":"137"`), event("destroy", "")
	for name, c := range map[string]struct {
		stream string
		events []string
		want   string
	}{
		"memory first": {"", []string{event("oom", ""), die, destroy}, "used more memory than its limit of 64MiB allows. Raise"},
		"memory last":  {"", []string{die, event("oom", ""), destroy}, "used more memory than its limit of 64MiB allows. Raise"},
		"a kill":       {"", []string{die, destroy}, "was killed by SIGKILL, maybe since it used more memory than its limit of 64MiB"},
		"podman's":     {"", []string{event("die", `"exitCode":"3"`), event("remove", "")}, "exited with status 3"},
		"no status":    {"", []string{event("die", ""), destroy}, "does not say how"},
		"no program":   {"", []string{event("die", `"exitCode":"127"`), destroy}, `status 127: the image probe:1 has no program "/probe"`},
		"126":          {"", []string{event("die", `"exitCode":"126"`), destroy}, `status 126: the image probe:1 has no program "/probe", or none that its user may run`},
		"its own 127":  {"\x01\x00\x00\x00\x00\x00\x00\x03hi\n", []string{event("die", `"exitCode":"127"`), destroy}, "exited with status 127"},
		"an error":     {"\x03\x00\x00\x00\x00\x00\x00\x03hi\n", nil, "the connection to the Docker engine at"},
		"garbage":      {"HTTP/1.1 400 Bad Request\r\n\r\n", nil, "the connection to the Docker engine at"},
		"half a frame": {"\x01\x00\x00\x00\xff\xff\xff\xffhi\n", nil, "the connection to the Docker engine at"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			is := func(text string) http.HandlerFunc {
				return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
			}
			started := make(chan struct{})
			f := mcptest.NewFakeEngine(t, map[string]http.HandlerFunc{
				"GET /images/{name...}": is(`{"Id":"sha256:1"}`), "POST /containers/create": is(`{"Id":"c1","Warnings":["of \u001b[2J"]}`),
				"GET /events": func(w http.ResponseWriter, q *http.Request) {
					http.NewResponseController(w).Flush()
					<-started
					mcptest.FakeStream(30*time.Millisecond, true, c.events...)(w, q) // apart, so that their order counts
				},
				"POST /containers/{id}/attach": func(w http.ResponseWriter, q *http.Request) {
					conn, _, _ := http.NewResponseController(w).Hijack()
					defer conn.Close()
					fmt.Fprint(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
					<-started
					fmt.Fprint(conn, c.stream)
				},
				"POST /containers/{id}/start": func(w http.ResponseWriter, q *http.Request) { close(started); w.WriteHeader(204) },
				"GET /containers/{id}/json":   is(`{"Id":"c1","State":{"Running":true}}`),
				"DELETE /containers/{id}":     mcptest.FakeStatus(204, ""),
			})
			r := newRig(t, f.Host)
			spec := r.spec()
			spec.Isolation.Memory = 64 << 20
			fails(t, r.start(spec).end(), c.want)
			if log := r.log.String(); !strings.Contains(log, `"warning":"of \\u001b[2J"`) {
				t.Errorf("the engine's warning: %s", log)
			}
			if removed := len(seen(f, "DELETE ")) > 0; removed != (c.events == nil) {
				t.Errorf("%q", f.Seen())
			}
		})
	}
}

// A real engine that hangs, for each phase by chance: a kill is quick, and what was made is removed once the engine goes on.
func TestAnEngineThatHangs(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	r := newRig(t, e.Host)
	r.retry, r.settled = 20*time.Millisecond, 2*time.Second
	for after := time.Duration(0); after < 240*time.Millisecond; after += 30 * time.Millisecond {
		p := r.start(r.spec("-ignore-term", "-ignore-eof"))
		time.Sleep(after)
		e.Freeze()
		time.Sleep(20 * time.Millisecond)
		begin := time.Now()
		p.Kill()
		p.await(p.Ended(), "the end")
		if took := time.Since(begin); mcptest.TooLong(took, 5*time.Second) {
			t.Errorf("frozen after %s: the end took %s", after, took)
		}
		e.Thaw()
		p.await(p.Gone(), "the removal")
	}
	none(t, e, r)
}

// An engine that dies while servers run, and comes back: their ends say so, nothing is left, the next container works.
func TestAnEngineThatDies(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	r := newRig(t, e.Host)
	r.retry = 20 * time.Millisecond
	p := r.start(r.spec("-ignore-eof")).running()
	p.ask("echo it runs")
	e.Kill()
	fails(t, p.end(), "the connection to the Docker engine at "+e.Host+" was lost")
	fails(t, r.start(r.spec()).end(), "does not answer", "Start Docker")
	e.Start()
	if got := r.start(r.spec()).running().ask("echo again"); got != "again" {
		t.Error(got)
	}
	if left := e.Containers(LabelOwner + "=" + r.Owner.id); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	q := r.start(r.spec()).running()
	e.Stop()
	if err := q.end(); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	e.Start()
	r.start(r.spec()).running().ask("echo once more")
}
