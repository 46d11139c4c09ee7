package quarantine

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// asked makes a book with one server that waits, and a code for it.
func asked(t *testing.T) (b *Book, s *config.Server, digest, code string) {
	t.Helper()
	b, s = newBook(t), entryOf(t, "s", plainEntry)
	digest = (*Record)(nil).Proposal(s).Digest
	code = must(b.NewCode(s.Path, s.Name, digest))(t)
	if len(code) != 8 || strings.Trim(code, "0123456789") != "" {
		t.Fatalf("the code is %q", code)
	}
	return b, s, digest, code
}

func wrong(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

func TestCodeApprovesOnce(t *testing.T) {
	b, s, digest, code := asked(t)
	if got := must(b.Redeem(s, s.Path, strings.ToUpper(digest), code[:4]+" "+code[4:], "client", suspicious))(t); got != "inspect" {
		t.Error(got)
	}
	r := must(b.Read(s.Path, s.Name))(t)
	if r.State(s) != HeldDefinitions || r.Code != nil {
		t.Errorf("%s, %+v", r.State(s), r.Code)
	}
	if log := must(b.Log())(t); len(log) != 1 || log[0].How != "code" || log[0].By != "client" || log[0].Digest != strings.ToUpper(digest) {
		t.Errorf("logged %+v", log)
	}
	if _, err := b.Redeem(s, s.Path, digest, code, "", suspicious); !errors.Is(err, ErrNoCode) {
		t.Errorf("used twice: %v", err)
	}
}

// A code is used up by an approval that a finding stops, too.
func TestCodeIsUsedUp(t *testing.T) {
	b, s := newBook(t), entryOf(t, "s", plainEntry)
	must(b.Update(s.Path, s.Name, func(r *Record) error {
		*r = *approved(t, s, toolA)
		r.Learn(s, live(toolEvil), Part, false, suspicious)
		return nil
	}))(t)
	digest := must(b.Read(s.Path, s.Name))(t).Proposal(s).Digest
	code := must(b.NewCode(s.Path, s.Name, digest))(t)
	for _, want := range []error{ErrFindings, ErrNoCode} {
		if _, err := b.Redeem(s, s.Path, digest, code, "", suspicious); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

func TestCodeIsBurntAfterFiveTries(t *testing.T) {
	for tries := range codeTries + 1 {
		b, s, digest, code := asked(t)
		for range tries {
			if _, err := b.Redeem(s, s.Path, digest, wrong(code), "", suspicious); !errors.Is(err, ErrWrongCode) {
				t.Fatalf("a wrong code: %v", err)
			}
		}
		_, err := b.Redeem(s, s.Path, digest, code, "", suspicious)
		if tries < codeTries && err != nil || tries == codeTries && !errors.Is(err, ErrNoCode) {
			t.Errorf("after %d wrong ones: %v", tries, err)
		}
	}
}

func TestCodeIsForOneThing(t *testing.T) {
	b, s, digest, code := asked(t)
	other := entryOf(t, "other", plainEntry)
	changed := entryOf(t, "s", `{"command":"y"}`)
	for name, redeem := range map[string]func() (string, error){
		"another digest":  func() (string, error) { return b.Redeem(s, s.Path, strings.Repeat("0", 64), code, "", suspicious) },
		"another server":  func() (string, error) { return b.Redeem(other, s.Path, digest, code, "", suspicious) },
		"another file":    func() (string, error) { return b.Redeem(s, "/other.json", digest, code, "", suspicious) },
		"a changed entry": func() (string, error) { return b.Redeem(changed, s.Path, digest, code, "", suspicious) },
		"the one before": func() (string, error) {
			must(b.NewCode(s.Path, s.Name, digest))(t)
			return b.Redeem(s, s.Path, digest, code, "", suspicious)
		},
	} {
		if got, err := redeem(); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
	if r := must(b.Read(s.Path, s.Name))(t); r.State(s) != HeldLaunch {
		t.Error(r.State(s))
	}
}

func TestCodeExpires(t *testing.T) {
	for _, after := range []time.Duration{CodeLife - time.Second, CodeLife} {
		synctest.Test(t, func(t *testing.T) {
			b, s, digest, code := asked(t)
			time.Sleep(after)
			if _, err := b.Redeem(s, s.Path, digest, code, "", suspicious); errors.Is(err, ErrNoCode) != (after >= CodeLife) {
				t.Errorf("after %s: %v", after, err)
			}
		})
	}
}

// The state directory does not tell a code, and another store does not take it.
func TestCodeIsNotStored(t *testing.T) {
	b, s, digest, code := asked(t)
	filepath.WalkDir(b.store.Dir(), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if data, err := os.ReadFile(path); err != nil || bytes.Contains(data, []byte(code)) {
			t.Errorf("%s: %v, or it has the code", path, err)
		}
		return nil
	})
	stolen := must(b.Read(s.Path, s.Name))(t)
	other := newBook(t)
	must(other.Update(s.Path, s.Name, func(r *Record) error { *r = *stolen.Clone(); return nil }))(t)
	if _, err := other.Redeem(s, s.Path, digest, code, "", suspicious); !errors.Is(err, ErrWrongCode) {
		t.Errorf("a copied record: %v", err)
	}
}

func TestCodeIsRedeemedByOne(t *testing.T) {
	b, s, digest, code := asked(t)
	var won, lost atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			b := bookIn(b.store.Dir())
			switch _, err := b.Redeem(s, s.Path, digest, code, "", suspicious); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, ErrNoCode):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || lost.Load() != 19 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
	if log := must(b.Log())(t); decisions(log) != "inspect" {
		t.Errorf("logged %s", decisions(log))
	}
}

func TestChallengeParams(t *testing.T) {
	c := NewChallenge("my-server", "dd")
	var p struct {
		Mode    string
		Message string
		Schema  struct {
			Type       string
			Properties map[string]map[string]any
			Required   []string
		} `json:"requestedSchema"`
	}
	d := json.NewDecoder(bytes.NewReader(c.Params("line\n\"quoted\" \u202e \x00")))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatal(err)
	}
	if p.Message != "line\n\"quoted\" \u202e \x00" || p.Schema.Type != "object" || len(p.Schema.Properties) != 1 || len(p.Schema.Required) != 1 || p.Schema.Required[0] != field {
		t.Errorf("%+v", p)
	}
	for key, v := range p.Schema.Properties[field] {
		if key != "type" && key != "title" && key != "description" || key == "type" && v != "string" {
			t.Errorf("the field has %s: %v", key, v)
		}
	}
	if name, code, _ := strings.Cut(c.Text, " "); name != "my-server" || len(code) != 4 || strings.Trim(code, "0123456789") != "" {
		t.Errorf("to be typed: %q", c.Text)
	}
	seen := map[string]bool{}
	for range 50 {
		seen[NewChallenge("s", "").Text] = true
	}
	if len(seen) < 40 {
		t.Errorf("of 50 texts %d differ", len(seen))
	}
}

func TestChallengeCheck(t *testing.T) {
	at := time.Now()
	c := &Challenge{Text: "s 0123", Asked: at}
	for result, want := range map[string]error{
		`{"action":"accept","content":{"confirmation":"s 0123"}}`:                     nil,
		`{"content":{"\u0063onfirmation":"s \u0030123","x":1},"action":"accept"}`:     nil,
		`{"action":"accept","content":{}}`:                                            ErrNotPerson,
		`{"action":"accept"}`:                                                         ErrNotPerson,
		`{"action":"accept","content":null}`:                                          ErrNotPerson,
		`{"action":"accept","content":{"confirmation":""}}`:                           ErrNotPerson,
		`{"action":"accept","content":{"confirmation":"s"}}`:                          ErrNotPerson,
		`{"action":"accept","content":{"confirmation":"s 0123 "}}`:                    ErrNotPerson,
		`{"action":"accept","content":{"confirmation":"S 0123"}}`:                     ErrNotPerson,
		`{"action":"accept","content":{"confirmation":true}}`:                         ErrNotPerson,
		`{"action":"accept","content":{"confirmation":["s 0123"]}}`:                   ErrNotPerson,
		`{"action":"accept","content":{"confirmation":"s 0123","confirmation":"no"}}`: ErrNotPerson,
		`{"action":"accept","content":{"Confirmation":"s 0123"}}`:                     ErrNotPerson,
		`{"action":"accept","action":"decline","content":{"confirmation":"s 0123"}}`:  ErrNotPerson,
		`{"action":"ACCEPT","content":{"confirmation":"s 0123"}}`:                     ErrNotPerson,
		`{"content":{"confirmation":"s 0123"}}`:                                       ErrNotPerson,
		`{"action":"decline","content":{"confirmation":"s 0123"}}`:                    ErrDeclined,
		`{"action":"cancel"}`:                                                         ErrDeclined,
		`{}`:                                                                          ErrNotPerson,
		`null`:                                                                        ErrNotPerson,
		`[]`:                                                                          ErrNotPerson,
		``:                                                                            ErrNotPerson,
	} {
		if err := c.Check([]byte(result), at.Add(2*time.Second)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", result, err, want)
		}
	}
	right := []byte(`{"action":"accept","content":{"confirmation":"s 0123"}}`)
	for after, ok := range map[time.Duration]bool{0: false, 999 * time.Millisecond: false, time.Second: true, ChallengeLife: true, ChallengeLife + time.Second: false, -time.Hour: false} {
		if err := c.Check(right, at.Add(after)); (err == nil) != ok {
			t.Errorf("after %s: %v", after, err)
		}
	}
}
