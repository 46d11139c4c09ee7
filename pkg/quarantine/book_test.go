package quarantine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

func TestUpdatesAreNotLost(t *testing.T) {
	b := newBook(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			b := bookIn(b.store.Dir())
			for j := range 5 {
				if _, err := b.Update("/c", "s", func(r *Record) error { r.Block(fmt.Sprint(i, "-", j), Means{}); return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	r := must(b.Read("/c", "s"))(t)
	if len(r.Blocked) != 40 || len(r.Outbox) != 0 {
		t.Errorf("%d of 40 are there, %d not logged", len(r.Blocked), len(r.Outbox))
	}
	seen := map[string]bool{}
	for _, e := range must(b.Log())(t) {
		seen[e.ID] = true
	}
	if len(seen) != 40 {
		t.Errorf("%d of 40 are in the log", len(seen))
	}
}

func TestUpdate(t *testing.T) {
	b := newBook(t)
	if r, err := b.Read("/c", "s"); r != nil || err != nil {
		t.Fatalf("a record that is not there: %+v, %v", r, err)
	}
	failed := errors.New("no")
	if _, err := b.Update("/c", "s", func(r *Record) error { r.Tool = true; return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	if r := must(b.Update("/c", "s", func(r *Record) error { r.Tool = true; return ErrUnchanged }))(t); r == nil {
		t.Error("no record")
	}
	if r := must(b.Read("/c", "s"))(t); r != nil {
		t.Errorf("written: %+v", r)
	}
	// Each write is later than all before, those of a record that was removed included.
	last := uint64(0)
	for i := range 5 {
		r := must(b.Update("/c", "s", func(*Record) error { return nil }))(t)
		if r.Generation <= last {
			t.Errorf("write %d: generation %d after %d", i, r.Generation, last)
		}
		last = r.Generation
		if i == 2 {
			if err := os.RemoveAll(b.store.Dir()); err != nil {
				t.Fatal(err)
			}
		}
	}
	// One that can't be read is neither used nor replaced.
	path := b.store.Path(name(recordsDir, "/c", "s"))
	if err := os.WriteFile(path, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read("/c", "s"); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	if _, err := b.Update("/c", "s", func(*Record) error { return nil }); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
	if data, _ := os.ReadFile(path); string(data) != "rubbish" {
		t.Errorf("replaced by %q", data)
	}
	must(b.Update("/c", "other", func(*Record) error { return nil }))(t)
	if all, err := b.All(); len(all) != 1 || all[0].Server != "other" || !errors.Is(err, ErrFormat) {
		t.Errorf("%d records, %v", len(all), err)
	}
}

// A crash between the record and the log, or in the middle of the log, loses nothing and tells nothing twice.
func TestLogAfterACrash(t *testing.T) {
	b := newBook(t)
	block := func(tool string) {
		must(b.Update("/c", "s", func(r *Record) error { r.Block(tool, Means{}); return nil }))(t)
	}
	items := func() string {
		var all []string
		for _, e := range must(b.Log())(t) {
			all = append(all, e.Items[0].ID)
		}
		return strings.Join(all, " ")
	}
	block("one")
	record := name(recordsDir, "/c", "s")
	write := func(change func(r *Record)) {
		t.Helper()
		r := must(b.Read("/c", "s"))(t)
		change(r)
		key := must(b.keys.current(false))(t)
		if err := b.store.Write(record, key.seal(record, r.Encode())); err != nil {
			t.Fatal(err)
		}
	}
	write(func(r *Record) { r.Block("two", Means{}) }) // killed before the log
	if got := items(); got != "one two" {
		t.Errorf("in the record only: %s", got)
	}
	left := must(b.Read("/c", "s"))(t)
	block("three") // empties the outbox too
	if got := items(); got != "one two three" {
		t.Errorf("after the next decision: %s", got)
	}
	logged := must(b.Log())(t)
	write(func(r *Record) { r.Last, r.Outbox = left.Last, append(left.Outbox, logged[2]) }) // killed after the log
	if got := items(); got != "one two three" {
		t.Errorf("in both: %s", got)
	}
	log := b.store.Path(logName)
	data := must(os.ReadFile(log))(t)
	if err := os.WriteFile(log, append(data, data[:len(data)/5]...), 0o600); err != nil { // killed within a line
		t.Fatal(err)
	}
	block("four")
	if got := items(); got != "one two three four" {
		t.Errorf("after a line that was cut: %s", got)
	}
	if r := must(b.Read("/c", "s"))(t); len(r.Outbox) != 0 {
		t.Errorf("%d are not logged", len(r.Outbox))
	}
}

// world is a configuration file and a book.
type world struct {
	t    *testing.T
	book *Book
	path string
}

func newWorld(t *testing.T) *world {
	return &world{t, newBook(t), filepath.Join(t.TempDir(), "c.json")}
}

func (w *world) load(text string) *config.Config {
	w.t.Helper()
	if err := os.WriteFile(w.path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return must(config.Load(w.path))(w.t)
}

func (w *world) states(c *config.Config) string {
	w.t.Helper()
	var all []string
	for _, s := range c.Servers {
		all = append(all, string(must(w.book.Read(s.Path, s.Name))(w.t).State(s)))
	}
	return strings.Join(all, " ")
}

const (
	one = `{"mcpServers":{"a":{"command":"x"}}}`
	two = `{"approval":"host","mcpServers":{"a":{"command":"x"},"b":{"command":"y"},"c":{"command":"z","quarantined":true},"d":{"command":"w","enabled":false}}}`
)

func TestBaseline(t *testing.T) {
	w := newWorld(t)
	other := newWorld(t)
	if base := must(other.book.TakeBaseline(must(config.Load(other.path))(t), MissingFile))(t); base == nil || base.Doubt != MissingFile {
		t.Errorf("a file that is not there: %+v", base)
	}
	if c := other.load(one); must(other.book.TakeBaseline(c, ""))(t).Doubt != MissingFile || other.states(c) != "held_launch" {
		t.Errorf("a file that came later: %s", other.states(c))
	}
	c := w.load(two)
	base := must(w.book.TakeBaseline(c, ""))(t)
	if got := w.states(c); got != "approved approved held_launch approved" || base.Approval != config.ApprovalHuman || base.Config != c.Path {
		t.Errorf("%s, %+v", got, base)
	}
	before := must(w.book.Log())(t)
	// It is taken once: what comes later is to confirm, a changed launch and a looser policy included.
	later := w.load(`{"approval":"off","mcpServers":{"a":{"command":"x","args":["new"]},"b":{"command":"y","tool_changes":"auto"},"new":{"command":"n"}}}`)
	if base := must(w.book.TakeBaseline(later, ""))(t); base.Approval != config.ApprovalHuman {
		t.Errorf("%+v", base)
	}
	if got := w.states(later); got != "held_launch approved held_launch" {
		t.Error(got)
	}
	if r := must(w.book.Read(c.Path, "b"))(t); r.Effective(later.Server("b")).ToolChanges != config.ToolChangesReview {
		t.Error("a looser policy counts before it was confirmed")
	}
	if after := must(w.book.Log())(t); len(before) != 3 || len(after) != len(before) {
		t.Errorf("logged %s, then %s", decisions(before), decisions(after))
	}
	// A second file has its own.
	second := &world{t, w.book, filepath.Join(t.TempDir(), "c.json")}
	must(w.book.TakeBaseline(second.load(one), ""))(t)
	if got := second.states(second.load(one)); got != "approved" {
		t.Error(got)
	}
}

// Whoever removes the baseline gets none: records are left of it.
func TestRemovedBaseline(t *testing.T) {
	for what, change := range map[string]func(*Record) error{
		"looked at": func(r *Record) error { r.First, r.Taken = false, time.Now(); return nil },
		"refused":   func(r *Record) error { r.Reject(Means{}); return nil },
		"by a tool": func(r *Record) error { *r = Record{Config: r.Config, Server: r.Server, Tool: true}; return nil },
	} {
		w := newWorld(t)
		must(w.book.TakeBaseline(w.load(one), ""))(t)
		must(w.book.Update(w.path, "a", change))(t)
		if err := w.book.store.Remove(name("baselines", w.path)); err != nil {
			t.Fatal(err)
		}
		c := w.load(two)
		base := must(w.book.TakeBaseline(c, ""))(t)
		if got := w.states(c); base == nil || !strings.HasSuffix(got, "held_launch held_launch held_launch") {
			t.Errorf("%s: %s", what, got)
		}
	}
	// A first run that was killed in the middle is done again, and a change that was taken back leaves nothing.
	w := newWorld(t)
	c := w.load(two)
	w.book.update(c.Path, "a", func(r *Record) error { r.Baseline(c.Server("a"), "first run"); return nil })
	w.book.update(c.Path, "gone", func(*Record) error { return nil })
	must(w.book.TakeBaseline(c, ""))(t)
	if got := w.states(c); got != "approved approved held_launch approved" {
		t.Error(got)
	}
}

// A baseline that can't be read approves nothing, and confirms no policy.
func TestDamagedBaseline(t *testing.T) {
	for _, text := range []string{"", "{", `{"config":"/c"}`, `{"approval":"yes"}`, `{"approval":"OFF"}`} {
		w := newWorld(t)
		c := w.load(two)
		if err := w.book.store.Write(name("baselines", c.Path), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if base, err := w.book.ReadBaseline(c.Path); base != nil || err == nil || !strings.Contains(err.Error(), w.book.store.Dir()) {
			t.Errorf("%q: %+v, %v", text, base, err)
		}
		if base, err := w.book.TakeBaseline(c, ""); base != nil || err == nil {
			t.Errorf("%q: taken: %+v, %v", text, base, err)
		}
		if got := w.states(c); strings.Contains(got, "approved") {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestBaselineOfSeveralProcesses(t *testing.T) {
	w := newWorld(t)
	c := w.load(two)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			base, err := bookIn(w.book.store.Dir()).TakeBaseline(c, "")
			if err != nil || base == nil || base.Approval != config.ApprovalHuman {
				t.Errorf("%+v, %v", base, err)
			}
		})
	}
	all.Wait()
	if got := w.states(c); got != "approved approved held_launch approved" {
		t.Error(got)
	}
	if log := must(w.book.Log())(t); len(log) != 3 {
		t.Errorf("logged %s", decisions(log))
	}
}

func TestConfirmApproval(t *testing.T) {
	w := newWorld(t)
	must(w.book.TakeBaseline(w.load(one), ""))(t)
	for _, policy := range []string{config.ApprovalOff, config.ApprovalOff, config.ApprovalOOB} {
		if err := w.book.ConfirmApproval(w.path, policy); err != nil {
			t.Fatal(err)
		}
		if base := must(w.book.ReadBaseline(w.path))(t); base.Approval != policy || base.Config != w.path {
			t.Errorf("%+v", base)
		}
	}
	if got := decisions(must(w.book.Log())(t)); got != "baseline policy policy" {
		t.Errorf("logged %s", got)
	}
}
