package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// Benchmarks compare three paths to one scripted server in the same run, in turns: a direct connection, a byte copier in
// between (the least that a hop can cost), and the proxy. Only the ratios mean something on a shared machine.

// build makes a real program of a package: a test binary is larger and slower to start.
func build(b *testing.B, pkg string) string {
	b.Helper()
	out := filepath.Join(b.TempDir(), filepath.Base(pkg))
	if text, err := exec.Command("go", "build", "-o", out, pkg).CombinedOutput(); err != nil {
		b.Fatalf("go build %s: %v\n%s", pkg, err, text)
	}
	return out
}

const mcptestDir = "../../pkg/mcptest/"

// wire is a client that does nothing but write and read lines.
type wire struct {
	b      *testing.B
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	prefix string
	n      int
	line   []byte
}

func dial(b *testing.B, prefix string, cmd *exec.Cmd) *wire {
	b.Helper()
	w := &wire{b: b, cmd: cmd, prefix: prefix}
	out, err := cmd.StdoutPipe()
	if err == nil {
		w.in, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	w.out = bufio.NewReaderSize(out, 64<<10)
	b.Cleanup(func() { w.in.Close(); cmd.Wait() })
	return w
}

func (w *wire) send(method, params string) {
	w.n++
	w.line = append(w.line[:0], `{"jsonrpc":"2.0","id":`...)
	w.line = strconv.AppendInt(w.line, int64(w.n), 10)
	w.line = append(append(append(append(append(w.line, `,"method":"`...), method...), `","params":`...), params...), "}\n"...)
	if _, err := w.in.Write(w.line); err != nil {
		w.b.Fatal(err)
	}
}

// receive reads lines up to the next answer and returns its length.
func (w *wire) receive() int {
	for {
		n, note := 0, false
		for {
			part, err := w.out.ReadSlice('\n')
			if n == 0 {
				note = bytes.Contains(part[:min(len(part), 60)], []byte(`"method"`))
			}
			n += len(part)
			if err == bufio.ErrBufferFull {
				continue
			}
			if err != nil {
				w.b.Fatal(err)
			}
			break
		}
		if !note {
			return n
		}
	}
}

func (w *wire) call(tool, arguments string) int {
	w.send("tools/call", `{"name":"`+w.prefix+tool+`","arguments":`+arguments+`}`)
	return w.receive()
}

const hello = `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}`

func (w *wire) initialize() *wire {
	w.send("initialize", hello)
	w.receive()
	fmt.Fprintln(w.in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	w.send("tools/list", `{}`)
	w.receive()
	return w
}

// bench are the three paths to servers of the same kind.
type bench struct {
	*testing.B
	proxy, copier string
	server        []string // command line
	home          *home
}

// newBench compares paths to the scripted server.
func newBench(b *testing.B, opts mcptest.Server) *bench {
	text, err := json.Marshal(opts)
	if err != nil {
		b.Fatal(err)
	}
	return newBenchOf(b, build(b, mcptestDir+"mcpserver"), "-opts", string(text))
}

func newBenchOf(b *testing.B, server ...string) *bench {
	return &bench{B: b, home: newHome(b), proxy: build(b, "../mcpproxy-stdio"), copier: build(b, mcptestDir+"bytecopier"), server: server}
}

func (t *bench) configure(n int) {
	servers := map[string]json.RawMessage{}
	for i := range n {
		entry, err := json.Marshal(map[string]any{"command": t.server[0], "args": t.server[1:]})
		if err != nil {
			t.Fatal(err)
		}
		servers[fmt.Sprintf("up%d", i)] = entry
	}
	t.home.configure(servers)
	// The real program would ask about a file that is younger than its client; the one of the tests takes it as it is.
	c := t.home.initialized(`{}`)
	c.List("tools/list")
	c.Close()
}

func (t *bench) direct() *exec.Cmd { return exec.Command(t.server[0], t.server[1:]...) }
func (t *bench) copied() *exec.Cmd { return exec.Command(t.copier, t.server...) }

func (t *bench) proxyCommand() *exec.Cmd {
	cmd := t.home.command()
	cmd.Path, cmd.Args[0], cmd.Dir = t.proxy, t.proxy, t.TempDir() // its state must not lie in the folder that is open
	return cmd
}

func (t *bench) paths() [3]*wire {
	t.configure(1)
	return [3]*wire{
		dial(t.B, "", t.direct()).initialize(),
		dial(t.B, "", t.copied()).initialize(),
		dial(t.B, "up0__", t.proxyCommand()).initialize(),
	}
}

var pathNames = [3]string{"direct", "copier", "proxy"}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// report gives the medians and the proxy's ratio to the copier.
func (t *bench) report(took [3][]time.Duration, unit string, scale float64) {
	var m [3]float64
	for i := range took {
		m[i] = float64(median(took[i])) / scale
		t.ReportMetric(m[i], pathNames[i]+"-"+unit)
	}
	t.ReportMetric(m[2]/m[1], "proxy/copier")
	t.ReportMetric(0, "ns/op")
}

// cpu is the processor time of one process, without its children.
func cpu(pid int) time.Duration {
	var total time.Duration
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, task := range tasks {
		if data, err := os.ReadFile(task); err == nil {
			if ns, err := strconv.ParseInt(strings.Fields(string(data))[0], 10, 64); err == nil {
				total += time.Duration(ns)
			}
		}
	}
	return total
}

// residentMB is the resident memory of a process in MB, as /proc says; 0 elsewhere.
func residentMB(pid int) float64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(text)[0], 64)
			return kb / 1000
		}
	}
	return 0
}

// each runs a benchmark with the scripted server, which is as lean as can be, and with one on an SDK.
func each(b *testing.B, run func(t *bench)) {
	b.Run("lean", func(b *testing.B) { run(newBench(b, mcptest.Server{})) })
	b.Run("sdk", func(b *testing.B) { run(newBenchOf(b, build(b, mcptestDir+"sdkserver"))) })
}

func BenchmarkEcho(b *testing.B) { each(b, echo) }

func echo(t *bench) {
	b, paths := t.B, t.paths()
	var took [3][]time.Duration
	for i := range 200 { // warm up
		paths[i%3].call("echo", `{"message":"hello"}`)
	}
	before := cpu(paths[2].cmd.Process.Pid)
	for b.Loop() {
		for i, w := range paths {
			start := time.Now()
			w.call("echo", `{"message":"hello"}`)
			took[i] = append(took[i], time.Since(start))
		}
	}
	pid := paths[2].cmd.Process.Pid
	b.ReportMetric(float64((cpu(pid)-before).Microseconds())/float64(len(took[2])), "proxy-cpu-µs/call")
	b.ReportMetric(residentMB(pid), "proxy-rss-MB")
	t.report(took, "p50-µs", 1e3)
}

func BenchmarkThroughput32(b *testing.B) { each(b, throughput) }

func throughput(t *bench) {
	b, paths := t.B, t.paths()
	const flight, calls = 32, 4000
	var took [3][]time.Duration
	before := cpu(paths[2].cmd.Process.Pid)
	for b.Loop() {
		for i, w := range paths {
			start := time.Now()
			params := `{"name":"` + w.prefix + `echo","arguments":{"message":"hello"}}`
			for range flight {
				w.send("tools/call", params)
			}
			for n := range calls {
				w.receive()
				if n < calls-flight {
					w.send("tools/call", params)
				}
			}
			took[i] = append(took[i], time.Since(start))
		}
	}
	var rate [3]float64
	for i := range took {
		rate[i] = calls / median(took[i]).Seconds()
		b.ReportMetric(rate[i], pathNames[i]+"-calls/s")
	}
	pid := paths[2].cmd.Process.Pid
	b.ReportMetric(float64((cpu(pid)-before).Microseconds())/float64(calls*len(took[2])), "proxy-cpu-µs/call")
	b.ReportMetric(rate[2]/rate[1], "proxy/copier")
	b.ReportMetric(residentMB(pid), "proxy-rss-MB")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkLarge(b *testing.B) {
	for _, c := range []struct {
		name   string
		size   int
		idLast bool
	}{{"1MiB", 1 << 20, false}, {"10MiB", 10 << 20, false}, {"1MiB-id-last", 1 << 20, true}, {"10MiB-id-last", 10 << 20, true}} {
		b.Run(c.name, func(b *testing.B) {
			large(newBench(b, mcptest.Server{IDLast: c.idLast}), "bytes", fmt.Sprintf(`{"n":%d}`, c.size), c.size)
		})
	}
	// The reference server, which puts the id last, gives back what it is sent; above some 10 MB it answers nothing.
	for _, size := range []int{1 << 20, 8 << 20} {
		b.Run(fmt.Sprintf("everything-%dMiB", size>>20), func(b *testing.B) {
			t := newBenchOf(b, "node", npmServer(b, "server-everything"), "stdio")
			large(t, "echo", `{"message":"`+mcptest.Text(size)+`"}`, size)
		})
	}
}

func large(t *bench, tool, arguments string, size int) {
	paths := t.paths()
	for _, w := range paths {
		w.call(tool, arguments) // the first one is slower everywhere
	}
	var took [3][]time.Duration
	for t.Loop() {
		for i, w := range paths {
			start := time.Now()
			if n := w.call(tool, arguments); n < size {
				t.Fatalf("%s: %d bytes came", pathNames[i], n)
			}
			took[i] = append(took[i], time.Since(start))
		}
	}
	t.ReportMetric(residentMB(paths[2].cmd.Process.Pid), "proxy-rss-MB")
	t.report(took, "p50-ms", 1e6)
}

// BenchmarkStart is exec until initialize is answered; for the proxy with ten servers it knows, and then its full list.
func BenchmarkStart(b *testing.B) {
	t := newBench(b, mcptest.Server{Tools: 10})
	t.configure(10)
	dial(b, "", t.proxyCommand()).initialize() // records the ten
	var took [3][]time.Duration
	var lists []time.Duration
	memory := 0.0
	for b.Loop() {
		for i, cmd := range []*exec.Cmd{t.direct(), t.copied(), t.proxyCommand()} {
			start := time.Now()
			w := dial(b, "", cmd)
			w.send("initialize", hello)
			w.receive()
			took[i] = append(took[i], time.Since(start))
			if i == 2 {
				start = time.Now()
				w.send("tools/list", `{}`)
				w.receive()
				lists = append(lists, time.Since(start))
				memory = max(memory, residentMB(cmd.Process.Pid))
			}
			w.in.Close()
			cmd.Wait()
		}
	}
	b.ReportMetric(float64(median(lists))/1e6, "list-of-ten-ms")
	b.ReportMetric(memory, "proxy-rss-MB")
	t.report(took, "ms", 1e6)
}

// BenchmarkList is tools/list for growing catalogs, which should cost in proportion.
func BenchmarkList(b *testing.B) {
	for _, tools := range []int{100, 1000, 10_000} {
		b.Run(strconv.Itoa(tools), func(b *testing.B) {
			t := newBench(b, mcptest.Server{Tools: tools})
			t.configure(1)
			w := dial(b, "", t.proxyCommand()).initialize()
			for b.Loop() {
				w.send("tools/list", `{}`)
				w.receive()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*tools), "µs/tool")
		})
	}
}
