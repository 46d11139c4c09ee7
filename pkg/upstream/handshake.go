package upstream

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
)

// handshake is the initialize request (MCP 2025-11-25, lifecycle); mu is held.
func (in *Instance) handshake(conn Conn) *Call {
	if len(in.tried) == 0 {
		in.tried = []string{cmp.Or(in.asks, in.spec.Version)}
	}
	params := mcp.Introduce(in.tried[len(in.tried)-1], in.spec.Capabilities, in.spec.ClientInfo)
	return &Call{Method: mcp.Initialize, asked: params, rough: true, answered: func(m *jsonrpc.Message, err error) { in.handshaken(conn, m, err) }}
}

// handshaken takes what became of an initialize.
func (in *Instance) handshaken(conn Conn, m *jsonrpc.Message, err error) {
	switch {
	case err != nil:
		var status *transport.StatusError
		refused := errors.As(err, &status)
		bad := refused && (status.Code == http.StatusBadRequest || status.Code == http.StatusUnprocessableEntity)
		if (bad || errors.Is(err, jsonrpc.ErrInvalid)) && in.askOlder(conn, err.Error(), bad) {
			return
		}
	case m.Kind == jsonrpc.Failure:
		said := m.Bytes(m.Error)
		if in.askOlder(conn, string(said), string(mcp.Field(said, "code")) == strconv.Itoa(mcp.InvalidParams)) {
			return
		}
		err = fmt.Errorf("it refused initialize with the error %s", in.excerpt(said))
	default:
		err = in.greeted(conn, m)
	}
	if err == nil {
		return
	}
	in.mu.Lock()
	if in.state == Starting && in.conn == conn && in.why == nil {
		if len(in.tried) > 1 {
			err = fmt.Errorf("%w (asked for the protocol versions %s)", err, strings.Join(in.tried, ", "))
		}
		in.why = err
	}
	closed := in.state == Closed && in.conn == conn // then Close ends the connection, and may wait for runs already
	in.mu.Unlock()
	if !closed {
		in.runs.Go(func() { conn.Close(stopGrace) }) // Recv ends the run
	}
}

// askOlder initializes anew, in another revision, if what a server said is about the one that it was asked for.
func (in *Instance) askOlder(conn Conn, said string, certain bool) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.state != Starting || in.conn != conn {
		return false
	}
	next := mcp.NextRevision(in.tried, said, certain)
	if next == "" {
		in.older = false
		return false
	}
	in.spec.Log.Debug().Str("server", in.spec.Name).Str("version", next).Msg("it refused the protocol version; asking for another")
	in.tried, in.older = append(in.tried, next), true
	if err := in.send(in.handshake(conn)); err != nil {
		in.runs.Go(func() { conn.Close(stopGrace) })
	}
	return true
}
