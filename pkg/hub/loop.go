package hub

import (
	"slices"
	"sync"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// inbox is what the reconciler has been told and not taken in yet. Nobody who tells it something waits for room.
type inbox struct {
	mu   sync.Mutex
	all  []letter
	more chan struct{} // has room for one
}

// letter is one telling.
type letter struct {
	facts   []fact
	inspect []*session.Session // whose servers may be due for an inspection
	done    chan struct{}      // closed when the state has them, and the sessions know
}

func (b *inbox) put(l letter) {
	b.mu.Lock()
	b.all = append(b.all, l)
	b.mu.Unlock()
	select {
	case b.more <- struct{}{}:
	default:
	}
}

func (b *inbox) take() (all []letter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all, b.all = b.all, nil
	return all
}

// State is what is known now. No lock is taken.
func (h *Hub) State() *State { return h.state.Load() }

// note has the reconciler take in facts, soon.
func (h *Hub) note(facts ...fact) { h.inbox.put(letter{facts: facts, done: make(chan struct{})}) }

// tell has the reconciler take in facts, and returns when the state has them and the sessions know. It must not be called by the
// reconciler's own effects.
func (h *Hub) tell(facts ...fact) { h.await(letter{facts: facts, done: make(chan struct{})}) }

// inspectNew has the inspections taken that are due, as these sessions would start the servers.
func (h *Hub) inspectNew(sessions ...*session.Session) {
	h.await(letter{inspect: sessions, done: make(chan struct{})})
}

func (h *Hub) await(l letter) {
	h.inbox.put(l)
	select {
	case <-l.done:
	case <-h.ctx.Done():
	}
}

// reconcile is the one goroutine that makes a state of the one before. Nothing that it does waits for a server or a client; of files it
// looks at two small ones of the state directory before inspections begin.
func (h *Hub) reconcile() {
	defer close(h.reconciled)
	for {
		select {
		case <-h.ctx.Done():
			h.endWith(h.takeIn(h.inbox.take()))
			return
		case <-h.inbox.more:
		}
		letters := h.inbox.take()
		was := h.State()
		e := h.takeIn(letters)
		var inspect []*session.Session
		for _, l := range letters {
			inspect = append(inspect, l.inspect...)
		}
		h.perform(e, was, h.State(), inspect)
		for _, l := range letters {
			close(l.done)
		}
	}
}

// endWith does what nobody else does once the reconciler has ended.
func (h *Hub) endWith(e effects) {
	for _, in := range e.stop { // also one that its owner ends: it may not come to that
		in.finish()
		h.dismiss(in, 0)
	}
	for _, k := range e.fared {
		h.writeLately(k)
	}
}

// takeIn publishes the next state.
func (h *Hub) takeIn(letters []letter) effects {
	var facts []fact
	for _, l := range letters {
		facts = append(facts, l.facts...)
	}
	was := h.State()
	now := was.next(facts...)
	h.state.Store(now)
	return effectsOf(was, now)
}

// perform does what follows from a new state.
func (h *Hub) perform(e effects, was, now *State, inspect []*session.Session) {
	for _, one := range e.sessions { // before the wait of a list ends
		one.s.ForgetCatalog()
	}
	if len(now.sessions) == 0 && len(was.sessions) > 0 {
		h.ending.hurry(h)
	}
	for _, in := range e.stop {
		if !in.leaving.Load() {
			in.finish()
			h.dismiss(in, 0)
		}
	}
	h.seeTo(e, now)
	for _, one := range e.sessions {
		one.s.Drop(one.drop...)
		warnHeld(one.s, one.held)
		if one.inspect && !slices.Contains(inspect, one.s) {
			inspect = append(inspect, one.s)
		}
	}
	for _, s := range inspect { // now: who is told of the change finds the inspection to wait for
		h.inspectFor(s)
	}
	for _, in := range e.start {
		in.in.Start()
	}
	for _, w := range e.written {
		h.warnChanged(now, w)
	}
	for _, one := range e.sessions {
		if one.eager && h.opts.Only == nil {
			h.spawn(one.s.StartEager)
		}
		if one.changed {
			one.s.CatalogChanged()
		}
	}
}

// seeTo has done what takes longer: files are read, written and watched.
func (h *Hub) seeTo(e effects, now *State) {
	for _, path := range e.unwatch {
		if end := h.watches[path]; end != nil {
			end()
			delete(h.watches, path)
			h.moved.Delete(path)
		}
	}
	for _, path := range e.watch {
		h.watchWorkspace(path, now.sources[path].data)
	}
	for _, k := range e.forgot {
		h.programs.Delete(k)
	}
	for _, k := range e.fared {
		h.spawn(func() { h.writeLately(k) })
	}
	if len(e.unread) > 0 {
		h.spawn(func() { h.readServers(e.unread) })
	}
	h.retryFailed(now)
}

// spawn has f done by a goroutine that Close waits for. After Close it is not done.
func (h *Hub) spawn(f func()) {
	h.closing.Lock()
	defer h.closing.Unlock()
	if !h.closed {
		h.work.Go(f)
	}
}

// readServers reads the records of servers that are new.
func (h *Hub) readServers(servers []*config.Server) {
	h.reading.Lock()
	defer h.reading.Unlock()
	h.tell(h.know(servers))
}
