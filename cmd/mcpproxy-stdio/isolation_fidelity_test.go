package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// contained is proxied with server s in a container.
func contained(t *testing.T, caps string, opts mcptest.Server) *mcptest.Client {
	t.Helper()
	b := sharedBoxes(t)
	opts.Name = "s"
	c := newHome(t).set(entries{"s": b.entry(opts, nil)}, nil).initialized(caps)
	c.Timeout = time.Minute
	answers(t, c, "s")
	if got := isolationOf(t, c, "s"); got != confinedAs {
		t.Fatalf("it runs as %q", got)
	}
	return c
}

// A container's streams carry what a pipe carries: the same bytes.
func TestIsolatedBytes(t *testing.T) {
	t.Parallel()
	for _, idLast := range []bool{false, true} {
		c := contained(t, "", mcptest.Server{IDLast: idLast})
		for name, want := range map[string]string{
			"unknown fields":  `{"content":[{"type":"text","text":"x","vendor":{"a":[1,{"b":null}]}}],"x-vendor":true,"isError":false}`,
			"big integers":    `{"content":[],"structuredContent":{"n":9007199254740993,"m":-123456789012345678901234567890}}`,
			"odd numbers":     `{"content":[],"structuredContent":[1.0,1e400,-0,-0.0,1E+2,0.10,1e-7]}`,
			"key order":       `{"z":1,"content":[],"a":2,"_meta":{"z":1,"a":2},"isError":false,"M":3}`,
			"escapes":         `{"content":[{"text":"\u0041\/\\\"\b\f\n\r\t\u00e9é<&>\u003c","\u0074ype":"text"}]}`,
			"duplicate keys":  `{"content":[],"a":1,"a":2,"content":[{"type":"text","text":"second"}]}`,
			"line separators": "{\"content\":[{\"type\":\"text\",\"text\":\"a\u2028b\u2029c\u0085d \\u2028\"}]}",
			"lone surrogates": `{"content":[{"type":"text","text":"\ud800 \udfff \ud83d\ude00 😀 \u0000\u007f"}]}`,
			"spaces":          `{ "content" : [ ] ,	"x" :  1 }`,
		} {
			if r := c.Tool("s__raw", map[string]any{"line": want}); string(r.Result) != want {
				t.Errorf("%s (id last: %v):\nwant %s\n got %s", name, idLast, want, r.Raw)
			}
			if r := c.Tool("s__rawerror", map[string]any{"line": `{"code":-1,"message":"m","data":` + want + `}`}); string(r.Error) != `{"code":-1,"message":"m","data":`+want+`}` {
				t.Errorf("%s, in an error: %s", name, r.Raw)
			}
		}
		if r := c.CallRaw("{\"jsonrpc\":\"2.0\",\"id\":1000,\"method\":\"tools/call\",\"params\":{\"name\":\"s__echo\",\"arguments\":{\"message\":\"a\xff\xfeb\xed\xa0\x80\"}}}"); !strings.Contains(string(r.Error), "no UTF-8") {
			t.Errorf("what is no UTF-8 is answered with %q", r.Raw)
		}
		for _, n := range []int{0, 1, 32<<10 - 60, 32 << 10, 64 << 10, 1 << 20, 10 << 20} { // around the sizes of frames and pipes
			if got := said(c.Tool("s__bytes", map[string]any{"n": n})); n > 0 && got != mcptest.Text(n) {
				t.Errorf("%d bytes came as %d", n, len(got))
			}
			if got := said(c.Tool("s__echo", map[string]any{"message": mcptest.Text(n)})); got != "Echo: "+mcptest.Text(n) {
				t.Errorf("%d bytes sent came as %d", n, len(got))
			}
		}
	}
}

// Of a request only the id, the name and the progress token are replaced; ids come back as they were written.
func TestIsolatedRequests(t *testing.T) {
	t.Parallel()
	c := contained(t, "", mcptest.Server{})
	line := `{"x-first":1,"jsonrpc":"2.0","id":ID,"method":"tools/call","params":{"name":NAME,"arguments":{"message":"a\u2028\/<>&\ud800 é","n":[1.0,1e400,-0,9007199254740993],` +
		`"dup":1,"dup":2,"z":1,"a":null,"_meta":{"progressToken":9}},"x-vendor":[{}],"_meta":{"progressToken":TOKEN,"a":1}}}`
	if r := c.CallRaw(strings.NewReplacer("ID", `"a-1"`, "TOKEN", `"t\u006fken"`, "NAME", `"s__echo"`).Replace(line)); r.Error != nil || r.ID != `"a-1"` {
		t.Errorf("%s", r.Raw)
	}
	got := upstreamID.ReplaceAllString(said(c.Tool("s__last", map[string]any{"method": "tools/call", "tool": "echo"})), `"id":ID,`)
	got = strings.Replace(got, upstreamToken.FindString(got), `"progressToken":TOKEN,`, 1)
	if want := strings.NewReplacer("NAME", `"echo"`).Replace(line); got != want {
		t.Errorf("want %s\n got %s", want, got)
	}
	var all sync.WaitGroup
	for _, id := range []string{`0`, `-0`, `1.0`, `"1"`, `""`, `9007199254740993`, `18446744073709551616`, `"\u0031"`, `"é\n"`, `1E400`} {
		all.Go(func() {
			if r := c.CallRaw(echoLine(id, "for "+id)); r.ID != id || r.Text() != "Echo: for "+id {
				t.Errorf("id %s: %s", id, r.Raw)
			}
		})
	}
	all.Wait()
}

// Progress comes whole, in order and before its result; a cancellation reaches the server at once.
func TestIsolatedProgressAndCancel(t *testing.T) {
	t.Parallel()
	c := contained(t, "", mcptest.Server{})
	const n = 5000
	c.CallRaw(progressCall("1000", "s__progress", n, `"\u0037\ud800<"`))
	next, ended := 1, false
	for _, m := range c.Received() {
		switch {
		case m.Method == "notifications/progress":
			want := fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"\u0037\ud800<","progress":%d,"total":%d,"message":"step %d"}}`, next, n, next)
			if string(m.Raw) != want || ended {
				t.Fatalf("want %s\n got %s (after the result: %v)", want, m.Raw, ended)
			}
			next++
		case m.ID == "1000" && m.Method == "":
			ended = true
		}
	}
	if next != n+1 || !ended {
		t.Errorf("%d of %d came", next-1, n)
	}
	c.Send(rawCall(`"r"`, "s__never", `{}`))
	cancel(c, `"r"`)
	sent := said(c.Tool("s__last", map[string]any{"method": "tools/call", "tool": "never"}))
	id := strings.TrimSuffix(strings.TrimPrefix(regexp.MustCompile(`"id":\d+,`).FindString(sent), `"id":`), ",")
	if got := last(c, "s", "notifications/cancelled"); got != `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+id+`,"reason":"no <longer> needed","x":1.0}}` {
		t.Errorf("the server with id %s was told %s", id, got)
	}
	neverComes(t, c, "answer to a cancelled call", answerTo(`"r"`))
}

// What a server asks of the client, and what the client answers.
func TestIsolatedAsks(t *testing.T) {
	t.Parallel()
	c := contained(t, able, mcptest.Server{})
	for n, one := range []struct{ method, params, result string }{
		{"sampling/createMessage", `{"messages":[{"role":"user","content":[{"type":"tool_result","toolUseId":"t","content":[]}]}],"maxTokens":100,"temperature":0,"x":1.0,"_meta":{"v":9007199254740993}}`,
			`{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"x","input":{"n":9007199254740993}}],"model":"m<&>","stopReason":"toolUse","x":1e400}`},
		{"elicitation/create", `{"message":"form","requestedSchema":{"type":"object","properties":{"e":{"type":"string","oneOf":[{"const":"a","title":"A"}]}}}}`, `{"action":"accept","content":{"e":"a","f":1.0}}`},
		{"roots/list", `{}`, `{"roots":[{"uri":"file:///a%20b","name":"n","x":[1]}]}`},
	} {
		asked := answering(c, one.method, one.result)
		if got, want := ask(c, one.method, one.params), fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":%s}`, n, one.result); got != want {
			t.Errorf("%s:\nthe server expects %s\n          and got %s", one.method, want, got)
		}
		want := strings.Replace(one.params, `"message":"`, `"message":"[s] `, 1) // a person is told who asks
		if sent := asked(); len(sent) != 1 || sent[0] != want {
			t.Errorf("%s:\nthe server asked %s\nthe client got %s", one.method, one.params, sent)
		}
	}
}

// A real server on Node in a Debian, against the same one run directly.
func TestIsolatedEverything(t *testing.T) {
	t.Parallel()
	everything := npmServer(t, "server-everything")
	b := boxes{mcptest.SharedEngine(t)}
	image := b.LoadEverything(t)
	h := newHome(t)
	h.set(entries{"everything": encoded(options{"command": "node", "args": []string{mcptest.EverythingScript, "stdio"},
		"isolation": b.isolation(options{"image": image, "memory_limit": "512m", "read_only": true, "tmpfs": []string{"/tmp"}})})}, map[string]any{"first_list_wait": "60s"})
	c := h.start()
	c.Timeout = time.Minute
	person(t, c, h.dir)
	useEverything(t, c, "everything__")
	sameLists(t, c, directly(t, h.dir, nil, "node", everything, "stdio"), "everything__", "demo://")
	if got := isolationOf(t, c, "everything"); got != "docker "+image {
		t.Errorf("it runs as %q", got)
	}
	box := b.one(h, "everything")
	if box.Config.User != "65534:65534" {
		t.Errorf("it runs as the user %q", box.Config.User)
	}
	c.Close()
	b.empty(h)
}

// The cost of confinement, for people: nothing is judged.
func TestIsolatedLatency(t *testing.T) {
	t.Parallel()
	b := sharedBoxes(t)
	text, _ := json.Marshal(mcptest.Server{Capabilities: json.RawMessage(quick)})
	program := mcptest.BuildStatic(t, "github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest/mcpserver")
	here := options{"command": program, "args": []string{"-opts", string(text)}}
	all := entries{"plain": encoded(here), "docker": b.entry(mcptest.Server{}, nil)}
	names := []string{"plain", "docker"}
	if runtime.GOOS == "linux" {
		all["sandbox"] = encoded(here.with(options{"isolation": options{"type": "sandbox", "network": "none"}}))
		names = append(names, "sandbox")
	}
	h := newHome(t).set(all, nil)
	c := h.start(mcptest.Unrecorded())
	c.Initialize("", "")
	first, took := map[string]time.Duration{}, map[string][]time.Duration{}
	for i := range 501 {
		for _, name := range names {
			begun := time.Now()
			answers(t, c, name)
			if i == 0 {
				first[name] = time.Since(begun)
				continue
			}
			took[name] = append(took[name], time.Since(begun))
		}
	}
	t.Logf("%-8s %-28s %10s %8s %8s %8s", "", "runs as", "first call", "p50", "p99", "max")
	for _, name := range names {
		d := took[name]
		slices.Sort(d)
		t.Logf("%-8s %-28s %8d ms %5d µs %5d µs %5d µs", name, isolationOf(t, c, name), first[name].Milliseconds(), d[len(d)/2].Microseconds(), d[len(d)*99/100].Microseconds(), d[len(d)-1].Microseconds())
	}
	c.Close()
	b.empty(h)
}
