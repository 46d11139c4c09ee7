package builtin

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/server"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/protocol"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// Conn is a connection to the own tools. mcp-go's message handler is called directly: its stdio loop reorders.
type Conn struct {
	server *server.MCPServer
	ctx    context.Context
	cancel context.CancelFunc
	inbox  *jsonrpc.Queue
	work   sync.WaitGroup
	ready  []jsonrpc.Frame // popped, not yet received
}

// Connect makes a connection to the own tools, which act through admin.
func Connect(admin Admin, version string) *Conn {
	c := &Conn{server: newServer(admin, version), inbox: jsonrpc.NewQueue(0)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Definitions are the raw definitions of the own tools.
func Definitions() [][]byte {
	answer, err := json.Marshal(newServer(nil, "").HandleMessage(context.Background(), jsonrpc.NewRequest(1, protocol.ToolsList, nil)))
	if err != nil {
		return nil
	}
	items, _, err := protocol.Items(protocol.Field(answer, "result"), "tools")
	if err != nil {
		return nil
	}
	return items
}

// Send handles a message on a goroutine of its own.
func (c *Conn) Send(f jsonrpc.Frame) error {
	if c.ctx.Err() != nil {
		return transport.ErrClosed
	}
	c.work.Go(func() {
		answer := c.server.HandleMessage(c.ctx, f.Join())
		if answer == nil {
			return
		}
		if raw, err := json.Marshal(answer); err == nil {
			c.inbox.Push(jsonrpc.Whole(raw))
		}
	})
	return nil
}

// Recv returns the next answer.
func (c *Conn) Recv() (transport.Inbound, error) {
	if len(c.ready) == 0 {
		var err error
		if c.ready, err = c.inbox.Pop(nil); err != nil {
			return transport.Inbound{}, err
		}
	}
	f := c.ready[0]
	c.ready = c.ready[1:]
	return transport.Inbound{Raw: f.Join()}, nil
}

// LastSign is now: code of our own is always alive.
func (c *Conn) LastSign() time.Time { return time.Now() }

// Diagnostics is empty.
func (c *Conn) Diagnostics() string { return "" }

// Close ends the connection.
func (c *Conn) Close(time.Duration) {
	c.cancel()
	c.inbox.Close(io.EOF)
}
