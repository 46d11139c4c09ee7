package quarantine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/secret"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// decided makes a book in which a person approved a server, and returns the server's record file.
func decided(t *testing.T) (b *Book, file string, approved []byte) {
	t.Helper()
	b, s := newBook(t), entryOf(t, "s", plainEntry)
	must(b.Update("/c.json", "s", func(r *Record) error {
		r.Baseline(s, "terminal")
		r.Learn(s, live(toolA), Whole, false, harmless)
		return nil
	}))(t)
	file = name(recordsDir, "/c.json", "s")
	return b, file, must(b.store.Read(file))(t)
}

func reject(t *testing.T, b *Book) {
	t.Helper()
	must(b.Update("/c.json", "s", func(r *Record) error { r.Reject(Means{}); return nil }))(t)
}

// What does not count is an empty record with the reason, in this process and in a new one.
func doubted(t *testing.T, what string, b *Book, reason string) {
	t.Helper()
	for _, b := range []*Book{b, bookIn(b.store.Dir())} {
		r, err := b.Read("/c.json", "s")
		if err != nil || r == nil || r.Doubt != reason || r.State(entryOf(t, "s", plainEntry)) != HeldLaunch || r.Launch != nil || len(r.Items) > 0 {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
		if err := b.Faulty(); err == nil {
			t.Errorf("%s: nothing is found", what)
		}
	}
}

// Faulty is an error if Verify finds a fault that is not harmless.
func (b *Book) Faulty() error {
	v, err := b.Verify()
	if err != nil {
		return err
	}
	for _, f := range v.Faults {
		if !f.Harmless {
			return fmt.Errorf("%s: %s", f.Where, f.What)
		}
	}
	return nil
}

func TestRecordsThatDoNotCount(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	byHand := &Record{Config: "/c.json", Server: "s"}
	byHand.Baseline(s, "terminal")
	byHand.First, byHand.Outbox = false, nil
	for what, attack := range map[string]struct {
		do     func(t *testing.T, b *Book, file string, approved []byte) error
		reason string
	}{
		"written by hand": {func(t *testing.T, b *Book, file string, _ []byte) error {
			reject(t, b)
			return b.store.Write(file, byHand.Encode())
		}, unsealedRecord},
		"changed by hand": {func(t *testing.T, b *Book, file string, approved []byte) error {
			return b.store.Write(file, bytes.Replace(approved, []byte("generation 1"), []byte("generation 2"), 1))
		}, unsealedRecord},
		"sealed elsewhere": {func(t *testing.T, b *Book, file string, _ []byte) error {
			return b.store.Write(file, newSealKey(fileKind, make([]byte, 32)).seal(file, byHand.Encode()))
		}, unsealedRecord},
		"of another server": {func(t *testing.T, b *Book, file string, approved []byte) error {
			reject(t, b)
			must(b.Update("/c.json", "other", func(r *Record) error { r.Baseline(s, "terminal"); return nil }))(t)
			other, err := b.store.Read(name(recordsDir, "/c.json", "other"))
			return errors.Join(err, b.store.Write(file, other))
		}, unsealedRecord},
		"an old one after a rejection": {func(t *testing.T, b *Book, file string, approved []byte) error {
			reject(t, b)
			return b.store.Write(file, approved)
		}, staleRecord},
		"an old one, and its log": {func(t *testing.T, b *Book, file string, approved []byte) error {
			log := must(b.store.Read(logName))(t)
			reject(t, b)
			return errors.Join(b.store.Write(file, approved), b.store.Write(logName, log))
		}, staleRecord},
		"an old one, and its index": {func(t *testing.T, b *Book, file string, approved []byte) error {
			index := must(b.store.Read(indexName))(t)
			reject(t, b)
			return errors.Join(b.store.Write(file, approved), b.store.Write(indexName, index))
		}, staleRecord},
		"an old one, and a log without the rejection": {func(t *testing.T, b *Book, file string, approved []byte) error {
			reject(t, b)
			lines := bytes.SplitAfter(must(b.store.Read(logName))(t), []byte("\n"))
			return errors.Join(b.store.Write(file, approved), b.store.Write(logName, bytes.Join(lines[:len(lines)-2], nil)), b.store.Remove(indexName))
		}, staleRecord},
		"the log removed": {func(t *testing.T, b *Book, file string, approved []byte) error {
			return errors.Join(b.store.Remove(logName), b.store.Remove(indexName))
		}, staleRecord},
		"the log without its seals": {func(t *testing.T, b *Book, file string, approved []byte) error {
			log := must(b.store.Read(logName))(t)
			lines := bytes.SplitAfter(log, []byte("\n"))
			for i, line := range lines {
				if j := bytes.Index(line, []byte(`,"prev"`)); j > 0 {
					lines[i] = append(bytes.Clone(line[:j]), "}\n"...)
				}
			}
			return errors.Join(b.store.Write(logName, bytes.Join(lines, nil)), b.store.Remove(indexName))
		}, staleRecord},
		"the key replaced": {func(t *testing.T, b *Book, file string, approved []byte) error {
			err := b.store.Write(keyFile, bytes.Repeat([]byte{1}, 32))
			b.keys.key = nil
			return err
		}, unsealedRecord},
	} {
		b, file, approved := decided(t)
		if err := b.Faulty(); err != nil {
			t.Fatalf("%s: before: %v", what, err)
		}
		if err := attack.do(t, b, file, approved); err != nil {
			t.Fatal(err)
		}
		doubted(t, what, b, attack.reason)
		// A new decision counts, and is logged.
		must(b.Update("/c.json", "s", func(r *Record) error { r.Baseline(s, "terminal"); return nil }))(t)
		if r := must(bookIn(b.store.Dir()).Read("/c.json", "s"))(t); r.State(s) != Approved || r.Doubt != "" {
			t.Errorf("%s: approved anew: %+v", what, r)
		}
	}
}

// A record of before the first look, put back after it, would make another first look the baseline.
func TestRecordOfBeforeTheFirstLook(t *testing.T) {
	b, s := newBook(t), entryOf(t, "s", plainEntry)
	file := name(recordsDir, "/c.json", "s")
	must(b.Update("/c.json", "s", func(r *Record) error { r.Baseline(s, "terminal"); return nil }))(t)
	before := must(b.store.Read(file))(t)
	must(b.Update("/c.json", "s", func(r *Record) error { r.Learn(s, live(toolA), Whole, false, harmless); return nil }))(t)
	if err := b.store.Write(file, before); err != nil {
		t.Fatal(err)
	}
	doubted(t, "before the first look", b, staleRecord)
}

// A record of before a policy was tightened, put back, would make the looser one count again.
func TestRecordOfBeforeAStricterPolicy(t *testing.T) {
	for _, entry := range []string{`{"command":"x","disabled_tools":["a"]}`, `{"command":"x","quarantined":true}`} {
		b, file, approved := decided(t)
		strict := entryOf(t, "s", entry)
		must(b.Update("/c.json", "s", func(r *Record) error { r.Tighten(strict); return nil }))(t)
		if err := b.store.Write(file, approved); err != nil {
			t.Fatal(err)
		}
		doubted(t, entry, b, staleRecord)
	}
}

// A removed record of a server that was decided on is not an empty one.
func TestRemovedRecord(t *testing.T) {
	b, file, _ := decided(t)
	if err := b.store.Remove(file); err != nil {
		t.Fatal(err)
	}
	r := must(b.Update("/c.json", "s", func(r *Record) error { r.Hold(); return nil }))(t)
	if r.Doubt != removedRecord {
		t.Errorf("%+v", r)
	}
}

func TestVerify(t *testing.T) {
	for what, c := range map[string]struct {
		change func(log string) string
		want   string // in the first fault
		line   int
	}{
		"as it is":         {func(log string) string { return log }, "", 0},
		"a word":           {func(log string) string { return strings.Replace(log, `"decision":"block"`, `"decision":"allow"`, 1) }, "seal of an entry is false", 1},
		"a line less":      {func(log string) string { l := strings.SplitAfter(log, "\n"); return l[0] + l[2] + l[3] }, "does not follow", 2},
		"a line twice":     {func(log string) string { l := strings.SplitAfter(log, "\n"); return l[0] + l[0] + l[1] + l[2] }, "does not follow", 2},
		"two changed over": {func(log string) string { l := strings.SplitAfter(log, "\n"); return l[0] + l[2] + l[1] + l[3] }, "does not follow", 2},
		"the last less":    {func(log string) string { l := strings.SplitAfter(log, "\n"); return l[0] + l[1] + l[2] }, "entries were removed", 0},
		"one by hand": {func(log string) string {
			return log + `{"id":"abcd","config":"/c.json","server":"s","decision":"approve"}` + "\n"
		}, "has no seal", 5},
		"a line cut short": {func(log string) string {
			l := strings.SplitAfter(log, "\n")
			return l[0] + `{"id":"ab` + "\n" + l[1] + l[2] + l[3]
		}, "crash", 2},
	} {
		b := newBook(t)
		for _, tool := range []string{"a", "b", "c", "d"} {
			must(b.Update("/c.json", "s", func(r *Record) error { r.Block(tool, Means{}); return nil }))(t)
		}
		log := b.store.Path(logName)
		if err := os.WriteFile(log, []byte(c.change(string(must(os.ReadFile(log))(t)))), 0o600); err != nil {
			t.Fatal(err)
		}
		v := must(bookIn(b.store.Dir()).Verify())(t)
		switch {
		case c.want == "" && (len(v.Faults) > 0 || v.Entries != 4 || v.Records != 1):
			t.Errorf("%s: %+v", what, v)
		case c.want == "":
		case len(v.Faults) == 0 || !strings.Contains(v.Faults[0].What, c.want) || v.Faults[0].Harmless != (c.want == "crash"):
			t.Errorf("%s: %+v", what, v)
		case c.line > 0 && !strings.HasSuffix(v.Faults[0].Where, fmt.Sprintf("approvals.log:%d", c.line)):
			t.Errorf("%s: %s", what, v.Faults[0].Where)
		}
	}
}

// A log of before the chain begins one, and a torn last line is ended.
func TestLogOfBeforeTheChain(t *testing.T) {
	b := newBook(t)
	old := `{"id":"0011","config":"/c.json","server":"s","decision":"approve"}` + "\n"
	if err := b.store.Write(logName, []byte(old+`{"id":"torn`)); err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"a", "b"} {
		must(b.Update("/c.json", "s", func(r *Record) error { r.Block(tool, Means{}); return nil }))(t)
	}
	v := must(b.Verify())(t)
	if v.Old != 1 || v.Entries != 2 || b.Faulty() != nil || len(v.Faults) != 1 {
		t.Errorf("%+v", v)
	}
	if got := decisions(must(b.Log())(t)); !strings.Contains(got, "approve") || !strings.Contains(got, "block block") {
		t.Errorf("logged %s", got)
	}
}

// ring is a keyring in memory.
type ring struct {
	mu   sync.Mutex
	key  []byte
	gone error
}

func (r *ring) get(lock func() (func(), error)) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone != nil {
		return nil, r.gone
	}
	if r.key == nil && lock == nil {
		return nil, secret.ErrNotFound
	}
	if r.key == nil {
		unlock, err := lock()
		if err != nil {
			return nil, err
		}
		defer unlock()
		r.key = bytes.Repeat([]byte{9}, 32)
	}
	return r.key, nil
}

func ringBook(dir string, r *ring) *Book {
	b := bookIn(dir)
	b.keys.keyring = r.get
	return b
}

func TestKeyring(t *testing.T) {
	s := entryOf(t, "s", plainEntry)
	approve := func(r *Record) error { r.Baseline(s, "terminal"); return nil }
	plain, file, _ := decided(t)
	dir, r := plain.store.Dir(), &ring{}
	// What was sealed with the file's key counts on when a keyring comes, and is sealed with its key.
	must(ringBook(dir, r).Update("/c.json", "other", approve))(t)
	if got := must(ringBook(dir, r).Read("/c.json", "s"))(t); got.State(s) != Approved || got.Doubt != "" {
		t.Errorf("after the keyring came: %+v", got)
	}
	if err := ringBook(dir, r).Faulty(); err != nil {
		t.Error(err)
	}
	if data := must(os.ReadFile(filepath.Join(dir, filepath.FromSlash(file))))(t); !strings.Contains(string(data), "\nseal keyring-") {
		t.Error("the record is not sealed with the keyring's key")
	}
	// From then on no other key counts.
	byHand := must(plain.keys.file())(t)
	if err := plain.store.Write(file, newSealKey(fileKind, byHand).seal(file, (&Record{Config: "/c.json", Server: "s", Launch: []byte("{}"), LaunchKey: s.LaunchKey()}).Encode())); err != nil {
		t.Fatal(err)
	}
	if got := must(ringBook(dir, r).Read("/c.json", "s"))(t); got.Doubt != unsealedRecord {
		t.Errorf("sealed with the file's key: %+v", got)
	}
	// Nor while the keyring is away: then nothing can be told.
	r.gone = errors.New("it is locked")
	b := ringBook(dir, r)
	for _, server := range []string{"s", "other"} {
		if got, err := b.Read("/c.json", server); !errors.Is(err, ErrKeyring) {
			t.Errorf("%s, without the keyring: %+v, %v", server, got, err)
		}
	}
	if _, err := b.Update("/c.json", "new", approve); !errors.Is(err, ErrKeyring) {
		t.Errorf("written without the keyring: %v", err)
	}
	if _, err := b.Verify(); !errors.Is(err, ErrKeyring) {
		t.Errorf("checked without the keyring: %v", err)
	}
	// And back again.
	r.gone = nil
	if got := must(ringBook(dir, r).Read("/c.json", "other"))(t); got.State(s) != Approved {
		t.Errorf("%+v", got)
	}
}

// Two processes that first use a keyring at the same time use the same key.
func TestKeyringOfSeveralProcesses(t *testing.T) {
	dir, r := store.Open(t.TempDir()+"/state").Dir(), &ring{}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if _, err := ringBook(dir, r).Update("/c.json", fmt.Sprint(i%3), func(r *Record) error { r.Block(fmt.Sprint(i), Means{}); return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if v := must(ringBook(dir, r).Verify())(t); len(v.Faults) > 0 || v.Entries != 8 || v.Records != 3 {
		t.Errorf("%+v", v)
	}
}

// The cost of a code, and that what is stored decides how it is checked.
func TestCodeCost(t *testing.T) {
	b := newBook(t)
	if NewBook(b.store).CodeCost != codeCost || codeCost < 1_000_000 {
		t.Error("codes cost less")
	}
	s := entryOf(t, "s", plainEntry)
	digest := (*Record)(nil).Proposal(s).Digest
	code := must(b.NewCode(s.Path, "s", digest))(t)
	b.CodeCost = 7
	if _, err := b.Redeem(s, s.Path, digest, code, "", harmless); err != nil {
		t.Error(err)
	}
}

func BenchmarkCode(b *testing.B) {
	key := newSealKey(fileKind, make([]byte, 32))
	for b.Loop() {
		hashCode(key, "12345678", &Code{Cost: codeCost})
	}
}

func BenchmarkRead(b *testing.B) {
	book := newBook(b)
	s := entryOf(b, "s", plainEntry)
	for i := range 50 {
		must(book.Update("/c.json", fmt.Sprint(i), func(r *Record) error {
			r.Baseline(s, "terminal")
			r.Learn(s, live(toolA), Whole, false, harmless)
			return nil
		}))(b)
	}
	for b.Loop() {
		fresh := bookIn(book.store.Dir())
		for i := range 50 {
			if r, err := fresh.Read("/c.json", fmt.Sprint(i)); err != nil || r.Doubt != "" {
				b.Fatal(r, err)
			}
		}
	}
}

// What a version before seals recorded allows nothing, but what it took away stays away: a blocked tool when all of the file is approved in
// one step, a rejected server by not being part of that step.
func TestRecordsWithoutSealKeepRestraints(t *testing.T) {
	b := newBook(t)
	c := configOf(t, "/c.json", `{"mcpServers":{"blocks":`+plainEntry+`,"refused":`+plainEntry+`,"added":`+plainEntry+`}}`)
	for name, change := range map[string]func(*Record){
		"blocks":  func(r *Record) { r.Baseline(c.Server("blocks"), "test"); r.Block("a", Means{}) },
		"refused": func(r *Record) { r.Reject(Means{}) },
		"added":   func(r *Record) { r.Hold() },
	} {
		r := &Record{Config: "/c.json", Server: name}
		change(r)
		if err := b.store.Write(fileOf(name), r.Encode()); err != nil {
			t.Fatal(err)
		}
	}
	old := []byte(`{"config":"/c.json","taken":"2026-11-23T00:00:00Z","approval":"oob"}` + "\n")
	if err := b.store.Write(baselineName("/c.json"), old); err != nil {
		t.Fatal(err)
	}
	if base := must(b.TakeBaseline(c, ""))(t); base.Doubt != oldBaseline || base.Approval != config.ApprovalOOB {
		t.Fatalf("%+v", base)
	}
	if err := b.store.Write(baselineName("/c.json"), bytes.Replace(old, []byte("oob"), []byte("off"), 1)); err != nil {
		t.Fatal(err)
	}
	if base := must(b.ReadBaseline("/c.json"))(t); base.Approval != config.ApprovalHuman {
		t.Errorf("nobody confirmed %s", base.Approval)
	}
	var whole []*config.Server
	for _, s := range c.Servers {
		r := must(b.Read("/c.json", s.Name))(t)
		if r.State(s) != HeldLaunch || r.Doubt != unsealedRecord {
			t.Errorf("%s is %s: %s", s.Name, r.State(s), r.Doubt)
		}
		if r.OfWholeFile(s) {
			whole = append(whole, s)
		}
	}
	if len(whole) != 1 || whole[0].Name != "blocks" {
		t.Fatalf("approved together: %v", whole)
	}
	if err := b.ApproveFile("/c.json", whole, Means{How: "terminal"}); err != nil {
		t.Fatal(err)
	}
	r := must(b.Read("/c.json", "blocks"))(t)
	if r.State(whole[0]) != Approved || !slices.Equal(r.Blocked, []string{"a"}) {
		t.Errorf("%s, blocked %v", r.State(whole[0]), r.Blocked)
	}
	if base := must(b.ReadBaseline("/c.json"))(t); base.Doubt != "" {
		t.Error(base.Doubt)
	}
}

func fileOf(server string) string { return name(recordsDir, "/c.json", server) }
