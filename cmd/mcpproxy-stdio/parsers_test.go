package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// The parsers of clients read a file of lines and print the numbers of those they do not take.
const (
	pythonParser = `
import json, sys
for n, line in enumerate(open(sys.argv[1], "rb").read().split(b"\n")[:-1]):
    try:
        json.loads(line.decode("utf-8", "strict"))
    except Exception as e:
        print(n, repr(e)[:200])
`
	// The SDK's own reader splits the lines; what only its schema refuses is another matter than what is no JSON.
	nodeParser = `
import fs from 'node:fs'
import { pathToFileURL } from 'node:url'
const { ReadBuffer } = await import(pathToFileURL(process.argv[3] + '/@modelcontextprotocol/sdk/dist/esm/shared/stdio.js'))
const data = fs.readFileSync(process.argv[2])
data.toString('latin1').split('\n').slice(0, -1).forEach((line, n) => {
  const bytes = Buffer.from(line, 'latin1')
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    const buffer = new ReadBuffer()
    buffer.append(Buffer.concat([bytes, Buffer.from('\n')]))
    try {
      if (buffer.readMessage() === null) throw new SyntaxError('no line')
    } catch (e) {
      if (e.name !== 'ZodError') throw e
    }
  } catch (e) {
    console.log(n, String(e).slice(0, 200))
  }
})
`
)

// parsed has the parsers of Go, Python, Node and the TypeScript SDK read what a client got.
func parsed(t *testing.T, lines [][]byte) {
	t.Helper()
	modules := filepath.Join(filepath.Dir(npmServer(t, "server-everything")), "..", "..", "..")
	if _, err := exec.LookPath("python3"); err != nil && os.Getenv("MCPPROXY_TEST_NO_SKIP") == "" {
		t.Skip("needs python3")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "lines")
	if err := os.WriteFile(file, append(bytes.Join(lines, []byte("\n")), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	for n, line := range lines {
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil || !utf8.Valid(line) || bytes.ContainsAny(line, "\r\n") {
			t.Errorf("Go: %v in line %d: %.300q", err, n, line)
		}
	}
	script := filepath.Join(dir, "parse.mjs")
	if err := os.WriteFile(script, []byte(nodeParser), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cmd := range map[string]*exec.Cmd{"Python": exec.Command("python3", "-c", pythonParser, file), "Node": exec.Command("node", script, file, modules)} {
		out, err := cmd.CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%.2000s", name, err, out)
		}
	}
}

// nasty are pieces that take parsers from their path.
var nasty = append(append(append([]string{}, badText...), badValue[:17]...), `"`, `\`, `\"`, "{", "}", "[", "]", ",", ":", "null", "\u2028", "\ufeff", `\ud800`, `\u0000`, "1e999", "-0", "\x7f", "/*", "\t", "\r", " ", `"id":1,`, `"jsonrpc":"2.0"`, `"__proto__":`)

// mutated changes a text in one to three places.
func mutated(r *rand.Rand, text string) string {
	b := []byte(text)
	for range 1 + r.IntN(3) {
		at := r.IntN(len(b) + 1)
		switch r.IntN(5) {
		case 0:
			b = append(b[:at:at], append([]byte(nasty[r.IntN(len(nasty))]), b[at:]...)...)
		case 1:
			b = append(b[:at:at], append([]byte{byte(r.IntN(256))}, b[at:]...)...)
		case 2:
			b = append(b[:at:at], b[min(at+1+r.IntN(5), len(b)):]...)
		case 3:
			if at < len(b) {
				b = bytes.Clone(b)
				b[at] = byte(r.IntN(256))
			}
		case 4:
			end := min(at+r.IntN(20), len(b))
			b = append(b[:end:end], b[at:]...)
		}
	}
	return strings.ReplaceAll(string(b), "\n", " ") // a line of its own is another matter
}

// TestParsersTakeWhatTheProxyWrites: whatever servers write, each line that a client gets is JSON to Go, Python, Node and the TypeScript SDK.
func TestParsersTakeWhatTheProxyWrites(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	items := func(id string) string {
		var all []string
		for i := range 60 {
			all = append(all, mutated(r, fmt.Sprintf(`{%q:"x:m%d","description":"un \u00e9l\u00e8ve 每个字 😀","inputSchema":{"type":"object","properties":{"n":{"type":"number","minimum":-1.5e3}}}}`, id, i)))
		}
		return strings.Join(append(all, fmt.Sprintf(`{%q:"x:last"}`, id)), ",")
	}
	frames := []string{
		answerOf(`{"content":[{"type":"text","text":"un \u00e9l\u00e8ve 每个字 😀\n"}],"structuredContent":{"n":[1,-0.5e-7,null,true,{}]},"isError":false}`),
		`{"result":{"content":[{"type":"image","data":"iVBORw0KGgo=","mimeType":"image/png"}],"_meta":{"a":"b"}},"jsonrpc":"2.0","id":@ID@}`,
		`{"jsonrpc":"2.0","id":@ID@,"error":{"code":-32000,"message":"no \"way\"","data":{"x":[1,2]}}}`,
		`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","logger":"l","data":{"text":"é"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":0.5,"message":"half"}}`,
		`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"x:last"}}`,
		`{"jsonrpc":"2.0","id":5,"method":"elicitation/create","params":{"message":"Your name?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}}`,
		`{"jsonrpc":"2.0","id":"s","method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"x"}}],"maxTokens":1}}`,
	}
	var lines [][]byte
	for range 3 {
		w := newWild(t).says("tools/list", answerOf(`{"tools":[`+items("name")+`]}`)).says("prompts/list", answerOf(`{"prompts":[`+items("name")+`]}`))
		w.says("resources/list", answerOf(`{"resources":[`+items("uri")+`]}`)).says("resources/templates/list", answerOf(`{"resourceTemplates":[`+items("uriTemplate")+`]}`))
		w.says("initialize", answerOf(mutated(r, `{"protocolVersion":"2025-11-25","capabilities":`+quick[:len(quick)-1]+`,"experimental":{"x":{"y":"z"}}},"instructions":"Say \"please\"."}`)))
		fine := newWild(t)
		c := newHome(t).configure(map[string]json.RawMessage{"bad": w.entry(), "call": fine.entry(), "good": server(quickly(mcptest.Server{Name: "good"}))}).initialized(able)
		answering(c, "sampling/createMessage", `{"role":"assistant","content":{"type":"text","text":"x"},"model":"m"}`)
		answering(c, "elicitation/create", `{"action":"decline"}`)
		for _, method := range []string{"tools/list", "prompts/list", "resources/list", "resources/templates/list"} {
			if got := string(c.Call(method, nil).Raw); !strings.Contains(got, `good__`) && !strings.Contains(got, "test://") {
				t.Errorf("%s lost the other server: %.300s", method, got)
			}
		}
		for range 100 { // a frame that is lost altogether is followed by an answer
			c.Tool("call__go", fine.call(mutated(r, frames[r.IntN(len(frames))])+"\n"+answerOf(`{"content":[]}`)))
		}
		if got := said(c.Tool("good__echo", map[string]any{"message": "alive"})); got != "Echo: alive" {
			t.Error(got)
		}
		for _, m := range c.Received() {
			lines = append(lines, m.Raw)
		}
		c.Close()
	}
	parsed(t, lines)
}
