// Package front stands between a client's stdio and the hub. The hub runs inside the front today, and the client's own
// streams are the hub's connection: any pair of byte streams is one, so a hub in a process of its own will be
// given a socket there, and the front will copy between the two.
package front

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
)

// Grace is how long servers may take to end once the client has left: some clients kill us after 0.4 s.
const Grace = 150 * time.Millisecond

// Run serves the client on in and out with a hub inside, until the client leaves (nil) or ctx ends. Answers go in the
// framing the client uses; nothing is written before a message was read.
func Run(ctx context.Context, in, out *os.File, h *hub.Hub, opts session.Options) error {
	// A client that closed its end of a stream must not kill us at the next line, of the log for instance.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	jsonrpc.WidenPipe(in)
	jsonrpc.WidenPipe(out)
	if !same(in, out) { // what is set for one descriptor of a stream holds for all
		nonblocking, restore := jsonrpc.NonBlocking(out)
		defer restore()
		out = nonblocking
	}
	reader := jsonrpc.NewReader(in, jsonrpc.Detect, 0)
	conn := jsonrpc.Conn{In: reader, Out: jsonrpc.NewOutlet(out, reader.Framing, 0)}
	err := h.Serve(ctx, conn, opts, Grace)
	h.Close()
	conn.Out.Drain(Grace / 4) // the client may have stopped reading long ago
	return err
}

// same tells whether in and out are one stream, as when a socket is both.
func same(in, out *os.File) bool {
	a, err := in.Stat()
	b, berr := out.Stat()
	return err != nil || berr != nil || os.SameFile(a, b)
}
