package transport

import (
	"bytes"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// A consumer that does not read holds up the server, not our memory, and nothing is lost.
func TestHTTPInboxIsBounded(t *testing.T) {
	q := newInbox()
	q.limit = 1000
	done := make(chan int)
	go func() {
		n := 0
		for q.put(Inbound{Raw: bytes.Repeat([]byte{'x'}, 36)}) {
			n++
		}
		done <- n
	}()
	eventually(t, "the inbox is full", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.bytes == 1000
	})
	for range 25 {
		if _, err := q.get(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the inbox is full again", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return len(q.items) == 10
	})
	q.close(ErrSessionLost)
	if n := <-done; n != 35 {
		t.Errorf("%d were put", n)
	}
	for range 10 {
		if _, err := q.get(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := q.get(); err != ErrSessionLost {
		t.Errorf("%v", err)
	}
	big := newInbox()
	if !big.put(Inbound{Raw: make([]byte, 2*jsonrpc.MaxMessage)}) {
		t.Error("one message always fits")
	}
}

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
