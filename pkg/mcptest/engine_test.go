package mcptest

import (
	"testing"
	"time"
)

func TestEngineX(t *testing.T) {
	s := time.Now()
	e := NewEngine(t)
	t.Log(time.Since(s))
	s = time.Now()
	e.LoadServer(t)
	t.Log(time.Since(s))
	s = time.Now()
	e.Stop()
	t.Log(time.Since(s))
	e.Start()
	s = time.Now()
	e.Kill()
	t.Log(time.Since(s))
	e.Start()
	t.Log(time.Since(s))
	t.Log(e.Containers())
	b := NewEngine(t, WithBridge())
	t.Log(time.Since(s), b.HostIP)
	s = time.Now()
	b = NewEngine(t, WithTLS())
	t.Log(time.Since(s), b.Host)
}
