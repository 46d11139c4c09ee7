package hub

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/transport"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// silent is a connection to a server that never answers. It gives signs of life, or says that it is being installed, if it is told to.
type silent struct {
	works bool
	stage string
	born  time.Time
	gone  chan struct{}
}

func (c *silent) Send(jsonrpc.Frame) error { return nil }
func (c *silent) Recv() (transport.Inbound, error) {
	<-c.gone
	return transport.Inbound{}, io.EOF
}
func (c *silent) LastSign() time.Time {
	if c.works {
		return time.Now()
	}
	return c.born
}
func (c *silent) Stage() string       { return c.stage }
func (c *silent) Diagnostics() string { return "" }
func (c *silent) Close(time.Duration) {
	closingSilent.Lock()
	defer closingSilent.Unlock()
	select {
	case <-c.gone:
	default:
		close(c.gone)
	}
}

var closingSilent sync.Mutex // two may close one connection

// looks is a hub whose looks come to an end when the test says so.
type looks struct {
	*Hub
	t    *testing.T
	s    *session.Session
	all  []*inspection
	from time.Time
}

func newLooks(t *testing.T, most int, conns ...silent) *looks {
	c := &config.Config{FirstListWait: config.DefaultFirstListWait}
	h := &Hub{starts: upstream.NewQueue(most)}
	var moved atomic.Int64
	l := &looks{Hub: h, t: t, from: time.Now()}
	l.s = session.New(h, jsonrpc.Conn{}, session.Options{Log: zerolog.Nop()})
	for i, conn := range conns {
		name := fmt.Sprintf("s%d", i)
		server := &config.Server{Name: name, StartWait: 45 * time.Second, Enabled: true}
		f := &inspection{hub: h, moved: &moved, key: key{"", name}, server: server, occasion: occasion{kind: newServer}, begun: time.Now(), done: make(chan struct{})}
		f.in = upstream.New(upstream.Spec{Name: name, Capabilities: []byte("{}"), ClientInfo: []byte("{}"), Log: zerolog.Nop(),
			Turn: upstream.Turn{Queue: h.starts, Urgency: upstream.Wanted},
			Dial: func() (upstream.Conn, error) {
				conn.born, conn.gone = time.Now(), make(chan struct{})
				return &conn, nil
			}}, f)
		c.Servers = append(c.Servers, server)
		l.all = append(l.all, f)
		t.Cleanup(func() { f.in.Close(0) })
		f.in.Start()
	}
	h.state.Store((&State{}).next(configRead{config: c}))
	h.state.Store(h.State().next(began(l.all)))
	return l
}

// after is how long a list, or with a name a call, waits.
func (l *looks) after(name string, patience time.Duration) time.Duration {
	l.awaitFirst(l.t.Context(), l.s, name, patience)
	return time.Since(l.from).Round(time.Second)
}

func TestAwaitFirst(t *testing.T) {
	works, hangs, installs := silent{works: true}, silent{}, silent{works: true, stage: "installing x"}
	for name, tc := range map[string]struct {
		bears  time.Duration // the client
		most   int           // starts at a time
		conns  []silent
		finish []time.Duration // when each look is over; 0: never
		call   string
		want   time.Duration
	}{
		"nothing comes on":                    {25 * time.Second, 9, []silent{works}, nil, "", 8 * time.Second},
		"one hangs":                           {25 * time.Second, 9, []silent{hangs}, nil, "", 4 * time.Second},
		"all are listed":                      {25 * time.Second, 9, []silent{works, works}, []time.Duration{time.Second, 3 * time.Second}, "", 3 * time.Second},
		"one after the other":                 {25 * time.Second, 9, []silent{works, works, works}, []time.Duration{6 * time.Second, 12 * time.Second, 18 * time.Second}, "", 18 * time.Second},
		"then nothing any more":               {25 * time.Second, 9, []silent{works, works}, []time.Duration{6 * time.Second, 0}, "", 14 * time.Second},
		"one is installed":                    {25 * time.Second, 9, []silent{installs, works}, []time.Duration{20 * time.Second, 21 * time.Second}, "", 21 * time.Second},
		"longer than most clients bear":       {25 * time.Second, 9, []silent{installs}, nil, "", 25 * time.Second},
		"longer than Cline bears":             {2 * time.Second, 9, []silent{works}, []time.Duration{4 * time.Second}, "", 2 * time.Second},
		"longer than Gemini bears":            {4 * time.Second, 9, []silent{installs}, nil, "", 4 * time.Second},
		"what Copilot bears":                  {50 * time.Second, 9, []silent{installs}, nil, "", 50 * time.Second},
		"one that hangs and one that waits":   {25 * time.Second, 1, []silent{hangs, works}, []time.Duration{0, 7 * time.Second}, "", 7 * time.Second},
		"queued ones wait their turn":         {25 * time.Second, 1, []silent{works, works, works}, []time.Duration{5 * time.Second, 10 * time.Second, 15 * time.Second}, "", 15 * time.Second},
		"a call waits for its server alone":   {25 * time.Second, 9, []silent{works, works}, []time.Duration{0, 9 * time.Second}, "s1__x", 9 * time.Second},
		"a call waits as for any start":       {2 * time.Second, 9, []silent{works}, nil, "s0__x", 45 * time.Second},
		"a call does not wait for one silent": {25 * time.Second, 9, []silent{hangs}, nil, "s0__x", 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLooks(t, tc.most, tc.conns...)
				for i, at := range tc.finish {
					if f := l.all[i]; at > 0 {
						time.AfterFunc(at, func() { f.finish(); f.in.Close(0) })
					}
				}
				if got := l.after(tc.call, tc.bears); got != tc.want {
					t.Errorf("it waited %v, want %v", got, tc.want)
				}
				if again := l.after(tc.call, tc.bears); tc.call == "" && again > tc.want+time.Second {
					t.Errorf("a second list waited until %v", again)
				}
			})
		})
	}
}

// What the person wrote of first_list_wait counts, also beyond what their client is known to bear.
func TestAwaitFirstAsWritten(t *testing.T) {
	for written, want := range map[time.Duration]time.Duration{time.Second: time.Second, 60 * time.Second: 60 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			l := newLooks(t, 9, silent{works: true})
			l.State().scopes[""].Effective.FirstListWait = written
			if got := l.after("", 2*time.Second); got != want {
				t.Errorf("first_list_wait %v: it waited %v, want %v", written, got, want)
			}
		})
	}
}

func TestStartCost(t *testing.T) {
	program, script, fetched := &config.Server{Command: "/opt/files-mcp"}, &config.Server{Command: "python3", Args: []string{"a.py"}}, &config.Server{Command: "npx", Args: []string{"-y", "a"}}
	boxed := &config.Server{Command: "/opt/files-mcp", Isolation: &config.Isolation{Type: config.IsolationDocker}}
	order := []*config.Server{program, script, fetched, boxed}
	for i := range order[1:] {
		if startCost(order[i]) >= startCost(order[i+1]) {
			t.Errorf("%s %v is not expected to be quicker than %s %v", order[i].Command, order[i].Args, order[i+1].Command, order[i+1].Args)
		}
	}
}
