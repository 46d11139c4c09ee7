package builtin

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// All servers of a file that is doubted are approved by one question in the client's form, and by nothing else that a model can do.
func TestApproveAWholeFile(t *testing.T) {
	o := newOwn(t)
	ask := func(digest string) string {
		t.Helper()
		text, err := o.run(catalog.ApproveTool, `{"name":"*","digest":"`+digest+`","code":"12345678"}`)
		if err != nil {
			text = err.Error()
		}
		return text
	}
	if text := ask("x"); !strings.Contains(text, admin.ErrNotTogether.Error()) {
		t.Errorf("nothing is doubted: %s", text)
	}
	o.files.Doubt = func(*config.Config) string { return "somebody emptied the state directory" }
	if err := o.by.Host.Begin(); err != nil {
		t.Fatal(err)
	}
	list, err := o.run(catalog.ReviewTool, `{"operation":"list"}`)
	var waiting []Waiting
	if err != nil || json.Unmarshal([]byte(list), &waiting) != nil || waiting[0].Name != "*" || waiting[0].Pending != 1 {
		t.Fatalf("%v: %s", err, list)
	}
	digest := waiting[0].Digest
	denied := func(how, digest, why string) {
		t.Helper()
		text := ask(digest)
		if !strings.Contains(text, why) || strings.Contains(text, statusApproved+`"`) || o.state(t, "n") != string(quarantine.HeldLaunch) {
			t.Errorf("%s: %s", how, text)
		}
	}
	denied("nobody can be asked", digest, "mcpproxy-stdio approve --all")
	denied("another digest", strings.Repeat("0", 64), quarantine.ErrDigest.Error())
	asked := 0
	var answer error
	o.by.Ask = func(_ context.Context, q admin.Question) error {
		asked++
		c, text := challenge(q)
		if !strings.HasPrefix(c.Text, "all ") || !strings.Contains(text, " in one step, 1 server: ") || !strings.Contains(text, `"n": Runs c as you, not isolated.`) ||
			!strings.Contains(text, "because somebody emptied the state directory.") || strings.Contains(text, "held") {
			t.Errorf("the person types %q after reading\n%s", c.Text, text)
		}
		return answer
	}
	answer = quarantine.ErrNotPerson
	denied("the client answered by itself", digest, quarantine.ErrNotPerson.Error())
	answer = quarantine.ErrDeclined
	denied("declined", digest, quarantine.ErrDeclined.Error())
	denied("asked again", digest, "ask again after")
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	if err := o.files.Book.RefuseFile(o.files.Path, time.Now().Add(-quarantine.CoolDown)); err != nil {
		t.Fatal(err)
	}
	answer = nil
	if text := ask(digest); !strings.Contains(text, `"status": "approved"`) {
		t.Errorf("%s", text)
	}
	if n, held := o.state(t, "n"), o.state(t, "held"); n != "idle" || held != string(quarantine.HeldLaunch) {
		t.Errorf("n is %s, held is %s", n, held)
	}
	if text := ask(digest); !strings.Contains(text, admin.ErrNotTogether.Error()) {
		t.Errorf("once more: %s", text)
	}
}

// Where only a terminal approves, a model's request opens no question.
func TestApproveAWholeFileOutOfBand(t *testing.T) {
	o := newOwn(t)
	o.files.Doubt = func(*config.Config) string { return "doubt" }
	if err := o.by.Host.Begin(); err != nil {
		t.Fatal(err)
	}
	if err := o.files.Book.ConfirmApproval(o.files.Path, config.ApprovalOOB); err != nil {
		t.Fatal(err)
	}
	o.by.Ask = func(context.Context, admin.Question) error { t.Error("asked"); return nil }
	v, err := o.by.Host.View()
	if err != nil {
		t.Fatal(err)
	}
	text, err := o.run(catalog.ApproveTool, `{"name":"*","digest":"`+admin.WholeFileOf(v).Digest()+`"}`)
	if err != nil || !strings.Contains(text, admin.ErrOnlyTerminal.Error()) {
		t.Errorf("%s %v", text, err)
	}
}
