package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// update writes golden files anew: go test ./pkg/config -run Golden -update.
var update = flag.Bool("update", false, "write golden files anew")

// golden compares text with a file of testdata/golden. Approvals are bound to what stands there.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	now, before := goldenBlocks(text), goldenBlocks(string(want))
	for name, block := range before {
		if now[name] != block {
			t.Errorf("%s: %s\nwas %s\nis  %s", path, name, block, now[name])
		}
	}
	for name := range now {
		if _, there := before[name]; !there {
			t.Errorf("%s has no %s", path, name)
		}
	}
}

// goldenBlocks are the paragraphs of a text by their first lines.
func goldenBlocks(text string) map[string]string {
	blocks := map[string]string{}
	for _, block := range strings.Split(text, "\n# ") {
		name, rest, _ := strings.Cut(block, "\n")
		blocks[name] = rest
	}
	return blocks
}

// goldenEntry is an entry, alone in a file in the object form, or in the array form.
type goldenEntry struct{ what, text string }

const (
	goldenStdio = `"command":"npx","args":["-y","${env:HOME}/x"]`
	goldenHTTP  = `"url":"https://h.example/p?k=v&t=${env:TOKEN}"`
)

// goldenEntries has every option in several values, one by one and together.
func goldenEntries(t *testing.T) []goldenEntry {
	var table struct { // values of each option, and whole entries
		Entry, OAuth, Isolation map[string][]json.RawMessage
		Foreign                 map[string][]json.RawMessage // of other clients' names for an option, where ours has others
		Whole                   map[string]json.RawMessage
	}
	data, err := os.ReadFile("testdata/golden/options.json")
	if err == nil {
		err = json.Unmarshal(data, &table)
	}
	if err != nil {
		t.Fatal(err)
	}
	all := []goldenEntry{{"stdio", "{" + goldenStdio + "}"}, {"http", "{" + goldenHTTP + "}"}}
	both := func(what, member string) {
		all = append(all, goldenEntry{what + " stdio", "{" + goldenStdio + "," + member + "}"})
		all = append(all, goldenEntry{what + " http", "{" + goldenHTTP + "," + member + "}"})
	}
	for _, o := range Options() {
		if len(table.Entry[o.Name]) == 0 {
			t.Errorf("the option %s has no value in this table", o.Name)
		}
		for _, value := range table.Entry[o.Name] {
			if o.Name == "command" || o.Name == "url" {
				all = append(all, goldenEntry{o.Name, `{"` + o.Name + `":` + string(value) + `}`})
				continue
			}
			both(o.Name, `"`+o.Name+`":`+string(value))
		}
	}
	for _, key := range oauthOptions.names() {
		if len(table.OAuth[key]) == 0 {
			t.Errorf("oauth.%s has no value in this table", key)
		}
		for _, value := range table.OAuth[key] {
			client := `"client_id":"i",`
			if key == "client_id" {
				client = ""
			}
			object := "{" + client + `"` + key + `":` + string(value) + "}"
			all = append(all, goldenEntry{"oauth." + key, "{" + goldenHTTP + `,"oauth":` + object + "}"})
		}
	}
	for _, key := range append(isolationOptions.names(), "allow_none") {
		if len(table.Isolation[key]) == 0 {
			t.Errorf("isolation.%s has no value in this table", key)
		}
		for _, value := range table.Isolation[key] {
			for _, kind := range []string{IsolationDocker, IsolationSandbox} {
				object := `{"type":"` + kind + `","` + key + `":` + string(value) + "}"
				if key == "type" {
					object = `{"type":` + string(value) + "}"
				}
				all = append(all, goldenEntry{"isolation." + key, "{" + goldenStdio + `,"isolation":` + object + "}"})
			}
		}
	}
	for _, s := range spellings {
		values := table.Foreign[s.key]
		if values == nil && s.option != "" {
			values = table.Entry[s.option]
		}
		if values == nil {
			values = []json.RawMessage{[]byte(`"x"`), []byte(`["x"]`), []byte("false")}
		}
		for _, value := range values {
			base := goldenStdio + ","
			switch s.option {
			case "command", "url":
				base = ""
			case "headers", "oauth":
				base = goldenHTTP + ","
			}
			all = append(all, goldenEntry{s.key, "{" + base + `"` + s.key + `":` + string(value) + "}"})
		}
	}
	for what, text := range table.Whole {
		all = append(all, goldenEntry{what, string(text)})
	}
	slices.SortStableFunc(all, func(a, b goldenEntry) int { return strings.Compare(a.what, b.what) })
	return all
}

// TestGoldenLaunches: what each entry comes to. Approvals are bound to the launch and its keys, instances to theirs.
func TestGoldenLaunches(t *testing.T) {
	var b strings.Builder
	for _, e := range goldenEntries(t) {
		fmt.Fprintf(&b, "\n# %s: %s\n", e.what, e.text)
		c, err := Parse("/c/c.json", []byte(`{"mcpServers":{"n":`+e.text+`}}`))
		describe(&b, c, err)
	}
	golden(t, "launches.txt", b.String())
}

// TestGoldenFiles: the same for whole files, our own and other clients', and of a workspace's.
func TestGoldenFiles(t *testing.T) {
	files := map[string][]byte{}
	archive, err := txtar.ParseFile("testdata/golden/files.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		files[f.Name] = f.Data
	}
	var b strings.Builder
	user, err := Parse("/c/c.json", []byte(`{"mcpServers":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data := files[name]
		fmt.Fprintf(&b, "\n# %s\n", name)
		c, err := Parse("/c/"+name, data)
		describe(&b, c, err)
		if err == nil && len(c.Servers) > 0 {
			fmt.Fprintf(&b, "\n# %s in a workspace\n", name)
			describe(&b, user.WithWorkspace("/w/.mcpproxy/mcp_config.json", data), nil)
		}
	}
	golden(t, "files.txt", b.String())
}

// describe writes what a file was read as: problems, launches and keys.
func describe(b *strings.Builder, c *Config, err error) {
	if err != nil {
		fmt.Fprintln(b, "error:", err)
		return
	}
	for _, p := range c.Problems {
		fmt.Fprintf(b, "%s: %s\n", p.Severity, p)
	}
	key := bytes.Repeat([]byte{7}, 32)
	fmt.Fprintf(b, "waits: %v starts: %v names: %v", c.FirstListWait, c.MaxStarts, c.MaxNameLength)
	fmt.Fprintf(b, " approval: %s, %s\n", c.Approval, c.ApprovalConfirm)
	for i, s := range c.Servers {
		fmt.Fprintf(b, "%s at %d:%d enabled: %v start: %s %v %v", s.Name, s.Line, s.Column, s.Enabled, s.Start, s.StartTimeout, s.StartWait)
		fmt.Fprintf(b, " call: %v idle: %v quarantined: %v changes: %s", s.CallTimeout, s.IdleTimeout, s.Quarantined, s.ToolChanges)
		fmt.Fprintf(b, " tools: %q without %q\n", s.EnabledTools, s.DisabledTools)
		for _, spelt := range s.Spelt {
			fmt.Fprintf(b, "  spelt: %s as %s\n", spelt.Option, spelt.As)
		}
		if s.Refused != "" {
			fmt.Fprintln(b, "  refused:", s.Refused)
		}
		fmt.Fprintf(b, "  launch: %s\n", s.Launch())
		if !bytes.Equal(s.LaunchShown(), s.Launch()) {
			fmt.Fprintf(b, "  shown: %s\n", s.LaunchShown())
		}
		written, err := json.Marshal(s.Written())
		if err != nil {
			written = []byte(err.Error())
		}
		fmt.Fprintf(b, "  written: %s\n", written)
		fmt.Fprintf(b, "  key: %s\n  keyed: %s\n", s.LaunchKey(), c.Keyed(key).Servers[i].LaunchKey())
		if l, err := s.Resolve(testResolver()); err != nil {
			fmt.Fprintln(b, "  unresolved:", err)
		} else {
			fmt.Fprintf(b, "  instance: %s\n", s.InstanceKey(l))
		}
	}
}
