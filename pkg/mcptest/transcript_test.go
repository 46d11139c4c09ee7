package mcptest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReadTranscript(t *testing.T) {
	tr, err := ReadTranscript("testdata/claude-code-2.1.330-print-mode.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var methods []string
	for _, e := range tr.ClientMessages() {
		methods = append(methods, unquote(member(e.Msg, "method")))
	}
	if want := []string{"server/discover", "initialize", "notifications/initialized", "tools/list", "prompts/list", "resources/list", "" /* roots */, "tools/call"}; !slices.Equal(methods, want) {
		t.Errorf("%q", methods)
	}
	if tr.Name != "claude-code-2.1.330-print-mode" || tr.Entries[0].Event != "spawned" || !slices.Contains(tr.Entries[0].EnvKeys, "PATH") || tr.Entries[1].At != 2*time.Millisecond {
		t.Errorf("%+v", tr.Entries[:2])
	}
	if tr.ContentLength() {
		t.Error("Claude Code writes lines")
	}
	tr, err = ReadTranscript("testdata/cline-cli-3.0.65-slow-server-2-content-length.jsonl")
	if err != nil || !tr.ContentLength() || len(tr.ClientMessages()) != 1 {
		t.Errorf("%+v %v", tr, err)
	}
	for _, bad := range []string{`{"t":1}`, `{"t":1,"dir":"c2s"}`, `{"dir":"up","msg":{}}`, `nonsense`} {
		path := filepath.Join(t.TempDir(), "bad.jsonl")
		if err := os.WriteFile(path, []byte("\n"+bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTranscript(path); err == nil || !strings.Contains(err.Error(), "bad.jsonl:2: ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// Every request of a recording gets an answer, and of the same kind where the
// scripted upstream has what was asked for.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		tr, err := ReadTranscript(path)
		if err != nil {
			t.Fatal(err)
		}
		var options []ClientOption
		if tr.ContentLength() {
			options = append(options, ContentLength())
		}
		c := Pipe(t, Server{}, options...)
		exchanges := Replay(t, c, tr)
		asked := 0
		for _, x := range exchanges {
			if x.Recorded == nil {
				continue
			}
			asked++
			if x.Got.Raw == nil || string(member(x.Got.Raw, "id")) != string(member(x.Request, "id")) {
				t.Errorf("%s: %s: got %s", tr.Name, x.Method, x.Got.Raw)
			}
			if recorded := member(x.Recorded, "error") == nil; recorded != (x.Got.Error == nil) && x.Method != "tools/call" {
				t.Errorf("%s: %s: %s in the recording, now %s", tr.Name, x.Method, x.Recorded, x.Got.Raw)
			}
		}
		if asked == 0 && !tr.ContentLength() {
			t.Errorf("%s: no request", tr.Name)
		}
		for _, e := range tr.ClientMessages() {
			if method := unquote(member(e.Msg, "method")); method != "" {
				if got := c.Tool("count", nil).Text(); !strings.Contains(got, `"`+method+`"`) {
					t.Errorf("%s: %s did not arrive: %s", tr.Name, method, got)
				}
			}
		}
	}
}

// What the client answered to the server in the recording, it answers again.
func TestReplayAnswersTheServer(t *testing.T) {
	tr, err := ReadTranscript("testdata/claude-code-2.1.330-elicitation-print-mode.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	c := Pipe(t, Server{})
	Replay(t, c, tr)
	if got := c.Tool("elicit", nil).Text(); !strings.Contains(got, `{"action":`) && !strings.Contains(got, `{"action": `) {
		t.Errorf("elicit: %s", got)
	}
}
