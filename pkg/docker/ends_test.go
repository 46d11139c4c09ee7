//go:build unix

package docker

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

func TestHowAServerEnds(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	r := newRig(t, e.Host)
	for name, c := range map[string]struct {
		order string
		want  string
		code  int
	}{
		"a status":  {"exit 3", "exited with status 3", 3},
		"success":   {"exit 0", "exited with status 0", 0},
		"SIGKILL":   {"signal 9", "was killed by SIGKILL", 137},
		"SIGTERM":   {"signal 15", "exited with status 143", 143},
		"said 127":  {"exit 127", "exited with status 127", 127},
		"its input": {"", "exited with status 0", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := r.start(r.spec()).running()
			p.ask("echo x")
			p.tell("stderr last words")
			if c.order == "" {
				p.CloseStdin()
			} else {
				p.tell(c.order)
			}
			err := p.end()
			var exit *Exit
			if !errors.As(err, &exit) || exit.Code != c.code || exit.OOM || err.Error() != c.want {
				t.Errorf("%v", err)
			}
			if got := p.stderr.String(); got != "last words\n" {
				t.Errorf("its last words: %q", got)
			}
			if _, err := p.Write([]byte("x")); err == nil {
				t.Error("written to what has ended")
			}
		})
	}
}

func TestAProgramThatTheImageLacks(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	spec := r.spec()
	spec.Command = "npx"
	fails(t, r.start(spec).end(), probeImage, `"npx"`, "no program")
	spec.Command = "/var" // a directory
	fails(t, r.start(spec).end(), probeImage, `"/var"`, "its user may run")
}

// What an engine does not like it quotes.
func TestTheEnginesErrorsHaveNoSecret(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	spec := r.spec()
	spec.Env = []string{"=" + canary}
	fails(t, r.start(spec).end(), "invalid environment variable: =…")
}

// The init process holds the server's stdout, too: that the server closed it is not seen. It can be ended as any other.
func TestAServerThatClosesItsOutputLivesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	p := r.start(r.spec()).running()
	p.tell("close-stdout")
	p.tell("stderr still here")
	deadline := time.Now().Add(patience)
	for p.stderr.String() != "still here\n" && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	select {
	case <-p.Ended():
		t.Errorf("it has ended: %v", p.Err())
	default:
	}
	p.CloseStdin()
	fails(t, p.end(), "exited with status 0")
}

// StdinOnce: whoever loses the connection, as when its process is killed, ends the server's input with it.
func TestTheInputEndsWithTheConnection(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	r := newRig(t, e.Host)
	p := r.start(r.spec()).running()
	p.conn.Close()
	if left := e.WaitNoContainers(patience, LabelOwner+"="+r.Owner.id); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	p.await(p.Ended(), "its end")
}

func TestTerminateAndKill(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	r := newRig(t, e.Host)
	p := r.start(r.spec()).running()
	p.ask("echo it is in its loop")
	p.Terminate()
	fails(t, p.end(), "exited with status 143")

	p = r.start(r.spec("-ignore-term", "-ignore-eof")).running()
	p.ask("echo it ignores the signal by now")
	p.Terminate()
	p.CloseStdin()
	select {
	case <-p.Ended():
		t.Errorf("it has ended: %v", p.Err())
	case <-time.After(300 * time.Millisecond):
	}
	p.Kill()
	if err := p.end(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	none(t, e, r)
}

// A kill ends the work at once whatever is being done, and what was made is removed.
func TestKillAtAnyTime(t *testing.T) {
	t.Parallel()
	e := sharedEngine(t)
	r := newRig(t, e.Host)
	for after := time.Duration(0); after < 300*time.Millisecond; after += 25 * time.Millisecond {
		p := r.start(r.spec("-ignore-term", "-ignore-eof"))
		time.Sleep(after)
		begin := time.Now()
		p.Kill()
		p.await(p.Ended(), "the end")
		if took := time.Since(begin); mcptest.TooLong(took, 5*time.Second) {
			t.Errorf("after %s: the end took %s", after, took)
		}
		p.await(p.Gone(), "the removal")
		if p.Err() == nil || !errors.Is(p.Err(), context.Canceled) {
			t.Errorf("after %s: %v", after, p.Err())
		}
	}
	none(t, e, r)
}

// Nothing is left in this process either, with a reader and without.
func TestNothingIsLeftRunning(t *testing.T) {
	e := sharedEngine(t)
	mcptest.CheckGoroutines(t)
	r := newRig(t, e.Host)
	for _, ending := range []func(*peer){
		func(p *peer) { p.tell("exit 0") },
		func(p *peer) { p.CloseStdin() },
		func(p *peer) { p.Kill() },
		func(p *peer) { // what it says is never read
			p.tell("echo x")
			waitFor(t, "it speaks", p.spoke.Load)
			p.Kill()
		},
		func(p *peer) { p.Terminate() },
	} {
		p := r.start(r.spec()).running()
		ending(p)
		p.await(p.Gone(), "the removal")
	}
	p := r.New(r.spec())
	p.Kill()
	p.Start()
	<-p.Gone()
	none(t, e, r)
	r.Close(patience)
	p = r.New(r.spec())
	p.Start() // by a closed owner
	<-p.Ended()
	if _, err := io.ReadAll(p.Stdout); err != nil || !errors.Is(p.Err(), context.Canceled) {
		t.Error(err, p.Err())
	}
}

func TestWork(t *testing.T) {
	t.Parallel()
	r := newRig(t, sharedEngine(t).Host)
	spec := r.spec()
	p := r.New(spec)
	if p.Work() != 0 {
		t.Error("works before it is started")
	}
	q := r.start(spec).running()
	q.ask("burn 300")
	if got := q.Work(); got < 10*time.Millisecond {
		t.Errorf("it has worked for %s", got)
	}
	if first := q.Work(); first != q.Work() {
		t.Error("asked twice within a second")
	}
}
