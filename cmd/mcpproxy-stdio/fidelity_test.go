package main

import (
	"bufio"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// The fidelity tests say what must come through the proxy as it was sent. They drive it as an editor does, with scripted
// servers behind it; wherever bytes matter, bytes are compared.

// quick are capabilities without listChanged: such a server's lists count as complete at once, so tests need not wait.
const quick = `{"tools":{},"prompts":{},"resources":{"subscribe":true},"logging":{},"completions":{},` +
	`"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}}`

// quickly is a scripted server that need not be waited for.
func quickly(opts mcptest.Server) mcptest.Server {
	if opts.Capabilities == nil {
		opts.Capabilities = json.RawMessage(quick)
	}
	return opts
}

// behind is a home with scripted servers; config order is that of the names.
func behind(t *testing.T, servers map[string]mcptest.Server) *home {
	t.Helper()
	entries := map[string]json.RawMessage{}
	for name, opts := range servers {
		if opts.Name == "" {
			opts.Name = name
		}
		entries[name] = server(opts)
	}
	return newHome(t).configure(entries)
}

// proxied is an initialized client of a proxy with one scripted server, s.
func proxied(t *testing.T, caps string, opts mcptest.Server) *mcptest.Client {
	t.Helper()
	return behind(t, map[string]mcptest.Server{"s": quickly(opts)}).initialized(caps)
}

// raw runs a proxy whose stdin is the given bytes, then its end, and gives the lines it wrote.
func (h *home) raw(input string) []string {
	h.t.Helper()
	return h.rawUntil(input, 0)
}

// rawUntil is raw, but the input ends only after so many lines were read.
func (h *home) rawUntil(input string, want int) []string {
	h.t.Helper()
	cmd := h.command()
	in, err := cmd.StdinPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		_, err = io.WriteString(in, input)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	deadline := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer deadline.Stop()
	var lines []string
	r := bufio.NewScanner(out)
	r.Buffer(nil, 1<<20)
	for {
		if len(lines) == want {
			in.Close()
		}
		if !r.Scan() {
			break
		}
		lines = append(lines, r.Text())
	}
	if err := cmd.Wait(); err != nil {
		h.t.Error(err)
	}
	return lines
}

// rawInitialize is the line of an initialize with id 0.
func rawInitialize(version string) string {
	return `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"` + version +
		`","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}`
}

func jsonText(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestResultBytes: what a server answers comes out byte for byte.
func TestResultBytes(t *testing.T) {
	t.Parallel()
	results := map[string]string{
		"unknown fields":        `{"content":[{"type":"text","text":"x","vendor":{"a":[1,{"b":null}]}}],"x-vendor":true,"isError":false}`,
		"unknown content type":  `{"content":[{"type":"hologram","data":"AAAA","depth":3}]}`,
		"no content":            `{"structuredContent":[1,2,3]}`,
		"empty object":          `{}`,
		"big integers":          `{"content":[],"structuredContent":{"n":9007199254740993,"m":-123456789012345678901234567890}}`,
		"odd numbers":           `{"content":[],"structuredContent":[1.0,1e400,-0,-0.0,1E+2,0.10,1e-7]}`,
		"html characters":       `{"content":[{"type":"text","text":"<b>&amp;</b> \u003c\u003e\u0026"}]}`,
		"key order":             `{"z":1,"content":[],"a":2,"_meta":{"z":1,"a":2},"isError":false,"M":3}`,
		"escapes":               `{"content":[{"text":"\u0041\/\\\"\b\f\n\r\t\u00e9é","\u0074ype":"text"}]}`,
		"duplicate keys":        `{"content":[],"a":1,"a":2,"content":[{"type":"text","text":"second"}]}`,
		"line separators":       "{\"content\":[{\"type\":\"text\",\"text\":\"a\u2028b\u2029c\u0085d \\u2028\"}]}",
		"lone surrogates":       `{"content":[{"type":"text","text":"\ud800 \udfff \ud83d\ude00 😀"}]}`,
		"a NUL":                 `{"content":[{"type":"text","text":"\u0000\u007f"}]}`,
		"structured content":    `{"content":[],"structuredContent":{"b":{"$ref":"#/x"},"a":[[]]}}`,
		"meta":                  `{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"},"progressToken":"mine","id":7},"content":[]}`,
		"spaces":                `{ "content" : [ ] ,	"x" :  1 }`,
		"members like envelope": `{"id":1,"jsonrpc":"1.0","method":"x","result":{"id":2},"error":{"code":1},"content":[]}`,
		"resource link icons":   `{"content":[{"type":"resource_link","uri":"a:b","name":"n","icons":[{"src":"data:","sizes":["48x48"]}],"size":1.0}]}`,
	}
	for _, idLast := range []bool{false, true} {
		c := proxied(t, "", mcptest.Server{IDLast: idLast})
		for name, want := range results {
			r := c.Tool("s__raw", map[string]any{"line": want})
			if string(r.Result) != want {
				t.Errorf("%s (id last: %v):\nwant %s\n got %s", name, idLast, want, r.Raw)
			}
		}
	}
}

// TestErrorBytes: so do errors, whatever stands in them.
func TestErrorBytes(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{})
	for name, want := range map[string]string{
		"data null":      `{"code":-32000,"message":"no","data":null}`,
		"data":           `{"code":-32042,"message":"<&>","data":{"n":9007199254740993,"f":1.0,"z":1,"a":[]}}`,
		"unknown fields": `{"vendor":{"x":1e400},"message":"\u00e9 é \ud800","code":-1,"severity":"high"}`,
		"odd code":       `{"code":1.0,"message":""}`,
	} {
		if r := c.Tool("s__rawerror", map[string]any{"line": want}); string(r.Error) != want {
			t.Errorf("%s:\nwant %s\n got %s", name, want, r.Raw)
		}
	}
	r := c.Tool("s__urlelicit", nil)
	if want := `"x-extra":9007199254740993`; !strings.Contains(string(r.Error), want) || !strings.Contains(string(r.Error), `"code":-32042`) {
		t.Errorf("-32042 came as %s", r.Raw)
	}
}

var (
	upstreamID    = regexp.MustCompile(`"id":\d+,`)
	upstreamToken = regexp.MustCompile(`"progressToken":\d+,`)
)

// TestRequestBytes: of a request only the id, the name and the progress token are replaced.
func TestRequestBytes(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{})
	for name, line := range map[string]string{
		"vendor meta": `{"jsonrpc":"2.0","id":ID,"method":"tools/call","params":{"_meta":{"claudecode/toolUseId":"toolu_1","progressToken":TOKEN,"n":9007199254740993,` +
			`"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","x":{"progressToken":"inner"}},"name":NAME,"arguments":{"message":"hi"}}}`,
		"odd arguments": `{"jsonrpc":"2.0","id":ID,"method":"tools/call","params":{"name":NAME,"arguments":{"message":"a\u2028\/<>&\ud800 é","n":[1.0,1e400,-0,9007199254740993],` +
			`"dup":1,"dup":2,"z":1,"a":null,"name":"s__echo","_meta":{"progressToken":9}},"x-vendor":[{}],"_meta":{"progressToken":TOKEN,"a":1}}}`,
		"unknown envelope members": `{"x-first":1,"params":{"arguments":{"message":"m"},"name":NAME,"_meta":{"progressToken":TOKEN,"b":2}},"jsonrpc":"2.0","method":"tools/call","id":ID,"x-last":{"id":1}}`,
		"spaces":                   `{ "jsonrpc" : "2.0" , "id":ID, "method" : "tools\/call","params" : {"name" : NAME ,  "arguments":{ "message" : "m" }, "_meta" : { "progressToken":TOKEN, "c" : 3 } } }`,
	} {
		sent := strings.NewReplacer("ID", `"a-1"`, "TOKEN", `"t\u006fken"`, "NAME", `"s__\u0065cho"`).Replace(line)
		if r := c.CallRaw(sent); r.Error != nil || r.ID != `"a-1"` {
			t.Errorf("%s: %s", name, r.Raw)
			continue
		}
		got := said(c.Tool("s__last", map[string]any{"method": "tools/call", "tool": "echo"}))
		want := strings.NewReplacer("NAME", `"echo"`).Replace(line)
		got = upstreamID.ReplaceAllString(got, `"id":ID,`)
		got = strings.Replace(got, upstreamToken.FindString(got), `"progressToken":TOKEN,`, 1)
		if got != want {
			t.Errorf("%s:\nwant %s\n got %s", name, want, got)
		}
	}
	// Without a progress token none is made up, and without _meta neither.
	c.CallRaw(`{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"s__echo","arguments":{"message":"plain"},"_meta":{}}}`)
	got := said(c.Tool("s__last", map[string]any{"method": "tools/call", "tool": "echo"}))
	if got = upstreamID.ReplaceAllString(got, `"id":5,`); got != `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"echo","arguments":{"message":"plain"},"_meta":{}}}` {
		t.Errorf("got %s", got)
	}
}

// TestInvalidText: a request with a string that is none is refused under its id, and costs nothing else.
func TestInvalidText(t *testing.T) {
	t.Parallel()
	c := proxied(t, "", mcptest.Server{})
	for _, bad := range []string{"a\xff\xfeb", "\xed\xa0\x80", "\xc0\xaf", "a\tb", "\x00", "\x1b[31m", `\q`, `\u12`, `\x41`} {
		before := len(c.Received())
		c.Send(`{"jsonrpc":"2.0","id":1000,"method":"tools/call","params":{"name":"s__echo","arguments":{"message":"` + bad + `"}}}`)
		c.Call("ping", nil)
		got := string(c.Received()[before].Raw)
		if !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":1000,"error":{"code":-32700,`) || !strings.Contains(got, "invalid JSON in a string at byte") {
			t.Errorf("%q: %q", bad, got)
		}
	}
	if got := said(c.Tool("s__count", nil)); strings.Contains(got, `"tools/call":2`) {
		t.Errorf("they arrived: %s", got)
	}
}

// TestLargeMessages go through in both directions.
func TestLargeMessages(t *testing.T) {
	t.Parallel()
	for _, idLast := range []bool{false, true} {
		c := proxied(t, "", mcptest.Server{IDLast: idLast})
		for _, n := range []int{1 << 20, 10 << 20} {
			if got := said(c.Tool("s__bytes", map[string]any{"n": n})); got != mcptest.Text(n) {
				t.Errorf("%d bytes came as %d", n, len(got))
			}
			if got := said(c.Tool("s__echo", map[string]any{"message": mcptest.Text(n)})); got != "Echo: "+mcptest.Text(n) {
				t.Errorf("%d bytes sent came as %d", n, len(got))
			}
		}
	}
}

// neverComes fails when a message of a kind comes within a while, or has come.
func neverComes(t *testing.T, c *mcptest.Client, what string, f func(mcptest.Message) bool) {
	t.Helper()
	if m, ok := c.Wait(100*time.Millisecond, f); ok {
		t.Errorf("%s: %s", what, m.Raw)
	}
}

// said is the text of a tool's result; the whole answer where there is none.
func said(r mcptest.Response) string {
	if text := r.Text(); text != "" {
		return text
	}
	return string(r.Raw)
}
