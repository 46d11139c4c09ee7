package jsonrpc

import (
	"context"
	"net"
	"testing"

	"github.com/sourcegraph/jsonrpc2"
)

// An independent implementation of Content-Length framing takes our frames, and we take its.
func TestContentLengthPeer(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() {
		in := NewReader(ours, Detect, 0)
		out := NewOutlet(ours, in.Framing, 0)
		for {
			raw, err := in.Read()
			if err != nil {
				return
			}
			m, err := Parse(raw)
			if err != nil {
				t.Errorf("%s: %v", raw, err)
				return
			}
			out.Send(Whole(NewResult(m.Bytes(m.ID), m.Bytes(m.Params))))
		}
	}()
	ctx := t.Context()
	peer := jsonrpc2.NewConn(ctx, jsonrpc2.NewBufferedStream(theirs, jsonrpc2.VSCodeObjectCodec{}),
		jsonrpc2.HandlerWithError(func(context.Context, *jsonrpc2.Conn, *jsonrpc2.Request) (any, error) { return nil, nil }))
	defer peer.Close()
	for _, text := range []string{"a", "é\u2028\n", string(make([]byte, 100_000))} {
		var back []string
		if err := peer.Call(ctx, "echo", []string{text}, &back); err != nil || len(back) != 1 || back[0] != text {
			t.Fatalf("%.20q came back as %.20q, %v", text, back, err)
		}
	}
}
