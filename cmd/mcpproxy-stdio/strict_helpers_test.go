package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// envWild makes this program a server that writes whatever stands in files of a folder: to each request what the file has that is named
// as its method, with dots for slashes, where @ID@ is the id. The files may change while it runs.
const envWild = "MCPPROXY_TEST_WILD"

func init() {
	if dir := os.Getenv(envWild); dir != "" {
		wild(dir)
		os.Exit(0)
	}
}

var wildDefaults = map[string]string{
	"initialize": answerOf(`{"protocolVersion":"2025-11-25","capabilities":` + quick + `,"serverInfo":{"name":"wild","version":"1"}}`),
	"tools/list": answerOf(`{"tools":[{"name":"go","inputSchema":{"type":"object"}}]}`), "prompts/list": answerOf(`{"prompts":[]}`),
	"resources/list": answerOf(`{"resources":[]}`), "resources/templates/list": answerOf(`{"resourceTemplates":[]}`),
	"tools/call": answerOf(`{"content":[]}`), "tasks/list": answerOf(`{"tasks":[]}`), "ping": answerOf(`{}`),
}

func answerOf(result string) string { return `{"jsonrpc":"2.0","id":@ID@,"result":` + result + `}` }

func wild(dir string) {
	for in := bufio.NewReader(os.Stdin); ; {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var m struct {
			ID     json.RawMessage
			Method string
		}
		if json.Unmarshal(line, &m) != nil || m.ID == nil || m.Method == "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(m.Method, "/", ".")))
		if err != nil {
			text = []byte(wildDefaults[m.Method])
		}
		os.Stdout.Write(append(bytes.ReplaceAll(text, []byte("@ID@"), m.ID), '\n'))
	}
}

// wilderness is the folder of a wild server.
type wilderness struct {
	t   testing.TB
	dir string
}

func newWild(t testing.TB) *wilderness { return &wilderness{t, t.TempDir()} }

func (w *wilderness) entry() json.RawMessage {
	b, err := json.Marshal(map[string]any{"command": os.Args[0], "env": map[string]string{envWild: w.dir}})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// says sets what a method is answered with, a whole line or several.
func (w *wilderness) says(method, line string) *wilderness {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, strings.ReplaceAll(method, "/", ".")), []byte(line), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w
}

// strictly checks that each line the client got is JSON that any parser takes.
func strictly(t testing.TB, c *mcptest.Client) {
	t.Helper()
	for _, m := range c.Received() {
		if m.Noise || !json.Valid(m.Raw) || !utf8.Valid(m.Raw) || bytes.ContainsAny(m.Raw, "\r\n") {
			t.Errorf("the client got %.300q", m.Raw)
		}
	}
}
