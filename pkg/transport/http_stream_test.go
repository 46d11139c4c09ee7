package transport

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const progress = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}`

// cut ends the connection in the middle of the body.
func cut(http.ResponseWriter) { panic(http.ErrAbortHandler) }

func TestHTTPCallStream(t *testing.T) {
	const answer = `{"jsonrpc":"2.0","id":2,"result":{}}`
	tests := []struct {
		name  string
		parts []string
		want  []string
	}{
		{"progress first", []string{"data: " + progress + "\n\n", "event: message\ndata: " + answer + "\n\n"}, []string{progress, answer}},
		{"comments, ids and other events", []string{": ping\n\nid: 1\ndata:\n\nevent: other\ndata: " + progress + "\n\n", "data:" + answer + "\n\n"}, []string{answer}},
		{"carriage returns", []string{"data: " + progress + "\r\rdata: " + answer + "\r\n\r\n"}, []string{progress, answer}},
		{"lines", []string{"data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":2,\ndata:  \"result\":{}}\n\n"}, []string{`{"jsonrpc":"2.0", "id":2,  "result":{}}`}},
		{"cut in two", []string{"da", "ta: {\"jsonrpc\":\"2.0\",\"id\"", ":2,\"result\":{}}\n", "\n"}, []string{answer}},
		{"an event that is no message", []string{"data: nonsense\n\ndata: " + answer + "\n\n"}, []string{answer}},
		{"a batch", []string{"data: [" + progress + "," + answer + "]\n\n"}, []string{progress, answer}},
		{"more after the answer", []string{"data: " + answer + "\n\n", "data: " + progress + "\n\n"}, []string{answer, progress}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
				for _, part := range tt.parts {
					sse(w, part)
					time.Sleep(5 * time.Millisecond)
				}
			}})
			c := dialTest(t, HTTPSpec{URL: p.URL})
			c.request(2, "m")
			for _, want := range tt.want {
				c.want(want)
			}
			c.nothing()
		})
	}
}

func TestHTTPStreamBrokenAfterTheAnswer(t *testing.T) {
	p := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
		sse(w, "id: 1\ndata: "+answerOf(m, "1")+"\n\nid: 2\ndata: {\"js")
		cut(w)
	}})
	c := dialTest(t, HTTPSpec{URL: p.URL})
	c.request(2, "m")
	c.want(`{"jsonrpc":"2.0","id":2,"result":1}`)
	c.nothing()
	if got := p.seen(); slices.Contains(got, "GET") {
		t.Errorf("resumed an answered call: %q", got)
	}
}

func TestHTTPStreamBrokenBeforeTheAnswer(t *testing.T) {
	for name, end := range map[string]func(http.ResponseWriter){"cleanly": func(http.ResponseWriter) {}, "in an event": cut} {
		t.Run(name, func(t *testing.T) {
			p := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
				sse(w, "data: "+progress+"\n\nid: 1\ndata: {\"jsonrpc\"")
				end(w)
			}})
			c := dialTest(t, HTTPSpec{URL: p.URL})
			c.request(2, "m")
			c.want(progress)
			c.wantFailed("2", "the stream ended before the answer", false)
			c.nothing()
			if got := p.seen(); len(got) != 2 {
				t.Errorf("without an event id there is nothing to resume, and a POST is never repeated: %q", got)
			}
		})
	}
}

func TestHTTPStreamResumed(t *testing.T) {
	const retry = 120 * time.Millisecond
	var broken, back time.Time
	var gets atomic.Int32
	p := newHTTPPeer(t, httpScript{
		"m": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
			sse(w, fmt.Sprintf("retry: %d\nid: é1\ndata:\n\n", retry.Milliseconds()))
			broken = time.Now()
		},
		"GET": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
			switch gets.Add(1) {
			case 1:
				back = time.Now()
				sse(w, "id: 2\ndata: "+progress+"\n\n")
				cut(w)
			case 2:
				w.WriteHeader(http.StatusBadGateway)
			case 12:
				sse(w, "id: 3\ndata: "+answerOf(httpMsg{id: "2"}, `"at last"`)+"\n\n")
			default: // as long as events come, it goes on
				sse(w, fmt.Sprintf("retry: 1\nid: 2.%d\n\n", gets.Load()))
			}
		},
	})
	c := dialTest(t, HTTPSpec{URL: p.URL})
	c.request(2, "m")
	c.want(progress)
	c.want(`{"jsonrpc":"2.0","id":2,"result":"at last"}`)
	c.nothing()
	if d := back.Sub(broken); d < retry {
		t.Errorf("resumed after %s, the server asked for %s", d, retry)
	}
	for i, want := range []string{"é1", "2", "2", "2.3", "2.4"} {
		if got := p.header(t, "GET", i).Get("Last-Event-ID"); got != want {
			t.Errorf("GET %d: Last-Event-ID %q, want %q", i, got, want)
		}
	}
}

func TestHTTPStreamNotResumable(t *testing.T) {
	tests := []struct {
		name, want string
		gets       int
		get        func(http.ResponseWriter, *http.Request, httpMsg)
	}{
		{"no GET", "can't be resumed: the server answered HTTP 405", 1, nil},
		{"nothing new, ever", "the stream ended before the answer", maxResumes, func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
			sse(w, ": nothing\n\n")
		}},
		{"server in trouble", "HTTP 500", maxResumes, func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
			w.WriteHeader(500)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			on := httpScript{"m": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) { sse(w, "retry: 5\nid: 1\n\n") }}
			if tt.get != nil {
				on["GET"] = tt.get
			}
			p := newHTTPPeer(t, on)
			c := dialTest(t, HTTPSpec{URL: p.URL})
			c.request(2, "m")
			c.wantFailed("2", tt.want, false)
			c.nothing()
			if got := strings.Count(strings.Join(p.seen(), ","), "GET"); got != tt.gets {
				t.Errorf("%d attempts, want %d", got, tt.gets)
			}
		})
	}
}

func TestHTTPLargeMessages(t *testing.T) {
	big := `"` + strings.Repeat("x", 10<<20) + `"`
	p := newHTTPPeer(t, httpScript{
		"sse":  func(w http.ResponseWriter, _ *http.Request, m httpMsg) { sse(w, "data: "+answerOf(m, big)+"\n\n") },
		"json": func(w http.ResponseWriter, _ *http.Request, m httpMsg) { reply(w, m, big) },
		"length": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
			w.Header().Set("Content-Length", fmt.Sprint(len(answerOf(m, big))))
			reply(w, m, big)
		},
		"last": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
			sse(w, `data: {"jsonrpc":"2.0","result":`+big+`,"id":2}`+"\n\n")
		},
		"other": func(w http.ResponseWriter, _ *http.Request, m httpMsg) {
			sse(w, "data: "+progress+"\n\ndata: "+answerOf(m, big)+"\n\n")
		},
	})
	for _, method := range []string{"sse", "json", "length", "last", "other"} {
		t.Run(method, func(t *testing.T) {
			c := dialTest(t, HTTPSpec{URL: p.URL})
			c.request(2, method)
			if method == "other" {
				c.want(progress)
			}
			if got := c.next(); len(got.Raw) < len(big) {
				t.Fatalf("got %.200s %+v", got.Raw, got.Failed)
			}
			small := dialTest(t, HTTPSpec{URL: p.URL, Limit: 1 << 20})
			small.request(2, method)
			if method == "other" {
				small.want(progress)
			}
			small.wantFailed("2", "exceeds the limit of 1048576 bytes", false)
			small.nothing()
		})
	}
}

func TestHTTPStandingStream(t *testing.T) {
	var gets atomic.Int32
	release := make(chan struct{})
	p := newHTTPPeer(t, httpScript{"GET": func(w http.ResponseWriter, r *http.Request, _ httpMsg) {
		switch gets.Add(1) {
		case 1:
			time.Sleep(100 * time.Millisecond)
			sse(w, "id: 7\ndata: "+progress+"\n\n")
			select {
			case <-release:
			case <-r.Context().Done():
			}
		case 2:
			w.WriteHeader(http.StatusConflict) // the last one is not quite gone
		default:
			sse(w, "data: "+strings.ReplaceAll(progress, "progress", "message")+"\n\n")
			<-r.Context().Done()
		}
	}})
	c := dialTest(t, HTTPSpec{URL: p.URL}).open()
	c.request(2, "ping")
	c.wantParts(progress, `"id":2`)
	close(release)
	c.want(strings.ReplaceAll(progress, "progress", "message"))
	want := []string{"POST initialize 1", "POST notifications/initialized", "GET", "POST ping 2", "GET", "GET"}
	if got := p.seen(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := p.header(t, "GET", 2).Get("Last-Event-ID"); got != "7" {
		t.Errorf("Last-Event-ID %q", got)
	}
}

func TestHTTPStandingStreamNotAnswered(t *testing.T) {
	p := newHTTPPeer(t, httpScript{"GET": func(_ http.ResponseWriter, r *http.Request, _ httpMsg) { <-r.Context().Done() }})
	c := dialTest(t, HTTPSpec{URL: p.URL}, func(h *HTTP) { h.wait.get = 100 * time.Millisecond }).open()
	c.nothing()
}

func TestHTTPNoStandingStream(t *testing.T) {
	for _, code := range []int{404, 405, 400, 200} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			p := newHTTPPeer(t, httpScript{"GET": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(code)
			}})
			c := dialTest(t, HTTPSpec{URL: p.URL}).open()
			time.Sleep(100 * time.Millisecond)
			c.nothing()
			if got := strings.Count(strings.Join(p.seen(), ","), "GET"); got != 1 {
				t.Errorf("%d GETs", got)
			}
		})
	}
}

// A server that closes the standing stream at once is asked less and less often.
func TestHTTPStandingStreamNotHammered(t *testing.T) {
	p := newHTTPPeer(t, httpScript{"GET": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) { sse(w, "retry: 1\nid: 1\n\n") }})
	c := dialTest(t, HTTPSpec{URL: p.URL}).open()
	time.Sleep(400 * time.Millisecond) // 0, 20, 60, 140, 300 ms and jitter
	c.nothing()
	if got := strings.Count(strings.Join(p.seen(), ","), "GET"); got < 2 || got > 6 {
		t.Errorf("%d GETs", got)
	}
}

func TestHTTPStandingStreamLosesSession(t *testing.T) {
	tests := []struct {
		name string
		lost func(http.ResponseWriter, *http.Request, httpMsg)
		gets int
	}{
		{"404", refuse(404, "Not Found"), 3}, // once more without the event id
		{"400 of a restarted server", refuse(400, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}`), 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var gets atomic.Int32
			p := newHTTPPeer(t, httpScript{"GET": func(w http.ResponseWriter, r *http.Request, m httpMsg) {
				if gets.Add(1) == 1 {
					sse(w, "id: 1\n\n")
					return
				}
				tt.lost(w, r, m)
			}})
			dialTest(t, HTTPSpec{URL: p.URL}).open().wantEnd(ErrSessionLost)
			if got := p.seen()[2:]; len(got) != tt.gets {
				t.Errorf("%q", got)
			}
			if last := p.header(t, "GET", tt.gets-1).Get("Last-Event-ID"); tt.gets == 3 && last != "" {
				t.Errorf("a forgotten event id is asked for again: %q", last)
			}
		})
	}
}
