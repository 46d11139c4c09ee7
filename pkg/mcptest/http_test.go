package mcptest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const pingRequest = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
const pingAnswer = `{"jsonrpc":"2.0","id":1,"result":{}}`

func echoRequest(id int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hi"}}}`, id)
}

func TestHTTPJSON(t *testing.T) {
	h := NewHTTP(t, HTTPOptions{})
	p := dial(t, h)
	p.initialize()
	if p.session != "session-1" {
		t.Errorf("session %q", p.session)
	}
	if a := p.post(pingRequest, "X-Probe", "1"); a.body != pingAnswer || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%+v", a)
	}
	events := p.stream("")
	p.post(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"add_tool","arguments":{"name":"n"}}}`)
	if e := p.next(events); e.data != `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}` {
		t.Errorf("%+v", e)
	}
	h.Notify("notifications/x", `{"a":1.0}`)
	if e := p.next(events); e.data != `{"jsonrpc":"2.0","method":"notifications/x","params":{"a":1.0}}` {
		t.Errorf("%+v", e)
	}
	pings := h.RequestsFor("ping")
	if len(pings) != 1 || pings[0].Header.Get("X-Probe") != "1" || pings[0].Body != pingRequest || pings[0].Status != 200 || pings[0].Method != "POST" {
		t.Errorf("%+v", pings)
	}
	res, err := p.do(http.MethodDelete, h.URL, "")
	if a := p.read(res, err); a.status != 200 {
		t.Errorf("DELETE: %+v", a)
	}
	if _, open := <-events; open {
		t.Error("the stream outlives its session")
	}
	if a := p.post(pingRequest); a.status != 404 || !strings.Contains(a.body, "Session not found") {
		t.Errorf("%+v", a)
	}
}

func TestHTTPRefusals(t *testing.T) {
	h := NewHTTP(t, HTTPOptions{NoGET: true, NoDELETE: true})
	p := dial(t, h)
	if a := p.post(pingRequest); a.status != 400 {
		t.Errorf("no session: %+v", a)
	}
	p.initialize()
	for _, tc := range []struct {
		method, body string
		header       []string
		want         int
	}{
		{"POST", pingRequest, []string{"Accept", "application/json"}, 406},
		{"POST", pingRequest, []string{"Content-Type", "text/plain"}, 415},
		{"POST", pingRequest, []string{"MCP-Protocol-Version", "2026-07-28"}, 400},
		{"POST", pingRequest, []string{"MCP-Protocol-Version", "2025-06-18"}, 200},
		{"POST", `{"jsonrpc":`, nil, 400},
		{"POST", `[` + pingRequest + `]`, nil, 200},
		{"POST", `{"jsonrpc":"2.0","id":5,"result":{}}`, nil, 202},
		{"GET", "", nil, 405},
		{"DELETE", "", nil, 405},
		{"PUT", "", nil, 405},
	} {
		if a := p.read(p.do(tc.method, h.URL, tc.body, tc.header...)); a.status != tc.want {
			t.Errorf("%s %s %v: %+v", tc.method, tc.body, tc.header, a)
		}
	}
}

func TestHTTPToken(t *testing.T) {
	h := NewHTTP(t, HTTPOptions{Token: "secret", Challenge: `Bearer resource_metadata="x"`, Stateless: true})
	p := dial(t, h)
	if a := p.post(pingRequest); a.status != 401 || a.header.Get("WWW-Authenticate") != `Bearer resource_metadata="x"` {
		t.Errorf("%+v", a)
	}
	if a := p.post(pingRequest, "Authorization", "Bearer secret"); a.body != pingAnswer {
		t.Errorf("%+v", a)
	}
}

func TestHTTPStreamedAnswers(t *testing.T) {
	h := NewHTTP(t, HTTPOptions{SSE: true, Prime: true, Retry: 40 * time.Millisecond})
	p := dial(t, h)
	p.initialize()
	a := p.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"progress","arguments":{"steps":2},"_meta":{"progressToken":1}}}`)
	if len(a.events) != 4 || a.events[0].data != "" || a.events[0].retry != "40" || a.events[0].id == "" ||
		!strings.Contains(a.events[1].data, `"progress":1`) || !strings.Contains(a.events[3].data, "done 2") {
		t.Errorf("%+v", a)
	}
	// A request of the server comes on the stream of the call that led to it.
	res, err := p.do(http.MethodPost, h.URL, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"roots"}}`)
	if err != nil {
		t.Fatal(err)
	}
	answered := false
	err = parseEvents(res.Body, func(e sseEvent) {
		switch {
		case strings.Contains(e.data, "roots/list"):
			if a := p.post(`{"jsonrpc":"2.0","id":0,"result":{"roots":[]}}`); a.status != 202 {
				t.Errorf("%+v", a)
			}
		case strings.Contains(e.data, `\"roots\":[]`):
			answered = true
		}
	})
	res.Body.Close()
	if err != nil || !answered {
		t.Errorf("answered %v, %v", answered, err)
	}
	// A cancelled call ends its stream without an answer.
	done := make(chan answer)
	go func() {
		done <- p.post(`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"never"}}`)
	}()
	h.WaitRequest(time.Second, func(r HTTPRequest) bool { return strings.Contains(r.Body, "never") })
	waitUntil(time.Second, func() bool {
		p.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}`)
		select {
		case a := <-done:
			if len(a.events) != 1 || a.err != nil {
				t.Errorf("%+v", a)
			}
			return true
		default:
			return false
		}
	})
}

func TestHTTPSSEStyles(t *testing.T) {
	h := NewHTTP(t, HTTPOptions{SSE: true})
	p := dial(t, h)
	p.initialize()
	for _, style := range []SSEStyle{{}, {Ending: "\r\n"}, {Ending: "\r"}, {Comments: true}, {MultiLine: true}, {Split: true}, {NoSpace: true}, {BOM: true},
		{Ending: "\r\n", Comments: true, MultiLine: true, Split: true, NoSpace: true, BOM: true}} {
		h.SetSSEStyle(style)
		a := p.post(pingRequest)
		if len(a.events) != 1 {
			t.Errorf("%+v: %+v", style, a)
			continue
		}
		e, err := parseEnvelope([]byte(a.events[0].data))
		if err != nil || string(e.result) != "{}" {
			t.Errorf("%+v: %+v", style, a)
		}
		if style.MultiLine != strings.Contains(a.events[0].data, "\n") {
			t.Errorf("%+v: %q", style, a.events[0].data)
		}
	}
	h.SetSSEStyle(SSEStyle{MultiLine: true})
	if a := p.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"bytes","arguments":{"n":10485760}}}`); a.err != nil || len(a.events) != 1 || len(a.events[0].data) < 10<<20 {
		t.Errorf("10 MiB: %v", a.err)
	}
}

func TestOldTransport(t *testing.T) {
	h := NewHTTP(t, HTTPOptions{})
	p := dial(t, h)
	if a := p.read(p.do(http.MethodPost, h.SSEURL, pingRequest)); a.status != 405 {
		t.Errorf("POST to the stream: %+v", a)
	}
	events := p.open(h.SSEURL)
	e := p.next(events)
	if e.kind != "endpoint" || !strings.HasPrefix(e.data, "/message?sessionId=") {
		t.Fatalf("%+v", e)
	}
	url := strings.TrimSuffix(h.SSEURL, "/sse") + e.data
	for _, body := range []string{pingRequest, echoRequest(2), `{"jsonrpc":"2.0","method":"notifications/initialized"}`} {
		if a := p.read(p.do(http.MethodPost, url, body)); a.status != 202 {
			t.Errorf("%+v", a)
		}
	}
	if e := p.next(events); e.kind != "message" || e.data != pingAnswer {
		t.Errorf("%+v", e)
	}
	if e := p.next(events); !strings.Contains(e.data, "Echo: hi") {
		t.Errorf("%+v", e)
	}
	h.DropStreams()
	for range events { // until it breaks
	}
	waitUntil(time.Second, func() bool { return len(h.Sessions()) == 0 })
	if a := p.read(p.do(http.MethodPost, url, pingRequest)); a.status != 404 {
		t.Errorf("after the end: %+v", a)
	}
}
