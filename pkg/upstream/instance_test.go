package upstream

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

func TestStates(t *testing.T) {
	mcptest.CheckGoroutines(t)
	s := &script{}
	in, _ := newServer(t, s, nil)
	if st := in.Status(); st.State != Idle || s.dials() != 0 {
		t.Fatalf("new: %+v", st)
	}
	works(t, in)
	if st := in.Status(); st.State != Ready || st.Lives != 1 || st.Why != "" || in.Hello().Version != "2025-11-25" {
		t.Errorf("after a call: %+v", st)
	}
	if got := strings.Join(s.got, " "); got != "initialize notifications/initialized x/ask" {
		t.Errorf("it was told %s", got)
	}
	s.last().die(errBoom)
	until(t, "the end is seen", func() bool { return in.Status().State == Idle })
	if st := in.Status(); !strings.Contains(st.Why, "status 9") || in.Hello() != nil {
		t.Errorf("after its end: %+v", st)
	}
	works(t, in)
	in.Close(0)
	if st := in.Status(); st.State != Closed || st.Lives != 2 {
		t.Errorf("after Close: %+v", st)
	}
	_, out := do(t, in, "x/ask")
	if o := wait(t, out); !errors.Is(o.err, ErrClosed) {
		t.Errorf("a call after Close: %v", o.err)
	}
	in.Start()
	if in.Status().State != Closed || s.dials() != 2 {
		t.Error("it was started after Close")
	}
}

func TestFailedStart(t *testing.T) {
	mcptest.CheckGoroutines(t)
	s := &script{dialErr: func(n int) error {
		if n == 1 {
			return errBoom
		}
		return nil
	}}
	in, _ := newServer(t, s, nil)
	_, out := do(t, in, "x/ask")
	o := wait(t, out)
	if !errors.Is(o.err, errBoom) || !strings.Contains(o.err.Error(), `server "x" did not start: exited with status 9. Check`) {
		t.Errorf("got %v", o.err)
	}
	st := in.Status()
	if st.State != Failed || time.Until(st.NextTry) < 500*time.Millisecond || time.Until(st.NextTry) > time.Second {
		t.Errorf("got %+v", st)
	}
	_, out = do(t, in, "x/ask")
	if o := wait(t, out); o.err == nil || strings.Count(o.err.Error(), `server "x"`) != 1 || !strings.Contains(o.err.Error(), "exited with status 9") {
		t.Errorf("before the next try: %v", o.err)
	}
	in.mu.Lock()
	in.nextTry = time.Now()
	in.mu.Unlock()
	works(t, in)
}

func TestBackoff(t *testing.T) {
	for n, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute} {
		for range 50 {
			if d := backoff(n); d > want || d < want*7/10 {
				t.Errorf("after %d failures: %v, want up to %v", n, d, want)
			}
		}
	}
	if backoff(1000) > time.Minute {
		t.Error("it grows for ever")
	}
}

func TestStartErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		act  func(s *script, c *scripted)
		want []string
	}{
		"ends":    {func(_ *script, c *scripted) { c.die(errBoom) }, []string{"did not start", "exited with status 9", "its last words"}},
		"refuses": {func(_ *script, c *scripted) { c.say(`{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}`) }, []string{"refused initialize", `"no\`}},
		"odd version": {func(_ *script, c *scripted) {
			c.say(`{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"1999-01-01"}}`)
		}, []string{"1999-01-01", "2025-11-25"}},
		"says nothing": {func(*script, *scripted) {}, []string{"start_timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			mcptest.CheckGoroutines(t)
			s := &script{mute: map[string]bool{"initialize": true}}
			in, _ := newServer(t, s, func(spec *Spec) { spec.StartTimeout = 300 * time.Millisecond })
			_, out := do(t, in, "x/ask")
			until(t, "initialize was sent", func() bool { return s.count("initialize") == 1 })
			tc.act(s, s.last())
			o := wait(t, out)
			for _, w := range append(tc.want, `server "x"`) {
				if o.err == nil || !strings.Contains(o.err.Error(), w) {
					t.Errorf("%q is not in %v", w, o.err)
				}
			}
			if in.Status().State != Failed {
				t.Errorf("it is %s", in.Status().State)
			}
		})
	}
}

func TestCancelWhileWaiting(t *testing.T) {
	mcptest.CheckGoroutines(t)
	s := &script{mute: map[string]bool{"initialize": true}}
	in, _ := newServer(t, s, nil)
	c, out := do(t, in, "x/first")
	_, second := do(t, in, "x/second")
	until(t, "initialize was sent", func() bool { return s.count("initialize") == 1 })
	if !cancel(t, c) || cancel(t, c) {
		t.Error("Cancel: want true, then false")
	}
	s.last().say(`{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{}}}`)
	if o := wait(t, second); o.err != nil {
		t.Error(o.err)
	}
	if n := s.count("x/first"); n != 0 || len(out) != 0 {
		t.Error("the cancelled call was sent, or has an outcome")
	}
}

func TestCancelWhenSent(t *testing.T) {
	s := &script{mute: map[string]bool{"x/never": true}}
	in, _ := newServer(t, s, nil)
	c, out := do(t, in, "x/never")
	until(t, "it was sent", func() bool { return s.count("x/never") == 1 })
	if !cancel(t, c) || s.count("notifications/cancelled") != 1 {
		t.Error("the server was not told")
	}
	s.last().say(`{"jsonrpc":"2.0","id":2,"result":{}}`) // all the same
	works(t, in)
	if len(out) != 0 {
		t.Error("a cancelled call has an outcome")
	}
}

func TestGiveUp(t *testing.T) {
	mcptest.CheckGoroutines(t)
	s := &script{mute: map[string]bool{"initialize": true}}
	in, _ := newServer(t, s, func(spec *Spec) { spec.StartWait = 50 * time.Millisecond })
	_, out := do(t, in, "x/ask")
	if o := wait(t, out); !errors.Is(o.err, ErrStillStarting) || !strings.Contains(o.err.Error(), "its last words") {
		t.Errorf("got %v", o.err)
	}
	if in.Status().State != Starting {
		t.Errorf("the start was given up with the call: %s", in.Status().State)
	}
	s.last().say(`{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{}}}`)
	works(t, in)
	if s.count("x/ask") != 1 || s.dials() != 1 {
		t.Errorf("the call that was given up was sent: %v", s.got)
	}
}

// A slow start is no slow call: call_timeout is not for the handshake or the lists.
func TestCallTimeoutIsForCallsAlone(t *testing.T) {
	s := &script{mute: map[string]bool{"initialize": true, "x/never": true}}
	in, _ := newServer(t, s, func(spec *Spec) { spec.CallTimeout = 50 * time.Millisecond })
	_, out := do(t, in, "x/ask")
	until(t, "initialize was sent", func() bool { return s.count("initialize") == 1 })
	time.Sleep(150 * time.Millisecond)
	s.last().say(`{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{}}}`)
	if o := wait(t, out); o.err != nil {
		t.Error(o.err)
	}
	_, out = do(t, in, "x/never")
	if o := wait(t, out); !errors.Is(o.err, ErrTimeout) || s.count("notifications/cancelled") != 1 {
		t.Errorf("got %v", o.err)
	}
}

// The process has ended, and the news is still on its way: the call that comes now goes to the next one.
func TestCallToAConnectionThatHasEnded(t *testing.T) {
	s := &script{}
	in, _ := newServer(t, s, nil)
	works(t, in)
	old := s.last()
	old.mu.Lock()
	old.sendErr = errBoom
	old.mu.Unlock()
	_, out := do(t, in, "x/ask")
	time.Sleep(20 * time.Millisecond)
	old.die(errBoom)
	if o := wait(t, out); o.err != nil {
		t.Errorf("got %v", o.err)
	}
	old = s.last()
	old.mu.Lock()
	old.sendErr = fmt.Errorf("does not read: %w", jsonrpc.ErrFull)
	old.mu.Unlock()
	_, out = do(t, in, "x/ask")
	if o := wait(t, out); !errors.Is(o.err, jsonrpc.ErrFull) {
		t.Errorf("a full connection lives on, so the call fails: %v", o.err)
	}
}

func TestIdleStop(t *testing.T) {
	mcptest.CheckGoroutines(t)
	s := &script{closeTakes: 100 * time.Millisecond}
	in, _ := newServer(t, s, func(spec *Spec) { spec.IdleTimeout = 30 * time.Millisecond; spec.Eager = true })
	for i := range 5 {
		works(t, in)
		until(t, "it is stopped", func() bool { return in.Status().State == Idle })
		if i%2 == 0 {
			time.Sleep(20 * time.Millisecond) // in the middle of its end
		}
	}
	in.Start()
	in.Start()
	until(t, "it runs", func() bool { return in.Status().State == Ready })
	s.mu.Lock()
	if s.most != 1 {
		t.Errorf("%d connections at a time", s.most)
	}
	s.mu.Unlock()
	in.Hold(1)
	time.Sleep(100 * time.Millisecond)
	if in.Status().State != Ready {
		t.Error("it was stopped while it was held")
	}
	in.Hold(-1)
	until(t, "it is stopped", func() bool { return in.Status().State == Idle })
	n := s.dials()
	time.Sleep(1200 * time.Millisecond)
	if s.dials() != n {
		t.Error("an eager server that was stopped for idleness was started again by itself")
	}
}

// What waits for a tool that may still appear keeps the server up.
func TestIdleStopWhileACallIsHeld(t *testing.T) {
	s := &script{capabilities: `"tools":{"listChanged":true}`}
	in, _ := newServer(t, s, func(spec *Spec) {
		spec.IdleTimeout = 50 * time.Millisecond
		spec.Admit = func(catalog.Kind, string, string) error { return nil }
	})
	out := doTool(t, in, "late")
	if o := wait(t, out); !errors.Is(o.err, ErrNotOffered) {
		t.Error(o.err)
	}
	if n := s.dials(); n != 1 {
		t.Errorf("it was started %d times for one call", n)
	}
}

func TestSessionLost(t *testing.T) {
	mcptest.CheckGoroutines(t)
	s := &script{mute: map[string]bool{"x/lost": true}}
	in, _ := newServer(t, s, nil)
	works(t, in)
	lose := func() {
		c := s.last()
		n := s.count("x/lost")
		_, out := do(t, in, "x/lost")
		until(t, "it was sent", func() bool { return s.count("x/lost") == n+1 })
		c.in <- transport.Inbound{Failed: &transport.Failed{ID: []byte(fmt.Sprint(in.nextID)), Err: transport.ErrSessionLost, NotRun: true}}
		c.die(transport.ErrSessionLost)
		until(t, "it was sent again", func() bool { return s.count("x/lost") == n+2 })
		s.last().in <- transport.Inbound{Failed: &transport.Failed{ID: []byte(fmt.Sprint(in.nextID)), Err: transport.ErrSessionLost, NotRun: true}}
		if o := wait(t, out); !errors.Is(o.err, transport.ErrSessionLost) {
			t.Errorf("it was sent a third time: %v", o.err)
		}
	}
	lose()
}

// A server that loses each session at once, with nobody calling, is not asked again and again.
func TestSessionLostAtOnce(t *testing.T) {
	mcptest.CheckGoroutines(t)
	s := &script{}
	in, _ := newServer(t, s, nil)
	in.Start()
	stop := time.Now().Add(1500 * time.Millisecond)
	for time.Now().Before(stop) {
		if in.Status().State == Ready {
			s.last().die(transport.ErrSessionLost)
		}
		time.Sleep(time.Millisecond)
	}
	if n := s.dials(); n < 2 || n > 4 {
		t.Errorf("%d connections in 1.5 s", n)
	}
}

func TestEagerRestartBacksOff(t *testing.T) {
	mcptest.CheckGoroutines(t)
	s := &script{}
	in, _ := newServer(t, s, func(spec *Spec) { spec.Eager = true })
	in.Start()
	stop := time.Now().Add(3500 * time.Millisecond)
	for time.Now().Before(stop) {
		if in.Status().State == Ready {
			s.last().die(errBoom)
		}
		time.Sleep(time.Millisecond)
	}
	if n := s.dials(); n < 2 || n > 3 { // at 0, 1 and 3 s
		t.Errorf("%d starts in 3.5 s", n)
	}
}

func TestCloseWithCallsOpen(t *testing.T) {
	mcptest.CheckGoroutines(t)
	s := &script{mute: map[string]bool{"x/never": true}}
	in, _ := newServer(t, s, nil)
	works(t, in)
	var outs []chan outcome
	for range 10 {
		_, out := do(t, in, "x/never")
		outs = append(outs, out)
	}
	in.Close(time.Second)
	for _, out := range outs {
		if o := wait(t, out); !errors.Is(o.err, ErrClosed) {
			t.Errorf("got %v", o.err)
		}
	}
}

func TestCloseWhileStarting(t *testing.T) {
	mcptest.CheckGoroutines(t)
	s := &script{mute: map[string]bool{"initialize": true}}
	in, _ := newServer(t, s, nil)
	_, out := do(t, in, "x/ask")
	in.Close(time.Second)
	if o := wait(t, out); !errors.Is(o.err, ErrClosed) {
		t.Errorf("got %v", o.err)
	}
}

// Whatever happens at once, each call has one outcome and nothing is left.
func TestRaces(t *testing.T) {
	mcptest.CheckGoroutines(t)
	for range 30 {
		s := &script{capabilities: `"tools":{}`}
		in, _ := newServer(t, s, func(spec *Spec) { spec.IdleTimeout = time.Millisecond; spec.CallTimeout = 3 * time.Millisecond })
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 300 * time.Microsecond)
				c, out := do(t, in, "x/ask")
				if i%3 == 0 && cancel(t, c) {
					return
				}
				wait(t, out)
			})
		}
		all.Go(func() {
			time.Sleep(2 * time.Millisecond)
			if s.dials() > 0 {
				s.last().die(errBoom)
			}
		})
		all.Go(func() {
			time.Sleep(4 * time.Millisecond)
			in.Close(time.Millisecond)
		})
		all.Wait()
		in.Close(0)
		s.mu.Lock()
		if s.live != 0 {
			t.Errorf("%d connections left", s.live)
		}
		s.mu.Unlock()
	}
}

// A list that got no answer is not an empty one.
func TestListWithoutAnAnswer(t *testing.T) {
	s := &script{capabilities: `"tools":{}`, mute: map[string]bool{"tools/list": true}}
	in, w := newServer(t, s, nil)
	in.Start()
	until(t, "the list was asked for", func() bool { return s.count("tools/list") == 1 })
	s.last().in <- transport.Inbound{Failed: &transport.Failed{ID: []byte("2"), Err: errBoom}}
	time.Sleep(100 * time.Millisecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listed != 0 {
		t.Error("it was taken for an empty list")
	}
}
