package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// editText edits a text and returns the new one.
func editText(text string, change func(*Document) error) (string, error) {
	d, err := parseDocument("c.json", []byte(text))
	if err != nil {
		return "", err
	}
	if err := change(d); err != nil {
		return "", err
	}
	return string(d.Bytes()), nil
}

var npx = []Option{
	{"protocol", "stdio"}, {"command", "npx"}, {"args", []string{"-y", "a&b"}},
	{"env", []Var{{"Z", "1"}, {"A", "2"}}}, {"start_wait", 90 * time.Second}, {"quarantined", true},
}

func TestEditGolden(t *testing.T) {
	add := func(name string, options ...Option) func(*Document) error {
		return func(d *Document) error { return d.Add(name, options) }
	}
	set := func(name, key string, value any) func(*Document) error {
		return func(d *Document) error { return d.Set(name, key, value) }
	}
	remove := func(name string) func(*Document) error {
		return func(d *Document) error { return d.Remove(name) }
	}
	command := Option{"command", "x"}
	for _, tt := range []struct {
		what, before string
		change       func(*Document) error
		after        string
	}{
		{"add to nothing", "", add("n", npx...), `{
  "mcpServers": [
    {
      "name": "n",
      "protocol": "stdio",
      "command": "npx",
      "args": ["-y", "a&b"],
      "env": {
        "Z": "1",
        "A": "2"
      },
      "start_wait": "1m30s",
      "quarantined": true
    }
  ]
}
`},
		{"add below comments", "// mine", add("n", command), "// mine\n{\n  \"mcpServers\": [\n    {\n      \"name\": \"n\",\n      \"command\": \"x\"\n    }\n  ]\n}\n"},
		{"add to an array with a remark", `{
  // all of mine
  "mcpServers": [
    { "name": "a", "command": "y" } // first
    // { "name": "off" }
  ], /* end */
  "other": 1
}
`, add("n", command), `{
  // all of mine
  "mcpServers": [
    { "name": "a", "command": "y" }, // first
    {
      "name": "n",
      "command": "x"
    }
    // { "name": "off" }
  ], /* end */
  "other": 1
}
`},
		{"add behind a trailing comma, tabs, CRLF", "{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": {\"command\": \"y\"}, // why\r\n\t},\r\n}\r\n", add("n", command),
			"{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": {\"command\": \"y\"}, // why\r\n\t\t\"n\": {\r\n\t\t\t\"command\": \"x\"\r\n\t\t},\r\n\t},\r\n}\r\n"},
		{"add to an object of servers", `{"servers": {"a": {"command": "y"}}}`, add("n", command), `{"servers": {"a": {"command": "y"}, "n": {"command": "x"}}}`},
		{"add behind a bracket on the same line", "{\n  \"mcpServers\": [{\n    \"name\": \"a\"\n  }]\n}", add("n", command),
			"{\n  \"mcpServers\": [{\n    \"name\": \"a\"\n  }, {\n    \"name\": \"n\",\n    \"command\": \"x\"\n  }]\n}"},
		{"add where there is no list", "{\n    \"first_list_wait\": 1 // s\n}\n", add("n", command),
			"{\n    \"first_list_wait\": 1, // s\n    \"mcpServers\": [\n        {\n            \"name\": \"n\",\n            \"command\": \"x\"\n        }\n    ]\n}\n"},
		{"add to an emptied list", "{\n  \"mcpServers\": {\n    // none left\n  }\n}\n", add("n", command),
			"{\n  \"mcpServers\": {\n    // none left\n    \"n\": {\n      \"command\": \"x\"\n    }\n  }\n}\n"},
		{"add to null", "{\n  \"mcpServers\": null\n}\n", add("n", command),
			"{\n  \"mcpServers\": [\n    {\n      \"name\": \"n\",\n      \"command\": \"x\"\n    }\n  ]\n}\n"},
		{"set a value in place", "{\"mcpServers\": [{\"name\": \"a\", \"enabled\" : /* was on */ true , \"x\": 1}]}", set("a", "enabled", false),
			"{\"mcpServers\": [{\"name\": \"a\", \"enabled\" : /* was on */ false , \"x\": 1}]}"},
		{"set an equal value", "{\"mcpServers\": [{\"name\": \"a\", \"args\": [ \"x\" /* y */ ]}]}", set("a", "args", []string{"x"}),
			"{\"mcpServers\": [{\"name\": \"a\", \"args\": [ \"x\" /* y */ ]}]}"},
		{"set a new value", "{\n  \"mcpServers\": [\n    {\n      \"name\": \"a\" // it\n    }\n  ]\n}\n", set("a", "args", []string{"-y"}),
			"{\n  \"mcpServers\": [\n    {\n      \"name\": \"a\", // it\n      \"args\": [\"-y\"]\n    }\n  ]\n}\n"},
		{"set on one line", `{"mcpServers": {"a": {"command": "x"}}}`, set("a", "env", map[string]string{"A": "1"}),
			`{"mcpServers": {"a": {"command": "x", "env": {"A": "1"}}}}`},
		{"set an object keeps what is in it", `{"mcpServers": {"a": {"env": {
  "A": "1", // one
  // two
  "B": "2",
  "C": "3"
}}}}`, set("a", "env", []Var{{"A", "1"}, {"B", "x"}, {"D", "4"}}), `{"mcpServers": {"a": {"env": {
  "A": "1", // one
  // two
  "B": "x",
  "D": "4"
}}}}`},
		{"set through an alias", `{"mcpServers": {"a": {"disabled": false, "cwd": "/"}}}`, func(d *Document) error {
			return errors.Join(d.Set("a", "enabled", false), d.Set("a", "working_dir", "/w"))
		}, `{"mcpServers": {"a": {"disabled": true, "cwd": "/w"}}}`},
		{"unset", `{"mcpServers": {"a": {"command": "x", "quarantined": true}}}`, set("a", "quarantined", nil),
			`{"mcpServers": {"a": {"command": "x"}}}`},
		{"unset the first", "{\n  \"mcpServers\": {\n    \"a\": {\n      \"quarantined\": true, // why\n      \"command\": \"x\"\n    }\n  }\n}", set("a", "quarantined", nil),
			"{\n  \"mcpServers\": {\n    \"a\": {\n      \"command\": \"x\"\n    }\n  }\n}"},
		{"unset what is not there", `{"mcpServers": {"a": {}}}`, set("a", "url", nil), `{"mcpServers": {"a": {}}}`},
		{"remove the last", `{
  "mcpServers": [
    { "name": "a" }, // first
    // about b
    { "name": "b" } // second
  ]
}
`, remove("b"), `{
  "mcpServers": [
    { "name": "a" } // first
    // about b
  ]
}
`},
		{"remove the first", "{\"mcpServers\": {\"a\": {}, \"b\": {}}}", remove("a"), "{\"mcpServers\": {\"b\": {}}}"},
		{"remove in the middle", "{\"mcpServers\": [{\"name\": \"a\"}, {\"name\": \"b\"}, {\"name\": \"c\"}]}", remove("b"), "{\"mcpServers\": [{\"name\": \"a\"}, {\"name\": \"c\"}]}"},
		{"remove before a leading comma", "{\"mcpServers\": {\n  \"a\": {}\n  // about b\n  , \"b\": {}\n}}", remove("a"), "{\"mcpServers\": {\n  // about b\n   \"b\": {}\n}}"},
		{"remove the only one, CRLF", "{\r\n  \"mcpServers\": {\r\n    \"a\": {\r\n      \"command\": \"x\"\r\n    },\r\n  },\r\n}\r\n", remove("a"), "{\r\n  \"mcpServers\": {},\r\n}\r\n"},
		{"byte order mark", "\xef\xbb\xbf{\"mcpServers\": {\"a\": {}}}", remove("a"), "\xef\xbb\xbf{\"mcpServers\": {}}"},
	} {
		got, err := editText(tt.before, tt.change)
		if err != nil || got != tt.after {
			t.Errorf("%s: %v\ngot\n%s\nwant\n%s", tt.what, err, got, tt.after)
		}
		if _, err := Parse("c.json", []byte(got)); err != nil {
			t.Errorf("%s: %v", tt.what, err)
		}
	}
}

func TestEditRefuses(t *testing.T) {
	const text = `{"mcpServers": {"a": {"command": "x"}, "odd": 1}}`
	for _, tt := range []struct {
		want   string
		change func(*Document) error
	}{
		{"exists", func(d *Document) error { return d.Add("a", nil) }},
		{"backslash", func(d *Document) error { return d.Add(`a\b`, nil) }},
		{"no server", func(d *Document) error { return d.Set("b", "url", "x") }},
		{"no server", func(d *Document) error { return d.Remove("b") }},
		{"did you mean command", func(d *Document) error { return d.Set("a", "comand", "x") }},
		{"did you mean command", func(d *Document) error { return d.Add("b", []Option{{"comand", "x"}}) }},
		{"given twice", func(d *Document) error { return d.Add("b", []Option{{"command", "x"}, {"command", "x"}}) }},
		{"under its new name", func(d *Document) error { return d.Set("a", "name", "b") }},
		{"mend the file", func(d *Document) error { return d.Set("odd", "url", "x") }},
		{"in place of a value", func(d *Document) error { return d.Set("a", "env", map[string]any{"A": Redacted}) }},
		{"in place of a value", func(d *Document) error { return d.Set("a", "env", map[string]any{"A": Var{"A", "1"}}) }},
		{"not JSON", func(d *Document) error { return d.Set("a", "env", json.RawMessage(`{`)) }},
		{"not JSON", func(d *Document) error { return d.Set("a", "env", json.RawMessage(strings.Repeat("[", 1e6))) }},
		{"json", func(d *Document) error { return d.Set("a", "env", func() {}) }},
	} {
		if got, err := editText(text, tt.change); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("want %s: %v\n%s", tt.want, err, got)
		}
	}
}

// edited is a configuration file to Edit, with its own place for locks.
func edited(t *testing.T, text string) (path string, options EditOption) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "sub", "c.json")
	if text != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return path, LockDir(filepath.Join(dir, "locks"))
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEditCreatesTheFile(t *testing.T) {
	path, locks := edited(t, "")
	if err := Edit(path, func(d *Document) error { return d.Add("n", npx) }, locks); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil || len(c.Problems) > 0 || !c.Server("n").Quarantined || c.Server("n").StartWait != 90*time.Second {
		t.Fatalf("%v %v", c, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, _ := os.Stat(name); info.Mode().Perm() != want {
			t.Errorf("%s: %v", name, info.Mode())
		}
	}
}

func TestEditKeepsModeAndLink(t *testing.T) {
	path, locks := edited(t, `{"mcpServers": {"a": {"command": "x"}}}`)
	link := filepath.Join(t.TempDir(), "link.json")
	if err := os.Symlink(path, link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if err := Edit(link, func(d *Document) error { return d.Remove("a") }, locks); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Lstat(link); info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link became a file")
	}
	if got := read(t, path); got != `{"mcpServers": {}}` {
		t.Error(got)
	}
	if info, _ := os.Stat(path); runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v", info.Mode())
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestEditThatBreaksAnEntry(t *testing.T) {
	const text = `{"mcpServers": {"a": {"command": "x"}, "bad": {"command": 1}}}`
	path, locks := edited(t, text)
	var invalid *InvalidError
	err := Edit(path, func(d *Document) error { return d.Set("a", "url", "http://h/topsecret") }, locks)
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "a: has both command and url") || read(t, path) != text {
		t.Errorf("%v\n%s", err, read(t, path))
	}
	stop := errors.New("stop")
	if err := Edit(path, func(d *Document) error { d.Remove("a"); return stop }, locks); err != stop || read(t, path) != text {
		t.Errorf("%v\n%s", err, read(t, path))
	}
	// What was wrong before does not stand in the way.
	if err := Edit(path, func(d *Document) error { return d.Set("a", "enabled", false) }, locks); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte(`{`), 0o600); err != nil {
		t.Fatal(err)
	}
	var syntax *SyntaxError
	if err := Edit(path, func(d *Document) error { return nil }, locks); !errors.As(err, &syntax) {
		t.Error(err)
	}
}

func TestEditStartsOverWhenSavedMeanwhile(t *testing.T) {
	path, locks := edited(t, `{"mcpServers": {}}`)
	calls := 0
	err := Edit(path, func(d *Document) error {
		if calls++; calls == 1 {
			if err := os.WriteFile(path, []byte(`{"mcpServers": {"theirs": {"command": "y"}}}`), 0o600); err != nil {
				return err
			}
		}
		return d.Add("ours", []Option{{"command", "x"}})
	}, locks)
	if err != nil || calls != 2 {
		t.Fatal(calls, err)
	}
	if c, _ := Load(path); len(c.Servers) != 2 {
		t.Error(read(t, path))
	}
}

func TestConcurrentEdits(t *testing.T) {
	path, locks := edited(t, "")
	var wg sync.WaitGroup
	const n = 16
	for i := range n {
		wg.Go(func() {
			err := Edit(path, func(d *Document) error {
				return d.Add(fmt.Sprint("s", i), []Option{{"protocol", "stdio"}, {"command", "x"}})
			}, locks)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c, err := Load(path); err != nil || len(c.Servers) != n || len(c.Problems) > 0 {
		t.Errorf("%v\n%s", err, read(t, path))
	}
}
