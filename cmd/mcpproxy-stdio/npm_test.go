package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// commandEntry is a configuration entry of the object form.
func commandEntry(env map[string]string, command string, args ...string) json.RawMessage {
	b, err := json.Marshal(map[string]any{"command": command, "args": args, "env": env})
	if err != nil {
		panic(err)
	}
	return b
}

// person is a client that answers all that servers ask.
func person(t *testing.T, c *mcptest.Client, root string) {
	t.Helper()
	answering(c, "roots/list", `{"roots":[{"uri":"file://`+filepath.ToSlash(root)+`","name":"root"}]}`)
	answering(c, "sampling/createMessage", `{"role":"assistant","content":{"type":"text","text":"sampled <&> \u00e9"},"model":"m","stopReason":"endTurn"}`)
	answering(c, "elicitation/create", `{"action":"accept","content":{"name":"Ada"}}`)
	c.Initialize(able, "")
}

var listIDs = map[string]string{"tools/list": "name", "prompts/list": "name", "resources/list": "uri", "resources/templates/list": "uriTemplate"}

// sameLists compares the lists of a server, as the proxy shows them under a prefix, with those of a direct connection: only
// the names of tools and prompts differ, every other byte is the server's.
func sameLists(t *testing.T, proxied, direct *mcptest.Client, prefix, uriPart string) {
	t.Helper()
	for method, id := range listIDs {
		if id == "name" && direct.Call(method, nil).Error != nil {
			continue // the server has no such list
		}
		if id != "name" && uriPart == "" {
			continue
		}
		var want, got []string
		for _, item := range direct.List(method) {
			if id == "name" {
				item = bytes.Replace(item, []byte(`"name":"`), []byte(`"name":"`+prefix), 1)
			}
			want = append(want, string(item))
		}
		for _, item := range proxied.List(method) {
			var member map[string]json.RawMessage
			json.Unmarshal(item, &member)
			if value := string(member[id]); id == "name" && strings.HasPrefix(value, `"`+prefix) || id != "name" && strings.Contains(value, uriPart) {
				got = append(got, string(item))
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s of %s: %d items where there are %d directly", method, prefix, len(got), len(want))
			for _, item := range want {
				if !slices.Contains(got, item) {
					t.Errorf("  not there: %s", item)
				}
			}
			for _, item := range got {
				if !slices.Contains(want, item) {
					t.Errorf("  not so: %s", item)
				}
			}
		}
	}
}

// directly connects to a stdio server without the proxy, and waits for the tools that it adds after the handshake.
func directly(t *testing.T, root string, env []string, command string, args ...string) *mcptest.Client {
	t.Helper()
	c := mcptest.StartCommand(t, env, command, args...)
	person(t, c, root)
	time.Sleep(1500 * time.Millisecond)
	return c
}

// TestNPMStdio: the three reference servers behind one proxy, over stdio.
func TestNPMStdio(t *testing.T) {
	t.Parallel()
	everything, files, memory := npmServer(t, "server-everything"), npmServer(t, "server-filesystem"), npmServer(t, "server-memory")
	h := newHome(t)
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	memoryEnv := func(file string) map[string]string {
		return map[string]string{"MEMORY_FILE_PATH": filepath.Join(h.dir, file)}
	}
	h.configure(map[string]json.RawMessage{
		"everything": commandEntry(nil, "node", everything, "stdio"),
		"filesystem": commandEntry(nil, "node", files, root),
		"memory":     commandEntry(memoryEnv("proxied.jsonl"), "node", memory),
	})
	c := h.start()
	person(t, c, root)
	useEverything(t, c, "everything__")

	sameLists(t, c, directly(t, root, nil, "node", everything, "stdio"), "everything__", "demo://")
	sameLists(t, c, directly(t, root, nil, "node", files, root), "filesystem__", "")
	sameLists(t, c, directly(t, root, []string{"MEMORY_FILE_PATH=" + memoryEnv("direct.jsonl")["MEMORY_FILE_PATH"]}, "node", memory), "memory__", "")

	note, text := filepath.Join(root, "note.txt"), "line 1\n<&> é \u2028 end"
	if r := c.Tool("filesystem__write_file", map[string]any{"path": note, "content": text}); r.IsError() || r.Error != nil {
		t.Errorf("%s", r.Raw)
	}
	if written, err := os.ReadFile(note); err != nil || string(written) != text {
		t.Errorf("%v %q", err, written)
	}
	if got := said(c.Tool("filesystem__read_text_file", map[string]any{"path": note})); got != text {
		t.Errorf("%q", got)
	}
	if r := c.Tool("filesystem__read_text_file", map[string]any{"path": filepath.Join(h.dir, "config.json")}); !r.IsError() {
		t.Errorf("outside of its folder: %s", r.Raw)
	}
	c.Tool("memory__create_entities", map[string]any{"entities": []any{map[string]any{"name": "Ada", "entityType": "person", "observations": []string{"wrote <notes>"}}}})
	if got := said(c.Tool("memory__read_graph", nil)); !strings.Contains(got, "wrote <notes>") {
		t.Error(got)
	}
	c.Close()

	// The second time the lists are there before any of the servers is, and they are the same.
	again := h.start()
	person(t, again, root)
	names := again.Names("tools/list")
	if len(names) < 30 || len(mcptest.Descendants(again.Pid())) != 0 {
		t.Errorf("%d tools with %d processes", len(names), len(mcptest.Descendants(again.Pid())))
	}
}

// useEverything goes through what server-everything has.
func useEverything(t *testing.T, c *mcptest.Client, prefix string) {
	t.Helper()
	if got := said(c.Tool(prefix+"echo", map[string]any{"message": "é <&> \u2028"})); got != "Echo: é <&> \u2028" {
		t.Error(got)
	}
	if got := said(c.Tool(prefix+"get-sum", map[string]any{"a": 2, "b": 40})); !strings.Contains(got, "42") {
		t.Error(got)
	}
	if r := c.Tool(prefix+"get-structured-content", map[string]any{"location": "New York"}); !strings.Contains(string(r.Result), `"structuredContent":{`) {
		t.Errorf("%s", r.Raw)
	}
	before := len(c.Notifications("notifications/progress"))
	r := c.Call("tools/call", json.RawMessage(`{"name":"`+prefix+`trigger-long-running-operation","arguments":{"duration":1,"steps":4},"_meta":{"progressToken":"op"}}`))
	progress := c.Notifications("notifications/progress")[before:]
	if len(progress) != 4 || !strings.Contains(r.Text(), "completed") {
		t.Errorf("%d progress, %s", len(progress), r.Raw)
	}
	for i, m := range progress {
		if p := progressOf(t, m); string(p.ProgressToken) != `"op"` || p.Progress != i+1 {
			t.Errorf("%s", m.Raw)
		}
	}
	if got := said(c.Tool(prefix+"trigger-sampling-request", map[string]any{"prompt": "x", "maxTokens": 5})); !strings.Contains(got, "sampled <&> é") {
		t.Error(got)
	}
	if got := said(c.Tool(prefix+"trigger-elicitation-request", nil)); !strings.Contains(got, "Ada") {
		t.Error(got)
	}
	if got := said(c.Tool(prefix+"get-roots-list", nil)); !strings.Contains(got, "file://") {
		t.Error(got)
	}
	if e := c.Tool(prefix+"trigger-url-elicitation", map[string]any{"url": "https://example.com/x", "message": "log in", "errorPath": true}); e.Error == nil || e.RPCError().Code != -32042 {
		t.Errorf("%s", e.Raw)
	}
	if r := c.Call("resources/read", map[string]any{"uri": "demo://resource/static/document/architecture.md"}); !strings.Contains(string(r.Result), `"text":"#`) {
		t.Errorf("%.300s", r.Raw)
	}
	if r := c.Call("resources/read", map[string]any{"uri": "demo://resource/dynamic/text/7"}); !strings.Contains(string(r.Result), `Resource 7`) {
		t.Errorf("%.300s", r.Raw)
	}
	if r := c.Call("prompts/get", map[string]any{"name": prefix + "args-prompt", "arguments": map[string]any{"city": "Paris"}}); !strings.Contains(string(r.Result), "Paris") {
		t.Errorf("%s", r.Raw)
	}
	if r := c.Call("completion/complete", json.RawMessage(`{"ref":{"type":"ref/prompt","name":"`+prefix+`completable-prompt"},"argument":{"name":"department","value":"E"}}`)); !strings.Contains(string(r.Result), "Engineering") {
		t.Errorf("%s", r.Raw)
	}
	for _, method := range []string{"resources/subscribe", "resources/unsubscribe"} {
		if r := c.Call(method, map[string]any{"uri": "demo://resource/static/document/architecture.md"}); r.Error != nil {
			t.Errorf("%s: %s", method, r.Raw)
		}
	}
	job := c.Call("tools/call", json.RawMessage(`{"name":"`+prefix+`simulate-research-query","arguments":{"topic":"bees"},"task":{"ttl":60000}}`))
	var made struct{ Task task }
	if json.Unmarshal(job.Result, &made); made.Task.TaskID == "" {
		t.Errorf("%s", job.Raw)
	} else if r := taskCall(c, "tasks/result", made.Task.TaskID); !strings.Contains(r.Text(), "bees") {
		t.Errorf("%s", r.Raw)
	}
}

// TestNPMHTTP: server-everything over streamable HTTP and over the old SSE transport is what it is over stdio.
func TestNPMHTTP(t *testing.T) {
	t.Parallel()
	everything := npmServer(t, "server-everything")
	loopback, err := filepath.Abs("../../testdata/conformance/loopback.cjs")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct{ transport, kind, path string }{{"streamableHttp", "http", "/mcp"}, {"sse", "sse", "/sse"}} {
		t.Run(one.transport, func(t *testing.T) {
			address := freeAddress(t)
			_, port, _ := net.SplitHostPort(address)
			cmd := exec.Command("node", "-r", loopback, everything, one.transport)
			cmd.Env = append(os.Environ(), "PORT="+port)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { // while the server is needed by later cleanups it lives
				cmd.Process.Kill()
				cmd.Wait()
			})
			comesTrue(t, "the server listens", func() bool {
				conn, err := net.Dial("tcp", address)
				if err == nil {
					conn.Close()
				}
				return err == nil
			})
			h := newHome(t)
			h.configure(map[string]json.RawMessage{"web": fmt.Appendf(nil, `{"type":%q,"url":"http://%s%s"}`, one.kind, address, one.path)})
			c := h.start()
			person(t, c, h.dir)
			useEverything(t, c, "web__")
			sameLists(t, c, directly(t, h.dir, nil, "node", everything, "stdio"), "web__", "demo://")
			if t.Failed() {
				t.Logf("the server said:\n%s", &stderr)
			}
		})
	}
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
