package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/tailscale/hujson"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertVocabs()
	if err := compiler.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// fits tells what the schema says of a file; ok is false for one that is no JSON.
func fits(schema *jsonschema.Schema, text []byte) (fault error, ok bool) {
	plain, err := hujson.Standardize(bytes.Clone(text))
	if err != nil {
		return nil, false
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
	if err != nil {
		return nil, false
	}
	return schema.Validate(doc), true
}

// clean tells whether a file has nothing wrong with it.
func clean(c *Config) bool {
	for _, p := range c.Problems {
		if p.Severity == SeverityError {
			return false
		}
	}
	return true
}

// What an editor marks as wrong is wrong: the schema takes each file of testdata and of the README that Parse finds no error in, and each
// value of an option that it takes.
func TestSchemaTakesWhatIsRight(t *testing.T) {
	schema := compiledSchema(t)
	taken := 0
	check := func(name string, text []byte) {
		c, err := Parse(name, text)
		if err != nil || !clean(c) {
			return
		}
		if fault, ok := fits(schema, text); ok {
			taken++
			if fault != nil {
				t.Errorf("%s: %v\n%.300s", name, fault, text)
			}
		}
	}
	for _, dir := range []string{"testdata/golden", "../../testdata", "../cli/testdata"} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasPrefix(filepath.Ext(path), ".json") {
				var text []byte
				if text, err = os.ReadFile(path); err == nil {
					check(path, text)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```jsonc?\n(.*?)^```").FindAllSubmatch(readme, -1) {
		check("README.md", block[1])
	}
	for _, file := range optionFiles() {
		check("an option", []byte(file))
	}
	if taken < 500 {
		t.Errorf("only %d files were compared", taken)
	}
}

// optionFiles are files that have each option with values of all kinds.
func optionFiles() (files []string) {
	values := []string{`null`, `true`, `false`, `0`, `1`, `24`, `4000`, `1.5`, `""`, `"x"`, `"/a:/b:ro"`, `"90s"`, `"512m"`, `"ro"`, `"a b"`,
		`"${env:X}"`, `"https://h/p"`, `"lazy"`, `"auto"`, `"docker"`, `"none"`, `"always"`, `"browser"`, `"client_secret_post"`,
		`"streamable-http"`, `"oob"`, `[]`, `["a"]`, `[1]`, `{}`, `{"a": "b", "c": 1, "d": null}`, `{"a": {}}`, `["db:10.0.0.5"]`, `["/tmp"]`}
	each := func(names []string, before, after string) {
		for _, name := range names {
			for _, v := range values {
				files = append(files, before+`"`+name+`": `+v+after)
			}
		}
	}
	each(serverOptions.names(), `{"mcpServers": {"s": {"command": "npx", `, `}}}`)
	each(serverOptions.names(), `{"mcpServers": [{"name": "s", "protocol": "http", "url": "https://h", `, `}]}`)
	each(oauthOptions.names(), `{"mcpServers": {"s": {"url": "https://h", "oauth": {"client_id": "i", `, `}}}}`)
	each(isolationOptions.names(), `{"mcpServers": {"s": {"command": "npx", "isolation": {`, `}}}}`)
	each(append(isolationOptions.names(), "allow_none"), `{"mcpServers": [], "isolation": {`, `}}`)
	for _, name := range fileOptions.names() {
		if name != keySchema && name != keyInputs { // which may be anything, and then say nothing
			each([]string{name}, `{`, `}`)
		}
	}
	return files
}

// A value of a wrong type, or another word than those that an option can be, is marked.
func TestSchemaFindsWhatIsWrong(t *testing.T) {
	schema := compiledSchema(t)
	for _, text := range []string{
		`{"mcpServers": 1}`, `{"mcpServers": [{"command": "x"}]}`, `{"mcpServers": [1]}`, `{"mcpServers": {"s": "x"}}`,
		`{"mcpServers": {"s": {"command": 1}}}`, `{"mcpServers": {"s": {"args": "-y"}}}`, `{"mcpServers": {"s": {"args": [1]}}}`,
		`{"mcpServers": {"s": {"enabled": "yes"}}}`, `{"mcpServers": {"s": {"start": "always"}}}`, `{"servers": {"s": {"env": ["A"]}}}`,
		`{"mcpServers": {"s": {"env": {"A": []}}}}`, `{"mcpServers": {"s": {"tool_changes": "never"}}}`,
		`{"mcpServers": {"s": {"call_timeout": []}}}`, `{"mcpServers": {"s": {"isolation": "box"}}}`,
		`{"mcpServers": {"s": {"isolation": {"type": "box"}}}}`, `{"mcpServers": {"s": {"isolation": {"memori": 1}}}}`,
		`{"mcpServers": {"s": {"isolation": {"pull": "often"}}}}`, `{"mcpServers": {"s": {"isolation": {"mounts": "/a"}}}}`,
		`{"mcpServers": {"s": {"oauth": {"grant": "implicit"}}}}`, `{"mcpServers": {"s": {"oauth": {"redirect_port": 70000}}}}`,
		`{"mcpServers": {"s": {"oauth": "x"}}}`, `{"approval": "nobody"}`, `{"max_name_length": 65}`, `{"max_parallel_starts": 1.5}`,
		`{"first_list_wait": true}`, `{"isolation": {"allow_none": "yes"}}`,
	} {
		if fault, ok := fits(schema, []byte(text)); !ok || fault == nil {
			t.Errorf("the schema takes %s", text)
		}
		if c, err := Parse("c.json", []byte(text)); err == nil && clean(c) {
			t.Errorf("there is nothing wrong with %s", text)
		}
	}
}

// Every option is in the schema with its sentence, and its default where there is one.
func TestSchemaIsWhole(t *testing.T) {
	var schema struct {
		Properties map[string]any
		Defs       map[string]struct {
			Properties map[string]struct {
				Description string
				Default     any
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	for object, names := range map[string][]string{
		"server": serverOptions.names(), "oauth": oauthOptions.names(), "isolation": append(isolationOptions.names(), "allow_none"),
	} {
		for _, name := range names {
			if p := schema.Defs[object].Properties[name]; p.Description == "" || strings.ContainsAny(p.Description, "`¹") || strings.Contains(p.Description, "](") {
				t.Errorf("%s.%s: %q", object, name, p.Description)
			}
		}
	}
	for _, name := range fileOptions.names() {
		if schema.Properties[name] == nil {
			t.Errorf("%s is not there", name)
		}
	}
	if got := schema.Defs["server"].Properties["start_timeout"].Default; got != "1m0s" {
		t.Errorf("the default of start_timeout is %v", got)
	}
}
