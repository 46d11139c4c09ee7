package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// taken is how many bytes a process has read and written so far, as /proc says; 0 elsewhere.
func taken(pid int) (n int) {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	for line := range strings.Lines(string(data)) {
		if _, text, ok := strings.Cut(line, "char: "); ok {
			chars, _ := strconv.Atoi(strings.TrimSpace(text))
			n += chars
		}
	}
	return n
}

// stillness waits until a process has read and written so much, and then no more for a while; it returns how much that is.
func stillness(pid, least int) (n int) {
	for same := 0; same < 5; time.Sleep(50 * time.Millisecond) {
		if now := taken(pid); now == n && n >= least {
			same++
		} else {
			n, same = now, 0
		}
	}
	return n
}

// TestNoisyServer: what one server says unasked stands in the way of another's answer with no more than its part of the queue, however
// little the client reads. Nothing of it is lost but log messages, and its own answer comes after it.
func TestNoisyServer(t *testing.T) {
	t.Parallel()
	const count, size = 800, 100 << 10
	pad := mcptest.Text(size)
	for name, line := range map[string]string{
		"progress": `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1,"message":"` + pad + `"}}`,
		"logs":     `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":"` + pad + `"}}`,
		"updates":  `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://static/1","pad":"` + pad + `"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := flooded(t)
			d := h.deaf(t)
			in := bufio.NewReaderSize(d.stdout, 4<<10)
			d.stdout.SetReadDeadline(time.Now().Add(2 * time.Minute))
			next := func() []byte {
				line, err := in.ReadBytes('\n')
				if err != nil {
					t.Fatal(err)
				}
				return line
			}
			d.send(`{"jsonrpc":"2.0","id":"r","method":"resources/subscribe","params":{"uri":"test://static/1"}}`)
			for !bytes.Contains(next(), []byte(`"id":"r"`)) {
			}
			d.call("b0", "b__echo", `{"message":"there"}`) // it runs
			for !bytes.Contains(next(), []byte(`"b0"`)) {
			}
			d.send(`{"jsonrpc":"2.0","id":"flood","method":"tools/call","params":{"name":"a__frame","arguments":{"line":` + strconv.Quote(line) + `,"count":` + strconv.Itoa(count) +
				`},"_meta":{"progressToken":"p"}}}`)
			noise := 0
			count1 := func(line []byte) {
				if bytes.Contains(line, []byte(pad[:200])) {
					noise++
				}
			}
			for noise < 5 { // it is under way
				count1(next())
			}
			before := stillness(d.cmd.Process.Pid, 0) // and has filled what the client leaves it
			d.call("b1", "b__echo", `{"message":"there"}`)
			stillness(d.cmd.Process.Pid, before+1) // it is answered
			between := 0
			for {
				line := next()
				count1(line)
				if bytes.Contains(line, []byte(`"flood"`)) && name != "logs" { // those are dropped, and so over at once
					t.Fatal("the other server's answer came only after the flood")
				}
				if bytes.Contains(line, []byte(`"b1"`)) {
					break
				}
				between += len(line)
			}
			const most = jsonrpc.MaxUnread + 256<<10 /* the pipe */ + 3*size + 64<<10 /* segments and pages, partly read */
			t.Logf("%d KiB of noise stood before the answer", between>>10)
			if between > most {
				t.Errorf("%d bytes of noise stood before another server's answer, more than %d", between, most)
			}
			if name == "logs" {
				return
			}
			for {
				line := next()
				count1(line)
				if bytes.Contains(line, []byte(`"flood"`)) {
					break
				}
			}
			if noise != count {
				t.Errorf("%d of %d messages came before the answer", noise, count)
			}
		})
	}
}
