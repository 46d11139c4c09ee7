package quarantine

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// TestUpdatesOfRealServers: of six real servers, each in two releases, nearly all tools can still be called after the update, and every
// difference is told.
func TestUpdatesOfRealServers(t *testing.T) {
	dir := os.Getenv("MCPPROXY_TEST_UPDATES")
	if dir == "" {
		if os.Getenv("MCPPROXY_TEST_NO_SKIP") != "" {
			t.Fatal("MCPPROXY_TEST_UPDATES must name the folder that testdata/updates was installed into")
		}
		t.Skip("needs Node and real servers: set MCPPROXY_TEST_UPDATES to a folder that testdata/updates was installed into")
	}
	all, callable := 0, 0
	for server, args := range map[string][]string{"chrome-devtools": nil, "context7": nil, "everything": {"stdio"}, "filesystem": {t.TempDir()}, "memory": nil, "thinking": nil} {
		was, now := released(t, dir, server+"-old", args), released(t, dir, server+"-new", args)
		s := entryOf(t, "s", plainEntry)
		r := approved(t, s, was...)
		r.Learn(s, live(now...), Whole, false, suspicious)
		told := map[string]bool{}
		for _, w := range r.Waiting {
			told[w.ID] = true
		}
		shownNow := map[string]bool{}
		for _, raw := range r.Snapshot().Items[catalog.Tools] {
			shownNow[catalog.Tools.ID(raw)] = true
		}
		for _, raw := range now {
			if !admits(r, raw) && !told[catalog.Tools.ID([]byte(raw))] {
				t.Errorf("%s: nobody is told of %s", server, catalog.Tools.ID([]byte(raw)))
			}
		}
		for _, raw := range was {
			id := catalog.Tools.ID([]byte(raw))
			if all++; shownNow[id] {
				callable++
			} else {
				t.Logf("%s: %s is held", server, id)
			}
		}
	}
	t.Logf("%d of %d tools can be called after the update", callable, all)
	if all < 50 || callable*100 < all*95 {
		t.Errorf("%d of %d tools can be called after the update", callable, all)
	}
}

// released is what a release of a server lists as its tools.
func released(t *testing.T, dir, name string, args []string) (tools []string) {
	t.Helper()
	folder := filepath.Join(dir, "node_modules", name)
	raw, err := os.ReadFile(filepath.Join(folder, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var of struct{ Bin map[string]string }
	if err := json.Unmarshal(raw, &of); err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(of.Bin)) // a server's own name is longer than that of a command beside it
	program := filepath.Join(folder, of.Bin[names[len(names)-1]])
	c := mcptest.StartCommand(t, []string{"CI=1", "MEMORY_FILE_PATH=" + filepath.Join(t.TempDir(), "memory.jsonl")}, "node", append([]string{program}, args...)...)
	c.Initialize(`{}`, "")
	for _, raw := range c.List("tools/list") {
		tools = append(tools, string(raw))
	}
	return tools
}
