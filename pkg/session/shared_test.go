package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// other is a second client of a session's instance. It counts the answers that it gets.
type other struct{ answers int }

func (o *other) Answered(*upstream.Call, *jsonrpc.Message, error)               { o.answers++ }
func (o *other) FromServer(*upstream.Attachment, *jsonrpc.Message)              {}
func (o *other) Listed(*upstream.Attachment, *catalog.Snapshot, upstream.Known) {}
func (o *other) Changed(*upstream.Attachment)                                   {}

// TestOneThatDoesNotRead: a client that leaves its answers and notifications unread does not stop a server that another
// client uses too. It loses its own session, in time.
func TestOneThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &server{sent: make(chan string, 100), inbox: make(chan string, 1000), ended: make(chan struct{})}
		fromClient, toSession := io.Pipe()
		deaf, toClient := io.Pipe()
		in := jsonrpc.NewReader(fromClient, jsonrpc.Detect, 0)
		pool := &upstream.Pool{}
		s := New(&host{srv}, jsonrpc.Conn{In: in, Out: jsonrpc.NewOutlet(toClient, in.Framing, 1000)}, Options{Log: zerolog.Nop(), Pool: pool})
		ended := make(chan error, 1)
		go func() { ended <- s.Run(context.Background(), 0) }()
		say := func(line string) {
			if _, err := io.WriteString(toSession, line+"\n"); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		say(`{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}`)
		say(`{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"t"}}`)
		ids := []string{idOf(<-srv.sent)}
		one := &other{}
		second := pool.Attach(upstream.Key{Scope: s}, nil, one, nil)
		for i := range 3 {
			say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"t"}}`, i))
			ids = append(ids, idOf(<-srv.sent))
		}
		for _, id := range ids {
			srv.inbox <- `{"jsonrpc":"2.0","id":` + id + `,"result":{"text":"` + strings.Repeat("x", 2000) + `"}}`
			srv.inbox <- `{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"text":"` + strings.Repeat("y", 2000) + `"}}`
		}
		m, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":1,"method":"x/ask"}`))
		if err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		second.Do(&upstream.Call{Method: "x/ask", Request: &mcp.Request{Message: &m}})
		srv.inbox <- `{"jsonrpc":"2.0","id":` + idOf(<-srv.sent) + `,"result":{}}`
		synctest.Wait()
		if one.answers != 1 || time.Since(before) != 0 {
			t.Errorf("%d answers after %v", one.answers, time.Since(before))
		}
		if err := <-ended; !errors.Is(err, ErrNotReading) || time.Since(before) > 2*patience {
			t.Errorf("the session ended with %v, after %v", err, time.Since(before))
		}
		if st := second.Status().State; st != upstream.Ready {
			t.Errorf("the server is %s", st)
		}
		second.Detach(0)
		toSession.Close()
		deaf.Close()
	})
}
