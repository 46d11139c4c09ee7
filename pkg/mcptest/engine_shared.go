package mcptest

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
)

var sharedEngine struct {
	mu     sync.Mutex
	engine *Engine
	err    error
}

// SharedEngine gives the engine that all tests of this test binary share; the
// first one starts it. It is without options. A test that stops it must start it
// again and not run in parallel with others; each removes its own containers.
//
// The engine ends with [Run], or else a moment after the process, however that ends.
func SharedEngine(t testing.TB) *Engine {
	t.Helper()
	if err := engineMissing(); err != nil {
		missing(t, "needs a Docker engine: %v", err)
	}
	s := &sharedEngine
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine == nil && s.err == nil {
		s.engine, s.err = newEngine(nil)
	}
	if s.err != nil {
		t.Fatalf("mcptest: engine: %v", s.err)
	}
	e := *s.engine
	e.t = t
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("mcptest: end of the shared engine's log:\n%s", e.keeper.logTail())
		}
	})
	return &e
}

// Run runs the tests and then ends what they shared; it gives the exit code.
// TestMain calls it instead of m.Run.
func Run(m *testing.M) int {
	code := m.Run()
	if err := endShared(); err != nil {
		fmt.Fprintln(os.Stderr, "mcptest: shared engine:", err)
		return max(code, 1)
	}
	return code
}

func endShared() error {
	s := &sharedEngine
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine == nil {
		return nil
	}
	err := s.engine.end()
	s.engine, s.err = nil, errors.New("the shared engine has ended")
	return err
}
