package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// peakMB is the most memory that a process has had resident, in MB; the test is skipped where the system does not tell.
func peakMB(t testing.TB, pid int) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil && runtime.GOOS != "linux" {
		t.Skip("needs /proc, for the peak of a process's memory")
	}
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.Atoi(strings.Fields(text)[0])
			return kb / 1000
		}
	}
	t.Fatalf("no peak in %q, %v", data, err)
	return 0
}

// greedy are ways of a server to take memory: what it answers to a method.
var greedy = map[string]struct {
	method string
	result func() string // made only when it is used: this program is the proxy as well
}{
	"many large pages": {"tools/list", func() string {
		return `{"tools":[` + strings.Repeat(`{"name":"a@ID@","description":"`+strings.Repeat("x", 20<<10)+`"},`, 1000) + `{"name":"z"}],"nextCursor":"c@ID@"}`
	}},
	"pages of nothing": {"prompts/list", func() string {
		return `{"prompts":[{"name":"p@ID@"}],"nextCursor":"c@ID@","_meta":{"x":"` + strings.Repeat("y", 20<<20) + `"}}`
	}},
	"one item": {"tools/list", func() string {
		return `{"tools":[{"name":"big","description":"` + strings.Repeat("x", 50<<20) + `"},{"name":"z"}]}`
	}},
	"many pages, one item": {"resources/list", func() string {
		return `{"resources":[{"uri":"x:@ID@","name":"` + strings.Repeat("x", 20<<20) + `"}],"nextCursor":"c@ID@"}`
	}},
	"deep": {"tools/list", func() string {
		return `{"tools":[{"name":"deep","inputSchema":` + strings.Repeat("[", 20<<20) + strings.Repeat("]", 20<<20) + `},{"name":"z"}]}`
	}},
	"deep objects": {"tools/list", func() string {
		return `{"tools":[{"name":"deep","inputSchema":` + strings.Repeat(`{"a":`, 8<<20) + "1" + strings.Repeat("}", 8<<20) + `},{"name":"z"}]}`
	}},
	"cut off":          {"tools/list", func() string { return `{"tools":` + strings.Repeat("[", 50<<20) }},
	"many nothings":    {"tools/list", func() string { return `{"tools":[{"name":"z"}` + strings.Repeat(`,1`, 20<<20) + `]}` }},
	"many broken ones": {"resources/list", func() string { return `{"resources":[` + strings.Repeat(`{"uri":"`+"\x01"+`"},`, 3<<20) + `1]}` }},
	"many nodes": {"tools/list", func() string {
		return `{"tools":[{"name":"nodes","inputSchema":[` + strings.Repeat("[],", 10<<20) + `1]},{"name":"z"}]}`
	}},
	"a long name": {"tools/list", func() string { return `{"tools":[{"name":"` + strings.Repeat("n", 40<<20) + `"},{"name":"z"}]}` }},
	"a long cursor": {"tools/list", func() string {
		return `{"tools":[{"name":"z"}],"nextCursor":"` + strings.Repeat("n", 40<<20) + `@ID@"}`
	}},
	"instructions": {"initialize", func() string {
		return `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"},"instructions":"` + strings.Repeat("x", 50<<20) + `"}`
	}},
	"capabilities": {"initialize", func() string {
		return `{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"experimental":{"x":"` + strings.Repeat("x", 50<<20) + `"}},"serverInfo":{"name":"x","version":"1"}}`
	}},
	"tasks": {"tasks/list", func() string {
		return `{"tasks":[{"taskId":"@ID@","x":"` + strings.Repeat("x", 30<<20) + `"}],"nextCursor":"c@ID@"}`
	}},
}

// memoryMost is what the proxy may take with one such server, in MB: some copies of the largest list, and what Go's garbage collector lets
// stand. Ten times that were taken before there were limits. The race detector multiplies what a process takes.
const memoryMost = 400 * raceFactor

// TestGreedyServers: whatever a server answers, the proxy takes no more memory for it than its limits allow, and the others are served.
func TestGreedyServers(t *testing.T) {
	for name, c := range greedy {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWild(t).says(c.method, answerOf(c.result()))
			h := newHome(t).set(entries{"bad": w.entry(), "good": server(quickly(mcptest.Server{Name: "good"}))}, map[string]any{"first_list_wait": "60s"})
			cl := h.initialized("")
			cl.Timeout = time.Minute
			names := toolNames(cl)
			if !strings.Contains(names, " good__echo ") {
				t.Errorf("the other server is lost: %.300s", names)
			}
			if c.method == "tools/list" && name != "cut off" && name != "many large pages" {
				for n := 1; !strings.Contains(names, " bad__z ") && !t.Failed(); n++ { // a list that takes long is announced later
					cl.WaitNotifications(listChanged, n, time.Minute)
					names = toolNames(cl)
				}
			}
			if c.method == "tasks/list" {
				cl.Call("tasks/list", nil)
			}
			cl.Tool("bad__z", nil)
			peak := peakMB(t, cl.Pid())
			t.Logf("%d MB", peak)
			if peak > memoryMost {
				t.Errorf("the proxy took %d MB", peak)
			}
			strictly(t, cl)
		})
	}
}

// TestGreedyHeldServer: nor does a held one that is inspected.
func TestGreedyHeldServer(t *testing.T) {
	for _, name := range []string{"many large pages", "deep", "many nothings", "one item"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := greedy[name]
			w := newWild(t).says(c.method, answerOf(c.result()))
			h := newHome(t).configure(map[string]json.RawMessage{"good": server(quickly(mcptest.Server{Name: "good"}))})
			h.initialized("").Close()
			h.configure(map[string]json.RawMessage{"bad": w.entry(), "good": server(quickly(mcptest.Server{Name: "good"}))})
			cl := h.start()
			honest(cl)
			cl.Initialize(forms, "")
			approve(t, cl, "bad", nil)
			for begin := time.Now(); inspect(t, cl, "bad").State != "held_definitions" || inspect(t, cl, "bad").Digest == ""; {
				time.Sleep(50 * time.Millisecond)
				if t.Failed() || time.Since(begin) > 2*time.Minute {
					t.Fatal("no inspection")
				}
			}
			peak := peakMB(t, cl.Pid())
			t.Logf("%d MB", peak)
			if peak > memoryMost {
				t.Errorf("the proxy took %d MB", peak)
			}
		})
	}
}

// TestListLimits: what is too large for a list is told as unreadable, by its name and size.
func TestListLimits(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", jsonrpc.MaxItem)
	w := newWild(t).says("tools/list", answerOf(`{"tools":[{"name":"fits","description":"`+big[:jsonrpc.MaxItem-100]+`"},{"name":"big","description":"`+big+`"},{"name":"nodes","x":[`+
		strings.Repeat("1,", jsonrpc.MaxNodes)+`1]},{"name":"deep","x":`+strings.Repeat("[", 125)+strings.Repeat("]", 125)+`}]}`))
	c := newHome(t).configure(map[string]json.RawMessage{"bad": w.entry()}).initialized("")
	if names := toolNames(c); !strings.Contains(names, " bad__fits ") || strings.Contains(names, "bad__big") || strings.Contains(names, "bad__nodes") || strings.Contains(names, "bad__deep") {
		t.Errorf("%.300s", names)
	}
	if in := inspect(t, c, "bad"); in.Changes["unreadable"] != 3 {
		t.Errorf("people are told of %v", in.Changes)
	}
}
