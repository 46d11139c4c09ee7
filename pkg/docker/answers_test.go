//go:build unix

package docker

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// An engine whose answers have no end gets no more of our memory than an answer may take.
func TestAnEngineThatFloods(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		status  int
		says    string
	}{{"GET /info", 200, "exceeds 8388608 bytes"}, {"GET /info", 500, "> 1048576 bytes"}, {"GET /images/{name...}", 200, "exceeds 8388608 bytes"}} {
		var sent atomic.Int64
		f := mcptest.NewFakeEngine(t, map[string]http.HandlerFunc{})
		f.On(c.pattern, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			chunk := []byte(strings.Repeat("a", 64<<10))
			_, err := w.Write([]byte(`{"Id":"sha256:`))
			for err == nil && sent.Load() < 1<<30 {
				var n int
				n, err = w.Write(chunk)
				sent.Add(int64(n))
			}
		})
		err := newRig(t, f.Host).start(newRig(t, f.Host).spec()).end()
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %d: %v", c.pattern, c.status, err)
		}
		f.Close()
		if sent.Load() > 8*answerLimit { // what the buffers on the way hold, and a second request
			t.Errorf("%s %d: %d bytes were taken", c.pattern, c.status, sent.Load())
		}
	}
}
