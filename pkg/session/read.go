package session

import (
	"errors"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// read takes the client's messages until it leaves. What they make servers do is sent when no more of them are at hand.
func (s *Session) read() {
	s.conn.In.Waits = func() {
		if s.corked {
			s.cork(false)
		}
	}
	for s.ctx.Err() == nil {
		raw, err := s.conn.In.Read()
		var large *jsonrpc.TooLargeError
		var header *jsonrpc.HeaderError
		switch {
		case errors.As(err, &large):
			s.log.Warn().Err(err).Msg("message of the client dropped")
			s.tooLarge(large)
		case errors.As(err, &header):
			s.log.Warn().Err(err).Msg("message of the client dropped")
			s.write(jsonrpc.Whole(jsonrpc.NewError(nil, mcp.ParseError, "Parse error: "+err.Error(), nil)))
		case err != nil:
			s.finishCalls()
			s.end(nil)
			return
		default:
			if !s.corked && s.conn.In.Buffered() {
				s.cork(true)
			}
			s.receive(raw)
		}
		if s.corked && !s.conn.In.Buffered() {
			s.cork(false)
		}
	}
}

// tooLarge refuses a message that was skipped for its size: a request towards the client, an answer towards the server that asked.
func (s *Session) tooLarge(e *jsonrpc.TooLargeError) {
	id, request := e.ID()
	refusal := jsonrpc.NewError(id, mcp.InvalidRequest, "Invalid request: "+e.Error(), nil)
	if request || !s.answeredBadly(id, refusal) {
		s.write(jsonrpc.Whole(refusal))
	}
}

// answeredBadly puts a refusal in the place of an answer of the client's that can't be passed on, and tells whether a request was open for it:
// who asked must not wait for ever.
func (s *Session) answeredBadly(id, refusal []byte) bool {
	m, err := jsonrpc.Parse(refusal)
	return id != nil && err == nil && s.answered(&m)
}

// lastMoment is what open requests get when the client has said all it has to say: it may still read.
const lastMoment = 50 * time.Millisecond

func (s *Session) finishCalls() {
	for end := time.Now().Add(lastMoment); time.Now().Before(end) && s.ctx.Err() == nil; time.Sleep(2 * time.Millisecond) {
		if s.busy.Load() == 0 && s.calls.none() {
			return
		}
	}
}

// spawn runs f on a goroutine that the session's end waits for; after the end it does nothing.
func (s *Session) spawn(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.busy.Add(1)
	s.work.Go(func() {
		defer s.busy.Add(-1)
		f()
	})
}

// cork holds back, while many messages of the client are at hand, what they make the session send, so that it goes out together.
func (s *Session) cork(on bool) {
	s.corked = on
	if on {
		s.conn.Out.Cork()
	} else {
		s.conn.Out.Uncork()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if on {
		for _, in := range s.instances {
			s.held = append(s.held, in)
			in.Cork(true)
		}
		return
	}
	for _, in := range s.held {
		in.Cork(false)
	}
	s.held = s.held[:0]
}

// receive takes one frame of the client: a message or, in the one revision that has them, a batch.
func (s *Session) receive(raw []byte) {
	m, err := jsonrpc.Parse(raw)
	if errors.Is(err, jsonrpc.ErrBatch) {
		s.receiveBatch(raw)
		return
	}
	if err != nil {
		s.refuse(&m, err)
		return
	}
	s.dispatch(&m, s.reply)
}

func (s *Session) refuse(m *jsonrpc.Message, err error) {
	s.log.Debug().Err(err).Msg("bad message from the client")
	switch id := m.Bytes(m.ID); {
	case m.Method.End == 0 && (m.Result.End != 0 || m.Error.End != 0): // a broken answer can't be answered
		s.answeredBadly(id, jsonrpc.NewError(id, mcp.InternalError, "The client gave a broken answer: "+err.Error(), nil))
	case errors.Is(err, jsonrpc.ErrText):
		s.write(jsonrpc.Whole(jsonrpc.NewError(id, mcp.ParseError, "Parse error: "+err.Error(), nil)))
	case errors.Is(err, jsonrpc.ErrSyntax):
		s.write(jsonrpc.Whole(jsonrpc.NewError(nil, mcp.ParseError, "Parse error: "+err.Error(), nil)))
	default:
		s.write(refusal(m, err))
	}
}

// refusal is the answer to a request that can't be read, under its id if that is one (JSON-RPC 2.0, section 5).
func refusal(m *jsonrpc.Message, err error) jsonrpc.Frame {
	id := m.Bytes(m.ID)
	if len(id) > 0 && id[0] != '"' && id[0] != '-' && (id[0] < '0' || id[0] > '9') {
		id = nil
	}
	return jsonrpc.Whole(jsonrpc.NewError(id, mcp.InvalidRequest, "Invalid request: "+err.Error(), nil))
}
