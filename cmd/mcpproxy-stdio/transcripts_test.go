package main

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// TestTranscripts replays what eleven real clients sent to one server, through the proxy to a scripted one that lists its
// tools as the recorded one did: only after the handshake, and by the client's abilities.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/clients/transcripts/*.jsonl")
	if err != nil || len(files) < 27 {
		t.Fatalf("%d transcripts: %v", len(files), err)
	}
	h := behind(t, map[string]mcptest.Server{"everything": {CapabilityTools: true}})
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".jsonl"), func(t *testing.T) {
			tr, err := mcptest.ReadTranscript(path)
			if err != nil {
				t.Fatal(err)
			}
			var options []mcptest.ClientOption
			if tr.ContentLength() {
				options = append(options, mcptest.ContentLength())
			}
			if strings.Contains(path, "content-length") != tr.ContentLength() {
				t.Errorf("Content-Length framing: %v", tr.ContentLength())
			}
			for i := range tr.Entries {
				if e := &tr.Entries[i]; e.Dir == mcptest.ClientToServer && e.Msg != nil {
					e.Msg = renameTools(e.Msg)
				}
			}
			h := *h
			h.t = t
			c := h.start(options...)
			exchanges := mcptest.Replay(t, c, tr)
			if len(exchanges) == 0 {
				t.Error("nothing was sent")
			}
			checkReplay(t, c, exchanges)
			if tr.ContentLength() != c.GotContentLength() {
				t.Error("answered in another framing")
			}
		})
	}
}

var recordedTool = regexp.MustCompile(`"name": ?"(echo|trigger-elicitation-request|trigger-url-elicitation)"`)

// renameTools makes calls of server-everything's tools calls of the scripted server's, which stand behind a prefix.
func renameTools(msg json.RawMessage) json.RawMessage {
	if !strings.Contains(string(msg), `"tools/call"`) {
		return msg
	}
	s := string(msg)
	if strings.Contains(s, `"trigger-url-elicitation"`) {
		s = strings.Replace(s, `"arguments": {`, `"arguments": {"mode": "url", "complete": true, `, 1)
	}
	return json.RawMessage(recordedTool.ReplaceAllStringFunc(s, func(name string) string {
		if strings.Contains(name, "echo") {
			return `"name": "everything__echo"`
		}
		return `"name": "everything__elicit"`
	}))
}

// checkReplay: every request has one answer, and the right one.
func checkReplay(t *testing.T, c *mcptest.Client, exchanges []*mcptest.Exchange) {
	t.Helper()
	greeted := false
	for _, x := range exchanges {
		var request struct {
			ID     json.RawMessage
			Params struct {
				Name, ProtocolVersion string
				Arguments             struct{ Message string }
			}
		}
		if err := json.Unmarshal(x.Request, &request); err != nil {
			t.Fatal(err)
		}
		got, ok := c.Wait(5*time.Second, answerTo(string(request.ID)))
		if !ok {
			t.Errorf("%s is not answered", x.Method)
			continue
		}
		code := mcptest.Response{Error: got.Error}.RPCError()
		result := string(got.Result)
		switch {
		case x.Method == "server/discover":
			if code == nil || code.Code != mcp.MethodNotFound {
				t.Errorf("%s: %s", x.Method, got.Raw)
			}
		case x.Method == "initialize":
			greeted = true
			if want := mcp.Negotiate(request.Params.ProtocolVersion); !strings.HasPrefix(result, `{"protocolVersion":"`+want+`","capabilities":{"tools":{`) || !strings.Contains(result, `"serverInfo":{"name":"mcpproxy-stdio"`) {
				t.Errorf("initialize: %s", got.Raw)
			}
		case !greeted: // a client of the later era, whose probe the recorded server answered
			if code == nil || code.Code != mcp.InvalidRequest {
				t.Errorf("%s: %s", x.Method, got.Raw)
			}
		case x.Method == "tools/call" && request.Params.Name == "everything__echo":
			if want := `{"content":[{"type":"text","text":"Echo: ` + request.Params.Arguments.Message + `"}]}`; result != want || request.Params.Arguments.Message == "" {
				t.Errorf("want %s\n got %s", want, got.Raw)
			}
		case x.Method == "tools/call": // the client's answer comes back in the text
			if !strings.Contains(result, `\"action\":`) {
				t.Errorf("%s: %s", request.Params.Name, got.Raw)
			}
		default:
			want := map[string]string{"tools/list": `"everything__echo"`, "prompts/list": `"everything__greet"`, "resources/list": `"test://static/1"`,
				"logging/setLevel": `{}`, "ping": `{}`}[x.Method]
			if want == "" || !strings.Contains(result, want) {
				t.Errorf("%s: %.300s", x.Method, got.Raw)
			}
		}
	}
	answers := map[string]int{}
	for _, m := range c.Received() {
		if m.Method == "" {
			answers[m.ID]++
		}
	}
	if len(answers) > len(exchanges) || slices.ContainsFunc(exchanges, func(x *mcptest.Exchange) bool { return answers[x.Got.ID] > 1 }) {
		t.Errorf("%d requests, answers by id %v", len(exchanges), answers)
	}
}
