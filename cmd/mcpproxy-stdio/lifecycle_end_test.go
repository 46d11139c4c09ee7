package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// endBound is how long the proxy and all below it may take to be gone: some clients kill us after 0.4 s.
const endBound = 400 * time.Millisecond

// endings are the ways in which clients end a server.
var endings = []struct {
	name  string
	bound time.Duration
	do    func(c *mcptest.Client)
}{
	{"stdin", endBound, func(c *mcptest.Client) { c.CloseStdin() }},
	{"SIGTERM", endBound, func(c *mcptest.Client) { c.Signal(syscall.SIGTERM) }},
	{"SIGINT", endBound, func(c *mcptest.Client) { c.Signal(os.Interrupt) }},
	{"SIGINT and SIGTERM 0.1 s later", endBound, func(c *mcptest.Client) { // as Claude Code does
		c.Signal(os.Interrupt)
		time.Sleep(100 * time.Millisecond)
		signal(c.Pid(), syscall.SIGTERM) // it may be gone already
	}},
	{"SIGKILL", time.Second, func(c *mcptest.Client) { c.Signal(os.Kill) }},
}

// ends has the proxy brought to a moment and ended there, and checks that it and everything below it, grandchildren included, is gone
// in time. On a machine that is busy with other things the best of five counts; what is left over fails at once.
func ends(t *testing.T, bound time.Duration, end func(c *mcptest.Client), moment func(mark string) *mcptest.Client) {
	t.Helper()
	mark := marked(t)
	for try := 1; ; try++ {
		took := endsIn(t, moment(mark), mark, end)
		if !mcptest.TooLong(took, bound+endSlack) {
			return
		}
		if try == 5 {
			t.Errorf("the end took %v, more than %v", took, bound+endSlack)
			return
		}
	}
}

func endsIn(t *testing.T, c *mcptest.Client, mark string, end func(c *mcptest.Client)) time.Duration {
	t.Helper()
	pids := append(mcptest.Descendants(c.Pid()), c.Pid())
	for _, pid := range mcptest.ProcessesWithEnv(mark) {
		if !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	begin := time.Now()
	go end(c)
	left := mcptest.WaitAllGone(pids, 3*time.Second)
	took := time.Since(begin)
	t.Logf("%d processes gone in %d ms", len(pids), took.Milliseconds())
	if left != nil {
		t.Errorf("after %v there are still %v", took, left)
	}
	c.WaitExit(time.Second)
	return took
}

func TestEnding(t *testing.T) {
	servers := map[string][]mcptest.Fault{
		"plain":                 nil,
		"ignores EOF and TERM":  {mcptest.FaultIgnoreEOF},
		"fork in its own":       {mcptest.FaultFork},
		"fork in the group":     {mcptest.FaultForkGroup},
		"fork that ignores too": {mcptest.FaultFork, mcptest.FaultForkGroup, mcptest.FaultIgnoreEOF},
	}
	for kind, faults := range servers {
		for _, how := range endings {
			t.Run(how.name+"/"+kind, func(t *testing.T) {
				ends(t, how.bound, how.do, func(mark string) *mcptest.Client {
					c := newHome(t).set(entries{
						"a": calm(mcptest.Server{Name: "a", Mark: mark, Faults: faults}),
						"b": calm(mcptest.Server{Name: "b", Mark: mark, Faults: faults}),
					}, nil).initialized("")
					c.List("tools/list")
					answers(t, c, "a")
					answers(t, c, "b")
					for i := range 5 { // with calls in flight
						c.Send(fmt.Sprintf(`{"jsonrpc":"2.0","id":"open-%d","method":"tools/call","params":{"name":"a__never","arguments":{}}}`, i))
					}
					time.Sleep(20 * time.Millisecond)
					return c
				})
			})
		}
	}
}

// The end comes in the middle of what the proxy does by itself.
func TestEndingAtOtherMoments(t *testing.T) {
	stubborn := []mcptest.Fault{mcptest.FaultIgnoreEOF}
	hang := []mcptest.Fault{mcptest.FaultIgnoreEOF, mcptest.FaultHangInitialize}
	for name, moment := range map[string]func(t *testing.T, h *home, mark string) *mcptest.Client{
		"while servers are looked at": func(t *testing.T, h *home, mark string) *mcptest.Client {
			h.set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark, Faults: hang}), "b": calm(mcptest.Server{Name: "b", Mark: mark, Faults: hang})}, nil)
			c := h.initialized("")
			c.Send(`{"jsonrpc":"2.0","id":"open","method":"tools/list"}`)
			soon(t, 5*time.Second, "they were started", func() bool { return len(mcptest.ProcessesWithEnv(mark)) >= 2 })
			return c
		},
		"right after they were looked at": func(t *testing.T, h *home, mark string) *mcptest.Client {
			h.set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark, Faults: stubborn})}, nil)
			c := h.initialized("")
			c.List("tools/list")
			return c
		},
		"right after one was removed": func(t *testing.T, h *home, mark string) *mcptest.Client {
			h.set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark, Faults: stubborn}), "b": calm(mcptest.Server{Name: "b", Mark: mark})}, nil).learned()
			c := h.initialized("")
			answers(t, c, "a")
			answers(t, c, "b")
			c.Tool("upstream_servers", map[string]any{"operation": "remove", "name": "a"})
			return c
		},
		"while one starts for a call": func(t *testing.T, h *home, mark string) *mcptest.Client {
			h.set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}, nil).learned()
			h.set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark, Faults: hang})}, nil)
			c := h.initialized("")
			c.Send(`{"jsonrpc":"2.0","id":"open","method":"tools/call","params":{"name":"a__echo","arguments":{"message":"x"}}}`)
			soon(t, 5*time.Second, "it was started", func() bool { return len(mcptest.ProcessesWithEnv(mark)) > 0 })
			return c
		},
		"while the client is asked for its roots": func(t *testing.T, h *home, mark string) *mcptest.Client {
			h.set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark})}, nil).learned()
			c := h.start()
			c.Handle("roots/list", func(json.RawMessage) (any, error) {
				time.Sleep(300 * time.Millisecond)
				return map[string]any{"roots": []any{}}, nil
			})
			c.Initialize(`{"roots":{}}`, "")
			c.Send(`{"jsonrpc":"2.0","id":"open","method":"tools/call","params":{"name":"a__echo","arguments":{"message":"x"}}}`)
			time.Sleep(30 * time.Millisecond)
			return c
		},
	} {
		for _, how := range endings {
			t.Run(name+"/"+how.name, func(t *testing.T) {
				ends(t, how.bound, how.do, func(mark string) *mcptest.Client { return moment(t, newHome(t), mark) })
			})
		}
	}
}
