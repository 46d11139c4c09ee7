package upstream

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
)

// A server whose list fails has a reason, whatever the failure is, and a call to it is told the reason.
func TestListThatFails(t *testing.T) {
	for name, tc := range map[string]struct {
		answer string // to tools/list; "": none
		want   string
	}{
		"an error":                   {`,"error":{"code":-32603,"message":"fetch failed"}`, "fetch failed"},
		"an error without a message": {`,"error":{"code":-32603}`, "-32603"},
		"null":                       {`,"result":{"tools":null}`, `no list "tools"`},
		"no member":                  {`,"result":{}`, `no list "tools"`},
		"an object":                  {`,"result":{"tools":{"name":"t"}}`, `no list "tools"`},
		"a text":                     {`,"result":{"tools":"none"}`, `no list "tools"`},
		"an array":                   {`,"result":[]`, "tools/list"},
		"a number":                   {`,"result":7`, "tools/list"},
		"cut off":                    {`,"result":{"tools":[{"name":"t"`, "ends at byte"},
		"an answer never":            {"", "no answer to tools/list"},
		"another list's name":        {`,"result":{"prompts":[]}`, `no list "tools"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{capabilities: `"tools":{}`, answer: map[string]string{"tools/list": tc.answer}, mute: map[string]bool{"tools/list": tc.answer == ""}}
				in, w := newServer(t, s, func(spec *Spec) {
					spec.Admit = func(catalog.Kind, string, string) error { return nil }
				})
				in.Start()
				time.Sleep(2 * time.Minute) // every answer has come or will not come, several times
				st := in.Status()
				if st.State != Ready || st.Usable || st.Unlisted == nil {
					t.Fatalf("got %+v", st)
				}
				text := st.Unlisted.Error()
				for _, want := range []string{`server "x" runs, but its list of tools can't be read`, tc.want, "restart it", "its last words"} {
					if !strings.Contains(text, want) {
						t.Errorf("%q is not in %s", want, text)
					}
				}
				if strings.Count(text, `server "x"`) != 1 {
					t.Errorf("the server is named more than once: %s", text)
				}
				out := doTool(t, in, "t")
				if err := (<-out).err; !errors.Is(err, ErrNotListed) || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("the call: %v", err)
				}
				if w.listed == 0 {
					t.Error("the owner was told nothing")
				}
				s.mu.Lock()
				s.answer, s.mute = nil, nil
				s.mu.Unlock()
				time.Sleep(2 * time.Minute)
				if st := in.Status(); st.Unlisted != nil {
					t.Errorf("after it was mended: %v", st.Unlisted)
				}
			})
		})
	}
}

// A list of less importance that fails is told, and the server is of use; one that is only slow is not told of before its time.
func TestListThatIsOnlyTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{capabilities: `"tools":{},"prompts":{}`, refuse: map[string]bool{"prompts/list": true}}
		in, _ := newServer(t, s, nil)
		in.Start()
		time.Sleep(time.Minute)
		if st := in.Status(); !st.Usable || st.Unlisted == nil || !strings.Contains(st.Unlisted.Error(), "list of prompts") {
			t.Errorf("got %+v", st)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := &script{capabilities: `"tools":{}`, mute: map[string]bool{"tools/list": true}}
		in, _ := newServer(t, s, nil)
		in.Start()
		time.Sleep(settleMost - time.Millisecond)
		if st := in.Status(); st.Unlisted != nil {
			t.Errorf("it may still answer: %v", st.Unlisted)
		}
		time.Sleep(time.Second)
		if st := in.Status(); !errors.Is(st.Unlisted, ErrNoList) {
			t.Errorf("after %v: %v", settleMost+time.Second, st.Unlisted)
		}
		time.Sleep(listTimeout)
		if st := in.Status(); st.Unlisted == nil || errors.Is(st.Unlisted, ErrNoList) {
			t.Errorf("after the list was given up: %v", st.Unlisted)
		}
	})
}

// The reason of a crash is kept wherever it is written.
func TestBothEndsOfStderr(t *testing.T) {
	lines := func(n int, form string) (text string) {
		for i := range n {
			text += fmt.Sprintf(form+"\n", i)
		}
		return text
	}
	node := "/srv/index.js:2\nfunction deep() { throw e }\n                  ^\n\nError: THE REASON\n" + lines(12, "    at deep (/srv/index.js:%d:1)") +
		"{\n  code: 'E',\n  requireStack: [ '/a', '/b', '/c' ]\n}\n\nNode.js v24.1.0\n"
	for name, tc := range map[string]struct {
		stderr string
		want   []string
	}{
		"Node":                       {node, []string{"Error: THE REASON", "Node.js v24", "code: 'E'"}},
		"Node after a long log":      {lines(500, "listening %d") + node, []string{"listening 0", "Error: THE REASON", "Node.js v24"}},
		"Node and a bundled source":  {strings.Repeat("x", 50_000) + "\n" + node, []string{"Error: THE REASON", "Node.js v24"}},
		"Python":                     {"Traceback (most recent call last):\n" + lines(60, `  File "a.py", line %d`) + "KeyError: 'THE REASON'\n", []string{"Traceback", "KeyError: 'THE REASON'"}},
		"Go":                         {"panic: THE REASON\n\ngoroutine 1 [running]:\n" + lines(60, "\t/srv/main.go:%d"), []string{"panic: THE REASON", "main.go:59"}},
		"Rust after a log":           {lines(40, "info %d") + "thread 'main' panicked at src/main.rs:2:5:\nTHE REASON\n" + lines(9, "  %d: core::fn"), []string{"THE REASON", "info 0"}},
		"Java after a log":           {lines(40, "info %d") + "Exception in thread \"main\" java.lang.IllegalStateException: THE REASON\n" + lines(40, "\tat a.B.c(B.java:%d)"), []string{"THE REASON", "B.java:39"}},
		"npm":                        {"npm error code E404\nnpm error 404 THE REASON\n" + lines(30, "npm error log %d"), []string{"THE REASON", "log 29"}},
		"one that cleans up at last": {"config.json: THE REASON\n" + lines(30, "closing %d"), []string{"THE REASON", "closing 29"}},
		"a few lines":                {"one\ntwo\n", []string{"> one\n> two"}},
	} {
		got := tail(tc.stderr)
		for _, want := range tc.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in\n%s", name, want, got)
			}
		}
		if len(got) > 8000 {
			t.Errorf("%s: %d bytes", name, len(got))
		}
		for line := range strings.SplitSeq(got, "\n") {
			if !strings.HasPrefix(line, "> ") {
				t.Errorf("%s: the line %q is not marked as the server's", name, line)
			}
		}
	}
	if got := tail(" \n\n"); got != "" {
		t.Errorf("of nothing it makes %q", got)
	}
}
