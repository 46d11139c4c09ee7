//go:build !windows

package transport

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// Each line of the log has each field once: the process of the server is not taken for ours.
func TestLogLinesHaveEachFieldOnce(t *testing.T) {
	var log bytes.Buffer
	spec := shell("echo said >&2; echo no message; exit 3")
	spec.Log = zerolog.New(&lockedWriter{to: &log}).With().Int("pid", 1).Logger()
	s, err := StartStdio(spec)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = s.Recv()
	}
	s.Close(time.Second)
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) < 2 || !strings.Contains(log.String(), `"server_pid"`) {
		t.Fatalf("the log has\n%s", &log)
	}
	for _, line := range lines {
		d, seen := json.NewDecoder(strings.NewReader(line)), map[string]bool{}
		for d.Token(); d.More(); {
			key, err := d.Token()
			if name, _ := key.(string); err != nil || seen[name] {
				t.Fatalf("%v twice, %v: %s", key, err, line)
			} else {
				seen[name] = true
			}
			var value json.RawMessage
			if err := d.Decode(&value); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// lockedWriter is written by several goroutines.
type lockedWriter struct {
	mu sync.Mutex
	to *bytes.Buffer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}
