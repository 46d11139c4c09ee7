package mcptest

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
)

// session is one client of a scripted upstream.
type session struct {
	*core
	ctx  context.Context // ends with the session
	stop context.CancelFunc
	send func(frame []byte) // what belongs to no call
	wg   sync.WaitGroup     // the goroutines of calls

	counter atomic.Int64

	mu          sync.Mutex
	version     string // negotiated, "" before initialize
	initialized bool
	clientCaps  map[string]bool
	logLevel    string
	nextAsk     int
	asks        map[string]chan []byte        // by id as written
	running     map[string]context.CancelFunc // cancellable calls by id as written
	subs        map[string]bool
	tasks       []*task
}

func newSession(ctx context.Context, c *core, send func([]byte)) *session {
	s := &session{core: c, send: send, asks: map[string]chan []byte{}, running: map[string]context.CancelFunc{},
		subs: map[string]bool{}, clientCaps: map[string]bool{}}
	s.ctx, s.stop = context.WithCancel(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions[s] = struct{}{}
	return s
}

// close ends the session and waits for its calls.
func (s *session) close() {
	s.core.mu.Lock()
	delete(s.core.sessions, s)
	s.core.mu.Unlock()
	s.stop()
	s.wg.Wait()
}

// replies says where the answer to a message goes, and what is sent in the
// course of answering it. A nil answer means that there will be none.
type replies struct {
	answer func(frame []byte)
	send   func(frame []byte)
}

// handle takes one message, or a batch, which is only read until handle
// returns. Every request in it leads to one call of to.answer, for a batch one
// altogether, and a message without a request to none.
func (s *session) handle(line []byte, to replies) {
	if i := space(line, 0); i < len(line) && line[i] == '[' {
		s.batch(line, to)
		return
	}
	e, err := parseEnvelope(line)
	if err != nil {
		s.record("(malformed)", line)
		to.answer(failure(nil, -32700, "Parse error", nil))
		return
	}
	s.message(e, to)
}

func (s *session) message(e envelope, to replies) {
	switch {
	case e.isRequest():
		s.request(&call{s: s, ctx: s.ctx, envelope: e, to: to})
	case e.method != "":
		s.record(e.method, e.raw)
		s.notified(e)
	case e.isResponse():
		s.record("(response)", e.raw)
		s.mu.Lock()
		ask := s.asks[string(e.id)]
		delete(s.asks, string(e.id))
		s.mu.Unlock()
		if ask != nil {
			ask <- append([]byte(nil), e.raw...) // holds one, and is asked once
		}
	default:
		s.record("(invalid)", e.raw)
		to.answer(failure(e.id, -32600, "Invalid Request", nil))
	}
}

// batch takes an array of messages, which only revision 2025-03-26 has.
func (s *session) batch(line []byte, to replies) {
	s.record("(batch)", line)
	parts, err := elements(line)
	s.mu.Lock()
	allowed := s.version == "2025-03-26"
	s.mu.Unlock()
	if err != nil || len(parts) == 0 || !allowed {
		to.answer(failure(nil, -32600, "Invalid Request: no batch in this revision", nil))
		return
	}
	var envelopes []envelope
	open := 0
	for _, part := range parts {
		e, _ := parseEnvelope(part) // what is no object is an invalid request
		if e.expectsAnswer() {
			open++
		}
		envelopes = append(envelopes, e)
	}
	var mu sync.Mutex
	answers := []byte{'['}
	collect := replies{send: to.send, answer: func(frame []byte) {
		mu.Lock()
		defer mu.Unlock()
		if frame != nil {
			if len(answers) > 1 {
				answers = append(answers, ',')
			}
			answers = append(answers, frame...)
		}
		if open--; open == 0 {
			if len(answers) == 1 {
				to.answer(nil)
				return
			}
			to.answer(append(answers, ']'))
		}
	}}
	for _, e := range envelopes {
		s.message(e, collect)
	}
}

func (s *session) notified(e envelope) {
	switch e.method {
	case "notifications/initialized":
		s.mu.Lock()
		first := !s.initialized
		s.initialized = true
		s.mu.Unlock()
		for _, frame := range s.opts.Greeting {
			s.send([]byte(frame))
		}
		if first && s.opts.CapabilityTools {
			s.send(notification("notifications/tools/list_changed", nil))
		}
		if first && s.opts.has(FaultListStorm) {
			for range s.opts.StormCount {
				s.send(notification("notifications/tools/list_changed", nil))
			}
		}
	case "notifications/cancelled":
		id := member(e.params, "requestId")
		s.noteCancelled(id, member(e.params, "reason"))
		s.mu.Lock()
		cancel := s.running[string(id)]
		s.mu.Unlock()
		if cancel != nil && !s.opts.has(FaultAnswerCancelled) {
			cancel()
		}
	}
}

// ask sends a request to the client by way of send and gives its raw answer.
func (s *session) ask(ctx context.Context, send func([]byte), method string, params []byte) ([]byte, error) {
	id, answer := s.startAsk(send, method, params)
	select {
	case raw := <-answer:
		return raw, nil
	case <-ctx.Done():
		s.mu.Lock()
		delete(s.asks, string(id))
		s.mu.Unlock()
		return nil, ctx.Err()
	}
}

// startAsk sends a request to the client. Ids count from 0 in each session:
// they meet those of the client, and 0 is the one that peers take for absent.
func (s *session) startAsk(send func([]byte), method string, params []byte) (id []byte, answer <-chan []byte) {
	ch := make(chan []byte, 1)
	s.mu.Lock()
	id = strconv.AppendInt(nil, int64(s.nextAsk), 10)
	s.nextAsk++
	s.asks[string(id)] = ch
	s.mu.Unlock()
	send(request(id, method, params))
	return id, ch
}
