package upstream

import (
	"maps"
	"slices"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// Client is who stands behind an attachment. Answered, FromServer and Changed are mostly called by the goroutine that
// reads from the server, Listed may come at the same time. None is called with a lock held.
type Client interface {
	// Answered is called once for each call that was not cancelled: with the answer, a Result or a Failure, or with the
	// reason why there is none.
	Answered(c *Call, answer *jsonrpc.Message, err error)
	// FromServer gets each request and notification of the server that is for this client.
	FromServer(a *Attachment, m *jsonrpc.Message)
	// Listed is called when lists of the server were read, and when more became known of them. A list in live that is
	// nil was not read yet.
	Listed(a *Attachment, live *catalog.Snapshot, known Known)
	// Changed is called when the state changed; when the server has come up, before any waiting call is sent.
	Changed(a *Attachment)
}

// Attachment is one client's use of an instance, which others may use as well. It is safe for concurrent use.
type Attachment struct {
	*Instance
	pool   *Pool // nil: the instance is its own
	key    Key
	client Client
	out    *jsonrpc.Outlet // of the client; nil: it has none
	corked bool            // out is; the reader's

	Unread jsonrpc.Share // what the client has to read of what the server said unasked

	// Guarded by Instance.mu.
	level []byte          // raw value of the client's logging/setLevel; nil: it made none
	uris  map[string]bool // that it has subscribed to, as the server knows them
	holds int             // that it has not given back
	apart bool            // it has been detached
	last  bool            // as the last one
}

// New makes an instance that is nobody else's; nothing is started.
func New(spec Spec, client Client) *Attachment { return newInstance(spec).attach(client, nil) }

// attach adds a client.
func (in *Instance) attach(client Client, out *jsonrpc.Outlet) *Attachment {
	a := &Attachment{Instance: in, client: client, out: out, uris: map[string]bool{}}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.attached = append(slices.Clip(in.attached), a) // who reads the old slice goes on doing so
	if live, known := in.live, in.known; live != nil {
		in.runs.Go(func() { client.Listed(a, live, known) })
	}
	return a
}

// Shared tells whether other clients use the instance too: its goroutine must not wait for one of them.
func (a *Attachment) Shared() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.attached) > 1
}

// leave takes a client off its instance, and tells whether it was the last one. Its open calls are cancelled.
func (a *Attachment) leave() (last bool) {
	a.mu.Lock()
	if a.apart {
		defer a.mu.Unlock()
		return a.last
	}
	a.apart = true
	if a.last = len(a.attached) == 1; a.last {
		a.mu.Unlock()
		return true
	}
	a.attached = slices.DeleteFunc(slices.Clone(a.attached), func(other *Attachment) bool { return other == a })
	a.Instance.holds -= a.holds
	open := slices.AppendSeq(slices.Clone(a.waiting), maps.Values(a.pending))
	uris := slices.DeleteFunc(slices.Sorted(maps.Keys(a.uris)), a.subscribed)
	a.mu.Unlock()
	for _, c := range open {
		if c.To() == a && c.End() {
			a.withdraw(c, cancelled)
		}
	}
	for _, uri := range uris {
		a.Tell(mcp.Unsubscribe, uriParams(uri))
	}
	a.tellLevel()
	return false
}

// Hold keeps the instance from being stopped for idleness until n holds were given back with -n.
func (a *Attachment) Hold(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.apart {
		return
	}
	a.holds += n
	a.Instance.holds += n
	a.rest()
}

// SetLevel notes the raw log level that the client asks for. The server is told the most verbose one that a client
// asked for, now or when it starts; what it says then beyond another client's is not for that one.
func (a *Attachment) SetLevel(level []byte) {
	a.mu.Lock()
	a.level = level
	a.mu.Unlock()
	a.tellLevel()
}

// tellLevel tells a server that logs which messages it is to send, if a client has said so.
func (in *Instance) tellLevel() {
	in.mu.Lock()
	var most []byte
	for _, a := range in.attached {
		if a.level != nil && (most == nil || severity(a.level) < severity(most)) {
			most = a.level
		}
	}
	logs := in.hello.Declares("logging")
	in.mu.Unlock()
	if logs && most != nil {
		in.Tell(mcp.SetLevel, slices.Concat([]byte(`{"level":`), most, []byte("}")))
	}
}

// severity is the place of a raw log level among all of them.
func severity(raw []byte) int {
	return slices.Index(mcp.LogLevels, string(jsonrpc.Unquote(raw)))
}

// usual is the least level of what a client gets that asked for none, once another client asked for more.
var usual = slices.Index(mcp.LogLevels, "info")

// Subscribe notes whether the client is subscribed to a URI, as the server knows it. Subscriptions keep the server up,
// and are made again when it is started again.
func (a *Attachment) Subscribe(uri string, on bool) {
	a.mu.Lock()
	was := a.uris[uri]
	if on {
		a.uris[uri] = true
	} else {
		delete(a.uris, uri)
	}
	a.mu.Unlock()
	switch {
	case on && !was:
		a.Hold(1)
	case was && !on:
		a.Hold(-1)
	}
}

// SubscribedByOthers tells whether another client is subscribed to a URI, so that the server must not be told that this
// one is no more.
func (a *Attachment) SubscribedByOthers(uri string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.attached, func(other *Attachment) bool { return other != a && other.uris[uri] })
}

// subscribed tells whether a client is subscribed to a URI; mu is held.
func (in *Instance) subscribed(uri string) bool {
	return slices.ContainsFunc(in.attached, func(a *Attachment) bool { return a.uris[uri] })
}

// restore tells a server that has come up what its clients asked for before.
func (in *Instance) restore() {
	in.tellLevel()
	in.mu.Lock()
	uris := map[string]bool{}
	for _, a := range in.attached {
		maps.Copy(uris, a.uris)
	}
	in.mu.Unlock()
	for _, uri := range slices.Sorted(maps.Keys(uris)) {
		in.Tell(mcp.Subscribe, uriParams(uri))
	}
}

func uriParams(uri string) []byte {
	return append(append([]byte(`{"uri":`), jsonrpc.Quote(uri)...), '}')
}

// clients are those attached now.
func (in *Instance) clients() []*Attachment {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.attached
}

// changed tells all clients that the state changed.
func (in *Instance) changed() {
	for _, a := range in.clients() {
		a.client.Changed(a)
	}
}

// notify gives a notification of the server to the clients that it is for.
func (in *Instance) notify(m *jsonrpc.Message, more bool) {
	all := in.clients()
	for _, a := range all {
		if len(all) == 1 || a.concerned(m) {
			in.cork(a, more)
			a.client.FromServer(a, m)
		}
	}
}

// concerned tells whether a notification to several clients is for this one.
func (a *Attachment) concerned(m *jsonrpc.Message) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch m.MethodName() {
	case mcp.LogMessage:
		least := usual
		if a.level != nil {
			least = severity(a.level)
		}
		at := severity(mcp.Field(m.Bytes(m.Params), "level"))
		return at < 0 || at >= least
	case mcp.ResourcesUpdated: // of a part of what it has subscribed to, perhaps
		uri := string(jsonrpc.Unquote(mcp.Field(m.Bytes(m.Params), "uri")))
		for subscribed := range a.uris {
			if strings.HasPrefix(uri, subscribed) {
				return true
			}
		}
		return false
	}
	return true
}

// request gives a request of the server to the client whose call caused it. It is refused where that can't be told: it
// is never shown to somebody else.
func (in *Instance) request(conn Conn, m *jsonrpc.Message, more bool) {
	in.mu.Lock()
	a := in.caller
	if a == nil && len(in.attached) == 1 {
		a = in.attached[0]
	}
	if in.mixed || a != nil && a.apart {
		a = nil
	}
	in.mu.Unlock()
	if a == nil {
		conn.Send(jsonrpc.Whole(jsonrpc.NewError(m.Bytes(m.ID), mcp.InternalError,
			"Not asked: several clients use this server, and it can't be told whose call caused the request", nil)))
		return
	}
	in.cork(a, more)
	a.client.FromServer(a, m)
}

// cork holds back what goes to a client while more messages of the server are at hand, so that it goes out together. It
// is the reader's.
func (in *Instance) cork(a *Attachment, more bool) {
	if more && !a.corked && a.out != nil {
		a.corked = true
		a.out.Cork()
		in.corking = append(in.corking, a)
	}
}

// uncork ends what cork began. It is the reader's.
func (in *Instance) uncork() {
	for _, a := range in.corking {
		a.corked = false
		a.out.Uncork()
	}
	in.corking = in.corking[:0]
}
