package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/docker"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// foreign starts a container of somebody else, which goes when the test ends.
func (b boxes) foreign(t testing.TB, labels map[string]string) (id string) {
	t.Helper()
	ctx := context.Background()
	made, err := b.API.ContainerCreate(ctx, &container.Config{Image: mcptest.ServerImage, OpenStdin: true, Labels: labels}, &container.HostConfig{NetworkMode: "none"}, nil, nil, "")
	if err == nil {
		err = b.API.ContainerStart(ctx, made.ID, container.StartOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.API.ContainerRemove(ctx, made.ID, container.RemoveOptions{Force: true}); err != nil {
			t.Errorf("a foreign container is gone: %v", err)
		}
	})
	return made.ID
}

// counting calls a server that counts its calls; a container that was replaced, or another one, counts anew.
type counting struct {
	b  boxes
	h  *home
	c  *mcptest.Client
	id string
	n  int
}

func (b boxes) counting(h *home, c *mcptest.Client) *counting {
	h.t.Helper()
	p := &counting{b: b, h: h, c: c}
	p.goesOn()
	for _, one := range b.of(h, "counts") {
		p.id = one.ID
	}
	p.goesOn()
	return p
}

func (p *counting) goesOn() {
	p.h.t.Helper()
	p.n++
	if got := said(p.c.Tool("counts__incr", nil)); got != strconv.Itoa(p.n) {
		p.h.t.Fatalf("the container of another owner answers %s where %d is due", got, p.n)
	}
	if p.id == "" {
		return
	}
	if state := p.b.look(p.h.t, p.id); !state.State.Running || state.RestartCount != 0 {
		p.h.t.Fatalf("the container of another owner is %s", state.State.Status)
	}
}

// A proxy that is killed at any moment leaves containers, and the next one of its home removes them: these, and no others. The servers
// ignore the end of their stdin, so nothing but that removes them.
func TestIsolatedKilledAnywhere(t *testing.T) {
	t.Parallel()
	kills := 40
	if n, err := strconv.Atoi(os.Getenv("MCPPROXY_TEST_KILLS")); err == nil { // 200 in CI, in a step of its own
		kills = n
	}
	begun := time.Now()
	b := ownBoxes(t)
	stubborn := b.entry(mcptest.Server{Faults: []mcptest.Fault{mcptest.FaultIgnoreEOF}}, nil)
	all := entries{"one": stubborn, "two": stubborn, "counts": b.entry(mcptest.Server{}, nil)}
	h, other := newHome(t).set(all, nil).learned(), newHome(t).set(entries{"counts": all["counts"]}, nil).learned()
	strangers := []string{
		b.foreign(t, nil),
		b.foreign(t, map[string]string{docker.LabelServer: "one", docker.LabelDigest: h.entry("", "one").LaunchKey()}),
		b.foreign(t, map[string]string{docker.LabelServer: "one", docker.LabelHub: "SOMEBODY", docker.LabelOwner: "ELSE"}),
	}
	bystanders := []*counting{
		b.counting(other, other.initialized("")), // another user of the engine
		b.counting(h, h.initialized("")),         // another client of this home
	}

	var workers sync.WaitGroup
	var cut, made, left atomic.Int64
	for range 4 { // four of the home's proxies at any time
		workers.Go(func() {
			for cut.Add(1) <= int64(kills) && !t.Failed() {
				n := killedProxy(t, h)
				made.Add(int64(n))
				if n > 0 {
					left.Add(1)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { workers.Wait(); close(done) }()
	for tick := time.NewTicker(500 * time.Millisecond); ; {
		for _, p := range bystanders {
			p.goesOn()
		}
		select {
		case <-tick.C:
			continue
		case <-done:
			tick.Stop()
		}
		break
	}
	t.Logf("%d kills in %.0f s, %d of them with servers that had answered", kills, time.Since(begun).Seconds(), left.Load())
	if made.Load() == 0 {
		t.Error("no server ever answered: nothing was tried")
	}

	b.settle(t)
	before := len(b.of(h, ""))
	c := h.initialized("")
	for _, name := range []string{"one", "two"} {
		answers(t, c, name)
	}
	soon(t, 30*time.Second, "only what lives is left", func() bool { return len(b.of(h, "")) == 3 })
	c.Close()
	soon(t, 10*time.Second, "its own are gone", func() bool { return len(b.of(h, "")) == 1 })
	t.Logf("%d containers were there before the last start, %.0f s in all", before, time.Since(begun).Seconds())
	if before < 2 {
		t.Errorf("only %d containers were left over: nothing was tried", before)
	}
	for _, p := range bystanders {
		p.goesOn()
		p.c.Close()
		b.empty(p.h)
	}
	for _, id := range strangers {
		if state := b.look(t, id); !state.State.Running {
			t.Errorf("a foreign container is %s", state.State.Status)
		}
	}
}

// killedProxy starts a proxy, has it start two servers, kills it in the middle, and tells how many had answered.
func killedProxy(t *testing.T, h *home) (answered int) {
	c := h.start()
	c.Send(rawInitialize("2025-11-25"))
	c.Send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	for _, name := range []string{"one", "two"} {
		c.Send(rawCall(`"`+name+`"`, name+"__echo", `{"message":"x"}`))
	}
	if rand.IntN(4) == 0 { // when both run; a hang is found here
		for _, name := range []string{"one", "two"} {
			if _, ok := c.Wait(time.Minute, answerTo(`"`+name+`"`)); !ok {
				t.Errorf("%s does not answer: %s", name, c.Stderr())
			}
		}
	}
	time.Sleep(time.Duration(rand.IntN(600)) * time.Millisecond)
	c.Signal(syscall.SIGKILL)
	c.WaitExit(10 * time.Second)
	for _, name := range []string{"one", "two"} {
		if m, ok := c.Wait(0, answerTo(`"`+name+`"`)); ok {
			if r := (mcptest.Response{Result: m.Result, Error: m.Error}); r.Text() != "Echo: x" {
				t.Errorf("%s: %s", name, m.Raw)
			}
			answered++
		}
	}
	return answered
}

// settle waits until the engine makes no containers any more: requests of killed proxies may still be under way.
func (b boxes) settle(t testing.TB) {
	t.Helper()
	last, since := "", time.Now()
	for deadline := time.Now().Add(time.Minute); time.Since(since) < time.Second; time.Sleep(50 * time.Millisecond) {
		now := ""
		for _, c := range b.Containers() {
			now += c.ID + c.State
		}
		if now != last {
			last, since = now, time.Now()
		}
		if time.Now().After(deadline) {
			t.Fatal("the engine does not come to rest")
		}
	}
}

// An engine that goes away and comes back costs the calls that it is needed for, each one clear error, and nothing else.
func TestIsolatedEngineGoesAway(t *testing.T) {
	t.Parallel()
	for how, do := range map[string]func(b boxes){
		"stopped": func(b boxes) { b.Stop() },
		"killed":  func(b boxes) { b.Kill() },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			b := ownBoxes(t)
			h := newHome(t).set(entries{"one": b.entry(mcptest.Server{}, nil), "two": b.entry(mcptest.Server{}, nil)}, nil).learned()
			clients := []*mcptest.Client{h.initialized(""), h.initialized("")}
			load := begin(t, clients, "one", "two")
			for range 2 {
				load.reaches(t, "all answer", func(s tally) bool { return s.worst >= 5 })
				do(b)
				load.reaches(t, "all fail", func(s tally) bool { return s.failed > 20 })
				b.Start()
			}
			load.reaches(t, "all answer again", func(s tally) bool { return s.worst >= 5 })
			t.Log(load.end())
			for _, c := range clients {
				if got := isolationOf(t, c, "one"); got != confinedAs {
					t.Errorf("in the end it runs as %q", got)
				}
				c.Close()
			}
			if left := b.WaitNoContainers(2*time.Second, h.hubLabel()); len(left) > 0 { // what the engine itself has left half removed
				t.Logf("%d containers are left to the next start, %s", len(left), left[0].Status)
				h.initialized("")
			}
			b.empty(h)
		})
	}
}

// load calls servers again and again; each call is answered once, by its result or by an error for people.
type load struct {
	stop atomic.Bool
	work sync.WaitGroup

	mu     sync.Mutex
	total  tally
	errors map[string]int
	since  []int // of each caller, since the last look
}

var waits = regexp.MustCompile(`in \d\S*`)

// tally is what happened since the last look.
type tally struct {
	failed int
	worst  int // what the slowest caller got of results
}

func begin(t *testing.T, clients []*mcptest.Client, names ...string) *load {
	l := &load{errors: map[string]int{}, since: make([]int, len(clients)*len(names))}
	for i, c := range clients {
		for j, name := range names {
			l.work.Go(func() { l.calls(t, c, name, i*len(names)+j) })
		}
	}
	t.Cleanup(func() { l.end() })
	return l
}

func (l *load) calls(t *testing.T, c *mcptest.Client, name string, me int) {
	for n := 0; !l.stop.Load(); n++ {
		message := fmt.Sprint("call ", me, " ", n)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		r, err := c.Do(ctx, "tools/call", map[string]any{"name": name + "__echo", "arguments": map[string]any{"message": message}})
		cancel()
		switch {
		case err != nil:
			t.Errorf("%s: no answer: %v", name, err)
			return
		case r.IsError() || r.Error != nil:
			tells(t, r, `server "`+name+`"`)
			if text := r.Text(); !strings.Contains(text, "Docker engine") && !strings.Contains(text, "Docker is not running") && !strings.Contains(text, "exited with status") {
				t.Errorf("the error does not tell what went away: %s", text)
			}
			lacks(t, "the error", r.Text(), "EOF", "goroutine", "broken pipe", "use of closed", "http: ")
		case r.Text() != "Echo: "+message:
			t.Errorf("%s: %s", name, r.Raw)
		}
		l.mu.Lock()
		if r.IsError() {
			l.total.failed++
			l.errors[waits.ReplaceAllString(r.Text(), "in …")]++
		} else {
			l.since[me]++
		}
		l.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
}

func (l *load) reaches(t *testing.T, what string, enough func(tally) bool) {
	t.Helper()
	l.mu.Lock()
	l.total = tally{}
	clear(l.since)
	l.mu.Unlock()
	soon(t, 2*time.Minute, what, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		now := l.total
		now.worst = 1 << 30
		for _, n := range l.since {
			now.worst = min(now.worst, n)
		}
		return enough(now)
	})
}

// end stops the calls and gives the errors there were.
func (l *load) end() string {
	l.stop.Store(true)
	l.work.Wait()
	text, err := json.MarshalIndent(l.errors, "", " ")
	if err != nil {
		panic(err)
	}
	return string(text)
}
