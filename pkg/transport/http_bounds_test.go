package transport

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestHTTPResumeDelay(t *testing.T) {
	h := &HTTP{wait: waits{base: time.Second, most: time.Minute}}
	tests := []struct {
		retry    time.Duration
		try      int
		min, max time.Duration
	}{
		{0, 0, time.Second, time.Second},
		{0, 3, 8 * time.Second, 10 * time.Second},
		{0, 50, time.Minute, 75 * time.Second},
		{500 * time.Millisecond, 0, 500 * time.Millisecond, 500 * time.Millisecond},
		{5 * time.Second, 2, 20 * time.Second, 25 * time.Second},
		{time.Hour, 0, time.Minute, time.Minute},
		{time.Hour, 9, time.Minute, 75 * time.Second},
	}
	for _, tt := range tests {
		if got := h.resumeDelay(tt.retry, tt.try); got < tt.min || got > tt.max {
			t.Errorf("resumeDelay(%s, %d) = %s, want %s to %s", tt.retry, tt.try, got, tt.min, tt.max)
		}
	}
}

func TestHTTPStreamThatNeverEnds(t *testing.T) {
	gone := make(chan struct{})
	p := newHTTPPeer(t, httpScript{"m": func(w http.ResponseWriter, r *http.Request, m httpMsg) {
		sse(w, "data: "+answerOf(m, "1")+"\n\n")
		<-r.Context().Done()
		close(gone)
	}})
	c := dialTest(t, HTTPSpec{URL: p.URL})
	c.request(2, "m")
	c.want(`{"jsonrpc":"2.0","id":2,"result":1}`)
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Fatal("the stream stays open")
	}
}

// What is whole counts, even if the connection breaks right behind it; half a message does not.
func TestHTTPConnectionBreaksInBody(t *testing.T) {
	p := newHTTPPeer(t, nil)
	for _, length := range []bool{true, false} {
		for _, tail := range []string{"}", ""} {
			p.on = httpScript{"m": func(w http.ResponseWriter, _ *http.Request, _ httpMsg) {
				if length {
					w.Header().Set("Content-Length", "100")
				}
				_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":2,"result":{}`+tail)
				_ = http.NewResponseController(w).Flush()
				cut(w)
			}}
			c := dialTest(t, HTTPSpec{URL: p.URL})
			c.request(2, "m")
			if tail == "" {
				c.wantFailed("2", "the connection was closed before the answer was complete", false)
			} else {
				c.want(`{"jsonrpc":"2.0","id":2,"result":{}}`)
			}
			c.Close(0)
		}
	}
}

func TestHTTPSpecChecked(t *testing.T) {
	tests := []struct {
		spec HTTPSpec
		want string
	}{
		{HTTPSpec{URL: "ftp://a/"}, `not "ftp"`},
		{HTTPSpec{URL: "https:///mcp"}, "names no host"},
		{HTTPSpec{URL: "https://a b/secret"}, "cannot be read"},
		{HTTPSpec{URL: "https://a/", Headers: []Header{{"X Y", "secret"}}}, `"X Y" is not a header name`},
		{HTTPSpec{URL: "https://a/", Headers: []Header{{"X", "secret\r\nY: z"}}}, `header "X" contains a line break`},
	}
	for _, tt := range tests {
		_, err := DialHTTP(tt.spec)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: %v", tt.spec.URL, err)
		}
	}
}
