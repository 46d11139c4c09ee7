package upstream

import (
	"encoding/json"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// script is a server in memory. Each connection to it is a scripted one.
type script struct {
	capabilities string // declared; default none, so that nothing is listed
	mute         map[string]bool
	refuse       map[string]bool   // answered with an error
	answer       map[string]string // the members of the answer beside id, instead of the usual ones
	dialErr      func(n int) error // of the nth dial, from 1
	closeTakes   time.Duration
	initialize   func(c *scripted, id, version string) (done bool) // answers it; nil, or false: as usual

	mu    sync.Mutex
	conns []*scripted
	got   []string // methods in order, of all connections
	lines []string // all that came, likewise
	live  int
	most  int // connections open at a time
}

// scripted is one connection to a script. It answers what the script does not mute.
type scripted struct {
	s    *script
	in   chan transport.Inbound
	once sync.Once
	done chan struct{}

	mu      sync.Mutex
	err     error
	closed  bool
	sendErr error
	sign    time.Time
}

func (s *script) dial() (Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dialErr != nil {
		if err := s.dialErr(len(s.conns) + 1); err != nil {
			s.conns = append(s.conns, nil)
			return nil, err
		}
	}
	c := &scripted{s: s, in: make(chan transport.Inbound, 1000), done: make(chan struct{}), sign: time.Now()}
	s.conns = append(s.conns, c)
	s.live++
	s.most = max(s.most, s.live)
	return c, nil
}

func (s *script) dials() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *script) last() *scripted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[len(s.conns)-1]
}

func (s *script) count(method string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.got {
		if m == method {
			n++
		}
	}
	return n
}

func (c *scripted) Send(f jsonrpc.Frame) error {
	c.mu.Lock()
	err := c.sendErr
	if c.closed && err == nil {
		err = transport.ErrClosed
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	var m struct {
		ID     json.RawMessage
		Method string
		Params struct{ ProtocolVersion string }
	}
	json.Unmarshal(f.Join(), &m)
	c.s.mu.Lock()
	c.s.got, c.s.lines = append(c.s.got, m.Method), append(c.s.lines, string(f.Join()))
	mute, refuse, answer := c.s.mute[m.Method], c.s.refuse[m.Method], c.s.answer[m.Method]
	c.s.mu.Unlock()
	if m.ID == nil || mute {
		return nil
	}
	if answer != "" {
		c.say(`{"jsonrpc":"2.0","id":` + string(m.ID) + answer + `}`)
		return nil
	}
	if m.Method == "initialize" && c.s.initialize != nil && c.s.initialize(c, string(m.ID), m.Params.ProtocolVersion) {
		return nil
	}
	if refuse {
		c.say(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"error":{"code":-32603,"message":"not now"}}`)
		return nil
	}
	result := `{}`
	switch m.Method {
	case "initialize":
		result = `{"protocolVersion":"2025-11-25","capabilities":{` + c.s.capabilities + `},"serverInfo":{"name":"x","version":"1"}}`
	case "tools/list":
		result = `{"tools":[{"name":"t","inputSchema":{}}]}`
	}
	c.say(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":` + result + `}`)
	return nil
}

func (c *scripted) say(line string) { c.in <- transport.Inbound{Raw: []byte(line)} }

func (c *scripted) Recv() (transport.Inbound, error) {
	select {
	case m := <-c.in:
		return m, nil
	default:
	}
	select {
	case m := <-c.in:
		return m, nil
	case <-c.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		return transport.Inbound{}, c.err
	}
}

// die ends the connection as if the server had.
func (c *scripted) die(err error) {
	c.once.Do(func() {
		c.mu.Lock()
		c.err = err
		c.mu.Unlock()
		close(c.done)
		c.s.mu.Lock()
		c.s.live--
		c.s.mu.Unlock()
	})
}

func (c *scripted) LastSign() time.Time { return c.sign }
func (c *scripted) Diagnostics() string { return "its last words\n" }
func (c *scripted) Close(time.Duration) {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	time.Sleep(c.s.closeTakes)
	c.die(io.EOF)
}

// watcher is a Client that takes notes.
type watcher struct {
	answers
	mu     sync.Mutex
	states []State
	listed int
}

func (w *watcher) FromServer(*Attachment, *jsonrpc.Message) {}

func (w *watcher) Changed(in *Attachment) {
	s := in.Status().State
	w.mu.Lock()
	defer w.mu.Unlock()
	w.states = append(w.states, s)
}

func (w *watcher) Listed(*Attachment, *catalog.Snapshot, Known) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listed++
}

func newServer(t *testing.T, s *script, change func(*Spec)) (*Attachment, *watcher) {
	t.Helper()
	w := &watcher{}
	spec := Spec{Name: "x", Dial: s.dial, Capabilities: []byte(`{}`), ClientInfo: []byte(`{}`), Version: "2025-11-25",
		StartTimeout: 5 * time.Second, StartWait: 5 * time.Second, Log: zerolog.Nop()}
	if change != nil {
		change(&spec)
	}
	in := New(spec, w)
	t.Cleanup(func() { in.Close(0) })
	return in, w
}

// outcome is how a call went.
type outcome struct {
	result string
	err    error
}

// answers is the part of a Client that takes the answers of calls.
type answers struct{ calls sync.Map }

// Answered implements Client: what has no open call, such as a second answer to one, is a fault.
func (a *answers) Answered(c *Call, m *jsonrpc.Message, err error) {
	out, open := a.calls.LoadAndDelete(c)
	if !open {
		panic("a call was answered twice, or not made by a test")
	}
	o := outcome{err: err}
	if m != nil {
		o.result = string(m.Bytes(m.Result))
	}
	out.(chan outcome) <- o
}

func (a *answers) expect(c *Call) chan outcome {
	out := make(chan outcome, 1)
	a.calls.Store(c, out)
	return out
}

// do makes a call of a method and gives its outcome.
func do(t *testing.T, in *Attachment, method string) (*Call, chan outcome) {
	return doCall(in, newCall(t, method))
}

// newCall is a call without params.
func newCall(t *testing.T, method string) *Call {
	t.Helper()
	m, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":"client","method":"` + method + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	return &Call{Method: method, Request: &mcp.Request{Message: &m}}
}

func doCall(in *Attachment, c *Call) (*Call, chan outcome) {
	out := in.client.(interface{ expect(c *Call) chan outcome }).expect(c)
	in.Do(c)
	return c, out
}

// cancel takes a call back as a client does that wrote its id in its own way.
func cancel(t *testing.T, c *Call) bool {
	t.Helper()
	m, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"reason":"r","requestId":"client"}}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := mcp.ReadParams(&m)
	if err != nil {
		t.Fatal(err)
	}
	return c.Cancel(&m, p.ID)
}

// doTool calls a tool.
func doTool(t *testing.T, in *Attachment, name string) chan outcome {
	t.Helper()
	c := newCall(t, "tools/call")
	c.Kind, c.Item = catalog.Tools, name
	_, out := doCall(in, c)
	return out
}

func wait(t *testing.T, out chan outcome) outcome {
	t.Helper()
	select {
	case o := <-out:
		return o
	case <-time.After(10 * time.Second):
		t.Fatal("the call has no outcome")
		return outcome{}
	}
}

func works(t *testing.T, in *Attachment) {
	t.Helper()
	_, out := do(t, in, "x/ask")
	if o := wait(t, out); o.err != nil || o.result != "{}" {
		t.Errorf("got %q, %v", o.result, o.err)
	}
}

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to it that %s", what)
		}
	}
}

var errBoom = errors.New("exited with status 9")
