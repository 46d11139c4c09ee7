package mcptest

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// httpPeer is as much of an HTTP client as the tests of the server need.
type httpPeer struct {
	t       *testing.T
	h       *HTTPServer
	session string
	ctx     context.Context

	wg sync.WaitGroup
}

// sseEvent is one event of a stream.
type sseEvent struct{ kind, id, retry, data string }

func dial(t *testing.T, h *HTTPServer) *httpPeer {
	ctx, cancel := context.WithCancel(context.Background())
	p := &httpPeer{t: t, h: h, ctx: ctx}
	t.Cleanup(func() {
		cancel()
		p.wg.Wait()
	})
	return p
}

func (p *httpPeer) do(method, url, body string, header ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(p.ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json, text/event-stream")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	if p.session != "" {
		req.Header.Set(sessionHeader, p.session)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client.Do(req)
}

// answer is what came back: JSON as one event.
type answer struct {
	status int
	header http.Header
	events []sseEvent
	body   string
	err    error
}

func (p *httpPeer) post(body string, header ...string) answer {
	return p.read(p.do(http.MethodPost, p.h.URL, body, header...))
}

func (p *httpPeer) read(res *http.Response, err error) answer {
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		b, err := io.ReadAll(res.Body)
		a.body, a.err = string(b), err
		return a
	}
	a.err = parseEvents(res.Body, func(e sseEvent) { a.events = append(a.events, e) })
	return a
}

func (p *httpPeer) initialize() answer {
	a := p.post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}`)
	if a.err != nil || a.status != http.StatusOK {
		p.t.Fatalf("initialize: %+v", a)
	}
	p.session = a.header.Get(sessionHeader)
	if got := p.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`); got.status != http.StatusAccepted {
		p.t.Fatalf("initialized: %+v", got)
	}
	return a
}

// stream opens a GET stream and gives its events as they come.
func (p *httpPeer) stream(lastEventID string) <-chan sseEvent {
	return p.open(p.h.URL, "Last-Event-ID", lastEventID)
}

func (p *httpPeer) open(url string, header ...string) <-chan sseEvent {
	events := make(chan sseEvent, 100)
	res, err := p.do(http.MethodGet, url, "", header...)
	if err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatalf("GET: %v %v", res, err)
	}
	p.wg.Go(func() {
		defer close(events)
		defer res.Body.Close()
		_ = parseEvents(res.Body, func(e sseEvent) { events <- e })
	})
	return events
}

func (p *httpPeer) next(events <-chan sseEvent) sseEvent {
	p.t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			p.t.Fatal("the stream has ended")
		}
		return e
	case <-time.After(5 * time.Second):
		p.t.Fatal("no event")
	}
	return sseEvent{}
}

// parseEvents reads events with any line ending.
func parseEvents(r io.Reader, f func(sseEvent)) error {
	var e sseEvent
	var data []string
	in := bufio.NewScanner(r)
	in.Buffer(nil, 64<<20)
	in.Split(func(b []byte, eof bool) (int, []byte, error) {
		for i, ch := range b {
			switch {
			case ch == '\n', ch == '\r' && i+1 < len(b) && b[i+1] != '\n', ch == '\r' && eof:
				return i + 1, b[:i], nil
			case ch == '\r' && i+1 < len(b):
				return i + 2, b[:i], nil
			}
		}
		return 0, nil, nil
	})
	for in.Scan() {
		line := strings.TrimPrefix(in.Text(), "\ufeff")
		if line == "" {
			if data != nil {
				e.data = strings.Join(data, "\n")
				f(e)
			}
			e, data = sseEvent{}, nil
			continue
		}
		key, val, _ := strings.Cut(line, ":")
		val = strings.TrimPrefix(val, " ")
		switch key {
		case "event":
			e.kind = val
		case "id":
			e.id = val
		case "retry":
			e.retry = val
		case "data":
			data = append(data, val)
		}
	}
	return in.Err()
}
