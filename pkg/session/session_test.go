package session

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// host has one server, in place of the own tools, so that its names have no prefix: every frame of it is the test's.
type host struct{ server *server }

func (h *host) Config(*Session) *config.Config {
	return &config.Config{MaxNameLength: config.DefaultMaxNameLength}
}
func (h *host) Sources(*Session) []catalog.Source {
	s := &catalog.Snapshot{}
	s.Items[catalog.Tools] = [][]byte{[]byte(`{"name":"t"}`)}
	s.Items[catalog.Resources] = [][]byte{[]byte(`{"uri":"x:1","name":"x"}`)}
	return []catalog.Source{{Snapshot: s}}
}
func (h *host) Begin(*Session)                                                {}
func (h *host) Moved(*Session)                                                {}
func (h *host) Leave(*Session)                                                {}
func (h *host) AwaitFirst(context.Context, *Session, string)                  {}
func (h *host) Fared(*Session, string, upstream.Status)                       {}
func (h *host) About(*Session) string                                         { return "" }
func (h *host) Turn(*config.Server) upstream.Turn                             { return upstream.Turn{} }
func (h *host) NotListed(*Session, string) error                              { return nil }
func (h *host) Withheld(*Session, string, string) error                       { return nil }
func (h *host) Learned(*Session, string, *catalog.Snapshot)                   {}
func (h *host) Screen(_ string, items [][]byte) [][]byte                      { return items }
func (h *host) OwnTools(*Session) upstream.Conn                               { return h.server }
func (h *host) Admit(*config.Server) func(catalog.Kind, string, string) error { return nil }

// server is a connection whose other end is the test.
type server struct {
	sent  chan string // what the proxy sent, but for its handshake
	inbox chan string // what the server says
	end   sync.Once
	ended chan struct{}
}

func (s *server) Send(f jsonrpc.Frame) error {
	line := string(f.Join())
	switch {
	case strings.Contains(line, `"method":"initialize"`):
		s.inbox <- strings.Replace(`{"jsonrpc":"2.0","id":ID,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}`, "ID", idOf(line), 1)
	case !strings.Contains(line, `"notifications/initialized"`):
		s.sent <- line
	}
	return nil
}

func (s *server) Recv() (transport.Inbound, error) {
	select {
	case line := <-s.inbox:
		return transport.Inbound{Raw: []byte(line)}, nil
	case <-s.ended:
		return transport.Inbound{}, io.EOF
	}
}
func (s *server) LastSign() time.Time { return time.Now() }
func (s *server) Diagnostics() string { return "" }
func (s *server) Close(time.Duration) { s.end.Do(func() { close(s.ended) }) }

func idOf(line string) string { return regexp.MustCompile(`"id":(\d+)`).FindStringSubmatch(line)[1] }

func (h *host) Login(*config.Server, config.Launch) (*oauth.Login, error) { return nil, nil }
func (h *host) Ready(start *upstream.Start) *upstream.Start               { return start }

// connected is a client whose session is open, and its server.
func connected(t *testing.T) (*mcptest.Client, *server) {
	t.Helper()
	srv := &server{sent: make(chan string, 100), inbox: make(chan string, 100), ended: make(chan struct{})}
	fromClient, toSession := io.Pipe()
	fromSession, toClient := io.Pipe()
	in := jsonrpc.NewReader(fromClient, jsonrpc.Detect, 0)
	s := New(&host{srv}, jsonrpc.Conn{In: in, Out: jsonrpc.NewOutlet(toClient, in.Framing, 0)}, Options{Log: zerolog.Nop(), Version: "test"})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(context.Background(), 0)
		toClient.Close()
	}()
	c := mcptest.NewClient(t, fromSession, toSession)
	t.Cleanup(func() {
		c.CloseStdin()
		<-ended
	})
	c.Initialize(`{"elicitation":{}}`, "")
	return c, srv
}

// TestEnvelope: in whatever order a server writes its envelope, only the id is the client's; members that JSON-RPC does not have, and
// nulls in the place of others, are taken out, because strict clients drop such an answer and wait on.
func TestEnvelope(t *testing.T) {
	c, srv := connected(t)
	for i, one := range []struct{ answer, want string }{
		{`{"jsonrpc":"2.0","id":ID,"result":{"a":1.0}}`, ""},
		{`{"result":{"id":5},"jsonrpc":"2.0","id":ID}`, ""},
		{`{ "x" : [1] , "id":ID , "jsonrpc" : "2.0", "result" : {"n": null } , "y":{"id":7} }`, `{"id":ID,"jsonrpc":"2.0","result":{"n": null }}`},
		{`{"id":ID,"error":null,"result":{},"jsonrpc":"2.0"}`, `{"id":ID,"result":{},"jsonrpc":"2.0"}`},
		{`{"jsonrpc":"2.0","error":{"code":1,"message":"m","id":3,"data":null},"id":ID,"trace":"x"}`, `{"jsonrpc":"2.0","error":{"code":1,"message":"m","id":3,"data":null},"id":ID}`},
		{`{"jsonrpc":"2.0","id":ID,"result":null,"error":{"code":1,"message":"m"}}`, `{"jsonrpc":"2.0","id":ID,"error":{"code":1,"message":"m"}}`},
		{`{"\u0069d":ID,"jsonrpc":"2.0","resul\u0074":{"text":"\ud800"}}`, ""},
		{`{"jsonrpc":"2.0","id":ID,"result":{"id":ID,"id":ID}}`, ""},
		{`{"jsonrpc":"2.0","id":ID,"result":{"content":[],"_meta":null}}`, `{"jsonrpc":"2.0","id":ID,"result":{"content":[]}}`},
		{`{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"Stra` + "\xdf" + `e"}]},"x":1}`, `{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"Stra�e"}]}}`},
		{`{"jsonrpc":"2.0","id":ID,"result":{"content":[],"structuredContent":{"caf` + "\xe9" + `":"\\` + "\x80" + `5"}}}`, `{"jsonrpc":"2.0","id":ID,"result":{"content":[],"structuredContent":{"caf�":"\\�5"}}}`},
		{`{"jsonrpc":"2.0","id":ID,"error":{"code":1,"message":"ung` + "\xfc" + `ltig"}}`, `{"jsonrpc":"2.0","id":ID,"error":{"code":1,"message":"ung�ltig"}}`},
	} {
		id := fmt.Sprintf(`"é-%d"`, i)
		c.Send(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"t"}}`)
		upstreamID := idOf(<-srv.sent)
		srv.inbox <- strings.ReplaceAll(one.answer, "ID", upstreamID)
		want := cmp.Or(one.want, one.answer)
		want = strings.Replace(want, "ID", id, 1)
		want = strings.ReplaceAll(want, "ID", upstreamID) // within the result it is no id of ours
		if _, ok := c.Wait(5*time.Second, func(m mcptest.Message) bool { return string(m.Raw) == want }); !ok {
			t.Errorf("%s did not come; received %s", want, c.Received()[len(c.Received())-1].Raw)
		}
	}
}

// TestBrokenAnswer: an answer that is none ends its call with an error that says what is wrong, at once. Strict clients would drop it and
// wait for ever.
func TestBrokenAnswer(t *testing.T) {
	c, srv := connected(t)
	for i, one := range []struct{ answer, says string }{
		{`{"jsonrpc":"2.0","id":ID}`, "one of result and error"},
		{`{"id":ID,"result":{}}`, "is missing"},
		{`{"jsonrpc":2.0,"id":ID,"result":{}}`, "is missing"},
		{`{"jsonrpc":"1.0","id":ID,"result":{},"x":1}`, "is missing"},
		{`{"jsonrpc":"2.0","id":ID,"result":{},"error":{"code":1,"message":"x"}}`, "a result beside an error"},
		{`{"jsonrpc":"2.0","id":ID,"method":"tools/call","result":{}}`, "a method beside a result"},
		{`{"jsonrpc":"2.0","id":ID,"result":null}`, "the result is no object"},
		{`{"jsonrpc":"2.0","id":ID,"result":[]}`, "the result is no object"},
		{`{"jsonrpc":"2.0","id":ID,"result":"done"}`, "the result is no object"},
		{`{"jsonrpc":"2.0","id":ID,"result":{"_meta":[]}}`, "_meta is no object"},
		{`{"jsonrpc":"2.0","id":ID,"result":{},"result":{}}`, "occurs twice"},
		{`{"jsonrpc":"2.0","id":ID,"result":{},"Id":5}`, "ambiguous"},
		{`{"jsonrpc":"2.0","id":ID,"error":null}`, "the error is no object"},
		{`{"jsonrpc":"2.0","id":ID,"error":"cursor_invalid"}`, "cursor_invalid"},
		{`{"jsonrpc":"2.0","id":ID,"error":{"message":"nope"}}`, "nope"},
		{`{"jsonrpc":"2.0","id":ID,"error":{"code":-32000}}`, "no message"},
		{`{"jsonrpc":"2.0","id":ID,"error":{"code":"E1","message":"nope"}}`, "no whole number"},
		{`{"jsonrpc":"2.0","id":ID,"error":{"code":1.5,"message":"x"}}`, "no whole number"},
		{`{"jsonrpc":"2.0","id":"ID","error":{"code":1.5,"message":"x"}}`, "no whole number"},
	} {
		id := fmt.Sprint(100 + i)
		c.Send(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"t"}}`)
		upstreamID := idOf(<-srv.sent)
		srv.inbox <- `{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"stray"}}`
		srv.inbox <- `{"jsonrpc":"2.0","id":"x` + upstreamID + `","result":{"stray":1}}`
		srv.inbox <- `{"level":"info","msg":"a line of a log","id":` + upstreamID + `}`
		srv.inbox <- `{"level":"error","error":"a line of a log","id":"` + upstreamID + `"}`
		srv.inbox <- strings.ReplaceAll(one.answer, "ID", upstreamID)
		m, ok := c.Wait(5*time.Second, func(m mcptest.Message) bool { return m.ID == id })
		if text := string(m.Result); !ok || !strings.Contains(text, `"isError":true`) || !strings.Contains(text, "broken answer") || !strings.Contains(text, one.says) {
			t.Errorf("%s: %s", one.answer, m.Raw)
		}
	}
}

// TestIDAsText: servers that keep ids as text or as floats are understood, as the SDKs do.
func TestIDAsText(t *testing.T) {
	c, srv := connected(t)
	answeredByHand(t, c)
	for i, form := range []string{`"%s"`, `%s.0`, `%se0`, `"%s.0"`} {
		id := fmt.Sprint(200 + i)
		c.Send(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":"p` + id + `"}}}`)
		sent := <-srv.sent
		token := string(mcp.Field([]byte(sent), "params", "_meta", "progressToken"))
		srv.inbox <- `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":` + fmt.Sprintf(form, token) + `,"progress":1}}`
		if m, ok := c.Wait(5*time.Second, func(m mcptest.Message) bool { return strings.Contains(string(m.Raw), `"progressToken":"p`+id+`"`) }); !ok {
			t.Errorf("%s: no progress, %s", form, m.Raw)
		}
		srv.inbox <- `{"jsonrpc":"2.0","id":` + fmt.Sprintf(form, idOf(sent)) + `,"result":{"a":` + id + `}}`
		if m, ok := c.Wait(5*time.Second, func(m mcptest.Message) bool { return m.ID == id }); !ok || string(m.Raw) != `{"jsonrpc":"2.0","id":`+id+`,"result":{"a":`+id+`}}` {
			t.Errorf("%s: %s", form, m.Raw)
		}
	}
	// A server takes back a question so.
	c.Send(`{"jsonrpc":"2.0","id":300,"method":"tools/call","params":{"name":"t"}}`)
	<-srv.sent
	srv.inbox <- `{"jsonrpc":"2.0","id":5,"method":"elicitation/create","params":{"message":"?","requestedSchema":{"type":"object","properties":{}}}}`
	m, _ := c.Wait(5*time.Second, func(m mcptest.Message) bool { return m.Method == "elicitation/create" })
	srv.inbox <- `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"5"}}`
	if got, ok := c.Wait(5*time.Second, func(m mcptest.Message) bool { return m.Method == "notifications/cancelled" }); !ok || !strings.Contains(string(got.Raw), `"requestId":`+m.ID) {
		t.Errorf("the server's cancellation: %s", got.Raw)
	}
}

// answeredByHand keeps the client from answering questions by itself.
func answeredByHand(t *testing.T, c *mcptest.Client) {
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	c.Handle("elicitation/create", func(json.RawMessage) (any, error) { <-over; return nil, nil })
}

// TestBrokenAnswerOfTheClient: the server that asked is told, in the form of an error that every server reads.
func TestBrokenAnswerOfTheClient(t *testing.T) {
	c, srv := connected(t)
	answeredByHand(t, c)
	c.Send(`{"jsonrpc":"2.0","id":"start","method":"tools/call","params":{"name":"t"}}`)
	<-srv.sent
	for i, answer := range []string{`"result":null`, `"result":[]`, `"error":"no"`, `"error":{"message":"no"}`, `"result":{},"error":{"code":1,"message":"x"}`, `"result":{"_meta":7}`} {
		id := fmt.Sprint(i)
		srv.inbox <- `{"jsonrpc":"2.0","id":` + id + `,"method":"elicitation/create","params":{"message":"question ` + id + `","requestedSchema":{"type":"object","properties":{}}}}`
		m, _ := c.Wait(5*time.Second, func(m mcptest.Message) bool { return strings.Contains(string(m.Raw), "question "+id) })
		c.Send(`{"jsonrpc":"2.0","id":` + m.ID + `,` + answer + `}`)
		select {
		case got := <-srv.sent:
			if !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":`+id+`,"error":{"code":-32603,`) {
				t.Errorf("%s: %s", answer, got)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s: the server is not told", answer)
		}
	}
}

// TestAnnouncementsAreNotPutOff: a server that changes its list all the time is heard all the same.
func TestAnnouncementsAreNotPutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, srv := connected(t)
		c.Send(`{"jsonrpc":"2.0","id":"start","method":"tools/call","params":{"name":"t"}}`)
		<-srv.sent
		started := time.Now()
		for len(c.Notifications("notifications/resources/list_changed")) == 0 {
			srv.inbox <- `{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}`
			time.Sleep(coalesce / 5)
			if time.Since(started) > 2*coalesceMost {
				t.Fatal("nothing was announced while changes went on")
			}
		}
		time.Sleep(2 * coalesceMost)
		if took, n := time.Since(started), len(c.Notifications("notifications/resources/list_changed")); n != 1 && n != 2 {
			t.Errorf("%d announcements in %v", n, took)
		}
	})
}

// TestServerRequests without a client to answer them: undeclared, or with params that can be read in two ways.
func TestServerRequests(t *testing.T) {
	c, srv := connected(t)
	c.Send(`{"jsonrpc":"2.0","id":"start","method":"tools/call","params":{"name":"t"}}`)
	<-srv.sent
	for ask, want := range map[string]string{
		`{"jsonrpc":"2.0","id":"\u0061","method":"sampling/createMessage","params":{}}`:                                   `{"jsonrpc":"2.0","id":"\u0061","error":{"code":-32601,`,
		`{"jsonrpc":"2.0","id":0,"method":"elicitation/create","params":{"_meta":{"progressToken":1,"progressToken":2}}}`: `{"jsonrpc":"2.0","id":0,"error":{"code":-32602,`,
		`{"jsonrpc":"2.0","id":-1.50,"method":"roots/list"}`:                                                              `{"jsonrpc":"2.0","id":-1.50,"error":{"code":-32601,`,
		`{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}`:                                                         `{"jsonrpc":"2.0","id":9007199254740993,"result":{}}`,
	} {
		srv.inbox <- ask
		select {
		case got := <-srv.sent:
			if !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s", ask, got)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s is not answered", ask)
		}
	}
	for _, m := range c.Received() {
		if m.Method != "" {
			t.Errorf("the client got %s", m.Raw)
		}
	}
}
