package session

import (
	"sync"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// receiveBatch serves a JSON-RPC batch (MCP 2025-03-26, base protocol, batching): its answers go back together.
func (s *Session) receiveBatch(raw []byte) {
	items, err := jsonrpc.Batch(raw)
	if err == nil && !s.client().Rules().Batches {
		s.write(jsonrpc.Whole(jsonrpc.NewError(nil, mcp.InvalidRequest, "Invalid request: batches exist in revision 2025-03-26 only", nil)))
		return
	}
	if err != nil {
		s.refuse(&jsonrpc.Message{}, err)
		return
	}
	b := &batch{s: s, left: 1}
	for _, item := range items {
		m, err := jsonrpc.Parse(item)
		switch {
		case err != nil:
			b.expect()
			b.add(nil, refusal(&m, err))
		case m.Kind == jsonrpc.Request && m.MethodName() == mcp.Initialize:
			b.expect()
			b.add(nil, jsonrpc.Whole(jsonrpc.NewError(m.Bytes(m.ID), mcp.InvalidRequest, "Invalid request: initialize can't be part of a batch", nil)))
		case m.Kind == jsonrpc.Request:
			b.expect()
			s.dispatch(&m, b.add)
		default:
			s.dispatch(&m, s.reply)
		}
	}
	b.add(nil, jsonrpc.Frame{})
}

// batch collects the answers to a batch.
type batch struct {
	s *Session

	mu    sync.Mutex
	left  int // answers due, and one for the batch being read
	parts []byte
}

func (b *batch) expect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left++
}

// add takes an answer; an empty one says that none will come.
func (b *batch) add(from *upstream.Attachment, f jsonrpc.Frame) {
	b.mu.Lock()
	if f.Len() > 0 {
		if b.parts != nil {
			b.parts = append(b.parts, ',')
		}
		b.parts = append(b.parts, f.Join()...)
	}
	b.left--
	done := b.left == 0
	b.mu.Unlock()
	if done && b.parts != nil {
		b.s.reply(from, jsonrpc.Frame{[]byte("["), b.parts, []byte("]")})
	}
}
