// Package front stands between a client's stdio and the hub: it keeps messages whole and in order, answers in the
// framing the client speaks, and tells the hub when the client has left. It looks into no message.
//
// The hub runs inside the front today (Run joins them by an in-memory pipe); one in a process of its own will be dialled here.
package front

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/protocol"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// Grace is how long servers may take to end once the client has left: some clients kill us after 0.4 s.
const Grace = 200 * time.Millisecond

// Run serves the client on in and out with a hub inside, until the client leaves (nil) or ctx ends.
func Run(ctx context.Context, in io.Reader, out io.Writer, h *hub.Hub, opts session.Options, log zerolog.Logger) error {
	client, server := jsonrpc.Pipe(0)
	reader := jsonrpc.NewReader(in, jsonrpc.Detect, 0)
	// Answers go in the framing the client used; nothing is written before a message was read.
	writer := jsonrpc.NewWriter(out, reader.Framing)
	// The reader may sit in a read that nothing can interrupt: it is not waited for.
	go receive(reader, client, log)
	written := make(chan error, 1)
	go func() { written <- send(writer, client) }()

	err := h.Serve(ctx, server, opts, Grace)
	h.Close()
	select { // the client may have stopped reading long ago
	case werr := <-written:
		if err == nil && !errors.Is(werr, io.EOF) {
			log.Debug().Err(werr).Msg("the client closed its input")
		}
	case <-time.After(Grace / 2):
	}
	return err
}

// receive passes the client's messages to the hub until the client leaves.
func receive(r *jsonrpc.Reader, hub jsonrpc.Conn, log zerolog.Logger) {
	for {
		msg, err := r.Read()
		var large *jsonrpc.TooLargeError
		var header *jsonrpc.HeaderError
		switch {
		case errors.As(err, &large):
			log.Warn().Err(err).Msg("message of the client dropped")
			hub.In.Push(jsonrpc.Whole(jsonrpc.NewError(large.ID(), protocol.InvalidRequest, "Invalid request: "+err.Error(), nil)))
		case errors.As(err, &header):
			log.Warn().Err(err).Msg("message of the client dropped")
			hub.In.Push(jsonrpc.Whole(jsonrpc.NewError(nil, protocol.ParseError, "Parse error: "+err.Error(), nil)))
		case err != nil:
			hub.Out.Close(nil)
			return
		default:
			if hub.Out.PushWait(jsonrpc.Whole(msg), time.Hour) != nil {
				return
			}
		}
	}
}

// send passes the hub's messages to the client, those that are ready together in one write.
func send(w *jsonrpc.Writer, hub jsonrpc.Conn) error {
	var frames []jsonrpc.Frame
	for {
		var err error
		frames, err = hub.In.Pop(frames[:0])
		if len(frames) > 0 {
			if werr := w.Write(frames...); werr != nil {
				hub.Out.Close(nil)
				return werr
			}
			clear(frames)
		}
		if err != nil {
			return err
		}
	}
}
