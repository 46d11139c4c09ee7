package mcptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Response is the answer to a call.
type Response struct {
	ID     string          // as written
	Result json.RawMessage // nil when it is an error
	Error  json.RawMessage
	Raw    json.RawMessage // the whole message
}

// Text joins the text blocks of a tool's result, "" where there are none.
func (r Response) Text() string {
	var result struct {
		Content []struct{ Text string }
	}
	_ = json.Unmarshal(r.Result, &result)
	var b strings.Builder
	for _, block := range result.Content {
		b.WriteString(block.Text)
	}
	return b.String()
}

// IsError tells whether a tool's result is marked isError.
func (r Response) IsError() bool { return string(member(r.Result, "isError")) == "true" }

// RPCError decodes the error; nil when there is none.
func (r Response) RPCError() *RPCError {
	if r.Error == nil {
		return nil
	}
	e := new(RPCError)
	if err := json.Unmarshal(r.Error, e); err != nil {
		e.Message = "unfit error object: " + string(r.Error)
	}
	return e
}

// ErrClosed is what a call gives when the peer's stdout has ended.
var ErrClosed = errors.New("the peer has closed its output")

// Do sends a request with an id of the client's own and waits for its answer.
// It gives ErrClosed, or the error of ctx; then nothing is sent to cancel it.
func (c *Client) Do(ctx context.Context, method string, params any) (Response, error) {
	id := c.id()
	return c.exchange(ctx, id, request([]byte(id), method, c.marshal(params)))
}

// DoRaw sends a line and waits for the answer with its id; without an id in it,
// for the next answer with the id null.
func (c *Client) DoRaw(ctx context.Context, line string) (Response, error) {
	e, err := parseEnvelope([]byte(line))
	id := string(e.id)
	if err != nil || id == "" {
		id = "null"
	}
	return c.exchange(ctx, id, []byte(line))
}

func (c *Client) exchange(ctx context.Context, id string, frame []byte) (Response, error) {
	return c.begin(id, frame)(ctx)
}

// begin sends a request and gives a function that waits for its answer. Answers
// with one id go to those who wait for it in turn.
func (c *Client) begin(id string, frame []byte) func(context.Context) (Response, error) {
	ch := make(chan Message, 1)
	c.mu.Lock()
	c.waiting[id] = append(c.waiting[id], ch)
	c.mu.Unlock()
	c.writer.send(frame)
	give := func(m Message) (Response, error) {
		return Response{ID: m.ID, Result: m.Result, Error: m.Error, Raw: m.Raw}, nil
	}
	return func(ctx context.Context) (Response, error) {
		var err error
		select {
		case m := <-ch:
			return give(m)
		case <-ctx.Done():
			err = ctx.Err()
		case <-c.readDone:
			err = ErrClosed
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.waiting[id] = slices.DeleteFunc(c.waiting[id], func(w chan Message) bool { return w == ch })
		select {
		case m := <-ch: // came with the end
			return give(m)
		default:
			return Response{ID: id}, err
		}
	}
}

// Call is Do within the client's Timeout; a failure to get an answer is an error
// of the test and gives a Response without Result and Error.
func (c *Client) Call(method string, params any) Response {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	r, err := c.Do(ctx, method, params)
	if err != nil {
		c.t.Errorf("mcptest: %s: %v%s", method, err, c.stderrTail())
	}
	return r
}

// CallRaw is DoRaw within the client's Timeout, with errors as in Call.
func (c *Client) CallRaw(line string) Response {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	r, err := c.DoRaw(ctx, line)
	if err != nil {
		c.t.Errorf("mcptest: %.200s: %v%s", line, err, c.stderrTail())
	}
	return r
}

// Tool calls a tool; nil arguments become {}.
func (c *Client) Tool(name string, arguments any) Response {
	c.t.Helper()
	if arguments == nil {
		arguments = struct{}{}
	}
	return c.Call("tools/call", map[string]any{"name": name, "arguments": arguments})
}

// Initialize opens a session: caps is the client's capabilities as JSON, empty
// for none, version the revision, empty for 2025-11-25. It gives the answer to
// initialize, with notifications/initialized sent.
func (c *Client) Initialize(caps, version string) Response {
	c.t.Helper()
	if caps == "" {
		caps = "{}"
	}
	if version == "" {
		version = "2025-11-25"
	}
	r := c.Call("initialize", json.RawMessage(fmt.Sprintf(
		`{"protocolVersion":%s,"capabilities":%s,"clientInfo":{"name":"mcptest-client","version":"1.0.0"}}`, quote(version), caps)))
	if r.Error != nil {
		c.t.Errorf("mcptest: initialize: %s", r.Error)
	}
	c.Notify("notifications/initialized", nil)
	return r
}

// List collects all pages of a list, named by its method; the entries are raw.
func (c *Client) List(method string) []json.RawMessage {
	c.t.Helper()
	key := map[string]string{"tools/list": "tools", "prompts/list": "prompts", "resources/list": "resources",
		"resources/templates/list": "resourceTemplates", "tasks/list": "tasks"}[method]
	var all []json.RawMessage
	params := map[string]any{}
	for {
		r := c.Call(method, params)
		var page map[string]json.RawMessage
		var entries []json.RawMessage
		if err := json.Unmarshal(r.Result, &page); err != nil {
			c.t.Errorf("mcptest: %s: %v in %s", method, err, r.Raw)
			return all
		}
		if err := json.Unmarshal(page[key], &entries); err != nil {
			c.t.Errorf("mcptest: %s: %v in %s", method, err, r.Raw)
			return all
		}
		all = append(all, entries...)
		if page["nextCursor"] == nil {
			return all
		}
		params["cursor"] = page["nextCursor"]
	}
}

// Names collects the member name of every entry of a list (uri of resources).
func (c *Client) Names(method string) []string {
	c.t.Helper()
	field := "name"
	if method == "resources/list" {
		field = "uri"
	}
	var names []string
	for _, entry := range c.List(method) {
		names = append(names, unquote(member(entry, field)))
	}
	return names
}

// Received gives everything received so far, in order.
func (c *Client) Received() []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.received)
}

// Wait gives the first message received, now or before, for which f holds.
func (c *Client) Wait(timeout time.Duration, f func(Message) bool) (Message, bool) {
	found := c.collect(timeout, 1, f)
	if len(found) == 0 {
		return Message{}, false
	}
	return found[0], true
}

// Notifications gives the notifications of a method received so far.
func (c *Client) Notifications(method string) []Message {
	return c.collect(0, 0, isNotification(method))
}

// WaitNotifications waits until n notifications of a method have come since the
// start and gives all of them; fewer are an error of the test.
func (c *Client) WaitNotifications(method string, n int, timeout time.Duration) []Message {
	c.t.Helper()
	found := c.collect(timeout, n, isNotification(method))
	if len(found) < n {
		c.t.Errorf("mcptest: %d of %d notifications %s within %v%s", len(found), n, method, timeout, c.stderrTail())
	}
	return found
}

func isNotification(method string) func(Message) bool {
	return func(m Message) bool { return m.Method == method && m.ID == "" }
}

// collect waits until f holds for n messages; n of 0 takes what is there.
func (c *Client) collect(timeout time.Duration, n int, f func(Message) bool) []Message {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	var found []Message
	ended := false
	for seen := 0; ; {
		c.mu.Lock()
		batch, changed := c.received[seen:], c.changed
		c.mu.Unlock()
		seen += len(batch)
		for _, m := range batch {
			if f(m) {
				found = append(found, m)
			}
		}
		if len(found) >= n || ended {
			return found
		}
		select {
		case <-changed:
		case <-c.readDone:
			ended = true // look once more
		case <-deadline.C:
			ended = true
		}
	}
}
