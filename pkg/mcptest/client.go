package mcptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Message is one message that a [Client] received.
type Message struct {
	Raw    json.RawMessage // as it came; an element of a batch stands for itself
	ID     string          // as written, "" where absent
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  json.RawMessage
	At     time.Time
	Noise  bool // no JSON object: Raw is the line
}

// Client is a raw MCP client: it sends what it is given, keeps what it receives,
// in order and as bytes, and answers ping by itself. Its methods can be called
// from several goroutines; failures are reported with t.Errorf.
type Client struct {
	// Timeout bounds every call; when the client is made, [Patience] of 20 s.
	Timeout time.Duration

	t        testing.TB
	in       io.WriteCloser // the peer's stdin
	writer   *frameWriter
	proc     *process // nil over streams
	record   bool
	headed   atomic.Bool // write with Content-Length
	got      atomic.Bool // the peer has written with Content-Length
	nextID   atomic.Int64
	readDone chan struct{}
	handlers sync.WaitGroup // answers being made

	mu       sync.Mutex
	received []Message
	changed  chan struct{} // closed and replaced on each message
	waiting  map[string][]chan Message
	handle   map[string]Handler
	readErr  error // set before readDone closes
}

// Handler answers a request of the server. What it gives becomes the result as
// encoding/json writes it; an error that is a [*RPCError] is sent as it is.
type Handler func(params json.RawMessage) (any, error)

// RPCError is a JSON-RPC error object.
type RPCError struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

func (e *RPCError) Error() string { return fmt.Sprintf("%s (%d)", e.Message, e.Code) }

// ClientOption changes how a [Client] is made.
type ClientOption func(*Client)

// ContentLength makes the client write Content-Length frames. It reads both
// framings in any case; see [Client.GotContentLength].
func ContentLength() ClientOption { return func(c *Client) { c.headed.Store(true) } }

// Unrecorded keeps the answers to calls out of [Client.Received]; benchmarks want that.
func Unrecorded() ClientOption { return func(c *Client) { c.record = false } }

// NewClient makes a client over a pair of streams: it reads from r and writes to
// w, and closes w at the end of the test, or in [Client.Close].
func NewClient(t testing.TB, r io.Reader, w io.WriteCloser, options ...ClientOption) *Client {
	c := newClient(t, w, options)
	go c.readLoop(r) // ends with r; Close waits for it
	t.Cleanup(func() { c.Close() })
	return c
}

func newClient(t testing.TB, w io.WriteCloser, options []ClientOption) *Client {
	c := &Client{Timeout: Patience(20 * time.Second), t: t, in: w, writer: newFrameWriter(w), record: true,
		readDone: make(chan struct{}), changed: make(chan struct{}), waiting: map[string][]chan Message{},
		handle: map[string]Handler{"ping": func(json.RawMessage) (any, error) { return struct{}{}, nil }}}
	c.writer.contentLength = c.headed.Load
	for _, o := range options {
		o(c)
	}
	return c
}

// Send writes one frame as it stands, and does not wait for anything.
func (c *Client) Send(frame string) { c.writer.send([]byte(frame)) }

// SendBytes writes bytes without any framing.
func (c *Client) SendBytes(b []byte) {
	c.writer.add(chunk{data: b, raw: true}, false)
	c.writer.flush()
}

// Notify sends a notification. Params are written as encoding/json does, nil
// leaves them out.
func (c *Client) Notify(method string, params any) {
	c.writer.send(notification(method, c.marshal(params)))
}

// Handle answers requests of one method; each runs in a goroutine of its own.
// Requests without a handler are answered with -32601.
func (c *Client) Handle(method string, h Handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handle[method] = h
}

// GotContentLength tells whether the last frame read had Content-Length framing.
func (c *Client) GotContentLength() bool { return c.got.Load() }

func (c *Client) marshal(params any) []byte {
	switch p := params.(type) {
	case nil:
		return nil
	case json.RawMessage:
		return p
	case []byte:
		return p
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(params); err != nil {
		c.t.Errorf("mcptest: params: %v", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (c *Client) readLoop(r io.Reader) {
	defer close(c.readDone)
	in := newFrameReader(r)
	for {
		frame, err := in.next()
		if err != nil {
			c.mu.Lock()
			c.readErr = err
			c.mu.Unlock()
			return
		}
		c.got.Store(in.contentLength)
		c.take(bytes.Clone(frame))
	}
}

// take stores a frame and hands it to whoever waits.
func (c *Client) take(frame []byte) {
	now := time.Now()
	if len(frame) > 0 && frame[0] == '[' {
		if parts, err := elements(frame); err == nil {
			for _, p := range parts {
				c.message(p, now)
			}
			return
		}
	}
	c.message(frame, now)
}

func (c *Client) message(raw []byte, now time.Time) {
	e, err := parseEnvelope(raw)
	m := Message{Raw: raw, ID: string(e.id), Method: e.method, Params: e.params, Result: e.result, Error: e.err, At: now, Noise: err != nil}
	c.mu.Lock()
	defer c.mu.Unlock()
	response := err == nil && e.isResponse()
	if c.record || !response {
		c.received = append(c.received, m)
		close(c.changed)
		c.changed = make(chan struct{})
	}
	switch {
	case err != nil:
	case response:
		if w := c.waiting[m.ID]; len(w) > 0 {
			w[0] <- m // holds one
			if c.waiting[m.ID] = slices.Delete(w, 0, 1); len(w) == 1 {
				delete(c.waiting, m.ID)
			}
		}
	case e.isRequest():
		h := c.handle[m.Method]
		c.handlers.Go(func() { c.reply(m, h) })
	}
}

func (c *Client) reply(m Message, h Handler) {
	if h == nil {
		c.writer.send(failure([]byte(m.ID), -32601, "Method not found", nil))
		return
	}
	v, err := h(m.Params)
	if err == nil {
		c.writer.send(response(false, []byte(m.ID), orNull(c.marshal(v))))
		return
	}
	rpc, ok := err.(*RPCError)
	if !ok {
		rpc = &RPCError{Code: -32603, Message: err.Error()}
	}
	c.writer.send(rawFailure([]byte(m.ID), c.marshal(rpc)))
}

// id gives the next id of the client's own calls: 1, 2, 3 …
func (c *Client) id() string { return strconv.FormatInt(c.nextID.Add(1), 10) }
