//go:build unix

package transport

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// BenchmarkEcho is what a container costs: one program, as a child and in one.
func BenchmarkEcho(b *testing.B) {
	program := mcptest.BuildStatic(b, probePackage)
	for _, size := range []struct {
		name  string
		bytes int
	}{{"200B", 200}, {"10MB", 10 << 20}} {
		line := []byte(`{"a":"` + mcptest.Text(size.bytes-8) + `"}`)
		b.Run("stdio/"+size.name, func(b *testing.B) {
			s, err := StartStdio(StdioSpec{Command: program, Args: []string{"-cat"}, Env: os.Environ()})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close(time.Second)
			benchEcho(b, s.Send, s.Recv, line)
		})
		b.Run("docker/"+size.name, func(b *testing.B) {
			e := mcptest.SharedEngine(b)
			e.ImageOf(b, "probe:1", program)
			owner, spec, _ := containers(b, e.Host, "-cat")
			s := StartDocker(owner, spec, 0, nil)
			defer s.Close(time.Second)
			benchEcho(b, s.Send, s.Recv, line)
		})
	}
}

func benchEcho(b *testing.B, send func(jsonrpc.Frame) error, recv func() (Inbound, error), line []byte) {
	echo := func() {
		if err := send(jsonrpc.Whole(line)); err != nil {
			b.Fatal(err)
		}
		if _, err := recv(); err != nil {
			b.Fatal(err)
		}
	}
	echo() // it runs
	var took []time.Duration
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		begin := time.Now()
		echo()
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
