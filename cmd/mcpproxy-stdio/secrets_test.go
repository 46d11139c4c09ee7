package main

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// What a reference gave to an argument or a command is a secret as well, in each form that a server quotes it in: in its own
// words, in the log, in an error.
func TestSecretsOfArguments(t *testing.T) {
	t.Parallel()
	mark := marked(t)
	const secret = `CANARY+7f/"31d" x&y`
	quoted, _ := json.Marshal(secret)
	forms := map[string]string{
		"raw": secret, "json": string(quoted), "query": url.QueryEscape(secret), "path": url.PathEscape(secret), "lower": strings.ToLower(url.PathEscape("/")) + url.PathEscape(secret),
		"base64": base64.StdEncoding.EncodeToString([]byte(secret)), "basic": base64.StdEncoding.EncodeToString([]byte("user:" + secret)),
	}
	log := filepath.Join(t.TempDir(), "log")
	h := newHome(t).set(entries{
		"says": entryOf(mcptest.Server{Name: "says", Mark: mark}, map[string]any{"args": []string{"-test.run=^$", "--key=${env:PLANTED}"}}),
		"none": withOptions(calm(mcptest.Server{Name: "none", Mark: mark}), map[string]any{"command": "/no/such/${env:PLANTED}"}),
	}, nil)
	c := h.run("", "", []string{"PLANTED=" + secret}, "--log-level", "trace", "--log-file", log)
	answers(t, c, "says")
	told := c.Tool("none__echo", map[string]any{"message": "x"})
	texts := map[string]string{"an error": string(told.Result) + string(told.Error)}
	for what, form := range forms {
		c.Tool("says__stderr", map[string]any{"text": "refused " + what + ": " + form + " end", "count": 1})
	}
	soon(t, 5*time.Second, "its words are there", func() bool {
		texts["its words"] = servers(c, "logs", map[string]any{"name": "says"}).Text()
		return strings.Count(texts["its words"], "end") >= len(forms)
	})
	crash := c.Tool("says__crash", map[string]any{"code": 3, "text": "refused: " + forms["query"] + " and " + forms["basic"]})
	texts["a crash"] = string(crash.Result) + string(crash.Error)
	c.Close()
	texts["the log"] = string(must(os.ReadFile(log)))
	if !strings.Contains(texts["the log"], "refused basic") {
		t.Error("the log does not have what the server said")
	}
	for where, text := range texts {
		for what, form := range forms {
			for _, form := range []string{form, strings.Trim(form, `"`)} {
				form = strings.TrimRight(form[:len(form)-1], "=") // the end of base64 is part of what follows
				encoded, _ := json.Marshal(form)
				if strings.Contains(text, form[len(form)-10:]) || strings.Contains(text, string(encoded[len(encoded)-12:len(encoded)-1])) {
					t.Errorf("%s holds it as %s: %q", where, what, text)
				}
			}
		}
		if strings.Contains(text, "CANARY") {
			t.Errorf("%s holds the secret: %q", where, text)
		}
	}
}

// A launch that is too long to be read in a form is not asked about in one: what a form cuts off would be approved unseen.
func TestLongQuestionIsNotAsked(t *testing.T) {
	t.Parallel()
	h := newHome(t).set(entries{"a": calm(mcptest.Server{Name: "a", Mark: marked(t)})}, nil)
	c := h.initialized(forms)
	c.List("tools/list")
	f := honest(c)
	h.set(entries{"a": calm(mcptest.Server{Name: "a"}), "long": withOptions(calm(mcptest.Server{Name: "long"}), map[string]any{"args": []string{strings.Repeat("padding ", 10_000), "--evil"}})}, nil)
	soon(t, 5*time.Second, "it is held", func() bool { return stateOf(t, c, "long") == "held_launch" })
	if out := approve(t, c, "long", nil); out.Status != "approval_required" || !strings.Contains(out.Why, "characters") || !strings.Contains(strings.Join(out.Ways, " "), "mcpproxy-stdio approve") {
		t.Errorf("%+v", out)
	}
	if n := len(f.all()); n != 0 {
		t.Errorf("asked %d times", n)
	}
}
