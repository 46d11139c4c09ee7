package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// goodAndBad is a proxy that knows two servers; from now on bad has the options given.
func goodAndBad(t *testing.T, bad mcptest.Server, options map[string]any) *home {
	t.Helper()
	mark := marked(t)
	good := mcptest.Server{Name: "good", Mark: mark}
	h := newHome(t).set(entries{"good": calm(good), "bad": calm(mcptest.Server{Name: "bad", Mark: mark})}, nil).learned()
	bad.Name, bad.Mark = "bad", mark
	return h.own(entries{"good": calm(good), "bad": entryOf(bad, options)}, nil)
}

func TestServerKilledInACall(t *testing.T) {
	t.Parallel()
	c := goodAndBad(t, mcptest.Server{}, nil).initialized("")
	before := pidOf(t, c, "bad")
	c.Tool("bad__stderr", map[string]any{"text": "the last words"})
	meanwhile(t, c, func() {
		tells(t, c.Tool("bad__kill9", nil), `server "bad"`, "killed by SIGKILL", "during the call", "started again by the next call", "the last words")
	})
	if after := pidOf(t, c, "bad"); after == before {
		t.Error("it was not started again")
	}
}

func TestEveryCallInFlightIsTold(t *testing.T) {
	t.Parallel()
	c := goodAndBad(t, mcptest.Server{}, nil).initialized("")
	answers(t, c, "bad")
	const n = 20
	done := make(chan mcptest.Response, n)
	for range n {
		go func() { done <- c.Tool("bad__never", nil) }()
	}
	soon(t, 5*time.Second, "all calls are at the server", func() bool {
		return strings.Contains(c.Tool("bad__count", nil).Text(), `"tools/call":2`) // 1 echo, 20 never and the looks themselves: 2x
	})
	c.Tool("bad__crash", map[string]any{"code": 7, "text": "boom"})
	for range n {
		tells(t, <-done, `server "bad"`, "exited with status 7", "boom")
	}
	answers(t, c, "bad")
}

func TestServerKilledBetweenCalls(t *testing.T) {
	t.Parallel()
	c := goodAndBad(t, mcptest.Server{}, nil).initialized("")
	for range 5 {
		pid := pidOf(t, c, "bad")
		if err := signal(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		mcptest.WaitGone(pid, time.Second)
		// What is written to a process that has just died can't be known not to have run.
		soon(t, 5*time.Second, "its end is seen", func() bool { return stateOf(t, c, "bad") == "idle" })
		answers(t, c, "bad")
	}
	answers(t, c, "good")
}

func TestHangInInitializeDelaysNobody(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{
		"bad":  entryOf(mcptest.Server{Name: "bad", Mark: mark, Faults: []mcptest.Fault{mcptest.FaultHangInitialize}}, map[string]any{"start_timeout": "20s"}),
		"good": calm(mcptest.Server{Name: "good", Mark: mark}),
	}, map[string]any{"first_list_wait": "6s"})
	begin := time.Now()
	c := h.initialized("")
	if took := time.Since(begin); mcptest.TooLong(took, time.Second) {
		t.Errorf("initialize took %v", took)
	}
	// Nothing has been listed yet, and the good one is there all the same.
	answers(t, c, "good")
	if took := time.Since(begin); mcptest.TooLong(took, 2*time.Second) {
		t.Errorf("a call to the other server waited for the hanging one: %v", took)
	}
	names := toolNames(c)
	if took := time.Since(begin); mcptest.TooLong(took, 5*time.Second) {
		t.Errorf("the first list took %v; half of first_list_wait without a sign of life is 3 s", took)
	}
	if !strings.Contains(names, " good__echo ") || strings.Contains(names, "bad__") {
		t.Errorf("the first list is %s", names)
	}
	meanwhile(t, c, func() { tells(t, c.Tool("bad__echo", nil), `server "bad"`, "still starting, not run") })
	if state := stateOf(t, c, "bad"); state != "starting" {
		t.Errorf("it is listed as %q", state)
	}
}

func TestHangInInitializeEndsAtStartTimeout(t *testing.T) {
	t.Parallel()
	c := goodAndBad(t, mcptest.Server{Faults: []mcptest.Fault{mcptest.FaultHangInitialize}, StderrText: "waiting for godot"},
		map[string]any{"start_timeout": "400ms"}).initialized("")
	meanwhile(t, c, func() {
		tells(t, c.Tool("bad__echo", nil), `server "bad"`, "did not start", "start_timeout", "Check its command", "waiting for godot")
	})
	if s := listed(t, c, "bad"); s["state"] != "failed" || s["next_try"] == nil || s["why"] == nil || s["since"] == nil || s["do"] == "" {
		t.Errorf("listed as %v", s)
	}
	soon(t, 5*time.Second, "a call is told when it is tried again", func() bool { // on a busy machine that can be now
		text := c.Tool("bad__echo", nil).Text()
		return strings.Contains(text, "is not running") && strings.Contains(text, "can be started again in")
	})
}

func TestStartGoesOnWithoutTheCall(t *testing.T) {
	t.Parallel()
	c := goodAndBad(t, mcptest.Server{InitDelay: 1200 * time.Millisecond}, map[string]any{"start_wait": "200ms", "start_timeout": "30s"}).initialized("")
	meanwhile(t, c, func() {
		tells(t, c.Tool("bad__incr", nil), `server "bad"`, "still starting, not run", "call again")
	})
	soon(t, 5*time.Second, "the start comes to its end", func() bool { return stateOf(t, c, "bad") == "running" })
	if got := c.Tool("bad__incr", nil).Text(); got != "1" {
		t.Errorf("the call that was told not to have run was run: %s", got)
	}
	if counts := c.Tool("bad__count", nil).Text(); !strings.Contains(counts, `"initialize":1`) {
		t.Errorf("it was initialized more than once: %s", counts)
	}
}

func TestCancelledWhileStarting(t *testing.T) {
	t.Parallel()
	c := goodAndBad(t, mcptest.Server{InitDelay: 500 * time.Millisecond}, nil).initialized("")
	c.Send(`{"jsonrpc":"2.0","id":"waiting","method":"tools/call","params":{"name":"bad__incr","arguments":{}}}`)
	c.Send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"waiting"}}`)
	if got := c.Tool("bad__incr", nil).Text(); got != "1" {
		t.Errorf("the cancelled call was sent: %s", got)
	}
	for _, m := range c.Received() {
		if m.ID == `"waiting"` {
			t.Errorf("the cancelled call was answered: %s", m.Raw)
		}
	}
}

func TestExitAtStart(t *testing.T) {
	t.Parallel()
	c := goodAndBad(t, mcptest.Server{Faults: []mcptest.Fault{mcptest.FaultExitAtStart}, ExitCode: 3, StderrText: "error: TOKEN_FILE is missing\n  at line 12"}, nil).initialized("")
	meanwhile(t, c, func() {
		tells(t, c.Tool("bad__echo", nil), `server "bad"`, "did not start", "exited with status 3", "TOKEN_FILE is missing", "at line 12", "Check its command")
	})
	logs := c.Tool("upstream_servers", map[string]any{"operation": "logs", "name": "bad"}).Text()
	if !strings.Contains(logs, "TOKEN_FILE is missing") {
		t.Errorf("its logs are %q", logs)
	}
}

func TestNoSuchCommand(t *testing.T) {
	t.Parallel()
	h := goodAndBad(t, mcptest.Server{}, map[string]any{"command": "no-such-program-here", "args": nil})
	c := h.initialized("")
	c.List("tools/list")
	meanwhile(t, c, func() {
		tells(t, c.Tool("bad__echo", nil), `server "bad"`, `"no-such-program-here" was not found`, "install it")
	})
}

func TestHalfALine(t *testing.T) {
	t.Parallel()
	t.Run("answering initialize", func(t *testing.T) {
		c := goodAndBad(t, mcptest.Server{Faults: []mcptest.Fault{mcptest.FaultHalfLine}}, map[string]any{"start_timeout": "400ms"}).initialized("")
		meanwhile(t, c, func() { tells(t, c.Tool("bad__echo", nil), `server "bad"`, "did not start", "start_timeout") })
	})
	t.Run("then the end", func(t *testing.T) {
		c := goodAndBad(t, mcptest.Server{}, nil).initialized("")
		meanwhile(t, c, func() {
			tells(t, c.Tool("bad__half", map[string]any{"then": "exit", "ms": 50}), `server "bad"`, "exited with status 1")
		})
		answers(t, c, "bad")
	})
	t.Run("then the other half", func(t *testing.T) {
		c := goodAndBad(t, mcptest.Server{}, nil).initialized("")
		if r := c.Tool("bad__half", map[string]any{"then": "resume", "ms": 100}); r.Text() != "half a line" {
			t.Errorf("got %s %s", r.Result, r.Error)
		}
	})
	t.Run("then silence", func(t *testing.T) {
		c := goodAndBad(t, mcptest.Server{}, map[string]any{"call_timeout": "400ms"}).initialized("")
		answers(t, c, "bad")
		meanwhile(t, c, func() {
			tells(t, c.Tool("bad__half", map[string]any{"then": "hang"}), `server "bad"`, "no answer in time")
		})
	})
}

func TestHugeLine(t *testing.T) {
	t.Parallel()
	c := goodAndBad(t, mcptest.Server{}, nil).initialized("")
	c.Timeout = time.Minute
	pid := pidOf(t, c, "bad")
	meanwhile(t, c, func() {
		// Its own answer is too large: one clear error, and the connection lives.
		tells(t, c.Tool("bad__bytes", map[string]any{"n": 100 << 20}), `server "bad"`, "exceeds the limit of 67108864 bytes")
		// A huge line of noise beside the answer costs nothing but itself.
		if r := c.Tool("bad__frame", map[string]any{"line": "noise ", "pad": 100 << 20}); r.Text() != "sent" {
			t.Errorf("got %s %s", r.Result, r.Error)
		}
	})
	if after := pidOf(t, c, "bad"); after != pid {
		t.Error("the server was restarted for a line too long")
	}
}

func TestNoiseAndOddServers(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]mcptest.Server{
		"noise on stdout": {Faults: []mcptest.Fault{mcptest.FaultGarbageStdout}},
		"stderr flood":    {Faults: []mcptest.Fault{mcptest.FaultStderrFlood}, StderrBytes: 64 << 20},
		"answers twice":   {Faults: []mcptest.Fault{mcptest.FaultAnswerTwice}},
		"stray answers":   {Faults: []mcptest.Fault{mcptest.FaultStrayAnswers}},
		"crlf":            {Faults: []mcptest.Fault{mcptest.FaultCRLF}},
		"strict":          {Faults: []mcptest.Fault{mcptest.FaultStrictInit}},
		"id last":         {IDLast: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := goodAndBad(t, opts, nil).initialized("")
			meanwhile(t, c, func() {
				for range 20 {
					answers(t, c, "bad")
				}
				if r := c.Tool("bad__progress", map[string]any{"steps": 3}); r.Text() != "done 3" {
					t.Errorf("got %s %s", r.Result, r.Error)
				}
			})
			ids := map[string]int{}
			for _, m := range c.Received() {
				if m.Noise {
					t.Errorf("on our stdout: %s", m.Raw)
				}
				if m.Method == "" {
					ids[m.ID]++
				}
			}
			for id, n := range ids {
				if n != 1 {
					t.Errorf("request %s was answered %d times", id, n)
				}
			}
		})
	}
}

func TestPagesWithoutEnd(t *testing.T) {
	t.Parallel()
	for _, fault := range []mcptest.Fault{mcptest.FaultPagesForever, mcptest.FaultPagesLoop} {
		t.Run(string(fault), func(t *testing.T) {
			mark := marked(t)
			h := newHome(t).set(entries{
				"bad":  calm(mcptest.Server{Name: "bad", Mark: mark, Faults: []mcptest.Fault{fault}, PageSize: 5}),
				"good": calm(mcptest.Server{Name: "good", Mark: mark}),
			}, nil)
			c := h.initialized("")
			begin := time.Now()
			names := toolNames(c)
			if !strings.Contains(names, " good__echo ") || !strings.Contains(names, " bad__echo ") {
				t.Errorf("after %v the list is %.300s", time.Since(begin), names)
			}
			if took := time.Since(begin); mcptest.TooLong(took, 10*time.Second) {
				t.Errorf("the list took %v", took)
			}
			meanwhile(t, c, func() { answers(t, c, "bad") })
			if !strings.Contains(c.Stderr(), "pages on without an end") {
				t.Errorf("nobody was told: %s", c.Stderr())
			}
		})
	}
}

func TestForkHoldsThePipe(t *testing.T) {
	t.Parallel()
	for _, fault := range []mcptest.Fault{mcptest.FaultFork, mcptest.FaultForkGroup} {
		t.Run(string(fault), func(t *testing.T) {
			c := goodAndBad(t, mcptest.Server{Faults: []mcptest.Fault{fault}}, nil).initialized("")
			answers(t, c, "bad")
			kids := mcptest.Descendants(pidOf(t, c, "bad"))
			if len(kids) == 0 {
				t.Fatal("there is no grandchild")
			}
			begin := time.Now()
			meanwhile(t, c, func() {
				tells(t, c.Tool("bad__crash", map[string]any{"code": 4}), `server "bad"`, "exited with status 4")
			})
			if took := time.Since(begin); mcptest.TooLong(took, 3*time.Second) {
				t.Errorf("the grandchild held the call for %v", took)
			}
			if left := mcptest.WaitAllGone(kids, time.Second); left != nil {
				t.Errorf("grandchildren left: %v", left)
			}
			answers(t, c, "bad")
		})
	}
}

func TestServerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	c := goodAndBad(t, mcptest.Server{Faults: []mcptest.Fault{mcptest.FaultNoRead}, NoReadAfter: 12}, map[string]any{"call_timeout": "600ms"}).initialized("")
	answers(t, c, "bad")
	for n := 0; !c.Tool("bad__echo", map[string]any{"message": "still reading"}).IsError(); n++ {
		if n > 20 {
			t.Fatal("it reads on")
		}
	}
	big := strings.Repeat("x", 8<<20)
	full := make(chan mcptest.Response, 12)
	for range 12 { // more than waits for a server: 64 MiB
		go func() { full <- c.Tool("bad__echo", map[string]any{"message": big}) }()
	}
	meanwhile(t, c, func() { tells(t, c.Tool("bad__pid", nil), `server "bad"`) })
	refused := 0
	for range 12 {
		r := <-full
		tells(t, r, `server "bad"`)
		if strings.Contains(r.Text(), "does not read stdin") {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no call was refused although the server left more than 64 MiB unread")
	}
}

func TestCallTimeoutCountsFromTheLastProgress(t *testing.T) {
	t.Parallel()
	c := goodAndBad(t, mcptest.Server{InitDelay: 700 * time.Millisecond}, map[string]any{"call_timeout": "500ms"}).initialized("")
	// A start is no call.
	answers(t, c, "bad")
	tells(t, c.Tool("bad__never", nil), `server "bad"`, "no answer in time", "call_timeout", "500ms")
	if got := c.Tool("bad__cancelled", nil).Text(); !strings.Contains(got, "requestId") {
		t.Errorf("the server was not told: %s", got)
	}
	r := c.CallRaw(`{"jsonrpc":"2.0","id":"p","method":"tools/call","params":{"name":"bad__progress","arguments":{"steps":6,"ms":200},"_meta":{"progressToken":"tok"}}}`)
	if r.Text() != "done 6" {
		t.Errorf("progress did not extend the call: %s %s", r.Result, r.Error)
	}
	tells(t, c.Tool("bad__progress", map[string]any{"steps": 6, "ms": 200}), "no answer in time") // no token: no sign of life
}

func TestAnswerAfterTheTimeout(t *testing.T) {
	t.Parallel()
	c := goodAndBad(t, mcptest.Server{Faults: []mcptest.Fault{mcptest.FaultAnswerCancelled}}, map[string]any{"call_timeout": "300ms"}).initialized("")
	tells(t, c.Tool("bad__sleep", map[string]any{"ms": 600}), "no answer in time")
	time.Sleep(500 * time.Millisecond)
	answers(t, c, "bad")
	n := 0
	for _, m := range c.Received() {
		if m.Method == "" && strings.Contains(string(m.Raw), "slept 600") {
			n++
		}
	}
	if n != 0 {
		t.Error("the late answer was passed on as well")
	}
}

func TestIdleStop(t *testing.T) {
	t.Parallel()
	c := goodAndBad(t, mcptest.Server{}, map[string]any{"idle_timeout": "300ms"}).initialized("")
	pid := pidOf(t, c, "bad")
	if !mcptest.WaitGone(pid, 5*time.Second) {
		t.Fatal("it was not stopped")
	}
	if state := stateOf(t, c, "bad"); state != "idle" {
		t.Errorf("listed as %s", state)
	}
	next := pidOf(t, c, "bad")
	if next == pid {
		t.Error("the pid is the same")
	}
	// A call that takes longer than the limit is no idleness.
	if r := c.Tool("bad__sleep", map[string]any{"ms": 900}); r.Text() != "slept 900 ms" {
		t.Errorf("got %s %s", r.Result, r.Error)
	}
	// A subscription keeps it up, until it is taken back.
	pid = pidOf(t, c, "bad")
	c.Call("resources/subscribe", map[string]any{"uri": uriOf(t, c, "bad")})
	time.Sleep(900 * time.Millisecond)
	if !mcptest.Alive(pid) {
		t.Error("it was stopped while a subscription was held")
	}
	c.Call("resources/unsubscribe", map[string]any{"uri": uriOf(t, c, "bad")})
	if !mcptest.WaitGone(pid, 5*time.Second) {
		t.Error("it was not stopped after the subscription was taken back")
	}
}

// uriOf is a resource that only the named server has: both have the same ones, and the second one's are wrapped.
func uriOf(t testing.TB, c *mcptest.Client, name string) string {
	t.Helper()
	uris := c.Names("resources/list")
	for _, uri := range uris {
		if strings.HasPrefix(uri, "mcpproxy://"+name+"/") {
			return uri
		}
	}
	for _, uri := range uris {
		if !strings.HasPrefix(uri, "mcpproxy://") {
			return uri
		}
	}
	t.Fatalf("no resource of %s: %v", name, uris)
	return ""
}

// A call that comes while the server is being stopped for idleness starts the next one. The server is slow to end.
func TestCallDuringIdleStop(t *testing.T) {
	t.Parallel()
	c := goodAndBad(t, mcptest.Server{ExitDelay: 400 * time.Millisecond}, map[string]any{"idle_timeout": "150ms"}).initialized("")
	for range 3 {
		pid := pidOf(t, c, "bad")
		soon(t, 3*time.Second, "it is being stopped", func() bool { return stateOf(t, c, "bad") == "idle" })
		if !mcptest.Alive(pid) {
			t.Log("it was gone already")
		}
		if next := pidOf(t, c, "bad"); next == pid {
			t.Error("the call went to the one being stopped")
		}
	}
}

func TestCrashLoopingServersDoNotSpin(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]mcptest.Server{
		"exits at start":      {Faults: []mcptest.Fault{mcptest.FaultExitAtStart}, ExitCode: 1},
		"exits after a while": {ExitAfterInit: 50 * time.Millisecond, ExitCode: 1},
	} {
		for _, seen := range []bool{false, true} {
			t.Run(name+map[bool]string{false: ", never seen", true: ""}[seen], func(t *testing.T) {
				mark := marked(t)
				h := newHome(t)
				count := filepath.Join(h.dir, "starts")
				launch := func(s mcptest.Server) entries {
					s.Name, s.Mark = "bad", mark
					return entries{"bad": entryOf(s, map[string]any{"start": "eager", "env": map[string]string{envStarts: count}}),
						"good": calm(mcptest.Server{Name: "good", Mark: mark})}
				}
				if seen {
					h.set(launch(mcptest.Server{}), nil).learned()
					os.Remove(count)
				}
				c := h.set(launch(opts), nil).initialized("")
				time.Sleep(3 * time.Second)
				n := starts(t, count)
				t.Logf("%d starts in 3 s", n)
				if n < 2 || n > 8 {
					t.Errorf("%d starts in 3 s", n)
				}
				answers(t, c, "good")
			})
		}
	}
}

func TestEagerServerIsStartedAgain(t *testing.T) {
	t.Parallel()
	c := goodAndBad(t, mcptest.Server{}, map[string]any{"start": "eager"}).initialized("")
	soon(t, 5*time.Second, "it runs without being called", func() bool { return stateOf(t, c, "bad") == "running" })
	pid := pidOf(t, c, "bad")
	signal(pid, syscall.SIGKILL)
	mcptest.WaitGone(pid, time.Second)
	soon(t, time.Second, "its death is seen", func() bool { return stateOf(t, c, "bad") != "running" })
	soon(t, 5*time.Second, "it runs again without being called", func() bool { return stateOf(t, c, "bad") == "running" })
	if pidOf(t, c, "bad") == pid {
		t.Error("it is the same process")
	}
}
