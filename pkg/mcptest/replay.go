package mcptest

import (
	"context"
	"encoding/json"
	"testing"
)

// Exchange is one request of a replayed transcript.
type Exchange struct {
	Method   string
	Request  json.RawMessage // as it was sent
	Recorded json.RawMessage // the answer in the recording, nil if there was none
	Got      Response        // the answer now, empty if it was not waited for
}

// Replay sends what the client of a transcript sent, in its order, to another
// server. Before each message it waits for the answers that the client had when
// it sent it, so that what the client sent at once is sent at once again; a
// request that was never answered is not waited for. Requests of the server get
// the answers that the client gave to requests with the same method, in turn,
// and the last one again. An answer that does not come within the client's
// Timeout for all is an error of the test.
func Replay(t testing.TB, c *Client, tr *Transcript) []*Exchange {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	r := &replay{t: t, ctx: ctx, c: c, open: map[string]*pendingExchange{}}
	c.answerFrom(tr)
	for i, entry := range tr.Entries {
		if entry.Msg == nil {
			continue
		}
		e, err := parseEnvelope(entry.Msg)
		switch {
		case err != nil && entry.Dir == ClientToServer:
			c.Send(string(entry.Msg))
		case entry.Dir == ServerToClient && e.isResponse():
			r.await(string(e.id))
		case entry.Dir == ServerToClient, e.isResponse():
			// The server of the recording is not there; answers are the handlers' matter.
		case e.isRequest():
			r.send(e, recordedAnswer(tr.Entries[i+1:], string(e.id)))
		default:
			c.Send(string(entry.Msg))
		}
	}
	for id := range r.open {
		r.await(id)
	}
	return r.exchanges
}

// replay is the state of one Replay.
type replay struct {
	t         testing.TB
	ctx       context.Context
	c         *Client
	exchanges []*Exchange
	open      map[string]*pendingExchange // by id
}

type pendingExchange struct {
	exchange *Exchange
	wait     func(context.Context) (Response, error)
}

func (r *replay) send(e envelope, recorded json.RawMessage) {
	x := &Exchange{Method: e.method, Request: e.raw, Recorded: recorded}
	r.exchanges = append(r.exchanges, x)
	if recorded == nil {
		r.c.Send(string(e.raw))
		return
	}
	r.open[string(e.id)] = &pendingExchange{exchange: x, wait: r.c.begin(string(e.id), e.raw)}
}

func (r *replay) await(id string) {
	r.t.Helper()
	p := r.open[id]
	if p == nil {
		return
	}
	delete(r.open, id)
	var err error
	if p.exchange.Got, err = p.wait(r.ctx); err != nil {
		r.t.Errorf("mcptest: replay: %s: %v%s", p.exchange.Method, err, r.c.stderrTail())
	}
}

// recordedAnswer finds the answer to a request in what followed it.
func recordedAnswer(rest []TranscriptEntry, id string) json.RawMessage {
	for _, entry := range rest {
		if entry.Dir != ServerToClient || entry.Msg == nil {
			continue
		}
		if e, err := parseEnvelope(entry.Msg); err == nil && e.isResponse() && string(e.id) == id {
			return entry.Msg
		}
	}
	return nil
}

// answerFrom makes the client answer the server as the transcript's client did.
func (c *Client) answerFrom(tr *Transcript) {
	methods := map[string]string{} // of the recorded server's requests, by id
	answers := map[string][]envelope{}
	for _, entry := range tr.Entries {
		if entry.Msg == nil {
			continue
		}
		e, err := parseEnvelope(entry.Msg)
		switch {
		case err != nil:
		case entry.Dir == ServerToClient && e.isRequest():
			methods[string(e.id)] = e.method
		case entry.Dir == ClientToServer && e.isResponse():
			m := methods[string(e.id)]
			answers[m] = append(answers[m], e)
		}
	}
	for method, recorded := range answers {
		turn := make(chan int, 1)
		turn <- 0
		c.Handle(method, func(json.RawMessage) (any, error) {
			n := <-turn
			turn <- n + 1
			e := recorded[min(n, len(recorded)-1)]
			if e.err != nil {
				return nil, Response{Error: e.err}.RPCError()
			}
			return json.RawMessage(e.result), nil
		})
	}
}
