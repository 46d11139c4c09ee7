package upstream

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// guest is a client of a shared instance. It notes what it is told.
type guest struct {
	answers
	mu   sync.Mutex
	said []string // methods of the server's messages
	of   []*Call  // whose progress was told
	list int      // times that it was told of lists
}

func (g *guest) FromServer(a *Attachment, m *jsonrpc.Message) {
	p, _ := mcp.ReadParams(m)
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.MethodName() == mcp.Progress {
		if c := a.Progress(m.Bytes(p.Progress)); c != nil {
			g.of = append(g.of, c)
		}
		return
	}
	g.said = append(g.said, m.MethodName())
}

func (g *guest) Changed(*Attachment) {}
func (g *guest) Listed(*Attachment, *catalog.Snapshot, Known) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list++
}

// heard is what it was told since it was last asked.
func (g *guest) heard() string {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	defer func() { g.said = nil }()
	return strings.Join(g.said, " ")
}

// sharing runs a test with two clients of one instance, in a bubble.
func sharing(t *testing.T, s *script, test func(pool *Pool, a, b *Attachment)) {
	synctest.Test(t, func(t *testing.T) {
		pool := &Pool{}
		attach := func() *Attachment {
			return pool.Attach(Key{"x", "everybody"}, func() Spec {
				return Spec{Name: "x", Dial: s.dial, Capabilities: []byte(`{}`), ClientInfo: []byte(`{}`), Version: "2025-11-25",
					StartTimeout: 5 * time.Second, StartWait: 5 * time.Second, Log: zerolog.Nop()}
			}, &guest{}, nil)
		}
		a, b := attach(), attach()
		if a.Instance != b.Instance {
			t.Fatal("they do not share one instance")
		}
		test(pool, a, b)
		a.Detach(0)
		b.Detach(0)
		if len(pool.instances) != 0 || a.Status().State != Closed {
			t.Errorf("left: %v", pool.instances)
		}
	})
}

// sent are the requests of a method that the server got, each with what follows its method.
func (s *script) sent(method string) (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		if _, rest, ok := strings.Cut(line, `"method":"`+method+`"`); ok {
			all = append(all, strings.TrimSuffix(strings.TrimPrefix(rest, `,"params":`), "}"))
		}
	}
	return all
}

// refused counts the requests of the server that were answered with an error.
func (s *script) refused() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		if strings.Contains(line, `"error":`) {
			n++
		}
	}
	return n
}

// TestSharedCalls: ids and tokens are told apart whoever gave them, and each client gets what is its own.
func TestSharedCalls(t *testing.T) {
	s := &script{mute: map[string]bool{"x/never": true}}
	sharing(t, s, func(_ *Pool, a, b *Attachment) {
		works(t, a)
		works(t, b)
		one, out := doCall(a, withToken(t, "x/never"))
		two, _ := doCall(b, withToken(t, "x/never"))
		if one.id == two.id || one.token == two.token {
			t.Errorf("ids %d and %d, tokens %d and %d", one.id, two.id, one.token, two.token)
		}
		s.last().say(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":2,"progress":1}}`)
		synctest.Wait()
		if got := a.client.(*guest).of; len(got) != 0 {
			t.Error("one client was told of another's progress")
		}
		if got := b.client.(*guest).of; !slices.Equal(got, []*Call{two}) {
			t.Error("the progress has not come")
		}
		// Who leaves takes back what is its own, and no more.
		b.Detach(0)
		if got := s.sent("notifications/cancelled"); len(got) != 1 || a.Status().State != Ready {
			t.Errorf("cancelled: %v; %s", got, a.Status().State)
		}
		s.last().say(`{"jsonrpc":"2.0","id":` + strconv.FormatUint(one.id, 10) + `,"result":{}}`)
		if o := wait(t, out); o.err != nil {
			t.Error(o.err)
		}
	})
}

// TestSharedRequests: a request of the server is put to the client whose call caused it. Where that can't be told it is
// refused, and nobody sees it.
func TestSharedRequests(t *testing.T) {
	s := &script{}
	sharing(t, s, func(_ *Pool, a, b *Attachment) {
		first, second := a.client.(*guest), b.client.(*guest)
		ask := func(id string) {
			s.last().say(`{"jsonrpc":"2.0","id":` + id + `,"method":"elicitation/create","params":{}}`)
			synctest.Wait()
		}
		a.Start()
		synctest.Wait()
		if ask(`"nobody"`); s.refused() != 1 || first.heard()+second.heard() != "" {
			t.Error("a request before any call was not refused")
		}
		works(t, a)
		if ask(`"a"`); s.refused() != 1 || first.heard() != mcp.Elicit || second.heard() != "" {
			t.Error("the request did not come to the one who has called")
		}
		works(t, b)
		if ask(`"either"`); s.refused() != 2 || first.heard()+second.heard() != "" {
			t.Error("a request that either can have caused was not refused")
		}
	})
}

// TestRequestAfterItsClientLeft: what the call of somebody who has left causes is no business of who stays.
func TestRequestAfterItsClientLeft(t *testing.T) {
	s := &script{}
	sharing(t, s, func(_ *Pool, a, b *Attachment) {
		works(t, a)
		a.Detach(0)
		s.last().say(`{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}`)
		synctest.Wait()
		if got := b.client.(*guest).heard(); got != "" || s.refused() != 1 {
			t.Errorf("the other client was asked %s", got)
		}
	})
}

// TestSharedSubscriptions: a URI is given up at the server when nobody is subscribed to it any more; updates are for
// those who are.
func TestSharedSubscriptions(t *testing.T) {
	s := &script{}
	sharing(t, s, func(_ *Pool, a, b *Attachment) {
		first, second := a.client.(*guest), b.client.(*guest)
		a.Subscribe("x:1", true)
		b.Subscribe("x:1", true)
		b.Subscribe("x:2", true)
		if !a.SubscribedByOthers("x:1") || a.SubscribedByOthers("x:3") || b.SubscribedByOthers("x:2") {
			t.Error("who is subscribed is not known")
		}
		works(t, a) // what was asked for before the start is asked for then, once
		if got := s.sent(mcp.Subscribe); !slices.Equal(got, []string{`{"uri":"x:1"}`, `{"uri":"x:2"}`}) {
			t.Errorf("subscribed to %v", got)
		}
		s.last().say(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"x:2/part"}}`)
		if a, b := first.heard(), second.heard(); a != "" || b != mcp.ResourcesUpdated {
			t.Errorf("told %q and %q", a, b)
		}
		b.Detach(0)
		if got := s.sent(mcp.Unsubscribe); !slices.Equal(got, []string{`{"uri":"x:2"}`}) {
			t.Errorf("given up: %v", got)
		}
	})
}

// TestSharedLevel: the server is told the most verbose level, and each client gets what it asked for.
func TestSharedLevel(t *testing.T) {
	s := &script{capabilities: `"logging":{}`}
	sharing(t, s, func(_ *Pool, a, b *Attachment) {
		first, second := a.client.(*guest), b.client.(*guest)
		note := func(level string) string {
			s.last().say(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"` + level + `","data":1}}`)
			return strings.Join([]string{first.heard(), second.heard()}, ",")
		}
		const told = mcp.LogMessage
		a.SetLevel([]byte(`"error"`))
		works(t, a)
		for _, want := range []struct{ level, told string }{{"info", "," + told}, {"error", told + "," + told}, {"odd", told + "," + told}} {
			if got := note(want.level); got != want.told {
				t.Errorf("%s: told %s", want.level, got)
			}
		}
		b.SetLevel([]byte(`"debug"`))
		a.SetLevel([]byte(`"warning"`))
		if got := s.sent(mcp.SetLevel); !slices.Equal(got, []string{`{"level":"error"}`, `{"level":"debug"}`, `{"level":"debug"}`}) {
			t.Errorf("the server was told %v", got)
		}
		if got := note("notice"); got != ","+told {
			t.Errorf("notice: told %s", got)
		}
		b.Detach(0) // alone, the client gets what the server says
		if got := s.sent(mcp.SetLevel); got[len(got)-1] != `{"level":"warning"}` || note("info") != told+"," {
			t.Errorf("the server was told %v", got)
		}
	})
}

// TestLateClient: who comes later is told what the server lists.
func TestLateClient(t *testing.T) {
	s := &script{capabilities: `"tools":{}`}
	sharing(t, s, func(pool *Pool, a, b *Attachment) {
		a.Start()
		time.Sleep(time.Minute)
		g := &guest{}
		c := pool.Attach(Key{"x", "everybody"}, nil, g, nil)
		synctest.Wait()
		if g.list != 1 {
			t.Errorf("it was told %d times", g.list)
		}
		if a.Detach(0); s.last().closed || !b.Shared() {
			t.Error("the server was ended with the first client")
		}
		c.Detach(0)
		c.Detach(0)
		if b.Shared() || b.Status().State != Ready {
			t.Error("leaving twice is leaving once")
		}
	})
}
