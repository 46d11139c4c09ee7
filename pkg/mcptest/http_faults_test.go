package mcptest

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestHTTPFaultAnswers(t *testing.T) {
	h := NewHTTP(t, HTTPOptions{})
	p := dial(t, h)
	p.initialize()
	for _, tc := range []struct {
		fault         HTTPFault
		status        int
		header, value string
		body          string
	}{
		{Status(500), 500, "Content-Type", "text/plain", "Internal Server Error\n"},
		{Status(404), 404, "Content-Type", "text/plain", "Not Found\n"},
		{HTMLPage(200), 200, "Content-Type", "text/html; charset=utf-8", "<!DOCTYPE html>"},
		{Busy(429, 3), 429, "Retry-After", "3", "Too Many"},
		{Redirect(302, "https://other.example/"), 302, "Location", "https://other.example/", "Found"},
		{Unauthorized(`Bearer scope="a"`), 401, "WWW-Authenticate", `Bearer scope="a"`, "Unauthorized"},
		{JSONAnswer(404, `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"x"}}`), 404, "Content-Type", "application/json", `{"jsonrpc"`},
		{HTTPFault{Hang: 20 * time.Millisecond, Status: 503}, 503, "Content-Length", "0", ""},
		{HTTPFault{Hang: 20 * time.Millisecond}, 200, "Content-Type", "application/json", pingAnswer},
	} {
		h.Inject(tc.fault)
		a := p.post(pingRequest)
		if a.status != tc.status || a.header.Get(tc.header) != tc.value || !strings.HasPrefix(a.body, tc.body) {
			t.Errorf("%+v: %+v", tc.fault, a)
		}
		if a := p.post(pingRequest); a.body != pingAnswer {
			t.Errorf("after %+v: %+v", tc.fault, a)
		}
	}
	h.Inject(HTTPFault{RPC: "tools/call", Status: 500, Times: -1})
	for range 3 {
		if a, b := p.post(pingRequest), p.post(echoRequest(2)); a.status != 200 || b.status != 500 {
			t.Errorf("%+v, %+v", a, b)
		}
	}
	h.ClearFaults()
	if a := p.post(echoRequest(2)); a.status != 200 {
		t.Errorf("cleared: %+v", a)
	}
	h.Inject(HTTPFault{Method: "GET", Status: 405})
	if a := p.read(p.do(http.MethodGet, h.URL, "")); a.status != 405 {
		t.Errorf("GET: %+v", a)
	}
}

func TestHTTPCuts(t *testing.T) {
	for _, sse := range []bool{false, true} {
		h := NewHTTP(t, HTTPOptions{SSE: sse})
		p := dial(t, h)
		p.initialize()
		for _, cut := range []Cut{CutBeforeAnswer, CutInAnswer, CutAfterAnswer} {
			h.Inject(Dropped(cut))
			a := p.post(echoRequest(1))
			whole := strings.Contains(a.body, "Echo: hi") || len(a.events) == 1
			if a.err == nil || whole != (cut == CutAfterAnswer) {
				t.Errorf("SSE %v, %s: %+v", sse, cut, a)
			}
			if cut == CutInAnswer && !errors.Is(a.err, io.ErrUnexpectedEOF) {
				t.Errorf("SSE %v, %s: %v", sse, cut, a.err)
			}
		}
		// The calls were carried out all the same.
		if got := p.post(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"count"}}`); !strings.Contains(got.body+eventData(got), `tools/call\":4`) {
			t.Errorf("%+v", got)
		}
	}
}

func eventData(a answer) string {
	var b strings.Builder
	for _, e := range a.events {
		b.WriteString(e.data)
	}
	return b.String()
}

// An answer that was not delivered is there for whoever resumes the stream.
func TestHTTPResume(t *testing.T) {
	for _, fault := range []HTTPFault{Polled(), Dropped(CutBeforeAnswer), Dropped(CutInAnswer)} {
		h := NewHTTP(t, HTTPOptions{SSE: true, Prime: true, Retry: 10 * time.Millisecond})
		p := dial(t, h)
		p.initialize()
		h.Inject(fault)
		a := p.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sleep","arguments":{"ms":50}}}`)
		if (a.err == nil) != fault.Clean || len(a.events) != 1 || a.events[0].retry != "10" {
			t.Fatalf("%+v: %+v", fault, a)
		}
		events := p.stream(a.events[0].id)
		if e := p.next(events); !strings.Contains(e.data, "slept 50 ms") || e.id == "" {
			t.Errorf("%+v: %+v", fault, e)
		}
		if _, open := <-events; open {
			t.Errorf("%+v: the stream goes on", fault)
		}
		if a := p.read(p.do(http.MethodGet, h.URL, "", "Last-Event-ID", "99_1")); a.status != 400 {
			t.Errorf("unknown event id: %+v", a)
		}
	}
}

// The standing stream goes on where it was when it is opened again.
func TestHTTPStandingStream(t *testing.T) {
	h := NewHTTP(t, HTTPOptions{})
	p := dial(t, h)
	p.initialize()
	h.Notify("notifications/1", "")
	events := p.stream("")
	first := p.next(events)
	if !h.WaitStreams(1, time.Second) {
		t.Error("no stream is open")
	}
	h.DropStreams()
	for range events { // until it breaks
	}
	if !h.WaitStreams(0, time.Second) {
		t.Error("the stream is open")
	}
	h.Notify("notifications/2", "")
	h.Notify("notifications/3", "")
	if e := p.next(p.stream("")); !strings.Contains(e.data, "notifications/2") {
		t.Errorf("going on: %+v", e)
	}
	again := p.stream(first.id)
	if a, b := p.next(again), p.next(again); !strings.Contains(a.data, "notifications/2") || !strings.Contains(b.data, "notifications/3") {
		t.Errorf("resumed: %+v, %+v", a, b)
	}
}

func TestHTTPLostSessionAndCrash(t *testing.T) {
	h := NewHTTP(t, HTTPOptions{})
	p := dial(t, h)
	p.initialize()
	h.LoseSessions()
	if a := p.post(pingRequest); a.status != 404 {
		t.Errorf("lost: %+v", a)
	}
	p.session = ""
	p.initialize()
	if p.session != "session-2" {
		t.Errorf("the new session is %q", p.session)
	}
	a := p.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"crash"}}`)
	if a.err == nil || len(h.Sessions()) != 0 {
		t.Errorf("crash: %+v, %v", a, h.Sessions())
	}
	p.session = ""
	p.initialize()
	h.Stop()
	if a := p.post(pingRequest); a.err == nil {
		t.Errorf("stopped: %+v", a)
	}
}
