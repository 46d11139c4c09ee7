package mcp

import (
	"bytes"
	"sync/atomic"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// Client is what a client says of itself. A nil Client has said nothing yet, and can do nothing.
type Client struct {
	Revision     string
	Capabilities []byte // raw object
	Info         []byte // raw object
}

// Can tells whether the client declared a capability.
func (c *Client) Can(path ...string) bool { return c != nil && Declares(c.Capabilities, path...) }

// CanAskURL tells whether it shows people addresses to open (MCP 2025-11-25, elicitation, URL mode).
func (c *Client) CanAskURL() bool { return c.Can("elicitation", "url") }

// CanAskForm tells whether it shows forms to a person (MCP 2025-11-25, elicitation: a capability without modes means
// forms).
func (c *Client) CanAskForm() bool {
	return c.Can("elicitation") && (c.Can("elicitation", "form") || !c.CanAskURL())
}

// Name is the name that the client gave of itself, "" for none.
func (c *Client) Name() string {
	if c == nil {
		return ""
	}
	return string(jsonrpc.Unquote(Field(c.Info, "name")))
}

// Rules are those of the client's revision.
func (c *Client) Rules() Rules {
	if c == nil {
		return Rules{}
	}
	return rules[c.Revision]
}

// Declares tells whether raw capabilities hold a member that is neither false nor null.
func Declares(capabilities []byte, path ...string) bool {
	value := Field(capabilities, path...)
	return value != nil && !bytes.Equal(value, []byte("false")) && !bytes.Equal(value, []byte("null"))
}

// Request is a request, where in it the values stand that decide its route, and who makes it: what a client can do, its
// revision and its name are asked of the request, because not every era of MCP has them of the connection.
type Request struct {
	*jsonrpc.Message
	Method string
	Params Params
	Client *Client
}

// Result is the answer to the request.
func (r *Request) Result(result []byte) jsonrpc.Frame {
	return jsonrpc.Whole(jsonrpc.NewResult(r.Bytes(r.ID), result))
}

// Fail is the refusal of the request. The raw data may be nil.
func (r *Request) Fail(code int, text string, data []byte) jsonrpc.Frame {
	return jsonrpc.Whole(jsonrpc.NewError(r.Bytes(r.ID), code, text, data))
}

// Error is a refusal of our own: a wire code and its text.
type Error struct {
	Code int
	Text string
}

func (e *Error) Error() string { return e.Text }

// Dialect is how one client speaks MCP in the revisions with a handshake: it stands between the client's frames and the
// one form in which requests go through the proxy. What it changes it changes by edits of raw frames. One goroutine
// uses Open; Client is safe for concurrent use.
type Dialect struct{ client atomic.Pointer[Client] }

// Client is what the client said in its handshake, nil before.
func (d *Dialect) Client() *Client { return d.client.Load() }

// Open reads a request of the client. An initialize is the client's introduction (MCP 2025-11-25, lifecycle): the
// client is known from then on. The error, an *Error, says why the request is refused; the Request that comes with it
// has the id.
func (d *Dialect) Open(m *jsonrpc.Message) (r *Request, err error) {
	r = &Request{Message: m, Method: m.MethodName(), Client: d.Client()}
	switch {
	case r.Method == Initialize && r.Client != nil:
		return r, &Error{InvalidRequest, "Invalid request: already initialized"}
	case r.Method == Initialize:
		r.Client = introduced(m.Bytes(m.Params))
		d.client.Store(r.Client)
		return r, nil
	case r.Method == Ping:
		return r, nil
	case r.Method == Discover: // the era of 2026-07-28 is not spoken yet: clients fall back at once
		return r, &Error{MethodNotFound, "Method not found"}
	case r.Client == nil:
		return r, &Error{InvalidRequest, "Invalid request: the first request must be initialize"}
	}
	if r.Params, err = ReadParams(m); err != nil {
		return r, &Error{InvalidParams, "Invalid params: " + err.Error()}
	}
	return r, nil
}

// Close makes an answer to a request one of the client's era. Those of the revisions with a handshake are as they are
// inside.
func (d *Dialect) Close(_ *Request, answer jsonrpc.Frame) jsonrpc.Frame { return answer }

// introduced reads the params of initialize. What is missing there is what all clients can do.
func introduced(params []byte) *Client {
	c := &Client{Capabilities: Field(params, "capabilities"), Info: Field(params, "clientInfo"),
		Revision: Negotiate(string(jsonrpc.Unquote(Field(params, "protocolVersion"))))}
	if len(c.Capabilities) == 0 || c.Capabilities[0] != '{' {
		c.Capabilities = []byte("{}")
	}
	if len(c.Info) == 0 || c.Info[0] != '{' {
		c.Info = []byte(`{"name":"unknown","version":"0"}`)
	}
	return c
}

// Introduce is the dialect towards a server: the params of the initialize that a client's abilities and name are
// declared with.
func Introduce(revision string, capabilities, info []byte) []byte {
	b := append([]byte(`{"protocolVersion":`), jsonrpc.Quote(revision)...)
	b = append(append(b, `,"capabilities":`...), capabilities...)
	return append(append(append(b, `,"clientInfo":`...), info...), '}')
}

// Incoming reads a message of a server, in the form that every client takes. On an error the message still tells what
// could be made out.
func Incoming(raw []byte) (jsonrpc.Message, error) {
	m, err := jsonrpc.Parse(raw)
	if err == nil {
		err = Tidy(&m)
	}
	return m, err
}
