package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

func echoLine(id, message string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"s__echo","arguments":{"message":` + jsonText(message) + `}}}`
}

// TestIDs: an id comes back as it was written, and ids that look alike are told apart.
func TestIDs(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{})
	ids := []string{`0`, `-1`, `-0`, `1`, `1.0`, `1e0`, `1.5`, `"1"`, `""`, `9007199254740993`, `9007199254740992`, `18446744073709551616`,
		`"\u0031"`, `"<&>"`, `"é\n"`, `" 1"`, `1E400`, `"null"`, `"` + strings.Repeat("x", 5000) + `"`}
	for range 2 { // an id may be used again after its answer
		var all sync.WaitGroup
		for _, id := range ids {
			all.Go(func() {
				if r := c.CallRaw(echoLine(id, "for "+id)); r.ID != id || r.Text() != "Echo: for "+id {
					t.Errorf("id %s: %s", id, r.Raw)
				}
			})
		}
		all.Wait()
	}
	for _, id := range ids { // what the proxy answers itself
		if r := c.CallRaw(`{"jsonrpc":"2.0","id":` + id + `,"method":"ping"}`); string(r.Result) != "{}" || r.ID != id {
			t.Errorf("ping with id %s: %s", id, r.Raw)
		}
	}
}

// TestBadIDs are refused under the id null, and cost only their message.
func TestBadIDs(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{})
	for n, id := range []string{`null`, `{}`, `[1]`, `true`} {
		c.Send(`{"jsonrpc":"2.0","id":` + id + `,"method":"ping"}`)
		c.Call("ping", nil)
		refused := 0
		for _, m := range c.Received() {
			if m.Error != nil && strings.Contains(string(m.Error), "-32600") && (m.ID == "null" || m.ID == id) {
				refused++
			}
		}
		if refused != n+1 {
			t.Errorf("id %s: %d refusals so far", id, refused)
		}
	}
}

// TestOneIDTwice: the protocol forbids it, but both requests are answered, each with its own result.
func TestOneIDTwice(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{})
	c.Send(strings.Replace(echoLine("7", ""), `"s__echo","arguments":{"message":""}`, `"s__sleep","arguments":{"ms":200}`, 1))
	c.Send(echoLine("7", "quick"))
	seen := map[string]bool{}
	for n := range 2 {
		if _, ok := c.Wait(10*time.Second, func(m mcptest.Message) bool {
			text := mcptest.Response{Result: m.Result}.Text()
			if m.ID == "7" && text != "" && !seen[text] {
				seen[text] = true
				return true
			}
			return false
		}); !ok {
			t.Fatalf("%d answers: %v", n, seen)
		}
	}
	if !seen["Echo: quick"] || !seen["slept 200 ms"] {
		t.Errorf("%v", seen)
	}
}

// TestManyAtOnce: fifty calls to two servers find their ids.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"a": quickly(mcptest.Server{}), "b": quickly(mcptest.Server{})}).initialized("")
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			message := fmt.Sprint("message ", i)
			if got := said(c.Tool([]string{"a__echo", "b__echo"}[i%2], map[string]any{"message": message})); got != "Echo: "+message {
				t.Errorf("%s: %q", message, got)
			}
		})
	}
	all.Wait()
}

// TestNoQueue: calls that wait do so side by side. Five workers, as one library has, would take 7 s here.
func TestNoQueue(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{})
	c.Tool("s__echo", map[string]any{"message": "start"})
	started := time.Now()
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() { c.Tool("s__sleep", map[string]any{"ms": 1000}) })
	}
	all.Wait()
	if took := time.Since(started); mcptest.TooLong(took, 4*time.Second) {
		t.Errorf("32 calls of 1 s took %v", took)
	}
}
