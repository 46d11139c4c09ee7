//go:build unix

package transport

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
)

// BenchmarkStdioEcho sends a line through cat and waits for it.
func BenchmarkStdioEcho(b *testing.B) {
	for _, size := range []int{200, 1 << 20, 10 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s, err := StartStdio(StdioSpec{Command: "cat", Env: os.Environ()})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close(time.Second)
			line := jsonrpc.Whole([]byte(`{"a":"` + string(bytes.Repeat([]byte("x"), size-8)) + `"}`))
			took := make([]time.Duration, 0, 1<<20)
			b.SetBytes(int64(size))
			for b.Loop() {
				begin := time.Now()
				if err := s.Send(line); err != nil {
					b.Fatal(err)
				}
				if _, err := s.Recv(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begin))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// BenchmarkStdioStart is the time from StartStdio to the server's first answer, and the end.
func BenchmarkStdioStart(b *testing.B) {
	for b.Loop() {
		s, err := StartStdio(StdioSpec{Command: "cat", Env: os.Environ()})
		if err != nil {
			b.Fatal(err)
		}
		s.Send(jsonrpc.Whole([]byte(`{"a":1}`)))
		if _, err := s.Recv(); err != nil {
			b.Fatal(err)
		}
		s.Close(time.Second)
	}
}
