package quarantine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// entryOf parses an entry of a configuration file.
func entryOf(t testing.TB, name, entry string) *config.Server {
	t.Helper()
	return configOf(t, "/c.json", `{"mcpServers":{"`+name+`":`+entry+`}}`).Server(name)
}

func configOf(t testing.TB, path, text string) *config.Config {
	t.Helper()
	c, err := config.Parse(path, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// workspaceEntry parses an entry of a workspace's file.
func workspaceEntry(t testing.TB, name, entry string) *config.Server {
	t.Helper()
	return configOf(t, "/c.json", `{"mcpServers":{}}`).WithWorkspace("/w/.mcpproxy/mcp_config.json", []byte(`{"mcpServers":{"`+name+`":`+entry+`}}`)).Server(name)
}

const plainEntry = `{"command":"x"}`

// live is what a server lists: tools as they are given, and whatever else with does.
func live(tools ...string) *catalog.Snapshot {
	s := &catalog.Snapshot{Taken: time.Now()}
	for k := range s.Items {
		s.Items[k] = [][]byte{}
	}
	for _, raw := range tools {
		s.Items[catalog.Tools] = append(s.Items[catalog.Tools], []byte(raw))
	}
	return s
}

// tool is a definition with a text and a schema.
func tool(name, text, schema string) string {
	return `{"name":"` + name + `","description":"` + text + `","inputSchema":` + schema + `}`
}

const (
	schemaA = `{"type":"object"}`
	schemaB = `{"type":"object","properties":{"x":{"type":"string"}}}`
	schemaC = `{"type":"object","properties":{"x":{"type":"string"}},"required":["x"]}`
)

// harmless finds nothing; suspicious finds by words of the definition.
func harmless(Item) scan.Severity { return scan.Info }

func suspicious(it Item) scan.Severity {
	switch {
	case strings.Contains(string(it.Raw), "EVIL"):
		return scan.Block
	case strings.Contains(string(it.Raw), "ODD"):
		return scan.Medium
	}
	return scan.Info
}

// approved is a record of a server whose tools are the baseline.
func approved(t testing.TB, s *config.Server, tools ...string) *Record {
	t.Helper()
	r := &Record{Config: s.Path, Server: s.Name}
	r.Baseline(s, "test")
	if !r.Learn(s, live(tools...), Whole, false, suspicious) || r.State(s) != Approved {
		t.Fatal("the baseline was not taken")
	}
	r.Outbox = nil
	return r
}

// shown are the descriptions of the tools that clients are shown, waits what waits and how.
func shown(r *Record) string {
	var out []string
	if s := r.Snapshot(); s != nil {
		for _, raw := range s.Items[catalog.Tools] {
			out = append(out, string(raw))
		}
	}
	return strings.Join(out, "\n")
}

func waits(r *Record) string {
	var out []string
	for _, w := range r.Waiting {
		how := "withheld"
		if w.Fits {
			how = "fits"
		}
		out = append(out, w.Name()+" "+how)
	}
	return strings.Join(out, ", ")
}

func admits(r *Record, raw string) bool {
	return r.Gate().Admits(Tool, catalog.Tools.ID([]byte(raw)), catalog.Digest([]byte(raw)))
}

func decisions(entries []Entry) string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Decision)
	}
	return strings.Join(out, " ")
}

func newBook(t testing.TB) *Book {
	t.Helper()
	return bookIn(t.TempDir() + "/state")
}

// bookIn is a book without a keyring, whose codes cost little.
func bookIn(dir string) *Book {
	b := NewBook(store.Open(dir))
	b.keys.keyring = func(func() (func(), error)) ([]byte, error) {
		return nil, errors.New("there is no keyring in this test")
	}
	b.CodeCost = 100
	return b
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
