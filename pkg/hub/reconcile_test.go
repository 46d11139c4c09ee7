package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/session"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// bare is a hub of a state that needs no file and no process, with its reconciler.
func bare(t testing.TB, st *State) *Hub {
	t.Helper()
	h := &Hub{book: quarantine.NewBook(store.Open(t.TempDir())), opts: Options{Store: store.Open(t.TempDir())}, log: zerolog.Nop(),
		own: func() *catalog.Snapshot { return &catalog.Snapshot{} }, watches: map[string]func(){}, reconciled: make(chan struct{}), starts: upstream.NewQueue(0)}
	h.inbox.more = make(chan struct{}, 1)
	h.ctx, h.end = context.WithCancel(context.Background())
	h.state.Store(st)
	go h.reconcile()
	t.Cleanup(func() { h.end(); <-h.reconciled; h.work.Wait() })
	return h
}

// client is a session of a client that reads nothing.
func (h *Hub) client() *session.Session {
	return session.New(h, jsonrpc.Conn{Out: jsonrpc.NewOutlet(io.Discard, jsonrpc.Lines, 0)}, session.Options{Log: zerolog.Nop()})
}

// listedServer is what is recorded of an approved server that has been inspected.
func listedServer(s *config.Server, generation uint64, tools ...string) *quarantine.Record {
	r := &quarantine.Record{Config: s.Path, Server: s.Name}
	r.Baseline(s, "test")
	live := &catalog.Snapshot{Launch: s.LaunchKey(), Capabilities: []byte(`{"tools":{}}`), Taken: time.Now()}
	for _, tool := range tools {
		live.Items[catalog.Tools] = append(live.Items[catalog.Tools], []byte(`{"name":"`+tool+`","inputSchema":{"type":"object"}}`))
	}
	r.Learn(s, live, quarantine.Whole, false, func(quarantine.Item) scan.Severity { return 0 })
	r.Generation = generation
	return r
}

// manyServers is a configuration of n servers, and what is recorded of them.
func manyServers(t testing.TB, n int) (*config.Config, firstRead) {
	t.Helper()
	var text []byte
	for i := range n {
		text = fmt.Appendf(text, `"server-%d":{"command":"server","args":["--number","%d"],"env":{"TOKEN":"${env:TOKEN_%d}"}},`, i, i, i)
	}
	c := parsed(t, string(text[:len(text)-1]))
	f := firstRead{map[key]*Recorded{}, map[key]Lately{}}
	for _, s := range c.Servers {
		f.recorded[keyOf(s)], f.lately[keyOf(s)] = newRecorded(listedServer(s, 1, "a", "b"), nil), Lately{}
	}
	return c, f
}

// stateOf is a state of a configuration and of what is recorded, and of sessions in workspaces with these files ("" for none).
func stateOf(c *config.Config, f firstRead, workspaces map[*session.Session]string) *State {
	human := approvalRead{Written: config.ApprovalHuman, Confirmed: config.ApprovalHuman}
	facts := []fact{human, f, configRead{config: c}}
	for s, path := range workspaces {
		facts = append(facts, joined{s}, greeted{s})
		if path != "" {
			name := "in-" + path
			written := c.WithWorkspace(path, []byte(`{"mcpServers":{"`+name+`":{"command":"w"}}}`))
			own := written.Server(name)
			read := firstRead{map[key]*Recorded{keyOf(own): newRecorded(listedServer(own, 1, "w"), nil)}, map[key]Lately{keyOf(own): {}}}
			facts = append(facts, read, moved{s, path, c, source{written, []byte{}}})
		}
	}
	return (&State{}).next(facts...)
}

func TestNewerFactsWin(t *testing.T) {
	c, read := manyServers(t, 1)
	k := keyOf(c.Servers[0])
	st := stateOf(c, read, nil)
	old, new, other := listedServer(c.Servers[0], 1, "old"), listedServer(c.Servers[0], 2, "new"), listedServer(c.Servers[0], 3, "other")
	for name, tc := range map[string]struct {
		facts []fact
		want  uint64 // generation of the record; 0: none
	}{
		"a newer one":                      {[]fact{recordWritten{k, new}}, 2},
		"the same":                         {[]fact{recordWritten{k, old}}, 1},
		"an older one, told later":         {[]fact{recordWritten{k, other}, recordWritten{k, new}}, 3},
		"read before it was written":       {[]fact{recordWritten{k, new}, firstRead{recorded: map[key]*Recorded{k: newRecorded(old, nil)}}}, 2},
		"gone":                             {[]fact{recordGone{k, 1, nil}}, 0},
		"gone, and another one written":    {[]fact{recordWritten{k, new}, recordGone{k, 1, nil}}, 2},
		"failed, which keeps the record":   {[]fact{recordFailed{k, errors.New("full")}}, 1},
		"reread what had not failed":       {[]fact{recordReread{k, newRecorded(nil, nil)}}, 1},
		"reread what had failed":           {[]fact{recordFailed{k, errors.New("full")}, recordReread{k, newRecorded(new, nil)}}, 2},
		"of a server that is not there":    {[]fact{recordWritten{key{"x", "y"}, new}}, 1},
		"of one that is not there, faring": {[]fact{fared{key{"x", "y"}, "l", func(l *Lately) { l.State = "failed" }}}, 1},
	} {
		next := st.next(tc.facts...)
		got := uint64(0)
		if r := next.recorded[k].Record; r != nil {
			got = r.Generation
		}
		if got != tc.want || len(next.recorded) != 1 || len(next.lately) != 1 {
			t.Errorf("%s: generation %d, want %d; %d records", name, got, tc.want, len(next.recorded))
		}
		if st.recorded[k].Record.Generation != 1 || st.recorded[k].Failed != nil {
			t.Fatalf("%s: the state before was changed", name)
		}
	}
}

// What belongs to a workspace is forgotten with its last session, and nobody waits for what another one's servers do.
func TestWorkspacesAreApart(t *testing.T) {
	c, read := manyServers(t, 2)
	a, b, plain := &session.Session{}, &session.Session{}, &session.Session{}
	st := stateOf(c, read, map[*session.Session]string{a: "/a/c.json", b: "/b/c.json", plain: ""})
	inA, inB, user := key{"/a/c.json", "in-/a/c.json"}, key{"/b/c.json", "in-/b/c.json"}, keyOf(c.Servers[0])
	of := func(k key) *inspection {
		return &inspection{key: k, server: st.server(k).Effective, occasion: occasion{kind: newServer}, done: make(chan struct{})}
	}
	all := began{of(inA), of(inB), of(user)}
	st = st.next(all)
	h := &Hub{}
	h.state.Store(st)
	for s, want := range map[*session.Session][]key{a: {user, inA}, b: {user, inB}, plain: {user}} {
		pending, _, _ := h.awaited(s, "")
		if got := keysOf(pending); !slices.Equal(got, want) {
			t.Errorf("it waits for %v, want %v", got, want)
		}
	}
	left := st.next(left{a})
	if e := effectsOf(st, left); !slices.Equal(keysOf(e.stop), []key{inA}) || !slices.Equal(e.unwatch, []string{"/a/c.json"}) || len(e.sessions) != 0 {
		t.Errorf("as one leaves: %+v", e)
	}
	if left.recorded[inA] != nil || left.scopes["/a/c.json"] != nil || left.recorded[inB] == nil || len(left.inspections) != 2 {
		t.Error("what belongs to the workspace was not forgotten, or more was")
	}
	none := left.next([]fact{leave(b), leave(plain)}...)
	if e := effectsOf(left, none); len(e.stop) != 2 || len(none.inspections) != 0 || len(none.scopes) != 1 || len(none.recorded) != 2 {
		t.Errorf("as all have left: %+v", e)
	}
}

func leave(s *session.Session) fact { return left{s} }

func keysOf(all []*inspection) (keys []key) {
	for _, f := range all {
		keys = append(keys, f.key)
	}
	return keys
}

// A session that moves on what was read under an older configuration stays where it is: the mover reads again.
func TestMovedUnderAnOlderConfiguration(t *testing.T) {
	c, read := manyServers(t, 1)
	s := &session.Session{}
	st := stateOf(c, read, map[*session.Session]string{s: ""})
	newer, _ := manyServers(t, 1)
	st = st.next(configRead{config: newer})
	if next := st.next(moved{s, "/a/c.json", c, source{written: c}}); next.sessions[s].path != "" || len(next.scopes) != 1 {
		t.Error("it was taken")
	}
	if next := st.next(moved{s, "/a/c.json", newer, source{written: newer}}); next.sessions[s].path != "/a/c.json" || next.scopes["/a/c.json"] == nil {
		t.Error("it was not taken")
	}
}

func TestEffects(t *testing.T) {
	c, read := manyServers(t, 2)
	one, two := c.Servers[0], c.Servers[1]
	edited := parsed(t, `"server-0":{"command":"other"},"server-1":{"command":"server","args":["--number","1"],"env":{"TOKEN":"${env:TOKEN_1}"}}`)
	limited := parsed(t, `"server-0":{"command":"server","args":["--number","0"],"env":{"TOKEN":"${env:TOKEN_0}"},"disabled_tools":["a"]},`+
		`"server-1":{"command":"server","args":["--number","1"],"env":{"TOKEN":"${env:TOKEN_1}"}}`)
	s := &session.Session{}
	st := stateOf(c, read, map[*session.Session]string{s: ""})
	for name, tc := range map[string]struct {
		fact fact
		want effect
	}{
		"nothing":                     {configRead{config: c}, effect{}},
		"another launch":              {configRead{config: edited}, effect{drop: []string{"server-0"}, held: []string{`"server-0"`}, changed: true, inspect: true, eager: true}},
		"fewer tools":                 {configRead{config: limited}, effect{changed: true, inspect: true, eager: true}},
		"no server any more":          {configRead{config: parsed(t, "")}, effect{drop: []string{"server-0", "server-1"}, changed: true, inspect: true, eager: true}},
		"other tools":                 {recordWritten{keyOf(one), listedServer(one, 2, "a", "c")}, effect{changed: true}},
		"the same tools":              {recordWritten{keyOf(two), listedServer(two, 2, "a", "b")}, effect{}},
		"rejected":                    {recordGone{keyOf(two), 1, nil}, effect{drop: []string{"server-1"}, held: []string{`"server-1"`}, changed: true, inspect: true, eager: true}},
		"unusable":                    {recordFailed{keyOf(two), errors.New("full")}, effect{drop: []string{"server-1"}, held: []string{`"server-1"`}, changed: true, inspect: true, eager: true}},
		"a doubted file":              {approvalRead{config.ApprovalHuman, config.ApprovalHuman, "it came later"}, effect{}},
		"how it fares":                {fared{keyOf(one), one.LaunchKey(), func(l *Lately) { l.State = "failed" }}, effect{}},
		"a policy that waits for one": {approvalRead{config.ApprovalOff, config.ApprovalHuman, ""}, effect{}},
	} {
		next := st.next(tc.fact)
		e := effectsOf(st, next)
		var got effect
		for _, one := range e.sessions {
			got = one
		}
		got.s = nil
		if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", tc.want); g != w {
			t.Errorf("%s:\n%s\nwant\n%s", name, g, w)
		}
		if _, is := tc.fact.(fared); is != (len(e.fared) == 1) {
			t.Errorf("%s: written down: %v", name, e.fared)
		}
	}
}

// No call, and nothing else that a session asks while it serves its client, waits for the reconciler or for who reads a file.
func TestCallsDoNotWait(t *testing.T) {
	c, read := manyServers(t, 3)
	h := &Hub{log: zerolog.Nop(), own: func() *catalog.Snapshot { return nil }} // whose reconciler does not run
	s := &session.Session{}
	h.state.Store(stateOf(c, read, map[*session.Session]string{s: ""}))
	h.reading.Lock()
	h.inbox.mu.Lock()
	if got := h.Config(s); len(got.Servers) != 3 {
		t.Error(got)
	}
	if got := h.Sources(s); len(got) != 4 {
		t.Error(got)
	}
	it := read.recorded[keyOf(c.Servers[0])].Record.Items[0]
	if err := h.Admit(c.Servers[0])(catalog.Tools, it.ID, it.Digest); err != nil {
		t.Error(err)
	}
	if err := h.Admit(c.Servers[0])(catalog.Tools, it.ID, "another"); err == nil {
		t.Error("another definition is admitted")
	}
	if err := errors.Join(h.Withheld(s, "server-0", "server-0__x"), h.NotListed(s, "server-0")); err != nil {
		t.Error(err)
	}
	h.AwaitFirst(t.Context(), s, "server-0__a")
}

// Records that can't be read are read again.
func TestFailedRecordsAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, read := manyServers(t, 1)
		h := bare(t, stateOf(c, read, nil))
		k := keyOf(c.Servers[0])
		usable := func() bool { return h.State().recorded[k].Failed == nil }
		h.tell(recordFailed{k, errors.New("full")})
		for _, step := range []struct {
			wait   time.Duration
			usable bool
		}{{0, false}, {retryFirst - time.Millisecond, false}, {2 * time.Millisecond, true}} {
			time.Sleep(step.wait)
			synctest.Wait()
			if usable() != step.usable {
				t.Errorf("after %v more: usable %v", step.wait, usable())
			}
		}
	})
}

// What is told is in the state when tell returns, in the order in which it was told, whoever tells what meanwhile.
func TestTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, read := manyServers(t, 1)
		h := bare(t, stateOf(c, read, nil))
		k := keyOf(c.Servers[0])
		for range 20 {
			go h.note(fared{k, c.Servers[0].LaunchKey(), func(l *Lately) { l.State = "failed" }})
		}
		for i := range uint64(20) {
			h.tell(recordWritten{k, listedServer(c.Servers[0], i+2, "a")})
			if got := h.State().recorded[k].Record.Generation; got != i+2 {
				t.Fatalf("generation %d, want %d", got, i+2)
			}
		}
		s := h.client()
		h.tell(joined{s})
		h.Leave(s)
		synctest.Wait()
		if st := h.State(); len(st.sessions) != 0 || st.lately[k].State != "failed" {
			t.Errorf("%+v", st.lately)
		}
	})
}

// An inspection whose last session left just as the hub ends is ended too, whichever of the two the reconciler sees first.
func TestEndsWhatIsLeft(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			c, read := manyServers(t, 1)
			s := &session.Session{}
			h := bare(t, stateOf(c, read, map[*session.Session]string{s: ""}))
			k := keyOf(c.Servers[0])
			f := &inspection{hub: h, moved: new(atomic.Int64), key: k, server: h.State().server(k).Effective, done: make(chan struct{})}
			f.in = upstream.New(upstream.Spec{Name: k.name, Capabilities: []byte("{}"), ClientInfo: []byte("{}"), Log: zerolog.Nop(),
				Dial: func() (upstream.Conn, error) { return &silent{gone: make(chan struct{})}, nil }}, f)
			f.in.Start()
			h.tell(began{f})
			h.Leave(s)
			h.end()
			<-h.reconciled
			h.work.Wait()
			if got := f.in.Status().State; got != upstream.Closed || !f.over() {
				t.Errorf("it is %s", got)
			}
		})
	}
}

// BenchmarkThousandServers: what a change costs with 1,000 servers, until the sessions know; and how long a call waits for its admission
// meanwhile, at the 99th percentile.
func BenchmarkThousandServers(b *testing.B) {
	c, read := manyServers(b, 1000)
	again, _ := manyServers(b, 1000)
	for name, change := range map[string]func(h *Hub, i int){
		"reload": func(h *Hub, i int) { h.tell(configRead{config: []*config.Config{c, again}[i%2]}) },
		"approval": func(h *Hub, i int) {
			h.adopt(keyOf(c.Servers[i%1000]), listedServer(c.Servers[i%1000], uint64(i+2), "a", fmt.Sprint("c", i)))
		},
		"join": func(h *Hub, i int) {
			s := h.client()
			h.tell(joined{s})
			h.tell(greeted{s})
			h.Leave(s)
		},
	} {
		b.Run(name, func(b *testing.B) {
			h := bare(b, stateOf(c, read, map[*session.Session]string{}))
			staying := h.client()
			h.tell(joined{staying}, greeted{staying})
			admit := h.Admit(c.Servers[7])
			it := read.recorded[keyOf(c.Servers[7])].Record.Items[0]
			quiet := latencies(1000, func() { admit(catalog.Tools, it.ID, it.Digest) })
			stop, busy := make(chan struct{}), make(chan []time.Duration)
			go func() {
				var all []time.Duration
				for {
					select {
					case <-stop:
						busy <- all
						return
					default:
						all = append(all, latencies(100, func() { admit(catalog.Tools, it.ID, it.Digest) })...)
					}
				}
			}()
			b.ResetTimer()
			for i := range b.N {
				change(h, i)
			}
			b.StopTimer()
			close(stop)
			all := <-busy
			slices.Sort(all)
			slices.Sort(quiet)
			b.ReportMetric(float64(quiet[len(quiet)*99/100]), "quiet-p99-ns")
			b.ReportMetric(float64(all[len(all)*99/100]), "busy-p99-ns")
		})
	}
}

func latencies(n int, f func()) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		began := time.Now()
		f()
		all[i] = time.Since(began)
	}
	return all
}
