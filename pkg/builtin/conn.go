package builtin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// Conn is a connection to the own tools.
type Conn struct {
	own     *own
	version string
	ctx     context.Context
	cancel  context.CancelFunc
	inbox   *jsonrpc.Queue[[]byte] // messages
	work    sync.WaitGroup

	mu   sync.Mutex
	open map[string]context.CancelFunc // by raw id
}

// connect makes a connection to the tools of a client.
func connect(o *own, version string) *Conn {
	c := &Conn{own: o, version: version, inbox: jsonrpc.NewQueue(0, func(raw []byte) int { return len(raw) }), open: map[string]context.CancelFunc{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Definitions are the raw definitions of the own tools.
func Definitions() [][]byte {
	var all [][]byte
	for _, t := range tools {
		raw, err := encode(t.definition())
		if err != nil {
			panic(err) // a constant
		}
		all = append(all, raw)
	}
	return all
}

// Send handles a message on a goroutine of its own.
func (c *Conn) Send(f jsonrpc.Frame) error {
	if c.ctx.Err() != nil {
		return transport.ErrClosed
	}
	m, err := jsonrpc.Parse(f.Join())
	if err != nil {
		return nil
	}
	if m.Kind == jsonrpc.Notification && m.MethodName() == mcp.Cancelled {
		c.mu.Lock()
		if cancel := c.open[string(mcp.Field(m.Bytes(m.Params), "requestId"))]; cancel != nil {
			cancel()
		}
		c.mu.Unlock()
	}
	if m.Kind != jsonrpc.Request {
		return nil
	}
	ctx, cancel := context.WithCancel(c.ctx)
	id := string(m.Bytes(m.ID))
	c.mu.Lock()
	c.open[id] = cancel
	c.mu.Unlock()
	if token := mcp.Field(m.Bytes(m.Params), "_meta", "progressToken"); token != nil {
		c.work.Go(func() { c.waiting(ctx, token) })
	}
	c.work.Go(func() {
		result, err := c.answer(ctx, &m)
		c.mu.Lock()
		delete(c.open, id)
		c.mu.Unlock()
		cancel()
		if err != nil {
			c.inbox.Push(jsonrpc.NewError(m.Bytes(m.ID), mcp.InvalidParams, err.Error(), nil))
			return
		}
		c.inbox.Push(jsonrpc.NewResult(m.Bytes(m.ID), result))
	})
	return nil
}

// waitingEvery is how often a call that waits for a person says so: some clients give up after a minute without a word.
const waitingEvery = 5 * time.Second

// waiting reports progress until ctx ends with the call.
func (c *Conn) waiting(ctx context.Context, token []byte) {
	tick := time.NewTicker(waitingEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		params := append(append([]byte(`{"progressToken":`), token...), fmt.Sprintf(`,"progress":%d,"message":"Waiting for your answer, or for the server"}`, n)...)
		c.inbox.Push(jsonrpc.NewNotification(mcp.Progress, params))
	}
}

// answer serves one request. The types are mcp-go's; its server is not used, because a package it imports takes
// 3.4 ms and 1.7 MB at the start of every process.
func (c *Conn) answer(ctx context.Context, m *jsonrpc.Message) ([]byte, error) {
	switch method := m.MethodName(); method {
	case mcp.Initialize:
		return encode(mcpgo.InitializeResult{ProtocolVersion: mcp.Latest,
			ServerInfo: mcpgo.Implementation{Name: "mcpproxy-stdio", Version: c.version}})
	case mcp.ToolsCall:
		var params mcpgo.CallToolParams
		if err := json.Unmarshal(m.Bytes(m.Params), &params); err != nil {
			return nil, fmt.Errorf("invalid params: %w", err)
		}
		args, ok := params.Arguments.(map[string]any)
		if !ok && params.Arguments != nil {
			return nil, fmt.Errorf("invalid params: arguments is no object")
		}
		text, err := call(ctx, c.own, params.Name, args)
		if err != nil {
			return result(err.Error(), true)
		}
		return result(text, false)
	default:
		return nil, fmt.Errorf("the own tools do not serve %s", method)
	}
}

// Recv returns the next answer.
func (c *Conn) Recv() (transport.Inbound, error) {
	raw, err := c.inbox.Pop()
	return transport.Inbound{Raw: raw}, err
}

// LastSign is now: code of our own is always alive.
func (c *Conn) LastSign() time.Time { return time.Now() }

// Diagnostics is empty.
func (c *Conn) Diagnostics() string { return "" }

// Close ends the connection. A call under way is waited for within grace; its answer goes nowhere.
func (c *Conn) Close(grace time.Duration) {
	c.cancel()
	c.inbox.Close(io.EOF)
	done := make(chan struct{})
	go func() { c.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(grace):
	}
}
