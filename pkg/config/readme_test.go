package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var updateReadme = flag.Bool("readme", false, "write the tables of options into the README")

// The README's tables of options are made from the descriptors: go test -run TestReadmeTables ./pkg/config -readme
func TestReadmeTables(t *testing.T) {
	const path = "../../README.md"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, table := range []struct{ above, head, rows string }{
		{"Of a server:", "| option | type | required | meaning |\n|---|---|---|---|\n", rows(serverOptions, true)},
		{"### The options of `oauth`", "| option | type | when to write it |\n|---|---|---|\n", rows(oauthOptions, false)},
		{"### The options of `isolation`", "| option | type | meaning |\n|---|---|---|\n", rows(isolationOptions, false)},
		{"### The options of the file", "| option | type | meaning |\n|---|---|---|\n", rows(fileOptions, false)},
	} {
		from := strings.Index(text, table.above)
		if from < 0 {
			t.Fatalf("the README has no %q", table.above)
		}
		from += strings.Index(text[from:], table.head) + len(table.head)
		to := from + strings.Index(text[from:], "\n\n") + 1
		if text[from:to] != table.rows {
			if !*updateReadme {
				t.Errorf("%s: the README's table is not what the options say; write it with -readme\nis\n%s\nshould be\n%s", table.above, text[from:to], table.rows)
			}
			text = text[:from] + table.rows + text[to:]
		}
	}
	if *updateReadme && text != string(data) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func rows[T any](all options[T], required bool) string {
	var b strings.Builder
	for _, o := range all {
		if o.top || !o.told() {
			continue // it has a sentence of its own
		}
		mark := ""
		if o.container {
			mark = " ¹"
		}
		fmt.Fprintf(&b, "| `%s`%s | %s | ", o.name, mark, o.typeName())
		switch {
		case required && o.required == "":
			b.WriteString("no | ")
		case required:
			b.WriteString(o.required + " | ")
		}
		b.WriteString(o.meaning + o.more + " |\n")
	}
	return b.String()
}

// told tells whether the option has a row: mcpServers and what stands beside it for other programs have none.
func (o *option[T]) told() bool {
	return !strings.HasPrefix(o.name, "$") && o.name != keyServers && o.name != keyServersVSCode && o.name != keyInputs
}
