package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// deaf is a client that does not read what the proxy writes.
type deaf struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  *os.File
	stdout *os.File
	done   chan struct{}
}

func (h *home) deaf(t *testing.T) *deaf {
	t.Helper()
	inR, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	d := &deaf{t: t, cmd: h.command(), stdin: inW, stdout: outR, done: make(chan struct{})}
	d.cmd.Stdin, d.cmd.Stdout = inR, outW
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	inR.Close()
	outW.Close()
	go func() { d.cmd.Wait(); close(d.done) }()
	t.Cleanup(func() {
		d.cmd.Process.Kill()
		<-d.done
		d.stdin.Close()
		d.stdout.Close()
	})
	d.send(`{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"deaf","version":"1"}}}`)
	d.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return d
}

func (d *deaf) send(line string) {
	d.t.Helper()
	d.stdin.SetWriteDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(d.stdin, line+"\n"); err != nil {
		d.t.Errorf("the proxy does not read: %v", err)
	}
}

func (d *deaf) call(id, tool, arguments string) {
	d.send(`{"jsonrpc":"2.0","id":"` + id + `","method":"tools/call","params":{"name":"` + tool + `","arguments":` + arguments + `}}`)
}

// resident is the resident memory of a process in MiB, 0 where it can't be told.
func resident(pid int) int {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return kib >> 10
		}
	}
	return 0
}

const (
	floodLines = 1500
	floodLine  = 100 << 10
)

// flood has server a send more than a client may leave unread.
func (d *deaf) flood() {
	// The first token that servers see is 1.
	line := strconv.Quote(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1,"message":"` + mcptest.Text(floodLine) + `"}}`)
	d.send(`{"jsonrpc":"2.0","id":"flood","method":"tools/call","params":{"name":"a__frame","arguments":{"line":` + line + `,"count":` + strconv.Itoa(floodLines) + `},"_meta":{"progressToken":"p"}}}`)
}

func flooded(t *testing.T) (*home, string) {
	mark := marked(t)
	return newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark}), "b": calm(mcptest.Server{Name: "b", Mark: mark})}, nil).learned(), mark
}

func TestClientThatReadsLate(t *testing.T) {
	t.Parallel()
	h, _ := flooded(t)
	d := h.deaf(t)
	d.flood()
	time.Sleep(1500 * time.Millisecond)
	for i := range 20 { // another server lives meanwhile
		d.call(fmt.Sprint("b", i), "b__echo", `{"message":"there"}`)
	}
	most := 0
	for range 20 {
		most = max(most, resident(d.cmd.Process.Pid))
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("%d MiB resident with %d MiB on their way", most, floodLines*floodLine>>20)
	if most > 200 && endSlack == 0 {
		t.Errorf("%d MiB resident although at most 64 MiB are kept for a client", most)
	}
	// It reads at last: nothing is lost.
	d.stdout.SetReadDeadline(time.Now().Add(mcptest.Patience(20 * time.Second)))
	in := bufio.NewReaderSize(d.stdout, 1<<20)
	lines, echoes, over := 0, 0, false
	for !over || echoes < 20 {
		line, err := in.ReadBytes('\n')
		if err != nil {
			t.Fatalf("after %d lines and %d echoes: %v", lines, echoes, err)
		}
		switch {
		case bytes.Contains(line, []byte("notifications/progress")):
			lines++
		case bytes.Contains(line, []byte("Echo: there")):
			echoes++
		case bytes.Contains(line, []byte(`"flood"`)):
			over = true
		}
	}
	if lines != floodLines {
		t.Errorf("%d of %d notifications came", lines, floodLines)
	}
}

func TestEndingOfAClientThatDoesNotRead(t *testing.T) {
	for name, end := range map[string]func(d *deaf){
		"stdin":   func(d *deaf) { d.stdin.Close() },
		"SIGTERM": func(d *deaf) { d.cmd.Process.Signal(syscall.SIGTERM) },
		"SIGINT":  func(d *deaf) { d.cmd.Process.Signal(os.Interrupt) },
		"SIGKILL": func(d *deaf) { d.cmd.Process.Kill() },
		"stdout":  func(d *deaf) { d.stdout.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			h, mark := flooded(t)
			d := h.deaf(t)
			d.flood()
			d.call("b", "b__never", `{}`)
			for i := range 50 { // the proxy's own answers have to wait as well
				d.send(`{"jsonrpc":"2.0","id":` + strconv.Itoa(i) + `,"method":"tools/list"}`)
			}
			time.Sleep(time.Second)
			pids := append(mcptest.ProcessesWithEnv(mark), d.cmd.Process.Pid)
			if len(pids) < 3 {
				t.Fatalf("only %d processes run", len(pids))
			}
			bound := endBound
			if name == "SIGKILL" || name == "stdout" {
				bound = time.Second
			}
			begin := time.Now()
			end(d)
			left := mcptest.WaitAllGone(pids, 5*time.Second)
			took := time.Since(begin)
			t.Logf("%d processes gone in %d ms", len(pids), took.Milliseconds())
			if left != nil || mcptest.TooLong(took, bound+endSlack) {
				t.Errorf("after %v there are still %v", took, left)
			}
		})
	}
}

// A client that no longer reads our stderr must not end us with SIGPIPE at the first line of the log.
func TestClosedStderr(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: mark, Faults: []mcptest.Fault{mcptest.FaultGarbageStdout}})}, nil)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	d := &deaf{t: t, cmd: h.command("--log-level", "debug"), done: make(chan struct{})}
	d.cmd.Stderr = w
	stdin, err := d.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	c := mcptest.NewClient(t, stdout, stdin)
	c.Initialize("", "")
	c.List("tools/list")
	answers(t, c, "a")
	c.Close()
	d.cmd.Wait()
	if !d.cmd.ProcessState.Success() {
		t.Errorf("it ended with %v", d.cmd.ProcessState)
	}
}
