package upstream

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// starts are instances of one queue, whose servers say nothing until they are let.
type starts struct {
	t     *testing.T
	queue *Queue
	all   map[string]*Attachment
	ends  map[string]*script

	mu     sync.Mutex
	dialed []string // in order
}

func newStarts(t *testing.T, most int) *starts {
	return &starts{t: t, queue: NewQueue(most), all: map[string]*Attachment{}, ends: map[string]*script{}}
}

// start starts a server that answers initialize only when it is let.
func (s *starts) start(name string, urgency Urgency, cost int) *Attachment {
	script := &script{mute: map[string]bool{"initialize": true}}
	in, _ := newServer(s.t, script, func(spec *Spec) {
		spec.Name, spec.Turn, spec.StartTimeout, spec.StartWait = name, Turn{s.queue, urgency, cost}, time.Hour, time.Hour
		spec.Dial = func() (Conn, error) {
			s.mu.Lock()
			s.dialed = append(s.dialed, name)
			s.mu.Unlock()
			conn, err := script.dial()
			conn.(*scripted).sign = time.Now().Add(time.Hour) // it works all the time
			return conn, err
		}
	})
	s.all[name], s.ends[name] = in, script
	in.Start()
	synctest.Wait()
	return in
}

// answer lets a server answer initialize.
func (s *starts) answer(name string) {
	s.ends[name].last().say(`{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{}}}`)
	synctest.Wait()
}

func (s *starts) want(names ...string) {
	s.t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.dialed, names) {
		s.t.Fatalf("started so far: %v, want %v", s.dialed, names)
	}
}

// call makes a call that waits for the start.
func (s *starts) call(name string) *Call {
	c, _ := do(s.t, s.all[name], "x/ask")
	return c
}

func bubble(t *testing.T, most int, test func(s *starts)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newStarts(t, most)) })
}

// No more start at a time than may; what a call waits for comes first, then what is cheap, then in order; what nobody waits for alone.
func TestQueueOrder(t *testing.T) {
	bubble(t, 2, func(s *starts) {
		for _, name := range []string{"a", "b", "c"} {
			s.start(name, Wanted, 5)
		}
		s.start("old1", Unasked, 0)
		s.start("old2", Unasked, 0)
		s.start("small", Wanted, 1)
		s.start("called", Wanted, 9)
		s.want("a", "b")
		if st := s.all["called"].Status(); st.State != Starting || st.Stage != "waiting for its turn; 4 to start before it" || !s.all["called"].Queued() {
			t.Errorf("one that waits: %+v", st)
		}
		s.call("called")
		if n := s.queue.before(s.all["called"].place); n != 2 {
			t.Errorf("before the one that is called there are %d", n)
		}
		s.answer("a")
		s.want("a", "b", "called")
		s.answer("b")
		s.want("a", "b", "called", "small")
		s.answer("called")
		s.want("a", "b", "called", "small", "c")
		s.answer("small")
		s.want("a", "b", "called", "small", "c") // c starts: what nobody waits for does not begin
		s.answer("c")
		s.want("a", "b", "called", "small", "c", "old1") // and alone
		s.start("new", Wanted, 5)                        // which holds up nobody
		s.want("a", "b", "called", "small", "c", "old1", "new")
		s.answer("new")
		s.answer("old1")
		s.want("a", "b", "called", "small", "c", "old1", "new", "old2")
	})
}

// Whoever gives up to wait leaves the queue, and its place goes to the next.
func TestQueueLeave(t *testing.T) {
	bubble(t, 1, func(s *starts) {
		for _, name := range []string{"a", "b", "c", "d"} {
			s.start(name, Wanted, 0)
		}
		s.all["b"].Close(0) // it waited
		s.want("a")
		s.all["a"].Close(0) // it started
		s.want("a", "c")
		s.ends["c"].last().die(errBoom) // its start failed
		s.want("a", "c", "d")
		if n := len(s.queue.waiting) + s.queue.taken; n != 1 {
			t.Errorf("%d places are taken, of one start", n)
		}
		s.answer("d")
		if n := len(s.queue.waiting) + s.queue.taken; n != 0 {
			t.Errorf("%d places are taken, of none", n)
		}
	})
}

// A server that hangs does not hold up the others for ever, whether it gives signs of life or not.
func TestQueueHang(t *testing.T) {
	for name, tc := range map[string]struct {
		works bool
		free  time.Duration
	}{"without a sign": {false, placeSilent}, "at work": {true, placeMost}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, func(s *starts) {
				s.start("hangs", Wanted, 0)
				if !tc.works {
					s.ends["hangs"].last().sign = time.Now()
				}
				s.start("next", Wanted, 0)
				s.call("next")
				time.Sleep(tc.free - time.Second)
				s.want("hangs")
				time.Sleep(2 * time.Second)
				s.want("hangs", "next")
				if s.all["hangs"].Status().State != Starting {
					t.Error("the start that took too long has ended")
				}
				s.answer("next")
				s.answer("hangs") // its place was given back once
				if s.queue.taken != 0 {
					t.Errorf("%d places are taken", s.queue.taken)
				}
			})
		})
	}
}

// A dial that hangs is one that gives no sign of life.
func TestQueueDialHangs(t *testing.T) {
	bubble(t, 1, func(s *starts) {
		release := make(chan struct{})
		in, _ := newServer(s.t, &script{}, func(spec *Spec) {
			spec.Turn = Turn{Queue: s.queue, Urgency: Wanted}
			spec.Dial = func() (Conn, error) { <-release; return nil, errBoom }
		})
		in.Start()
		synctest.Wait()
		s.start("next", Wanted, 0)
		s.want()
		time.Sleep(placeSilent + time.Second)
		s.want("next")
		close(release)
	})
}

// The number of starts can change; 0 is by processors.
func TestQueueMost(t *testing.T) {
	bubble(t, 1, func(s *starts) {
		for i := range 6 {
			s.start(fmt.Sprint(i), Wanted, 0)
		}
		s.want("0")
		s.queue.SetMost(2)
		s.want("0", "1")
		s.queue.SetMost(3)
		s.want("0", "1", "2")
		s.queue.SetMost(1) // those go on
		s.answer("0")
		s.answer("1")
		s.want("0", "1", "2")
		s.answer("2")
		s.want("0", "1", "2", "3")
	})
	if q := NewQueue(0); q.most < 2 {
		t.Errorf("by processors: %d", q.most)
	}
}

// A start that was called for keeps its turn when the call is cancelled, and one that is started again waits anew.
func TestQueueAgain(t *testing.T) {
	bubble(t, 1, func(s *starts) {
		s.start("a", Wanted, 0)
		s.start("b", Wanted, 0)
		s.start("c", Wanted, 0)
		c := s.call("c")
		cancel(s.t, c)
		s.answer("a")
		s.want("a", "c")
		s.answer("c")
		s.want("a", "c", "b")
		s.ends["c"].last().die(errBoom) // "c" is idle now
		synctest.Wait()
		s.call("c")
		s.want("a", "c", "b")
		if !strings.Contains(s.all["c"].Status().Stage, "1 to start before it") {
			t.Errorf("started again: %+v", s.all["c"].Status())
		}
		s.answer("b")
		s.want("a", "c", "b", "c")
	})
}
