package upstream

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Urgency says who waits for a start.
type Urgency int

const (
	Called  Urgency = iota // a call, or a person: it is the next to begin
	Wanted                 // a list, or an entry that says "eager"
	Unasked                // nobody: it begins when nothing else starts, and one at a time
)

// Turn says how an instance waits for its start. The zero Turn does not wait.
type Turn struct {
	Queue   *Queue
	Urgency Urgency // until something waits for it
	Cost    int     // of those that are as urgent, the cheapest begins first
}

// Queue lets a limited number of servers start at a time: twenty that start at once on two processors are all too late, where of a few at a
// time each is quick. A place is taken from the beginning of a start until the server has answered initialize; one that hangs gives it back
// after a while. It is safe for concurrent use.
type Queue struct {
	mu      sync.Mutex
	most    int
	taken   int
	next    uint64
	waiting []*place
}

// place is one start in the queue. Its queue's mu guards it.
type place struct {
	urgency Urgency
	cost    int
	order   uint64
	begun   time.Time     // when its turn came; zero: it waits
	turn    chan struct{} // closed when its turn has come
	left    chan struct{} // closed when it takes no place any more
}

const (
	placeMost   = 20 * time.Second // for one start, whatever it does
	placeSilent = 3 * time.Second  // without a sign of life: it waits for something else than a processor
)

// NewQueue makes a queue for most starts at a time; 0 is as many as there are processors, and at least two.
func NewQueue(most int) *Queue {
	q := &Queue{}
	q.SetMost(most)
	return q
}

// SetMost changes how many may start at a time. Those that start already go on.
func (q *Queue) SetMost(most int) {
	if most <= 0 {
		most = max(2, runtime.GOMAXPROCS(0))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.most = most
	q.admit()
}

// enter takes a place, or waits for one; it does not block.
func (q *Queue) enter(u Urgency, cost int) *place {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next++
	p := &place{urgency: u, cost: cost, order: q.next, turn: make(chan struct{}), left: make(chan struct{})}
	q.waiting = append(q.waiting, p)
	q.admit()
	return p
}

// hurry makes a start as urgent as u, if it is less so.
func (q *Queue) hurry(p *place, u Urgency) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if u < p.urgency {
		p.urgency = u
		q.admit()
	}
}

// leave gives a place back, or stops to wait for one. It may be called more than once.
func (q *Queue) leave(p *place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-p.left:
		return
	default:
	}
	close(p.left)
	if p.begun.IsZero() {
		q.waiting = slices.DeleteFunc(q.waiting, func(o *place) bool { return o == p })
	} else {
		q.taken--
	}
	q.admit()
}

// before tells how many starts are under way, or will begin before a place that waits; 0 if it does not wait.
func (q *Queue) before(p *place) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !p.begun.IsZero() {
		return 0
	}
	for _, o := range q.waiting {
		if o != p && o.first(p) < 0 {
			n++
		}
	}
	return q.taken + n
}

// came is when the turn of a place came, zero if it did not.
func (q *Queue) came(p *place) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return p.begun
}

// first compares two places by which is to begin first.
func (p *place) first(o *place) int {
	return cmp.Or(cmp.Compare(p.urgency, o.urgency), cmp.Compare(p.cost, o.cost), cmp.Compare(p.order, o.order))
}

// admit lets begin what may; mu is held.
func (q *Queue) admit() {
	for q.taken < q.most && len(q.waiting) > 0 {
		p := slices.MinFunc(q.waiting, (*place).first)
		if p.urgency == Unasked && q.taken > 0 {
			return
		}
		q.waiting = slices.DeleteFunc(q.waiting, func(o *place) bool { return o == p })
		q.taken++
		p.begun = time.Now()
		close(p.turn)
	}
}

// await waits for the instance's turn to start. It is false if the instance is being closed.
func (in *Instance) await() bool {
	in.mu.Lock()
	p := in.place
	in.mu.Unlock()
	if p == nil {
		return true
	}
	select {
	case <-p.turn:
	case <-in.closing:
		return false
	}
	in.runs.Go(func() { in.giveBack(p) })
	return true
}

// giveBack gives the place of a start back that takes too long, or does nothing.
func (in *Instance) giveBack(p *place) {
	tick := time.NewTicker(placeSilent / 6)
	defer tick.Stop()
	for {
		select {
		case <-p.left:
			return
		case <-tick.C:
		}
		if now := time.Now(); now.Sub(p.begun) >= placeMost || now.Sub(in.Sign()) >= placeSilent {
			in.spec.Turn.Queue.leave(p)
			return
		}
	}
}

// enterQueue takes a place for a start; mu is held.
func (in *Instance) enterQueue() {
	t := in.spec.Turn
	if t.Queue == nil {
		return
	}
	if len(in.waiting) > 0 || in.hurried {
		t.Urgency = Called
	}
	in.place, in.hurried = t.Queue.enter(t.Urgency, t.Cost), false
}

// leaveQueue gives the place back that a start took; mu is held.
func (in *Instance) leaveQueue() {
	if in.place != nil {
		in.spec.Turn.Queue.leave(in.place)
		in.place = nil
	}
}

// Hurry says that somebody waits for the server: its start is the next to begin.
func (in *Instance) Hurry() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.hurry()
}

// hurry is Hurry; mu is held.
func (in *Instance) hurry() {
	if in.place != nil {
		in.spec.Turn.Queue.hurry(in.place, Called)
	} else if in.state != Ready {
		in.hurried = true
	}
}

// Queued tells whether the start waits for others.
func (in *Instance) Queued() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.place != nil && in.spec.Turn.Queue.before(in.place) > 0
}
