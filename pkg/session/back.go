package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// dropGrace is how long a server that is no longer wanted may take to end.
const dropGrace = 2 * time.Second

// back are the requests made of the client: by servers, and by the session itself.
type back struct {
	mu     sync.Mutex
	next   uint64
	open   map[uint64]*backCall
	tokens map[uint64]*backToken
}

// backCall is one of them. The client sees a number of ours as its id.
type backCall struct {
	in     *upstream.Attachment // nil: the session asks
	run    int                  // of in: a later one did not ask
	method string
	id     []byte // raw, as the server wrote it
	task   bool   // it asks the client to run a task
	token  uint64
	done   func(m *jsonrpc.Message) // of the session's own
}

// backToken is a progress token that a server gave the client.
type backToken struct {
	in  *upstream.Attachment
	raw []byte
}

// needs names the capability a client must have declared for a request.
var needs = map[string]string{mcp.RootsList: "roots", mcp.Sampling: "sampling", mcp.Elicit: "elicitation",
	mcp.TasksGet: "tasks", mcp.TasksResult: "tasks", mcp.TasksList: "tasks", mcp.TasksCancel: "tasks"}

// FromServer implements upstream.Client: a request or a notification of a server is passed to the client. Notifications
// are those of the protocol, and about what is the server's own.
func (s *Session) FromServer(in *upstream.Attachment, m *jsonrpc.Message) {
	p, err := mcp.ReadParams(m)
	if err != nil {
		if m.Kind == jsonrpc.Request {
			refuse(in, m, mcp.InvalidParams, err.Error())
			return
		}
		s.dropped(in, m, err.Error())
		return
	}
	if m.Kind == jsonrpc.Request {
		s.askClient(in, m, p)
		return
	}
	if len(m.Raw) > jsonrpc.MaxNote {
		s.dropped(in, m, fmt.Sprintf("it has %d bytes, and no more than %d are passed on", len(m.Raw), jsonrpc.MaxNote))
		return
	}
	switch m.MethodName() {
	case mcp.Progress:
		s.progress(in, m, p)
	case mcp.Cancelled:
		s.cancelBack(in, m, p)
	case mcp.ToolsChanged, mcp.PromptsChanged:
		// The instance reads the list again; Listed announces what is different.
	case mcp.ResourcesChanged:
		s.announce(true, catalog.Resources)
	case mcp.ResourcesUpdated:
		s.updated(in, m, p)
	case mcp.LogMessage:
		s.logMessage(in, m)
	case mcp.TasksStatus:
		if id := mcp.String(m.Raw, p.TaskID); !s.tasks.owns(in, id) && !(s.tasks.unknown(id) && s.calls.makesTask(in)) {
			s.dropped(in, m, "the task is not its own")
			return
		}
		s.pass(in, m, jsonrpc.Whole(m.Raw))
	case mcp.ElicitationComplete:
		if !s.window.shows(in.Name(), string(jsonrpc.Unquote(mcp.Field(m.Bytes(m.Params), "elicitationId")))) {
			s.dropped(in, m, "the elicitation is not its own")
			return
		}
		s.pass(in, m, jsonrpc.Whole(m.Raw))
	default:
		if !s.declared(in, m.MethodName()) {
			s.dropped(in, m, "the protocol does not have it, and no approved capability of the server is named so")
			return
		}
		s.pass(in, m, jsonrpc.Whole(m.Raw))
	}
}

// logMessage passes on a log message under its server's name.
func (s *Session) logMessage(in *upstream.Attachment, m *jsonrpc.Message) {
	raw := m.Raw
	if in.Name() != "" {
		edit, change, err := readLog(m.Raw, m.Params, in.Name())
		if err != nil {
			s.dropped(in, m, err.Error())
			return
		}
		if change {
			raw = jsonrpc.Splice(m.Raw, edit)
		}
	}
	if !s.conn.Out.SendDroppable(jsonrpc.Whole(raw), &in.Unread, jsonrpc.MaxUnread) {
		s.dropped(in, m, "the client does not keep up")
	}
}

// declared tells whether a notification belongs to an experimental capability or an extension of the server that a
// person approved: notifications/NAME, or one below it.
func (s *Session) declared(in *upstream.Attachment, method string) (found bool) {
	name, ok := strings.CutPrefix(method, "notifications/")
	if !ok {
		return false
	}
	for _, src := range s.host.Sources(s) {
		if src.Server != in.Name() || src.Snapshot == nil {
			continue
		}
		for _, member := range []string{"experimental", "extensions"} {
			raw := mcp.Field(src.Snapshot.Capabilities, member)
			jsonrpc.Members(raw, jsonrpc.Span{Start: 0, End: len(raw)}, func(key []byte, _ jsonrpc.Span) error {
				found = found || len(key) > 0 && (name == string(key) || strings.HasPrefix(name, string(key)+"/"))
				return nil
			})
		}
	}
	return found
}

// dropped counts a notification of a server that is not passed on. A flood of them does not fill the log.
func (s *Session) dropped(in *upstream.Attachment, m *jsonrpc.Message, why string) {
	method, n := s.window.drop(in.Name(), m.MethodName())
	for most := n; most%10 == 0; most /= 10 {
		n = most / 10
	}
	if n == 1 {
		s.log.Warn().Str("server", in.Name()).Str("method", strconv.QuoteToASCII(method)).Str("why", why).Msg("notification dropped")
	}
}

// mostID bounds what a server makes the session keep, in bytes: the id of a request, a progress token, an
// elicitationId.
const mostID = 1 << 10

// askClient passes a server's request to the client whose call caused it: the instance runs for this session alone.
func (s *Session) askClient(in *upstream.Attachment, m *jsonrpc.Message, p mcp.Params) {
	method := m.MethodName()
	if need := needs[method]; need != "" && !s.client().Can(need) {
		refuse(in, m, mcp.MethodNotFound, "The client did not declare the capability "+need)
		return
	}
	if strings.HasPrefix(method, "tasks/") && !s.tasks.mayAsk(in, mcp.String(m.Raw, p.TaskID)) {
		refuse(in, m, mcp.InvalidParams, "Unknown taskId")
		return
	}
	if m.ID.End-m.ID.Start > mostID || p.Token.End-p.Token.Start > mostID {
		refuse(in, m, mcp.InvalidRequest, fmt.Sprintf("Invalid request: an id or a progress token of more than %d bytes", mostID))
		return
	}
	edits, err := s.attributed(in, m, method)
	if err != nil {
		refuse(in, m, mcp.InvalidParams, "Invalid params: "+err.Error())
		return
	}
	if !s.admitted(in, m, method) {
		return
	}
	b := &s.back
	run := in.Run()
	b.mu.Lock()
	b.next++
	id := b.next
	c := &backCall{in: in, run: run, method: method, id: bytes.Clone(m.Bytes(m.ID)), task: p.Task.End != 0}
	edits = append(edits, jsonrpc.Edit{At: m.ID, With: strconv.AppendUint(nil, id, 10)})
	if p.Token.End != 0 {
		c.token = id
		b.tokens[id] = &backToken{in, bytes.Clone(m.Bytes(p.Token))}
		edits = append(edits, jsonrpc.Edit{At: p.Token, With: strconv.AppendUint(nil, id, 10)})
	}
	b.open[id] = c
	b.mu.Unlock()
	s.pass(in, m, jsonrpc.Whole(jsonrpc.Splice(m.Raw, edits...)))
}

// attributed says what to change in a server's request so that a person sees who asks, or why it is not passed on.
func (s *Session) attributed(in *upstream.Attachment, m *jsonrpc.Message, method string) ([]jsonrpc.Edit, error) {
	if in.Name() == "" {
		return nil, nil
	}
	switch id, err := relatedTask(m); {
	case err != nil:
		return nil, err
	case id != "" && !s.tasks.owns(in, id) && !s.tasks.unknown(id):
		return nil, errors.New("the related task is not the server's own")
	}
	switch method {
	case mcp.Elicit:
		q, err := readQuestion(m.Raw, m.Params, in.Name())
		switch {
		case err != nil:
			return nil, err
		case q.mode == "url" && !s.client().CanAskURL():
			return nil, errors.New("the client did not declare the capability elicitation.url")
		case q.mode == "url" && !s.window.show(in.Name(), q.id):
			return nil, errors.New("another server has shown this elicitationId")
		}
		return q.edits, nil
	case mcp.Sampling:
		if len(s.host.Config(s).Servers) < 2 { // the proxy asks for none itself: it can only be this server's
			return nil, nil
		}
		edit, err := readSampling(m.Raw, m.Params, in.Name())
		return []jsonrpc.Edit{edit}, err
	}
	return nil, nil
}

// attributedError is an error of a server with the server's name in front of what it asks a person to open. One that
// asks too much, or in a way that can be read differently, is replaced.
func (s *Session) attributedError(in *upstream.Attachment, answer *jsonrpc.Message) *jsonrpc.Message {
	edits, ids, err := readRequired(answer.Raw, answer.Error, in.Name(), len(s.host.Config(s).Servers) < 2)
	if err == nil && len(ids) == 0 {
		return answer
	}
	for _, id := range ids {
		if err == nil && !s.window.show(in.Name(), id) {
			err = errors.New("another server has shown this elicitationId")
		}
		if err == nil {
			if err = s.window.admit(in.Name(), mcp.Elicit, 0, time.Now()); err != nil {
				s.tooMuch(in, err)
			}
		}
	}
	raw := jsonrpc.Splice(answer.Raw, edits...)
	if err != nil {
		text := "Server " + strconv.Quote(in.Name()) + " asks the user to open an address. It was not shown: " + err.Error()
		raw = jsonrpc.NewError(answer.Bytes(answer.ID), mcp.InternalError, text, nil)
	}
	if changed, err := jsonrpc.Parse(raw); err == nil {
		return &changed
	}
	return answer
}

// ask makes a request of the session's own to the client.
func (s *Session) ask(method string, params []byte, done func(m *jsonrpc.Message)) (id uint64) {
	b := &s.back
	b.mu.Lock()
	b.next++
	id = b.next
	b.open[id] = &backCall{done: done}
	b.mu.Unlock()
	s.write(jsonrpc.Whole(jsonrpc.NewRequest(id, method, params)))
	return id
}

// Ask makes a request of the proxy's own to the client and waits for the answer, a Result or a Failure. When ctx or the
// session ends first, the request is cancelled, and an answer that comes later is dropped.
func (s *Session) Ask(ctx context.Context, method string, params []byte) (*jsonrpc.Message, error) {
	answer := make(chan *jsonrpc.Message, 1)
	id := s.ask(method, params, func(m *jsonrpc.Message) { answer <- m })
	var err error
	select {
	case m := <-answer:
		return m, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.ctx.Done():
		return nil, context.Cause(s.ctx)
	}
	s.back.mu.Lock()
	_, open := s.back.open[id]
	delete(s.back.open, id)
	s.back.mu.Unlock()
	if open {
		s.write(jsonrpc.Whole(jsonrpc.NewNotification(mcp.Cancelled, append(strconv.AppendUint([]byte(`{"requestId":`), id, 10), '}'))))
	}
	return nil, err
}

// CanAskForm tells whether the client shows forms to a person.
func (s *Session) CanAskForm() bool { return s.client().CanAskForm() }

// Client is the name that the client gave of itself, at most 64 characters.
func (s *Session) Client() string {
	name := s.client().Name()
	if runes := []rune(name); len(runes) > 64 {
		return string(runes[:64])
	}
	return name
}

// answered takes the client's answer to a request made of it, and tells whether it was one. One to no open request is
// dropped.
func (s *Session) answered(m *jsonrpc.Message) bool {
	id, ok := jsonrpc.Number(m.Bytes(m.ID))
	if !ok {
		return false
	}
	b := &s.back
	b.mu.Lock()
	c := b.open[id]
	delete(b.open, id)
	if c != nil && !(c.task && m.Kind == jsonrpc.Result) {
		delete(b.tokens, c.token)
	}
	b.mu.Unlock()
	switch {
	case c == nil:
	case c.done != nil:
		c.done(m)
	default:
		if c.task && m.Kind == jsonrpc.Result {
			s.tasks.ask(mcp.Field(m.Bytes(m.Result), "task", "taskId"), c.in)
		}
		c.in.Reply(c.run, m.WithID(c.id))
	}
	return c != nil
}

// clientProgress passes the client's progress on a server's request back to that server.
func (s *Session) clientProgress(m *jsonrpc.Message, p mcp.Params) {
	n, ok := jsonrpc.Number(m.Bytes(p.Progress))
	if !ok {
		return
	}
	s.back.mu.Lock()
	t := s.back.tokens[n]
	s.back.mu.Unlock()
	if t != nil {
		t.in.Send(jsonrpc.Whole(jsonrpc.Splice(m.Raw, jsonrpc.Edit{At: p.Progress, With: t.raw})))
	}
}

// cancelBack passes on a server's cancellation of a request it made of the client.
func (s *Session) cancelBack(in *upstream.Attachment, m *jsonrpc.Message, p mcp.Params) {
	b := &s.back
	b.mu.Lock()
	var found uint64
	for id, c := range b.open {
		if c.in == in && jsonrpc.SameID(c.id, m.Bytes(p.ID)) {
			found = id
		}
	}
	if found != 0 {
		delete(b.tokens, b.open[found].token)
		delete(b.open, found)
	}
	b.mu.Unlock()
	if found != 0 {
		s.pass(in, m, jsonrpc.Whole(jsonrpc.Splice(m.Raw, jsonrpc.Edit{At: p.ID, With: strconv.AppendUint(nil, found, 10)})))
	}
}

// abandon takes back the requests of a server that is gone.
func (b *back) abandon(s *Session, in *upstream.Attachment) {
	b.mu.Lock()
	var gone []uint64
	for id, c := range b.open {
		if c.in == in {
			gone = append(gone, id)
			delete(b.open, id)
		}
	}
	for id, t := range b.tokens {
		if t.in == in {
			delete(b.tokens, id)
		}
	}
	b.mu.Unlock()
	if s.ctx.Err() != nil {
		return // the client has left
	}
	for _, id := range gone {
		params := append(strconv.AppendUint([]byte(`{"requestId":`), id, 10), `,"reason":"the server that asked has ended"}`...)
		s.write(jsonrpc.Whole(jsonrpc.NewNotification(mcp.Cancelled, params)))
	}
}
