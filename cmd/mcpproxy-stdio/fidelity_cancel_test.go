package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

func cancel(c *mcptest.Client, id string) {
	c.Send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `,"reason":"no <longer> needed","x":1.0}}`)
}

func answerTo(id string) func(mcptest.Message) bool {
	return func(m mcptest.Message) bool { return m.ID == id && m.Method == "" }
}

func rawCall(id, tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"%s","arguments":%s}}`, id, tool, arguments)
}

// TestCancelWaiting: a call cancelled while its server starts is never sent. The second time the tools are known before.
func TestCancelWaiting(t *testing.T) {
	t.Parallel()
	h := behind(t, map[string]mcptest.Server{"s": quickly(mcptest.Server{InitDelay: time.Second})})
	for _, when := range []string{"never listed", "listed"} {
		c := h.initialized("")
		c.Send(rawCall(`"w"`, "s__incr", `{}`))
		c.Send(`{"jsonrpc":"2.0","id":"p","method":"prompts/get","params":{"name":"s__greet","arguments":{"name":"x"}}}`)
		cancel(c, `"w"`)
		cancel(c, `"p"`)
		cancel(c, `"w"`)
		if got := said(c.Tool("s__incr", nil)); got != "1" {
			t.Errorf("%s: call number %s", when, got)
		}
		if got := said(c.Tool("s__count", nil)); strings.Contains(got, "prompts/get") || strings.Contains(got, "notifications/cancelled") {
			t.Errorf("%s: the server got %s", when, got)
		}
		neverComes(t, c, "answer to a cancelled call", answerTo(`"w"`))
		neverComes(t, c, "answer to a cancelled prompts/get", answerTo(`"p"`))
		c.Close()
	}
}

// TestCancelRunning: the server is told, under its own id and with all that the client said; no answer comes, even if the
// server gives one.
func TestCancelRunning(t *testing.T) {
	t.Parallel()
	for _, faults := range [][]mcptest.Fault{nil, {mcptest.FaultAnswerCancelled}} {
		c := proxied(t, "", mcptest.Server{Faults: faults})
		c.Tool("s__echo", map[string]any{"message": "start"})
		c.Send(strings.Replace(rawCall(`"r"`, "s__progress", `{"steps":6,"ms":100}`), `}}}`, `},"_meta":{"progressToken":"pr"}}}`, 1))
		c.WaitNotifications("notifications/progress", 1, 10*time.Second)
		cancel(c, `"r"`)
		cancel(c, `"r"`) // twice
		sent := said(c.Tool("s__last", map[string]any{"method": "tools/call", "tool": "progress"}))
		id := strings.TrimSuffix(strings.TrimPrefix(regexp.MustCompile(`"id":\d+,`).FindString(sent), `"id":`), ",")
		if got := last(c, "s", "notifications/cancelled"); got != `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+id+`,"reason":"no <longer> needed","x":1.0}}` {
			t.Errorf("the server with id %s was told %s", id, got)
		}
		if got := said(c.Tool("s__count", nil)); !strings.Contains(got, `"notifications/cancelled":1`) {
			t.Errorf("told more than once: %s", got)
		}
		seen := len(c.Notifications("notifications/progress"))
		c.Tool("s__sleep", map[string]any{"ms": 800})
		neverComes(t, c, "answer to a cancelled call", answerTo(`"r"`))
		if now := len(c.Notifications("notifications/progress")); now != seen {
			t.Errorf("%d progress notifications after the cancellation", now-seen)
		}
	}
}

// TestCancelOddly: of what is answered, unknown, or initialize itself. Nothing happens and nothing is passed on.
func TestCancelOddly(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"s": quickly(mcptest.Server{})}).start()
	c.Send(rawInitialize("2025-11-25"))
	cancel(c, "0")
	if m, ok := c.Wait(10*time.Second, answerTo("0")); !ok || m.Result == nil {
		t.Fatal("initialize was cancelled")
	}
	c.Notify("notifications/initialized", nil)
	c.CallRaw(rawCall(`"done"`, "s__echo", `{"message":"x"}`))
	for _, id := range []string{`"done"`, `"unknown"`, `12345`, `null`, `{}`, `0`} {
		cancel(c, id)
	}
	c.Notify("notifications/cancelled", nil)
	c.Notify("notifications/cancelled", map[string]any{})
	if got := said(c.Tool("s__count", nil)); strings.Contains(got, "notifications/cancelled") {
		t.Errorf("the server got %s", got)
	}
	// "1" and 1 are two requests.
	c.Send(rawCall(`"1"`, "s__sleep", `{"ms":300}`))
	cancel(c, `1`)
	if m, ok := c.Wait(10*time.Second, answerTo(`"1"`)); !ok || m.Result == nil {
		t.Error("cancelling 1 cancelled \"1\"")
	}
}

// TestCancelInBatch: the rest of the batch is answered.
func TestCancelInBatch(t *testing.T) {
	t.Parallel()
	c := behind(t, map[string]mcptest.Server{"s": quickly(mcptest.Server{})}).start()
	c.Initialize("", "2025-03-26")
	c.Tool("s__echo", map[string]any{"message": "start"})
	c.Send(`[` + rawCall(`"n"`, "s__never", `{}`) + `,` + rawCall(`"e"`, "s__echo", `{"message":"x"}`) + `]`)
	c.Tool("s__sleep", map[string]any{"ms": 100})
	cancel(c, `"n"`)
	if _, ok := c.Wait(10*time.Second, answerTo(`"e"`)); !ok {
		t.Error("the batch is not answered")
	}
	neverComes(t, c, "answer to a cancelled call", answerTo(`"n"`))
}

// TestCancelDuringElicitation: the server that waits for the client's answer is told; a late answer goes nowhere.
func TestCancelDuringElicitation(t *testing.T) {
	t.Parallel()
	c := proxied(t, `{"elicitation":{}}`, mcptest.Server{})
	asked, answer := make(chan bool, 1), make(chan bool)
	c.Handle("elicitation/create", func(json.RawMessage) (any, error) {
		asked <- true
		<-answer
		return map[string]any{"action": "accept", "content": map[string]any{"name": "late"}}, nil
	})
	c.Send(rawCall(`"e"`, "s__elicit", `{}`))
	select {
	case <-asked:
	case <-time.After(10 * time.Second):
		t.Error("nobody was asked")
	}
	cancel(c, `"e"`)
	if got := said(c.Tool("s__cancelled", nil)); !strings.Contains(got, `no <longer> needed`) {
		t.Errorf("the server was told %s", got)
	}
	close(answer)
	if got := said(c.Tool("s__echo", map[string]any{"message": "x"})); got != "Echo: x" {
		t.Error(got)
	}
	neverComes(t, c, "answer to a cancelled call", answerTo(`"e"`))
}
