package upstream

import (
	"errors"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// A server that lives but takes nothing any more is replaced, and the call that found out goes to the next one.
func TestClosedInput(t *testing.T) {
	mcptest.CheckGoroutines(t)
	s := &script{}
	in, _ := newServer(t, s, nil)
	works(t, in)
	c := s.last()
	c.mu.Lock()
	c.sendErr = errors.New("broken pipe")
	c.mu.Unlock()
	works(t, in)
	if s.dials() != 2 {
		t.Errorf("%d dials", s.dials())
	}
}

// A list that fails and is read again and again is no use of the server.
func TestIdleStopWithAFailingList(t *testing.T) {
	s := &script{capabilities: `"prompts":{}`, refuse: map[string]bool{"prompts/list": true}}
	in, _ := newServer(t, s, func(spec *Spec) { spec.IdleTimeout = 3 * time.Second })
	works(t, in)
	// It is read after 1 s and 3 s, and would be after 7 s.
	until(t, "the idle server is stopped", func() bool { return in.Status().State == Idle })
	if n := s.count("prompts/list"); n < 2 {
		t.Errorf("the list was read %d times: nothing was tested", n)
	}
}
