package session

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

// budget bounds what one server may ask: people who are asked too often stop reading.
type budget struct{ open, recent int }

// recently is the time in which so many questions count.
const recently = 10 * time.Minute

// budgets are those of the requests that a person may have to answer. A model that samples may ask far more often.
var budgets = map[string]budget{mcp.Elicit: {3, 20}, mcp.Sampling: {10, 200}}

// mostOpen bounds a server's open requests of all kinds.
const mostOpen = 100

// window counts the questions of servers.
type window struct {
	mu      sync.Mutex
	asked   map[string][]time.Time // by server and method
	told    map[string]time.Time   // when the client was told that a server asks too much
	shown   map[string]string      // elicitationId → the server that showed it
	showing map[string][]string    // the same ids by their server, oldest first
	dropped map[string]int         // notifications not passed on, by server and method
}

func newWindow() window {
	return window{asked: map[string][]time.Time{}, told: map[string]time.Time{}, shown: map[string]string{}, showing: map[string][]string{},
		dropped: map[string]int{}}
}

// admit counts a question, or says why it may not be asked now. open are those of the kind that the server has open.
func (w *window) admit(server, method string, open int, now time.Time) error {
	most, counted := budgets[method]
	if !counted {
		return nil
	}
	if open >= most.open {
		return fmt.Errorf("%d of its questions are open already", open)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	key := server + "\x00" + method
	recent := w.asked[key]
	for len(recent) > 0 && now.Sub(recent[0]) >= recently {
		recent = recent[1:]
	}
	if len(recent) >= most.recent {
		w.asked[key] = recent
		return fmt.Errorf("it has asked %d times within %d minutes", len(recent), int(recently.Minutes()))
	}
	w.asked[key] = append(recent, now)
	return nil
}

// mayTell tells, once in a while, that the client is to be told that a server asks too much.
func (w *window) mayTell(server string, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last, told := w.told[server]; told && now.Sub(last) < recently {
		return false
	}
	w.told[server] = now
	return true
}

// mostShown bounds the elicitation ids that are remembered of a server. No server can push out another's.
const mostShown = 200

// show notes whose an elicitation is that the client is shown. It is false if another server has shown that id.
func (w *window) show(server, id string) bool {
	if id == "" {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if owner, known := w.shown[id]; known {
		return owner == server
	}
	own := w.showing[server]
	if len(own) >= mostShown {
		delete(w.shown, own[0])
		own = own[1:]
	}
	w.shown[id] = server
	w.showing[server] = append(own, id)
	return true
}

// shows tells whether a server has shown an elicitation id.
func (w *window) shows(server, id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return id != "" && w.shown[id] == server
}

const (
	mostDropped = 1000 // kinds of notifications that are counted one by one
	mostMethod  = 100  // bytes that are kept of a method's name
)

// drop counts a notification that is not passed on, by what it returns of its method.
func (w *window) drop(server, method string) (kept string, n int) {
	method = strings.Clone(method[:min(len(method), mostMethod)])
	w.mu.Lock()
	defer w.mu.Unlock()
	key := server + "\x00" + method
	if _, known := w.dropped[key]; !known && len(w.dropped) >= mostDropped {
		key = server
	}
	w.dropped[key]++
	return method, w.dropped[key]
}

// admitted tells whether a server's request may go to the client now; one that may not is answered with an error.
func (s *Session) admitted(in *upstream.Attachment, m *jsonrpc.Message, method string) bool {
	open, all := 0, 0
	s.back.mu.Lock()
	for _, c := range s.back.open {
		if c.in != nil && c.in.Name() == in.Name() {
			if all++; c.method == method {
				open++
			}
		}
	}
	s.back.mu.Unlock()
	err := s.window.admit(in.Name(), method, open, time.Now())
	if all >= mostOpen {
		err = fmt.Errorf("%d of its requests are open already", all)
	}
	if err == nil {
		return true
	}
	refuse(in, m, mcp.InvalidRequest, "Not asked: "+err.Error()+". Ask less")
	s.tooMuch(in, err)
	return false
}

// tooMuch tells the client, once in a while, that not all that a server asks is shown.
func (s *Session) tooMuch(in *upstream.Attachment, why error) {
	if s.window.mayTell(in.Name(), time.Now()) {
		s.log.Warn().Str("server", in.Name()).AnErr("why", why).Msg("questions of a server are refused")
		s.Warn(fmt.Sprintf("Server %s asks too much: %s. Further questions are refused", jsonrpc.Quote(in.Name()), why))
	}
}

// refuse answers a server's request with an error.
func refuse(in *upstream.Attachment, m *jsonrpc.Message, code int, text string) {
	in.Send(jsonrpc.Whole(jsonrpc.NewError(m.Bytes(m.ID), code, text, nil)))
}
