package quarantine

import (
	"os"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// A record that was removed leaves its reason, whoever reads next; one that had no decision in it, and the log removed with it, leave none.
func TestRecordsRemoved(t *testing.T) {
	server := &config.Server{Name: "s", Protocol: config.ProtocolStdio, Command: "x", Path: "/c"}
	record := name(recordsDir, "/c", "s")
	for what, tt := range map[string]struct {
		change func(*Record) error
		remove []string
		doubt  string
	}{
		"approved":                   {func(r *Record) error { r.Baseline(server, "first run"); return nil }, []string{record}, removedRecord},
		"rejected":                   {func(r *Record) error { r.Reject(Means{How: "terminal"}); return nil }, []string{record}, removedRecord},
		"with a tool blocked":        {func(r *Record) error { r.Block("t", Means{}); return nil }, []string{record}, removedRecord},
		"with all other records":     {func(r *Record) error { r.Baseline(server, "first run"); return nil }, []string{recordsDir}, removedRecord},
		"of which nothing is logged": {func(r *Record) error { r.Seen = true; return nil }, []string{record}, ""},
		"with log and index":         {func(r *Record) error { r.Baseline(server, "first run"); return nil }, []string{record, logName, indexName}, ""},
	} {
		b := newBook(t)
		must(b.Update("/c", "s", tt.change))(t)
		for _, file := range tt.remove {
			os.RemoveAll(b.store.Path(file))
		}
		r := must(bookIn(b.store.Dir()).Read("/c", "s"))(t)
		switch {
		case tt.doubt == "" && r != nil:
			t.Errorf("%s: %+v", what, r)
		case tt.doubt != "" && (r == nil || r.Doubt != tt.doubt || r.State(server) != HeldLaunch || r.Launch != nil):
			t.Errorf("%s: %+v", what, r)
		}
	}
}

// What a first run took for the person's own is taken back with its reason, and one approval covers all of it again.
func TestDoubtFile(t *testing.T) {
	b := newBook(t)
	c := &config.Config{Path: "/c", Exists: true, Approval: config.ApprovalHuman, Servers: []*config.Server{
		{Name: "a", Protocol: config.ProtocolStdio, Command: "x", Path: "/c", Enabled: true},
		{Name: "q", Protocol: config.ProtocolStdio, Command: "x", Path: "/c", Enabled: true, Quarantined: true},
	}}
	must(b.TakeBaseline(c, ""))(t)
	if r := must(b.Read("/c", "a"))(t); r.State(c.Servers[0]) != Approved {
		t.Fatalf("after the first run: %+v", r)
	}
	for range 2 {
		if err := b.DoubtFile(c, "it lies in the folder"); err != nil {
			t.Fatal(err)
		}
	}
	if base := must(b.ReadBaseline("/c"))(t); base.Doubt != "it lies in the folder" {
		t.Errorf("%+v", base)
	}
	r := must(b.Read("/c", "a"))(t)
	if !r.OfWholeFile(c.Servers[0]) || r.Doubt != "" {
		t.Errorf("%+v", r)
	}
	last := must(b.Log())(t)
	if e := last[len(last)-1]; e.Decision != "revoke" || !strings.Contains(e.How, "folder") {
		t.Errorf("the log ends with %+v", e)
	}
	if err := b.ApproveFile("/c", c.Servers, Means{How: "terminal"}); err != nil {
		t.Fatal(err)
	}
	if r := must(b.Read("/c", "a"))(t); r.State(c.Servers[0]) != Approved {
		t.Errorf("after one approval: %+v", r)
	}
}
