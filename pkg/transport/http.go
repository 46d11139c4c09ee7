package transport

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
)

// HTTPSpec says how to reach a remote server.
type HTTPSpec struct {
	Name    string // of the server, for logs
	URL     string
	Headers []Header
	Login   *oauth.Login   // puts a login into the requests; nil: there is none
	SSE     bool           // the older HTTP+SSE transport (MCP 2024-11-05) instead of streamable HTTP
	Secrets []string       // further values that are not quoted from the server's answers
	Limit   int            // largest message from the server in bytes, 0 for jsonrpc.MaxMessage
	Log     zerolog.Logger // gets no headers, no bodies, no URLs
}

// A Header is sent with every request. Its value may be a secret and is redacted when printed.
type Header struct {
	Name  string
	Value string `json:"-"`
}

func (h Header) String() string   { return h.Name + ": …" }
func (h Header) GoString() string { return h.String() }

// waits are the transport's time limits.
type waits struct {
	ready    time.Duration // how long a message waits for "initialized" to be accepted, or for requests to be written
	notice   time.Duration // … for another notification to be accepted
	start    time.Duration // … for a request to be written
	get      time.Duration // … for the standing stream to be answered
	linger   time.Duration // how long an exchange may go on after the answer or the cancellation
	drain    time.Duration // how long calls may take to end once the session is lost
	endpoint time.Duration // for the endpoint event of HTTP+SSE
	base     time.Duration // first wait before a stream is resumed
	most     time.Duration // longest one
	steady   time.Duration // a standing stream that lived this long was a good one
}

// HTTP is the connection to one remote server over streamable HTTP (MCP 2025-03-26 to 2025-11-25) or HTTP+SSE
// (2024-11-05). A server that refuses the first message of the former is asked for the latter.
//
// Every request passed to Send gets exactly one answer or Failed from Recv, unless the connection ends before.
type HTTP struct {
	spec    HTTPSpec
	url     *url.URL
	header  http.Header // of the entry
	secrets config.Redactor
	client  *http.Client
	base    *http.Transport // of client
	cookies *cookies        // of client
	wait    waits

	ctx    context.Context // ended by Close, and when the connection has ended
	cancel context.CancelFunc
	// farewell is the context of the DELETE at the end; hurry ends it.
	farewell context.Context
	hurry    context.CancelFunc
	out      *jsonrpc.Queue[jsonrpc.Frame]
	in       *jsonrpc.Queue[Inbound] // a full one stops the streams that are read
	sign     atomic.Int64            // last sign of life, Unix nanoseconds
	wg       sync.WaitGroup
	once     sync.Once // Close

	listening bool // the standing stream was asked for; of the dispatcher alone

	mu       sync.Mutex
	session  string   // Mcp-Session-Id
	version  string   // MCP-Protocol-Version
	greeted  bool     // initialize was answered
	endpoint *url.URL // where messages go in HTTP+SSE, nil otherwise
	calls    map[string]*call
	err      error // why the connection ended
	notes    []string
}

// DialHTTP makes a connection without any I/O yet. Its errors say what is wrong with the URL or with a header's name.
// Close must be called in the end.
func DialHTTP(spec HTTPSpec) (*HTTP, error) {
	to, err := parseURL(spec.URL)
	if err != nil {
		return nil, err
	}
	header, err := makeHeader(spec.Headers)
	if err != nil {
		return nil, err
	}
	if spec.Limit <= 0 {
		spec.Limit = jsonrpc.MaxMessage
	}
	h := &HTTP{
		spec: spec, url: to, header: header, secrets: config.NewRedactor(secretsOf(spec, to), "…"),
		out: jsonrpc.NewQueue(0, jsonrpc.Frame.Len), in: jsonrpc.NewQueue(0, Inbound.size), calls: map[string]*call{},
		wait: waits{
			ready: 10 * time.Second, notice: 2 * time.Second, start: time.Second,
			get: 2 * time.Second, linger: 5 * time.Second,
			drain: 2 * time.Second, endpoint: 15 * time.Second, base: time.Second, most: time.Minute, steady: time.Minute,
		},
	}
	h.client = h.newClient()
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.farewell, h.hurry = context.WithCancel(context.Background())
	h.wg.Go(h.dispatch)
	return h, nil
}

// Send takes over a message and never waits for the network. Messages start in the order of Send: a notification is
// sent when all before it are on their way, and those behind it wait until it is accepted; requests run side by side,
// and only those that need a new connection each may overtake one another.
// It fails with jsonrpc.ErrFull when 64 MiB wait to be sent, or with why the connection ended.
func (h *HTTP) Send(f jsonrpc.Frame) error { return h.out.Push(f) }

// Recv returns the next message. Its error says why the connection ended: io.EOF after Close, ErrSessionLost, or for
// HTTP+SSE the end of its stream.
func (h *HTTP) Recv() (Inbound, error) { return h.in.Pop() }

// SetVersion tells the negotiated revision, which goes into the MCP-Protocol-Version header of all later messages.
func (h *HTTP) SetVersion(v string) {
	if !mcp.RulesOf(v).VersionHeader {
		v = ""
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.version, h.greeted = v, true
}

// Waits tells whether a person is being asked to log in, which takes its time.
func (h *HTTP) Waits() bool { return h.spec.Login != nil && h.spec.Login.Waits() }

// LastSign is when the server last sent a byte, or now while a person logs in to it; the zero time if it never did.
func (h *HTTP) LastSign() time.Time {
	if h.Waits() {
		return time.Now()
	}
	if n := h.sign.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

func (h *HTTP) alive() { h.sign.Store(time.Now().UnixNano()) }

// Diagnostics returns the last few failed exchanges, a line each, "" if there were none.
func (h *HTTP) Diagnostics() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.notes, "\n")
}

// note records a failed exchange; what is a method name or a short description of ours.
func (h *HTTP) note(what string, err error) {
	if h.ctx.Err() != nil {
		return // it failed because we ended it
	}
	h.spec.Log.Debug().Str("server", h.spec.Name).Str("what", what).Err(err).Msg("http exchange failed")
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.notes) == 5 {
		h.notes = append(h.notes[:0], h.notes[1:]...)
	}
	h.notes = append(h.notes, what+": "+err.Error())
}

// end marks the connection as ended, for the first reason given. The dispatcher does the rest.
func (h *HTTP) end(err error) {
	h.mu.Lock()
	first := h.err == nil
	if first {
		h.err = err
	}
	h.mu.Unlock()
	if first {
		h.out.Close(err)
	}
}

func (h *HTTP) ended() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// Close ends everything: calls and streams at once, then the session is deleted on the server, for which grace is the
// time limit (none is tried with a grace of 0). What was received before can still be read. It may be called repeatedly.
func (h *HTTP) Close(grace time.Duration) {
	hurry := time.AfterFunc(grace, h.hurry) // a shorter grace than the first caller's counts too
	defer hurry.Stop()
	h.once.Do(func() {
		lost := h.ended() != nil
		h.in.Close(io.EOF) // before the dispatcher closes it with another reason
		h.end(ErrClosed)
		h.cancel()
		if grace > 0 && !lost {
			h.deleteSession(grace)
		}
		h.wg.Wait()
		h.client.CloseIdleConnections()
	})
}

func (h *HTTP) deleteSession(grace time.Duration) {
	h.mu.Lock()
	session := h.session
	h.mu.Unlock()
	if session == "" {
		return
	}
	ctx, cancel := context.WithTimeout(h.farewell, grace)
	defer cancel()
	req, _, err := h.newRequest(ctx, http.MethodDelete, h.url, nil)
	if err != nil {
		return
	}
	resp, err := h.client.Do(req)
	if err != nil {
		h.spec.Log.Debug().Str("server", h.spec.Name).Err(h.plain(err)).Msg("session not deleted")
		return
	}
	_ = h.readStart(resp)
	_ = resp.Body.Close()
}
